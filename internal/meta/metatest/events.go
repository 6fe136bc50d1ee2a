package metatest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

func eventCases() []testCase {
	return []testCase{
		{"are pending until they were fanned out", eventPending},
		{"come in pages of a number and of bytes", eventLimits},
		{"are listed by account, place and time", eventList},
		{"are fanned out once", eventFanOutOnce},
		{"are fanned out with their deliveries or not at all", eventFanOutDeliveries},
		{"are replayed", eventReplay},
		{"are purged when nothing needs them", eventPurge},
		{"that many dead letters hold are purged later", eventPurgeHeld},
		{"many that fan out at once", eventFanOutRace},
		{"a replay of what is being purged", eventPurgeRace},
	}
}

const otherAccount = "111111111111"

func appendEvent(t testing.TB, s meta.Store, lane, body string, at time.Time) int64 {
	t.Helper()
	must(t, s.AppendEvents(t.Context(), []meta.Event{{Account: account, Lane: lane, At: at, Body: []byte(body)}}))
	pending := value(s.PendingEvents(t.Context(), 10_000, 1<<30))(t)
	return pending[len(pending)-1].ID
}

// appendMany stores n events of a lane and answers their ids.
func appendMany(t testing.TB, s meta.Store, n int, lane string) []int64 {
	t.Helper()
	var all []meta.Event
	for i := range n {
		all = append(all, meta.Event{Account: account, Lane: lane, At: base, Body: fmt.Appendf(nil, "%s-%d", lane, i)})
	}
	must(t, s.AppendEvents(t.Context(), all))
	ids := eventIDs(value(s.PendingEvents(t.Context(), 1_000_000, 1<<30))(t))
	return ids[len(ids)-n:]
}

func eventIDs(events []meta.Event) (ids []int64) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func bodies(events []meta.Event) (all []string) {
	for _, e := range events {
		all = append(all, string(e.Body))
	}
	return all
}

func pendingBodies(t testing.TB, s meta.Store) []string {
	t.Helper()
	return bodies(value(s.PendingEvents(t.Context(), 1000, 1<<30))(t))
}

func eventPending(t *testing.T, s meta.Store) {
	ctx := t.Context()
	wantSame(t, "nothing", []string(nil), pendingBodies(t, s))
	must(t, s.AppendEvents(ctx, nil))
	must(t, s.FanOut(ctx, nil, nil))
	first := meta.Event{Account: account, Lane: "web@sha256:a", At: base, Body: []byte(`{"a":"é\u0000"}`)}
	rest := []meta.Event{{Account: otherAccount, At: base.Add(time.Second), Body: []byte{0, 0xff}}, {Account: account, Lane: "l"}}
	must(t, s.AppendEvents(ctx, []meta.Event{first}))
	must(t, s.AppendEvents(ctx, rest))
	got := value(s.PendingEvents(ctx, 10, 1<<20))(t)
	if len(got) != 3 || !slices.IsSorted(eventIDs(got)) || got[0].ID <= 0 {
		t.Fatalf("got %+v", got)
	}
	first.ID, rest[0].ID, rest[1].ID = got[0].ID, got[1].ID, got[2].ID
	wantSame(t, "pending", []meta.Event{first, rest[0], rest[1]}, got)
	must(t, s.FanOut(ctx, []int64{got[1].ID, 4711}, nil))
	wantSame(t, "left", []meta.Event{first, rest[1]}, value(s.PendingEvents(ctx, 10, 1<<20))(t))
	must(t, s.FanOut(ctx, eventIDs(got), nil))
	wantSame(t, "left", []string(nil), pendingBodies(t, s))
}

func eventLimits(t *testing.T, s meta.Store) {
	for _, size := range []int{10, 20, 30, 40} {
		appendEvent(t, s, "", long(size), base)
	}
	for _, c := range []struct{ limit, bytes, want int }{{10, 1000, 4}, {2, 1000, 2}, {0, 1000, 0}, {10, 0, 1}, {10, 10, 1}, {10, 11, 2}, {10, 30, 2}, {10, 59, 3}, {10, 60, 3}, {10, 61, 4}, {-1, 9, 0}} {
		if got := value(s.PendingEvents(t.Context(), c.limit, c.bytes))(t); len(got) != c.want {
			t.Errorf("%d of a limit of %d and %d bytes, want %d", len(got), c.limit, c.bytes, c.want)
		}
	}
}

func eventList(t *testing.T, s meta.Store) {
	ctx := t.Context()
	for n := range 6 {
		who := account
		if n == 3 {
			who = otherAccount
		}
		must(t, s.AppendEvents(ctx, []meta.Event{{Account: who, At: base.Add(time.Duration(n) * time.Second), Body: fmt.Append(nil, n)}}))
	}
	ids := eventIDs(value(s.PendingEvents(ctx, 10, 1<<20))(t))
	must(t, s.FanOut(ctx, ids[:2], nil))
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Second) }
	cases := map[string]struct {
		q    meta.EventQuery
		want []string
	}{
		"all":         {meta.EventQuery{Limit: 9}, []string{"0", "1", "2", "4", "5"}},
		"a page":      {meta.EventQuery{Limit: 2, After: ids[0]}, []string{"1", "2"}},
		"from":        {meta.EventQuery{Limit: 9, From: at(2)}, []string{"2", "4", "5"}},
		"to":          {meta.EventQuery{Limit: 9, To: at(2)}, []string{"0", "1"}},
		"both":        {meta.EventQuery{Limit: 9, From: at(1), To: at(5)}, []string{"1", "2", "4"}},
		"after, both": {meta.EventQuery{Limit: 9, From: at(1), To: at(5), After: ids[2]}, []string{"4"}},
		"none":        {meta.EventQuery{}, nil},
	}
	for name, c := range cases {
		wantSame(t, name, c.want, bodies(value(s.ListEvents(ctx, account, c.q))(t)))
	}
	other := value(s.ListEvents(ctx, otherAccount, meta.EventQuery{Limit: 9}))(t)
	wantSame(t, "of another account", []meta.Event{{ID: ids[3], Account: otherAccount, At: at(3), Body: []byte("3")}}, other)
}

// deliver makes a delivery to a target.
func deliver(event int64, target, lane string) meta.NewDelivery {
	return meta.NewDelivery{Event: event, Account: account, Rule: "rule", TargetID: "id-" + target, Target: target, Lane: lane, QueuedAt: base}
}

func eventFanOutOnce(t *testing.T, s meta.Store) {
	id := appendEvent(t, s, "l", "a", base)
	for range 3 {
		must(t, s.FanOut(t.Context(), []int64{id}, []meta.NewDelivery{deliver(id, "t", "l"), deliver(id, "u", "l")}))
	}
	if due := dueBodies(t, s, "t", base); len(due) != 1 {
		t.Errorf("due: %v", due)
	}
	if due := dueBodies(t, s, "u", base); len(due) != 1 {
		t.Errorf("due: %v", due)
	}
}

func eventFanOutDeliveries(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ids := appendMany(t, s, 2, "l")
	// Nobody can hand out what is not there.
	must(t, s.FanOut(ctx, []int64{4711}, []meta.NewDelivery{deliver(4711, "t", "l"), deliver(4712, "t", "l")}))
	wantSame(t, "of unknown events", []string(nil), dueBodies(t, s, "t", base))
	wantSame(t, "targets", []meta.WaitingTarget(nil), value(s.WaitingTargets(ctx))(t))
	must(t, s.FanOut(ctx, ids, []meta.NewDelivery{deliver(ids[0], "t", "l"), deliver(4711, "t", "l"), deliver(ids[1], "t", "l"), deliver(ids[1], "t", "")}))
	due, _, err := s.DueDeliveries(ctx, "t", base, 9, 1<<20)
	must(t, err)
	want := []meta.Delivery{
		{NewDelivery: deliver(ids[0], "t", "l"), At: base, Body: []byte("l-0")},
		{NewDelivery: deliver(ids[1], "t", "l"), At: base, Body: []byte("l-1")},
		{NewDelivery: deliver(ids[1], "t", ""), At: base, Body: []byte("l-1")},
	}
	for n := range due {
		want[n].ID = due[n].ID
	}
	wantSame(t, "due", want, due)
	if !slices.IsSortedFunc(due, func(a, b meta.Delivery) int { return int(a.ID - b.ID) }) {
		t.Errorf("ids are not in order: %v", due)
	}
}

func eventReplay(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ids := appendMany(t, s, 3, "l")
	must(t, s.FanOut(ctx, ids, nil))
	again := deliver(ids[1], "t", "l")
	again.Replay = "name"
	must(t, s.FanOut(ctx, nil, []meta.NewDelivery{again, deliver(4711, "t", "l")}))
	due, _, err := s.DueDeliveries(ctx, "t", base, 9, 1<<20)
	must(t, err)
	if len(due) != 1 || due[0].Replay != "name" || string(due[0].Body) != "l-1" {
		t.Errorf("due: %+v", due)
	}
}

func purge(t *testing.T, s meta.Store, before time.Time, limit, want int) {
	t.Helper()
	if got := value(s.PurgeEvents(t.Context(), before, limit))(t); got != want {
		t.Errorf("%d events were purged, want %d", got, want)
	}
}

func listed(t testing.TB, s meta.Store) []string {
	t.Helper()
	return bodies(value(s.ListEvents(t.Context(), account, meta.EventQuery{Limit: 10_000}))(t))
}

func eventPurge(t *testing.T, s meta.Store) {
	ctx := t.Context()
	var ids []int64
	for n := range 6 {
		ids = append(ids, appendEvent(t, s, "", fmt.Sprint(n), base.Add(time.Duration(n)*time.Minute)))
	}
	later := base.Add(time.Hour)
	purge(t, s, later, 9, 0) // pending
	must(t, s.FanOut(ctx, ids[:5], []meta.NewDelivery{deliver(ids[1], "t", ""), deliver(ids[2], "t", ""), deliver(ids[2], "u", "")}))
	purge(t, s, base, 9, 0)
	purge(t, s, base.Add(time.Microsecond), 0, 0)
	purge(t, s, base.Add(time.Microsecond), 9, 1)
	wantSame(t, "left", []string{"1", "2", "3", "4", "5"}, listed(t, s))
	purge(t, s, later, 1, 1)
	wantSame(t, "left", []string{"1", "2", "4", "5"}, listed(t, s))
	purge(t, s, later, 9, 1)
	// What waits, or was given up, is kept.
	due := due(t, s, "t", base)
	settleAll(t, s, settled(due[0], meta.Delivered), settled(due[1], meta.GivenUp))
	purge(t, s, later, 9, 1)
	wantSame(t, "left", []string{"2", "5"}, listed(t, s))
	settleAll(t, s, settled(dueOf(t, s, "u")[0], meta.Delivered))
	purge(t, s, later, 9, 0)
	if n := value(s.DeleteDeadLetters(ctx, account, meta.DeadLetterQuery{Limit: 9}))(t); n != 1 {
		t.Errorf("%d dead letters are gone", n)
	}
	purge(t, s, later, 9, 1)
	must(t, s.FanOut(ctx, ids[5:], nil))
	purge(t, s, later, 9, 1)
	wantSame(t, "left", []string(nil), listed(t, s))
	if next := appendEvent(t, s, "", "next", base); next <= ids[5] {
		t.Errorf("id %d was used before", next)
	}
}

// eventPurgeHeld has more held events than a purge looks at in one go.
func eventPurgeHeld(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ids := appendMany(t, s, 2500, "")
	var all []meta.NewDelivery
	for _, id := range ids[:2400] {
		all = append(all, deliver(id, "t", ""))
	}
	must(t, s.FanOut(ctx, ids, all))
	var dead []meta.Settlement
	for _, d := range value2(s.DueDeliveries(ctx, "t", base, 5000, 1<<30))(t) {
		dead = append(dead, settled(d, meta.GivenUp))
	}
	must(t, s.Settle(ctx, dead))
	later := base.Add(time.Hour)
	purge(t, s, later, 60, 60)
	purge(t, s, later, 60, 40)
	purge(t, s, later, 60, 0)
	if n := value(s.PurgeDeadLetters(ctx, base.Add(time.Minute), 2000))(t); n != 2000 {
		t.Errorf("%d dead letters are gone", n)
	}
	purge(t, s, later, 5000, 2000)
	if n := value(s.DeleteDeadLetters(ctx, account, meta.DeadLetterQuery{IDs: []int64{dead[2100].ID, dead[2399].ID, 4711}, Limit: 9}))(t); n != 2 {
		t.Errorf("%d dead letters are gone", n)
	}
	purge(t, s, later, 5000, 2)
	if got := listed(t, s); len(got) != 398 {
		t.Errorf("%d events are left", len(got))
	}
}

// eventFanOutRace: whoever hands out the same events, each is queued once, and a
// lane stays in order.
func eventFanOutRace(t *testing.T, s meta.Store) {
	ctx := t.Context()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				if err := s.AppendEvents(ctx, []meta.Event{{Account: account, Lane: "l", At: base}, {Account: account, At: base}}); err != nil {
					t.Error(err)
				}
				pending, err := s.PendingEvents(ctx, 100, 1<<20)
				if err != nil {
					t.Error(err)
				}
				var deliveries []meta.NewDelivery
				for _, e := range pending {
					deliveries = append(deliveries, deliver(e.ID, "t", e.Lane), deliver(e.ID, "u", e.Lane))
				}
				if err := s.FanOut(ctx, eventIDs(pending), deliveries); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, target := range []string{"t", "u"} {
		got := value2(s.DueDeliveries(ctx, target, base, 1000, 1<<20))(t)
		seen := map[int64]bool{}
		for _, d := range got {
			seen[d.Event] = true
		}
		if len(got) != 160 || len(seen) != 160 {
			t.Errorf("%d deliveries of %d events, want 160", len(got), len(seen))
		}
	}
}

// eventPurgeRace: a delivery never waits for an event that is gone.
func eventPurgeRace(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ids := appendMany(t, s, 200, "")
	must(t, s.FanOut(ctx, ids, nil))
	var all sync.WaitGroup
	all.Go(func() {
		for range 40 {
			if _, err := s.PurgeEvents(ctx, base.Add(time.Hour), 5); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range 3 {
		all.Go(func() {
			for n := range 40 {
				id := ids[(n*5+w)%200]
				if err := s.FanOut(ctx, nil, []meta.NewDelivery{deliver(id, "t", ""), deliver(ids[199-n], "t", "")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	kept := idSet(eventIDs(value(s.ListEvents(ctx, account, meta.EventQuery{Limit: 1000}))(t)))
	for _, d := range value2(s.DueDeliveries(ctx, "t", base, 1000, 1<<20))(t) {
		if !kept[d.Event] {
			t.Errorf("event %d is gone and waited for", d.Event)
		}
	}
}

func idSet(ids []int64) map[int64]bool {
	set := map[int64]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}
