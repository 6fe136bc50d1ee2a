package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// connection is a writer as net/http has them: it takes files and deadlines.
type connection struct {
	*httptest.ResponseRecorder
	files    int // how often it was handed a file behind at most one limit
	deadline time.Time
}

func (c *connection) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			c.files++
		}
	}
	return io.Copy(c.ResponseRecorder, r)
}

func (c *connection) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// The kernel sends a file by itself only if net/http sees the file.
func TestFilesReachNetHTTPAsFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, make([]byte, 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := &connection{ResponseRecorder: httptest.NewRecorder()}
	var a answer
	a.init(c, httptest.NewRequest(http.MethodGet, "/", nil), time.Minute)
	http.ServeContent(&a, httptest.NewRequest(http.MethodGet, "/", nil), "", time.Time{}, f)
	if c.files != 3 { // 10 MiB in pieces of 4
		t.Errorf("net/http was handed a file %d times, want 3", c.files)
	}
	if c.Body.Len() != 10<<20 || a.written != 10<<20 || a.finalStatus() != http.StatusOK {
		t.Errorf("%d bytes sent, %d counted, status %d", c.Body.Len(), a.written, a.finalStatus())
	}
}

// client sends a piece whenever its pause is over, unless the deadline is first.
type client struct {
	on     *connection
	pause  time.Duration
	piece  int
	pieces int
}

func (c *client) Read(p []byte) (int, error) {
	if c.pieces == 0 {
		return 0, io.EOF
	}
	if next := time.Now().Add(c.pause); next.After(c.on.deadline) {
		time.Sleep(time.Until(c.on.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(c.pause)
	c.pieces--
	return copy(p, make([]byte, c.piece)), nil
}

func (c *client) Close() error { return nil }

// Times are those of a synctest bubble.
func TestWhichBodiesStall(t *testing.T) {
	for name, test := range map[string]struct {
		client  client
		busy    time.Duration // of the handler between its reads
		stalled bool
	}{
		"nothing comes":                    {client: client{pause: time.Hour, piece: 1, pieces: 1}, stalled: true},
		"a byte now and then":              {client: client{pause: 10 * time.Second, piece: 1, pieces: 1000}, stalled: true},
		"slow for hours, but it moves":     {client: client{pause: 20 * time.Second, piece: 2000, pieces: 1000}},
		"a small body comes in two halves": {client: client{pause: 10 * time.Second, piece: 10, pieces: 2}},
		"it is us who are slow":            {client: client{pause: time.Second, piece: 4000, pieces: 20}, busy: 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &connection{ResponseRecorder: httptest.NewRecorder()}
				test.client.on = c
				var b body
				b.init(&test.client, c, 30*time.Second)
				var err error
				for buf := make([]byte, 4096); err == nil; time.Sleep(test.busy) {
					_, err = b.Read(buf)
				}
				if stalled := errors.Is(err, ErrStalled); stalled != test.stalled || !stalled && !errors.Is(err, io.EOF) {
					t.Errorf("the body ended with %v", err)
				}
				if !test.stalled && !c.deadline.IsZero() {
					t.Errorf("a deadline is left after the body")
				}
			})
		})
	}
}

func TestIDsAreUUIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' || id[14] != '4' || strings.Contains(id, "\x00") || seen[id] {
			t.Fatalf("made %q", id)
		}
		seen[id] = true
	}
}
