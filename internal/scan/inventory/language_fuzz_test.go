package inventory

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"
)

// fuzzText is fuzzParser for language files; the budget shows what a parser takes without asking.
func fuzzText(f *testing.F, path string, parse func(*input) ([]Package, error)) {
	f.Fuzz(func(t *testing.T, data []byte) {
		in := testInput(path, data)
		in.lim = fuzzLimits().withDefaults()
		in.left = newLanguageBudget(in.lim)
		packages, err := parse(in)
		if err != nil {
			return
		}
		if taken := in.lim.Packages - in.left.packages; taken < len(packages) {
			t.Fatalf("%d packages, %d taken", len(packages), taken)
		}
		for _, p := range packages {
			if !isWord(p.Name) || !isWord(p.Version) || p.SourceName != p.Name || p.SourceVersion != p.Version {
				t.Fatalf("no good package: %+v", p)
			}
		}
	})
}

func FuzzNPM(f *testing.F) {
	f.Add([]byte(`{"name":"@a/b","version":"v1.0.0","private":true}`))
	f.Add([]byte("\xef\xbb\xbf{\"n\\u0061me\":\"a\", \"version\" : \"1\"}"))
	f.Add([]byte(`{"dependencies":{"name":"x"},"name":["a"],"version":1}`))
	fuzzText(f, "node_modules/@a/b/package.json", parseNPM)
}

func FuzzPNPMStore(f *testing.F) {
	f.Add([]byte(`{"name":"a","version":"1.0.0"}`))
	f.Add([]byte(`{ block(); }`))
	fuzzText(f, ".pnpm-store/v3/files/00/ab", parsePNPMStore)
}

func FuzzPython(f *testing.F) {
	f.Add([]byte("Metadata-Version: 2.1\nName: a\nVersion: 1.0\n\nName: no\n"))
	f.Add([]byte("summary: x\r\n Name: no\r\nNAME:a\r\nversion : 1\r\n"))
	fuzzText(f, "x.dist-info/METADATA", parsePython)
}

func FuzzEgg(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	var egg bytes.Buffer
	w := zip.NewWriter(&egg)
	info, err := w.Create("EGG-INFO/PKG-INFO")
	if err == nil {
		_, err = info.Write([]byte("Name: x\nVersion: 1.0\n"))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(egg.Bytes())
	fuzzText(f, "x.egg", parseEgg)
}

func FuzzGem(f *testing.F) {
	f.Add([]byte("# stub: a 1.0 ruby lib\n"))
	f.Add([]byte("Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = Gem::Version.new('1.0')\nend"))
	fuzzText(f, "specifications/a.gemspec", parseGem)
}

func FuzzComposer(f *testing.F) {
	f.Add([]byte(`[{"name":"a/b","version":"v1.0.0"}]`))
	f.Add([]byte(`{"packages":[{"version":"1","name":"a/b"},{}],"dev":true}`))
	fuzzText(f, "vendor/composer/installed.json", parseComposer)
}

func FuzzDotNet(f *testing.F) {
	f.Add([]byte(`{"runtimeTarget":{"name":"t"},"targets":{"t":{"A/1":{"runtime":{}},"B/1":{}}},"libraries":{"A/1":{"type":"package"},"B/1":{"type":"package"}}}`))
	f.Add([]byte(`{"libraries":{"runtimepack.R/8.0.0":{"type":"runtimepack"}},"targets":{},"runtimeTarget":"t"}`))
	fuzzText(f, "x.deps.json", parseDotNet)
}

func FuzzDpkgList(f *testing.F) {
	f.Add([]byte("/.\n/usr\n/usr/bin\n/usr/bin/a\n/lib/b.so.1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, path := range []string{dpkgInfo + "a:amd64.list", statusDir + "a.md5sums"} {
			in := testInput(path, data)
			if _, err := parseDpkgList(in); err != nil {
				t.Fatal(err)
			}
			for _, o := range in.own.reset() {
				if o.Package != "a" || len(o.Files) == 0 {
					t.Fatalf("got %+v", o)
				}
			}
		}
	})
}
