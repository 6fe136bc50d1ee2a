package sql

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// Of what waits in a lane for a target the oldest is the head; only heads are in
// the index of what is due. So a lane that is blocked costs one entry there,
// whatever waits behind, and neither a retry nor a new delivery touches the rest
// of its lane. The head's successor takes its place when it is settled.
//
// Whoever adds to a lane or takes its head away holds the target: on PostgreSQL
// the one would otherwise put a delivery behind a head that the other removes.
// It also makes ids of one target grow in the order of the commits.
const (
	qLockTargets = `SELECT pg_advisory_xact_lock(hashtext('event-target'), hashtext(value)) FROM unnest(?::text[]) AS e(value)`

	// oldestOfLane is asked for one column; it is no EXISTS, which PostgreSQL may
	// turn into a hash of the whole table.
	oldestOfLane = ` FROM event_deliveries w WHERE w.target = n.target AND w.lane = n.lane AND w.lane <> '' AND w.state <> 'dead' ORDER BY w.id LIMIT 1`

	qInsertDeliveries = `INSERT INTO event_deliveries (event_id, account, rule, target_id, target, lane, attempts, due_at, queued_at, replay, state, reason, died_at)
		SELECT n.event, n.account, n.rule, n.target_id, n.target, n.lane, 0, n.at, n.at, n.replay,
			CASE WHEN n.behind = 1 OR n.lane <> '' AND (SELECT w.id` + oldestOfLane + `) IS NOT NULL THEN 'behind' ELSE 'head' END, '', 0
		FROM {lite:(SELECT value ->> 0 AS event, value ->> 1 AS account, value ->> 2 AS rule, value ->> 3 AS target_id, value ->> 4 AS target, value ->> 5 AS lane,
				value ->> 6 AS at, value ->> 7 AS replay, value ->> 8 AS behind FROM json_each(?)) n}{pg:
			(SELECT (value ->> 0)::bigint AS event, value ->> 1 AS account, value ->> 2 AS rule, value ->> 3 AS target_id, (value ->> 4) COLLATE "C" AS target, (value ->> 5) COLLATE "C" AS lane,
				(value ->> 6)::bigint AS at, value ->> 7 AS replay, (value ->> 8)::bigint AS behind, place FROM json_array_elements(?::json) WITH ORDINALITY AS e(value, place)) n}{pg: ORDER BY n.place}`

	waitingTargets = `WITH RECURSIVE names (target) AS (
			SELECT (SELECT d.target FROM event_deliveries d WHERE d.state = 'head' ORDER BY d.target LIMIT 1)
			UNION ALL
			SELECT (SELECT d.target FROM event_deliveries d WHERE d.state = 'head' AND d.target > names.target ORDER BY d.target LIMIT 1)
			FROM names WHERE names.target IS NOT NULL)
		SELECT f.target, f.account, f.rule, f.target_id, f.due_at FROM names `
	firstOfTarget   = `SELECT o.id FROM event_deliveries o WHERE o.state = 'head' AND o.target = names.target ORDER BY o.due_at, o.id LIMIT 1`
	qWaitingTargets = waitingTargets + `{lite:CROSS JOIN event_deliveries f ON f.id = (` + firstOfTarget + `)}{pg:CROSS JOIN LATERAL (` + firstOfTarget + `) o JOIN event_deliveries f ON f.id = o.id}`

	// What is due, what follows it in its lane, and the first that is not due.
	followersOf = ` FROM event_deliveries b WHERE b.target = ? AND b.lane = h.lane AND b.lane <> '' AND b.state <> 'dead' AND b.id > h.id ORDER BY b.id LIMIT ?`
	qDue        = `WITH heads AS (SELECT id, event_id, lane, due_at FROM event_deliveries WHERE target = ? AND state = 'head' AND due_at <= ? ORDER BY due_at, id LIMIT ?)
		SELECT r.id, r.lane, r.due_at, coalesce((SELECT length(e.body) FROM events e WHERE e.id = r.event_id), 0) FROM (
			SELECT id, event_id, lane, due_at FROM heads
			UNION ALL SELECT * FROM (SELECT f.id, f.event_id, f.lane, f.due_at FROM heads h
				{lite:CROSS JOIN event_deliveries f ON f.id IN (SELECT b.id` + followersOf + `)}{pg:CROSS JOIN LATERAL (SELECT b.id, b.event_id, b.lane, b.due_at` + followersOf + `) f} WHERE h.lane <> '' LIMIT ?) x
			UNION ALL SELECT * FROM (SELECT id, event_id, lane, due_at FROM event_deliveries WHERE target = ? AND state = 'head' AND due_at > ? ORDER BY due_at, id LIMIT 1) y) r`
	deliveryColumns   = `d.id, d.event_id, d.account, d.rule, d.target_id, d.target, d.lane, d.queued_at, d.replay, d.attempts, e.at, e.body`
	deliveries        = ` FROM event_deliveries d JOIN events e ON e.id = d.event_id`
	qDeliveriesOfIDs  = `SELECT ` + deliveryColumns + deliveries + ` WHERE d.id {in} AND d.state <> 'dead' ORDER BY d.id`
	qDeliveriesToGo   = `SELECT id, target, lane, state FROM event_deliveries WHERE id {in} AND state <> 'dead'`
	qRemoveDeliveries = `DELETE FROM event_deliveries WHERE id {in} AND state <> 'dead' RETURNING event_id`

	outcomes = `{lite:(SELECT value ->> 0 AS id, value ->> 1 AS attempts, value ->> 2 AS at, value ->> 3 AS reason FROM json_each(?)) n}{pg:
		(SELECT (value ->> 0)::bigint AS id, (value ->> 1)::bigint AS attempts, (value ->> 2)::bigint AS at, value ->> 3 AS reason FROM json_array_elements(?::json) AS e(value)) n}
		WHERE event_deliveries.id = n.id AND event_deliveries.state <> 'dead'`
	qTryAgain = `UPDATE event_deliveries SET attempts = n.attempts, due_at = n.at, reason = n.reason FROM ` + outcomes
	qGiveUp   = `UPDATE event_deliveries SET attempts = n.attempts, died_at = n.at, reason = n.reason, state = 'dead' FROM ` + outcomes

	qPromote = `UPDATE event_deliveries SET state = 'head' WHERE state = 'behind' AND id {lite:IN (}{pg:= ANY (ARRAY (}
		SELECT (SELECT w.id` + oldestOfLane + `) FROM {lite:(SELECT value ->> 0 AS target, value ->> 1 AS lane FROM json_each(?)) n}{pg:
		(SELECT (value ->> 0) COLLATE "C" AS target, (value ->> 1) COLLATE "C" AS lane FROM json_array_elements(?::json) AS e(value)) n}{lite:)}{pg:))}`
)

// lockTargets holds targets until the transaction ends. SQLite has one writer.
func lockTargets(t *tx, targets []string) error {
	if !t.d.numbered || len(targets) == 0 {
		return nil
	}
	_, err := t.exec(qLockTargets, slices.Compact(slices.Sorted(slices.Values(targets))))
	return err
}

func targetsOf(deliveries []meta.NewDelivery) []string {
	all := make([]string, len(deliveries))
	for n, d := range deliveries {
		all[n] = toText(d.Target)
	}
	return all
}

// laneOf is a lane of a target.
type laneOf struct{ target, lane string }

// insertDeliveries queues deliveries of events that are there, whose targets
// are held.
func insertDeliveries(t *tx, all []meta.NewDelivery) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([][9]any, len(all))
	seen := map[laneOf]bool{}
	for n, d := range all {
		at := laneOf{toText(d.Target), toText(d.Lane)}
		behind := 0
		if d.Lane != "" && seen[at] {
			behind = 1
		}
		seen[at] = true
		rows[n] = [9]any{d.Event, toText(d.Account), toText(d.Rule), toText(d.TargetID), at.target, at.lane, micros(d.QueuedAt), toText(d.Replay), behind}
	}
	_, err := t.exec(qInsertDeliveries, toJSON(rows))
	return err
}

// WaitingTargets is part of meta.Deliveries.
func (s *Store) WaitingTargets(ctx context.Context) ([]meta.WaitingTarget, error) {
	var all []meta.WaitingTarget
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var w meta.WaitingTarget
		var due int64
		err := rows.Scan(&w.Target, &w.Account, &w.Rule, &w.TargetID, &due)
		w.Due = fromMicros(due)
		all = append(all, w)
		return err
	}, qWaitingTargets)
	slices.SortFunc(all, func(a, b meta.WaitingTarget) int { return cmp.Compare(a.Target, b.Target) })
	return all, err
}

// DueDeliveries is part of meta.Deliveries. What has been due for longest is
// taken first, with what follows it in its lane, and answered in order of ids.
func (s *Store) DueDeliveries(ctx context.Context, target string, now time.Time, limit, maxBytes int) ([]meta.Delivery, time.Time, error) {
	rows, next, err := dueRows(ctx, s.read, target, micros(now), max(limit, 0))
	if err != nil || len(rows) == 0 {
		return nil, fromMicros(next), err
	}
	ids := within(rows, limit, maxBytes)
	if len(ids) < len(rows) || len(ids) == limit {
		next = micros(now) // there is more, or may be
	}
	all := make([]meta.Delivery, 0, len(ids))
	err = each(ctx, s.read, func(r *sql.Rows) error {
		d, err := readDelivery(r)
		all = append(all, d)
		return err
	}, qDeliveriesOfIDs, s.d.intList(ids))
	return all, fromMicros(next), err
}

// dueRow is a delivery without its event.
type dueRow struct {
	sized
	lane string
	due  int64
}

// dueRows answers what is due, in order of ids, and when the next head will be.
func dueRows(ctx context.Context, from statements, target string, now int64, limit int) (due []sized, next int64, err error) {
	var all []dueRow
	err = each(ctx, from, func(r *sql.Rows) error {
		var d dueRow
		err := r.Scan(&d.id, &d.lane, &d.due, &d.size)
		all = append(all, d)
		return err
	}, qDue, target, now, limit, target, limit, limit, target, now)
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(all, func(a, b dueRow) int { return cmp.Compare(a.id, b.id) })
	blocked := map[string]bool{}
	for _, d := range all {
		switch {
		case d.lane != "" && blocked[d.lane]:
		case d.due <= now:
			due = append(due, d.sized)
		default:
			blocked[d.lane] = true
			if next == 0 || d.due < next {
				next = d.due
			}
		}
	}
	return due, next, nil
}

// readDelivery reads a row of deliveryColumns and what follows them.
func readDelivery(rows *sql.Rows, more ...any) (meta.Delivery, error) {
	var d meta.Delivery
	var queued, at int64
	err := rows.Scan(append([]any{&d.ID, &d.Event, &d.Account, &d.Rule, &d.TargetID, &d.Target, &d.Lane, &queued, &d.Replay, &d.Attempts, &at, &d.Body}, more...)...)
	d.QueuedAt, d.At = fromMicros(queued), fromMicros(at)
	return d, err
}

// Settle is part of meta.Deliveries.
func (s *Store) Settle(ctx context.Context, all []meta.Settlement) error {
	if len(all) == 0 {
		return ctx.Err()
	}
	var gone []int64
	err := s.write(ctx, func(t *tx) (err error) {
		gone, err = settle(t, all)
		return err
	})
	if err == nil {
		s.purged.letGo(gone)
	}
	return err
}

// settle answers the events of deliveries that are gone.
func settle(t *tx, all []meta.Settlement) (events []int64, err error) {
	var delivered []int64
	var again, givenUp [][4]any
	ids := make([]int64, len(all))
	for n, o := range all {
		ids[n] = o.ID
		switch o.Outcome {
		case meta.TryAgain:
			again = append(again, [4]any{o.ID, o.Attempts, micros(o.DueAt), toText(o.Reason)})
		case meta.GivenUp:
			givenUp = append(givenUp, [4]any{o.ID, o.Attempts, micros(o.At), toText(o.Reason)})
		default:
			delivered = append(delivered, o.ID)
		}
	}
	lanes, err := holdDeliveries(t, ids)
	if err != nil {
		return nil, err
	}
	if len(delivered) > 0 {
		if events, err = changedIDs(t, qRemoveDeliveries, t.d.intList(sortedIDs(delivered))); err != nil {
			return nil, err
		}
	}
	if len(again) > 0 {
		if _, err := t.exec(qTryAgain, toJSON(again)); err != nil {
			return nil, err
		}
	}
	if len(givenUp) > 0 {
		if _, err := t.exec(qGiveUp, toJSON(givenUp)); err != nil {
			return nil, err
		}
	}
	if len(delivered)+len(givenUp) == 0 {
		return nil, nil
	}
	return events, promote(t, lanes)
}

// holdDeliveries holds the targets of deliveries, and answers the lanes whose
// heads are among them.
func holdDeliveries(t *tx, ids []int64) ([]laneOf, error) {
	var targets []string
	var lanes []laneOf
	err := each(t.ctx, t, func(rows *sql.Rows) error {
		var id int64
		var l laneOf
		var state string
		err := rows.Scan(&id, &l.target, &l.lane, &state)
		if targets = append(targets, l.target); l.lane != "" {
			lanes = append(lanes, l)
		}
		return err
	}, qDeliveriesToGo, t.d.intList(ids))
	if err != nil {
		return nil, err
	}
	return lanes, lockTargets(t, targets)
}

// promote makes the oldest of what waits in a lane its head.
func promote(t *tx, lanes []laneOf) error {
	if len(lanes) == 0 {
		return nil
	}
	seen := make(map[laneOf]bool, len(lanes))
	rows := make([][2]string, 0, len(lanes))
	for _, l := range lanes {
		if !seen[l] {
			seen[l], rows = true, append(rows, [2]string{l.target, l.lane})
		}
	}
	_, err := t.exec(qPromote, toJSON(rows))
	return err
}

// DropDeliveries is part of meta.Deliveries.
func (s *Store) DropDeliveries(ctx context.Context, target string, limit int) (int, error) {
	var gone []int64
	err := s.write(ctx, func(t *tx) error {
		rows, _, err := dueRows(t.ctx, t, target, maxMicros, max(limit, 0))
		if err != nil || len(rows) == 0 {
			gone = nil
			return err
		}
		ids := make([]int64, min(limit, len(rows)))
		for n := range ids {
			ids[n] = rows[n].id
		}
		lanes, err := holdDeliveries(t, ids)
		if err != nil {
			return err
		}
		if gone, err = changedIDs(t, qRemoveDeliveries, t.d.intList(ids)); err != nil {
			return err
		}
		return promote(t, lanes)
	})
	if err != nil {
		return 0, err
	}
	s.purged.letGo(gone)
	return len(gone), nil
}
