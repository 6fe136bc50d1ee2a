package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
)

// queue is a job.Queue in memory.
type queue struct {
	mu      sync.Mutex
	next    int64
	waiting []job.Job
	leases  map[int64]time.Time
	claimed map[int64]job.Job
	buried  map[string]string // by key: why
	reasons []string
	failing error // of the next claim
}

func newQueue(jobs ...job.Job) *queue {
	q := &queue{leases: map[int64]time.Time{}, claimed: map[int64]job.Job{}, buried: map[string]string{}}
	_ = q.Enqueue(context.Background(), jobs...)
	return q
}

func (q *queue) Enqueue(_ context.Context, jobs ...job.Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range jobs {
		q.next++
		j.ID = q.next
		q.waiting = append(q.waiting, j)
	}
	return nil
}

func (q *queue) ClaimJobs(_ context.Context, now time.Time, lease time.Duration, n int) ([]job.Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.failing; err != nil {
		q.failing = nil
		return nil, err
	}
	for id, until := range q.leases {
		if !until.After(now) {
			q.waiting = append(q.waiting, q.claimed[id])
			delete(q.leases, id)
		}
	}
	var due []job.Job
	q.waiting = slices.DeleteFunc(q.waiting, func(j job.Job) bool {
		if len(due) == n || j.RunAt.After(now) {
			return false
		}
		j.Attempts++
		due = append(due, j)
		q.claimed[j.ID] = j
		q.leases[j.ID] = now.Add(lease)
		return true
	})
	return due, nil
}

func (q *queue) take(id int64) job.Job {
	j := q.claimed[id]
	delete(q.claimed, id)
	delete(q.leases, id)
	return j
}

func (q *queue) CompleteJob(ctx context.Context, id int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(id)
	return ctx.Err()
}

func (q *queue) RetryJob(ctx context.Context, id int64, at time.Time, reason string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.take(id)
	j.RunAt = at
	q.waiting = append(q.waiting, j)
	q.reasons = append(q.reasons, reason)
	return ctx.Err()
}

func (q *queue) BuryJob(ctx context.Context, id int64, reason string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buried[q.take(id).Key] = reason
	return ctx.Err()
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0 && len(q.claimed) == 0
}

func (q *queue) ExtendLease(_ context.Context, id int64, until time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.leases[id]; !ok {
		return errors.New("no such job")
	}
	q.leases[id] = until
	return nil
}

func quiet(o job.Options) job.Options {
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

// start runs a runner for the duration of a test.
func start(t *testing.T, q job.Queue, o job.Options, h job.Handler) *job.Runner {
	t.Helper()
	r := job.NewRunner(q, quiet(o))
	r.Handle("work", h)
	r.Start(t.Context())
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func work(key string) job.Job { return job.Job{Kind: "work", Key: key} }

// In these tests time is that of a synctest bubble: it passes only when all
// goroutines wait, and costs nothing.

func TestJobsAreDoneOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for i := range 100 {
			_ = q.Enqueue(t.Context(), work(fmt.Sprint(i)))
		}
		var mu sync.Mutex
		done := map[string]int{}
		start(t, q, job.Options{Workers: 3}, func(_ context.Context, j job.Job) error {
			mu.Lock()
			defer mu.Unlock()
			done[j.Key]++
			return nil
		})
		synctest.Wait() // all of them follow each other without a poll
		if len(done) != 100 || !q.empty() {
			t.Fatalf("%d of 100 jobs are done", len(done))
		}
		for key, n := range done {
			if n != 1 {
				t.Errorf("job %s was done %d times", key, n)
			}
		}
	})
}

func TestNoMoreJobsAtATimeThanWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"), work("b"), work("c"), work("d"), work("e"))
		var mu sync.Mutex
		running, most := 0, 0
		start(t, q, job.Options{Workers: 2}, func(context.Context, job.Job) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if most != 2 || !q.empty() {
			t.Errorf("at most %d jobs ran beside each other, want 2; all done: %v", most, q.empty())
		}
	})
}

func TestWakeStartsWorkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		var started []time.Time
		r := start(t, q, job.Options{Poll: time.Hour}, func(context.Context, job.Job) error {
			started = append(started, time.Now())
			return nil
		})
		synctest.Wait()
		begin := time.Now()
		_ = q.Enqueue(t.Context(), work("a"))
		r.Wake()
		synctest.Wait()
		if len(started) != 1 || started[0].Sub(begin) != 0 {
			t.Errorf("started at %v, want %v", started, begin)
		}
	})
}

func TestWorkThatNobodyAnnouncedIsPolledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		start(t, q, job.Options{Poll: time.Second}, func(context.Context, job.Job) error { return nil })
		synctest.Wait()
		_ = q.Enqueue(t.Context(), work("a"))
		time.Sleep(time.Second)
		synctest.Wait()
		if !q.empty() {
			t.Error("the job still waits after a poll")
		}
	})
}

func TestFailuresAreRetriedWithGrowingDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"))
		var at []time.Time
		start(t, q, job.Options{Backoff: time.Minute, MaxBackoff: 4 * time.Minute, MaxAttempts: 6}, func(_ context.Context, j job.Job) error {
			at = append(at, time.Now())
			return fmt.Errorf("failure %d", j.Attempts)
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(at) != 6 {
			t.Fatalf("%d attempts, want 6", len(at))
		}
		for i, longest := range []time.Duration{1, 2, 4, 4, 4} {
			longest *= time.Minute
			if d := at[i+1].Sub(at[i]); d < longest/2 || d > longest+time.Second {
				t.Errorf("attempt %d came after %v, want between %v and %v", i+2, d, longest/2, longest)
			}
		}
		if q.buried["a"] != "failure 6" {
			t.Errorf("buried with the reason %q", q.buried["a"])
		}
		if !slices.Equal(q.reasons, []string{"failure 1", "failure 2", "failure 3", "failure 4", "failure 5"}) {
			t.Errorf("reasons: %q", q.reasons)
		}
	})
}

func TestFailuresThatEndAJob(t *testing.T) {
	for name, test := range map[string]struct {
		job     job.Job
		handler job.Handler
		options job.Options
		reason  string
	}{
		"a permanent error": {
			job: work("a"),
			handler: func(context.Context, job.Job) error {
				return fmt.Errorf("wrapped: %w", job.Permanent(errors.New("never")))
			},
			reason: "wrapped: never",
		},
		"a panic at the last attempt": {
			job:     work("a"),
			options: job.Options{MaxAttempts: 1},
			handler: func(context.Context, job.Job) error { panic("oops") },
			reason:  "panic: oops",
		},
		"a kind that nobody does": {
			job:     job.Job{Kind: "other", Key: "a"},
			options: job.Options{MaxAttempts: 1},
			reason:  `nothing here does jobs of kind "other"`,
		},
		"attempts that never came to an end": {
			job:     job.Job{Kind: "work", Key: "a", Attempts: 10},
			handler: func(context.Context, job.Job) error { panic("must not be called") },
			reason:  "given up",
		},
		"a reason of any length": {
			job: work("a"),
			handler: func(context.Context, job.Job) error {
				return job.Permanent(errors.New(strings.Repeat("\xffé\x00", 10_000)))
			},
			reason: "\uFFFDé",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(test.job)
				start(t, q, test.options, test.handler)
				synctest.Wait()
				got, buried := q.buried["a"]
				if !buried || !strings.HasPrefix(got, test.reason) || len(got) > 1000 {
					t.Errorf("buried: %v, with the reason %.100q (%d bytes), want %q", buried, got, len(got), test.reason)
				}
			})
		})
	}
}

func TestPanicIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"), work("b"))
		start(t, q, job.Options{Workers: 1}, func(_ context.Context, j job.Job) error {
			if j.Key == "a" && j.Attempts == 1 {
				panic("once")
			}
			return nil
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if !q.empty() || len(q.buried) > 0 {
			t.Error("a job is left after a panic")
		}
	})
}

func TestQueueThatFailsIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"))
		q.failing = errors.New("database is away")
		start(t, q, job.Options{}, func(context.Context, job.Job) error { return nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		if !q.empty() {
			t.Error("the job still waits")
		}
	})
}

func TestLongJobKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"))
		runs := 0
		start(t, q, job.Options{Lease: 30 * time.Second, Workers: 2}, func(context.Context, job.Job) error {
			runs++
			time.Sleep(10 * time.Minute)
			return nil
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if runs != 1 || !q.empty() {
			t.Errorf("the job ran %d times, want once", runs)
		}
	})
}

func TestJobEndsWithItsLongestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"))
		var took time.Duration
		start(t, q, job.Options{MaxRun: 30 * time.Second, MaxAttempts: 1}, func(ctx context.Context, _ job.Job) error {
			begin := time.Now()
			<-ctx.Done()
			took = time.Since(begin)
			return ctx.Err()
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if took != 30*time.Second || q.buried["a"] == "" {
			t.Errorf("the context ended after %v, want 30s; buried %q", took, q.buried)
		}
	})
}

func TestStopFinishesRunningJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"), work("b"))
		r := start(t, q, job.Options{Workers: 1}, func(context.Context, job.Job) error {
			time.Sleep(time.Minute)
			return nil
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if len(q.claimed) != 0 || len(q.waiting) != 1 {
			t.Errorf("%d jobs claimed and %d waiting, want the first done and the second waiting", len(q.claimed), len(q.waiting))
		}
	})
}

func TestStopInterruptsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(work("a"))
		r := start(t, q, job.Options{}, func(ctx context.Context, _ job.Job) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if len(q.waiting) != 1 || q.waiting[0].RunAt.After(time.Now()) {
			t.Errorf("waiting: %+v, want the job due at once", q.waiting)
		}
	})
}

func TestStopOfARunnerThatNeverStarted(t *testing.T) {
	if err := job.NewRunner(newQueue(), quiet(job.Options{})).Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// BenchmarkWake is the time from an announcement to the handler.
func BenchmarkWake(b *testing.B) {
	q := newQueue()
	started := make(chan struct{})
	r := job.NewRunner(q, quiet(job.Options{}))
	r.Handle("work", func(context.Context, job.Job) error {
		started <- struct{}{}
		return nil
	})
	r.Start(b.Context())
	for b.Loop() {
		_ = q.Enqueue(b.Context(), work("a"))
		r.Wake()
		<-started
	}
	_ = r.Stop(context.Background())
}
