//go:build linux

package disk_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/blobtest"
	"github.com/ecru-registry/ecru/internal/blob/disk"
)

// crashEnv makes this test binary the process that is killed.
const crashEnv = "ECRU_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		commitUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// contentOf makes the bytes under a key checkable by the key alone.
func contentOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return bytes.Repeat(sum[:], 1+int(sum[0])*500)
}

// commitUntilKilled says each key on standard output once it is committed.
func commitUntilKilled(dir string) {
	s, err := disk.New(dir)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	ctx := context.Background()
	for {
		key := blobtest.Key()
		content := contentOf(key)
		half := len(content) / 2
		state, err := s.Append(ctx, key, blob.State{}, bytes.NewReader(content[:half]), false)
		if err == nil {
			state, err = s.Append(ctx, key, state, bytes.NewReader(content[half:]), false)
		}
		if err == nil {
			err = s.Commit(ctx, key, state)
		}
		if err != nil {
			fmt.Println("error:", err)
			return
		}
		fmt.Println(key)
	}
}

func TestKilledProcessLeavesOnlyWholeBlobs(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for range 5 {
		for _, key := range killAfter(t, dir, 40) {
			acknowledged[key] = true
		}
	}
	s := open(t, dir)
	err := s.List(t.Context(), func(i blob.Info) error {
		if !i.Committed {
			return nil
		}
		if got := read(t, s, i.Key); !bytes.Equal(got, contentOf(i.Key)) {
			t.Errorf("%s is committed with %d wrong bytes", i.Key, len(got))
		}
		delete(acknowledged, i.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged blobs are gone", len(acknowledged))
	}
}

// killAfter lets a process commit that many blobs and answers their keys.
func killAfter(t *testing.T, dir string, commits int) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "error") {
			t.Fatal(lines.Text())
		}
		if keys = append(keys, lines.Text()); len(keys) == commits {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	return keys
}

func read(t *testing.T, s *disk.Store, key string) []byte {
	t.Helper()
	f, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small disk to fill needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s := open(t, dir)
	for _, size := range []int{16 << 20, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			big := make([]byte, size)
			_, _ = rand.Read(big)
			if _, err := s.Append(t.Context(), blobtest.Key(), blob.State{}, bytes.NewReader(big), false); !isFull(err) {
				t.Fatalf("Append to a full disk = %v, want ENOSPC", err)
			}
			if left := names(t, dir); len(left) > 0 {
				t.Fatalf("left behind: %v", left)
			}
			key := blobtest.Key()
			state, err := s.Append(t.Context(), key, blob.State{}, strings.NewReader("kept "), false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Append(t.Context(), key, state, bytes.NewReader(big), true); !isFull(err) {
				t.Fatalf("Append to a full disk = %v, want ENOSPC", err)
			}
			if state, err = s.Append(t.Context(), key, state, strings.NewReader("and more"), false); err != nil {
				t.Fatalf("the upload does not go on: %v", err)
			}
			if err := s.Commit(t.Context(), key, state); err != nil {
				t.Fatal(err)
			}
			if got := read(t, s, key); string(got) != "kept and more" {
				t.Errorf("committed %d wrong bytes", len(got))
			}
			_ = s.Delete(t.Context(), key)
		})
	}
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC)
}
