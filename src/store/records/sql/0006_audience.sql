-- audience: people meant by an expression, with a name. Owner: domain/audience. kind 1 live, 2 frozen. counted: when
-- its people were last counted as a whole; 0: never yet.
CREATE TABLE audience (
    id         BIGINT PRIMARY KEY NOT NULL,
    name       TEXT   NOT NULL UNIQUE,
    kind       BIGINT NOT NULL,
    expression TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    changed    BIGINT NOT NULL,
    members    BIGINT NOT NULL,
    counted    BIGINT NOT NULL
) STRICT;
-- The segments that an expression names.
CREATE TABLE audience_use (
    audience BIGINT NOT NULL REFERENCES audience(id),
    uses     BIGINT NOT NULL REFERENCES audience(id),
    PRIMARY KEY (audience, uses)
) STRICT;
CREATE INDEX audience_use_uses ON audience_use(uses);
-- A person's time in one; gone 0: still there. The person is the root actor of that time.
CREATE TABLE audience_stay (
    audience BIGINT NOT NULL REFERENCES audience(id),
    gone     BIGINT NOT NULL,
    actor    BYTES  NOT NULL,
    entered  BIGINT NOT NULL,
    PRIMARY KEY (audience, gone, actor)
) STRICT;
CREATE INDEX audience_stay_actor ON audience_stay(actor, audience);
