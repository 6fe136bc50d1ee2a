package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/meta"
)

// In these tests time is that of a synctest bubble: it passes only when all
// goroutines wait, and costs nothing. A bubble also sees to it that no goroutine
// is left over.

func TestAnEventReachesTheTargetsOfTheRulesThatMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := rule("other", "c")
		other.Pattern = `{"source":["aws.inspector2"]}`
		disabled := rule("disabled", "d")
		disabled.Disabled = true
		w := newWorld(t, rule("one", "a", "b"), other, disabled)
		w.start()
		time.Sleep(time.Minute)
		begin := time.Now()
		w.happen("web@sha256:1")
		time.Sleep(10 * time.Millisecond)
		for _, id := range []string{"a", "b"} {
			got := w.got(id)
			if len(got) != 1 {
				t.Fatalf("target %s has got %d messages, want 1", id, len(got))
			}
			m := got[0]
			if took := m.at.Sub(begin); took > 5*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			want := delivery.Message{
				ID: "event-0", Account: account, Source: "aws.ecr", DetailType: "ECR Image Action",
				RuleARN: "arn:aws:events:eu-west-1:" + account + ":rule/one", TargetID: id, Lane: "web@sha256:1", Attempt: 1,
			}
			if m.ID != want.ID || m.Account != want.Account || m.Source != want.Source || m.DetailType != want.DetailType ||
				m.RuleARN != want.RuleARN || m.TargetID != want.TargetID || m.Lane != want.Lane || m.Attempt != want.Attempt || m.Attributes != nil {
				t.Errorf("got %+v, want %+v", m.Message, want)
			}
			if string(m.Event) != string(body(0, "web@sha256:1")) || string(m.Body) != string(m.Event) {
				t.Errorf("event %s, body %s", m.Event, m.Body)
			}
		}
		if len(w.tried("c"))+len(w.tried("d")) > 0 {
			t.Error("a rule that does not match, or is disabled, has sent something")
		}
		time.Sleep(time.Second)
		if n := w.waiting(); n != 0 {
			t.Errorf("%d deliveries wait still", n)
		}
	})
}

func TestEventsThatNobodyAnnouncedAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.happen(many(3)...) // before there is an engine
		w.start()
		synctest.Wait()
		e := w.engine
		w.engine = nil
		w.happen("") // by another process
		time.Sleep(2 * time.Second)
		if got := len(w.got("a")); got != 4 {
			t.Errorf("%d of 4 events have arrived", got)
		}
		w.engine = e
	})
}

// TestOrderOfALaneIsKept: whatever fails, of a lane nothing is sent before what
// came earlier has arrived.
func TestOrderOfALaneIsKept(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rule("one", "a", "b"), rule("two", "c"))
				chance := rand.New(rand.NewPCG(seed, 1))
				var mu sync.Mutex
				draw := func(n int) int {
					mu.Lock()
					defer mu.Unlock()
					return chance.IntN(n)
				}
				for _, id := range []string{"a", "b", "c"} {
					w.answer(id, func(context.Context, delivery.Message) error {
						time.Sleep(time.Duration(draw(50)) * time.Millisecond)
						if draw(4) == 0 {
							return errUnavailable
						}
						return nil
					})
				}
				w.start()
				const events, lanes = 600, 12
				byLane := map[string][]int{}
				for n := range events {
					lane := fmt.Sprintf("web@sha256:%d", draw(lanes))
					if draw(10) == 0 {
						lane = ""
					}
					byLane[lane] = append(byLane[lane], n)
					w.happen(lane)
					if draw(3) == 0 {
						time.Sleep(time.Duration(draw(20)) * time.Millisecond)
					}
				}
				time.Sleep(time.Hour)
				for _, id := range []string{"a", "b", "c"} {
					got := map[string][]int{}
					for _, r := range w.got(id) {
						got[r.Lane] = append(got[r.Lane], number(t, r.Message))
					}
					slices.Sort(got[""])
					for lane, want := range byLane {
						if !slices.Equal(got[lane], want) {
							t.Errorf("target %s has got of lane %q\n%v, want\n%v", id, lane, got[lane], want)
						}
					}
					checkNothingOvertakes(t, w.tried(id), w.got(id))
				}
			})
		})
	}
}

// checkNothingOvertakes: no attempt begins while something earlier of its lane
// has not arrived.
func checkNothingOvertakes(t *testing.T, tried, got []receipt) {
	t.Helper()
	arrived := map[int]time.Time{}
	for _, r := range got {
		arrived[number(t, r.Message)] = r.at
	}
	before := map[string]int{}
	for _, r := range tried {
		n := number(t, r.Message)
		last, ok := before[r.Lane]
		if r.Lane != "" && ok && last != n && arrived[last].After(r.at) {
			t.Errorf("event %d was sent before %d had arrived", n, last)
		}
		before[r.Lane] = n
	}
}

func TestLanesAreServedBesideEachOther(t *testing.T) {
	for name, test := range map[string]struct {
		route delivery.Route
		most  int
		took  time.Duration
	}{
		"by default": {most: 8, took: 4 * time.Second},
		"as many as the target takes": {
			route: delivery.Route{Concurrency: 16}, most: 16, took: 2 * time.Second,
		},
		"one by one": {route: delivery.Route{Concurrency: 1}, most: 1, took: 32 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rule("one", "a"))
				w.route("a", test.route, nil)
				w.answer("a", func(context.Context, delivery.Message) error {
					time.Sleep(time.Second)
					return nil
				})
				w.start()
				begin := time.Now()
				w.happen(many(32)...)
				time.Sleep(time.Minute)
				got := w.got("a")
				if len(got) != 32 {
					t.Fatalf("%d of 32 have arrived", len(got))
				}
				if took := got[31].at.Sub(begin).Round(time.Second); took != test.took || w.mostAtATime("a") != test.most {
					t.Errorf("it took %v with %d at a time, want %v with %d", took, w.mostAtATime("a"), test.took, test.most)
				}
			})
		})
	}
}

// TestManyEventsOfFewLanes: what waits for one lane does not keep others from
// being served, even when it fills the memory that a target has.
func TestManyEventsOfFewLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.answer("a", func(context.Context, delivery.Message) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		lanes := make([]string, 2000)
		for n := range lanes {
			lanes[n] = "busy"
		}
		w.happen(append(lanes, "quiet")...)
		begin := time.Now()
		w.start()
		time.Sleep(10 * time.Minute)
		got := w.got("a")
		n := slices.IndexFunc(got, func(r receipt) bool { return r.Lane == "quiet" })
		if len(got) != 2001 || n < 0 {
			t.Fatalf("%d of 2001 have arrived, the quiet one as number %d", len(got), n)
		}
		if took := got[n].at.Sub(begin); took > time.Second {
			t.Errorf("the event of the quiet lane took %v", took)
		}
	})
}

func TestAHangingTargetHoldsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "hangs", "quick"))
		w.answer("hangs", hangs)
		w.start()
		for range 100 {
			begin := time.Now()
			w.happen(many(10)...)
			time.Sleep(50 * time.Millisecond)
			for _, r := range w.got("quick")[w.events-10:] {
				if took := r.at.Sub(begin); took > 40*time.Millisecond {
					t.Fatalf("an event for the quick target took %v", took)
				}
			}
		}
		if n := w.mostAtATime("hangs"); n != 8 {
			t.Errorf("the hanging target holds %d goroutines, want 8", n)
		}
		if n := len(w.got("quick")); n != 1000 {
			t.Errorf("%d of 1000 have arrived", n)
		}
	})
}

// TestATargetThatIsDownCostsNextToNothing: and once it is back everything comes.
func TestATargetThatIsDownCostsNextToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.fails("a", errUnavailable)
		w.start()
		w.happen(many(5000)...)
		time.Sleep(6 * time.Hour)
		// Once a minute at most; before that a few to find out.
		if n := len(w.tried("a")); n > 8+10+2*6*60 {
			t.Errorf("a target that is down was tried %d times in six hours", n)
		}
		if most := slices.Max(w.failures()); most > 60 {
			t.Errorf("a delivery has failed %d times", most)
		}
		if reads := w.readsSoFar(); reads > 3000 {
			t.Errorf("the store was asked %d times", reads)
		}
		w.works("a")
		time.Sleep(2 * time.Minute)
		if n := len(w.got("a")); n < 4800 {
			t.Errorf("two minutes after the target is back %d of 5000 events have arrived", n)
		}
		time.Sleep(10 * time.Minute) // for those that were tried and wait for their turn
		if n := len(w.got("a")); n != 5000 {
			t.Errorf("%d of 5000 events have arrived", n)
		}
		if n := len(w.deadLetters()); n != 0 {
			t.Errorf("%d events were given up", n)
		}
	})
}

func TestATargetThatRefusesOneEventGoesOnToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.answer("a", func(_ context.Context, m delivery.Message) error {
			if number(t, m) == 1 {
				return &delivery.Error{Permanent: true, Status: "HTTP 400"}
			}
			return nil
		})
		w.start()
		w.happen("lane", "lane", "lane")
		time.Sleep(time.Second)
		if got := numbers(t, w.got("a")); !slices.Equal(got, []int{0, 2}) {
			t.Errorf("%v have arrived, want 0 and 2", got)
		}
		dead := w.deadLetters()
		if len(dead) != 1 || dead[0].Reason != "not deliverable: HTTP 400" || dead[0].Attempts != 1 || len(w.tried("a")) != 3 {
			t.Errorf("%d attempts, dead letters %+v", len(w.tried("a")), dead)
		}
	})
}

func TestManyRefusalsDoNotMakeATargetDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.fails("a", &delivery.Error{Permanent: true, Status: "HTTP 400"})
		w.start()
		w.happen(many(100)...)
		time.Sleep(time.Second)
		if n := len(w.deadLetters()); n != 100 {
			t.Errorf("%d of 100 were given up", n)
		}
	})
}

func TestRetriesGrowApartAndEndAsThePolicySays(t *testing.T) {
	for name, test := range map[string]struct {
		policy      *event.RetryPolicy
		least, most int // attempts
		reason      string
		after       time.Duration // at the earliest
	}{
		"no retry": {
			policy: &event.RetryPolicy{MaxAge: time.Hour}, least: 1, most: 1,
			reason: "given up after 1 attempt; the last one: HTTP 503: out of order",
		},
		"two retries": {
			policy: &event.RetryPolicy{MaxAge: time.Hour, MaxAttempts: 2}, least: 3, most: 3,
			reason: "given up after 3 attempts; the last one: HTTP 503: out of order",
		},
		"one minute": {
			policy: &event.RetryPolicy{MaxAge: time.Minute, MaxAttempts: 185}, least: 3, most: 40, after: time.Minute,
			reason: "given up 1m0s after it was queued",
		},
		"by default a day": {least: 100, most: 186, after: 22 * time.Hour, reason: "given up "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rule("one", "a")
				r.Targets[0].Retry = test.policy
				w := newWorld(t, r)
				w.fails("a", errUnavailable)
				w.start()
				begin := time.Now()
				w.happen("")
				time.Sleep(25 * time.Hour)
				tried, dead := w.tried("a"), w.deadLetters()
				if len(tried) < test.least || len(tried) > test.most {
					t.Errorf("%d attempts, want %d to %d", len(tried), test.least, test.most)
				}
				for n := range tried {
					if tried[n].Attempt != n+1 {
						t.Errorf("attempt %d says that it is number %d", n+1, tried[n].Attempt)
					}
					if n > 0 && tried[n].at.Sub(tried[n-1].at) > 10*time.Minute+time.Second {
						t.Errorf("attempt %d came %v after the one before", n+1, tried[n].at.Sub(tried[n-1].at))
					}
				}
				if len(dead) != 1 {
					t.Fatalf("%d dead letters, want 1; waiting: %d", len(dead), w.waiting())
				}
				if !strings.HasPrefix(dead[0].Reason, test.reason) || dead[0].Attempts != len(tried) || dead[0].DiedAt.Sub(begin) < test.after {
					t.Errorf("after %v and %d attempts: %q", dead[0].DiedAt.Sub(begin), dead[0].Attempts, dead[0].Reason)
				}
			})
		})
	}
}

func TestManyThatHaveBecomeTooOldAreGivenUpQuickly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rule("one", "a")
		r.Targets[0].Retry = &event.RetryPolicy{MaxAge: time.Hour, MaxAttempts: 185}
		w := newWorld(t, r)
		w.fails("a", errUnavailable)
		w.start()
		w.happen(many(20000)...)
		time.Sleep(time.Hour + 3*time.Minute)
		dead := w.deadLetters()
		if len(dead) != 20000 {
			t.Fatalf("%d of 20000 were given up", len(dead))
		}
		if n := slices.IndexFunc(dead, func(d meta.DeadLetter) bool {
			return d.Reason == "given up 1h0m0s after it was queued, after 0 attempts; the last failure: HTTP 503: out of order"
		}); n < 0 {
			t.Errorf("the first reason is %q", dead[0].Reason)
		}
	})
}

func TestATargetIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.route("a", delivery.Route{Concurrency: 1}, nil)
		w.fails("a", &delivery.Error{Status: "HTTP 429", After: 90 * time.Second})
		w.start()
		w.happen(many(5)...)
		time.Sleep(80 * time.Second)
		if n := len(w.tried("a")); n != 1 {
			t.Errorf("it was tried %d times while it wanted to be left alone", n)
		}
		w.works("a")
		time.Sleep(20 * time.Second)
		if n := len(w.got("a")); n != 5 {
			t.Errorf("%d of 5 have arrived", n)
		}
	})
}

func TestATargetThatWantsToBeLeftAloneForEverIsGivenUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.fails("a", &delivery.Error{Status: "HTTP 429", After: 100 * 365 * 24 * time.Hour})
		w.start()
		w.happen("")
		time.Sleep(24*time.Hour + time.Minute)
		if n := len(w.deadLetters()); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
	})
}

func TestTheRateHoldsForAllTargetsOfADestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"), rule("two", "b"))
		w.route("a", delivery.Route{Rate: 10, RateKey: "x"}, nil)
		w.route("b", delivery.Route{Rate: 10, RateKey: "x"}, nil)
		w.start()
		for range 10 { // now and then: a target that has rested has no more
			w.happen(many(5)...)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(30 * time.Second)
		all := append(w.got("a"), w.got("b")...)
		if len(all) != 100 {
			t.Fatalf("%d of 100 have arrived", len(all))
		}
		slices.SortFunc(all, func(a, b receipt) int { return a.at.Compare(b.at) })
		for n := 11; n < len(all); n++ {
			if gap := all[n].at.Sub(all[n-11].at); gap < time.Second {
				t.Fatalf("12 messages within %v", gap)
			}
		}
		if took := all[99].at.Sub(all[0].at); took > 11*time.Second {
			t.Errorf("100 messages at 10 a second took %v", took)
		}
		if a := w.got("a")[40].at.Sub(all[0].at); a < 7*time.Second {
			t.Errorf("one target had its 41st message after %v: the other waits for it", a)
		}
	})
}

func TestWhatWaitsForARemovedTargetIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a", "b"))
		w.fails("a", errUnavailable)
		w.start()
		w.happen(many(3000)...)
		time.Sleep(time.Minute)
		if n := w.waiting(); n != 3000 {
			t.Fatalf("%d wait, want 3000", n)
		}
		w.rules.set(account, rule("one", "b"))
		before := len(w.tried("a"))
		time.Sleep(2 * time.Minute)
		if n := w.waiting(); n != 0 {
			t.Errorf("%d wait still", n)
		}
		if n := len(w.tried("a")); n > before+1 {
			t.Errorf("a target that is gone was sent %d messages", n-before)
		}
		if len(w.deadLetters()) > 0 {
			t.Error("what was dropped became dead letters")
		}
	})
}

// TestATargetThatComesLateIsNotTakenForRemoved: another process may have queued
// for a rule that this one learns of a little later.
func TestATargetThatComesLateIsNotTakenForRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.happen("")
		w.start()
		synctest.Wait()
		if err := w.FanOut(t.Context(), nil, []meta.NewDelivery{{Event: 1, Account: account, Rule: "two", TargetID: "b", Target: "uid-b", QueuedAt: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second) // a sweep finds it
		w.rules.set(account, rule("one", "a"), rule("two", "b"))
		time.Sleep(7 * time.Second)
		if n := len(w.got("b")); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
	})
}

func TestADisabledRuleDeliversWhatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rule("one", "a")
		w := newWorld(t, r)
		w.fails("a", errUnavailable)
		w.start()
		w.happen("")
		time.Sleep(100 * time.Millisecond)
		r.Disabled = true
		w.rules.set(account, r)
		w.works("a")
		w.happen("")
		time.Sleep(time.Minute)
		if got := numbers(t, w.got("a")); !slices.Equal(got, []int{0}) {
			t.Errorf("%v have arrived, want the one that waited when the rule was disabled", got)
		}
	})
}

func TestWhatIsNotValidStopsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := rule("broken", "b")
		broken.Pattern = `{"source":`
		input := rule("input", "c")
		input.Targets[0].Transformer = &event.Transformer{Paths: map[string]string{"x": "what"}, Template: "<x>"}
		w := newWorld(t, broken, rule("one", "a"), input)
		w.start()
		if err := w.AppendEvents(t.Context(), []meta.Event{{Account: account, At: time.Now(), Body: []byte(`{"source":"aws.ecr"`)}}); err != nil {
			t.Fatal(err)
		}
		w.happen("x", "x")
		time.Sleep(time.Second)
		if got := numbers(t, w.got("a")); !slices.Equal(got, upTo(2)) {
			t.Errorf("%v have arrived, want 0 and 1", got)
		}
		dead := w.deadLetters()
		if len(dead) != 2 || !strings.HasPrefix(dead[0].Reason, "not deliverable: the target's input is not valid: ") || dead[0].Attempts != 0 {
			t.Errorf("dead letters of a target whose input is not valid: %+v", dead)
		}
	})
}

func TestAPanicIsAFailureLikeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.answer("a", func(_ context.Context, m delivery.Message) error {
			if m.Attempt == 1 {
				panic("oh")
			}
			return nil
		})
		w.start()
		w.happen("")
		time.Sleep(2 * time.Second)
		if n := len(w.got("a")); n != 1 {
			t.Errorf("%d of 1 have arrived", n)
		}
	})
}

func TestInputsAreMadeAsTargetsWantThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rule("one", "constant", "path", "template")
		r.Targets[0].Input = `{"a":1}`
		r.Targets[1].InputPath = "$.detail"
		r.Targets[2].Transformer = &event.Transformer{Paths: map[string]string{"n": "$.detail.number"}, Template: `{"n":<n>,"rule":<aws.events.rule-name>}`}
		w := newWorld(t, r)
		w.start()
		w.happen("x", "x")
		time.Sleep(time.Second)
		for id, want := range map[string]string{"constant": `{"a":1}`, "path": `{"lane":"x","number":1}`, "template": `{"n":1,"rule":"one"}`} {
			got := w.got(id)
			if len(got) != 2 || string(got[1].Body) != want {
				t.Errorf("%s: %d messages, the second is %s, want %s", id, len(got), got[1].Body, want)
			}
		}
	})
}

func TestTroubleOfOursCostsNoAttempts(t *testing.T) {
	trouble := map[string]struct{ begin, end func(w *world) }{
		"the rules cannot be read": {
			begin: func(w *world) { w.rules.fail(errors.New("no")) },
			end:   func(w *world) { w.rules.fail(nil) },
		},
		"the way is not known for now": {
			begin: func(w *world) { w.route("a", delivery.Route{}, errors.New("no")) },
			end:   func(w *world) { w.route("a", delivery.Route{}, nil) },
		},
		"the store cannot be read": {
			begin: func(w *world) { w.fail("DueDeliveries", "PendingEvents", "WaitingTargets") },
			end:   func(w *world) { w.fail() },
		},
		"the store cannot be written": {
			begin: func(w *world) { w.fail("FanOut") },
			end:   func(w *world) { w.fail() },
		},
	}
	for name, test := range trouble {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rule("one", "a"))
				w.start()
				w.happen("")
				time.Sleep(time.Second)
				test.begin(w)
				w.happen(many(3)...)
				time.Sleep(10 * time.Minute)
				if n := len(w.tried("a")); n != 1 {
					t.Fatalf("%d messages, want only the one from before", n)
				}
				test.end(w)
				time.Sleep(time.Minute)
				got := w.got("a")
				if len(got) != 4 {
					t.Fatalf("%d of 4 have arrived", len(got))
				}
				for _, r := range got {
					if r.Attempt != 1 {
						t.Errorf("attempt %d", r.Attempt)
					}
				}
			})
		})
	}
}

// TestRulesThatCannotBeReadStopOnlyTheirAccount: and nothing of it is lost.
func TestRulesThatCannotBeReadStopOnlyTheirAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.rules.set("999999999999", rule("other", "b"))
		w.start()
		time.Sleep(time.Second)
		w.rules.failOf("999999999999", errors.New("no"))
		for n := range 20 {
			if err := w.AppendEvents(t.Context(), []meta.Event{{Account: "999999999999", At: time.Now(), Body: body(n, "x"), Lane: "x"}}); err != nil {
				t.Fatal(err)
			}
			w.happen("")
			time.Sleep(6 * time.Second)
			if got := len(w.got("a")); got != n+1 {
				t.Fatalf("%d of %d events of the other account have arrived", got, n+1)
			}
		}
		w.rules.failOf("999999999999", nil)
		time.Sleep(10 * time.Second)
		if got := numbers(t, w.got("b")); !slices.Equal(got, upTo(20)) {
			t.Errorf("%v have arrived of the account whose rules could not be read", got)
		}
	})
}

func TestADestinationThatIsGoneGivesUpWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.route("a", delivery.Route{}, &delivery.Error{Permanent: true, Err: errors.New("there is no such API destination")})
		w.start()
		w.happen(many(2000)...)
		time.Sleep(2 * time.Second)
		dead := w.deadLetters()
		if len(dead) != 2000 || dead[0].Reason != "not deliverable: there is no such API destination" {
			t.Errorf("%d dead letters, want 2000", len(dead))
		}
	})
}

func TestOldEventsAndDeadLettersAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.fails("a", &delivery.Error{Permanent: true, Status: "HTTP 410"})
		c := w.config()
		c.EventsKeep, c.DeadLettersKeep = time.Hour, 3*time.Hour
		var events, letters atomic.Int64
		c.Observe.Purged = func(e, l int) {
			events.Add(int64(e))
			letters.Add(int64(l))
		}
		w.engine = w.startAnother(c)
		w.happen(many(1200)...)
		at := func(d time.Duration, events, letters int) {
			t.Helper()
			time.Sleep(d)
			w.store.mu.Lock()
			defer w.store.mu.Unlock()
			if len(w.store.events) != events || len(w.dead) != letters {
				t.Errorf("%d events and %d dead letters, want %d and %d", len(w.store.events), len(w.dead), events, letters)
			}
		}
		at(59*time.Minute, 1200, 1200)
		at(3*time.Minute, 0, 1200)
		at(2*time.Hour, 0, 0)
		if events.Load() != 1200 || letters.Load() != 1200 {
			t.Errorf("told of %d events and %d dead letters", events.Load(), letters.Load())
		}
	})
}

// TestMemoryIsBounded: many targets that are slow or down, each with much
// that waits.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const targets, each, size = 300, 40, 20 << 10
		var all []event.Rule
		var ids []string
		for n := range targets {
			ids = append(ids, fmt.Sprint("t", n))
		}
		all = append(all, rule("one", ids...))
		w := newWorld(t, all...)
		for n, id := range ids {
			if n%2 == 0 {
				w.answer(id, hangs)
				continue
			}
			w.answer(id, func(context.Context, delivery.Message) error {
				time.Sleep(500 * time.Millisecond)
				return nil
			})
		}
		c := w.config()
		c.Memory = 4 << 20
		padded := []byte(strings.Replace(string(body(0, "")), `"detail":{`, `"detail":{"x":"`+strings.Repeat("x", size)+`",`, 1))
		events := make([]meta.Event, each)
		for n := range events {
			events[n] = meta.Event{Account: account, At: time.Now(), Body: padded}
		}
		if err := w.AppendEvents(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		e := w.startAnother(c)
		most, sending := 0, 0
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			l := e.Load()
			most, sending = max(most, l.Memory), max(sending, l.Sending)
		}
		// What all may have together, and one delivery that each has anyway.
		if limit := c.Memory + targets*(2*size); most > limit {
			t.Errorf("%d bytes are held, want at most %d", most, limit)
		}
		if sending > 512+targets {
			t.Errorf("%d messages are under way", sending)
		}
		time.Sleep(3 * time.Minute)
		for n := 1; n < targets; n += 2 {
			if got := len(w.got(ids[n])); got != each {
				t.Fatalf("target %d has got %d of %d", n, got, each)
			}
		}
	})
}
