package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/blobtest"
	"github.com/ecru-registry/ecru/internal/blob/disk"
)

func open(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Open {
		dir := t.TempDir()
		return func() blob.Store { return open(t, dir) }
	})
}

// net/http sends a file without copying it only when it sees an *os.File.
func TestContentIsAFile(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "0123", "content")
	f, err := s.Open(t.Context(), "0123")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := f.(*os.File); !ok {
		t.Errorf("Open answers a %T", f)
	}
}

func put(t *testing.T, s *disk.Store, key, content string) blob.State {
	t.Helper()
	state := add(t, s, key, blob.State{}, content)
	if err := s.Commit(t.Context(), key, state); err != nil {
		t.Fatal(err)
	}
	return state
}

func add(t *testing.T, s *disk.Store, key string, state blob.State, content string) blob.State {
	t.Helper()
	state, err := s.Append(t.Context(), key, state, strings.NewReader(content), false)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// Two requests that finish one upload with different bytes of equal length
// both have a right digest; the second must not replace what the first has
// promised under its own.
func TestCommitDoesNotReplaceOtherContent(t *testing.T) {
	s := open(t, t.TempDir())
	first := add(t, s, "k", blob.State{}, "good")
	second := add(t, s, "k", blob.State{}, "evil")
	if err := s.Commit(t.Context(), "k", first); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), "k", second); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Commit of other content = %v, want fs.ErrExist", err)
	}
	if err := s.Commit(t.Context(), "k", first); err != nil {
		t.Errorf("Commit again = %v", err)
	}
	if err := s.Commit(t.Context(), "k", blob.State{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Commit of nothing = %v, want fs.ErrExist", err)
	}
}

func TestLostBytesAreNoticed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	state := add(t, s, "k", blob.State{}, "0123456789")
	if err := os.Truncate(filepath.Join(dir, "uploads", "k"), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "k", state, strings.NewReader("x"), false); err == nil {
		t.Error("Append went on behind lost bytes")
	}
	if err := s.Commit(t.Context(), "k", state); err == nil {
		t.Error("Commit accepted an upload that has lost bytes")
	}
}

// A process that was killed while it appended leaves bytes that no state knows.
func TestOpeningTidiesWhatACrashHasLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "done", "content")
	state := add(t, s, "going", blob.State{}, "12345")
	for _, name := range []string{"done", "done~a", "going~b"} {
		if err := os.WriteFile(filepath.Join(dir, "uploads", name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	if left := names(t, filepath.Join(dir, "uploads")); len(left) != 2 {
		t.Errorf("left of uploads: %v", left)
	}
	if err := s.Commit(t.Context(), "going", add(t, s, "going", state, "678")); err != nil {
		t.Fatal(err)
	}
	if left := names(t, filepath.Join(dir, "uploads")); len(left) != 0 {
		t.Errorf("left of uploads: %v", left)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "k", "content")
	foreign := filepath.Join(dir, "uploads", "README.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if err := s.List(t.Context(), func(i blob.Info) error {
		if i.Key != "k" {
			t.Errorf("listed %+v", i)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.New(file); err == nil || !strings.HasPrefix(err.Error(), "blob: opening store") {
		t.Errorf("New on a file = %v", err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
