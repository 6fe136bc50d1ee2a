package service

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	ID       int64
	Rule     string
	TargetID string
	Replay   string // name of the replay that the delivery was of, if it was
	Attempts int
	Reason   string
	EventAt  time.Time
	QueuedAt time.Time
	DiedAt   time.Time
	Body     []byte // the event in JSON
}

// DeadLetterQuery selects dead letters of an account.
type DeadLetterQuery struct {
	Account string  // empty: the caller's own
	Rule    string  // empty: of all rules
	IDs     []int64 // empty: all
	After   int64   // exclusive
	Limit   int
}

// DeadLetterPage is a page of dead letters, in the order of their ids.
type DeadLetterPage struct {
	Letters []DeadLetter
	More    bool
}

// ListDeadLetters answers a page, bounded in bytes too. Errors: NoSuchEntity.
func (s *Service) ListDeadLetters(ctx context.Context, c Caller, q DeadLetterQuery) (DeadLetterPage, error) {
	account, err := s.allowEventLog(ctx, c, q.Account, "ListDeadLetters")
	if err != nil {
		return DeadLetterPage{}, err
	}
	var page DeadLetterPage
	for size := 0; ; {
		found, err := s.Store.DeadLetters(ctx, account, meta.DeadLetterQuery{Rule: q.Rule, IDs: q.IDs, After: q.After, Limit: logStep})
		if err != nil {
			return DeadLetterPage{}, err
		}
		for _, l := range found {
			if len(page.Letters) >= q.Limit || size >= logBytes {
				page.More = true
				return page, nil
			}
			q.After, size = l.ID, size+len(l.Body)
			page.Letters = append(page.Letters, deadLetter(l))
		}
		if len(found) < logStep {
			return page, nil
		}
	}
}

func deadLetter(l meta.DeadLetter) DeadLetter {
	return DeadLetter{
		ID: l.ID, Rule: l.Rule, TargetID: l.TargetID, Replay: l.Replay, Attempts: l.Attempts, Reason: l.Reason,
		EventAt: l.At, QueuedAt: l.QueuedAt, DiedAt: l.DiedAt, Body: l.Body,
	}
}

// lettersAtOnce is how many dead letters one call looks at or changes.
const lettersAtOnce = 5000

// Changed is how many dead letters a call has changed.
type Changed struct {
	Count int
	// Last is the After of another call that goes on, if there is More.
	Last int64
	More bool
}

// RetryDeadLetters queues dead letters again that were given up before a time,
// as if they had never been tried: about lettersAtOnce in one call. Who goes on
// until there are no more says the same time in each call, as what is refused
// for good is back at once. Errors: NoSuchEntity.
func (s *Service) RetryDeadLetters(ctx context.Context, c Caller, q DeadLetterQuery, before time.Time) (Changed, error) {
	account, err := s.allowEventLog(ctx, c, q.Account, "RetryDeadLetters")
	if err != nil {
		return Changed{}, err
	}
	if before.IsZero() {
		before = s.Now()
	}
	done := Changed{Last: q.After, More: true}
	defer func() {
		if done.Count > 0 {
			s.EventsStored()
		}
	}()
	for looked := 0; looked < lettersAtOnce; {
		found, err := s.Store.DeadLetters(ctx, account, meta.DeadLetterQuery{Rule: q.Rule, IDs: q.IDs, After: done.Last, Limit: logStep})
		if err != nil {
			return Changed{}, err
		}
		var ids []int64
		for _, l := range found {
			done.Last, looked = l.ID, looked+1
			if l.DiedAt.Before(before) {
				ids = append(ids, l.ID)
			}
		}
		n, err := s.retry(ctx, account, ids)
		if err != nil {
			return Changed{}, err
		}
		done.Count += n
		if len(found) < logStep {
			done.More = false
			break
		}
	}
	return done, nil
}

func (s *Service) retry(ctx context.Context, account string, ids []int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	return s.Store.RetryDeadLetters(ctx, account, meta.DeadLetterQuery{IDs: ids, Limit: len(ids)}, s.Now())
}

// DeleteDeadLetters forgets dead letters, no more than lettersAtOnce in one
// call. Errors: NoSuchEntity.
func (s *Service) DeleteDeadLetters(ctx context.Context, c Caller, q DeadLetterQuery) (Changed, error) {
	account, err := s.allowEventLog(ctx, c, q.Account, "DeleteDeadLetters")
	if err != nil {
		return Changed{}, err
	}
	done := Changed{More: true}
	for done.More && done.Count < lettersAtOnce {
		n, err := s.Store.DeleteDeadLetters(ctx, account, meta.DeadLetterQuery{Rule: q.Rule, IDs: q.IDs, Limit: lettersStep})
		if err != nil {
			return Changed{}, err
		}
		done.Count, done.More = done.Count+n, n == lettersStep
	}
	return done, nil
}
