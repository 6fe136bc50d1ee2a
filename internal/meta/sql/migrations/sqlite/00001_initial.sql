-- The PostgreSQL file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- account is NULL once the repository is deleted: its name is free again while
-- the rest of a large repository is removed in steps.
CREATE TABLE repositories (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    account            TEXT,
    name               TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    tag_mutability     TEXT    NOT NULL,
    mutability_filters TEXT    NOT NULL, -- JSON array
    scan_on_push       INTEGER NOT NULL,
    encryption_type    TEXT    NOT NULL,
    kms_key            TEXT    NOT NULL,
    tags               TEXT    NOT NULL, -- JSON array
    UNIQUE (account, name)
) STRICT;
CREATE INDEX repositories_deleted ON repositories (id) WHERE account IS NULL;

-- The payload comes last so that what a list reads lies on a row's first page.
CREATE TABLE images (
    id             INTEGER PRIMARY KEY,
    repository_id  INTEGER NOT NULL REFERENCES repositories (id),
    digest         TEXT    NOT NULL,
    media_type     TEXT    NOT NULL,
    artifact_type  TEXT    NOT NULL,
    subject_digest TEXT,
    annotations    TEXT, -- JSON object, of manifests that have a subject
    size           INTEGER NOT NULL,
    manifest_size  INTEGER NOT NULL,
    pushed_at      INTEGER NOT NULL,
    last_pulled_at INTEGER NOT NULL,
    status         TEXT    NOT NULL,
    tag_count      INTEGER NOT NULL CHECK (tag_count >= 0),
    payload        BLOB    NOT NULL,
    UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX images_subject  ON images (repository_id, subject_digest, digest) WHERE subject_digest IS NOT NULL;
CREATE INDEX images_tagged   ON images (repository_id, digest) WHERE tag_count > 0;
CREATE INDEX images_untagged ON images (repository_id, digest) WHERE tag_count = 0;

-- How many images a repository has, so that a limit costs no count. Several
-- shards keep concurrent pushes from waiting for one row.
CREATE TABLE image_counts (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    shard         INTEGER NOT NULL,
    images        INTEGER NOT NULL,
    PRIMARY KEY (repository_id, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    repository_id INTEGER NOT NULL,
    tag           TEXT    NOT NULL,
    image_id      INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_image ON tags (image_id, tag);

-- unlinked_at is NULL while a repository has the blob.
CREATE TABLE blobs (
    id          INTEGER PRIMARY KEY,
    digest      TEXT    NOT NULL UNIQUE,
    size        INTEGER NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    unlinked_at INTEGER
) STRICT;
CREATE INDEX blobs_unlinked ON blobs (unlinked_at) WHERE unlinked_at IS NOT NULL;

-- Who may read a blob. touched_at is when it was last pushed, mounted, or let
-- go by an image.
CREATE TABLE repository_blobs (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    blob_id       INTEGER NOT NULL REFERENCES blobs (id),
    touched_at    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_blob ON repository_blobs (blob_id);

-- An image keeps its blobs linked to its repository.
CREATE TABLE image_blobs (
    image_id      INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    blob_id       INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (image_id, blob_id),
    FOREIGN KEY (repository_id, blob_id) REFERENCES repository_blobs (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_blobs_blob ON image_blobs (repository_id, blob_id);

-- An index keeps its children.
CREATE TABLE image_children (
    parent_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    child_id  INTEGER NOT NULL REFERENCES images (id),
    PRIMARY KEY (parent_id, child_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_children_child ON image_children (child_id);

-- No reference to repositories: a session outlives its repository until what
-- it holds in the blob store has been removed.
CREATE TABLE uploads (
    id            TEXT    NOT NULL PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    hash_state    BLOB    NOT NULL,
    blob_state    BLOB    NOT NULL,
    last_part     INTEGER NOT NULL,
    short_part    INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_updated ON uploads (updated_at);

CREATE TABLE scans (
    image_id          INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    engine            TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    description       TEXT    NOT NULL,
    requested_at      INTEGER NOT NULL,
    completed_at      INTEGER NOT NULL,
    source_updated_at INTEGER NOT NULL,
    inventory_id      TEXT    NOT NULL,
    counts            TEXT    NOT NULL, -- JSON object
    findings          BLOB
) STRICT;

-- How many scans an account has asked for in each ten minutes.
CREATE TABLE scan_counts (
    account TEXT    NOT NULL,
    bucket  INTEGER NOT NULL,
    shard   INTEGER NOT NULL,
    scans   INTEGER NOT NULL,
    PRIMARY KEY (account, bucket, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE layer_records (
    digest  TEXT    NOT NULL,
    version INTEGER NOT NULL,
    record  BLOB    NOT NULL,
    PRIMARY KEY (digest, version)
) STRICT;

CREATE TABLE inventories (
    id        TEXT NOT NULL PRIMARY KEY,
    ecosystem TEXT NOT NULL,
    inventory BLOB NOT NULL
) STRICT;
CREATE INDEX inventories_ecosystem ON inventories (ecosystem);

CREATE TABLE settings (
    account TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    secret     TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    principal  TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    active     INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE instance (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    root_key   TEXT    NOT NULL REFERENCES access_keys (id)
) STRICT;

-- run_at is when a job may be claimed: of a claimed one, when its lease ends.
CREATE TABLE jobs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    payload  BLOB    NOT NULL,
    run_at   INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'claimed', 'buried')),
    reason   TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_waiting ON jobs (kind, key) WHERE state = 'waiting';
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state <> 'buried';

-- Entries are written under a generation and become visible when it becomes
-- the generation of its source. Generations that are neither a source's current
-- one nor being imported are removed in steps.
CREATE TABLE advisory_generations (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    ecosystem TEXT NOT NULL
) STRICT;
CREATE TABLE advisory_sources (
    ecosystem       TEXT    NOT NULL PRIMARY KEY,
    generation      INTEGER NOT NULL,
    importing       INTEGER NOT NULL,
    location        TEXT    NOT NULL,
    etag            TEXT    NOT NULL,
    last_modified   TEXT    NOT NULL,
    digest          TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    fetched_at      INTEGER NOT NULL,
    newest_modified INTEGER NOT NULL,
    records         INTEGER NOT NULL,
    entries         INTEGER NOT NULL,
    last_attempt    INTEGER NOT NULL,
    last_error      TEXT    NOT NULL
) STRICT;
CREATE TABLE advisory_entries (
    generation INTEGER NOT NULL REFERENCES advisory_generations (id),
    package    TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    modified   INTEGER NOT NULL,
    data       BLOB    NOT NULL,
    PRIMARY KEY (generation, package, id)
) STRICT;
