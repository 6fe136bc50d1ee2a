package chaos

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
	pushers      = 16
	repositories = 4
	defaultKills = 8
	// killsEnv asks for more kills than a test run has time for.
	killsEnv = "ECRU_CHAOS_KILLS"

	shortestLife = 300 * time.Millisecond
	longestLife  = 1000 * time.Millisecond
)

// TestKilledServerLosesNothingAcknowledged is the promise of a registry: a 201
// is kept, whatever happens to the process a moment later.
func TestKilledServerLosesNothingAcknowledged(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		l := newLedger()
		repos := createRepositories(t, s)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var group sync.WaitGroup
		// Clients rest while the server is looked at: else there would be
		// more to look at each time than a test has time for.
		var rest sync.RWMutex
		password := s.Password(t)
		for i := range pushers {
			p := newPusher(s, password, l, repos[i%len(repos)], i, &rest)
			group.Go(func() { p.run(ctx) })
		}
		for i := range kills(t) {
			live(ctx, s)
			s.Kill(t)
			killed := l.snapshot()
			s.Restart(t)
			func() {
				rest.Lock()
				defer rest.Unlock()
				t.Logf("kill %d: %s", i+1, verify(t, s, password, repos, killed))
			}()
		}
		stop()
		group.Wait()
		t.Logf("at the end: %s", verify(t, s, password, repos, l.snapshot()))
	})
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

func createRepositories(t *testing.T, s *server.Server) []string {
	t.Helper()
	var names []string
	for i := range repositories {
		name := fmt.Sprintf("chaos/repo-%d", i)
		s.CreateRepository(t, name)
		names = append(names, name)
	}
	return names
}

// live lets the server work for a while. How long is left to chance: the kill
// has to hit every step of a push in some run.
func live(ctx context.Context, s *server.Server) {
	life := shortestLife + rand.N(longestLife-shortestLife)
	select {
	case <-ctx.Done():
	case <-time.After(life):
	}
}
