-- The PostgreSQL file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- Ids are never used again where something outside of a transaction names them.
CREATE TABLE components (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    release TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    version TEXT    NOT NULL,
    module  TEXT    NOT NULL,
    judged  INTEGER NOT NULL,
    UNIQUE (release, name, version, module)
) STRICT;

-- used_at is when it was last indexed, give or take an hour.
CREATE TABLE indexed_inventories (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL UNIQUE,
    used_at INTEGER NOT NULL
) STRICT;

CREATE TABLE inventory_components (
    inventory_id INTEGER NOT NULL REFERENCES indexed_inventories (id),
    component_id INTEGER NOT NULL REFERENCES components (id),
    PRIMARY KEY (inventory_id, component_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_components_component ON inventory_components (component_id, inventory_id);

-- A row never changes: another problem is another row. print is of what counts
-- when problems are compared; the body is JSON, compressed.
CREATE TABLE problems (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    component_id  INTEGER NOT NULL REFERENCES components (id),
    vulnerability TEXT    NOT NULL,
    place         INTEGER NOT NULL,
    print         INTEGER NOT NULL,
    modified      INTEGER NOT NULL,
    body          BLOB    NOT NULL,
    UNIQUE (component_id, vulnerability, place)
) STRICT;

CREATE TABLE problem_changes (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    component_id  INTEGER NOT NULL,
    vulnerability TEXT    NOT NULL,
    done          INTEGER NOT NULL,
    UNIQUE (component_id, vulnerability)
) STRICT;

-- Findings name their account by number.
CREATE TABLE covered_accounts (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
) STRICT;

-- It outlives its image and its repository. tags and pulled_at are what they
-- were when the image was deleted; before that the image itself tells.
CREATE TABLE coverage (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id        INTEGER NOT NULL REFERENCES covered_accounts (id),
    repository_id     INTEGER NOT NULL,
    repository        TEXT    NOT NULL,
    digest            TEXT    NOT NULL,
    inventory_id      INTEGER REFERENCES indexed_inventories (id),
    due_at            INTEGER NOT NULL,
    gone_at           INTEGER NOT NULL,
    frequency         TEXT    NOT NULL,
    code              TEXT    NOT NULL,
    reason            TEXT    NOT NULL,
    scan_status       TEXT    NOT NULL,
    description       TEXT    NOT NULL,
    architecture      TEXT    NOT NULL,
    author            TEXT    NOT NULL,
    platform          TEXT    NOT NULL,
    media_type        TEXT    NOT NULL,
    enrolled_at       INTEGER NOT NULL,
    first_scanned_at  INTEGER NOT NULL,
    last_scanned_at   INTEGER NOT NULL,
    source_updated_at INTEGER NOT NULL,
    pushed_at         INTEGER NOT NULL,
    pulled_at         INTEGER NOT NULL,
    tags              TEXT    NOT NULL, -- JSON array
    layers            BLOB    NOT NULL,
    UNIQUE (digest, repository_id)
) STRICT;
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
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    coverage_id       INTEGER NOT NULL REFERENCES coverage (id),
    account_id        INTEGER NOT NULL,
    vulnerability     TEXT    NOT NULL,
    uid               BLOB    NOT NULL,
    status            INTEGER NOT NULL,
    severity          INTEGER NOT NULL,
    score             REAL    NOT NULL,
    epss              REAL    NOT NULL,
    fix               INTEGER NOT NULL,
    exploit           INTEGER NOT NULL,
    vendor            TEXT    NOT NULL,
    first_observed_at INTEGER NOT NULL,
    last_observed_at  INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    closed_at         INTEGER NOT NULL,
    revision          TEXT    NOT NULL,
    suppression       TEXT    NOT NULL -- JSON object, empty when there is none
) STRICT;
-- A uid is of a coverage and a vulnerability, so that it keeps those apart, too.
CREATE UNIQUE INDEX findings_uid    ON findings (uid);
CREATE INDEX findings_account       ON findings (account_id, id);
CREATE INDEX findings_severity      ON findings (account_id, severity, id, status);
-- With what is counted, so that counting reads no rows.
CREATE INDEX findings_image         ON findings (coverage_id, severity, status, account_id, vulnerability);
CREATE INDEX findings_vulnerability ON findings (account_id, vulnerability, id, severity, status);
CREATE INDEX findings_closed        ON findings (closed_at) WHERE closed_at > 0;
