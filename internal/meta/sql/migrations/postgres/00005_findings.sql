-- The SQLite file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- Ids are never used again where something outside of a transaction names them.
CREATE TABLE components (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    module  TEXT COLLATE "C" NOT NULL,
    judged  BOOLEAN NOT NULL,
    UNIQUE (release, name, version, module)
);

-- used_at is when it was last indexed, give or take an hour.
CREATE TABLE indexed_inventories (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL UNIQUE,
    used_at BIGINT NOT NULL
);

CREATE TABLE inventory_components (
    inventory_id BIGINT NOT NULL REFERENCES indexed_inventories (id),
    component_id BIGINT NOT NULL REFERENCES components (id),
    PRIMARY KEY (inventory_id, component_id)
);
CREATE INDEX inventory_components_component ON inventory_components (component_id, inventory_id);

-- A row never changes: another problem is another row. print is of what counts
-- when problems are compared; the body is JSON, compressed.
CREATE TABLE problems (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    component_id  BIGINT NOT NULL REFERENCES components (id),
    vulnerability TEXT COLLATE "C" NOT NULL,
    place         SMALLINT NOT NULL,
    print         BIGINT NOT NULL,
    modified      BIGINT NOT NULL,
    body          BYTEA NOT NULL,
    UNIQUE (component_id, vulnerability, place)
);

CREATE TABLE problem_changes (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    component_id  BIGINT NOT NULL,
    vulnerability TEXT COLLATE "C" NOT NULL,
    done          BIGINT NOT NULL,
    UNIQUE (component_id, vulnerability)
);

-- Findings name their account by number.
CREATE TABLE covered_accounts (
    id   INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

-- It outlives its image and its repository. tags and pulled_at are what they
-- were when the image was deleted; before that the image itself tells.
CREATE TABLE coverage (
    id                BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id        INTEGER NOT NULL REFERENCES covered_accounts (id),
    repository_id     BIGINT NOT NULL,
    repository        TEXT COLLATE "C" NOT NULL,
    digest            TEXT COLLATE "C" NOT NULL,
    inventory_id      BIGINT REFERENCES indexed_inventories (id),
    due_at            BIGINT NOT NULL,
    gone_at           BIGINT NOT NULL,
    frequency         TEXT COLLATE "C" NOT NULL,
    code              TEXT COLLATE "C" NOT NULL,
    reason            TEXT COLLATE "C" NOT NULL,
    scan_status       TEXT COLLATE "C" NOT NULL,
    description       TEXT COLLATE "C" NOT NULL,
    architecture      TEXT COLLATE "C" NOT NULL,
    author            TEXT COLLATE "C" NOT NULL,
    platform          TEXT COLLATE "C" NOT NULL,
    media_type        TEXT COLLATE "C" NOT NULL,
    enrolled_at       BIGINT NOT NULL,
    first_scanned_at  BIGINT NOT NULL,
    last_scanned_at   BIGINT NOT NULL,
    source_updated_at BIGINT NOT NULL,
    pushed_at         BIGINT NOT NULL,
    pulled_at         BIGINT NOT NULL,
    tags              TEXT COLLATE "C" NOT NULL, -- JSON array
    layers            BYTEA NOT NULL,
    UNIQUE (digest, repository_id)
);
CREATE INDEX coverage_account    ON coverage (account_id, id);
CREATE INDEX coverage_named      ON coverage (account_id, repository, id);
CREATE INDEX coverage_pushed     ON coverage (account_id, pushed_at, id);
CREATE INDEX coverage_repository ON coverage (repository_id, id);
CREATE INDEX coverage_inventory  ON coverage (inventory_id, id, gone_at, code) WHERE inventory_id IS NOT NULL;
CREATE INDEX coverage_due        ON coverage (due_at, id) WHERE due_at > 0;
CREATE INDEX coverage_expired    ON coverage (repository_id, digest) WHERE reason = 'SCAN_ELIGIBILITY_EXPIRED' AND gone_at = 0;
CREATE INDEX coverage_gone       ON coverage (gone_at) WHERE gone_at > 0;

-- Words are numbers here that sort like what they stand for. -1 is a score that
-- nobody has given.
CREATE TABLE findings (
    id                BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    coverage_id       BIGINT NOT NULL REFERENCES coverage (id),
    first_observed_at BIGINT NOT NULL,
    last_observed_at  BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    closed_at         BIGINT NOT NULL,
    score             DOUBLE PRECISION NOT NULL,
    epss              DOUBLE PRECISION NOT NULL,
    account_id        INTEGER NOT NULL,
    status            SMALLINT NOT NULL,
    severity          SMALLINT NOT NULL,
    fix               SMALLINT NOT NULL,
    exploit           BOOLEAN NOT NULL,
    vulnerability     TEXT COLLATE "C" NOT NULL,
    uid               BYTEA NOT NULL,
    vendor            TEXT COLLATE "C" NOT NULL,
    revision          TEXT COLLATE "C" NOT NULL,
    suppression       TEXT COLLATE "C" NOT NULL -- JSON object, empty when there is none
);
-- A uid is of a coverage and a vulnerability, so that it keeps those apart, too.
CREATE UNIQUE INDEX findings_uid    ON findings (uid);
CREATE INDEX findings_account       ON findings (account_id, id);
CREATE INDEX findings_severity      ON findings (account_id, severity, id, status);
-- With what is counted, so that counting reads no rows.
CREATE INDEX findings_image         ON findings (coverage_id, severity, status, account_id, vulnerability);
CREATE INDEX findings_vulnerability ON findings (account_id, vulnerability, id, severity, status);
CREATE INDEX findings_closed        ON findings (closed_at) WHERE closed_at > 0;

-- What a rematch or a purge has replaced is cleaned up soon.
ALTER TABLE findings        SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
ALTER TABLE coverage        SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
ALTER TABLE problem_changes SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
