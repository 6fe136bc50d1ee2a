package enhanced_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/test/fixture"
)

// debian is the root filesystem of a real system, and its advisories.
func (l *lab) debian(b *testing.B) []byte {
	b.Helper()
	shared := fixture.Shared(b)
	if _, err := l.updater.Import(b.Context(), filepath.Join(shared, "osv"), nil, "Debian:12"); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(filepath.Join(shared, "images", "debian-12-slim-dpkg.tar.gz"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	content, err := io.ReadAll(plain)
	if err != nil {
		b.Fatal(err)
	}
	return content
}

// BenchmarkFirstScan is a push of an image whose layers are known but for one that
// is small, with all that follows: it has as many findings as a system has.
func BenchmarkFirstScan(b *testing.B) {
	l := open(b)
	base := l.debian(b)
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	l.scanning(registry.ScanEnhanced)
	n := 0
	push := func() {
		n++
		l.push("web", fmt.Sprintf("v%d", n), base, node(map[string]string{"lodash": fmt.Sprintf("4.17.%d", n)}))
		l.run()
	}
	push()
	for b.Loop() {
		push()
	}
	b.ReportMetric(float64(len(l.describe("web", "v1").findings)), "findings/image")
	b.ReportMetric(float64(len(l.events()))/float64(n), "events/image")
}

// BenchmarkFollowing is one new advisory that affects a thousand images: what each
// of them costs.
func BenchmarkFollowing(b *testing.B) {
	const images = 1000
	l := open(b)
	l.repository("web")
	l.publish("CVE-1", "lodash", "")
	l.scanning(registry.ScanEnhanced)
	for i := range images {
		l.push("web", fmt.Sprintf("v%d", i), node(map[string]string{"left-pad": "1.3.0", "lodash": fmt.Sprintf("1.0.%d", i%50)}))
		l.run()
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		n++
		l.publish(fmt.Sprintf("CVE-%d", n+1), "left-pad", "")
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*images), "us/image")
}
