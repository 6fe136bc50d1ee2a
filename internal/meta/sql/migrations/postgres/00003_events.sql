-- The SQLite file of the same number says the same in its words; a test
-- compares the two. Times are microseconds since 1970, 0 where there is none.

-- +goose Up

-- Events are stored with the change that they tell of. Ids are never used again:
-- they say what came later.
CREATE TABLE events (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    lane    TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    body    BYTEA NOT NULL
);
-- With the time, so that a page of a time span reads only what it answers.
CREATE INDEX events_account ON events (account, id, at);

-- Events that were not handed to the rules yet. It is a table, and no mark, so
-- that PostgreSQL need not write an event again, and what it has to clean up is
-- small.
CREATE TABLE pending_events (
    event_id BIGINT PRIMARY KEY
);

-- Events on their way to a target. Of what waits in a lane for a target, the
-- oldest is the head and the others are behind it: only heads become due. What
-- was given up is dead. Without a lane everything that waits is a head.
CREATE TABLE event_deliveries (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target    TEXT COLLATE "C" NOT NULL,
    event_id  BIGINT NOT NULL REFERENCES events (id),
    account   TEXT COLLATE "C" NOT NULL,
    rule      TEXT COLLATE "C" NOT NULL,
    target_id TEXT COLLATE "C" NOT NULL,
    lane      TEXT COLLATE "C" NOT NULL,
    attempts  BIGINT NOT NULL,
    due_at    BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    replay    TEXT COLLATE "C" NOT NULL,
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('head', 'behind', 'dead')),
    reason    TEXT COLLATE "C" NOT NULL,
    died_at   BIGINT NOT NULL
);
CREATE INDEX event_deliveries_due   ON event_deliveries (target, due_at, id) WHERE state = 'head';
CREATE INDEX event_deliveries_lane  ON event_deliveries (target, lane, id) WHERE state <> 'dead' AND lane <> '';
CREATE INDEX event_deliveries_event ON event_deliveries (event_id);
CREATE INDEX event_deliveries_dead  ON event_deliveries (account, id) WHERE state = 'dead';
CREATE INDEX event_deliveries_rule  ON event_deliveries (account, rule, id) WHERE state = 'dead';
CREATE INDEX event_deliveries_died  ON event_deliveries (died_at) WHERE state = 'dead';

-- What was settled is cleaned up soon, whatever waits beside it.
ALTER TABLE pending_events   SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
ALTER TABLE event_deliveries SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

CREATE TABLE leases (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner      TEXT COLLATE "C" NOT NULL,
    held_until BIGINT NOT NULL
);
