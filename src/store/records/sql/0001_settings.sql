-- setting: what is configured in the console and not in liuke.conf. Owner: store/records/setting.
CREATE TABLE setting(
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- outbox: what the rest of the system should hear of, written in the transaction of its cause and moved to
-- the event log by a job, in order of id per person.
CREATE TABLE outbox(
    id     BIGINT PRIMARY KEY,
    person BIGINT,
    kind   TEXT   NOT NULL,
    body   TEXT   NOT NULL,
    at     BIGINT NOT NULL
) STRICT;

-- position: how far a consumer of the event log has come, written in the transaction of its effect.
CREATE TABLE position(
    consumer TEXT   PRIMARY KEY,
    pos      BIGINT NOT NULL
) STRICT;
