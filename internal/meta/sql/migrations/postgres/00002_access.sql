-- The SQLite file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- A secret is what the command sealed: bytes, not text.
ALTER TABLE access_keys ALTER COLUMN secret TYPE BYTEA USING convert_to(secret, 'UTF8');
ALTER TABLE access_keys
    ADD COLUMN last_used_at     BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN last_used_for    TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN last_used_region TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX access_keys_owner ON access_keys (account, principal, id);

-- Small documents that an account configures by name: users, roles, templates,
-- rules. Their form is the use case's.
CREATE TABLE records (
    account    TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    body       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, kind, name)
);

-- Policies of repositories.
CREATE TABLE repository_documents (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    kind          TEXT COLLATE "C" NOT NULL,
    text          TEXT COLLATE "C" NOT NULL,
    updated_at    BIGINT NOT NULL,
    evaluated_at  BIGINT NOT NULL,
    PRIMARY KEY (repository_id, kind)
);

-- When images that were ever archived were so, and restored. The status itself
-- is the image's. with_subject is 1 if an image was last archived because the
-- image that it refers to was.
CREATE TABLE image_archive (
    image_id     BIGINT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    archived_at  BIGINT NOT NULL,
    activated_at BIGINT NOT NULL,
    with_subject BIGINT NOT NULL DEFAULT 0
);

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
ALTER TABLE tags ADD COLUMN hidden BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tags DROP CONSTRAINT tags_pkey;
ALTER TABLE tags ADD PRIMARY KEY (repository_id, hidden, tag);

-- Parts of an upload that were received: they have a quota.
ALTER TABLE uploads ADD COLUMN parts BIGINT NOT NULL DEFAULT 0;
