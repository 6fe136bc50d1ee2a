package enhanced_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
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

// BenchmarkHundredAdvisories is a hundred new advisories beside images of many
// applications: most affect few of them each.
func BenchmarkHundredAdvisories(b *testing.B) {
	const applications, builds, packages = 300, 4, 75
	l := open(b)
	l.repository("web")
	l.publish("CVE-1", "package-1", "0.0.1")
	l.scanning(registry.ScanEnhanced)
	random := rand.New(rand.NewPCG(1, 1))
	popular := rand.NewZipf(random, 1.2, 8, 5000)
	for a := range applications {
		held := map[string]string{}
		for range packages {
			held[fmt.Sprintf("package-%d", popular.Uint64())] = fmt.Sprintf("1.0.%d", random.IntN(10))
		}
		for i := range builds {
			l.push("web", fmt.Sprintf("a%d-%d", a, i), node(held))
			l.run()
		}
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		b.StopTimer()
		for range 100 {
			n++
			l.add(fmt.Sprintf("CVE-%d", n+1), fmt.Sprintf("package-%d", random.IntN(3000)), "")
		}
		l.watched = watched{}
		b.StartTimer()
		l.load()
	}
	b.ReportMetric(float64(l.watched.affected), "affected")
	b.ReportMetric(float64(l.watched.settled), "settled")
}
