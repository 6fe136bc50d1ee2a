package admin

import (
	"context"
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// EventLog is what the API needs of the events that are stored.
type EventLog interface {
	ListEvents(ctx context.Context, c service.Caller, q service.EventQuery) (service.EventPage, error)
	ReplayEvents(ctx context.Context, c service.Caller, in service.ReplayEvents) (service.Replayed, error)
	ListDeadLetters(ctx context.Context, c service.Caller, q service.DeadLetterQuery) (service.DeadLetterPage, error)
	RetryDeadLetters(ctx context.Context, c service.Caller, q service.DeadLetterQuery, before time.Time) (service.Changed, error)
	DeleteDeadLetters(ctx context.Context, c service.Caller, q service.DeadLetterQuery) (service.Changed, error)
}

// ListEventsInput asks for events in the order in which they were stored, those
// of a time and that match a pattern if they are given. After is where an answer
// before said Next.
type ListEventsInput struct {
	AccountID    *string
	After        *int64
	From, To     *time.Time
	EventPattern *string
	// Settled leaves out the newest where others, which come before them, may
	// still be on their way; who follows the log asks for it.
	Settled    *bool
	MaxResults *int32
}

// ListEventsOutput is a page of events. It may be empty although there is more.
type ListEventsOutput struct {
	Events []LoggedEvent
	Next   *int64
	More   *bool
}

// LoggedEvent is an event in the log.
type LoggedEvent struct {
	ID    *int64
	Time  *time.Time
	Event *string // JSON
}

// ReplayEventsInput asks to deliver events of a time again.
type ReplayEventsInput struct {
	AccountID  *string
	From, To   *time.Time
	RuleName   *string
	ReplayName *string
}

// ReplayEventsOutput tells how many deliveries were queued.
type ReplayEventsOutput struct {
	ReplayName *string
	Deliveries *int64
}

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	ID         *int64
	RuleName   *string
	TargetID   *string
	ReplayName *string
	Attempts   *int64
	Reason     *string
	EventTime  *time.Time
	QueueTime  *time.Time
	DeathTime  *time.Time
	Event      *string // JSON
}

// ListDeadLettersInput asks for dead letters, of a rule or by id.
type ListDeadLettersInput struct {
	AccountID  *string
	RuleName   *string
	IDs        []int64
	NextToken  *string
	MaxResults *int32
}

// ListDeadLettersOutput is a page of them.
type ListDeadLettersOutput struct {
	DeadLetters []DeadLetter
	NextToken   *string
}

// RetryDeadLettersInput asks to try dead letters again: those of a rule, those
// of ids, or all. Before is the time before which they were given up.
type RetryDeadLettersInput struct {
	AccountID *string
	RuleName  *string
	IDs       []int64
	Before    *time.Time
	After     *int64
}

// RetryDeadLettersOutput tells how many are queued. With More, the same call
// with After goes on.
type RetryDeadLettersOutput struct {
	Count *int64
	After *int64
	More  *bool
}

// DeleteDeadLettersInput asks to forget dead letters: those of a rule, those of
// ids, or all.
type DeleteDeadLettersInput struct {
	AccountID *string
	RuleName  *string
	IDs       []int64
}

// DeleteDeadLettersOutput tells how many are gone. With More, the same call goes
// on.
type DeleteDeadLettersOutput struct {
	Count *int64
	More  *bool
}

func (h handlers) eventOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.listEvents), awsapi.Op(h.replayEvents),
		awsapi.Op(h.listDeadLetters), awsapi.Op(h.retryDeadLetters), awsapi.Op(h.deleteDeadLetters),
	}
}

func (h handlers) listEvents(ctx context.Context, in *ListEventsInput) (*ListEventsOutput, error) {
	page, err := h.service.ListEvents(ctx, caller(ctx), service.EventQuery{
		Account: deref(in.AccountID), After: deref(in.After), From: deref(in.From), To: deref(in.To),
		Pattern: deref(in.EventPattern), Settled: deref(in.Settled), Limit: sizeOf(in.MaxResults),
	})
	out := ListEventsOutput{Events: make([]LoggedEvent, len(page.Events)), Next: &page.Next, More: &page.More}
	for i, e := range page.Events {
		body := string(e.Body)
		out.Events[i] = LoggedEvent{ID: &e.ID, Time: &e.At, Event: &body}
	}
	return answer(out, err)
}

func sizeOf(maxResults *int32) int {
	if maxResults == nil {
		return defaultPage
	}
	return int(*maxResults)
}

func (h handlers) replayEvents(ctx context.Context, in *ReplayEventsInput) (*ReplayEventsOutput, error) {
	done, err := h.service.ReplayEvents(ctx, caller(ctx), service.ReplayEvents{
		Account: deref(in.AccountID), From: deref(in.From), To: deref(in.To), Rule: deref(in.RuleName), Name: deref(in.ReplayName),
	})
	return answer(ReplayEventsOutput{ReplayName: &done.Name, Deliveries: count(done.Deliveries)}, err)
}

func count(n int) *int64 {
	wide := int64(n)
	return &wide
}

func (h handlers) listDeadLetters(ctx context.Context, in *ListDeadLettersInput) (*ListDeadLettersOutput, error) {
	p, err := h.page("ListDeadLetters", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID), deref(in.RuleName))
	if err != nil {
		return nil, err
	}
	q := service.DeadLetterQuery{Account: deref(in.AccountID), Rule: deref(in.RuleName), IDs: in.IDs, Limit: p.Size}
	if p.Cursor != "" {
		if q.After, err = strconv.ParseInt(p.Cursor, 10, 64); err != nil {
			return nil, registry.InvalidParameter("nextToken", "Invalid pagination token")
		}
	}
	page, err := h.service.ListDeadLetters(ctx, caller(ctx), q)
	out := ListDeadLettersOutput{DeadLetters: make([]DeadLetter, len(page.Letters))}
	for i, l := range page.Letters {
		out.DeadLetters[i] = wordDeadLetter(l)
	}
	if n := len(page.Letters); page.More && n > 0 {
		next := h.pages.Seal(p.List, strconv.FormatInt(page.Letters[n-1].ID, 10))
		out.NextToken = &next
	}
	return answer(out, err)
}

func wordDeadLetter(l service.DeadLetter) DeadLetter {
	body := string(l.Body)
	return DeadLetter{
		ID: &l.ID, RuleName: &l.Rule, TargetID: &l.TargetID, ReplayName: text(l.Replay), Attempts: count(l.Attempts), Reason: &l.Reason,
		EventTime: sometime(l.EventAt), QueueTime: sometime(l.QueuedAt), DeathTime: sometime(l.DiedAt), Event: &body,
	}
}

func (h handlers) retryDeadLetters(ctx context.Context, in *RetryDeadLettersInput) (*RetryDeadLettersOutput, error) {
	q := service.DeadLetterQuery{Account: deref(in.AccountID), Rule: deref(in.RuleName), IDs: in.IDs, After: deref(in.After)}
	done, err := h.service.RetryDeadLetters(ctx, caller(ctx), q, deref(in.Before))
	return answer(RetryDeadLettersOutput{Count: count(done.Count), After: &done.Last, More: &done.More}, err)
}

func (h handlers) deleteDeadLetters(ctx context.Context, in *DeleteDeadLettersInput) (*DeleteDeadLettersOutput, error) {
	q := service.DeadLetterQuery{Account: deref(in.AccountID), Rule: deref(in.RuleName), IDs: in.IDs}
	done, err := h.service.DeleteDeadLetters(ctx, caller(ctx), q)
	return answer(DeleteDeadLettersOutput{Count: count(done.Count), More: &done.More}, err)
}
