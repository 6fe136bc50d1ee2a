package metatest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

func deliveryCases() []testCase {
	return []testCase{
		{"are due in the order in which they were queued", deliveryOrder},
		{"come in pages of a number and of bytes", deliveryLimits},
		{"a lane waits for its first", deliveryLane},
		{"what is queued behind a blocked lane waits with it", deliveryBehind},
		{"a lane moves on when its first is given up", deliveryGivenUp},
		{"what has no lane waits for nothing", deliveryNoLane},
		{"a later one of a lane may fail before", deliveryOutOfOrder},
		{"targets do not wait for each other", deliveryTargets},
		{"unknown ones are passed over", deliveryUnknown},
		{"of a target that is gone are dropped", deliveryDrop},
		{"a long lane is served in pages", deliveryLongLane},
		{"names are values", deliveryHostile},
		{"a random history keeps every lane in order", deliveryHistory},
		{"what is queued while a lane is served is not lost", deliveryRace},
	}
}

func value2[T, U any](v T, _ U, err error) func(testing.TB) T { return value(v, err) }

func due(t testing.TB, s meta.Store, target string, now time.Time) []meta.Delivery {
	t.Helper()
	return value2(s.DueDeliveries(t.Context(), target, now, 1000, 1<<30))(t)
}

func dueOf(t testing.TB, s meta.Store, target string) []meta.Delivery {
	t.Helper()
	return due(t, s, target, base)
}

func dueBodies(t testing.TB, s meta.Store, target string, now time.Time) (all []string) {
	t.Helper()
	for _, d := range due(t, s, target, now) {
		all = append(all, string(d.Body))
	}
	return all
}

func nextDue(t testing.TB, s meta.Store, target string, now time.Time) time.Time {
	t.Helper()
	_, next, err := s.DueDeliveries(t.Context(), target, now, 1000, 1<<30)
	must(t, err)
	return next
}

func settled(d meta.Delivery, o meta.Outcome) meta.Settlement {
	return meta.Settlement{ID: d.ID, Outcome: o, Attempts: d.Attempts + 1, DueAt: base.Add(time.Minute), Reason: "why", At: base.Add(time.Second)}
}

func settleAll(t testing.TB, s meta.Store, all ...meta.Settlement) {
	t.Helper()
	must(t, s.Settle(t.Context(), all))
}

// queue appends an event for each word, a lane and a body, and queues it for
// the target.
func queue(t testing.TB, s meta.Store, target string, words ...[2]string) []int64 {
	t.Helper()
	var ids []int64
	var all []meta.NewDelivery
	for _, w := range words {
		id := appendEvent(t, s, w[0], w[1], base)
		ids, all = append(ids, id), append(all, deliver(id, target, w[0]))
	}
	must(t, s.FanOut(t.Context(), ids, all))
	return ids
}

func deliveryOrder(t *testing.T, s meta.Store) {
	wantSame(t, "of an unknown target", []string(nil), dueBodies(t, s, "t", base))
	if next := nextDue(t, s, "t", base); !next.IsZero() {
		t.Errorf("next at %v", next)
	}
	queue(t, s, "t", [2]string{"", "a"}, [2]string{"l", "b"}, [2]string{"", "c"}, [2]string{"m", "d"}, [2]string{"l", "e"})
	wantSame(t, "before they were queued", []string(nil), dueBodies(t, s, "t", base.Add(-1)))
	if next := nextDue(t, s, "t", base.Add(-time.Second)); !next.Equal(base) {
		t.Errorf("next at %v, want %v", next, base)
	}
	wantSame(t, "due", []string{"a", "b", "c", "d", "e"}, dueBodies(t, s, "t", base))
	// Attempts and delays.
	all := dueOf(t, s, "t")
	settleAll(t, s, settled(all[0], meta.TryAgain), settled(all[1], meta.Delivered))
	wantSame(t, "due", []string{"c", "d", "e"}, dueBodies(t, s, "t", base))
	if next := nextDue(t, s, "t", base); !next.Equal(base.Add(time.Minute)) {
		t.Errorf("next at %v", next)
	}
	again := due(t, s, "t", base.Add(time.Minute))
	wantSame(t, "due later", "a", string(again[0].Body))
	if again[0].ID != all[0].ID || again[0].Attempts != 1 || len(again) != 4 {
		t.Errorf("got %+v", again)
	}
}

func deliveryLimits(t *testing.T, s meta.Store) {
	var words [][2]string
	for n, size := range []int{10, 20, 30, 40} {
		words = append(words, [2]string{fmt.Sprint("l", n%2), long(size)})
	}
	queue(t, s, "t", words...)
	for _, c := range []struct {
		limit, bytes, want int
		more               bool
	}{{10, 1000, 4, false}, {2, 1000, 2, true}, {0, 1000, 0, true}, {10, 0, 1, true}, {10, 10, 1, true}, {10, 11, 2, true}, {10, 60, 3, true}, {10, 61, 4, false}, {3, 1000, 3, true}, {1, 1000, 1, true}} {
		got, next, err := s.DueDeliveries(t.Context(), "t", base, c.limit, c.bytes)
		must(t, err)
		if len(got) != c.want {
			t.Errorf("%d of a limit of %d and %d bytes, want %d", len(got), c.limit, c.bytes, c.want)
		}
		if c.limit > 0 && next.IsZero() == c.more {
			t.Errorf("limit %d, %d bytes: next at %v", c.limit, c.bytes, next)
		}
		for n, d := range got {
			if len(d.Body) != (n+1)*10 {
				t.Errorf("%d: %d bytes", n, len(d.Body))
			}
		}
	}
}

func deliveryLane(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"l", "a"}, [2]string{"l", "b"}, [2]string{"m", "c"}, [2]string{"l", "d"})
	first := dueOf(t, s, "t")[0]
	settleAll(t, s, settled(first, meta.TryAgain))
	wantSame(t, "due", []string{"c"}, dueBodies(t, s, "t", base))
	if next := nextDue(t, s, "t", base); !next.Equal(base.Add(time.Minute)) {
		t.Errorf("next at %v", next)
	}
	wantSame(t, "due later", []string{"a", "b", "c", "d"}, dueBodies(t, s, "t", base.Add(time.Minute)))
	// Again and again, and then at once.
	o := settled(first, meta.TryAgain)
	o.DueAt = base.Add(time.Hour)
	settleAll(t, s, o, o)
	wantSame(t, "due", []string{"c"}, dueBodies(t, s, "t", base.Add(time.Minute)))
	o.Outcome = meta.Delivered
	settleAll(t, s, o)
	wantSame(t, "due", []string{"b", "c", "d"}, dueBodies(t, s, "t", base))
}

func deliveryBehind(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"l", "a"})
	settleAll(t, s, settled(dueOf(t, s, "t")[0], meta.TryAgain))
	queue(t, s, "t", [2]string{"l", "b"}, [2]string{"l", "c"})
	wantSame(t, "due", []string(nil), dueBodies(t, s, "t", base))
	wantSame(t, "due later", []string{"a", "b", "c"}, dueBodies(t, s, "t", base.Add(time.Minute)))
	queue(t, s, "u", [2]string{"l", "d"})
	wantSame(t, "of another target", []string{"d"}, dueBodies(t, s, "u", base))
}

func deliveryGivenUp(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"l", "a"}, [2]string{"l", "b"}, [2]string{"l", "c"})
	all := dueOf(t, s, "t")
	settleAll(t, s, settled(all[0], meta.GivenUp))
	wantSame(t, "due", []string{"b", "c"}, dueBodies(t, s, "t", base))
	// What was given up does not come back by a late word.
	settleAll(t, s, settled(all[0], meta.TryAgain), settled(all[0], meta.Delivered))
	wantSame(t, "due", []string{"b", "c"}, dueBodies(t, s, "t", base.Add(time.Hour)))
	if n := len(dead(t, s, meta.DeadLetterQuery{Limit: 9})); n != 1 {
		t.Errorf("%d dead letters", n)
	}
	// All of a lane in one go.
	settleAll(t, s, settled(all[1], meta.GivenUp), settled(all[2], meta.Delivered))
	wantSame(t, "due", []string(nil), dueBodies(t, s, "t", base.Add(time.Hour)))
	wantSame(t, "targets", []meta.WaitingTarget(nil), value(s.WaitingTargets(t.Context()))(t))
}

func deliveryNoLane(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"", "a"}, [2]string{"", "b"}, [2]string{"", "c"})
	settleAll(t, s, settled(dueOf(t, s, "t")[0], meta.TryAgain))
	wantSame(t, "due", []string{"b", "c"}, dueBodies(t, s, "t", base))
}

// deliveryOutOfOrder: a caller that has tried what stands behind is believed,
// but what is first stays first.
func deliveryOutOfOrder(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"l", "a"}, [2]string{"l", "b"}, [2]string{"l", "c"})
	all := dueOf(t, s, "t")
	settleAll(t, s, settled(all[1], meta.TryAgain))
	wantSame(t, "due", []string{"a"}, dueBodies(t, s, "t", base))
	settleAll(t, s, settled(all[0], meta.Delivered))
	wantSame(t, "due", []string(nil), dueBodies(t, s, "t", base))
	if next := nextDue(t, s, "t", base); !next.Equal(base.Add(time.Minute)) {
		t.Errorf("next at %v", next)
	}
	settleAll(t, s, settled(all[2], meta.GivenUp))
	wantSame(t, "due", []string{"b"}, dueBodies(t, s, "t", base.Add(time.Minute)))
}

func deliveryTargets(t *testing.T, s meta.Store) {
	ctx := t.Context()
	wantSame(t, "none", []meta.WaitingTarget(nil), value(s.WaitingTargets(ctx))(t))
	queue(t, s, "b", [2]string{"l", "1"}, [2]string{"l", "2"})
	queue(t, s, "a", [2]string{"l", "3"}, [2]string{"", "4"}, [2]string{"m", "5"})
	queue(t, s, "c", [2]string{"", "6"})
	settleAll(t, s, settled(dueOf(t, s, "b")[0], meta.TryAgain), settled(dueOf(t, s, "a")[0], meta.TryAgain), settled(dueOf(t, s, "c")[0], meta.GivenUp))
	waiting := func(target string, after time.Duration) meta.WaitingTarget {
		return meta.WaitingTarget{Target: target, Account: account, Rule: "rule", TargetID: "id-" + target, Due: base.Add(after)}
	}
	wantSame(t, "waiting", []meta.WaitingTarget{waiting("a", 0), waiting("b", time.Minute)}, value(s.WaitingTargets(ctx))(t))
	wantSame(t, "due", []string{"4", "5"}, dueBodies(t, s, "a", base))
}

func deliveryUnknown(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"l", "a"}, [2]string{"l", "b"})
	d := dueOf(t, s, "t")[0]
	must(t, s.Settle(t.Context(), nil))
	var all []meta.Settlement
	for _, o := range []meta.Outcome{meta.Delivered, meta.TryAgain, meta.GivenUp} {
		all = append(all, meta.Settlement{ID: 4711 + int64(o), Outcome: o})
	}
	settleAll(t, s, append(all, settled(d, meta.Delivered))...)
	wantSame(t, "due", []string{"b"}, dueBodies(t, s, "t", base))
	settleAll(t, s, settled(d, meta.Delivered), settled(d, meta.GivenUp), settled(d, meta.TryAgain))
	wantSame(t, "due", []string{"b"}, dueBodies(t, s, "t", base))
	wantSame(t, "dead letters", 0, len(dead(t, s, meta.DeadLetterQuery{Limit: 9})))
}

func deliveryDrop(t *testing.T, s meta.Store) {
	ctx := t.Context()
	queue(t, s, "t", [2]string{"l", "a"}, [2]string{"l", "b"}, [2]string{"", "c"}, [2]string{"l", "d"}, [2]string{"m", "e"})
	queue(t, s, "u", [2]string{"l", "f"})
	all := dueOf(t, s, "t")
	settleAll(t, s, settled(all[0], meta.TryAgain), settled(all[2], meta.GivenUp))
	drop := func(limit, want int) {
		t.Helper()
		if n := value(s.DropDeliveries(ctx, "t", limit))(t); n != want {
			t.Errorf("%d were dropped, want %d", n, want)
		}
	}
	drop(0, 0)
	drop(3, 3)
	drop(9, 1)
	drop(9, 0)
	wantSame(t, "of another target", []string{"f"}, dueBodies(t, s, "u", base))
	wantSame(t, "dead letters", 1, len(dead(t, s, meta.DeadLetterQuery{Limit: 9})))
}

func deliveryLongLane(t *testing.T, s meta.Store) {
	const n = 250
	ids := appendMany(t, s, n, "l")
	var all []meta.NewDelivery
	for _, id := range ids {
		all = append(all, deliver(id, "t", "l"))
	}
	must(t, s.FanOut(t.Context(), ids, all))
	var served []int64
	for range 10 {
		page := value2(s.DueDeliveries(t.Context(), "t", base, 40, 1<<20))(t)
		var done []meta.Settlement
		for _, d := range page {
			served, done = append(served, d.Event), append(done, settled(d, meta.Delivered))
		}
		settleAll(t, s, done...)
	}
	wantSame(t, "served", ids, served)
}

func deliveryHostile(t *testing.T, s meta.Store) {
	id := appendEvent(t, s, "l", "a", base)
	odd := meta.NewDelivery{Event: id, Account: account, Rule: `r"'; DROP TABLE events --`, TargetID: `\u0041<é>&`, Target: "t{}?\"[]", Lane: "l\\\"%_", QueuedAt: base, Replay: "\t\n"}
	must(t, s.FanOut(t.Context(), []int64{id}, []meta.NewDelivery{odd}))
	got := due(t, s, odd.Target, base)
	if len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	wantSame(t, "delivery", odd, got[0].NewDelivery)
	o := settled(got[0], meta.GivenUp)
	o.Reason = "why \x00\xff 'é"
	settleAll(t, s, o)
	letters := dead(t, s, meta.DeadLetterQuery{Limit: 9, Rule: odd.Rule})
	if len(letters) != 1 || letters[0].Reason == "" {
		t.Errorf("got %+v", letters)
	}
	// What no database can hold is no reason to lose anything else.
	id = appendEvent(t, s, "\x00\xff", "b", base)
	odd = meta.NewDelivery{Event: id, Account: "\x00", Rule: "\xff", TargetID: "\x00", Target: "\xff\x00", Lane: "\x00", QueuedAt: base, Replay: "\x00"}
	must(t, s.FanOut(t.Context(), []int64{id}, []meta.NewDelivery{odd, deliver(id, "t", "l")}))
	wantSame(t, "due", []string{"b"}, dueBodies(t, s, "t", base))
}

// deliveryHistory compares with a model in which a lane is a list.
func deliveryHistory(t *testing.T, s meta.Store) {
	random := rand.New(rand.NewPCG(1, 2))
	type waiting struct {
		event int64
		due   time.Time
	}
	lanes := map[string][]waiting{}
	now := base
	for round := range 150 {
		now = now.Add(time.Second)
		if random.IntN(3) > 0 {
			lane := fmt.Sprint("l", random.IntN(4))
			n := 1 + random.IntN(3)
			var all []meta.NewDelivery
			ids := appendMany(t, s, n, lane)
			for _, id := range ids {
				d := deliver(id, "t", lane)
				d.QueuedAt = now
				all = append(all, d)
				lanes[lane] = append(lanes[lane], waiting{id, now})
			}
			must(t, s.FanOut(t.Context(), ids, all))
		}
		want := map[int64]bool{}
		for _, l := range lanes {
			for _, w := range l {
				if w.due.After(now) {
					break
				}
				want[w.event] = true
			}
		}
		page := due(t, s, "t", now)
		got := map[int64]bool{}
		for _, d := range page {
			got[d.Event] = true
		}
		wantSame(t, fmt.Sprint("due in round ", round), want, got)
		stopped := map[string]bool{}
		var all []meta.Settlement
		for _, d := range page {
			outcome := meta.Outcome(random.IntN(3))
			if stopped[d.Lane] || random.IntN(4) == 0 {
				stopped[d.Lane] = true
				continue
			}
			o := settled(d, outcome)
			o.DueAt = now.Add(time.Duration(random.IntN(5)) * time.Second)
			all = append(all, o)
			if outcome == meta.TryAgain {
				stopped[d.Lane] = true
				lanes[d.Lane][0].due = o.DueAt
			} else {
				lanes[d.Lane] = lanes[d.Lane][1:]
			}
		}
		settleAll(t, s, all...)
	}
}

// deliveryRace serves a lane while it grows.
func deliveryRace(t *testing.T, s meta.Store) {
	ctx := t.Context()
	const n = 60
	ids := appendMany(t, s, n, "l")
	must(t, s.FanOut(ctx, ids, nil))
	var all sync.WaitGroup
	all.Go(func() {
		for _, id := range ids {
			if err := s.FanOut(ctx, nil, []meta.NewDelivery{deliver(id, "t", "l")}); err != nil {
				t.Error(err)
			}
		}
	})
	var served []int64
	failed := map[int64]bool{}
	eventually(t, "everything is served", func() bool {
		var done []meta.Settlement
		for _, d := range dueOf(t, s, "t") {
			o := settled(d, meta.Delivered)
			if o.DueAt = base; !failed[d.ID] && d.Event%3 == 0 {
				failed[d.ID] = true
				o.Outcome = meta.TryAgain
				done = append(done, o)
				break
			}
			served, done = append(served, d.Event), append(done, o)
		}
		settleAll(t, s, done...)
		return len(served) >= n
	})
	all.Wait()
	if !slices.Equal(ids, served) {
		t.Errorf("served %v, want %v", served, ids)
	}
}
