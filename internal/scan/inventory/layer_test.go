package inventory

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func TestCompressionIsSniffed(t *testing.T) {
	plain := tarOf(t, file(status, dpkg("a 1")))
	skippable := append([]byte{0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}, zstdOf(t, plain)...)
	for name, data := range map[string][]byte{
		"plain": plain, "gzip": gzipOf(t, plain), "zstd": zstdOf(t, plain), "zstd after a skippable frame": skippable,
		"gzip in two members": append(gzipOf(t, plain[:700]), gzipOf(t, plain[700:])...),
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
				record, err := ReadLayer(t.Context(), r, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				if got := found(merge(t, Layer{"1", record})); got != "a 1@1" {
					t.Errorf("found %q", got)
				}
				if record.Bytes != int64(len(plain)) || record.Entries != 1 {
					t.Errorf("%d bytes and %d entries", record.Bytes, record.Entries)
				}
			}
		})
	}
}

func TestEmptyLayers(t *testing.T) {
	for name, data := range map[string][]byte{
		"tar": tarOf(t), "gzip": gzipOf(t, tarOf(t)), "zstd": zstdOf(t, tarOf(t)), "no bytes at all": nil, "gzip of nothing": gzipOf(t, nil),
	} {
		if record, err := ReadLayer(t.Context(), bytes.NewReader(data), Limits{}); err != nil || record.Entries != 0 {
			t.Errorf("%s: %+v, %v", name, record, err)
		}
	}
}

// TestBadLayers: every fault of a layer ends in an *Error with the right reason.
func TestBadLayers(t *testing.T) {
	plain := tarOf(t, file("a", "x"), file(status, dpkg("a 1")), file("b", strings.Repeat("b", 5000)))
	zipped, packed := gzipOf(t, plain), zstdOf(t, plain)
	badSum := bytes.Clone(zipped)
	badSum[len(badSum)-8] ^= 1
	badHeader := bytes.Clone(plain)
	badHeader[1024] ^= 1
	for _, test := range []struct {
		name   string
		data   []byte
		reason Reason
	}{
		{"text", []byte("this is not a layer"), ReasonNotTar},
		{"the empty JSON of OCI artifacts", []byte("{}"), ReasonNotTar},
		{"long text", bytes.Repeat([]byte("lorem ipsum "), 1000), ReasonNotTar},
		{"zipped text", gzipOf(t, []byte("this is not a layer")), ReasonNotTar},
		{"layer compressed twice", gzipOf(t, zipped), ReasonNotTar},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04 and so on"), ReasonNotTar},
		{"bzip2", []byte("BZh91AY&SY and so on"), ReasonNotTar},
		{"gzip of two bytes", zipped[:2], ReasonTruncated},
		{"truncated gzip", zipped[:len(zipped)/2], ReasonTruncated},
		{"gzip without its last byte", zipped[:len(zipped)-1], ReasonTruncated},
		{"truncated zstd", packed[:len(packed)/2], ReasonTruncated},
		{"truncated tar, in a body", plain[:len(plain)-3000], ReasonTruncated},
		{"truncated tar, in a database", plain[:1600], ReasonTruncated},
		{"wrong checksum", badSum, ReasonCorrupt},
		{"broken deflate", append(bytes.Clone(zipped[:10]), bytes.Repeat([]byte{0xff}, 50)...), ReasonCorrupt},
		{"broken zstd", append(bytes.Clone(packed[:8]), bytes.Repeat([]byte{0xff}, 50)...), ReasonCorrupt},
		{"broken tar header", badHeader, ReasonCorrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			record, err := ReadLayer(t.Context(), bytes.NewReader(test.data), Limits{})
			var own *Error
			if !errors.As(err, &own) || own.Reason != test.reason {
				t.Errorf("record %v, error %v (%T), want reason %s", record, err, err, test.reason)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	many := func(n int, name string) (all []entry) {
		for i := range n {
			all = append(all, file(fmt.Sprintf(name, i), "ID=x"))
		}
		return all
	}
	for _, test := range []struct {
		name    string
		lim     Limits
		entries []entry
	}{
		{"entries", Limits{Entries: 10}, many(11, "f%d")},
		{"path", Limits{PathLength: 300}, layer(file(strings.Repeat("long/", 61), ""))},
		{"link target", Limits{PathLength: 300}, layer(symlink("a", strings.Repeat("x", 301)))},
		{"depth", Limits{PathDepth: 8}, layer(file("1/2/3/4/5/6/7/8/9", ""))},
		{"bytes", Limits{TotalBytes: 4096}, layer(file("big", strings.Repeat("x", 5000)))},
		{"databases", Limits{Kept: 10}, many(11, statusDir+"p%d")},
		{"os-release files", Limits{Kept: 80}, many(11, "d%d/os-release")},
		{"links", Limits{Kept: 8}, layer(symlink("a", "x"), symlink("b", "x"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadLayer(t.Context(), bytes.NewReader(tarOf(t, test.entries...)), test.lim)
			if !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
		})
	}
	exact := tarOf(t, file("big", strings.Repeat("x", 5000)))
	if _, err := ReadLayer(t.Context(), bytes.NewReader(exact), Limits{TotalBytes: int64(len(exact))}); err != nil {
		t.Errorf("a layer of exactly the limit: %v", err)
	}
}

// TestDatabaseLimits: a database that is too much is a fault of that database.
func TestDatabaseLimits(t *testing.T) {
	big := dpkg("a 1", "b 1", "c 1")
	for _, test := range []struct {
		name    string
		lim     Limits
		entries []entry
	}{
		{"file", Limits{FileBytes: 100}, layer(file(status, big))},
		{"file in memory", Limits{FileBytes: 100}, layer(file("var/lib/rpm/Packages", strings.Repeat("x", 101)))},
		{"all files together", Limits{FileBytes: 1000}, layer(file(status, strings.Repeat("# \n", 330)), file(status, strings.Repeat(" \n", 500)),
			file(status, strings.Repeat(" \n", 500)), file(status, strings.Repeat(" \n", 500)), file(status, strings.Repeat(" \n", 500)),
			file(status, strings.Repeat(" \n", 500)), file(status, strings.Repeat(" \n", 500)), file(status, strings.Repeat(" \n", 500)),
			file(status, strings.Repeat(" \n", 500)), file(status, strings.Repeat(" \n", 500)))},
		{"packages", Limits{Packages: 2}, layer(file(status, big))},
		{"packages of all files", Limits{Packages: 4}, layer(file(statusDir+"x", big), file(status, big))},
		{"text", Limits{Packages: 2}, layer(file(status, dpkg("a "+strings.Repeat("1", 2000))))},
	} {
		t.Run(test.name, func(t *testing.T) {
			record, err := ReadLayer(t.Context(), bytes.NewReader(tarOf(t, test.entries...)), test.lim)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Merge([]Layer{{"1", record}}); !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// endless is a tar header that announces a huge file, and zeros without end.
func endless(t *testing.T, name string) io.Reader {
	t.Helper()
	var header bytes.Buffer
	if err := tar.NewWriter(&header).WriteHeader(&tar.Header{Name: name, Size: 1 << 50, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	return io.MultiReader(&header, zeros{})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBombs: 64 GiB of zeros in a few megabytes of compressed stream end in an error, in little time and memory, whether
// in a file that is passed over or in one that is parsed.
func TestBombs(t *testing.T) {
	for _, name := range []string{"filler", status, "var/lib/rpm/Packages", "etc/os-release"} {
		for method, compress := range map[string]func(io.Writer) io.WriteCloser{
			"gzip": func(w io.Writer) io.WriteCloser { z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed); return z },
			"zstd": func(w io.Writer) io.WriteCloser {
				z, _ := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
				return z
			},
		} {
			t.Run(method+" "+name, func(t *testing.T) {
				pr, pw := io.Pipe()
				done := make(chan struct{})
				go func() {
					defer close(done)
					z := compress(pw)
					_, err := io.CopyN(z, endless(t, name), 64<<30)
					z.Close()
					pw.CloseWithError(err)
				}()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := ReadLayer(t.Context(), pr, Limits{TotalBytes: 64 << 20, FileBytes: 8 << 20})
				runtime.ReadMemStats(&after)
				pr.Close()
				<-done
				if !errors.Is(err, ErrLimit) {
					t.Errorf("got %v", err)
				}
				if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
					t.Errorf("allocated %d MiB", used>>20)
				}
			})
		}
	}
}

func TestTimeLimitAndCancel(t *testing.T) {
	_, err := ReadLayer(t.Context(), endless(t, "filler"), Limits{Time: 20 * time.Millisecond, TotalBytes: 1 << 60})
	var own *Error
	if !errors.As(err, &own) || own.Reason != ReasonLimit {
		t.Errorf("time limit gives %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadLayer(ctx, endless(t, "filler"), Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancel before gives %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	r := io.MultiReader(io.LimitReader(endless(t, "filler"), 1<<20), readerFunc(func(p []byte) (int, error) { cancel(); clear(p); return len(p), nil }))
	if _, err := ReadLayer(ctx, r, Limits{TotalBytes: 1 << 60}); !errors.Is(err, context.Canceled) || errors.As(err, &own) && own == nil {
		t.Errorf("cancel while reading gives %v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestReaderErrors: a disk that fails is no fault of the layer.
func TestReaderErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	data := gzipOf(t, tarOf(t, file(status, dpkg("a 1"))))
	for _, n := range []int{0, 1, 5, 50, len(data) - 1} {
		_, err := ReadLayer(t.Context(), io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), Limits{})
		var own *Error
		if !errors.Is(err, broken) || errors.As(err, &own) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestPaths(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "./a": "a", "/a": "a", "//a//b/": "a/b", "././a": "a", "a/./b": "a/b", "a/../b": "b", "../../b": "b", "/../b": "b",
		"a/b/..": "a", "": "", ".": "", "./": "", "/": "", "..": "", "../": "", ".hidden/..x": ".hidden/..x", "a/...": "a/...", "/./../a": "a",
	} {
		if got := cleanPath(name); got != want {
			t.Errorf("cleanPath(%q) = %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"/" + status, "./" + status, "../../" + status, "tmp/../" + status, "var//lib/./dpkg/status"} {
		if got := found(merge(t, stack(t, layer(file(name, dpkg("a 1"))))...)); got != "a 1@1" {
			t.Errorf("%s: found %q", name, got)
		}
	}
}

func TestLongNames(t *testing.T) {
	long := strings.Repeat("a-long-directory-name/", 20) + "x-os-release"
	for _, format := range []tar.Format{tar.FormatGNU, tar.FormatPAX} {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		body := "ID=far\n"
		if err := w.WriteHeader(&tar.Header{Name: long, Size: int64(len(body)), Mode: 0o644, Format: format}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body)
		w.WriteHeader(&tar.Header{Name: "etc/os-release", Typeflag: tar.TypeSymlink, Linkname: "/" + long, Format: format})
		w.Close()
		if got := merge(t, Layer{"1", readLayer(t, out.Bytes())}).OS.ID; got != "far" {
			t.Errorf("%v: %q", format, got)
		}
	}
}

// TestSparse reads a database stored in GNU's sparse format: a hole of 4 KiB, which is a line too long to be a field, is
// not mistaken for the end of the file.
func TestSparse(t *testing.T) {
	body := dpkg("a 1")
	padded := body + strings.Repeat("\x00", 512-len(body))
	data := tarOf(t, file(status, padded))
	hdr := data[:512]
	hdr[156] = 'S'
	copy(hdr[257:], "ustar  \x00")
	const hole = 4096
	octal := func(at int, v int) { copy(hdr[at:at+12], fmt.Sprintf("%011o\x00", v)) }
	octal(386, 0)
	octal(398, len(body))
	octal(410, len(body)+hole)
	octal(422, 512-len(body))
	octal(483, 512+hole)
	copy(hdr[148:156], "        ")
	sum := 0
	for _, c := range hdr {
		sum += int(c)
	}
	copy(hdr[148:156], fmt.Sprintf("%06o\x00 ", sum))
	record := readLayer(t, data)
	_, err := Merge([]Layer{{"1", record}})
	if len(record.Files) != 1 || err == nil || !strings.Contains(err.Error(), "no field") {
		t.Errorf("files %+v, %v", record.Files, err)
	}
}

func TestDuplicatesLastWins(t *testing.T) {
	for _, test := range []struct {
		name    string
		entries []entry
		want    string
	}{
		{"twice", layer(file(status, dpkg("a 1")), file(status, dpkg("a 2"))), "a 2@1"},
		{"then without packages", layer(file(status, dpkg("a 1")), file(status, "")), ""},
		{"then a symlink", layer(file(status, dpkg("a 1")), symlink(status, "/x")), ""},
		{"then a directory", layer(file(status, dpkg("a 1")), dir(status)), ""},
		{"then a device", layer(file(status, dpkg("a 1")), entry{name: status, kind: tar.TypeChar}), ""},
		{"then a file where its directory was", layer(file(status, dpkg("a 1")), file("var/lib", "")), ""},
		{"a symlink, then the file", layer(symlink(status, "/x"), file(status, dpkg("a 1"))), "a 1@1"},
		{"a file at its directory, then the file", layer(file("var/lib", ""), file(status, dpkg("a 1"))), "a 1@1"},
		{"gone with its directory, then again", layer(file(status, dpkg("a 1")), symlink("var", "x"), file(status, dpkg("a 2"))), "a 2@1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := found(merge(t, stack(t, test.entries)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestHardLinks(t *testing.T) {
	inv := merge(t, stack(t, layer(file("usr/share/rpm/Packages", ""), file(statusDir+"a", "Package: a\nVersion: 1\n"), hardlink(statusDir+"b", "/"+statusDir+"a")))...)
	if got := found(inv); got != "a 1@1, a 1@1" || inv.Packages[1].Path != statusDir+"b" {
		t.Errorf("found %q in %+v", got, inv.Databases)
	}
	_, err := Merge(stack(t, layer(file("data/status", dpkg("a 1")), hardlink(status, "data/status"))))
	if err == nil || !strings.Contains(err.Error(), "hard link") {
		t.Errorf("a hard link to a body that was passed over: %v", err)
	}
}

func TestOddEntries(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, hdr := range []*tar.Header{
		{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}},
		{Name: "/", Typeflag: tar.TypeDir}, {Name: "", Typeflag: tar.TypeReg}, {Name: "pipe", Typeflag: tar.TypeFifo},
		{Name: "disk", Typeflag: tar.TypeBlock}, {Name: "zero", Typeflag: tar.TypeReg}, {Name: "self", Typeflag: tar.TypeLink, Linkname: "self"},
		{Name: "loop", Typeflag: tar.TypeSymlink, Linkname: "loop"}, {Name: "etc/os-release", Typeflag: tar.TypeLink, Linkname: "etc/os-release"},
	} {
		if err := w.WriteHeader(hdr); err != nil {
			t.Fatal(hdr.Name, err)
		}
	}
	w.Close()
	record := readLayer(t, out.Bytes())
	if len(record.Paths) != 6 {
		t.Errorf("%d paths: %+v", len(record.Paths), record)
	}
	merge(t, Layer{"1", record})
}

// TestCorruptDatabases breaks the real databases in many places: there may be fewer packages or a problem, but never a
// panic, which extract would turn into the text that is looked for here.
func TestCorruptDatabases(t *testing.T) {
	for _, image := range images {
		if image.kind != KindRPM || testing.Short() {
			continue
		}
		t.Run(image.file, func(t *testing.T) {
			good := bodyOf(t, layerFile(t, image.file), image.database)
			for i := range 60 {
				bad := bytes.Clone(good)
				switch at := (i * 7919 * 613) % len(bad); i % 4 {
				case 0:
					bad = bad[:at]
				case 1:
					binary.LittleEndian.PutUint32(bad[min(at, len(bad)-4):], 0xffffffff)
				case 2:
					copy(bad[at/4096*4096:], bytes.Repeat([]byte{0xff}, 64))
				case 3: // the head of the file
					bad[(i*5)%200] ^= byte(1 << (i % 8))
				}
				f := extractBytes(image.database, bad)
				if f.Problem != nil && strings.Contains(f.Problem.Error(), "unexpectedly") {
					t.Fatalf("variant %d: %v", i, f.Problem)
				}
			}
		})
	}
	for _, path := range []string{"var/lib/rpm/Packages", "var/lib/rpm/rpmdb.sqlite", status, "lib/apk/db/installed", statusDir + "x"} {
		if f := extractBytes(path, bytes.Repeat([]byte("garbage\x00\xff"), 1000)); f.Problem == nil || f.Problem.Reason != ReasonDatabase || f.Problem.Path != path {
			t.Errorf("%s full of garbage gives %+v", path, f)
		}
		if f := extractBytes(path, nil); f.Problem != nil || len(f.Packages) != 0 {
			t.Errorf("%s without a byte gives %+v", path, f)
		}
	}
}

func TestPanicsBecomeProblems(t *testing.T) {
	for kind, want := range map[string]Reason{KindDeb: ReasonDatabase, KindNPM: ReasonFile} {
		x := extractor{kind: kind, parse: func(*input) ([]Package, error) { panic("a bug in a parser") }}
		if f := x.extract(testInput("p", nil)); f.Problem == nil || f.Problem.Reason != want {
			t.Errorf("got %+v", f)
		}
	}
}

func testInput(path string, body []byte) *input {
	lim := Limits{}.withDefaults()
	return &input{ctx: context.Background(), path: path, r: bytes.NewReader(body), size: int64(len(body)), lim: lim, left: newBudget(lim), same: interner{}, text: bufio.NewReaderSize(nil, maxLine), spool: &spool{}, own: newOwning()}
}

func extractBytes(path string, body []byte) File {
	table := extractors()
	for i := range table {
		if table[i].wants(path) {
			in := testInput(path, body)
			if isLanguage(table[i].kind) {
				in.left = newLanguageBudget(in.lim)
			}
			return table[i].extract(in)
		}
	}
	if isExecutable(path, body[:min(len(body), executableHead)]) {
		x, in := executables(), testInput(path, body)
		in.left = newLanguageBudget(in.lim)
		return x.extract(in)
	}
	return File{}
}

// bodyOf gives one file of a tar.gz.
func bodyOf(t testing.TB, layer []byte, path string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		hdr, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if cleanPath(hdr.Name) == path {
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return body
		}
	}
}
