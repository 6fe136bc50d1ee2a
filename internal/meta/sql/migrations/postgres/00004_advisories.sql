-- The SQLite file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- content tells apart what entries say; it is empty in those of earlier
-- versions. (In SQLite it lies before the data, for which the table is copied.)
ALTER TABLE advisory_entries ADD COLUMN content BYTEA NOT NULL DEFAULT '';

-- The packages that an import has changed, numbered from 1. They are written
-- before the import is committed and count once it is in advisory_commits.
CREATE TABLE advisory_changes (
    generation BIGINT NOT NULL,
    number     BIGINT NOT NULL,
    package    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, number)
);

-- Imports whose changes were not dropped yet: change n of one has the sequence
-- number base + n, and the last of them is last.
CREATE TABLE advisory_commits (
    base       BIGINT NOT NULL PRIMARY KEY,
    last       BIGINT NOT NULL,
    generation BIGINT NOT NULL UNIQUE,
    ecosystem  TEXT COLLATE "C" NOT NULL
);

-- The last sequence number that was given away.
CREATE TABLE advisory_clock (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    last BIGINT NOT NULL
);
INSERT INTO advisory_clock (id, last) VALUES (1, 0);
