package sql

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	qLeaseOfOther = `SELECT 1 FROM leases WHERE name = ? AND owner <> ? AND held_until > ?`
	qTakeLease    = `INSERT INTO leases (name, owner, held_until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
		SET owner = excluded.owner, held_until = excluded.held_until WHERE leases.owner = excluded.owner OR leases.held_until <= ?`
	qDropLease = `DELETE FROM leases WHERE name = ? AND owner = ?`
	// A database that one process holds alone has no other's leases in it.
	qVoidLeases = `DELETE FROM leases`
)

// TakeLease is part of meta.Leases. Whoever waits for another to let go costs no
// transaction.
func (s *Store) TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error) {
	if !isName(name) || !isText(owner) {
		return false, registry.InvalidParameter("name", "must be text of at most 1024 bytes")
	}
	var one int
	if held, err := s.read.row(ctx, qLeaseOfOther, []any{name, owner, micros(now)}, &one); err != nil || held {
		return false, err
	}
	var n int64
	err := s.write(ctx, func(t *tx) (err error) {
		n, err = t.exec(qTakeLease, name, owner, micros(until), micros(now))
		return err
	})
	return n > 0 && err == nil, err
}

// DropLease is part of meta.Leases.
func (s *Store) DropLease(ctx context.Context, name, owner string) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qDropLease, name, owner)
		return err
	})
}
