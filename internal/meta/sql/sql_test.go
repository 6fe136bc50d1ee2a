package sql

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/test/postgres"
)

// databases opens an empty store on each of the databases.
var databases = map[string]func(t testing.TB) *Store{
	"SQLite":     func(t testing.TB) *Store { return open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db")) },
	"PostgreSQL": func(t testing.TB) *Store { return open(t, postgres.New(t)) },
}

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func TestMetadata(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			metatest.Run(t, func(t testing.TB) meta.Store { return checked(t, open(t)) })
		})
	}
}

func TestAdvisories(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			advisorytest.Run(t, func(t *testing.T) advisory.Store { return open(t) })
		})
	}
}

// checked looks for loose ends in the tables when the test is over.
func checked(t testing.TB, s *Store) *Store {
	t.Cleanup(func() { checkInvariants(t, s) })
	return s
}
