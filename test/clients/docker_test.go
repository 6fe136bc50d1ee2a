package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	dockerStartTimeout = 60 * time.Second
	dockerStopTimeout  = 20 * time.Second
)

// startDocker starts a daemon that shares nothing with one of the machine, and
// returns its address.
func startDocker(t *testing.T) string {
	t.Helper()
	needRoot(t)
	// Not t.TempDir: the path of a socket must be short.
	dir, err := os.MkdirTemp("", "ecru-docker-")
	must(t, err)
	t.Cleanup(func() { removeDockerData(t, dir) })
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer log.Close()
	address := "unix://" + filepath.Join(dir, "sock")
	cmd := exec.Command(find(t, "dockerd"), "--iptables=false", "--ip6tables=false", "--bridge=none",
		"--storage-driver=vfs", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", address)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "PATH="+toolPath(t))
	must(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is asked to end: how it did does not matter
		close(exited)
	}()
	t.Cleanup(func() { stopDocker(t, cmd, exited) })
	waitDocker(t, address, exited, log.Name())
	return address
}

func waitDocker(t *testing.T, address string, exited <-chan struct{}, log string) {
	t.Helper()
	deadline := time.After(dockerStartTimeout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	docker := find(t, "docker")
	for exec.Command(docker, "-H", address, "version").Run() != nil {
		select {
		case <-tick.C:
			continue
		case <-exited:
		case <-deadline:
		}
		text, _ := os.ReadFile(log)
		missing(t, fmt.Sprintf("dockerd does not run here:\n%s", text))
	}
}

func stopDocker(t *testing.T, cmd *exec.Cmd, exited <-chan struct{}) {
	t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	select {
	case <-exited:
	case <-time.After(dockerStopTimeout):
		_ = cmd.Process.Kill()
		<-exited
		t.Errorf("dockerd did not end within %s", dockerStopTimeout)
	}
}

func removeDockerData(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Logf("the data of dockerd stays: %v", err)
	}
}
