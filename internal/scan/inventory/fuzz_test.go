package inventory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/test/fixture"
)

func fuzzLimits() Limits {
	return Limits{Entries: 1000, FileBytes: 1 << 20, TotalBytes: 4 << 20, Packages: 1000, Time: 5 * time.Second}
}

// FuzzReadLayer: any bytes give a record that merges and survives encoding, or an *Error.
func FuzzReadLayer(f *testing.F) {
	plain := tarOf(f, file("etc/os-release", "ID=x"), file(status, dpkg("a 1")), symlink("lib", "usr/lib"), hardlink("x", status), whiteout("a/.wh.b"), whiteout("a/.wh..wh..opq"))
	f.Add(plain)
	f.Add(tarOf(f, npmFile("node_modules/a", "a", "1"), hardlink("node_modules/b/package.json", "node_modules/a/package.json"), pythonFile("x.dist-info/METADATA", "x", "1"),
		apkOf("a 1-r0 node_modules/a/package.json"), dpkgList("a", "/x.dist-info/METADATA"), program("bin/x"), file("a.gemspec", "{"), file("node_modules/c/package.json", "{")))
	f.Add(gzipOf(f, plain))
	f.Add(zstdOf(f, plain))
	f.Add([]byte("{}"))
	if shared, ok := fixture.FindShared(f); ok {
		for _, name := range []string{"debian-12-slim-dpkg.tar.gz", "distroless-cc-debian12-statusd.tar.gz"} {
			if data, err := os.ReadFile(filepath.Join(shared, "images", name)); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		record, err := ReadLayer(t.Context(), bytes.NewReader(data), fuzzLimits())
		if err != nil {
			var own *Error
			if !errors.As(err, &own) || own.Reason == "" || err.Error() == "" {
				t.Fatalf("error without a reason: %v", err)
			}
			return
		}
		encoded, err := record.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back LayerRecord
		if err := back.UnmarshalBinary(encoded); err != nil {
			t.Fatal(err)
		}
		one, err1 := Merge([]Layer{{"1", record}})
		two, err2 := Merge([]Layer{{"1", &back}})
		if (err1 == nil) != (err2 == nil) || err1 == nil && one.ID() != two.ID() {
			t.Fatalf("encoding changed the record: %v, %v", err1, err2)
		}
	})
}

// FuzzUnmarshalBinary: what can be decoded can be encoded and merged.
func FuzzUnmarshalBinary(f *testing.F) {
	for _, entries := range [][]entry{
		{}, layer(file("etc/os-release", "ID=x\nID_LIKE='a b'"), file(status, dpkg("a 1")), symlink("lib", "usr/lib"), file(statusDir+"x", "broken")),
		layer(npmFile("node_modules/a", "a", "1"), apkOf("a 1-r0 node_modules/a/package.json"), file("node_modules/b/package.json", "{")),
	} {
		data, err := readLayer(f, tarOf(f, entries...)).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, back LayerRecord
		if r.UnmarshalBinary(data) != nil {
			return
		}
		encoded, err := r.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalBinary(encoded); err != nil {
			t.Fatalf("cannot decode what was encoded: %v", err)
		}
		if _, err := Merge([]Layer{{"1", &r}, {"2", &back}}); err != nil {
			var own *Error
			if !errors.As(err, &own) {
				t.Fatal(err)
			}
		}
	})
}

// fuzzParser calls a parser without the net that extract puts below it: panics are findings.
func fuzzParser(f *testing.F, path string, parse func(*input) ([]Package, error)) {
	f.Fuzz(func(t *testing.T, data []byte) {
		in := testInput(path, data)
		in.lim = fuzzLimits().withDefaults()
		in.left = newBudget(in.lim)
		packages, err := parse(in)
		if err != nil {
			return
		}
		for _, p := range packages {
			if p.Name == "" || p.Version == "" || p.SourceName == "" || p.SourceVersion == "" {
				t.Fatalf("incomplete package %+v", p)
			}
		}
	})
}

func FuzzAPK(f *testing.F) {
	f.Add([]byte("P:a\nV:1-r0\nA:x\no:b\n\nP:c\nV:1"))
	f.Add([]byte("P:a\nV:1-r0\nF:usr/bin\nR:a\nR:b.so\nF:\nR:c\n\n"))
	fuzzParser(f, "lib/apk/db/installed", parseAPK)
}

func FuzzDpkg(f *testing.F) {
	f.Add([]byte("Package: a\nStatus: install ok installed\nVersion: 1:2-3\nSource: b (4)\n c\n\n"))
	fuzzParser(f, status, parseDpkg)
}

func FuzzOSRelease(f *testing.F) {
	f.Add("ID=x\nNAME=\"a \\\" b\"\n")
	f.Fuzz(func(t *testing.T, text string) { parseOSRelease(text) })
}

func FuzzRPMHeader(f *testing.F) {
	f.Add(rpmHeaderOf(map[uint32]string{tagName: "a", tagVersion: "1", tagRelease: "2", tagSourceRPM: "b-1-2.src.rpm"}, 3))
	f.Add(rpmOf("a", "1", "/usr/bin/a", "/usr/lib/b.so"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := parseRPMHeader(data, interner{}, newOwning()); err == nil && (p.Name == "" || p.SourceName == "") {
			t.Fatalf("incomplete package %+v", p)
		}
	})
}

// FuzzRPM covers the three file formats. The seeds are small databases made by hand: the real ones have megabytes.
func FuzzRPM(f *testing.F) {
	header := rpmHeaderOf(map[uint32]string{tagName: "a", tagVersion: "1", tagRelease: "2"}, 0)
	for _, seed := range [][]byte{ndbOf(header), berkeleyOf(header, false), berkeleyOf(header, true), sqliteOf(header)} {
		if f := extractBytes("var/lib/rpm/Packages", seed); f.Problem != nil || len(f.Packages) != 1 {
			panic(f.Problem)
		}
		f.Add(seed)
	}
	fuzzParser(f, "var/lib/rpm/Packages", parseRPM)
}

func FuzzRPMManifest(f *testing.F) {
	f.Add([]byte("a\t1-2\t0\t0\tv\t(none)\t1\tx86_64\t3\tb-1-2.src.rpm\n"))
	fuzzParser(f, "var/lib/rpmmanifest/container-manifest-2", parseRPMManifest)
}
