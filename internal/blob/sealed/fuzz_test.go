package sealed

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/seal"
)

func fuzzRing(t testing.TB) *seal.Keyring {
	t.Helper()
	ring, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// memory is stored content.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// encrypted makes what a store would have of content.
func encrypted(t testing.TB, s *Store, key string, content []byte) []byte {
	t.Helper()
	u, err := s.resume(key, blob.State{})
	if err != nil {
		t.Fatal(err)
	}
	in := s.newEncrypter(u, bytes.NewReader(content))
	defer in.release()
	stored, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	state, err := in.state(u, blob.State{Size: int64(len(stored)), Backend: []byte("inner")})
	if err != nil {
		t.Fatal(err)
	}
	if u, err = s.resume(key, state); err != nil {
		t.Fatal(err)
	}
	return append(stored, u.ending()...)
}

// FuzzContent changes stored content and reads parts of it: they are right, or
// the reader says that they are not.
func FuzzContent(f *testing.F) {
	ring := fuzzRing(f)
	s := New(nil, ring)
	want := bytes.Repeat([]byte("0123456789abcdef"), (3*chunkSize+500)/16)
	stored := encrypted(f, s, "k", want)
	f.Add(uint32(0), byte(0), uint32(len(stored)), byte(0), byte(0), int64(0), uint16(100))
	f.Add(uint32(100), byte(1), uint32(len(stored)), byte(0), byte(0), int64(0), uint16(60000))
	f.Add(uint32(0), byte(0), uint32(headerSize+recordSize), byte(0), byte(0), int64(5), uint16(9))
	f.Add(uint32(0), byte(0), uint32(len(stored)), byte(1), byte(2), int64(chunkSize-1), uint16(chunkSize))
	f.Fuzz(func(t *testing.T, at uint32, change byte, length uint32, from, to byte, off int64, n uint16) {
		changed := bytes.Clone(stored)
		changed[int(at)%len(changed)] ^= change
		copy(changed[headerSize+int(from%3)*recordSize:][:recordSize], stored[headerSize+int(to%3)*recordSize:][:recordSize])
		changed = changed[:min(int(length), len(changed))]
		c, err := s.openContent("k", memory{bytes.NewReader(changed)})
		if err != nil {
			return
		}
		if c.size != int64(len(want)) {
			t.Fatalf("content of %d bytes has %d", len(want), c.size)
		}
		part := make([]byte, n)
		got, err := c.ReadAt(part, off)
		if off >= 0 && !bytes.Equal(part[:got], want[min(off, c.size):][:got]) {
			t.Fatalf("wrong bytes at %d: %v", off, err)
		}
		if _, err := c.Seek(max(0, off), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(c)
		if !bytes.HasPrefix(want[min(max(0, off), c.size):], rest) {
			t.Fatalf("wrong bytes from %d on: %v", off, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRaw opens anything at all.
func FuzzRaw(f *testing.F) {
	s := New(nil, fuzzRing(f))
	for _, size := range []int{0, 1, chunkSize, chunkSize + 1} {
		f.Add(encrypted(f, s, "k", make([]byte, size)))
	}
	f.Add([]byte(nil))
	f.Add([]byte(mark))
	f.Fuzz(func(t *testing.T, stored []byte) {
		c, err := s.openContent("k", memory{bytes.NewReader(stored)})
		if err != nil {
			if !errors.Is(err, blob.ErrDamaged) && !errors.Is(err, blob.ErrLocked) {
				t.Fatalf("opening: %v", err)
			}
			return
		}
		if n, err := io.Copy(io.Discard, c); n > c.size || err == nil && n != c.size {
			t.Fatalf("read %d of %d bytes, %v", n, c.size, err)
		}
	})
}

// FuzzState goes on with anything at all.
func FuzzState(f *testing.F) {
	s := New(nil, fuzzRing(f))
	u, err := s.resume("k", blob.State{})
	if err != nil {
		f.Fatal(err)
	}
	u.inner = blob.State{Size: storedSize(5), Backend: []byte("inner")}
	u.size, u.tail = 5, []byte("12345")
	state, err := u.state()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state.Size, state.Backend)
	f.Add(int64(-1), []byte(mark))
	f.Fuzz(func(t *testing.T, size int64, backend []byte) {
		u, err := s.resume("k", blob.State{Size: size, Backend: backend})
		if err != nil || len(backend) == 0 {
			return
		}
		if u.size != size || int64(len(u.tail)) != size%chunkSize {
			t.Fatalf("a state of %d bytes became one of %d with a tail of %d", size, u.size, len(u.tail))
		}
	})
}

// What a reader may do wrong ends an append and is not taken for content.
func TestReadersThatMisbehave(t *testing.T) {
	s := New(nil, fuzzRing(t))
	u, err := s.resume("k", blob.State{})
	if err != nil {
		t.Fatal(err)
	}
	in := s.newEncrypter(u, idle{})
	defer in.release()
	if _, err := io.ReadAll(in); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that answers nothing: %v", err)
	}
	if _, err := in.state(u, blob.State{Size: storedSize(0)}); err == nil {
		t.Error("a state was made of a broken append")
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
