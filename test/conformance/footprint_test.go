package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxResident is generous: an upload of 24 MiB or a manifest of 4 MiB at a time
// needs a small part of it, a server that buffers what it is sent more.
const maxResident = 512 << 20

// leavesNothing checks that the data directory is afterwards as large as before.
func (r *registry) leavesNothing(t *testing.T, act func(repo string)) {
	t.Helper()
	repo := r.repository(t)
	if r.ecru == nil {
		act(repo)
		t.Skip("what is left behind can only be seen in a data directory of ecru")
	}
	before := storedBytes(t, r.ecru.Data)
	act(repo)
	await(t, "the data directory has its old size", func() bool {
		return storedBytes(t, r.ecru.Data) < before+(512<<10)
	})
}

// storedBytes counts the files of a directory without the database, which
// grows with what it has done.
func storedBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while we look: that is what we wait for
		}
		if err != nil || entry.IsDir() || strings.Contains(entry.Name(), ".db") {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// boundedMemory runs last: the high-water mark covers all cases before it.
func boundedMemory(t *testing.T, r *registry) {
	if r.ecru == nil {
		t.Skip("the memory of another machine")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.ecru.PID()))
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	match := highWater.FindSubmatch(text)
	if match == nil {
		t.Skip("/proc has no VmHWM")
	}
	kilobytes, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at most %d MiB were resident", kilobytes>>10)
	if kilobytes<<10 > maxResident {
		t.Errorf("%d MiB resident, want at most %d", kilobytes>>10, maxResident>>20)
	}
}
