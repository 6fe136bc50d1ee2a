// Package server runs the real ecru binary for black-box tests: it builds it,
// starts it on a free port with a data directory of its own, and stops, kills
// and restarts it.
//
// Everything it knows of ecru is what a user knows: the command line, the
// network interface and the files of the data directory. It must not import
// internal packages.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyTimeout            = 60 * time.Second
	stopTimeout             = 30 * time.Second
	lowestPort, highestPort = 10_000, 32_000
	// logTail bounds what a failing test prints of the log.
	logTail = 16 << 10
)

// Options say how to start a server. The zero value is a server on SQLite in a
// temporary directory that fetches no advisories.
type Options struct {
	// Database is the value of --database: "" for SQLite in the data directory.
	Database string
	// Advisories is the value of --advisories: "" for "off".
	Advisories string
	// Data is the data directory: "" for a temporary one.
	Data string
	// Args are further flags of "ecru serve".
	Args []string
	// Env are further environment variables, as NAME=value.
	Env []string
}

// Credentials are what "ecru env" prints.
type Credentials struct {
	Endpoint        string `json:"AWS_ENDPOINT_URL"`
	Region          string `json:"AWS_REGION"`
	AccessKeyID     string `json:"AWS_ACCESS_KEY_ID"`
	SecretAccessKey string `json:"AWS_SECRET_ACCESS_KEY"`
}

// Server is a running ecru.
type Server struct {
	// URL is the address of the server without a slash at the end; Host is
	// its host:port, as it stands in image names.
	URL, Host   string
	Data        string
	Credentials Credentials

	binary  string
	options Options
	logFile string
	process *process
}

// process is one run of the binary; a restarted server has several.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

// Start builds ecru if this process has not yet, starts a server and waits
// until it is ready. The server ends with the test; when the test has failed, the
// end of its log is printed.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	if options.Data == "" {
		options.Data = t.TempDir()
	}
	if options.Advisories == "" {
		options.Advisories = "off"
	}
	s := &Server{
		Data:    options.Data,
		binary:  Binary(t),
		options: options,
		logFile: filepath.Join(t.TempDir(), "ecru.log"),
		Host:    freeAddress(t),
	}
	s.URL = "http://" + s.Host
	t.Cleanup(func() { s.finish(t) })
	s.start(t)
	s.Credentials = s.readCredentials(t)
	return s
}

// Binary returns the path of the ecru under test.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatalf("building ecru: %v", err)
	}
	return path
}

// Stop asks the server to end as a service manager does, and fails the test
// unless it ends cleanly.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping ecru: %v", err)
	}
	select {
	case <-s.process.exited:
	case <-time.After(stopTimeout):
		s.Kill(t)
		t.Fatalf("ecru did not stop within %s of SIGTERM", stopTimeout)
	}
	if err := s.process.err; err != nil {
		t.Fatalf("ecru stopped with: %v", err)
	}
}

// Kill ends the server as a power cut does and waits until it is gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.process.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("killing ecru: %v", err)
	}
	<-s.process.exited
}

// Restart starts a stopped or killed server again, with the same data on the
// same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	select {
	case <-s.process.exited:
	default:
		s.Stop(t)
	}
	s.start(t)
}

// PID is the process id of the running server.
func (s *Server) PID() int { return s.process.cmd.Process.Pid }

// Log returns what the server has logged so far, of all its runs.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return fmt.Sprintf("no log: %v", err)
	}
	return string(text)
}

// Run runs another command of the binary, as "env --data DIR", and returns its
// output; a failing command fails the test.
func (s *Server) Run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(s.binary, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cmd.Env = s.environment()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ecru %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args := []string{"serve", "--listen", s.Host, "--data", s.Data, "--advisories", s.options.Advisories}
	if s.options.Database != "" {
		args = append(args, "--database", s.options.Database)
	}
	cmd := exec.Command(s.binary, append(args, s.options.Args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = s.environment()
	cmd.SysProcAttr = endWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting ecru: %v", err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	s.process = p
	s.waitReady(t)
}

// environment is the test's without what would configure ecru.
func (s *Server) environment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "ECRU_") && !strings.HasPrefix(entry, "AWS_") {
			kept = append(kept, entry)
		}
	}
	return append(kept, s.options.Env...)
}

func (s *Server) waitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !s.ready(ctx) {
		select {
		case <-s.process.exited:
			t.Fatalf("ecru ended before it was ready: %v", s.process.err)
		case <-ctx.Done():
			t.Fatalf("ecru was not ready within %s", readyTimeout)
		case <-tick.C:
		}
	}
}

func (s *Server) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *Server) readCredentials(t testing.TB) Credentials {
	t.Helper()
	var c Credentials
	out := s.Run(t, "env", "--data", s.Data, "--format", "json")
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("ecru env printed no JSON: %v\n%s", err, out)
	}
	return c
}

// finish ends the server without a word when it is gone already: a test may
// have stopped or killed it.
func (s *Server) finish(t testing.TB) {
	if s.process != nil {
		select {
		case <-s.process.exited:
		default:
			s.Stop(t)
		}
	}
	if !t.Failed() {
		return
	}
	log := s.Log()
	if len(log) > logTail {
		log = "…" + log[len(log)-logTail:]
	}
	t.Logf("log of ecru:\n%s", log)
}

// freeAddress finds a port below those that the kernel gives to clients and to
// listeners that ask for any: with one of theirs, a server of another test could
// take the port first and answer in place of ours.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.N(highestPort-lowestPort))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}
