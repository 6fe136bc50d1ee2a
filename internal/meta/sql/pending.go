package sql

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

var errPending = errors.New("sql: not there yet")

func (s *Store) AppendEvents(ctx context.Context, events []meta.Event) error { return errPending }
func (s *Store) PendingEvents(ctx context.Context, limit, maxBytes int) ([]meta.Event, error) {
	return nil, errPending
}
func (s *Store) FanOut(ctx context.Context, events []int64, deliveries []meta.NewDelivery) error {
	return errPending
}
func (s *Store) ListEvents(ctx context.Context, account string, q meta.EventQuery) ([]meta.Event, error) {
	return nil, errPending
}
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	return 0, errPending
}
func (s *Store) WaitingTargets(ctx context.Context) ([]meta.WaitingTarget, error) {
	return nil, errPending
}
func (s *Store) DueDeliveries(ctx context.Context, target string, now time.Time, limit, maxBytes int) ([]meta.Delivery, time.Time, error) {
	return nil, time.Time{}, errPending
}
func (s *Store) Settle(ctx context.Context, all []meta.Settlement) error { return errPending }
func (s *Store) DropDeliveries(ctx context.Context, target string, limit int) (int, error) {
	return 0, errPending
}
func (s *Store) DeadLetters(ctx context.Context, account string, q meta.DeadLetterQuery) ([]meta.DeadLetter, error) {
	return nil, errPending
}
func (s *Store) RetryDeadLetters(ctx context.Context, account string, q meta.DeadLetterQuery, now time.Time) (int, error) {
	return 0, errPending
}
func (s *Store) DeleteDeadLetters(ctx context.Context, account string, q meta.DeadLetterQuery) (int, error) {
	return 0, errPending
}
func (s *Store) PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error) {
	return 0, errPending
}
func (s *Store) TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error) {
	return false, errPending
}
func (s *Store) DropLease(ctx context.Context, name, owner string) error { return errPending }
