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
-- is the image's.
CREATE TABLE image_archive (
    image_id     BIGINT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    archived_at  BIGINT NOT NULL,
    activated_at BIGINT NOT NULL
);
CREATE INDEX images_inactive ON images (repository_id, digest) WHERE status <> 'ACTIVE';

-- Parts of an upload that were received: they have a quota.
ALTER TABLE uploads ADD COLUMN parts BIGINT NOT NULL DEFAULT 0;
