package metatest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

func leaseCases() []testCase {
	return []testCase{
		{"are held by one until they end", leaseLife},
		{"one of many gets it", leaseRace},
	}
}

func leaseLife(t *testing.T, s meta.Store) {
	take := func(name, owner string, now, length time.Duration, want bool) {
		t.Helper()
		got := value(s.TakeLease(t.Context(), name, owner, base.Add(now), base.Add(now+length)))(t)
		if got != want {
			t.Errorf("%s takes %s after %v: %v", owner, name, now, got)
		}
	}
	const s1 = time.Second
	take("relay", "a", 0, 10*s1, true)
	take("relay", "b", 0, 10*s1, false)
	take("other", "b", 0, 10*s1, true)
	take("relay", "a", 5*s1, 10*s1, true) // prolonged
	take("relay", "b", 14*s1, 10*s1, false)
	take("relay", "b", 15*s1, 10*s1, true) // it has ended
	take("relay", "a", 16*s1, 10*s1, false)
	must(t, s.DropLease(t.Context(), "relay", "a"))
	take("relay", "a", 16*s1, 10*s1, false)
	must(t, s.DropLease(t.Context(), "relay", "b"))
	must(t, s.DropLease(t.Context(), "unknown", "b"))
	take("relay", "a", 16*s1, 10*s1, true)
}

func leaseRace(t *testing.T, s meta.Store) {
	for _, name := range numbered("l%d", 5) {
		var all sync.WaitGroup
		var won atomic.Int32
		for w := range 8 {
			all.Go(func() {
				got, err := s.TakeLease(t.Context(), name, fmt.Sprint(w), base, base.Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				if got {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d hold it", name, won.Load())
		}
	}
}
