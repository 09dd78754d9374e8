-- mail: what is to be sent, was sent, or could not be. Owner: domain/message.
-- state 1 queued, 2 sent, 3 failed, 4 test. Address and contents are sealed ("mail|to|<id>" ...); the contents go when
-- the mail is settled. next_at is also the end of a lease: a taken mail that nobody settles is due again then.
CREATE TABLE mail(
    id       BIGINT PRIMARY KEY,
    person   BIGINT,
    kind     TEXT   NOT NULL,
    lang     TEXT   NOT NULL,
    to_index BYTES  NOT NULL,
    to_box   BYTES  NOT NULL,
    subject  BYTES,
    plain    BYTES,
    html     BYTES,
    state    BIGINT NOT NULL,
    tries    BIGINT NOT NULL,
    next_at  BIGINT NOT NULL,
    lease    BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    code     BIGINT NOT NULL,
    reason   TEXT   NOT NULL,
    answer   TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    settled  BIGINT
) STRICT;
CREATE INDEX mail_due ON mail(state, next_at, id);
CREATE INDEX mail_person ON mail(person, id);
CREATE INDEX mail_to ON mail(to_index, id);
