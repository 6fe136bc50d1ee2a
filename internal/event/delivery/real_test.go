package delivery_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/test/postgres"
)

func openSQLite(tb testing.TB) *sql.Store {
	tb.Helper()
	return openStore(tb, "sqlite:"+filepath.Join(tb.TempDir(), "ecru.db"))
}

func openStore(tb testing.TB, url string) *sql.Store {
	tb.Helper()
	s, err := sql.Open(context.Background(), sql.Config{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestEverythingArrivesInOrderWhileEnginesComeAndGo: on a real store, with
// targets that fail now and then, and engines that are stopped at any moment.
func TestEverythingArrivesInOrderWhileEnginesComeAndGo(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *sql.Store{
		"SQLite":     func(t *testing.T) *sql.Store { return openSQLite(t) },
		"PostgreSQL": func(t *testing.T) *sql.Store { return openStore(t, postgres.New(t)) },
	} {
		t.Run(name, func(t *testing.T) { everythingArrives(t, open(t)) })
	}
}

func everythingArrives(t *testing.T, db *sql.Store) {
	t.Helper()
	w := newWorld(t, rule("one", "a", "b"), rule("two", "c"))
	targets := []string{"a", "b", "c"}
	for _, id := range targets {
		w.answer(id, func(context.Context, delivery.Message) error {
			if rand.IntN(50) == 0 {
				return errUnavailable
			}
			return nil
		})
	}
	c := w.config()
	c.Store = db
	const events, lanes = 2000, 20
	byLane := map[string][]int{}
	var storing sync.WaitGroup
	storing.Go(func() {
		for n := range events {
			lane := fmt.Sprintf("web@sha256:%d", n%lanes)
			byLane[lane] = append(byLane[lane], n)
			if err := db.AppendEvents(context.Background(), []meta.Event{{Account: account, Lane: lane, At: time.Now(), Body: body(n, lane)}}); err != nil {
				t.Error(err)
			}
		}
	})
	for range 5 {
		e := delivery.New(c)
		e.Start(t.Context())
		before := len(w.got("a"))
		eventually(t, "the engine delivers", func() bool { e.Wake(); return len(w.got("a")) >= min(before+200, events) })
		w.stop(e)
	}
	storing.Wait()
	w.startAnother(c)
	eventually(t, "nothing waits", func() bool {
		waiting, err := db.WaitingTargets(t.Context())
		pending, err2 := db.PendingEvents(t.Context(), 1, 1)
		return err == nil && err2 == nil && len(waiting)+len(pending) == 0
	})
	for _, id := range targets {
		got := map[string][]int{}
		for _, r := range w.got(id) {
			got[r.Lane] = append(got[r.Lane], number(t, r.Message))
		}
		for lane, want := range byLane {
			if first := firstOfEach(got[lane]); !slices.Equal(first, want) {
				t.Errorf("target %s has got of lane %s\n%v, want\n%v", id, lane, first, want)
			}
		}
	}
}

// firstOfEach are the numbers without those that came before already.
func firstOfEach(all []int) []int {
	seen := map[int]bool{}
	var out []int
	for _, n := range all {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}
