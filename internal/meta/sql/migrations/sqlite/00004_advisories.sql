-- The PostgreSQL file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- content tells apart what entries say; it is empty in those of earlier
-- versions. It lies before the data, so that imports are compared by a row's
-- first page.
CREATE TABLE advisory_entries_compared (
    generation INTEGER NOT NULL REFERENCES advisory_generations (id),
    package    TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    modified   INTEGER NOT NULL,
    content    BLOB    NOT NULL DEFAULT x'',
    data       BLOB    NOT NULL,
    PRIMARY KEY (generation, package, id)
) STRICT;
INSERT INTO advisory_entries_compared (generation, package, id, modified, data)
    SELECT generation, package, id, modified, data FROM advisory_entries ORDER BY generation, package, id;
DROP TABLE advisory_entries;
ALTER TABLE advisory_entries_compared RENAME TO advisory_entries;

-- The packages that an import has changed, numbered from 1. They are written
-- before the import is committed and count once it is in advisory_commits.
CREATE TABLE advisory_changes (
    generation INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    package    TEXT    NOT NULL,
    PRIMARY KEY (generation, number)
) STRICT, WITHOUT ROWID;

-- Imports whose changes were not dropped yet: change n of one has the sequence
-- number base + n, and the last of them is last.
CREATE TABLE advisory_commits (
    base       INTEGER NOT NULL PRIMARY KEY,
    last       INTEGER NOT NULL,
    generation INTEGER NOT NULL UNIQUE,
    ecosystem  TEXT    NOT NULL
) STRICT;

-- The last sequence number that was given away.
CREATE TABLE advisory_clock (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO advisory_clock (id, last) VALUES (1, 0);
