package postgres

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestEveryTestGetsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	first, second := New(t), New(t)
	if first == second {
		t.Fatalf("both databases are %s", first)
	}
	if err := execute(first, "CREATE TABLE only_in_first (a int)"); err != nil {
		t.Fatal(err)
	}
	if err := execute(second, "SELECT * FROM only_in_first"); err == nil {
		t.Error("a table of the first database is in the second")
	}
}

func TestDatabaseIsDroppedAtTheEnd(t *testing.T) {
	var gone string
	t.Run("a test", func(t *testing.T) { gone = New(t) })
	if gone == "" {
		t.Skip("no PostgreSQL")
	}
	if err := execute(gone, "SELECT 1"); err == nil {
		t.Error("the database is still there after its test")
	}
}

// The test runs itself as a child that starts a server and is then killed: no
// defer, no cleanup and no TestMain could stop the server in that case.
func TestServerEndsWithAKilledTestProcess(t *testing.T) {
	const role = "ECRU_POSTGRES_TEST_CHILD"
	if file := os.Getenv(role); file != "" {
		if err := os.WriteFile(file+".tmp", []byte(New(t)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".tmp", file); err != nil {
			t.Fatal(err)
		}
		select {} // until killed
	}
	if os.Getenv(URLEnv) != "" {
		t.Skip("the server is not ours to stop")
	}
	skipUnlessInstalled(t)
	file := t.TempDir() + "/url"
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithAKilledTestProcess$")
	child.Env = append(os.Environ(), role+"="+file)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	await(t, "the child's server", func() bool {
		text, err := os.ReadFile(file)
		address = string(text)
		return err == nil
	})
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed: the error says so
	await(t, "the end of the child's server", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return true
		}
		conn.Close(ctx)
		return false
	})
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 30 s", what)
		}
		<-tick.C
	}
}
