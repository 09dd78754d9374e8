CREATE TABLE person (
    id      BIGINT PRIMARY KEY NOT NULL,
    state   BIGINT NOT NULL,
    created BIGINT NOT NULL,
    lang    TEXT   NOT NULL,
    form    TEXT   NOT NULL
) STRICT;
CREATE TABLE person_field (
    person  BIGINT NOT NULL REFERENCES person(id),
    kind    TEXT   NOT NULL,
    sealed  BYTES  NOT NULL,
    blind   BYTES,
    proven  BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (person, kind),
    UNIQUE (kind, blind)
) STRICT;
CREATE TABLE person_actor (
    actor   BYTES PRIMARY KEY NOT NULL,
    person  BIGINT NOT NULL REFERENCES person(id),
    since   BIGINT NOT NULL
) STRICT;
CREATE INDEX person_actor_person ON person_actor(person);
CREATE TABLE identity_code (
    id      BIGINT PRIMARY KEY NOT NULL,
    address BYTES  NOT NULL,
    sealed  BYTES  NOT NULL,
    hash    BYTES  NOT NULL,
    client  BYTES  NOT NULL,
    anon    BYTES,
    tries   BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL
) STRICT;
CREATE INDEX identity_code_address ON identity_code(address, id);
CREATE INDEX identity_code_client ON identity_code(client, id);
CREATE TABLE consent (
    id        BIGINT PRIMARY KEY NOT NULL,
    person    BIGINT NOT NULL REFERENCES person(id),
    purpose   TEXT   NOT NULL,
    granted   BIGINT NOT NULL,
    policy    TEXT   NOT NULL,
    text_hash BYTES  NOT NULL,
    wording   TEXT   NOT NULL,
    form      TEXT   NOT NULL,
    lang      TEXT   NOT NULL,
    client    BYTES  NOT NULL
) STRICT;
CREATE INDEX consent_person ON consent(person, id);
