package inventory

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// library is a jar of some hundred classes that hardly compress, with Maven's files.
func library(t testing.TB, i, classes int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	entries := []zipped{manifest("Implementation-Version: 1.0"), pom("org.example", fmt.Sprint("library-", i), "1.0")}
	for c := range classes {
		body := make([]byte, 2000)
		for at := 0; at < len(body); at += 8 {
			binary.LittleEndian.PutUint64(body[at:], rng.Uint64()&0x3f3f3f3f3f3f3f3f)
		}
		entries = append(entries, zipped{name: fmt.Sprintf("org/example/library%d/Class%d.class", i, c), body: string(body)})
	}
	return zipOf(t, entries...)
}

// application is a fat jar or war of so many libraries.
func application(t testing.TB, libraries int, stored bool) string {
	t.Helper()
	entries := []zipped{manifest("Main-Class: org.springframework.boot.loader.JarLauncher")}
	for i := range libraries {
		entries = append(entries, zipped{name: fmt.Sprintf("BOOT-INF/lib/library-%d-1.0.jar", i), body: library(t, i, 300), stored: stored})
	}
	return zipOf(t, entries...)
}

func benchmarkParser(b *testing.B, path string, body []byte, want int, parse func(*input) ([]Package, error)) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	held := &spool{dir: b.TempDir()}
	for b.Loop() {
		in := languageInput(path, "")
		in.r, in.size, in.spool = bytes.NewReader(body), int64(len(body)), held
		packages, err := parse(in)
		if err != nil || len(packages) != want {
			b.Fatalf("%d packages, %v", len(packages), err)
		}
		held.release()
	}
}

// BenchmarkJava reads archives: one library, an application whose libraries are stored as Spring Boot has them, and one
// whose libraries are packed once more, as in most wars. The last is compared with only inflating those.
func BenchmarkJava(b *testing.B) {
	b.Run("library", func(b *testing.B) { benchmarkParser(b, "x.jar", []byte(library(b, 0, 300)), 1, parseJava) })
	b.Run("boot-60-libraries", func(b *testing.B) { benchmarkParser(b, "x.jar", []byte(application(b, 60, true)), 60, parseJava) })
	b.Run("war-60-libraries", func(b *testing.B) { benchmarkParser(b, "x.war", []byte(application(b, 60, false)), 60, parseJava) })
	b.Run("war-60-libraries-inflate-only", func(b *testing.B) {
		body := []byte(application(b, 60, false))
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			inflateAll(b, body)
		}
	})
}

func inflateAll(t testing.TB, body []byte) {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkPrograms: the go command, a Rust program, and a large one that is neither.
func BenchmarkPrograms(b *testing.B) {
	tool, err := exec.LookPath("go")
	if err != nil {
		b.Skip(err)
	}
	body, err := os.ReadFile(tool)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("go", func(b *testing.B) { benchmarkParser(b, "go", body, 2, parseBinary) })
	rust := elfOf(true, binary.LittleEndian, section{name: ".text", body: make([]byte, 4<<20)}, section{name: rustAuditSection, body: deflated(b, rustList)})
	b.Run("rust", func(b *testing.B) { benchmarkParser(b, "rust", rust, 3, parseBinary) })
	other := elfOf(true, binary.LittleEndian, section{name: ".text", body: make([]byte, 12<<20)})
	b.Run("other", func(b *testing.B) { benchmarkParser(b, "other", other, 0, parseBinary) })
	b.Run("other-only-held", func(b *testing.B) {
		benchmarkParser(b, "other", other, 0, func(in *input) ([]Package, error) { _, _, err := in.readerAt(); return nil, err })
	})
	b.Run("without-sections", func(b *testing.B) { benchmarkParser(b, "other", withoutSections(other), 0, parseBinary) })
}

// BenchmarkGoBuildInformation parses the list of modules of a large program.
func BenchmarkGoBuildInformation(b *testing.B) {
	var modules bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&modules, "dep\texample.com/organisation/module-%d\tv1.%d.0\th1:0123456789012345678901234567890123456789012=\n", i, i)
	}
	b.ReportAllocs()
	b.SetBytes(int64(modules.Len()))
	for b.Loop() {
		packages, err := goPackages(languageInput("app", ""), goBuildInfo{version: "go1.22.3", modules: modules.String()})
		if err != nil || len(packages) != 501 {
			b.Fatal(len(packages), err)
		}
	}
}

func BenchmarkKnownGroup(b *testing.B) {
	for b.Loop() {
		if knownGroup("an-artifact-that-nobody-knows") != "" || knownGroup("xml-apis") == "" {
			b.Fatal()
		}
	}
}
