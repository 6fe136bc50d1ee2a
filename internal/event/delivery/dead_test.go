package delivery_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/registry"
)

// withQueue is a rule whose target has a queue of dead letters.
func withQueue(policy *event.RetryPolicy) event.Rule {
	r := rule("one", "a")
	r.Targets[0].DeadLetterARN = "arn:test:queue"
	r.Targets[0].Input = `{"not":"this"}`
	r.Targets[0].Retry = policy
	return r
}

func TestQueuesOfDeadLettersGetWhatWasGivenUp(t *testing.T) {
	for name, test := range map[string]struct {
		policy *event.RetryPolicy
		fails  error
		wants  map[string]string
	}{
		"refused": {
			fails: &delivery.Error{Permanent: true, Status: "HTTP 400", Err: errors.New("bad")},
			wants: map[string]string{"ERROR_CODE": "ERROR_FROM_TARGET", "ERROR_MESSAGE": "HTTP 400: bad", "RETRY_ATTEMPTS": "0"},
		},
		"too many attempts": {
			policy: &event.RetryPolicy{MaxAge: time.Hour, MaxAttempts: 2},
			fails:  &delivery.Error{Status: "HTTP 429"},
			wants: map[string]string{
				"ERROR_CODE": "THROTTLING", "ERROR_MESSAGE": "HTTP 429", "RETRY_ATTEMPTS": "2",
				"EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
			},
		},
		"too old": {
			policy: &event.RetryPolicy{MaxAge: time.Minute, MaxAttempts: 185},
			fails:  &delivery.Error{Err: errors.New("connection refused"), After: 50 * time.Second},
			wants: map[string]string{
				"ERROR_CODE": "UNKNOWN", "ERROR_MESSAGE": "connection refused", "RETRY_ATTEMPTS": "1",
				"EXHAUSTED_RETRY_CONDITION": "MaximumEventAgeInSeconds",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withQueue(test.policy))
				w.fails("a", test.fails)
				w.start()
				w.happen("x")
				time.Sleep(2 * time.Minute)
				got := w.got("queue")
				if len(got) != 1 {
					t.Fatalf("the queue has got %d messages, want 1", len(got))
				}
				test.wants["RULE_ARN"] = "arn:aws:events:eu-west-1:" + account + ":rule/one"
				test.wants["TARGET_ARN"] = "arn:test:a"
				if m := got[0]; !maps.Equal(m.Attributes, test.wants) || string(m.Body) != string(body(0, "x")) {
					t.Errorf("%s\n%v, want\n%v", m.Body, m.Attributes, test.wants)
				}
				if n := len(w.deadLetters()); n != 1 {
					t.Errorf("%d dead letters are kept, want 1", n)
				}
			})
		})
	}
}

func TestADeadLetterThatItsQueueRefusesIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withQueue(nil))
		w.fails("a", &delivery.Error{Permanent: true, Status: "HTTP 400"})
		w.fails("queue", errors.New("no such queue"))
		w.start()
		w.happen("x")
		time.Sleep(time.Minute)
		dead := w.deadLetters()
		if len(dead) != 1 || dead[0].Reason != "not deliverable: HTTP 400; the dead-letter queue refused it: no such queue" {
			t.Errorf("dead letters %+v", dead)
		}
	})
}

func TestAQueueThatHangsKeepsNoneOfTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withQueue(nil))
		w.route("a", delivery.Route{}, &delivery.Error{Permanent: true, Err: errors.New("gone")})
		w.answer("queue", hangs)
		w.start()
		w.happen(many(40)...)
		time.Sleep(time.Minute)
		dead := w.deadLetters()
		if len(dead) != 40 || w.mostAtATime("queue") > 8 {
			t.Fatalf("%d dead letters, %d at a time", len(dead), w.mostAtATime("queue"))
		}
		if !strings.HasSuffix(dead[0].Reason, "refused it: no answer in time: waited 10s") {
			t.Errorf("reason %q", dead[0].Reason)
		}
	})
}

func TestAReplaySendsEventsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disabled := rule("off", "c")
		disabled.Disabled = true
		w := newWorld(t, rule("one", "a"), rule("two", "b"), disabled)
		e := w.start()
		from := time.Now()
		for range 300 {
			w.happen("x")
			time.Sleep(time.Second)
		}
		replay := func(from, to time.Time, rule string, want int) {
			t.Helper()
			n, err := e.Replay(t.Context(), account, from, to, rule, `again "1"`)
			if err != nil || n != want {
				t.Errorf("%d deliveries were queued, %v; want %d", n, err, want)
			}
		}
		replay(from.Add(100*time.Second), from.Add(200*time.Second), "two", 100)
		replay(from.Add(299*time.Second), time.Time{}, "", 2)
		replay(time.Now().Add(time.Hour), time.Time{}, "", 0)
		time.Sleep(time.Minute)
		want := append(append(upTo(300), upTo(200)[100:]...), 299)
		got := w.got("b")
		if !slices.Equal(numbers(t, got), want) || len(w.got("a")) != 301 || len(w.got("c")) != 0 {
			t.Fatalf("%d, %d and %d messages", len(w.got("a")), len(got), len(w.got("c")))
		}
		m := got[300].Message
		wanted := strings.TrimSuffix(string(body(100, "x")), "}") + `,"replay-name":"again \"1\""}`
		if string(m.Body) != wanted || m.ID != "event-100" {
			t.Errorf("%s\n%s, want\n%s", m.ID, m.Body, wanted)
		}
		for rule, code := range map[string]registry.Code{"none": registry.CodeResourceNotFound, "off": registry.CodeInvalidState} {
			if _, err := e.Replay(t.Context(), account, from, time.Time{}, rule, "x"); registry.CodeOf(err) != code {
				t.Errorf("a replay for rule %q: %v, want %s", rule, err, code)
			}
		}
	})
}

// TestAReplayByAnotherProcessIsDelivered: what queues and what delivers need not
// be the same.
func TestAReplayByAnotherProcessIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rule("one", "a"))
		w.start()
		w.happen("x")
		time.Sleep(time.Second)
		if n, err := delivery.New(w.config()).Replay(t.Context(), account, time.Time{}, time.Time{}, "", "again"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(6 * time.Second)
		if n := len(w.got("a")); n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
	})
}
