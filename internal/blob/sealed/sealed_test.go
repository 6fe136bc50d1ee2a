package sealed_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/blobtest"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/blob/sealed"
	"github.com/ecru-registry/ecru/internal/seal"
)

// chunk is the size of the pieces that content is encrypted in.
const chunk = 16 << 10

func ring(t testing.TB, keys ...byte) *seal.Keyring {
	t.Helper()
	var secrets [][]byte
	for _, k := range keys {
		secrets = append(secrets, bytes.Repeat([]byte{k}, seal.KeySize))
	}
	r, err := seal.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func plain(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, dir string) *sealed.Store {
	t.Helper()
	return sealed.New(plain(t, dir), ring(t, 1))
}

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Open {
		dir := t.TempDir()
		return func() blob.Store { return open(t, dir) }
	})
}

// Without a key it is a store like the one inside.
func TestStoreWithoutAKey(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Open {
		dir := t.TempDir()
		return func() blob.Store { return sealed.New(plain(t, dir), nil) }
	})
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func add(t testing.TB, s blob.Store, key string, state blob.State, content []byte) blob.State {
	t.Helper()
	next, err := s.Append(t.Context(), key, state, bytes.NewReader(content), true)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func put(t testing.TB, s blob.Store, key string, content []byte) {
	t.Helper()
	if err := s.Commit(t.Context(), key, add(t, s, key, blob.State{}, content)); err != nil {
		t.Fatal(err)
	}
}

func read(s blob.Store, key string) ([]byte, error) {
	f, err := s.Open(context.Background(), key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func holds(t testing.TB, s blob.Store, key string, want []byte) {
	t.Helper()
	if got, err := read(s, key); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s holds %d bytes, %v; want the %d that were stored", key, len(got), err, len(want))
	}
}

// files answers all files below a directory.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			found[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSizesAroundChunks(t *testing.T) {
	s := open(t, t.TempDir())
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 9*chunk + 5} {
		key, content := blobtest.Key(), random(size)
		put(t, s, key, content)
		holds(t, s, key, content)
		if got, err := s.Stat(t.Context(), key); err != nil || got != int64(size) {
			t.Errorf("Stat = %d, %v; want %d", got, err, size)
		}
	}
}

func TestNothingOfTheContentIsStored(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	secret := bytes.Repeat([]byte("nobody must read this. "), 5000)
	state := add(t, s, "whole", blob.State{}, secret)
	if bytes.Contains(state.Backend, []byte("must read")) {
		t.Error("the state has content in it")
	}
	put(t, s, "small", secret[:100])
	if err := s.Commit(t.Context(), "whole", state); err != nil {
		t.Fatal(err)
	}
	add(t, s, "going-on", blob.State{}, secret)
	for name, content := range files(t, dir) {
		if bytes.Contains(content, []byte("must read")) {
			t.Errorf("%s has content in it", name)
		}
	}
}

// Every part, however it is asked for, is the part of what was stored.
func TestPartsAreThoseOfTheContent(t *testing.T) {
	s, content := open(t, t.TempDir()), random(20*chunk+777)
	put(t, s, "k", content)
	f, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	end := int64(len(content))
	for _, off := range []int64{0, 1, chunk - 1, chunk, 5*chunk + 3, 19 * chunk, 20*chunk - 1, 20 * chunk, end - 1, end, end + 1} {
		for _, n := range []int{0, 1, 100, chunk, chunk + 1, 3 * chunk, 12 * chunk, 30 * chunk} {
			want := content[min(off, end):min(off+int64(n), end)]
			part := make([]byte, n)
			got, err := f.ReadAt(part, off)
			if !bytes.Equal(part[:got], want) || (err == nil) != (got == n) || err != nil && err != io.EOF {
				t.Errorf("ReadAt(%d bytes, %d) = %d, %v", n, off, got, err)
			}
			if _, err := f.Seek(off, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(io.LimitReader(f, int64(n))); err != nil || !bytes.Equal(got, want) {
				t.Errorf("reading %d bytes at %d: %d, %v", n, off, len(got), err)
			}
		}
	}
	if _, err := f.Seek(-1, io.SeekStart); err == nil {
		t.Error("Seek went before the beginning")
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("ReadAt went before the beginning")
	}
}

func TestManyReadOneContentAtOnce(t *testing.T) {
	s, content := open(t, t.TempDir()), random(40*chunk+9)
	put(t, s, "k", content)
	f, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			part := make([]byte, 5*chunk)
			for off := int64(i * 100); off < int64(len(content)-len(part)); off += 7777 {
				if _, err := f.ReadAt(part, off); err != nil || !bytes.Equal(part, content[off:off+int64(len(part))]) {
					t.Errorf("ReadAt(%d): %v", off, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Appends of all sizes meet chunks and each other anywhere, and every one is
// done by another process.
func TestAppendsGoOnAfterRestarts(t *testing.T) {
	dir, content := t.TempDir(), random(10*chunk)
	var state blob.State
	sizes := []int{1, chunk - 1, 5, 0, chunk, 3*chunk + 1, 100}
	for i, rest := 0, content; len(rest) > 0; i++ {
		n := min(len(rest), sizes[i%len(sizes)])
		state = add(t, open(t, dir), "k", state, rest[:n])
		rest = rest[n:]
	}
	s := open(t, dir)
	for range 3 {
		if err := s.Commit(t.Context(), "k", state); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, open(t, dir), "k", content)
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}

// A process that died between the two steps of a commit leaves a last record
// that no state knows.
func TestCommitThatWasCutShortIsMadeAgain(t *testing.T) {
	dir, content := t.TempDir(), random(3*chunk+5)
	state := add(t, open(t, dir), "k", blob.State{}, content)
	for name, stored := range files(t, dir) {
		if err := os.WriteFile(name, append(stored, random(chunk/2)...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	if err := s.Commit(t.Context(), "k", state); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "k", content)
}

// What is encrypted again under the same data key never has the same nonce.
func TestAppendsThatAreMadeAgainDrawOtherNonces(t *testing.T) {
	dir := t.TempDir()
	s, content := open(t, dir), bytes.Repeat([]byte("a"), 4*chunk)
	begun := add(t, s, "k", blob.State{}, content[:100])
	seen := map[string]bool{}
	for range 5 {
		next := add(t, s, "k", begun, content)
		if seen[string(next.Backend[len(next.Backend)-40:])] {
			t.Error("two states end alike")
		}
		seen[string(next.Backend[len(next.Backend)-40:])] = true
	}
	for name, stored := range files(t, dir) {
		for at := 80; at+12 <= len(stored); at += chunk + 28 {
			nonce := string(stored[at : at+12])
			if seen[nonce] {
				t.Errorf("%s: a nonce is used twice", name)
			}
			seen[nonce] = true
		}
	}
}

func TestCommitDoesNotReplaceOtherContent(t *testing.T) {
	for _, before := range []int{0, 10, 2 * chunk} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			var state blob.State
			if before > 0 {
				state = add(t, s, "k", state, random(before))
			}
			first := add(t, s, "k", state, []byte("good"))
			second := add(t, s, "k", state, []byte("evil"))
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
			if left := files(t, dir); len(left) != 1 {
				t.Errorf("%d files are left", len(left))
			}
		})
	}
}

func TestContentFromBeforeStaysReadable(t *testing.T) {
	dir := t.TempDir()
	inner := plain(t, dir)
	put(t, inner, "old", []byte("stored before"))
	begun := add(t, inner, "begun", blob.State{}, []byte("half"))
	s := open(t, dir)
	holds(t, s, "old", []byte("stored before"))
	if size, err := s.Stat(t.Context(), "old"); err != nil || size != 13 {
		t.Errorf("Stat = %d, %v", size, err)
	}
	f, err := s.Open(t.Context(), "old")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.(*os.File); !ok {
		t.Errorf("Open answers a %T", f)
	}
	_ = f.Close()
	if _, err := s.Append(t.Context(), "begun", begun, strings.NewReader("x"), false); err == nil {
		t.Error("an upload that began unsealed went on")
	}
	if err := s.Commit(t.Context(), "begun", begun); err == nil {
		t.Error("an upload that began unsealed was committed")
	}
	if err := s.Abort(t.Context(), "begun", begun); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "old"); err != nil {
		t.Error(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

// Content says nothing about whether it is sealed: who pushes what looks like
// sealed content gets it back as it was.
func TestContentThatLooksSealed(t *testing.T) {
	dir := t.TempDir()
	put(t, open(t, dir), "victim", random(2*chunk))
	stored := slices.Collect(maps.Values(files(t, dir)))[0]
	without := sealed.New(plain(t, dir), nil)
	put(t, without, "fake", stored)
	holds(t, without, "fake", stored)
	s := open(t, dir)
	holds(t, s, "fake", stored)
	put(t, s, "again", stored)
	holds(t, s, "again", stored)
	for _, key := range []string{"victim_sealed", "_sealed"} {
		if _, err := s.Open(t.Context(), key); err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open(%s) = %v, want a refusal of the key", key, err)
		}
	}
}

func TestWithoutTheKeyContentIsLocked(t *testing.T) {
	dir := t.TempDir()
	s, content := open(t, dir), random(chunk+1)
	put(t, s, "k", content)
	begun := add(t, s, "begun", blob.State{}, content)
	for name, other := range map[string]*sealed.Store{
		"no key":      sealed.New(plain(t, dir), nil),
		"another key": sealed.New(plain(t, dir), ring(t, 2)),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := other.Open(t.Context(), "k"); !errors.Is(err, blob.ErrLocked) {
				t.Errorf("Open = %v, want ErrLocked", err)
			}
			if size, err := other.Stat(t.Context(), "k"); err != nil || size != int64(len(content)) {
				t.Errorf("Stat = %d, %v", size, err)
			}
			if _, err := other.Append(t.Context(), "begun", begun, strings.NewReader("x"), false); !errors.Is(err, blob.ErrLocked) {
				t.Errorf("Append = %v, want ErrLocked", err)
			}
			if err := other.Commit(t.Context(), "begun", begun); !errors.Is(err, blob.ErrLocked) {
				t.Errorf("Commit = %v, want ErrLocked", err)
			}
		})
	}
	without := sealed.New(plain(t, dir), nil)
	if err := errors.Join(without.Abort(t.Context(), "begun", begun), without.Delete(t.Context(), "k")); err != nil {
		t.Error(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestOlderKeysOfTheRingOpen(t *testing.T) {
	dir := t.TempDir()
	content := random(chunk + 1)
	put(t, open(t, dir), "old", content)
	begun := add(t, open(t, dir), "begun", blob.State{}, content)
	rotated := sealed.New(plain(t, dir), ring(t, 2, 1))
	holds(t, rotated, "old", content)
	if err := rotated.Commit(t.Context(), "begun", add(t, rotated, "begun", begun, content)); err != nil {
		t.Fatal(err)
	}
	holds(t, rotated, "begun", append(content, content...))
	put(t, rotated, "new", content)
	if _, err := read(open(t, dir), "new"); !errors.Is(err, blob.ErrLocked) {
		t.Errorf("the old key alone reads new content: %v", err)
	}
}

// A state comes from the database; whoever changed it there is told so.
func TestStatesThatWereChanged(t *testing.T) {
	s := open(t, t.TempDir())
	state := add(t, s, "k", blob.State{}, random(chunk+100))
	other := add(t, s, "other", blob.State{}, random(chunk+100))
	states := map[string]blob.State{
		"another upload's": other,
		"another size":     {Size: state.Size - 1, Backend: state.Backend},
		"a chunk less":     {Size: state.Size - chunk, Backend: state.Backend},
		"a huge size":      {Size: 1<<63 - 1, Backend: state.Backend},
		"negative":         {Size: -state.Size, Backend: state.Backend},
	}
	for i := range state.Backend {
		changed := bytes.Clone(state.Backend)
		changed[i] ^= 0x10
		states[fmt.Sprintf("byte %d", i)] = blob.State{Size: state.Size, Backend: changed}
		states[fmt.Sprintf("cut at %d", i)] = blob.State{Size: state.Size, Backend: state.Backend[:i]}
	}
	for name, changed := range states {
		if _, err := s.Append(t.Context(), "k", changed, strings.NewReader("x"), false); err == nil {
			t.Errorf("%s: Append went on", name)
		}
		if err := s.Commit(t.Context(), "k", changed); err == nil {
			t.Errorf("%s: Commit took it", name)
		}
	}
	if err := s.Commit(t.Context(), "k", state); err != nil {
		t.Error(err)
	}
}
