// Package delivery brings events to the targets of the rules that they match:
// it hands the events of the outbox to the rules, keeps what is to be delivered
// in the store, and tries until it arrives or is given up.
//
// A target is served by one process at a time, in lanes: events about one image
// arrive in the order in which they happened. Nothing is delivered only once for
// certain; everything is at least once.
//
// The package knows no protocol of a target: a Sender does. It must not import
// one, nor a store.
package delivery

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
)

// Message is one event on its way to one target.
type Message struct {
	// ID is that of the event: the same for every attempt and every target.
	ID         string
	Account    string
	Source     string
	DetailType string
	Time       time.Time // of the event
	RuleARN    string
	TargetID   string
	Lane       string
	Attempt    int // 1 for the first
	// Event is the event itself, Body what the target gets of it.
	Event, Body []byte
	// Attributes say why a message that was given up is sent to a queue of dead
	// letters; nil otherwise.
	Attributes map[string]string
}

// Sender sends to one target. Many goroutines call it at once.
type Sender interface {
	// Send answers nil once the target has the message for good. An *Error says
	// more about a failure; any other error is worth another attempt.
	Send(ctx context.Context, m Message) error
}

// Route is how a target is reached.
type Route struct {
	Sender Sender
	// Concurrency is how many messages may be under way at a time; 0 is the
	// engine's default.
	Concurrency int
	// Rate is how many messages a second all targets of the same RateKey may
	// get; 0: any number.
	Rate    float64
	RateKey string
}

// Routes finds the way to a target. It is asked often, and must be quick for a
// target that has not changed. An *Error that is permanent says that there is no
// such way, such as a destination that is gone.
type Routes interface {
	Route(ctx context.Context, account string, t event.Target) (Route, error)
}

// Error is a failure to deliver.
type Error struct {
	// Permanent says that no other attempt would go better.
	Permanent bool
	// After is how long the target wants to be left alone; 0 when it did not say.
	After time.Duration
	// Status is what the target said in short, such as "HTTP 503"; it is kept
	// with dead letters.
	Status string
	Err    error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Status
	case e.Status == "":
		return e.Err.Error()
	}
	return e.Status + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
