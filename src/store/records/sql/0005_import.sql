CREATE TABLE import (
    id       BIGINT PRIMARY KEY NOT NULL,
    source   BIGINT NOT NULL REFERENCES source(id),
    name     TEXT   NOT NULL,
    hash     BYTES  NOT NULL,
    hashed   BIGINT NOT NULL,
    format   TEXT   NOT NULL,
    map      TEXT   NOT NULL,
    head     TEXT   NOT NULL,
    done     BIGINT NOT NULL,
    line     BIGINT NOT NULL,
    kept     BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    changed  BIGINT NOT NULL
) STRICT;
CREATE INDEX import_source ON import(source, id);
