package delivery

import "time"

// Result is what became of a delivery, or of an attempt at it.
type Result string

// The results.
const (
	ResultDelivered   Result = "delivered"
	ResultRetried     Result = "retried"
	ResultGivenUp     Result = "given_up"
	ResultInterrupted Result = "interrupted" // by the end of the process; it is sent again
	ResultDropped     Result = "dropped"     // its target is gone
)

// Results are all of them.
func Results() []Result {
	return []Result{ResultDelivered, ResultRetried, ResultGivenUp, ResultInterrupted, ResultDropped}
}

// Observer is told what happens, for metrics. What is nil is not called; what
// is called must be quick.
type Observer struct {
	// Events: so many events were handed to the rules, which queued so many
	// deliveries.
	Events func(events, deliveries int)
	// Ended: so many deliveries ended so.
	Ended func(r Result, n int)
	// Took: an attempt took so long, however it ended.
	Took func(d time.Duration)
	// Purged: so many events and dead letters were removed for their age.
	Purged func(events, deadLetters int)
}

func (o Observer) withDefaults() Observer {
	if o.Events == nil {
		o.Events = func(int, int) {}
	}
	if o.Ended == nil {
		o.Ended = func(Result, int) {}
	}
	if o.Took == nil {
		o.Took = func(time.Duration) {}
	}
	if o.Purged == nil {
		o.Purged = func(int, int) {}
	}
	return o
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
