// Package natsserver gives tests a real NATS server with JetStream: the one of
// the package nats-server, a process for every test that asks.
//
// It is for tests of every layer, so it must not import internal packages.
package natsserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// RequireToolsEnv set to 1 turns "not installed, skipped" into a failure.
const RequireToolsEnv = "ECRU_REQUIRE_TOOLS"

const startTimeout = 30 * time.Second

// Server is a running NATS server.
type Server struct {
	Address string // host and port

	t       testing.TB
	program string
	dir     string
	config  string
	process *exec.Cmd
}

// Start runs a server until the test ends, with lines of its configuration
// file, such as authorization { token: x }. Without an installed server it skips
// the test, or fails it when ECRU_REQUIRE_TOOLS=1.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	program, err := find()
	switch {
	case err == nil:
	case os.Getenv(RequireToolsEnv) == "1":
		t.Fatalf("%v (required by %s=1)", err, RequireToolsEnv)
	default:
		t.Skipf("%v: install the package nats-server to run this test", err)
	}
	s := &Server{t: t, program: program, dir: t.TempDir(), config: config}
	s.start(-1)
	t.Cleanup(s.Stop)
	return s
}

// find answers the program, which Debian has outside the path of users.
func find() (string, error) {
	if path, err := exec.LookPath("nats-server"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/nats-server"
	if _, err := os.Stat(debian); err != nil {
		return "", errors.New("no NATS server is installed")
	}
	return debian, nil
}

// start runs the program; a port of -1 is any that is free.
func (s *Server) start(port int) {
	s.t.Helper()
	file := filepath.Join(s.dir, "nats.conf")
	text := fmt.Sprintf("listen: \"127.0.0.1:%d\"\njetstream { store_dir: %q }\nports_file_dir: %q\n%s\n", port, filepath.Join(s.dir, "store"), s.dir, s.config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command(s.program, "-c", file)
	s.process.Stdout, s.process.Stderr = log, log
	s.process.SysProcAttr = endWithParent()
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("starting nats-server: %v", err)
	}
	s.waitUntilItListens()
}

// waitUntilItListens reads where, once the server has written it down.
func (s *Server) waitUntilItListens() {
	s.t.Helper()
	path := filepath.Join(s.dir, fmt.Sprintf("nats-server_%d.ports", s.process.Process.Pid))
	for end := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		var ports struct {
			NATS []string `json:"nats"`
		}
		text, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(text, &ports) == nil && len(ports.NATS) > 0 {
			_, s.Address, _ = strings.Cut(ports.NATS[0], "://")
			if conn, err := net.Dial("tcp", s.Address); err == nil {
				conn.Close()
				return
			}
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("nats-server does not listen after %v:\n%s", startTimeout, log)
		}
	}
}

// Stop kills the server. Its streams stay until the test ends.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	// Both fail only when it has ended already.
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// Restart runs a server that was stopped again, at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	_, port, _ := strings.Cut(s.Address, ":")
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		s.t.Fatal(err)
	}
	s.start(number)
}
