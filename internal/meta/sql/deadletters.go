package sql

import (
	"context"
	"database/sql"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	deadLetters   = `SELECT ` + deliveryColumns + `, d.reason, d.died_at` + deliveries + ` WHERE d.state = 'dead' AND d.account = ? AND d.id > ?`
	deadLetterIDs = `SELECT d.id FROM event_deliveries d WHERE d.state = 'dead' AND d.account = ? AND d.id > ?`
	ofRule        = ` AND d.rule = ?`
	ofIDs         = ` AND d.id {in}`
	pageOfDead    = ` ORDER BY d.id LIMIT ?`
	forUpdate     = `{pg: FOR UPDATE OF d}`

	qRemoveDead = `DELETE FROM event_deliveries WHERE id {in} AND state = 'dead' RETURNING event_id`
	qOldestDead = `SELECT d.id FROM event_deliveries d WHERE d.state = 'dead' AND d.died_at < ? ORDER BY d.died_at LIMIT ?{pg: FOR UPDATE SKIP LOCKED}`
)

// selectDead writes a question for a page of dead letters.
func (d *dialect) selectDead(statement, account string, q meta.DeadLetterQuery) (string, []any) {
	args := []any{account, q.After}
	if q.Rule != "" {
		statement, args = statement+ofRule, append(args, q.Rule)
	}
	if len(q.IDs) > 0 {
		statement, args = statement+ofIDs, append(args, d.intList(q.IDs))
	}
	return statement + pageOfDead, append(args, max(q.Limit, 0))
}

// DeadLetters is part of meta.DeadLetters.
func (s *Store) DeadLetters(ctx context.Context, account string, q meta.DeadLetterQuery) ([]meta.DeadLetter, error) {
	statement, args := s.d.selectDead(deadLetters, account, q)
	var all []meta.DeadLetter
	err := eachDead(ctx, s.read, func(l meta.DeadLetter) { all = append(all, l) }, statement, args)
	return all, err
}

func eachDead(ctx context.Context, from statements, do func(meta.DeadLetter), statement string, args []any) error {
	return each(ctx, from, func(rows *sql.Rows) error {
		var l meta.DeadLetter
		var died int64
		var err error
		l.Delivery, err = readDelivery(rows, &l.Reason, &died)
		l.DiedAt = fromMicros(died)
		do(l)
		return err
	}, statement, args...)
}

// RetryDeadLetters is part of meta.DeadLetters. They are queued as new ones,
// behind what waits in their lanes.
func (s *Store) RetryDeadLetters(ctx context.Context, account string, q meta.DeadLetterQuery, now time.Time) (int, error) {
	statement, args := s.d.selectDead(deadLetters, account, q)
	retried := 0
	err := s.write(ctx, func(t *tx) error {
		var again []meta.NewDelivery
		var ids []int64
		err := eachDead(t.ctx, t, func(l meta.DeadLetter) {
			l.QueuedAt = now
			again, ids = append(again, l.NewDelivery), append(ids, l.ID)
		}, statement+forUpdate, args)
		if retried = len(ids); err != nil || retried == 0 {
			return err
		}
		if err := lockTargets(t, targetsOf(again)); err != nil {
			return err
		}
		if err := insertDeliveries(t, again); err != nil {
			return err
		}
		_, err = changedIDs(t, qRemoveDead, t.d.intList(ids))
		return err
	})
	if err != nil {
		return 0, err
	}
	return retried, nil
}

// DeleteDeadLetters is part of meta.DeadLetters.
func (s *Store) DeleteDeadLetters(ctx context.Context, account string, q meta.DeadLetterQuery) (int, error) {
	statement, args := s.d.selectDead(deadLetterIDs, account, q)
	return s.removeDead(ctx, statement+forUpdate, args...)
}

// PurgeDeadLetters is part of meta.DeadLetters.
func (s *Store) PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.removeDead(ctx, qOldestDead, micros(before), max(limit, 0))
}

// removeDead removes the dead letters that a question answers.
func (s *Store) removeDead(ctx context.Context, question string, args ...any) (int, error) {
	var events []int64
	err := s.write(ctx, func(t *tx) error {
		events = nil
		ids, err := column[int64](t.ctx, t, question, args...)
		if err != nil || len(ids) == 0 {
			return err
		}
		events, err = changedIDs(t, qRemoveDead, t.d.intList(ids))
		return err
	})
	if err != nil {
		return 0, err
	}
	s.purged.letGo(events)
	return len(events), nil
}
