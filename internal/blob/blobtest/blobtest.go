// Package blobtest is the suite that every implementation of blob.Store
// passes. It knows the port alone; what is special to one store is tested
// beside that store.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/ecru-registry/ecru/internal/blob"
)

// Open opens a store. Each call of one value opens the same content anew, as
// another process would.
type Open func() blob.Store

// Run runs the suite. prepare makes an empty place and answers how to open it.
func Run(t *testing.T, prepare func(t *testing.T) Open) {
	for name, test := range map[string]func(*testing.T, *suite){
		"uploads":  uploads,
		"failures": failures,
		"races":    races,
		"reading":  reading,
		"removal":  removal,
		"listing":  listing,
		"keys":     keys,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, &suite{prepare: prepare})
		})
	}
}

type suite struct {
	prepare func(t *testing.T) Open
}

// bench is one empty store under test.
type bench struct {
	*testing.T
	blob.Store
	open Open
}

func (s *suite) run(t *testing.T, name string, test func(*bench)) {
	t.Run(name, func(t *testing.T) {
		open := s.prepare(t)
		test(&bench{T: t, Store: open(), open: open})
	})
}

// Key makes a key that nothing has used.
func Key() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func (b *bench) append(key string, state blob.State, content []byte) blob.State {
	b.Helper()
	next, err := b.Append(b.Context(), key, state, bytes.NewReader(content), false)
	if err != nil {
		b.Fatalf("Append: %v", err)
	}
	if want := state.Size + int64(len(content)); next.Size != want {
		b.Fatalf("Append answered size %d, want %d", next.Size, want)
	}
	return next
}

func (b *bench) commit(key string, state blob.State) {
	b.Helper()
	if err := b.Commit(b.Context(), key, state); err != nil {
		b.Fatalf("Commit: %v", err)
	}
}

func (b *bench) store(content []byte) string {
	b.Helper()
	key := Key()
	b.commit(key, b.append(key, blob.State{}, content))
	return key
}

// holds checks that a key is committed with exactly this content.
func (b *bench) holds(key string, want []byte) {
	b.Helper()
	f, err := b.Open(b.Context(), key)
	if err != nil {
		b.Fatalf("Open: %v", err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		b.Fatalf("reading: %v", err)
	}
	if !bytes.Equal(got, want) {
		b.Fatalf("content of %d bytes differs from the %d bytes written", len(got), len(want))
	}
	if size, err := b.Stat(b.Context(), key); err != nil || size != int64(len(want)) {
		b.Fatalf("Stat = %d, %v; want %d", size, err, len(want))
	}
}

func (b *bench) absent(key string) {
	b.Helper()
	if f, err := b.Open(b.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		if err == nil {
			f.Close()
		}
		b.Errorf("Open = %v, want ErrNotFound", err)
	}
	if _, err := b.Stat(b.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		b.Errorf("Stat = %v, want ErrNotFound", err)
	}
}

func uploads(t *testing.T, s *suite) {
	for _, size := range []int{0, 1, 10 << 10, 1 << 20, 1<<20 + 1, 5<<20 + 7} {
		s.run(t, fmt.Sprintf("one append of %d bytes", size), func(b *bench) {
			content := random(size)
			b.holds(b.store(content), content)
		})
	}
	s.run(t, "nothing is readable before the commit", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("half"))
		b.absent(key)
		b.commit(key, state)
		b.holds(key, []byte("half"))
	})
	s.run(t, "without an append the content is empty", func(b *bench) {
		key := Key()
		b.commit(key, blob.State{})
		b.holds(key, nil)
	})
	s.run(t, "several appends follow each other", severalAppends)
	s.run(t, "another process goes on with the state", func(b *bench) {
		key, content := Key(), random(2<<20)
		state := b.append(key, blob.State{}, content[:700_000])
		other := &bench{T: b.T, Store: b.open(), open: b.open}
		other.commit(key, other.append(key, state, content[700_000:]))
		other.holds(key, content)
	})
	s.run(t, "an append may ask to be durable", func(b *bench) {
		key := Key()
		state, err := b.Append(b.Context(), key, blob.State{}, strings.NewReader("synced"), true)
		if err != nil {
			b.Fatal(err)
		}
		b.commit(key, state)
		b.holds(key, []byte("synced"))
	})
	s.run(t, "committing again is harmless", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("twice"))
		b.commit(key, state)
		b.commit(key, state)
		b.holds(key, []byte("twice"))
	})
	s.run(t, "a reader that trickles is read to its end", func(b *bench) {
		key, content := Key(), random(100_000)
		state, err := b.Append(b.Context(), key, blob.State{}, iotest.OneByteReader(iotest.DataErrReader(bytes.NewReader(content))), false)
		if err != nil {
			b.Fatal(err)
		}
		b.commit(key, state)
		b.holds(key, content)
	})
}

func severalAppends(b *bench) {
	key, content := Key(), random(6<<20)
	var state blob.State
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 1<<20+len(rest)/3)
		state = b.append(key, state, rest[:n])
		rest = rest[n:]
	}
	state = b.append(key, state, nil)
	b.commit(key, state)
	b.holds(key, content)
}

func failures(t *testing.T, s *suite) {
	for name, cause := range map[string]error{
		"a reader that breaks":     errors.New("connection reset"),
		"a body that was cut off ": io.ErrUnexpectedEOF,
	} {
		for _, size := range []int{0, 5, 100_000, 3 << 20} {
			s.run(t, fmt.Sprintf("%s after %d bytes leaves the old state good", name, size), func(b *bench) {
				brokenAppend(b, cause, size)
			})
		}
	}
	s.run(t, "bytes behind the state are overwritten", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("kept "))
		b.append(key, state, []byte("lost because nobody kept the state"))
		b.commit(key, b.append(key, state, []byte("and went on")))
		b.holds(key, []byte("kept and went on"))
	})
	s.run(t, "bytes behind the state are not committed", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("kept"))
		b.append(key, state, []byte(" lost"))
		b.commit(key, state)
		b.holds(key, []byte("kept"))
	})
	s.run(t, "a first append may be made again", func(b *bench) {
		key := Key()
		b.append(key, blob.State{}, []byte("lost because nobody kept the state"))
		b.commit(key, b.append(key, blob.State{}, []byte("again")))
		b.holds(key, []byte("again"))
	})
	s.run(t, "a cancelled context ends an append", func(b *bench) {
		ctx, cancel := context.WithCancel(b.Context())
		r := io.MultiReader(bytes.NewReader(random(2<<20)), readerFunc(func(p []byte) (int, error) {
			cancel()
			return len(p), nil
		}))
		if _, err := b.Append(ctx, Key(), blob.State{}, r, false); !errors.Is(err, context.Canceled) {
			b.Fatalf("Append = %v, want context.Canceled", err)
		}
		b.isEmpty()
	})
	s.run(t, "an upload that is gone is not committed", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("x"))
		if err := b.Abort(b.Context(), key, state); err != nil {
			b.Fatal(err)
		}
		if err := b.Commit(b.Context(), key, state); err == nil {
			b.Fatal("Commit of an aborted upload succeeded")
		}
		if _, err := b.Append(b.Context(), key, state, strings.NewReader("y"), false); err == nil {
			b.Fatal("Append to an aborted upload succeeded")
		}
		b.absent(key)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func brokenAppend(b *bench, cause error, size int) {
	broken := func() io.Reader {
		return io.MultiReader(bytes.NewReader(random(size)), iotest.ErrReader(cause))
	}
	key := Key()
	if _, err := b.Append(b.Context(), key, blob.State{}, broken(), false); !errors.Is(err, cause) {
		b.Fatalf("Append = %v, want %v", err, cause)
	}
	b.isEmpty()
	state := b.append(key, blob.State{}, []byte("first "))
	if _, err := b.Append(b.Context(), key, state, broken(), false); !errors.Is(err, cause) {
		b.Fatalf("Append = %v, want %v", err, cause)
	}
	b.commit(key, b.append(key, state, []byte("second")))
	b.holds(key, []byte("first second"))
}

// isEmpty checks that nothing is left of anything.
func (b *bench) isEmpty() {
	b.Helper()
	if left := b.list(); len(left) != 0 {
		b.Fatalf("left behind: %+v", left)
	}
}

func races(t *testing.T, s *suite) {
	s.run(t, "uploads beside each other", func(b *bench) {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				content := random(i * 200_000)
				key := Key()
				state, err := b.Append(b.Context(), key, blob.State{}, bytes.NewReader(content), false)
				if err == nil {
					err = b.Commit(b.Context(), key, state)
				}
				if err != nil {
					b.Error(err)
					return
				}
				b.holds(key, content)
			})
		}
		wg.Wait()
	})
	// Two requests for one upload: the metadata keeps the state of one of
	// them, and whichever it is, its bytes are there.
	for _, prefix := range []int{0, 1000} {
		for _, size := range []int{10_000, 3 << 20} {
			s.run(t, fmt.Sprintf("appends of %d bytes to one state of %d", size, prefix), func(b *bench) {
				appendsToOneState(b, prefix, size)
			})
		}
	}
	s.run(t, "an append under way does not change what is committed", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("settled"))
		r := readerFunc(func(p []byte) (int, error) {
			b.commit(key, state)
			return copy(p, "late"), io.EOF
		})
		_, _ = b.Append(b.Context(), key, state, r, false)
		b.holds(key, []byte("settled"))
	})
}

func appendsToOneState(b *bench, prefix, size int) {
	const writers = 4
	for kept := range writers {
		key, before := Key(), random(prefix)
		var state blob.State
		if prefix > 0 {
			state = b.append(key, state, before)
		}
		var contents [writers][]byte
		var states [writers]blob.State
		var wg sync.WaitGroup
		for i := range writers {
			contents[i] = random(size + i)
			wg.Go(func() {
				var err error
				states[i], err = b.Append(b.Context(), key, state, bytes.NewReader(contents[i]), false)
				if err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		b.commit(key, states[kept])
		b.holds(key, append(before, contents[kept]...))
	}
	if left := b.list(); len(left) != writers {
		b.Fatalf("%d things stored, want the %d that were committed: %+v", len(left), writers, left)
	}
}

func reading(t *testing.T, s *suite) {
	s.run(t, "parts by offset and by seeking", func(b *bench) {
		content := random(1 << 20)
		f, err := b.Open(b.Context(), b.store(content))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		part := make([]byte, 1000)
		if _, err := f.ReadAt(part, 500_000); err != nil || !bytes.Equal(part, content[500_000:501_000]) {
			b.Errorf("ReadAt: wrong bytes or %v", err)
		}
		if at, err := f.Seek(-10, io.SeekEnd); err != nil || at != 1<<20-10 {
			b.Fatalf("Seek = %d, %v", at, err)
		}
		if tail, err := io.ReadAll(f); err != nil || !bytes.Equal(tail, content[1<<20-10:]) {
			b.Errorf("tail: wrong bytes or %v", err)
		}
	})
	s.run(t, "what is not there is not found", func(b *bench) { b.absent(Key()) })
	s.run(t, "content outlives the process", func(b *bench) {
		key := b.store([]byte("still here"))
		b.Store = b.open()
		b.holds(key, []byte("still here"))
	})
}

func removal(t *testing.T, s *suite) {
	s.run(t, "deleted content is gone, and deleting it again is harmless", func(b *bench) {
		key := b.store([]byte("x"))
		for range 2 {
			if err := b.Delete(b.Context(), key); err != nil {
				b.Fatal(err)
			}
		}
		b.absent(key)
		b.isEmpty()
	})
	s.run(t, "deleting leaves an upload alone", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("going on"))
		if err := b.Delete(b.Context(), key); err != nil {
			b.Fatal(err)
		}
		b.commit(key, state)
		b.holds(key, []byte("going on"))
	})
	s.run(t, "aborting leaves nothing, and does so again", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, random(1000))
		b.append(key, state, []byte("a second branch"))
		b.append(key, state, []byte("a third branch"))
		for range 2 {
			if err := b.Abort(b.Context(), key, state); err != nil {
				b.Fatal(err)
			}
		}
		b.isEmpty()
	})
	s.run(t, "an upload whose state is lost can be aborted by another process", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, random(1000))
		b.append(key, state, []byte("a second branch"))
		b.append(key, state, []byte("a third branch"))
		b.Store = b.open()
		for _, i := range b.list() {
			if err := b.Abort(b.Context(), i.Key, blob.State{Size: i.Size}); err != nil {
				b.Fatal(err)
			}
		}
		b.isEmpty()
	})
	s.run(t, "aborting leaves committed content alone", func(b *bench) {
		key := Key()
		state := b.append(key, blob.State{}, []byte("done"))
		b.commit(key, state)
		if err := b.Abort(b.Context(), key, state); err != nil {
			b.Fatal(err)
		}
		b.holds(key, []byte("done"))
	})
}

func (b *bench) list() []blob.Info {
	b.Helper()
	var all []blob.Info
	if err := b.List(b.Context(), func(i blob.Info) error {
		all = append(all, i)
		return nil
	}); err != nil {
		b.Fatalf("List: %v", err)
	}
	return all
}

func (b *bench) listed(key string) blob.Info {
	b.Helper()
	for _, i := range b.list() {
		if i.Key == key {
			return i
		}
	}
	b.Fatalf("%s is not listed", key)
	return blob.Info{}
}

func listing(t *testing.T, s *suite) {
	s.run(t, "tells committed content from uploads", func(b *bench) {
		done, open := b.store(random(2000)), Key()
		b.append(open, blob.State{}, random(300))
		if i := b.listed(done); i.Size != 2000 || !i.Committed || i.ModTime.IsZero() {
			b.Errorf("committed content is listed as %+v", i)
		}
		if i := b.listed(open); i.Committed || i.ModTime.IsZero() {
			b.Errorf("the upload is listed as %+v", i)
		}
		if all := b.list(); len(all) != 2 {
			b.Errorf("listed %+v", all)
		}
	})
	s.run(t, "finds a thousand", func(b *bench) {
		want := map[string]bool{}
		for range 1000 {
			want[b.store([]byte("x"))] = true
		}
		for _, i := range b.list() {
			delete(want, i.Key)
		}
		if len(want) > 0 {
			b.Errorf("%d keys are not listed", len(want))
		}
	})
	s.run(t, "ends with the caller's error", func(b *bench) {
		b.store([]byte("x"))
		stop := errors.New("enough")
		if err := b.List(b.Context(), func(blob.Info) error { return stop }); !errors.Is(err, stop) {
			b.Errorf("List = %v, want the caller's error", err)
		}
	})
	s.run(t, "an empty store lists nothing", func(b *bench) { b.isEmpty() })
}

// keys come from rows and from clients' upload ids.
func keys(t *testing.T, s *suite) {
	s.run(t, "hostile keys are refused everywhere", func(b *bench) {
		for _, key := range []string{
			"", ".", "..", "../../etc/passwd", "a/b", "/abs", "a\\b", "a\x00b", "a b", "a~b",
			"é", strings.Repeat("a", 100_000), "-\n", "%2e%2e",
		} {
			refuses(b, key)
		}
		b.isEmpty()
	})
	s.run(t, "hostile states are refused", func(b *bench) {
		for _, backend := range []string{"", "x", ":", "../../x:1", "a/b:1", ":zz", strings.Repeat("9", 100_000)} {
			state := blob.State{Size: 10, Backend: []byte(backend)}
			if _, err := b.Append(b.Context(), Key(), state, strings.NewReader("x"), false); err == nil {
				b.Errorf("Append took the state %.20q", backend)
			}
			if err := b.Commit(b.Context(), Key(), state); err == nil {
				b.Errorf("Commit took the state %.20q", backend)
			}
		}
		if _, err := b.Append(b.Context(), Key(), blob.State{Size: -1}, strings.NewReader("x"), false); err == nil {
			b.Error("Append took a negative size")
		}
		b.isEmpty()
	})
}

func refuses(b *bench, key string) {
	ctx := b.Context()
	_, errAppend := b.Append(ctx, key, blob.State{}, strings.NewReader("x"), false)
	f, errOpen := b.Open(ctx, key)
	if f != nil && errOpen == nil {
		f.Close()
	}
	_, errStat := b.Stat(ctx, key)
	for call, err := range map[string]error{
		"Append": errAppend,
		"Open":   errOpen,
		"Stat":   errStat,
		"Commit": b.Commit(ctx, key, blob.State{}),
		"Abort":  b.Abort(ctx, key, blob.State{}),
		"Delete": b.Delete(ctx, key),
	} {
		if err == nil {
			b.Errorf("%s took the key %.20q", call, key)
		}
	}
}
