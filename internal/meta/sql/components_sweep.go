package sql

import (
	"context"
	"time"
)

// What no coverage needs is forgotten when it has not been indexed for a day: a
// scan that has indexed an inventory and is about to cover its image has time.
const (
	sweepEvery = time.Hour
	sweepAfter = 24 * time.Hour
	sweepPage  = 100

	unneeded             = `used_at < ? AND NOT EXISTS (SELECT 1 FROM coverage c WHERE c.inventory_id = n.id)`
	qUnneeded            = `SELECT n.id FROM indexed_inventories n WHERE n.id > ? AND n.` + unneeded + ` ORDER BY n.id LIMIT ?`
	qUnneededToSweep     = `SELECT n.id FROM indexed_inventories n WHERE n.id {in} AND n.` + unneeded + `{pg: FOR UPDATE SKIP LOCKED}`
	qSweepHeld           = `DELETE FROM inventory_components WHERE inventory_id {in}`
	qSweepInventories    = `DELETE FROM indexed_inventories WHERE id {in}`
	orphaned             = `NOT EXISTS (SELECT 1 FROM inventory_components h WHERE h.component_id = c.id)`
	qOrphans             = `SELECT c.id FROM components c WHERE c.id > ? AND ` + orphaned + ` ORDER BY c.id LIMIT ?`
	qComponentsToSweep   = `SELECT id FROM components WHERE id {in} ORDER BY id{pg: FOR UPDATE}`
	qOrphansToSweep      = `SELECT c.id FROM components c WHERE c.id {in} AND ` + orphaned
	qSweepProblems       = `DELETE FROM problems WHERE component_id {in}`
	qSweepProblemChanges = `DELETE FROM problem_changes WHERE component_id {in}`
	qSweepComponents     = `DELETE FROM components WHERE id {in}`
)

// sweepComponents forgets inventories that nothing needs, and then what no
// inventory holds.
func (s *Store) sweepComponents(ctx context.Context, usedBefore time.Time) error {
	before := micros(usedBefore)
	err := s.sweep(ctx, func(after int64) (string, []any) { return qUnneeded, []any{after, before, sweepPage} }, func(t *tx, ids []int64) error {
		still, err := column[int64](t.ctx, t, qUnneededToSweep, t.d.intList(ids), before)
		if err != nil || len(still) == 0 {
			return err
		}
		return execAll(t, still, qSweepHeld, qSweepInventories)
	})
	if err != nil {
		return err
	}
	return s.sweep(ctx, func(after int64) (string, []any) { return qOrphans, []any{after, sweepPage} }, func(t *tx, ids []int64) error {
		// Who comes to hold one of them holds a share of its row: on PostgreSQL
		// the question after the lock sees that.
		held, err := column[int64](t.ctx, t, qComponentsToSweep, t.d.intList(ids))
		if err != nil {
			return err
		}
		still, err := column[int64](t.ctx, t, qOrphansToSweep, t.d.intList(held))
		if err != nil || len(still) == 0 {
			return err
		}
		return execAll(t, still, qSweepProblems, qSweepProblemChanges, qSweepComponents)
	})
}

// sweep goes through what page answers, in order of ids.
func (s *Store) sweep(ctx context.Context, page func(after int64) (string, []any), remove func(*tx, []int64) error) error {
	for after := int64(0); ; {
		statement, args := page(after)
		ids, err := column[int64](ctx, s.read, statement, args...)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.write(ctx, func(t *tx) error { return remove(t, ids) }); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}

// execAll runs statements for the same ids.
func execAll(t *tx, ids []int64, all ...string) error {
	for _, statement := range all {
		if _, err := t.exec(statement, t.d.intList(ids)); err != nil {
			return err
		}
	}
	return nil
}
