package sealed_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/blobtest"
)

const benchBlob = 128 << 20

// both runs a benchmark on a plain store and on a sealed one.
func both(b *testing.B, bench func(*testing.B, blob.Store)) {
	b.Run("plain", func(b *testing.B) { bench(b, plain(b, b.TempDir())) })
	b.Run("sealed", func(b *testing.B) { bench(b, open(b, b.TempDir())) })
}

// bare hides WriteTo, which a request body does not have.
type bare struct{ io.Reader }

func BenchmarkWrite(b *testing.B) {
	content := random(benchBlob)
	both(b, func(b *testing.B, s blob.Store) {
		b.SetBytes(benchBlob)
		b.ReportAllocs()
		for b.Loop() {
			key := blobtest.Key()
			state, err := s.Append(b.Context(), key, blob.State{}, bare{bytes.NewReader(content)}, false)
			if err == nil {
				err = s.Commit(b.Context(), key, state)
			}
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = s.Delete(b.Context(), key)
			b.StartTimer()
		}
	})
}

func BenchmarkWriteSmall(b *testing.B) {
	content := random(10 << 10)
	both(b, func(b *testing.B, s blob.Store) {
		b.ReportAllocs()
		for b.Loop() {
			put(b, s, blobtest.Key(), content)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	content := random(benchBlob)
	both(b, func(b *testing.B, s blob.Store) {
		put(b, s, "k", content)
		b.SetBytes(benchBlob)
		b.ReportAllocs()
		for b.Loop() {
			f, err := s.Open(b.Context(), "k")
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, bare{f}, make([]byte, 32<<10)); n != benchBlob || err != nil {
				b.Fatal(n, err)
			}
			_ = f.Close()
		}
	})
}

// BenchmarkReadPart opens content and reads a little of its middle.
func BenchmarkReadPart(b *testing.B) {
	content := random(4 << 20)
	both(b, func(b *testing.B, s blob.Store) {
		put(b, s, "k", content)
		part := make([]byte, 4096)
		b.ReportAllocs()
		for b.Loop() {
			f, err := s.Open(b.Context(), "k")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := f.ReadAt(part, 1<<20+99); err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	})
}
