package sql

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// TestEventsUseIndexesOnPostgreSQL asks PostgreSQL how it would run what events
// stand on, whatever the arguments, when much is kept and much waits, before and
// after it has counted that.
func TestEventsUseIndexesOnPostgreSQL(t *testing.T) {
	s := databases["PostgreSQL"](t)
	conn, err := s.back.(*postgresBackend).db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	exec(`ALTER TABLE events SET (autovacuum_enabled = off)`)
	exec(`ALTER TABLE event_deliveries SET (autovacuum_enabled = off)`)
	exec(`INSERT INTO events (account, lane, at, body) SELECT '000000000000', 'l' || n / 3, n, convert_to(repeat('x', 300), 'UTF8') FROM generate_series(1, 60000) n`)
	exec(`INSERT INTO pending_events SELECT id FROM events WHERE id > 59990`)
	exec(`INSERT INTO event_deliveries (target, event_id, account, rule, target_id, lane, attempts, due_at, queued_at, replay, state, reason, died_at)
		SELECT CASE n % 3 WHEN 0 THEN 'dead' ELSE 't' || n % 50 END, n, '000000000000', 'r', 't', 'l' || n / 3, 0, n, n, '', CASE WHEN n % 10 = 0 THEN 'dead' WHEN n % 3 = 0 THEN 'head' ELSE 'behind' END, '', n FROM generate_series(1, 60000) n`)
	exec(`SET plan_cache_mode = force_generic_plan`)
	for _, counted := range []bool{false, true} {
		if counted {
			exec(`ANALYZE events, pending_events, event_deliveries`)
		}
		n := 0
		for name, statement := range eventStatements(s.d) {
			n++
			for _, step := range explainPrepared(t, conn, fmt.Sprintf("q_%v_%d", counted, n), s.d.render(statement)) {
				if strings.Contains(step, "Seq Scan on event") || strings.Contains(step, "Hash") && !strings.Contains(step, "HashAggregate") {
					t.Errorf("%s (counted: %v): %s", name, counted, step)
				}
			}
		}
	}
}

var argument = regexp.MustCompile(`\$\d+`)

// explainPrepared explains a statement as it is run with any arguments.
func explainPrepared(t *testing.T, conn *sql.Conn, name, text string) (plan []string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), "PREPARE "+name+" AS "+text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	arguments := make([]string, len(argument.FindAllString(text, -1)))
	for i := range arguments {
		arguments[i] = "NULL"
	}
	if len(arguments) > 0 {
		name += "(" + strings.Join(arguments, ", ") + ")"
	}
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN EXECUTE "+name)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		t.Logf("%s\n%s", text, strings.Join(plan, "\n"))
	}
	return plan
}

// A process that was killed holds no lease in a database that it had to itself.
func TestLeasesEndWithTheProcess(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "ecru.db")
	s := open(t, url)
	take := func(owner string) bool {
		t.Helper()
		got, err := s.TakeLease(t.Context(), "relay", owner, time.Now(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !take("first") || take("second") {
		t.Error("the lease is not held by the first")
	}
	if err := s.AppendEvents(t.Context(), []meta.Event{{Account: benchAccount, Body: []byte("kept")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, url)
	if !take("second") {
		t.Error("the lease of a process before is still held")
	}
	if pending, err := s.PendingEvents(t.Context(), 9, 9); err != nil || len(pending) != 1 {
		t.Errorf("pending: %v, %v", pending, err)
	}
}

// An idle engine asks often: it must not begin transactions.
func TestIdleQuestionsWriteNothing(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	release := held(t, s) // a writer would wait
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.PendingEvents(ctx, 9, 9); err != nil {
		t.Error(err)
	}
	if _, err := s.WaitingTargets(ctx); err != nil {
		t.Error(err)
	}
	if _, _, err := s.DueDeliveries(ctx, "t", time.Now(), 9, 9); err != nil {
		t.Error(err)
	}
	if _, err := s.PurgeEvents(ctx, time.Now(), 9); err != nil {
		t.Error(err)
	}
	for _, err := range []error{s.FanOut(ctx, nil, nil), s.Settle(ctx, nil), s.AppendEvents(ctx, nil)} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestPurgeMark(t *testing.T) {
	var m purgeMark
	now := time.Now()
	step := func(what string, after time.Duration, want, end int64, freed ...int64) {
		t.Helper()
		if got := m.begin(now.Add(after)); got != want {
			t.Errorf("%s: begins after %d, want %d", what, got, want)
		}
		m.letGo(freed)
		m.end(end)
	}
	step("the first time", 0, 0, 100)
	step("again", time.Minute, 100, 200)
	m.letGo([]int64{250, 150, 180})
	step("something was let go", 2*time.Minute, 149, 200)
	step("while something is let go", 3*time.Minute, 200, 300, 120)
	step("after that", 4*time.Minute, 119, 300, 400)
	step("what comes later", 5*time.Minute, 300, 300)
	step("after an hour", time.Hour, 0, 100)
	step("a clock that was set back", -time.Hour, 0, 100)
}
