package delivery

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/transform"
	"github.com/ecru-registry/ecru/internal/meta"
)

// Rules knows the rules of an account. It is asked for every few events and
// must be quick; what it answers is not modified.
type Rules interface {
	EventRules(ctx context.Context, account string) ([]event.Rule, error)
}

// Outbox is what the relay needs of meta.Events.
type Outbox interface {
	PendingEvents(ctx context.Context, limit, maxBytes int) ([]meta.Event, error)
	FanOut(ctx context.Context, events []int64, deliveries []meta.NewDelivery) error
	ListEvents(ctx context.Context, account string, q meta.EventQuery) ([]meta.Event, error)
	PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error)
	PurgeDeadLetters(ctx context.Context, before time.Time, limit int) (int, error)
}

// Store is what the engine needs of a store.
type Store interface {
	Outbox
	meta.Deliveries
	meta.Leases
}

// Config is what an engine is made of. Zero values of what can be tuned take
// the defaults.
type Config struct {
	Store  Store
	Rules  Rules
	Routes Routes
	Region string // of the ARNs of rules

	EventsKeep      time.Duration // how long events can be replayed; default 24 hours
	DeadLettersKeep time.Duration // default 14 days
	Timeout         time.Duration // of an attempt; default 10 seconds
	Concurrency     int           // messages under way to one target; default 8
	Memory          int           // bytes of deliveries that are held in memory; default 32 MiB
	Poll            time.Duration // longest wait for events that nobody announced; default 1 second
	// Owner names this process among those that share a store; by default it is
	// random, so that a process that was killed holds the lease until it runs
	// out. Where no other process can be there, a fixed name saves that wait.
	Owner string

	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default slog.Default
	Observe Observer
}

const (
	defaultTimeout     = 10 * time.Second
	defaultConcurrency = 8
	defaultMemory      = 32 << 20
	defaultPoll        = time.Second
	defaultEvents      = 24 * time.Hour
	defaultDeadLetters = 14 * 24 * time.Hour

	// maxSends bounds the messages under way to all targets together; beyond,
	// every target has one.
	maxSends = 512
	// Compiled patterns and inputs that are kept; rules beyond cost compiling.
	keptPatterns = 8192
	keptInputs   = 8192
	// stopGrace is how long what is under way may go on when the process stops.
	// Whatever it interrupts is sent again.
	stopGrace = 3 * time.Second
)

// Engine brings events to targets. One of all the engines that share a store
// does so at a time; the others stand by.
type Engine struct {
	config   Config
	log      *slog.Logger
	patterns *lru.Cache[string, compiledPattern]
	inputs   *lru.Cache[string, compiledInput]
	limits   limits
	rules    *knownRules
	sends    atomic.Int64 // messages under way

	wake    chan struct{}
	stopped chan struct{}
	once    sync.Once
	drain   context.CancelFunc // nothing new begins
	cut     context.CancelFunc // what is under way ends
	serving atomic.Pointer[session]
}

// New makes an engine.
func New(c Config) *Engine {
	c.EventsKeep = cmp.Or(c.EventsKeep, defaultEvents)
	c.DeadLettersKeep = cmp.Or(c.DeadLettersKeep, defaultDeadLetters)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Concurrency = cmp.Or(c.Concurrency, defaultConcurrency)
	c.Memory = cmp.Or(c.Memory, defaultMemory)
	c.Poll = cmp.Or(c.Poll, defaultPoll)
	c.Owner = cmp.Or(c.Owner, rand.Text())
	c.Observe = c.Observe.withDefaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	e := &Engine{
		config: c, log: cmp.Or(c.Logger, slog.Default()),
		limits: limits{byKey: map[string]*limit{}},
		rules:  &knownRules{from: c.Rules, now: c.Now, byAccount: map[string]*accountRules{}},
		wake:   make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	// lru.New fails only when it is to keep less than one.
	e.patterns, _ = lru.New[string, compiledPattern](keptPatterns)
	e.inputs, _ = lru.New[string, compiledInput](keptInputs)
	return e
}

// Start begins to deliver once no other engine does. It ends with ctx, at once,
// or with Stop.
func (e *Engine) Start(ctx context.Context) {
	cutting, cut := context.WithCancel(ctx)
	draining, drain := context.WithCancel(cutting)
	e.cut, e.drain = cut, drain
	go func() {
		defer close(e.stopped)
		defer cut()
		e.lead(draining, cutting)
	}()
}

// Stop begins no more attempts and waits for those under way, for a little
// while and no longer than ctx. What was interrupted is sent again by whoever
// goes on. An engine that has been stopped does not start again.
func (e *Engine) Stop(ctx context.Context) error {
	if e.drain == nil {
		return nil // never started
	}
	e.once.Do(e.drain)
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-e.stopped:
		return nil
	case <-ctx.Done():
	case <-grace.C:
	}
	e.cut()
	end := time.NewTimer(stopGrace)
	defer end.Stop()
	select {
	case <-e.stopped:
		return nil
	case <-end.C:
		return fmt.Errorf("delivery: attempts to deliver events did not end within %v", 2*stopGrace)
	}
}

// Wake announces events that were stored. It never blocks.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) now() time.Time { return e.config.Now() }

// ruleARN names a rule to the outside.
func (e *Engine) ruleARN(account, rule string) string {
	return "arn:aws:events:" + e.config.Region + ":" + account + ":rule/" + rule
}

// wait waits for some time, and says whether it came to that before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// compiledInput is the input of a target, or why it has none.
type compiledInput struct {
	input *transform.Input
	err   error
}
