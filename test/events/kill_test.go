package events

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	pushers      = 8
	defaultKills = 6
	// killsEnv asks for more kills than a test run has time for.
	killsEnv = "ECRU_CHAOS_KILLS"

	shortestLife = 200 * time.Millisecond
	longestLife  = 900 * time.Millisecond
)

// pushed is what a client was told that it has pushed.
type pushed struct {
	repository, tag, digest string
}

// TestKilledServerDeliversEveryCommittedEvent: whatever moment a server is
// killed at, every push that was acknowledged, and every event that was
// committed, reaches the target, and those of one image in their order.
func TestKilledServerDeliversEveryCommittedEvent(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		r := newReceiver(t)
		subscribe(t, s, "everything", `{"source":["aws.ecr"]}`, destination(t, s, "receiver", r.URL))
		for i := range pushers {
			s.CreateRepository(t, fmt.Sprintf("kill/%d", i))
		}
		acknowledged := pushWhileKilled(t, s, r)
		// What was committed last is delivered after the last restart.
		committed := logged(t, s)
		r.await(t, "every committed event", func(events []envelope, _ int) bool {
			arrived := ids(events)
			for _, e := range committed {
				if arrived[e.ID] == 0 {
					return false
				}
			}
			return true
		})
		reportDeliveries(t, r.received(), committed, acknowledged)
	})
}

// pushWhileKilled has clients push while the server is killed again and again,
// the receiver failing or hanging half of the time, and answers what was
// acknowledged.
func pushWhileKilled(t *testing.T, s *server.Server, r *receiver) []pushed {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	var all []pushed
	var group sync.WaitGroup
	for i := range pushers {
		p := newPusher(t, s)
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				repository, tag := fmt.Sprintf("kill/%d", i), fmt.Sprintf("t%d", n)
				digest, err := p.push(repository, tag)
				if err != nil {
					rest(ctx, 20*time.Millisecond)
					continue
				}
				mu.Lock()
				all = append(all, pushed{repository, tag, digest})
				mu.Unlock()
			}
		})
	}
	for i := range kills(t) {
		switch i % 3 {
		case 1:
			r.say(503)
		case 2:
			r.hang()
		}
		rest(ctx, shortestLife+rand.N(longestLife-shortestLife))
		s.Kill(t)
		r.say(200)
		r.release()
		s.Restart(t)
	}
	stop()
	group.Wait()
	return all
}

func kills(t *testing.T) int {
	t.Helper()
	value := os.Getenv(killsEnv)
	if value == "" {
		return defaultKills
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatalf("%s: %v", killsEnv, err)
	}
	return n
}

// rest waits: how long a server lives before it is killed is left to chance.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// reportDeliveries checks what arrived against what was committed and what was
// acknowledged, and prints the counts.
func reportDeliveries(t *testing.T, arrived, committed []envelope, acknowledged []pushed) {
	t.Helper()
	count := ids(arrived)
	events := map[pushed]bool{}
	for _, e := range arrived {
		if e.Detail.Action == "PUSH" {
			events[pushed{e.Detail.Repository, e.Detail.Tag, e.Detail.Digest}] = true
		}
	}
	for _, p := range acknowledged {
		if !events[p] {
			t.Errorf("no event of %s:%s %s, which was acknowledged", p.repository, p.tag, p.digest)
		}
	}
	known := map[string]bool{}
	for _, e := range committed {
		known[e.ID] = true
	}
	for id := range count {
		if !known[id] {
			t.Errorf("event %s arrived and is not in the log: it was sent before it was committed", id)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was pushed: the test has shown nothing")
	}
	t.Logf("%d pushes acknowledged, %d events committed, %d delivered, %d of them more than once", len(acknowledged), len(committed), len(count), len(arrived)-len(count))
}
