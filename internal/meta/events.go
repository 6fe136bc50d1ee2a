package meta

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Event is an event as it is kept: first to be handed to the rules, then, for a
// while, to be read and replayed.
type Event struct {
	ID      int64 // given by the store; grows, for events of one lane in the order of their commits
	Account string
	// Lane names what the event is about: events of one lane reach a target in
	// order. Those of the lane "" have none.
	Lane string
	At   time.Time
	Body []byte // the event in JSON; never modified
}

// ChangeKind is what has happened to an image.
type ChangeKind int

// The changes that are announced.
const (
	ImagePushed   ChangeKind = iota // IDs: the tags that it got, or the digest alone when there was none and it is new
	ImageDeleted                    // IDs: what is gone
	ImageArchived                   // it is ARCHIVED now
	ImageRestored                   // it is ACTIVE again
	ScanEnded                       // Scan is set
)

// Change is something that has happened to an image in a transaction that is
// about to be committed.
type Change struct {
	Kind       ChangeKind
	Account    string
	Repository string
	// Image is as it is now, or was last: digest, media type, artifact type,
	// subject, tags (of ScanEnded only) and storage class are set.
	Image registry.Image
	IDs   []registry.ImageID
	Scan  *Scan
}

// Announce makes events of a change; they are stored with it. It is called within
// the transaction: again when that is tried again, and perhaps for a change that
// does not come about, whose events are dropped. It must be quick and must not use
// the store. Nil announces nothing.
type Announce func(Change) []Event

// EventQuery selects a page of events, in order of their ids.
type EventQuery struct {
	After    int64     // exclusive
	From, To time.Time // From inclusive, To exclusive; zero: no bound
	Limit    int
}

// Events keeps the outbox: events whose change is committed, those that the
// rules have not seen yet first.
type Events interface {
	// AppendEvents stores events that belong to no other change.
	AppendEvents(ctx context.Context, events []Event) error
	// PendingEvents answers events that were not fanned out, oldest first: at
	// most limit, and no more than one beyond maxBytes of bodies.
	PendingEvents(ctx context.Context, limit, maxBytes int) ([]Event, error)
	// FanOut queues deliveries and notes that events were fanned out, both or
	// nothing. Deliveries of events among the given that are not pending any more
	// are dropped: somebody else has fanned them out. Those of others are a replay
	// of older events; what is gone is passed over.
	FanOut(ctx context.Context, events []int64, deliveries []NewDelivery) error
	// ListEvents answers a page of an account's events, pending ones too.
	ListEvents(ctx context.Context, account string, q EventQuery) ([]Event, error)
	// PurgeEvents removes up to limit events older than before that are neither
	// pending nor waited for, oldest first, and answers how many.
	PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error)
}

// NewDelivery is an event to be delivered to a target. Rule and TargetID say
// in words what Target, a UID, says for ever.
type NewDelivery struct {
	Event    int64
	Account  string
	Rule     string
	TargetID string
	Target   string
	Lane     string
	QueuedAt time.Time
	Replay   string // name of the replay, if it is one
}

// Delivery is an event that waits to be delivered.
type Delivery struct {
	NewDelivery
	ID       int64     // grows in the order in which they were queued
	Attempts int       // that have failed
	At       time.Time // of the event
	Body     []byte
}

// Outcome is how an attempt ended.
type Outcome int

// The outcomes.
const (
	Delivered Outcome = iota // the delivery is forgotten
	TryAgain                 // at DueAt; what waits in the same lane waits with it
	GivenUp                  // it becomes a dead letter
)

// Settlement is what an attempt to deliver has led to.
type Settlement struct {
	ID       int64
	Outcome  Outcome
	Attempts int
	DueAt    time.Time
	Reason   string
	At       time.Time // of the attempt's end
}

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	Delivery
	Reason string
	DiedAt time.Time
}

// DeadLetterQuery selects dead letters, in order of their ids.
type DeadLetterQuery struct {
	Rule  string  // zero: of all rules
	IDs   []int64 // empty: all
	After int64
	Limit int
}

// Deliveries keeps what waits to be delivered, and what was given up. The
// caller sees to it that one process at a time serves a target.
type Deliveries interface {
	// WaitingTargets answers the targets for which something waits. Its cost
	// grows with the targets, not with what waits.
	WaitingTargets(ctx context.Context) ([]WaitingTarget, error)
	// DueDeliveries answers what is due for a target in the order in which it
	// was queued, without what waits behind something of its lane that is not
	// due yet: at most limit, and no more than one beyond maxBytes of bodies.
	// When there is more, it is of what has been due for longest. Its cost grows
	// neither with what waits behind a lane's first nor with other targets. next
	// is when something else that waits becomes due, now when that may be
	// already; zero: never.
	DueDeliveries(ctx context.Context, target string, now time.Time, limit, maxBytes int) (due []Delivery, next time.Time, err error)
	// Settle notes how attempts ended, all or none. Unknown ones are passed over.
	Settle(ctx context.Context, all []Settlement) error
	// DropDeliveries forgets up to limit of what waits for a target that is
	// gone, and answers how many.
	DropDeliveries(ctx context.Context, target string, limit int) (int, error)
}

// WaitingTarget is a target for which something waits.
type WaitingTarget struct {
	Target, Account, Rule, TargetID string
	Due                             time.Time // of what is due first
}

// DeadLetters keeps deliveries that were given up.
type DeadLetters interface {
	// DeadLetters answers a page.
	DeadLetters(ctx context.Context, account string, q DeadLetterQuery) ([]DeadLetter, error)
	// RetryDeadLetters queues up to q.Limit dead letters again, as if they had
	// never been tried, behind what waits in their lanes, and answers how many.
	RetryDeadLetters(ctx context.Context, account string, q DeadLetterQuery, now time.Time) (int, error)
	// DeleteDeadLetters forgets up to q.Limit dead letters.
	DeleteDeadLetters(ctx context.Context, account string, q DeadLetterQuery) (int, error)
	// PurgeDeadLetters forgets up to limit dead letters of all accounts that
	// were given up before a time.
	PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error)
}

// Leases lets one process at a time do something.
type Leases interface {
	// TakeLease takes or prolongs a lease until a time, unless another owner
	// holds it at now; it says whether owner holds it now.
	TakeLease(ctx context.Context, name, owner string, now, until time.Time) (bool, error)
	// DropLease gives a lease up, if owner holds it.
	DropLease(ctx context.Context, name, owner string) error
}
