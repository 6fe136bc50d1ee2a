-- The PostgreSQL file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- Events are stored with the change that they tell of. Ids are never used again:
-- they say what came later.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT    NOT NULL,
    lane    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    body    BLOB    NOT NULL
) STRICT;
-- With the time, so that a page of a time span reads only what it answers.
CREATE INDEX events_account ON events (account, id, at);

-- Events that were not handed to the rules yet. It is a table, and no mark, so
-- that PostgreSQL need not write an event again, and what it has to clean up is
-- small.
CREATE TABLE pending_events (
    event_id INTEGER PRIMARY KEY
) STRICT;

-- Events on their way to a target. Of what waits in a lane for a target, the
-- oldest is the head and the others are behind it: only heads become due. What
-- was given up is dead. Without a lane everything that waits is a head.
CREATE TABLE event_deliveries (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    target    TEXT    NOT NULL,
    event_id  INTEGER NOT NULL REFERENCES events (id),
    account   TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    target_id TEXT    NOT NULL,
    lane      TEXT    NOT NULL,
    attempts  INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    replay    TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('head', 'behind', 'dead')),
    reason    TEXT    NOT NULL,
    died_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX event_deliveries_due   ON event_deliveries (target, due_at, id) WHERE state = 'head';
CREATE INDEX event_deliveries_lane  ON event_deliveries (target, lane, id) WHERE state <> 'dead' AND lane <> '';
CREATE INDEX event_deliveries_event ON event_deliveries (event_id);
CREATE INDEX event_deliveries_dead  ON event_deliveries (account, id) WHERE state = 'dead';
CREATE INDEX event_deliveries_rule  ON event_deliveries (account, rule, id) WHERE state = 'dead';
CREATE INDEX event_deliveries_died  ON event_deliveries (died_at) WHERE state = 'dead';

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
