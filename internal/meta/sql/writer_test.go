package sql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta/metatest"
)

// held stops the writer of a store until release is called, so that what is
// written meanwhile becomes one batch.
func held(t *testing.T, s *Store) (release func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.back.(*sqliteBackend).writer.pause(context.Background(), func() error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	return func() { close(leave) }
}

// waiting waits until n changes are queued.
func waiting(t *testing.T, s *Store, n int) {
	t.Helper()
	queue := s.back.(*sqliteBackend).writer.queue
	for deadline := time.Now().Add(10 * time.Second); len(queue) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d changes wait, want %d", len(queue), n)
		}
	}
}

func setting(t *testing.T, s *Store, name string) string {
	t.Helper()
	v, _, err := s.Setting(context.Background(), "a", name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func put(name string) func(*tx) error {
	return func(t *tx) error {
		_, err := t.exec(qPutSetting, "a", name, "set")
		return err
	}
}

func TestChangesOfABatchStandOrFallAlone(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	mine := errors.New("mine")
	changes := map[string]func(*tx) error{
		"one":   put("one"),
		"fails": func(t *tx) error { return errors.Join(put("fails")(t), mine) },
		"panics": func(t *tx) error {
			_ = put("panics")(t)
			panic("a bug")
		},
		"wrong": func(t *tx) error {
			_ = put("wrong")(t)
			_, err := t.exec("INSERT INTO tags (repository_id, tag, image_id) VALUES (1, 'x', 4711)")
			return err
		},
		"two": put("two"),
	}
	release := held(t, s)
	var all sync.WaitGroup
	var mu sync.Mutex
	failed := map[string]error{}
	for name, change := range changes {
		all.Go(func() {
			err := s.write(context.Background(), change)
			mu.Lock()
			defer mu.Unlock()
			failed[name] = err
		})
	}
	waiting(t, s, len(changes))
	release()
	all.Wait()
	for name := range changes {
		good := name == "one" || name == "two"
		if good != (failed[name] == nil) {
			t.Errorf("%s: error %v", name, failed[name])
		}
		if got := setting(t, s, name); good != (got == "set") {
			t.Errorf("%s: stored %q", name, got)
		}
	}
	if !errors.Is(failed["fails"], mine) {
		t.Errorf("the error of the change came back as %v", failed["fails"])
	}
}

func TestAForeignKeyFailsItsOwnChange(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	err := s.write(t.Context(), func(t *tx) error {
		_, err := t.exec("INSERT INTO tags (repository_id, tag, image_id) VALUES (1, 'x', 4711)")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") {
		t.Errorf("got %v", err)
	}
}

func TestACancelledChangeIsNotRun(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	release := held(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() { answer <- s.write(ctx, put("cancelled")) }()
	waiting(t, s, 1)
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
	if err := s.write(t.Context(), put("after")); err != nil {
		t.Fatal(err)
	}
	if got := setting(t, s, "cancelled"); got != "" {
		t.Error("the cancelled change was run")
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ecru.db")
	s := open(t, "sqlite:"+path)
	release := held(t, s)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := s.write(context.Background(), put(fmt.Sprint(i))); err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	waiting(t, s, 20)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if err := s.write(context.Background(), put("late")); !errors.Is(err, errClosed) {
		t.Errorf("writing to a closed store: %v", err)
	}
	s = open(t, "sqlite:"+path)
	for i := range 20 {
		if setting(t, s, fmt.Sprint(i)) != "set" {
			t.Errorf("change %d is lost", i)
		}
	}
}

// TestTheLogStaysSmall writes much more than the log may hold.
func TestTheLogStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ecru.db")
	s, err := Open(t.Context(), Config{URL: "sqlite:" + path, CheckpointEvery: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	record, largest := make([]byte, 1<<20), int64(0)
	for i := range 300 {
		if err := s.PutLayerRecord(t.Context(), metatest.DigestOf(fmt.Sprint(i)), 1, record); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path + "-wal"); err == nil {
			largest = max(largest, info.Size())
		}
	}
	if largest > restartAt+100<<20 {
		t.Errorf("the log grew to %d MiB", largest>>20)
	}
	t.Logf("the log grew to %d MiB", largest>>20)
}

// TestTransactionsAreRunAgain: a change that asks for it is run again, on
// PostgreSQL.
func TestTransactionsAreRunAgain(t *testing.T) {
	s := databases["PostgreSQL"](t)
	runs := 0
	err := s.write(t.Context(), func(t *tx) error {
		if runs++; runs < 3 {
			_ = put("x")(t)
			return errRetry
		}
		return put("y")(t)
	})
	if err != nil || runs != 3 {
		t.Errorf("%d runs, %v", runs, err)
	}
	if setting(t, s, "x") != "" || setting(t, s, "y") != "set" {
		t.Error("a run that failed left something")
	}
}
