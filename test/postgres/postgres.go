// Package postgres gives tests a real PostgreSQL: one server per test
// process, made of the Debian packages that are installed, and a fresh
// database for every test that asks.
//
// It is for tests of every layer, so it must not import internal packages.
package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Environment variables that change what New does.
const (
	// RequireToolsEnv set to 1 turns "not installed, skipped" into a failure.
	RequireToolsEnv = "ECRU_REQUIRE_TOOLS"
	// URLEnv names a running server (as a superuser's postgres:// URL) to use
	// instead of starting one.
	URLEnv = "ECRU_TEST_POSTGRES"
)

// shared is the server of this process. Starting one takes a second, so all
// tests of a process use the same; it is stopped when the process ends, however
// that happens (see instance).
var shared = sync.OnceValues(startShared)

// New returns the postgres:// URL of an empty database that is dropped when
// the test ends. Without an installed PostgreSQL it skips the test, or fails it
// when ECRU_REQUIRE_TOOLS=1.
func New(t testing.TB) string {
	t.Helper()
	admin := os.Getenv(URLEnv)
	if admin == "" {
		skipUnlessInstalled(t)
		s, err := shared()
		if err != nil {
			t.Fatalf("starting PostgreSQL for the tests: %v", err)
		}
		admin = s.url
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(admin, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("creating a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("dropping the database of the test: %v", err)
		}
	})
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("the address of PostgreSQL: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

func skipUnlessInstalled(t testing.TB) {
	t.Helper()
	_, err := findPrograms()
	switch {
	case err == nil:
	case os.Getenv(RequireToolsEnv) == "1":
		t.Fatalf("%v (required by %s=1)", err, RequireToolsEnv)
	default:
		t.Skipf("%v: install the package postgresql to run this test", err)
	}
}

// execute runs one statement on a connection of its own: CREATE and DROP
// DATABASE cannot run in the transaction of a pool.
func execute(databaseURL, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
