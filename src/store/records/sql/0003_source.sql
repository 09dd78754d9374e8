CREATE TABLE source (
    id             BIGINT PRIMARY KEY NOT NULL,
    number         BIGINT NOT NULL UNIQUE,
    name           TEXT   NOT NULL UNIQUE,
    kind           BIGINT NOT NULL,
    consent        BIGINT NOT NULL,
    consent_reason TEXT   NOT NULL,
    test           BIGINT NOT NULL,
    archived       BIGINT NOT NULL,
    public_key     TEXT   NOT NULL UNIQUE,
    secret_hash    BYTES  NOT NULL UNIQUE,
    created        BIGINT NOT NULL
) STRICT;
