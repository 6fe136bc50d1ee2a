package delivery

import "time"

// Result is how an attempt to deliver ended, or what else became of a delivery.
type Result string

// The results.
const (
	ResultDelivered   Result = "delivered"
	ResultRetried     Result = "retried"
	ResultGivenUp     Result = "given_up"
	ResultInterrupted Result = "interrupted"
	ResultDropped     Result = "dropped" // its target is gone
)

// Observer is told what happens, for metrics. What is nil is not called; what
// is called must be quick.
type Observer struct {
	// Events: so many events were handed to the rules, which queued so many
	// deliveries.
	Events func(events, deliveries int)
	// Attempt: a delivery ended so, having taken so long.
	Attempt func(r Result, took time.Duration)
	// Purged: so many events and dead letters were removed for their age.
	Purged func(events, deadLetters int)
}

func (o Observer) events(events, deliveries int) {
	if o.Events != nil {
		o.Events(events, deliveries)
	}
}

func (o Observer) attempt(r Result, took time.Duration) {
	if o.Attempt != nil {
		o.Attempt(r, took)
	}
}

func (o Observer) purged(events, deadLetters int) {
	if o.Purged != nil && events+deadLetters > 0 {
		o.Purged(events, deadLetters)
	}
}

// Load is how an engine is doing.
type Load struct {
	Leading bool // it is the one that delivers
	Targets int  // for which something waits
	Held    int  // of them, left alone for a while because they fail
	Sending int  // messages under way
	Memory  int  // bytes of deliveries that are held
	// Oldest is the age of the oldest event that is known to wait.
	Oldest time.Duration
}

// Load answers how the engine is doing, without asking the store.
func (e *Engine) Load() Load {
	s := e.serving.Load()
	if s == nil {
		return Load{}
	}
	return s.load()
}
