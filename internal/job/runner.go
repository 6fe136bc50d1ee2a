package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"
)

// Handler does one job. It must be able to do it twice. Its context ends when
// the job has taken too long or the process stops.
type Handler func(ctx context.Context, j Job) error

// Options tune a Runner. Zero values take the defaults.
type Options struct {
	Workers     int           // jobs at a time; default 2
	Lease       time.Duration // default 1 minute
	Poll        time.Duration // longest wait for work that nobody announced; default 1 second
	MaxRun      time.Duration // longest run of a job; default 30 minutes
	MaxAttempts int           // claims before a job is buried; default 10
	// Backoff is the wait after the first failure; it doubles up to MaxBackoff.
	// Defaults: 1 second and 10 minutes.
	Backoff, MaxBackoff time.Duration
	Now                 func() time.Time // default time.Now
	Logger              *slog.Logger     // default slog.Default
	// Observe, when set, is told how each job ended.
	Observe func(Result)
}

// Outcome says how a job ended.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Retried Outcome = "retried"
	Buried  Outcome = "buried"
)

// Result is one ended job, for metrics.
type Result struct {
	Job     Job
	Outcome Outcome
	Took    time.Duration
}

// errStopping is the cause of the end of a handler's context when the process
// stops before the job was done.
var errStopping = errors.New("job: the process is stopping")

// stopGrace is how long handlers have to notice the end of their context.
const stopGrace = 2 * time.Second

// Runner claims jobs and hands them to handlers.
type Runner struct {
	queue    Queue
	options  Options
	handlers map[string]Handler

	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{} // closed when the last job has ended
	once    sync.Once
	cancel  context.CancelCauseFunc
}

// NewRunner makes a runner of a queue's jobs.
func NewRunner(queue Queue, options Options) *Runner {
	return &Runner{
		queue:    queue,
		options:  options.withDefaults(),
		handlers: map[string]Handler{},
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
}

func (o Options) withDefaults() Options {
	o.Workers = orDefault(o.Workers, 2)
	o.Lease = orDefault(o.Lease, time.Minute)
	o.Poll = orDefault(o.Poll, time.Second)
	o.MaxRun = orDefault(o.MaxRun, 30*time.Minute)
	o.MaxAttempts = orDefault(o.MaxAttempts, 10)
	o.Backoff = orDefault(o.Backoff, time.Second)
	o.MaxBackoff = orDefault(o.MaxBackoff, 10*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Observe == nil {
		o.Observe = func(Result) {}
	}
	return o
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Handle says what does the jobs of a kind. It is called before Start, once
// for each kind.
func (r *Runner) Handle(kind string, h Handler) {
	r.handlers[kind] = h
}

// Start begins to claim jobs. It ends with ctx, at once, or with Stop.
func (r *Runner) Start(ctx context.Context) {
	r.handlers = maps.Clone(r.handlers) // a late Handle is no data race
	ctx, r.cancel = context.WithCancelCause(ctx)
	go r.dispatch(ctx)
}

// Wake announces work that is due now. It never blocks.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Stop claims no more jobs and waits for the running ones. When ctx ends first
// they are interrupted, to be tried again by whoever claims them next. A runner
// that has been stopped does not start again.
func (r *Runner) Stop(ctx context.Context) error {
	r.once.Do(func() { close(r.stop) })
	if r.cancel == nil {
		return nil // never started
	}
	defer r.cancel(errStopping)
	select {
	case <-r.stopped:
		return nil
	case <-ctx.Done():
	}
	r.cancel(errStopping)
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-r.stopped:
		return nil
	case <-grace.C:
		return fmt.Errorf("job: running jobs did not end: %w", ctx.Err())
	}
}

// dispatch claims as many jobs as there are idle workers whenever there may be
// some: after a wake, a poll, or the end of a job when the last claim was full.
func (r *Runner) dispatch(ctx context.Context) {
	defer close(r.stopped)
	var running sync.WaitGroup
	defer running.Wait()
	poll := time.NewTicker(r.options.Poll)
	defer poll.Stop()
	ended := make(chan struct{}, r.options.Workers)
	for idle, more := r.options.Workers, true; ; {
		if more && idle > 0 {
			jobs := r.claim(ctx, idle)
			for _, j := range jobs {
				running.Go(func() {
					defer func() { ended <- struct{}{} }()
					r.run(ctx, j)
				})
			}
			more = len(jobs) == idle
			idle -= len(jobs)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.stop:
			return
		case <-ended:
			idle++
		case <-r.wake:
			more = true
		case <-poll.C:
			more = true
		}
	}
}

func (r *Runner) claim(ctx context.Context, n int) []Job {
	select {
	case <-r.stop: // select is not fair to it when there is other news
		return nil
	default:
	}
	jobs, err := r.queue.ClaimJobs(ctx, r.options.Now(), r.options.Lease, n)
	if err != nil {
		if ctx.Err() == nil {
			r.options.Logger.Error("claiming jobs", "error", err)
		}
		return nil
	}
	return jobs
}

// run does a job and tells the queue what became of it.
func (r *Runner) run(ctx context.Context, j Job) {
	begin := time.Now()
	err := r.attempt(ctx, j)
	outcome := r.settle(ctx, j, err)
	r.options.Observe(Result{Job: j, Outcome: outcome, Took: time.Since(begin)})
}

func (r *Runner) attempt(ctx context.Context, j Job) error {
	if j.Attempts > r.options.MaxAttempts {
		return Permanent(errors.New("given up: no attempt came to an end"))
	}
	handle, ok := r.handlers[j.Kind]
	if !ok {
		return fmt.Errorf("nothing here does jobs of kind %q", j.Kind)
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.MaxRun)
	defer cancel()
	defer r.keepLease(ctx, j)()
	return contain(ctx, handle, j)
}

// contain makes a panic the failure of one job.
func contain(ctx context.Context, handle Handler, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return handle(ctx, j)
}

// keepLease extends a job's lease until the answered function is called.
func (r *Runner) keepLease(ctx context.Context, j Job) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var extending sync.WaitGroup
	extending.Go(func() {
		tick := time.NewTicker(r.options.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := r.queue.ExtendLease(ctx, j.ID, r.options.Now().Add(r.options.Lease))
			if err != nil && ctx.Err() == nil {
				r.options.Logger.Warn("extending the lease of a job", "kind", j.Kind, "key", j.Key, "error", err)
			}
		}
	})
	return func() {
		cancel()
		extending.Wait()
	}
}
