package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/reqlog"
	"github.com/ecru-registry/ecru/internal/server"
)

// patience bounds every wait for something that ought to happen at once.
const patience = 20 * time.Second

// running is a server under test on a port of its own.
type running struct {
	*server.Server
	url  string
	host string
	log  *logLines
}

func start(t *testing.T, c server.Config) *running {
	t.Helper()
	lines := &logLines{}
	c.Listen = []string{"127.0.0.1:0"}
	c.Logger = slog.New(slog.NewJSONHandler(lines, nil))
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = s.Stop(ctx)
	})
	host := s.Addresses()[0].String()
	return &running{Server: s, url: "http://" + host, host: host, log: lines}
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// logLines collects the log and can be waited for.
type logLines struct {
	mu    sync.Mutex
	lines []map[string]any
}

func (l *logLines) Write(p []byte) (int, error) {
	var line map[string]any
	if err := json.Unmarshal(p, &line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return len(p), nil
}

// request waits for the access line of a request, which is written after the
// client has its answer.
func (l *logLines) request(t *testing.T, path string) map[string]any {
	t.Helper()
	var found map[string]any
	eventually(t, "a log line for "+path, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, line := range l.lines {
			if line["msg"] == "request" && line["path"] == path {
				found = line
			}
		}
		return found != nil
	})
	return found
}

func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no %s within %v", what, patience)
		}
	}
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, s)
	})
}

func TestRequestsAreLoggedAndCounted(t *testing.T) {
	s := start(t, server.Config{
		Metrics: server.NewMetrics("1.2.3"),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reqlog.Annotate(r.Context(), "arn:aws:iam::000000000000:root", "PutThing")
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "created")
		}),
	})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/thing?secret=1", strings.NewReader("12345"))
	response, _ := do(t, r)
	line := s.log.request(t, "/thing")
	for key, want := range map[string]any{
		"method": "PUT", "status": 201.0, "in": 5.0, "out": 7.0, "level": "INFO",
		"principal": "arn:aws:iam::000000000000:root", "operation": "PutThing",
	} {
		if line[key] != want {
			t.Errorf("logged %s = %v, want %v", key, line[key], want)
		}
	}
	if response.Header.Get("X-Request-Id") == "" || strings.Contains(fmt.Sprint(line), "secret") {
		t.Errorf("request id %q, logged %v", response.Header.Get("X-Request-Id"), line)
	}
	_, metrics := get(t, s.url+"/metrics")
	for _, want := range []string{
		`ecru_requests_total{operation="PutThing",status="201"} 1`,
		`ecru_request_duration_seconds_count{operation="PutThing"} 1`,
		"ecru_requests_in_flight 0",
		"ecru_received_bytes_total 5",
		"ecru_sent_bytes_total 7",
		`version="1.2.3"`,
		"go_goroutines ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	seen := make(chan string, 1)
	s := start(t, server.Config{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- reqlog.RequestID(r.Context())
	})})
	for name, test := range map[string]struct {
		given string
		kept  bool
	}{
		"sane":         {"trace-1_2.3", true},
		"absent":       {"", false},
		"with blanks":  {"a b", false},
		"like markup":  {"<script>", false},
		"without end":  {strings.Repeat("a", 65), false},
		"as it may be": {strings.Repeat("a", 64), true},
	} {
		t.Run(name, func(t *testing.T) {
			response, _ := get(t, s.url, "X-Request-Id", test.given)
			echoed, inHandler := response.Header.Get("X-Request-Id"), <-seen
			if echoed != inHandler || (echoed == test.given) != test.kept {
				t.Errorf("given %q, echoed %q, in the handler %q", test.given, echoed, inHandler)
			}
			if !test.kept && len(echoed) != 36 {
				t.Errorf("made %q, want a UUID", echoed)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	var broken error
	s := start(t, server.Config{Handler: text("x"), Ready: map[string]server.Check{
		"blobs":    func(context.Context) error { return nil },
		"database": func(context.Context) error { return broken },
	}})
	if response, body := get(t, s.url+"/healthz"); response.StatusCode != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", response.StatusCode, body)
	}
	if response, body := get(t, s.url+"/readyz"); response.StatusCode != 200 || body != "blobs: ok\ndatabase: ok\n" {
		t.Errorf("/readyz: %d %q", response.StatusCode, body)
	}
	broken = errors.New("password wrong for user ecru")
	response, body := get(t, s.url+"/readyz")
	if response.StatusCode != 503 || body != "blobs: ok\ndatabase: failing\n" {
		t.Errorf("/readyz: %d %q", response.StatusCode, body)
	}
}

func TestHugeHeaderIsRefused(t *testing.T) {
	s := start(t, server.Config{Handler: text("x")})
	response, _ := get(t, s.url, "X-Huge", strings.Repeat("a", 100<<10))
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", response.StatusCode)
	}
	if response, _ := get(t, s.url, "X-Large", strings.Repeat("a", 32<<10)); response.StatusCode != 200 {
		t.Errorf("a header of 32 KiB: status %d", response.StatusCode)
	}
}

func TestPanicIsOneFailedRequest(t *testing.T) {
	s := start(t, server.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/early":
			panic("oops")
		case "/late":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "begun")
			panic("oops")
		}
	})})
	response, body := get(t, s.url+"/early")
	if response.StatusCode != 500 || !strings.Contains(body, response.Header.Get("X-Request-Id")) || strings.Contains(body, "oops") {
		t.Errorf("%d %q", response.StatusCode, body)
	}
	if line := s.log.request(t, "/early"); line["status"] != 500.0 {
		t.Errorf("logged %v", line)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/late", nil)
	late, err := http.DefaultClient.Do(r)
	if err == nil {
		_, err = io.ReadAll(late.Body)
		late.Body.Close()
	}
	if err == nil {
		t.Error("an answer that broke off looks whole")
	}
	if response, _ := get(t, s.url+"/fine"); response.StatusCode != 200 {
		t.Errorf("after a panic: %d", response.StatusCode)
	}
}

// dial sends the beginning of a request and leaves the rest to the test.
func (s *running) dial(t *testing.T, begin string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, begin); err != nil {
		t.Fatal(err)
	}
	return c
}

const putOf100 = "PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"

func TestBodyThatStallsIsCutOff(t *testing.T) {
	failed := make(chan error, 1)
	s := start(t, server.Config{
		Limits: server.Limits{BodyStall: 50 * time.Millisecond},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			failed <- err
			w.WriteHeader(http.StatusRequestTimeout)
		}),
	})
	c := s.dial(t, putOf100+"only this")
	if err := <-failed; !errors.Is(err, server.ErrStalled) {
		t.Errorf("reading the body = %v, want ErrStalled", err)
	}
	answer, err := io.ReadAll(c) // until the server has closed
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestHeaderThatStallsIsCutOff(t *testing.T) {
	s := start(t, server.Config{Limits: server.Limits{Header: 50 * time.Millisecond}, Handler: text("x")})
	c := s.dial(t, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow")
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	file := largeFile(t, 64<<20)
	for name, send := range map[string]func(http.ResponseWriter) error{
		"a file": func(w http.ResponseWriter) error {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, f)
			return err
		},
		"writes": func(w http.ResponseWriter) error {
			for range 64 << 4 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			failed := make(chan error, 1)
			s := start(t, server.Config{
				Limits:  server.Limits{AnswerStall: 50 * time.Millisecond},
				Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { failed <- send(w) }),
			})
			s.dial(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			select {
			case err := <-failed:
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("sending = %v, want a deadline", err)
				}
			case <-time.After(patience):
				t.Error("the server is still sending")
			}
		})
	}
}

func largeFile(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestStopLetsARunningUploadEnd(t *testing.T) {
	begun := make(chan struct{})
	s := start(t, server.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, n, err)
	})})
	c := s.dial(t, putOf100+strings.Repeat("a", 50))
	<-begun
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stopped <- s.Stop(ctx)
	}()
	eventually(t, "end of listening", func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.host)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(c, strings.Repeat("a", 50)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "100 <nil>\n" {
		t.Errorf("answered %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopCutsOffAtItsDeadline(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	s := start(t, server.Config{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		ended <- r.Context().Err()
	})})
	s.dial(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("Stop = %v, want an error that says that requests were cut off", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the handler has not been told")
	}
}

func TestPortInUse(t *testing.T) {
	s := start(t, server.Config{Handler: text("x")})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	second, err := server.New(server.Config{Listen: []string{free.Addr().String(), s.host}, Handler: text("y")})
	if err != nil {
		t.Fatal(err)
	}
	err = second.Start()
	if err == nil || !strings.Contains(err.Error(), s.host) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Start = %v", err)
	}
	again, err := net.Listen("tcp", free.Addr().String())
	if err != nil {
		t.Fatalf("the other listener was left open: %v", err)
	}
	again.Close()
}

func TestSendsFilesWhole(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 700_000) // more than two pieces
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, server.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			panic(err)
		}
		defer f.Close()
		http.ServeContent(w, r, "", time.Time{}, f)
	})})
	if _, body := get(t, s.url+"/whole"); body != string(content) {
		t.Errorf("%d bytes differ from the %d of the file", len(body), len(content))
	}
	response, body := get(t, s.url+"/part", "Range", "bytes=5000000-10000000")
	if response.StatusCode != 206 || body != string(content[5_000_000:10_000_001]) {
		t.Errorf("status %d, %d bytes", response.StatusCode, len(body))
	}
	if line := s.log.request(t, "/part"); line["out"] != 5000001.0 {
		t.Errorf("logged %v", line)
	}
}
