package metatest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

func deadLetterCases() []testCase {
	return []testCase{
		{"say all that there is to know", deadLetterLife},
		{"are listed by rule, id and page", deadLetterList},
		{"are tried again behind what waits", deadLetterRetry},
		{"are deleted", deadLetterDelete},
		{"are purged, oldest first", deadLetterPurge},
		{"are tried again once, whoever asks", deadLetterRace},
	}
}

func dead(t testing.TB, s meta.Store, q meta.DeadLetterQuery) []meta.DeadLetter {
	t.Helper()
	return value(s.DeadLetters(t.Context(), account, q))(t)
}

func deadBodies(t testing.TB, s meta.Store, q meta.DeadLetterQuery) (all []string) {
	t.Helper()
	for _, l := range dead(t, s, q) {
		all = append(all, string(l.Body))
	}
	return all
}

// bury queues events without a lane and gives them up, one a minute, and
// answers the ids of the deliveries.
func bury(t testing.TB, s meta.Store, rule string, names ...string) (ids []int64) {
	t.Helper()
	for n, name := range names {
		id := appendEvent(t, s, "", name, base)
		d := deliver(id, "t-"+rule, "")
		d.Rule = rule
		must(t, s.FanOut(t.Context(), []int64{id}, []meta.NewDelivery{d}))
		one := dueOf(t, s, "t-"+rule)[0]
		o := settled(one, meta.GivenUp)
		o.At = base.Add(time.Duration(n) * time.Minute)
		settleAll(t, s, o)
		ids = append(ids, one.ID)
	}
	return ids
}

func deadLetterLife(t *testing.T, s meta.Store) {
	queue(t, s, "t", [2]string{"l", "a"})
	d := dueOf(t, s, "t")[0]
	o := settled(d, meta.GivenUp)
	o.Attempts = 7
	settleAll(t, s, o)
	d.Attempts = 7
	wantSame(t, "dead letters", []meta.DeadLetter{{Delivery: d, Reason: "why", DiedAt: o.At}}, dead(t, s, meta.DeadLetterQuery{Limit: 9}))
	wantSame(t, "of another account", 0, len(value(s.DeadLetters(t.Context(), otherAccount, meta.DeadLetterQuery{Limit: 9}))(t)))
	wantSame(t, "due", []string(nil), dueBodies(t, s, "t", base.Add(time.Hour)))
}

func deadLetterList(t *testing.T, s meta.Store) {
	one := bury(t, s, "one", "a", "b", "c")
	two := bury(t, s, "two", "d", "e")
	queue(t, s, "t", [2]string{"", "waits"})
	waits := dueOf(t, s, "t")[0].ID
	cases := map[string]struct {
		q    meta.DeadLetterQuery
		want []string
	}{
		"all":           {meta.DeadLetterQuery{Limit: 9}, []string{"a", "b", "c", "d", "e"}},
		"a page":        {meta.DeadLetterQuery{Limit: 2, After: one[0]}, []string{"b", "c"}},
		"of a rule":     {meta.DeadLetterQuery{Limit: 9, Rule: "two"}, []string{"d", "e"}},
		"of a rule, on": {meta.DeadLetterQuery{Limit: 9, Rule: "two", After: two[0]}, []string{"e"}},
		"of ids":        {meta.DeadLetterQuery{Limit: 9, IDs: []int64{two[1], one[2], 4711, waits}}, []string{"c", "e"}},
		"of both":       {meta.DeadLetterQuery{Limit: 9, Rule: "one", IDs: []int64{two[1], one[2]}}, []string{"c"}},
		"none":          {meta.DeadLetterQuery{}, nil},
		"other rule":    {meta.DeadLetterQuery{Limit: 9, Rule: "three"}, nil},
	}
	for name, c := range cases {
		wantSame(t, name, c.want, deadBodies(t, s, c.q))
	}
}

func deadLetterRetry(t *testing.T, s meta.Store) {
	ctx := t.Context()
	queue(t, s, "t", [2]string{"l", "a"}, [2]string{"l", "b"}, [2]string{"l", "c"}, [2]string{"", "d"})
	all := dueOf(t, s, "t")
	settleAll(t, s, settled(all[0], meta.GivenUp), settled(all[1], meta.GivenUp), settled(all[3], meta.GivenUp))
	now := base.Add(time.Minute)
	retry := func(q meta.DeadLetterQuery, want int) {
		t.Helper()
		if n := value(s.RetryDeadLetters(ctx, account, q, now))(t); n != want {
			t.Errorf("%d are tried again, want %d", n, want)
		}
	}
	retry(meta.DeadLetterQuery{Limit: 9, Rule: "other"}, 0)
	retry(meta.DeadLetterQuery{Limit: 0}, 0)
	retry(meta.DeadLetterQuery{Limit: 2}, 2)
	wantSame(t, "still dead", []string{"d"}, deadBodies(t, s, meta.DeadLetterQuery{Limit: 9}))
	got := due(t, s, "t", now)
	var names []string
	for _, d := range got {
		names = append(names, string(d.Body))
	}
	wantSame(t, "due", []string{"c", "a", "b"}, names)
	if d := got[1]; d.Attempts != 0 || !d.QueuedAt.Equal(now) || d.Event != all[0].Event || d.Rule != "rule" || d.TargetID != "id-t" {
		t.Errorf("got %+v", d)
	}
	retry(meta.DeadLetterQuery{Limit: 9, IDs: []int64{all[3].ID}}, 1)
	retry(meta.DeadLetterQuery{Limit: 9}, 0)
	settleAll(t, s, settled(got[0], meta.Delivered))
	wantSame(t, "due", []string{"a", "b", "d"}, dueBodies(t, s, "t", now))
}

func deadLetterDelete(t *testing.T, s meta.Store) {
	ctx := t.Context()
	one := bury(t, s, "one", "a", "b", "c")
	bury(t, s, "two", "d")
	for _, c := range []struct {
		account string
		q       meta.DeadLetterQuery
		want    int
	}{
		{otherAccount, meta.DeadLetterQuery{Limit: 9}, 0},
		{account, meta.DeadLetterQuery{Limit: 9, IDs: []int64{one[1]}}, 1},
		{account, meta.DeadLetterQuery{Limit: 1, Rule: "one"}, 1},
	} {
		if n := value(s.DeleteDeadLetters(ctx, c.account, c.q))(t); n != c.want {
			t.Errorf("%+v: %d are gone, want %d", c, n, c.want)
		}
	}
	wantSame(t, "left", []string{"c", "d"}, deadBodies(t, s, meta.DeadLetterQuery{Limit: 9}))
}

func deadLetterPurge(t *testing.T, s meta.Store) {
	bury(t, s, "one", "a", "b", "c", "d")
	queue(t, s, "t", [2]string{"", "waits"})
	for _, c := range []struct {
		before time.Duration
		limit  int
		want   int
	}{{0, 9, 0}, {2 * time.Minute, 1, 1}, {2 * time.Minute, 9, 1}, {2 * time.Minute, 9, 0}, {time.Hour, 0, 0}} {
		if n := value(s.PurgeDeadLetters(t.Context(), base.Add(c.before), c.limit))(t); n != c.want {
			t.Errorf("%+v: %d are gone", c, n)
		}
	}
	wantSame(t, "left", []string{"c", "d"}, deadBodies(t, s, meta.DeadLetterQuery{Limit: 9}))
	wantSame(t, "due", []string{"waits"}, dueBodies(t, s, "t", base))
}

func deadLetterRace(t *testing.T, s meta.Store) {
	bury(t, s, "one", numbered("%02d", 20)...)
	var all sync.WaitGroup
	var retried, deleted atomic.Int64
	for w := range 6 {
		all.Go(func() {
			for range 3 {
				q := meta.DeadLetterQuery{Limit: 5}
				if w == 0 {
					n, err := s.DeleteDeadLetters(t.Context(), account, q)
					deleted.Add(int64(n))
					if err != nil {
						t.Error(err)
					}
					continue
				}
				n, err := s.RetryDeadLetters(t.Context(), account, q, base)
				retried.Add(int64(n))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if left := len(dead(t, s, meta.DeadLetterQuery{Limit: 99})); retried.Load()+deleted.Load()+int64(left) != 20 {
		t.Errorf("%d tried again, %d deleted, %d left", retried.Load(), deleted.Load(), left)
	}
	if n := len(dueOf(t, s, "t-one")); int64(n) != retried.Load() {
		t.Errorf("%d wait, %d were tried again: %s", n, retried.Load(), fmt.Sprint(dueBodies(t, s, "t-one", base)))
	}
}
