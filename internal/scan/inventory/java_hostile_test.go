package inventory

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// bounded runs a parser on a hostile file, which may take neither long nor much memory.
func bounded(t *testing.T, path, body string) File {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	in := languageInput(path, body)
	in.spool = &spool{dir: t.TempDir()}
	x := extractor{kind: KindMaven, parse: parseJava}
	f := x.extract(in)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes: %v, %d MiB allocated, %d packages, problem: %.120v", len(body), took, (after.TotalAlloc-before.TotalAlloc)>>20, len(f.Packages), f.Problem)
	if took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 600<<20 {
		t.Errorf("allocated %d MiB", grown>>20)
	}
	return f
}

func TestArchives50Deep(t *testing.T) {
	body := zipOf(t, pom("g", "innermost", "1"))
	for i := range 50 {
		body = zipOf(t, pom("g", fmt.Sprint("level", 50-i), "1"), zipped{name: "x.jar", body: body})
	}
	f := bounded(t, "x.jar", body)
	if f.Problem == nil || !strings.Contains(f.Problem.Error(), "more than 8 deep") || len(f.Packages) != javaDepth+1 {
		t.Errorf("%v, %d packages", f.Problem, len(f.Packages))
	}
}

// bomb is an archive with entries of zeros, a thousandth of their size.
func bomb(t *testing.T, size int64, names ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	packed := deflatedZeros(t, size)
	for _, name := range names {
		f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(size)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(packed); err != nil {
			t.Fatal(err)
		}
	}
	p := pom("g", "a", "1")
	f, err := w.Create(p.name)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, p.body)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// deflatedZeros packs a few megabytes and repeats what that gives: the packer's state is the same after each of them.
func deflatedZeros(t *testing.T, size int64) []byte {
	t.Helper()
	const step = 4 << 20
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{}
	for range 2 {
		if _, err := io.CopyN(w, zeros{}, step); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, out.Len())
	}
	first, repeated := slices.Clone(out.Bytes()[:ends[0]]), slices.Clone(out.Bytes()[ends[0]:])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	last := out.Bytes()[ends[1]:]
	return slices.Concat(first, bytes.Repeat(repeated, int(size/step)-1), last)
}

// TestBombsInArchives: zeros where classes are cost nothing, and where an archive or a description is, little.
func TestBombsInArchives(t *testing.T) {
	const gib = 1 << 30
	for name, test := range map[string]struct {
		body    string
		problem string
	}{
		"class":    {bomb(t, 10*gib, "x/Y.class"), ""},
		"archive":  {bomb(t, 10*gib, "lib/x.jar"), "unpacks to more than"},
		"archives": {bomb(t, 10*gib, "lib/x.jar", "lib/y.jar", "lib/z.jar"), "unpacks to more than"},
		"manifest": {bomb(t, 10*gib, "META-INF/MANIFEST.MF"), "is larger than"},
		"pom":      {bomb(t, gib, "META-INF/maven/a/b/pom.properties", "META-INF/maven/c/d/pom.xml"), "is larger than"},
	} {
		f := bounded(t, name+".jar", test.body)
		expectPackages(t, name, listed(f.Packages), name+".jar g:a@1")
		if (f.Problem == nil) != (test.problem == "") || f.Problem != nil && !strings.Contains(f.Problem.Error(), test.problem) {
			t.Errorf("%s: problem %v", name, f.Problem)
		}
	}
}

// TestMillionEntries: names are looked at where they are, not kept.
func TestMillionEntriesInArchives(t *testing.T) {
	for name, path := range map[string]string{"classes": "p/C%07d.class", "archives": "p/%07d.jar"} {
		f := bounded(t, "x.jar", directoryOf(1_000_000, func(i int) string { return fmt.Sprintf(path, i) }))
		if (f.Problem != nil) != (name == "archives") {
			t.Errorf("%s: problem %v", name, f.Problem)
		}
	}
}

func TestLongNamesInArchives(t *testing.T) {
	long := strings.Repeat("n", 65_000)
	for _, ending := range []string{".class", ".jar", "/META-INF/maven/g/a/pom.properties"} {
		f := bounded(t, "x.jar", directoryOf(1000, func(int) string { return long + ending }))
		if (f.Problem != nil) != (ending != ".class") {
			t.Errorf("%s: problem %v", ending, f.Problem)
		}
	}
}

// TestOverlappingEntries: a thousand entries that are all the same megabytes, at each of several levels.
func TestOverlappingEntries(t *testing.T) {
	inside := bomb(t, 8<<20, "META-INF/maven/a/b/pom.xml", "x.jar")
	for range 3 {
		inside = overlapping(inside, 1000)
	}
	f := bounded(t, "x.jar", inside)
	if f.Problem == nil || f.Problem.Reason != ReasonLimit {
		t.Errorf("problem %v", f.Problem)
	}
}

// overlapping is an archive whose entries are all one and the same stored archive.
func overlapping(inside string, count int) string {
	out := append(localHeader("x.jar", len(inside)), inside...)
	start := len(out)
	for i := range count {
		out = append(out, centralHeader(fmt.Sprintf("%06d.jar", i), 0, len(inside))...)
	}
	return string(appendEnd(out, start, count))
}

// directoryOf is an archive that is nothing but a directory, of entries that all point to its start.
func directoryOf(count int, name func(int) string) string {
	out := localHeader("", 0)
	start := len(out)
	for i := range count {
		out = append(out, centralHeader(name(i), 0, 0)...)
	}
	return string(appendEnd(out, start, count))
}

func localHeader(name string, size int) []byte {
	h := make([]byte, zipLocalSize)
	copy(h, zipLocal)
	binary.LittleEndian.PutUint32(h[18:], uint32(size))
	binary.LittleEndian.PutUint32(h[22:], uint32(size))
	binary.LittleEndian.PutUint16(h[26:], uint16(len(name)))
	return append(h, name...)
}

func centralHeader(name string, offset, size int) []byte {
	h := make([]byte, zipEntrySize)
	copy(h, zipEntry)
	binary.LittleEndian.PutUint32(h[20:], uint32(size))
	binary.LittleEndian.PutUint32(h[24:], uint32(size))
	binary.LittleEndian.PutUint16(h[28:], uint16(len(name)))
	binary.LittleEndian.PutUint32(h[42:], uint32(offset))
	return append(h, name...)
}

func appendEnd(out []byte, start, count int) []byte {
	h := make([]byte, zipEndSize)
	copy(h, zipEnd)
	binary.LittleEndian.PutUint16(h[8:], uint16(count))
	binary.LittleEndian.PutUint16(h[10:], uint16(count))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(out)-start))
	binary.LittleEndian.PutUint32(h[16:], uint32(start))
	return append(out, h...)
}

// TestLyingDirectories: whatever the numbers say, nothing outside of the file is read, and nothing ends the process.
func TestLyingDirectories(t *testing.T) {
	body := zipOf(t, manifest("Implementation-Version: 1"), pom("g", "a", "1"), zipped{name: "lib/b.jar", body: zipOf(t, pom("g", "b", "1")), stored: true})
	for at := len(body) - 400; at < len(body); at++ {
		for _, value := range []byte{0, 1, 0x7f, 0xff} {
			changed := []byte(body)
			changed[at] = value
			_ = (&extractor{kind: KindMaven, parse: parseJava}).extract(languageInput("x.jar", string(changed)))
		}
	}
	for cut := range len(body) {
		if f := (&extractor{kind: KindMaven, parse: parseJava}).extract(languageInput("x.jar", body[:cut])); f.Problem == nil && cut > 0 && len(f.Packages) > 2 {
			t.Errorf("cut at %d: %v", cut, listed(f.Packages))
		}
	}
}

// TestBombInALayer: the image it is in is scanned, and says what was not read.
func TestBombInALayer(t *testing.T) {
	deep := zipOf(t, pom("g", "a", "1"))
	for range 20 {
		deep = zipOf(t, zipped{name: "x.jar", body: deep})
	}
	inv := merge(t, stack(t, layer(file(status, dpkg("base 1")), file("opt/bomb.jar", deep), file("opt/broken.jar", "PK"), file("opt/good.jar", zipOf(t, pom("g", "good", "1")))))...)
	if got := found(inv); !strings.Contains(got, "base 1@1") || !strings.Contains(got, "g:good 1@1") || len(inv.Warnings) != 2 {
		t.Errorf("%s, %+v", got, inv.Warnings)
	}
}
