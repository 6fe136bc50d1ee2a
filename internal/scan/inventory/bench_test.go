package inventory

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// BenchmarkReadLayer compares reading a layer with only inflating it, by turns in one run, so that the ratio stands on
// noisy machines. The goal is 1.2.
func BenchmarkReadLayer(b *testing.B) {
	for _, layer := range []struct {
		name string
		data func(testing.TB) []byte
	}{
		{"alpine", func(t testing.TB) []byte { return layerFile(t, "alpine-minirootfs-3.20.3-x86_64.tar.gz") }},
		{"rocky-sqlite", func(t testing.TB) []byte { return layerFile(t, "rocky-9-rpmdb-sqlite.tar.gz") }},
		{"opensuse-ndb", func(t testing.TB) []byte { return layerFile(t, "opensuse-leap-15.5-rpmdb-ndb.tar.gz") }},
		{"centos-berkeley", func(t testing.TB) []byte { return layerFile(t, "centos-7-rpmdb-bdb.tar.xz") }},
		{"synthetic-20000-files", func(t testing.TB) []byte { return syntheticLayer(t, 20_000) }},
	} {
		b.Run(layer.name, func(b *testing.B) {
			compareWithInflating(b, layer.data(b))
		})
	}
}

func compareWithInflating(b *testing.B, data []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	var inflating, reading time.Duration
	for b.Loop() {
		inflating += cpuTime(func() { inflate(b, data) })
		reading += cpuTime(func() { readLayer(b, data) })
	}
	b.ReportMetric(reading.Seconds()/inflating.Seconds(), "×inflate")
}

func inflate(t testing.TB, data []byte) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		t.Fatal(err)
	}
}

// cpuTime is what the process spent, the garbage collector's share included.
func cpuTime(work func()) time.Duration {
	start := processTime()
	work()
	return processTime() - start
}

func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// syntheticLayer looks like an application layer: many small files, some large ones, compressible about as well as code.
func syntheticLayer(t testing.TB, files int) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4000)
	for i := range words {
		words[i] = fmt.Appendf(nil, "%x ", rng.Uint64N(1<<(8+rng.Uint64N(40))))
	}
	text := make([]byte, 0, 4<<20)
	for len(text) < 3<<20 {
		text = append(text, words[rng.IntN(len(words))]...)
	}
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.DefaultCompression)
	w := tar.NewWriter(z)
	for i := range files {
		size := 200 + rng.IntN(8000)
		if i%500 == 0 {
			size = 1 << 20
		}
		at := rng.IntN(len(text) - size)
		hdr := &tar.Header{Name: fmt.Sprintf("app/node_modules/package-%d/lib/file-%d.js", i/20, i), Mode: 0o644, Size: int64(size), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(hdr); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text[at : at+size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// BenchmarkMerge is the scan of an image whose layers are all known.
func BenchmarkMerge(b *testing.B) {
	var layers []Layer
	for i, image := range []string{"debian-12-slim-dpkg.tar.gz", "ubuntu-22.04-dpkg.tar.gz"} {
		layers = append(layers, Layer{fmt.Sprint("sha256:", i), readLayer(b, layerFile(b, image))})
	}
	layers = append(layers, Layer{"sha256:app", readLayer(b, syntheticLayer(b, 20_000))})
	var stored [][]byte
	for _, l := range layers {
		data, err := l.Record.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		stored = append(stored, data)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, data := range stored {
			var r LayerRecord
			if err := r.UnmarshalBinary(data); err != nil {
				b.Fatal(err)
			}
			layers[i].Record = &r
		}
		merge(b, layers...).ID()
	}
}

// BenchmarkReadPlainTar shows the cost of walking alone.
func BenchmarkReadPlainTar(b *testing.B) {
	z, err := gzip.NewReader(bytes.NewReader(syntheticLayer(b, 20_000)))
	if err != nil {
		b.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ReadLayer(context.Background(), bytes.NewReader(data), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
