-- The PostgreSQL file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- A secret is what the command sealed: bytes, not text.
CREATE TABLE access_keys_sealed (
    id               TEXT    NOT NULL PRIMARY KEY,
    secret           BLOB    NOT NULL,
    account          TEXT    NOT NULL,
    principal        TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    active           INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    last_used_at     INTEGER NOT NULL DEFAULT 0,
    last_used_for    TEXT    NOT NULL DEFAULT '',
    last_used_region TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO access_keys_sealed (id, secret, account, principal, user_id, active, created_at)
    SELECT id, CAST(secret AS BLOB), account, principal, user_id, active, created_at FROM access_keys;
CREATE TABLE instance_sealed (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    root_key   TEXT    NOT NULL REFERENCES access_keys_sealed (id)
) STRICT;
INSERT INTO instance_sealed SELECT id, secret, created_at, root_key FROM instance;
DROP TABLE instance;
DROP TABLE access_keys;
ALTER TABLE access_keys_sealed RENAME TO access_keys;
ALTER TABLE instance_sealed RENAME TO instance;
CREATE INDEX access_keys_owner ON access_keys (account, principal, id);

-- Small documents that an account configures by name: users, roles, templates,
-- rules. Their form is the use case's.
CREATE TABLE records (
    account    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (account, kind, name)
) STRICT, WITHOUT ROWID;

-- Policies of repositories.
CREATE TABLE repository_documents (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    kind          TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    updated_at    INTEGER NOT NULL,
    evaluated_at  INTEGER NOT NULL,
    PRIMARY KEY (repository_id, kind)
) STRICT;

-- When images that were ever archived were so, and restored. The status itself
-- is the image's. with_subject is 1 if an image was last archived because the
-- image that it refers to was.
CREATE TABLE image_archive (
    image_id     INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    archived_at  INTEGER NOT NULL,
    activated_at INTEGER NOT NULL,
    with_subject INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Lists are of images that are ACTIVE, or are not, and that have tags, or none:
-- an index for each, so that a page reads only what it answers while a push
-- writes no more than before.
DROP INDEX images_tagged;
DROP INDEX images_untagged;
CREATE INDEX images_tagged        ON images (repository_id, digest) WHERE tag_count > 0 AND status = 'ACTIVE';
CREATE INDEX images_untagged      ON images (repository_id, digest) WHERE tag_count = 0 AND status = 'ACTIVE';
CREATE INDEX images_away_tagged   ON images (repository_id, status, digest) WHERE tag_count > 0 AND status <> 'ACTIVE';
CREATE INDEX images_away_untagged ON images (repository_id, status, digest) WHERE tag_count = 0 AND status <> 'ACTIVE';

-- hidden is 1 while the image is not ACTIVE. It is part of the key so that
-- lists of tags pass over hidden ones without an index more. That no tag is
-- there twice, hidden and not, is what the locks of pushes and archiving are for.
CREATE TABLE tags_hidden (
    repository_id INTEGER NOT NULL,
    hidden        INTEGER NOT NULL DEFAULT 0,
    tag           TEXT    NOT NULL,
    image_id      INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, hidden, tag)
) STRICT, WITHOUT ROWID;
INSERT INTO tags_hidden (repository_id, tag, image_id) SELECT repository_id, tag, image_id FROM tags ORDER BY repository_id, tag;
DROP TABLE tags;
ALTER TABLE tags_hidden RENAME TO tags;
CREATE INDEX tags_image ON tags (image_id, tag);

-- Parts of an upload that were received: they have a quota.
ALTER TABLE uploads ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;
