//go:build linux

package disk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/blobtest"
)

const (
	smallBlob   = 10 << 10
	largeBlob   = 256 << 20
	benchPushes = 16 // clients beside each other
)

// BenchmarkSmall is what pushes of small layers cost, beside the least that a
// durable file costs on this disk.
func BenchmarkSmall(b *testing.B) {
	content := make([]byte, smallBlob)
	_, _ = rand.Read(content)
	b.Run("store", func(b *testing.B) {
		s := open(b, b.TempDir())
		inParallel(b, func() error {
			key := blobtest.Key()
			state, err := s.Append(b.Context(), key, blob.State{}, bytes.NewReader(content), false)
			if err != nil {
				return err
			}
			return s.Commit(b.Context(), key, state)
		})
	})
	b.Run("bare", func(b *testing.B) {
		dir := b.TempDir()
		var n atomic.Int64
		inParallel(b, func() error {
			name := filepath.Join(dir, fmt.Sprint(n.Add(1)))
			if err := bareFile(name+".tmp", bytes.NewReader(content)); err != nil {
				return err
			}
			if err := os.Rename(name+".tmp", name); err != nil {
				return err
			}
			d, err := os.Open(dir)
			if err != nil {
				return err
			}
			defer d.Close()
			return d.Sync()
		})
	})
}

func inParallel(b *testing.B, work func() error) {
	b.SetParallelism(benchPushes / 2)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := work(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkLarge is the push of a large layer without a network, hashed as the
// service does it, beside a sink that hashes and writes with fdatasync.
func BenchmarkLarge(b *testing.B) {
	content := make([]byte, largeBlob)
	_, _ = rand.Read(content)
	b.Run("store", func(b *testing.B) {
		s := open(b, b.TempDir())
		b.SetBytes(largeBlob)
		b.ReportAllocs()
		for b.Loop() {
			key, sum := blobtest.Key(), sha256.New()
			state, err := s.Append(b.Context(), key, blob.State{}, io.TeeReader(plain{bytes.NewReader(content)}, sum), false)
			if err == nil {
				err = s.Commit(b.Context(), key, state)
			}
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = s.Delete(context.Background(), key)
			b.StartTimer()
		}
	})
	b.Run("bare", func(b *testing.B) {
		name := filepath.Join(b.TempDir(), "file")
		b.SetBytes(largeBlob)
		for b.Loop() {
			if err := bareFile(name, io.TeeReader(plain{bytes.NewReader(content)}, sha256.New())); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = os.Remove(name)
			b.StartTimer()
		}
	})
}

// plain hides WriteTo, which a request body does not have.
type plain struct{ io.Reader }

// bareFile is the reference: io.Copy with its own buffer, then fdatasync.
func bareFile(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(struct{ io.Writer }{f}, r); err != nil {
		return err
	}
	return syscall.Fdatasync(int(f.Fd()))
}
