package inventory

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// generated is a layer that is made while it is read.
func generated(t *testing.T, write func(w *tar.Writer) error) io.Reader {
	t.Helper()
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		archive := tar.NewWriter(w)
		err := write(archive)
		if err == nil {
			err = archive.Close()
		}
		w.CloseWithError(err)
	}()
	t.Cleanup(func() { r.Close(); <-done })
	return r
}

// heapAfter is the live memory after a layer was read, beyond that of before.
func heapAfter(t *testing.T, read func() any) int64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := read()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestTenMillionEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("two million entries take seconds")
	}
	one := tarOf(t, dir("usr/lib/node_modules/directory"))[:512]
	sent := 0
	layer := readerFunc(func(p []byte) (int, error) {
		n := 0
		for ; len(p)-n >= len(one) && sent < 10_000_000; sent++ {
			n += copy(p[n:], one)
		}
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	})
	_, err := ReadLayer(t.Context(), layer, Limits{})
	if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), "2000000 entries") {
		t.Errorf("got %v", err)
	}
}

// TestPackagesWithoutEnd: a tree of far more packages than are kept ends in a warning, in bounded memory.
func TestPackagesWithoutEnd(t *testing.T) {
	const files = 60_000
	deep := strings.Repeat("deep/", 40)
	for name, path := range map[string]string{"flat": "node_modules/p%d/package.json", "deep": "%d/" + deep + "node_modules/p/package.json", "broken": "node_modules/x%d/package.json"} {
		body := `{"name":"p","version":"1.0.0"}`
		if name == "broken" {
			body = "{"
		}
		layer := generated(t, func(w *tar.Writer) error {
			for i := range files {
				if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf(path, i), Size: int64(len(body)), Mode: 0o644}); err != nil {
					return err
				}
				if _, err := io.WriteString(w, body); err != nil {
					return err
				}
			}
			return nil
		})
		var record *LayerRecord
		used := heapAfter(t, func() any {
			var err error
			if record, err = ReadLayer(t.Context(), layer, Limits{Packages: 20_000}); err != nil {
				t.Fatal(err)
			}
			return record
		})
		if used > 48<<20 || record.Skipped == 0 || len(record.Files) > 20_000+maxProblems {
			t.Errorf("%s: %d files kept, %d skipped, %d MiB", name, len(record.Files), record.Skipped, used>>20)
		}
		if inv := merge(t, Layer{"1", record}); len(inv.Warnings) == 0 {
			t.Errorf("%s: no warning", name)
		}
	}
}

func TestNamesOf64KB(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for name, hdr := range map[string]*tar.Header{
		"path":    {Name: "node_modules/" + long + "/package.json", Typeflag: tar.TypeReg},
		"deep":    {Name: strings.Repeat("a/", 32<<10) + "package.json", Typeflag: tar.TypeReg},
		"symlink": {Name: "lib", Typeflag: tar.TypeSymlink, Linkname: long},
		"link":    {Name: "node_modules/x/package.json", Typeflag: tar.TypeLink, Linkname: long},
	} {
		for _, format := range []tar.Format{tar.FormatPAX, tar.FormatGNU} {
			hdr.Format = format
			_, err := ReadLayer(t.Context(), generated(t, func(w *tar.Writer) error { return w.WriteHeader(hdr) }), Limits{})
			if !errors.Is(err, ErrLimit) || len(err.Error()) > 200 {
				t.Errorf("%s in %v: %.300v", name, format, err)
			}
		}
	}
	for path, body := range map[string]string{
		"node_modules/x/package.json":       `{"name":"` + long + `","version":"1"}`,
		"x.dist-info/METADATA":              "Name: " + long + "\nVersion: 1\n",
		"specifications/x.gemspec":          "# stub: " + long + " 1 ruby lib\n",
		"composer/installed.json":           `[{"name":"` + long + `","version":"1"}]`,
		"x.deps.json":                       `{"libraries":{"` + long + `/1":{"type":"package"}}}`,
		dpkgInfo + "x.list":                 long + "\n",
		"usr/lib/sysimage/rpm/Packages.db":  string(ndbOf(rpmOf("x", "1", "/"+long))),
		"lib/apk/db/installed":              "P:x\nV:1\nF:" + long + "\nR:" + long + "\n\n",
		"node_modules/" + "y/package.json":  `{"` + long + `":"` + long + `","name":"y","version":"1"}`,
		"node_modules/@scope/package.json":  `{"name":"@scope","version":"` + long + `"}`,
		"specifications/literals.gemspec":   "s.name = \"" + long + "\"\ns.version = \"1\"\n",
		"egg/EGG-INFO/PKG-INFO":             long + ": x\nName: z\nVersion: 1\n",
		"usr/lib/node_modules/package.json": long,
	} {
		f := extractBytes(path, []byte(body))
		for _, p := range f.Packages {
			if len(p.Name) > maxField || len(p.Version) > maxField {
				t.Errorf("%s gives a name of %d bytes", path, len(p.Name))
			}
		}
		if f.Problem != nil && strings.Contains(f.Problem.Error(), "unexpectedly") {
			t.Errorf("%s: %v", path, f.Problem)
		}
	}
}

// TestLinksThatLeaveTheRoot: nothing outside of the layer is ever opened, and a path that climbs out is one in the root.
func TestLinksThatLeaveTheRoot(t *testing.T) {
	inv := merge(t, stack(t, layer(
		npmFile("../../../node_modules/a", "a", "1"),
		symlink("node_modules/b", "../../../../../../etc"),
		hardlink("node_modules/c/package.json", "../../../../etc/hostname"),
		hardlink("node_modules/d/package.json", "../node_modules/a/package.json"),
		symlink("etc/os-release", "../../../../../../../../etc/hostname"),
		symlink("lib", "../../../../../../usr/lib"), symlink("usr/bin", "/../.."),
		symlink("node_modules/e/package.json", "/etc/hostname"),
	))...)
	if got := found(inv); got != "a 1@1, a 1@1" || !inv.OS.IsZero() {
		t.Errorf("found %q, %+v", got, inv.OS)
	}
	if len(inv.Warnings) != 1 || inv.Warnings[0].Path != "node_modules/c/package.json" {
		t.Errorf("warnings %+v", inv.Warnings)
	}
}

// TestTenGigabytesOfZeros: ten megabytes that unpack to ten gigabytes, in whatever file, end at the limits of size and
// ratio, in little memory.
func TestTenGigabytesOfZeros(t *testing.T) {
	if testing.Short() {
		t.Skip("each of the files takes seconds")
	}
	for path, head := range map[string]string{
		"filler": "", "node_modules/x/package.json": `{"x": "`, "x.dist-info/METADATA": "Name: x\n", "composer/installed.json": "[",
		"bin/x": program("").body[:executableHead], "app.jar": "PK\x03\x04", "lib/apk/db/installed": "P:x\n",
	} {
		t.Run(strings.ReplaceAll(path, "/", "_"), func(t *testing.T) {
			dir := t.TempDir()
			const size = 10 << 30
			layer, w := io.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
				archive := tar.NewWriter(z)
				err := archive.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: size, Format: tar.FormatGNU})
				if err == nil {
					_, err = io.CopyN(archive, io.MultiReader(strings.NewReader(head), zeros{}), size)
				}
				w.CloseWithError(errors.Join(err, archive.Close(), z.Close()))
			}()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			record, err := ReadLayer(t.Context(), layer, Limits{TempDir: dir, ArchiveBytes: 128 << 20, FileBytes: 128 << 20, TotalBytes: 512 << 20})
			runtime.ReadMemStats(&after)
			layer.Close()
			<-done
			if !errors.Is(err, ErrLimit) {
				t.Errorf("got %+v, %v", record, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 96<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestCutAtAnyByte: a file that ends early holds packages of the whole one, or is a problem, but never anything else.
func TestCutAtAnyByte(t *testing.T) {
	header := rpmOf("a", "1", "/usr/bin/a", "/usr/lib/b.so")
	for path, body := range map[string]string{
		"lib/apk/db/installed":                     apkOf("aa 1-r0 usr/bin/a usr/lib/b", "bb 2-r0 usr/bin/c").body,
		status:                                     dpkg("aa 1:1-1", "bb 2"),
		statusDir + "a":                            "Package: aa\nVersion: 1\nSource: s (2)\n",
		dpkgInfo + "a.list":                        "/usr/bin/a\n/usr/lib/b.so\n",
		"usr/lib/sysimage/rpm/Packages.db":         string(ndbOf(header)),
		"var/lib/rpm/Packages":                     string(berkeleyOf(header, false)),
		"var/lib/rpm/rpmdb.sqlite":                 string(sqliteOf(header)),
		"var/lib/rpmmanifest/container-manifest-2": "a\t1-2\t0\t0\tv\t(none)\t1\tx86_64\t3\tb-1-2.src.rpm\n",
		"node_modules/@a/b/package.json":           "{\"x\": [1, {\"y\": \"\\\"\"}], \"name\": \"@a/b\", \"version\": \"1.0.0\", \"z\": null}",
		"x.dist-info/METADATA":                     "Metadata-Version: 2.1\nName: a\nVersion: 1.0.0\n\nText\n",
		"specifications/a.gemspec":                 "Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = \"1.0.0\"\nend\n",
		"composer/installed.json":                  `{"packages": [{"name": "a/b", "version": "v1.0.0"}, {"name": "a/c", "version": "2"}], "dev": true}`,
		"x.deps.json":                              `{"runtimeTarget":{"name":"t"},"targets":{"t":{"A/1":{"runtime":{}},"B/1":{}}},"libraries":{"A/1":{"type":"package"},"B/1":{"type":"package"}}}`,
	} {
		whole := extractBytes(path, []byte(body))
		if whole.Problem != nil || len(whole.Packages)+len(whole.Owned) == 0 {
			t.Fatalf("%s: %+v", path, whole)
		}
		for i := range body {
			f := extractBytes(path, []byte(body[:i]))
			if f.Problem != nil && strings.Contains(f.Problem.Error(), "unexpectedly") {
				t.Fatalf("%s cut to %d bytes: %v", path, i, f.Problem)
			}
			for _, p := range f.Packages {
				// The last version may have lost its end: text has no mark of it.
				if !strings.HasPrefix(whole.Packages[0].Name+" "+whole.Packages[len(whole.Packages)-1].Name, p.Name) && p.Name != whole.Packages[len(whole.Packages)-1].Name {
					t.Fatalf("%s cut to %d bytes gives %+v", path, i, p)
				}
			}
		}
	}
}

// TestLayerCutAtAnyByte: an archive that ends early is never taken for a whole one, unless only what follows the last
// byte of a file is missing: some tools leave out the end mark.
func TestLayerCutAtAnyByte(t *testing.T) {
	plain := tarOf(t, file(status, dpkg("a 1")), npmFile("node_modules/a", "a", "1"), program("bin/x"))
	zipped := gzipOf(t, plain)
	for i := range zipped {
		var own *Error
		if _, err := ReadLayer(t.Context(), bytes.NewReader(zipped[:i]), Limits{}); i > 0 && !errors.As(err, &own) {
			t.Fatalf("gzip cut to %d of %d bytes: %v", i, len(zipped), err)
		}
	}
	for i := range len(plain) - 1024 {
		var own *Error
		record, err := ReadLayer(t.Context(), bytes.NewReader(plain[:i]), Limits{})
		if err != nil && !errors.As(err, &own) {
			t.Fatalf("tar cut to %d bytes: %v", i, err)
		}
		if err == nil {
			if got := found(merge(t, Layer{"1", record})); got != "a 1@1, a 1@1"[:len(got)] {
				t.Fatalf("tar cut to %d bytes gives %q", i, got)
			}
		}
	}
}

// TestLargeFilesGoToDisk: a parser sees the same bytes, wherever they are held, and nothing stays behind.
func TestLargeFilesGoToDisk(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int64{0, 1, 100, 64 << 10, 64<<10 + 1, 1 << 20, spoolMemory - 1, spoolMemory, spoolMemory + 1, 3 * spoolMemory} {
		for _, hint := range []int64{0, size, 1 << 40} {
			body := bytes.Repeat([]byte("0123456789abcdef!"), int(size/17)+1)[:size]
			s := &spool{dir: dir}
			at, n, err := s.hold(bytes.NewReader(body), hint)
			if err != nil || n != size {
				t.Fatalf("%d bytes: %d, %v", size, n, err)
			}
			if onDisk := s.file != nil; onDisk != (size >= spoolMemory) {
				t.Errorf("%d bytes are on disk: %v", size, onDisk)
			}
			got, err := io.ReadAll(io.NewSectionReader(at, 0, n))
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
			}
			if _, err := at.ReadAt(make([]byte, 1), n); !errors.Is(err, io.EOF) {
				t.Errorf("reading past the end: %v", err)
			}
			s.release()
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDiskFaultsAreOurs: a disk without room says nothing about the layer, so the scan is tried again.
func TestDiskFaultsAreOurs(t *testing.T) {
	layer := tarOf(t, entry{name: "bin/x", body: program("").body + strings.Repeat("x", spoolMemory)})
	_, err := ReadLayer(t.Context(), bytes.NewReader(layer), Limits{TempDir: "/nowhere/at/all"})
	var own *Error
	if !errors.Is(err, os.ErrNotExist) || errors.As(err, &own) {
		t.Errorf("got %v", err)
	}
}
