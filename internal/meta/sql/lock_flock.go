//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sql

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// fileLock keeps a second process, which would have a group writer of its own,
// away from a database. The system drops it when the process ends, however.
type fileLock struct{ f *os.File }

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w%s: stop that one first", ErrInUse, holder(f))
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &fileLock{f}, nil
}

// holder names the process that has noted itself in the lock's file.
func holder(f *os.File) string {
	text := make([]byte, 20)
	n, _ := f.Read(text)
	pid := strings.TrimSpace(string(text[:n]))
	if pid == "" || strings.Trim(pid, "0123456789") != "" {
		return ""
	}
	return " (process " + pid + ")"
}

// release leaves the file: removing it would let two processes lock two files
// of the same name.
func (l *fileLock) release() error { return l.f.Close() }
