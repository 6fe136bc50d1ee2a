package service

import (
	"context"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/event/pattern"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Replayer hands events that are stored to the rules again.
type Replayer interface {
	// Replay queues deliveries of the events of an account from a time until
	// another, to the targets of one rule or, if rule is empty, of all, and
	// answers how many. Dead letters of them say the name. Errors:
	// ResourceNotFound, InvalidState (a disabled rule).
	Replay(ctx context.Context, account string, from, to time.Time, rule, name string) (int, error)
}

// StoredEvent is an event in the log.
type StoredEvent struct {
	// ID is its place in the log.
	ID   int64
	At   time.Time
	Body []byte // in JSON
}

// EventQuery asks for a page of an account's events, in the order in which they
// were stored.
type EventQuery struct {
	Account  string // empty: the caller's own
	After    int64  // exclusive
	From, To time.Time
	// Pattern is an event pattern; empty: every event.
	Pattern string
	// Settled leaves out events that are so young that others, which come
	// before them, may still be on their way. Who follows the log asks for it.
	Settled bool
	Limit   int
}

// EventPage is a page of events.
type EventPage struct {
	Events []StoredEvent
	// Next is the After of the next page, also of one that nothing is on yet.
	Next int64
	// More says that there may be something on it now.
	More bool
}

// Bounds of one answer.
const (
	logStep     = 32 // rows that are read at a time: one may have 256 KiB
	logBytes    = 1 << 20
	logLooks    = 2000    // events that are compared with a pattern
	logCompared = 2 << 20 // bytes of them
	lettersStep = 500     // dead letters that one transaction removes
)

// settleAfter is how long a transaction that has made events is given to end.
const settleAfter = 5 * time.Second

// allowEventLog authorises an operation on the events of an account that there
// is.
func (s *Service) allowEventLog(ctx context.Context, c Caller, account, operation string) (string, error) {
	account, err := s.AllowManaging(ctx, c, account, operation)
	if err != nil {
		return account, err
	}
	if _, err := s.Store.Record(ctx, "", meta.AccountRecord, account); err != nil {
		return account, entityError(meta.AccountRecord, account, err)
	}
	return account, nil
}

// ListEvents answers a page of an account's events, bounded in bytes too. A
// page may be empty although there is more: a pattern may match little.
// Errors: NoSuchEntity, InvalidEventPattern.
func (s *Service) ListEvents(ctx context.Context, c Caller, q EventQuery) (EventPage, error) {
	account, err := s.allowEventLog(ctx, c, q.Account, "ListEvents")
	if err != nil {
		return EventPage{}, err
	}
	wanted, err := eventFilter(q.Pattern)
	if err != nil {
		return EventPage{}, err
	}
	if settled := s.Now().Add(-settleAfter); q.Settled && !s.Alone && (q.To.IsZero() || q.To.After(settled)) {
		q.To = settled
	}
	return s.readEvents(ctx, account, q, wanted)
}

// eventFilter compiles a pattern into a question about the JSON of an event.
func eventFilter(text string) (func(body []byte) bool, error) {
	if text == "" {
		return func([]byte) bool { return true }, nil
	}
	p, err := pattern.Compile(text)
	return func(body []byte) bool {
		value, err := pattern.Decode(body)
		return err == nil && p.Match(value)
	}, err
}

func (s *Service) readEvents(ctx context.Context, account string, q EventQuery, wanted func([]byte) bool) (EventPage, error) {
	page := EventPage{Next: q.After, More: true}
	for looked, compared, size := 0, 0, 0; looked < logLooks && compared < logCompared; {
		found, err := s.Store.ListEvents(ctx, account, meta.EventQuery{After: page.Next, From: q.From, To: q.To, Limit: logStep})
		if err != nil {
			return EventPage{}, err
		}
		for _, e := range found {
			page.Next, looked, compared = e.ID, looked+1, compared+len(e.Body)
			if !wanted(e.Body) {
				continue
			}
			page.Events = append(page.Events, StoredEvent{ID: e.ID, At: e.At, Body: e.Body})
			if size += len(e.Body); len(page.Events) >= q.Limit || size >= logBytes {
				return page, nil
			}
		}
		if len(found) < logStep {
			page.More = false
			return page, nil
		}
	}
	return page, nil
}

// ReplayEvents asks to deliver events again.
type ReplayEvents struct {
	Account  string // empty: the caller's own
	From, To time.Time
	Rule     string // empty: all rules
	Name     string // empty: one is made
}

// Replayed is what came of it.
type Replayed struct {
	Name       string
	Deliveries int
}

// ReplayEvents queues deliveries of stored events, as if they had just happened.
// Errors: NoSuchEntity, InvalidParameter, ResourceNotFound and InvalidState of
// the rule, Unsupported.
func (s *Service) ReplayEvents(ctx context.Context, c Caller, in ReplayEvents) (Replayed, error) {
	account, err := s.allowEventLog(ctx, c, in.Account, "ReplayEvents")
	if err != nil {
		return Replayed{}, err
	}
	now := s.Now()
	if in.To.IsZero() || in.To.After(now) {
		in.To = now
	}
	if in.Name == "" {
		in.Name = "replay-" + now.UTC().Format("20060102T150405Z")
	}
	switch {
	case s.Replays == nil:
		return Replayed{}, registry.Errorf(registry.CodeUnsupported, "Events cannot be replayed here.")
	case !in.From.Before(in.To):
		return Replayed{}, registry.InvalidParameter("from", "must be before the end of the replay")
	case !validReplayName(in.Name):
		return Replayed{}, registry.InvalidParameter("name", "must satisfy regular expression '[.\\-_A-Za-z0-9]{1,64}'")
	}
	n, err := s.Replays.Replay(ctx, account, in.From, in.To, in.Rule, in.Name)
	if err != nil {
		return Replayed{}, err
	}
	return Replayed{Name: in.Name, Deliveries: n}, nil
}

func validReplayName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return len(name) >= 1 && len(name) <= 64 && strings.Trim(name, letters) == ""
}
