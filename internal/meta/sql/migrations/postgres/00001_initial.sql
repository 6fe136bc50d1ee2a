-- The SQLite file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- account is NULL once the repository is deleted: its name is free again while
-- the rest of a large repository is removed in steps.
CREATE TABLE repositories (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account            TEXT COLLATE "C",
    name               TEXT COLLATE "C" NOT NULL,
    created_at         BIGINT NOT NULL,
    tag_mutability     TEXT COLLATE "C" NOT NULL,
    mutability_filters TEXT COLLATE "C" NOT NULL, -- JSON array
    scan_on_push       BOOLEAN NOT NULL,
    encryption_type    TEXT COLLATE "C" NOT NULL,
    kms_key            TEXT COLLATE "C" NOT NULL,
    tags               TEXT COLLATE "C" NOT NULL, -- JSON array
    UNIQUE (account, name)
);
CREATE INDEX repositories_deleted ON repositories (id) WHERE account IS NULL;

-- The payload comes last so that what a list reads lies on a row's first page.
CREATE TABLE images (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_id  BIGINT NOT NULL REFERENCES repositories (id),
    digest         TEXT COLLATE "C" NOT NULL,
    media_type     TEXT COLLATE "C" NOT NULL,
    artifact_type  TEXT COLLATE "C" NOT NULL,
    subject_digest TEXT COLLATE "C",
    annotations    TEXT COLLATE "C", -- JSON object, of manifests that have a subject
    size           BIGINT NOT NULL,
    manifest_size  BIGINT NOT NULL,
    pushed_at      BIGINT NOT NULL,
    last_pulled_at BIGINT NOT NULL,
    status         TEXT COLLATE "C" NOT NULL,
    tag_count      BIGINT NOT NULL CHECK (tag_count >= 0),
    payload        BYTEA NOT NULL,
    UNIQUE (repository_id, digest)
);
CREATE INDEX images_subject  ON images (repository_id, subject_digest, digest) WHERE subject_digest IS NOT NULL;
CREATE INDEX images_tagged   ON images (repository_id, digest) WHERE tag_count > 0;
CREATE INDEX images_untagged ON images (repository_id, digest) WHERE tag_count = 0;

-- How many images a repository has, so that a limit costs no count. Several
-- shards keep concurrent pushes from waiting for one row.
CREATE TABLE image_counts (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    shard         BIGINT NOT NULL,
    images        BIGINT NOT NULL,
    PRIMARY KEY (repository_id, shard)
);

CREATE TABLE tags (
    repository_id BIGINT NOT NULL,
    tag           TEXT COLLATE "C" NOT NULL,
    image_id      BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, tag)
);
CREATE INDEX tags_image ON tags (image_id, tag);

-- unlinked_at is NULL while a repository has the blob.
CREATE TABLE blobs (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      TEXT COLLATE "C" NOT NULL UNIQUE,
    size        BIGINT NOT NULL,
    key         TEXT COLLATE "C" NOT NULL UNIQUE,
    unlinked_at BIGINT
);
CREATE INDEX blobs_unlinked ON blobs (unlinked_at) WHERE unlinked_at IS NOT NULL;

-- Who may read a blob. touched_at is when it was last pushed, mounted, or let
-- go by an image.
CREATE TABLE repository_blobs (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    blob_id       BIGINT NOT NULL REFERENCES blobs (id),
    touched_at    BIGINT NOT NULL,
    PRIMARY KEY (repository_id, blob_id)
);
CREATE INDEX repository_blobs_blob ON repository_blobs (blob_id);

-- An image keeps its blobs linked to its repository.
CREATE TABLE image_blobs (
    image_id      BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    blob_id       BIGINT NOT NULL,
    repository_id BIGINT NOT NULL,
    PRIMARY KEY (image_id, blob_id),
    FOREIGN KEY (repository_id, blob_id) REFERENCES repository_blobs (repository_id, blob_id)
);
CREATE INDEX image_blobs_blob ON image_blobs (repository_id, blob_id);

-- An index keeps its children.
CREATE TABLE image_children (
    parent_id BIGINT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    child_id  BIGINT NOT NULL REFERENCES images (id),
    PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX image_children_child ON image_children (child_id);

-- No reference to repositories: a session outlives its repository until what
-- it holds in the blob store has been removed.
CREATE TABLE uploads (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    repository_id BIGINT NOT NULL,
    size          BIGINT NOT NULL,
    hash_state    BYTEA NOT NULL,
    blob_state    BYTEA NOT NULL,
    last_part     BIGINT NOT NULL,
    short_part    BOOLEAN NOT NULL,
    cancelled     BOOLEAN NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX uploads_updated ON uploads (updated_at);

CREATE TABLE scans (
    image_id          BIGINT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    engine            TEXT COLLATE "C" NOT NULL,
    status            TEXT COLLATE "C" NOT NULL,
    description       TEXT COLLATE "C" NOT NULL,
    requested_at      BIGINT NOT NULL,
    completed_at      BIGINT NOT NULL,
    source_updated_at BIGINT NOT NULL,
    inventory_id      TEXT COLLATE "C" NOT NULL,
    counts            TEXT COLLATE "C" NOT NULL, -- JSON object
    findings          BYTEA
);

-- How many scans an account has asked for in each ten minutes.
CREATE TABLE scan_counts (
    account TEXT COLLATE "C" NOT NULL,
    bucket  BIGINT NOT NULL,
    shard   BIGINT NOT NULL,
    scans   BIGINT NOT NULL,
    PRIMARY KEY (account, bucket, shard)
);

CREATE TABLE layer_records (
    digest  TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    record  BYTEA NOT NULL,
    PRIMARY KEY (digest, version)
);

CREATE TABLE inventories (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ecosystem TEXT COLLATE "C" NOT NULL,
    inventory BYTEA NOT NULL
);
CREATE INDEX inventories_ecosystem ON inventories (ecosystem);

CREATE TABLE settings (
    account TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    value   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE access_keys (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    secret     TEXT COLLATE "C" NOT NULL,
    account    TEXT COLLATE "C" NOT NULL,
    principal  TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    active     BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE instance (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    secret     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    root_key   TEXT COLLATE "C" NOT NULL REFERENCES access_keys (id)
);

-- run_at is when a job may be claimed: of a claimed one, when its lease ends.
CREATE TABLE jobs (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    payload  BYTEA NOT NULL,
    run_at   BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    state    TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'claimed', 'buried')),
    reason   TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX jobs_waiting ON jobs (kind, key) WHERE state = 'waiting';
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state <> 'buried';

-- Entries are written under a generation and become visible when it becomes
-- the generation of its source. Generations that are neither a source's current
-- one nor being imported are removed in steps.
CREATE TABLE advisory_generations (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ecosystem TEXT COLLATE "C" NOT NULL
);
CREATE TABLE advisory_sources (
    ecosystem       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    generation      BIGINT NOT NULL,
    importing       BIGINT NOT NULL,
    location        TEXT COLLATE "C" NOT NULL,
    etag            TEXT COLLATE "C" NOT NULL,
    last_modified   TEXT COLLATE "C" NOT NULL,
    digest          TEXT COLLATE "C" NOT NULL,
    size            BIGINT NOT NULL,
    fetched_at      BIGINT NOT NULL,
    newest_modified BIGINT NOT NULL,
    records         BIGINT NOT NULL,
    entries         BIGINT NOT NULL,
    last_attempt    BIGINT NOT NULL,
    last_error      TEXT COLLATE "C" NOT NULL
);
CREATE TABLE advisory_entries (
    generation BIGINT NOT NULL REFERENCES advisory_generations (id),
    package    TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    modified   BIGINT NOT NULL,
    data       BYTEA NOT NULL,
    PRIMARY KEY (generation, package, id)
);
