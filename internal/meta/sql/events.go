package sql

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// The ids of the events of one image grow in the order of their commits: a
// change of an image holds its row, or has just inserted it, from before it
// stores its events until it commits, and ids are given when they are stored.
// So of a lane whoever sees an event sees all earlier ones. Between lanes an id
// may become visible after a higher one, which is why what was not handed to
// the rules yet is noted and not found by the highest id so far.
const (
	qAppendEvent = `INSERT INTO events (account, lane, at, body) VALUES (?, ?, ?, ?)`
	qNotePending = `INSERT INTO pending_events (event_id) VALUES (last_insert_rowid())`

	qAppendEvents = `WITH told AS (INSERT INTO events (account, lane, at, body) SELECT n.account, n.lane, n.at, n.body FROM ` + eventsGiven + ` ORDER BY n.place RETURNING id) ` + notePending
	notePending   = `INSERT INTO pending_events (event_id) SELECT id FROM told`
	eventsGiven   = `unnest(?::text[], ?::text[], ?::bigint[], ?::bytea[]) WITH ORDINALITY AS n(account, lane, at, body, place)`

	// Bodies may be large, so what is small is asked first.
	qPendingEvents = `SELECT oldest.event_id, coalesce((SELECT length(e.body) FROM events e WHERE e.id = oldest.event_id), 0) FROM pending_events oldest ORDER BY oldest.event_id LIMIT ?`
	eventColumns   = `id, account, lane, at, body`
	qEventsOfIDs   = `SELECT ` + eventColumns + ` FROM events WHERE id {in} ORDER BY id`
	qListEvents    = `SELECT ` + eventColumns + ` FROM events WHERE account = ? AND id > ? AND at >= ? AND at < ? ORDER BY id LIMIT ?`

	qFannedOut     = `DELETE FROM pending_events WHERE event_id {in} RETURNING event_id`
	qEventsToShare = `SELECT id FROM events WHERE id {in}{pg: ORDER BY id FOR KEY SHARE}`

	qEventsInOrder  = `SELECT e.id, e.at, coalesce((SELECT p.event_id FROM pending_events p WHERE p.event_id = e.id), 0), coalesce((SELECT d.id FROM event_deliveries d WHERE d.event_id = e.id LIMIT 1), 0) FROM events e WHERE e.id > ? ORDER BY e.id LIMIT ?`
	qEventsForPurge = `SELECT id FROM events WHERE id {in}{pg: FOR UPDATE SKIP LOCKED}`
	qPurgeEvents    = `DELETE FROM events WHERE id {in} AND (SELECT d.id FROM event_deliveries d WHERE d.event_id = events.id LIMIT 1) IS NULL
		AND (SELECT p.event_id FROM pending_events p WHERE p.event_id = events.id) IS NULL`
)

// storeAnnounced stores what is to be told of a change in its transaction.
func storeAnnounced(t *tx, a meta.Announce, c meta.Change) error {
	if a == nil {
		return nil
	}
	return appendEvents(t, a(c))
}

func appendEvents(t *tx, events []meta.Event) error {
	if t.d.numbered {
		if len(events) == 0 {
			return nil
		}
		_, err := t.exec(qAppendEvents, eventArrays(events)...)
		return err
	}
	for _, e := range events {
		if _, err := t.exec(qAppendEvent, toText(e.Account), toText(e.Lane), micros(e.At), nonNil(e.Body)); err != nil {
			return err
		}
		if _, err := t.exec(qNotePending); err != nil {
			return err
		}
	}
	return nil
}

// eventArrays makes the arguments of eventsGiven.
func eventArrays(events []meta.Event) []any {
	accounts, lanes := make([]string, len(events)), make([]string, len(events))
	times, bodies := make([]int64, len(events)), make([][]byte, len(events))
	for n, e := range events {
		accounts[n], lanes[n], times[n], bodies[n] = toText(e.Account), toText(e.Lane), micros(e.At), nonNil(e.Body)
	}
	return []any{accounts, lanes, times, bodies}
}

// AppendEvents is part of meta.Events.
func (s *Store) AppendEvents(ctx context.Context, events []meta.Event) error {
	if len(events) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, func(t *tx) error { return appendEvents(t, events) })
}

// sized is a row and how large its body is.
type sized struct{ id, size int64 }

// within answers the ids of the first rows that are in the limits: the last one
// may be the one that passes maxBytes.
func within(rows []sized, limit, maxBytes int) []int64 {
	ids := make([]int64, 0, min(len(rows), max(limit, 0)))
	for total := int64(0); len(ids) < cap(ids) && (len(ids) == 0 || total < int64(maxBytes)); {
		r := rows[len(ids)]
		ids, total = append(ids, r.id), total+r.size
	}
	return ids
}

// PendingEvents is part of meta.Events. When there is none it is one question
// to a small index.
func (s *Store) PendingEvents(ctx context.Context, limit, maxBytes int) ([]meta.Event, error) {
	var rows []sized
	err := each(ctx, s.read, func(r *sql.Rows) error {
		var one sized
		err := r.Scan(&one.id, &one.size)
		rows = append(rows, one)
		return err
	}, qPendingEvents, max(limit, 0))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return s.events(ctx, qEventsOfIDs, s.d.intList(within(rows, limit, maxBytes)))
}

func (s *Store) events(ctx context.Context, statement string, args ...any) ([]meta.Event, error) {
	var all []meta.Event
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var e meta.Event
		var at int64
		err := rows.Scan(&e.ID, &e.Account, &e.Lane, &at, &e.Body)
		e.At = fromMicros(at)
		all = append(all, e)
		return err
	}, statement, args...)
	return all, err
}

// ListEvents is part of meta.Events.
func (s *Store) ListEvents(ctx context.Context, account string, q meta.EventQuery) ([]meta.Event, error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		from = micros(q.From)
	}
	if !q.To.IsZero() {
		to = micros(q.To)
	}
	return s.events(ctx, qListEvents, account, q.After, from, to, max(q.Limit, 0))
}

// FanOut is part of meta.Events. Of the given events only those that were still
// pending count, and the deliveries of the others are dropped: somebody else has
// handed them out. So are deliveries of events that are gone.
func (s *Store) FanOut(ctx context.Context, events []int64, deliveries []meta.NewDelivery) error {
	if len(events) == 0 && len(deliveries) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, func(t *tx) error {
		if err := lockTargets(t, targetsOf(deliveries)); err != nil {
			return err
		}
		fresh, err := changedIDs(t, qFannedOut, t.d.intList(sortedIDs(events)))
		if err != nil || len(deliveries) == 0 {
			return err
		}
		replayed, err := eventsToReplay(t, events, deliveries)
		if err != nil {
			return err
		}
		there := idSet(slices.Concat(fresh, replayed))
		return insertDeliveries(t, slices.DeleteFunc(slices.Clone(deliveries), func(d meta.NewDelivery) bool { return !there[d.Event] }))
	})
}

// eventsToReplay answers those events of deliveries that are not being fanned
// out and still there, and keeps them from being purged.
func eventsToReplay(t *tx, events []int64, deliveries []meta.NewDelivery) ([]int64, error) {
	fannedOut := idSet(events)
	var older []int64
	for _, d := range deliveries {
		if !fannedOut[d.Event] {
			older = append(older, d.Event)
		}
	}
	if len(older) == 0 {
		return nil, nil
	}
	return column[int64](t.ctx, t, qEventsToShare, t.d.intList(sortedIDs(older)))
}

// changedIDs answers the column that a change returns.
func changedIDs(t *tx, statement string, args ...any) ([]int64, error) {
	ids, err := column[int64](t.ctx, t, statement, args...)
	t.wrote = t.wrote || len(ids) > 0 || err != nil
	return ids, err
}

// sortedIDs: all who lock rows have one order, in which they cannot lock each
// other out.
func sortedIDs(ids []int64) []int64 { return slices.Compact(slices.Sorted(slices.Values(ids))) }

func idSet(ids []int64) map[int64]bool {
	set := make(map[int64]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// purgePage is how many events one question of a purge looks at.
const purgePage = 1000

// PurgeEvents is part of meta.Events. Events come roughly in the order of their
// times, so it ends at a page of which nothing is old enough; what dead letters
// hold is passed over once, see purgeMark.
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	s.purged.one.Lock()
	defer s.purged.one.Unlock()
	after, held := s.purged.begin(time.Now()), true
	mark, removed := after, 0
	for removed < limit {
		p, err := s.purgeable(ctx, after, before, limit-removed)
		if err != nil {
			return removed, err
		}
		if p.last == after {
			break
		}
		n, err := s.purgeEvents(ctx, p.free)
		if err != nil {
			return removed, err
		}
		removed, after = removed+n, p.last
		if held {
			mark, held = p.mark, p.mark == p.last
		}
	}
	s.purged.end(mark)
	return removed, nil
}

// purgeables are what a purge has found in a page of events.
type purgeables struct {
	free []int64
	last int64 // the last of the page that is old
	mark int64 // the last before one that is pending: all up to it may go or are held
}

func (s *Store) purgeable(ctx context.Context, after int64, before time.Time, limit int) (purgeables, error) {
	p, waits := purgeables{last: after, mark: after}, false
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var id, at, pending, delivery int64
		if err := rows.Scan(&id, &at, &pending, &delivery); err != nil || at >= micros(before) || len(p.free) == limit {
			return err
		}
		p.last, waits = id, waits || pending != 0
		if pending == 0 && delivery == 0 {
			p.free = append(p.free, id)
		}
		if !waits {
			p.mark = id
		}
		return nil
	}, qEventsInOrder, after, purgePage)
	return p, err
}

func (s *Store) purgeEvents(ctx context.Context, ids []int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var n int64
	err := s.write(ctx, func(t *tx) error {
		// On PostgreSQL a replay that holds one of them is waited for or left
		// alone; the statement after that sees its deliveries.
		still, err := column[int64](t.ctx, t, qEventsForPurge, t.d.intList(ids))
		if err != nil {
			return err
		}
		n, err = t.exec(qPurgeEvents, t.d.intList(still))
		return err
	})
	return int(n), err
}
