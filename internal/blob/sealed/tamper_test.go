package sealed_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
)

const (
	headLength   = 80
	recordLength = chunk + 28
)

// TestTamperedContentIsNoticed changes stored content in every way that one
// who has the disk and not the key can think of.
func TestTamperedContentIsNoticed(t *testing.T) {
	record := func(b []byte, i int) []byte { return b[headLength+i*recordLength:][:recordLength] }
	for name, change := range map[string]func(b, older []byte) []byte{
		"a bit of the mark":            flip(3),
		"the version":                  flip(7),
		"a bit of the key's name":      flip(15),
		"a bit of the data key":        flip(40),
		"a bit of a nonce":             flip(headLength + 5),
		"a bit of the first chunk":     flip(headLength + 100),
		"a bit of a tag":               flip(headLength + recordLength - 1),
		"a bit of the third chunk":     flip(headLength + 2*recordLength + 5000),
		"a bit of the last record":     flip(-1),
		"a bit of the branch":          flip(-100),
		"nothing is left":              cut(0),
		"half a header is left":        cut(40),
		"the header is left":           cut(headLength),
		"a chunk is left":              cut(headLength + recordLength),
		"the last record is missing":   cut(headLength + 4*recordLength),
		"a byte is missing":            cut(-1),
		"a chunk's length is missing":  cut(-recordLength),
		"a byte more":                  func(b, _ []byte) []byte { return append(b, 0) },
		"the last record stands twice": func(b, _ []byte) []byte { return append(b, b[headLength+4*recordLength:]...) },
		"two chunks are exchanged": func(b, _ []byte) []byte {
			first := bytes.Clone(record(b, 0))
			copy(record(b, 0), record(b, 1))
			copy(record(b, 1), first)
			return b
		},
		"a chunk stands twice":       func(b, _ []byte) []byte { copy(record(b, 3), record(b, 2)); return b },
		"a chunk is taken out":       func(b, _ []byte) []byte { return append(b[:headLength+recordLength], b[headLength+2*recordLength:]...) },
		"a chunk of another blob":    func(b, older []byte) []byte { copy(record(b, 1), record(older, 1)); return b },
		"the header of another blob": func(b, older []byte) []byte { copy(b, older[:headLength]); return b },
		"another blob":               func(_, older []byte) []byte { return older },
		"zeroes":                     func(b, _ []byte) []byte { return make([]byte, len(b)) },
	} {
		t.Run(name, func(t *testing.T) { noticed(t, change) })
	}
}

func flip(at int) func(b, _ []byte) []byte {
	return func(b, _ []byte) []byte {
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
}

func cut(at int) func(b, _ []byte) []byte {
	return func(b, _ []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		return b[:at]
	}
}

func noticed(t *testing.T, change func(b, older []byte) []byte) {
	dir := t.TempDir()
	s, content := open(t, dir), random(4*chunk+1000)
	put(t, s, "other", random(len(content)))
	put(t, s, "k", content)
	var name string
	var stored, older []byte
	for path, b := range files(t, dir) {
		if strings.Contains(path, "k_sealed") {
			name, stored = path, b
		} else {
			older = b
		}
	}
	if err := os.WriteFile(name, change(stored, older), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := read(s, "k")
	if !errors.Is(err, blob.ErrDamaged) && !errors.Is(err, blob.ErrLocked) {
		t.Errorf("reading = %d bytes, %v; want ErrDamaged", len(got), err)
	}
	if !bytes.HasPrefix(content, got) {
		t.Error("wrong bytes were read before that")
	}
	readParts(t, s, content)
}

// readParts reads by offset: what does not fail is right.
func readParts(t *testing.T, s blob.Store, content []byte) {
	t.Helper()
	f, err := s.Open(t.Context(), "k")
	if err != nil {
		return
	}
	defer f.Close()
	failed := false
	for off := 0; off < len(content); off += chunk / 2 {
		for _, n := range []int{1, chunk, 3 * chunk} {
			part := make([]byte, n)
			n, err := f.ReadAt(part, int64(off))
			if !bytes.Equal(part[:n], content[off:off+n]) {
				t.Fatalf("wrong bytes at %d", off)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				failed = true
			}
		}
	}
	if !failed {
		t.Error("every part was read")
	}
	if end, err := f.Seek(0, io.SeekEnd); err != nil || end != int64(len(content)) {
		t.Errorf("the end is at %d, %v", end, err)
	}
}
