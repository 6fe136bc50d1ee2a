package postgres

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startTimeout  = 60 * time.Second
	startAttempts = 3
)

// watchdog runs the server as its child and removes everything when its
// standard input closes. The test process holds the other end, so the server
// goes away even when the tests panic, time out or are killed.
const watchdog = `
"$1" -D "$2/data" -c config_file="$2/postgresql.conf" >"$2/log" 2>&1 &
server=$!
read -r _
kill -QUIT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
`

// settings favour speed over surviving a power cut: tests kill ecru, never
// the machine below PostgreSQL.
const settings = `
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
max_connections = 300
shared_buffers = 64MB
fsync = off
full_page_writes = off
autovacuum = on
log_min_messages = warning
`

type programs struct{ initdb, postgres string }

type instance struct {
	url string
	// alive is held open for the life of the process; the watchdog reads its
	// other end.
	alive io.Closer
}

// findPrograms returns the newest installed server. Debian keeps the programs
// of each version in a directory of its own, outside the path.
func findPrograms() (programs, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return programs{}, err
	}
	sort.Slice(dirs, func(i, j int) bool { return version(dirs[i]) > version(dirs[j]) })
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		p := programs{filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")}
		if isProgram(p.initdb) && isProgram(p.postgres) {
			return p, nil
		}
	}
	return programs{}, errors.New("no PostgreSQL server is installed")
}

func version(binDir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(binDir)))
	if err != nil {
		return 0
	}
	return n
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// startShared tries more than once: the free port it picks may be taken by
// another process before PostgreSQL listens on it.
func startShared() (*instance, error) {
	var failures []error
	for range startAttempts {
		s, err := start()
		if err == nil {
			return s, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func start() (*instance, error) {
	p, err := findPrograms()
	if err != nil {
		return nil, err
	}
	attributes, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := makeDir(attributes.Credential)
	if err != nil {
		return nil, err
	}
	password := cryptorand.Text()
	if err := initialise(p, dir, password, attributes); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	port, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return run(p, dir, password, port, attributes)
}

// unprivileged says how to start PostgreSQL, which refuses to run as root. The
// own process group keeps an interrupt at the terminal from killing the
// watchdog before it has cleaned up.
func unprivileged() (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attributes, nil
	}
	return nil, errors.New("running as root and there is no user postgres or nobody to run PostgreSQL as")
}

func makeDir(owner *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("", "ecru-postgres-")
	if err != nil || owner == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(owner.Uid), int(owner.Gid))
}

func initialise(p programs, dir, password string, attributes *syscall.SysProcAttr) error {
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return err
	}
	if c := attributes.Credential; c != nil {
		if err := os.Chown(secret, int(c.Uid), int(c.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.Command(p.initdb, "--pgdata", filepath.Join(dir, "data"), "--username", "postgres",
		"--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = dir, attributes
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func run(p programs, dir, password string, port int, attributes *syscall.SysProcAttr) (*instance, error) {
	config := filepath.Join(dir, "postgresql.conf")
	hba := fmt.Sprintf("hba_file = '%s/data/pg_hba.conf'\n", dir)
	if err := os.WriteFile(config, []byte(fmt.Sprintf(settings, port)+hba), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", watchdog, "sh", p.postgres, dir)
	cmd.Dir, cmd.SysProcAttr = dir, attributes
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	s := &instance{
		url:   fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/postgres?sslmode=disable", password, port),
		alive: alive,
	}
	if err := waitReady(s.url); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		alive.Close()
		<-exited
		return nil, fmt.Errorf("%w\n%s", err, log)
	}
	return s, nil
}

func waitReady(databaseURL string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, databaseURL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not answer within %s: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

// freePort stays below the ports that the kernel gives to clients and to
// listeners that ask for any.
func freePort() (int, error) {
	for range 100 {
		port := 10_000 + rand.N(22_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}
