package delivery_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecru-registry/ecru/internal/event/delivery"
)

func TestOneProcessDeliversAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		first := w.start()
		synctest.Wait()
		second := w.startAnother(w.config())
		synctest.Wait()
		if !first.Load().Leading || second.Load().Leading {
			t.Fatal("not just the first delivers")
		}
		for range 60 {
			w.happen("x", "x")
			time.Sleep(time.Second)
		}
		if got := numbers(t, w.got("a")); !slices.Equal(got, upTo(120)) {
			t.Errorf("%d messages, want 120 in order", len(got))
		}
		w.stop(first)
		w.happen("")
		begin := time.Now()
		for len(w.got("a")) < 121 && time.Since(begin) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("the second took over after %v", took)
		}
	})
}

// TestAProcessThatDiesIsReplaced: it does not give up its lease.
func TestAProcessThatDiesIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		if held, err := w.TakeLease(t.Context(), "events", "the dead one", time.Now(), time.Now().Add(15*time.Second)); !held || err != nil {
			t.Fatal(held, err)
		}
		w.start()
		w.happen("")
		time.Sleep(14 * time.Second)
		if n := len(w.tried("a")); n != 0 {
			t.Fatal("it was delivered while another process had the lease")
		}
		time.Sleep(4 * time.Second)
		if n := len(w.got("a")); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
	})
}

func TestSendingStopsWithTheLease(t *testing.T) {
	for name, lose := range map[string]func(w *world){
		"another has it": func(w *world) {
			w.store.mu.Lock()
			defer w.store.mu.Unlock()
			w.leases["events"] = lease{"another", time.Now().Add(30 * time.Second)}
		},
		"the store is away": func(w *world) { w.fail("TakeLease") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rule("one", "a"))
				var cut atomic.Int64
				w.answer("a", func(ctx context.Context, _ delivery.Message) error {
					<-ctx.Done()
					cut.Store(int64(time.Since(begun)))
					return ctx.Err()
				})
				c := w.config()
				c.Timeout = time.Hour
				w.engine = w.startAnother(c)
				w.happen("")
				time.Sleep(time.Minute)
				lose(w)
				time.Sleep(14 * time.Second)
				if cut.Load() == 0 {
					t.Error("an attempt goes on without the lease")
				}
				if w.engine.Load().Leading {
					t.Error("it delivers without the lease")
				}
				if slices.ContainsFunc(w.failures(), func(n int) bool { return n > 0 }) {
					t.Error("an attempt that was cut short counts as a failure")
				}
				w.fail()
				w.works("a")
				time.Sleep(time.Minute)
				if n := len(w.got("a")); n != 1 {
					t.Errorf("%d messages after the lease was there again, want 1", n)
				}
			})
		})
	}
}

// begun is some time before every test.
var begun = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)

// TestWhatWasNotNotedIsSentAgain: at least once, and in order.
func TestWhatWasNotNotedIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		first := w.start()
		w.happen("x", "x")
		time.Sleep(time.Second)
		w.fail("Settle")
		w.happen("x", "x", "x")
		time.Sleep(time.Second)
		if got := numbers(t, w.got("a")); !slices.Equal(got, upTo(5)) {
			t.Fatalf("%v have arrived", got)
		}
		w.stop(first)
		w.fail()
		w.start()
		time.Sleep(time.Second)
		if got := numbers(t, w.got("a")); !slices.Equal(got, []int{0, 1, 2, 3, 4, 2, 3, 4}) {
			t.Errorf("%v have arrived, want the last three again", got)
		}
	})
}

// TestNothingIsSentTwiceWhileTheStoreIsAway: and what has arrived is noted once
// it is back.
func TestNothingIsSentTwiceWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.start()
		w.fail("Settle")
		w.happen(many(2000)...)
		time.Sleep(time.Minute)
		w.fail()
		time.Sleep(time.Minute)
		got := numbers(t, w.got("a"))
		slices.Sort(got)
		if !slices.Equal(got, upTo(2000)) || w.waiting() != 0 {
			t.Errorf("%d messages, want 2000; %d wait", len(got), w.waiting())
		}
	})
}

func TestStopWaitsALittleForWhatIsUnderWay(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		want  int
		most  time.Duration
	}{
		"a slow one comes to its end":      {takes: 2 * time.Second, want: 1, most: 2 * time.Second},
		"a hanging one is cut, sent again": {takes: 9 * time.Second, want: 0, most: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rule("one", "a"))
				w.answer("a", func(ctx context.Context, _ delivery.Message) error {
					select {
					case <-time.After(test.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				e := w.start()
				w.happen("x", "x")
				time.Sleep(100 * time.Millisecond)
				begin := time.Now()
				w.stop(e)
				if took := time.Since(begin); took > test.most {
					t.Errorf("the stop took %v", took)
				}
				if n := len(w.got("a")); n != test.want || w.waiting() != 2-test.want || len(w.tried("a")) != 1 {
					t.Errorf("%d have arrived, %d wait, %d were tried", n, w.waiting(), len(w.tried("a")))
				}
				if slices.ContainsFunc(w.failures(), func(n int) bool { return n > 0 }) {
					t.Error("an attempt that was cut short counts as a failure")
				}
			})
		})
	}
}

func TestStopWithoutStart(t *testing.T) {
	w := newWorld(t)
	w.stop(delivery.New(w.config()))
}

func TestTheEndOfTheContextIsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.answer("a", hangs)
		ctx, cancel := context.WithCancel(t.Context())
		e := delivery.New(w.config())
		e.Start(ctx)
		w.happen(many(20)...)
		e.Wake()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if e.Load().Leading {
			t.Error("the engine goes on")
		}
		w.stop(e)
	})
}
