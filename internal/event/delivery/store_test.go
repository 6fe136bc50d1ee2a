package delivery_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// store is a delivery.Store in memory that fails when it is told to.
type store struct {
	mu      sync.Mutex
	nextID  int64
	events  []meta.Event
	pending map[int64]bool
	rows    map[string][]*row // by target, in order of id
	byID    map[int64]*row
	dead    []meta.DeadLetter
	leases  map[string]lease
	reads   int // DueDeliveries
	settles int
	fanOuts int
	// failing answers the error of a method, if it is to fail.
	failing func(method string) error
}

type row struct {
	meta.Delivery
	due time.Time
}

type lease struct {
	owner string
	until time.Time
}

func newStore() *store {
	return &store{
		pending: map[int64]bool{}, rows: map[string][]*row{}, byID: map[int64]*row{}, leases: map[string]lease{},
		failing: func(string) error { return nil },
	}
}

// fail has methods fail from now on; none: no more.
func (s *store) fail(methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = func(m string) error {
		if slices.Contains(methods, m) {
			return errors.New("the store is out of order")
		}
		return nil
	}
}

func (s *store) begin(ctx context.Context, method string) error {
	s.mu.Lock()
	return cmp.Or(ctx.Err(), s.failing(method))
}

func (s *store) AppendEvents(ctx context.Context, events []meta.Event) error {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "AppendEvents"); err != nil {
		return err
	}
	for _, ev := range events {
		s.nextID++
		ev.ID = s.nextID
		s.events = append(s.events, ev)
		s.pending[ev.ID] = true
	}
	return nil
}

func (s *store) PendingEvents(ctx context.Context, limit, maxBytes int) ([]meta.Event, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "PendingEvents"); err != nil || len(s.pending) == 0 {
		return nil, err
	}
	var out []meta.Event
	bytes := 0
	for _, ev := range s.events {
		if !s.pending[ev.ID] {
			continue
		}
		if len(out) == limit || bytes >= maxBytes {
			break
		}
		out = append(out, ev)
		bytes += len(ev.Body)
	}
	return out, nil
}

func (s *store) event(id int64) *meta.Event {
	n, ok := slices.BinarySearchFunc(s.events, id, func(ev meta.Event, id int64) int { return cmp.Compare(ev.ID, id) })
	if !ok {
		return nil
	}
	return &s.events[n]
}

func (s *store) FanOut(ctx context.Context, events []int64, deliveries []meta.NewDelivery) error {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "FanOut"); err != nil {
		return err
	}
	s.fanOuts++
	for _, id := range events {
		delete(s.pending, id)
	}
	for _, d := range deliveries {
		s.nextID++
		ev := s.event(d.Event)
		r := &row{Delivery: meta.Delivery{NewDelivery: d, ID: s.nextID, At: ev.At, Body: ev.Body}, due: d.QueuedAt}
		s.rows[d.Target] = append(s.rows[d.Target], r)
		s.byID[r.ID] = r
	}
	return nil
}

func (s *store) ListEvents(ctx context.Context, account string, q meta.EventQuery) ([]meta.Event, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "ListEvents"); err != nil {
		return nil, err
	}
	var out []meta.Event
	for _, ev := range s.events {
		if ev.Account == account && ev.ID > q.After && !ev.At.Before(q.From) && (q.To.IsZero() || ev.At.Before(q.To)) && len(out) < q.Limit {
			out = append(out, ev)
		}
	}
	return out, nil
}

func (s *store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "PurgeEvents"); err != nil {
		return 0, err
	}
	waited := map[int64]bool{}
	for _, r := range s.byID {
		waited[r.Event] = true
	}
	n := 0
	s.events = slices.DeleteFunc(s.events, func(ev meta.Event) bool {
		gone := n < limit && ev.At.Before(before) && !s.pending[ev.ID] && !waited[ev.ID]
		if gone {
			n++
		}
		return gone
	})
	return n, nil
}

func (s *store) PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "PurgeDeadLetters"); err != nil {
		return 0, err
	}
	n := 0
	s.dead = slices.DeleteFunc(s.dead, func(d meta.DeadLetter) bool {
		gone := n < limit && d.DiedAt.Before(before)
		if gone {
			n++
		}
		return gone
	})
	return n, nil
}

func (s *store) WaitingTargets(ctx context.Context) ([]meta.WaitingTarget, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "WaitingTargets"); err != nil {
		return nil, err
	}
	var out []meta.WaitingTarget
	for target, rows := range s.rows {
		if len(rows) == 0 {
			continue
		}
		w := meta.WaitingTarget{Target: target, Account: rows[0].Account, Rule: rows[0].Rule, TargetID: rows[0].TargetID, Due: rows[0].due}
		for _, r := range rows {
			if r.due.Before(w.Due) {
				w.Due = r.due
			}
		}
		out = append(out, w)
	}
	return out, nil
}

func (s *store) DueDeliveries(ctx context.Context, target string, now time.Time, limit, maxBytes int) (due []meta.Delivery, next time.Time, err error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "DueDeliveries"); err != nil {
		return nil, time.Time{}, err
	}
	s.reads++
	blocked := map[string]bool{}
	bytes := 0
	for _, r := range s.rows[target] {
		switch {
		case r.Lane != "" && blocked[r.Lane]:
		case r.due.After(now):
			blocked[r.Lane] = true
			if next.IsZero() || r.due.Before(next) {
				next = r.due
			}
		case len(due) < limit && bytes < maxBytes:
			due = append(due, r.Delivery)
			bytes += len(r.Body)
		default:
			return due, next, nil
		}
	}
	return due, next, nil
}

func (s *store) Settle(ctx context.Context, all []meta.Settlement) error {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "Settle"); err != nil {
		return err
	}
	s.settles++
	for _, st := range all {
		r := s.byID[st.ID]
		switch {
		case r == nil:
			continue
		case st.Outcome == meta.TryAgain:
			r.due, r.Attempts = st.DueAt, st.Attempts
			continue
		case st.Outcome == meta.GivenUp:
			r.Attempts = st.Attempts
			s.dead = append(s.dead, meta.DeadLetter{Delivery: r.Delivery, Reason: st.Reason, DiedAt: st.At})
		}
		s.remove(r)
	}
	return nil
}

func (s *store) remove(r *row) {
	delete(s.byID, r.ID)
	rows := s.rows[r.Target]
	n, _ := slices.BinarySearchFunc(rows, r.ID, func(r *row, id int64) int { return cmp.Compare(r.ID, id) })
	if n == 0 { // the usual case
		s.rows[r.Target] = rows[1:]
		return
	}
	s.rows[r.Target] = slices.Delete(rows, n, n+1)
}

func (s *store) DropDeliveries(ctx context.Context, target string, limit int) (int, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "DropDeliveries"); err != nil {
		return 0, err
	}
	rows := s.rows[target]
	n := min(limit, len(rows))
	for _, r := range rows[:n] {
		delete(s.byID, r.ID)
	}
	s.rows[target] = rows[n:]
	return n, nil
}

func (s *store) TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error) {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "TakeLease"); err != nil {
		return false, err
	}
	if l, ok := s.leases[name]; ok && l.owner != owner && l.until.After(now) {
		return false, nil
	}
	s.leases[name] = lease{owner, until}
	return true, nil
}

func (s *store) DropLease(ctx context.Context, name, owner string) error {
	defer s.mu.Unlock()
	if err := s.begin(ctx, "DropLease"); err != nil {
		return err
	}
	if s.leases[name].owner == owner {
		delete(s.leases, name)
	}
	return nil
}

// waiting is how many deliveries wait.
func (s *store) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

func (s *store) deadLetters() []meta.DeadLetter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dead)
}

// failures are how often each of what waits has failed.
func (s *store) failures() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []int
	for _, r := range s.byID {
		all = append(all, r.Attempts)
	}
	return all
}

func (s *store) readsSoFar() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}
