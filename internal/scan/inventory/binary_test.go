package inventory

import (
	"bytes"
	"compress/zlib"
	"debug/buildinfo"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// goBuild builds a program with a module of its own that requires another, from files alone, and gives its bytes.
func goBuild(t testing.TB, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                          "module example.com/app\n\ngo 1.21\n\nrequire (\n\texample.com/dep v1.2.3\n\texample.com/old v0.9.0\n\texample.com/fork v1.0.0\n)\n\nreplace example.com/fork => ./fork\n",
		"main.go":                         "package main\n\nimport (\n\t\"example.com/dep\"\n\t\"example.com/fork\"\n\t\"example.com/old\"\n)\n\nvar version = \"dev\"\n\nfunc main() { println(dep.X, old.X, fork.X, version) }\n",
		"fork/go.mod":                     "module example.com/fork\n",
		"fork/fork.go":                    "package fork\n\nconst X = 3\n",
		"vendor/modules.txt":              "# example.com/dep v1.2.3\n## explicit\nexample.com/dep\n# example.com/fork v1.0.0 => ./fork\n## explicit\nexample.com/fork\n# example.com/old v0.9.0\n## explicit\nexample.com/old\n# example.com/fork => ./fork\n",
		"vendor/example.com/dep/dep.go":   "package dep\n\nconst X = 1\n",
		"vendor/example.com/old/old.go":   "package old\n\nconst X = 2\n",
		"vendor/example.com/fork/fork.go": "package fork\n\nconst X = 3\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-mod=vendor", "-o", "app"}, flags...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	body, err := os.ReadFile(filepath.Join(dir, "app"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func inBinary(t testing.TB, path string, body []byte) []string {
	t.Helper()
	if !isExecutable(path, body[:min(executableHead, len(body))]) {
		return nil
	}
	packages, err := parseBinary(languageInput(path, string(body)))
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return listed(packages)
}

// TestGoPrograms builds programs as people do.
func TestGoPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	stdlib := "stdlib@" + goVersion(runtime.Version())
	want := []string{stdlib, "example.com/dep@v1.2.3", "example.com/old@v0.9.0"}
	for _, test := range []struct {
		name  string
		flags []string
		main  string
	}{
		{name: "plain"},
		{name: "stripped", flags: []string{"-trimpath", "-ldflags=-s -w"}},
		{name: "version set by the linker", flags: []string{"-ldflags=-X main.version=1.4.0 -X main.commit=abc"}, main: "example.com/app@v1.4.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := goBuild(t, test.flags...)
			all := want
			if test.main != "" {
				all = append(slices.Clone(want), test.main)
			}
			expectPackages(t, test.name, inBinary(t, "app", body), all...)
			expectPackages(t, "without section headers", inBinary(t, "app", withoutSections(body)), all...)
			// What a packer leaves has no trace of it, and no section headers.
			packed := bytes.ReplaceAll(withoutSections(body), []byte("Go buildinf"), []byte("UPX! packed"))
			expectPackages(t, "packed", inBinary(t, "app", packed))
		})
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(tool)
	if err != nil {
		t.Fatal(err)
	}
	expectPackages(t, "the go command", inBinary(t, "usr/local/go/bin/go", body), stdlib, "toolchain@"+goVersion(runtime.Version()))
}

// withoutSections does what sstrip does, to an ELF file of 64 bits.
func withoutSections(body []byte) []byte {
	body = slices.Clone(body)
	clear(body[0x28:0x30])
	clear(body[0x3c:0x40])
	return body
}

// TestGoProgramsOfOtherSystems holds programs of all formats against what Go itself reads in them.
func TestGoProgramsOfOtherSystems(t *testing.T) {
	checked := 0
	for _, path := range scalibrFiles(t, "extractor/filesystem/language/golang/gobinary/testdata") {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := buildinfo.Read(bytes.NewReader(body))
		if err != nil {
			continue
		}
		want := []string{"stdlib@" + goVersion(info.GoVersion)}
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = d.Replace
			}
			want = append(want, d.Path+"@"+d.Version)
		}
		name := filepath.Base(path)
		if strings.Contains(name, "windows") {
			name += ".exe"
		}
		got := slices.DeleteFunc(inBinary(t, name, body), func(s string) bool { return strings.HasPrefix(s, info.Main.Path+"@") })
		slices.Sort(want)
		expectPackages(t, name, got, slices.Compact(want)...)
		checked++
	}
	t.Logf("%d programs", checked)
}

// scalibrFiles lists files that come with a module that our tests need anyway.
func scalibrFiles(t testing.TB, dir string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/osv-scalibr").Output()
	if err != nil {
		t.Skipf("osv-scalibr's test data is not here: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), dir, "*"))
	if err != nil || len(files) == 0 {
		t.Skip("osv-scalibr's test data is not here")
	}
	return files
}

func TestGoVersions(t *testing.T) {
	for name, want := range map[string]string{
		"go1.22.3": "1.22.3", "go1.20": "1.20.0", "go1": "1.0.0", "go1.22.3 X:boringcrypto": "1.22.3", "go1.20.12 (Red Hat 1.20.12-2.el9)": "1.20.12", "go1.21.1-bigcorp": "1.21.1",
		"go1.23rc1": "1.23.0-rc.1", "go1.18beta2": "1.18.0-beta.2", "go1.26.0-rc.1": "1.26.0", "go1.20+fips": "1.20.0",
		"devel go1.23-abcdef12 Tue May 7 2024": "1.23.0-devel", "go1.26-devel_0f2c1d Mon": "1.26.0-devel", "devel +0f2c1d Mon": "", "": "", "go": "", "gox.y": "", "go1.x": "",
	} {
		if got := goVersion(name); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}

func TestVersionsSetByTheLinker(t *testing.T) {
	for flags, want := range map[string]string{
		"-s -w -X main.version=1.2.3":                                "v1.2.3",
		"-X 'main.Version=v1.2.3' -X main.date=2024":                 "v1.2.3",
		"-X=example.com/app/internal/build.version=1.2.3-rc.1":       "v1.2.3-rc.1",
		`-X "example.com/app.Version=1.2.3-4-gabcdef0-dirty"`:        "v1.2.3",
		"-X example.com/other.Version=1.2.3":                         "",
		"-X example.com/application.Version=1.2.3":                   "",
		"-X main.version=1.2.3 -X example.com/app/x.version=v1.2.3":  "v1.2.3",
		"-X main.version=1.2.3 -X example.com/app/api.version=2.0.0": "",
		"-X main.version=main":                                       "",
		"-X main.version=1.2":                                        "",
		"":                                                           "",
	} {
		if got := linkedVersion(flags, "example.com/app"); got != want {
			t.Errorf("%q: %q, not %q", flags, got, want)
		}
	}
}

// goSection is what the linker writes since Go 1.18.
func goSection(version, modules string) []byte {
	out := append([]byte(goBuildInfoMagic), 8, 2)
	out = append(out, make([]byte, 16)...)
	if modules != "" {
		modules = strings.Repeat("<", 16) + modules + strings.Repeat(">", 16)
	}
	for _, s := range []string{version, modules} {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	return out
}

func TestGoBuildInformation(t *testing.T) {
	modules := "path\texample.com/app\nmod\texample.com/app\tv0.0.0-20240102030405-abcdefabcdef+dirty\n" +
		"dep\texample.com/a\tv1.0.0+incompatible\th1:x=\ndep\texample.com/b\tv1.0.0\n=>\texample.com/c\tv1.1.0\th1:y=\ndep\texample.com/d\tv1.0.0\n=>\t./d\t(devel)\t\ndep\texample.com/e\t(devel)\n"
	for name, test := range map[string]struct {
		section []byte
		want    []string
	}{
		"modules":          {goSection("go1.22.3", modules), []string{"stdlib@1.22.3", "example.com/app@v0.0.0-20240102030405-abcdefabcdef+dirty", "example.com/a@v1.0.0+incompatible", "example.com/c@v1.1.0"}},
		"no modules":       {goSection("go1.22.3", ""), []string{"stdlib@1.22.3"}},
		"devel, no name":   {goSection("devel +abc", modules), []string{"example.com/app@v0.0.0-20240102030405-abcdefabcdef+dirty", "example.com/a@v1.0.0+incompatible", "example.com/c@v1.1.0"}},
		"not at the start": {append(make([]byte, 32), goSection("go1.22.3", "")...), []string{"stdlib@1.22.3"}},
	} {
		for _, wide := range []bool{true, false} {
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				body := elfOf(wide, order, section{name: ".text", body: []byte("code")}, section{name: goBuildInfoSection, body: test.section})
				expectPackages(t, fmt.Sprint(name, " ", wide, order), inBinary(t, "app", body), test.want...)
			}
		}
	}
	for name, broken := range map[string][]byte{
		"cut":               goSection("go1.22.3", modules)[:60],
		"no magic":          make([]byte, 64),
		"length too large":  append(goSection("go1.22.3", "")[:41], 0xff, 0xff, 0xff, 0xff, 0x7f),
		"unreadable module": goSection("go1.22.3", "dep\tx\n"),
	} {
		f := extractProgram("app", elfOf(true, binary.LittleEndian, section{name: goBuildInfoSection, body: broken}))
		if f.Problem == nil || f.Problem.Reason != ReasonFile {
			t.Errorf("%s: problem %v, %v", name, f.Problem, listed(f.Packages))
		}
	}
}

// TestGoBefore118: the header points to strings in other sections.
func TestGoBefore118(t *testing.T) {
	for _, wide := range []bool{true, false} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			size := 4
			if wide {
				size = 8
			}
			number := func(out []byte, n uint64) []byte {
				var b [8]byte
				if wide {
					order.PutUint64(b[:], n)
				} else {
					order.PutUint32(b[:], uint32(n))
				}
				return append(out, b[:size]...)
			}
			modules := strings.Repeat("<", 16) + "path\tx\nmod\texample.com/app\tv1.0.0\n" + strings.Repeat(">", 16)
			data := append([]byte("go1.16.5"), modules...)
			strings := number(number(number(number(nil, 0x9000), 8), 0x9008), uint64(len(modules)))
			header := append([]byte(goBuildInfoMagic), byte(size), 0)
			if order == binary.BigEndian {
				header[15] = 1
			}
			header = number(number(header, 0x8000), 0x8000+uint64(2*size))
			header = append(header, make([]byte, goBuildInfoHeader-len(header))...)
			sections := []section{{name: goBuildInfoSection, body: header, addr: 0x7000}, {name: ".data", body: strings, addr: 0x8000}, {name: ".rodata", body: data, addr: 0x9000}}
			expectPackages(t, fmt.Sprint(wide, order), inBinary(t, "app", elfOf(wide, order, sections...)), "stdlib@1.16.5", "example.com/app@v1.0.0")
		}
	}
}

func extractProgram(path string, body []byte) File {
	x := executables()
	return x.extract(languageInput(path, string(body)))
}

// section is one of an ELF file under test.
type section struct {
	name string
	body []byte
	addr uint64
	kind uint32
}

// elfOf writes an ELF file of sections alone, as an object dumper would see it.
func elfOf(wide bool, order binary.ByteOrder, sections ...section) []byte {
	names := []byte{0}
	head, entry := 52, 40
	if wide {
		head, entry = 64, 64
	}
	out := make([]byte, head)
	copy(out, "\x7fELF")
	out[4], out[5], out[6] = 1, 1, 1
	if wide {
		out[4] = 2
	}
	if order == binary.BigEndian {
		out[5] = 2
	}
	order.PutUint16(out[16:], 2)
	table := make([]byte, entry) // the first is none
	add := func(s section) {
		for len(out)%16 != 0 {
			out = append(out, 0)
		}
		h := make([]byte, entry)
		order.PutUint32(h, uint32(len(names)))
		order.PutUint32(h[4:], s.kind)
		if wide {
			order.PutUint64(h[16:], s.addr)
			order.PutUint64(h[24:], uint64(len(out)))
			order.PutUint64(h[32:], uint64(len(s.body)))
		} else {
			order.PutUint32(h[12:], uint32(s.addr))
			order.PutUint32(h[16:], uint32(len(out)))
			order.PutUint32(h[20:], uint32(len(s.body)))
		}
		names = append(append(names, s.name...), 0)
		out, table = append(out, s.body...), append(table, h...)
	}
	for _, s := range sections {
		if s.kind == 0 {
			s.kind = 1
		}
		add(s)
	}
	add(section{name: ".shstrtab", body: append(slices.Clone(names), ".shstrtab\x00"...), kind: 3})
	count := len(table) / entry
	if wide {
		order.PutUint64(out[0x28:], uint64(len(out)))
		order.PutUint16(out[0x3a:], uint16(entry))
		order.PutUint16(out[0x3c:], uint16(count))
		order.PutUint16(out[0x3e:], uint16(count-1))
	} else {
		order.PutUint32(out[0x20:], uint32(len(out)))
		order.PutUint16(out[0x2e:], uint16(entry))
		order.PutUint16(out[0x30:], uint16(count))
		order.PutUint16(out[0x32:], uint16(count-1))
	}
	return append(out, table...)
}

func deflated(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rustList is a list as cargo-auditable writes it.
const rustList = `{"packages":[{"name":"app","version":"0.1.0","source":"local","dependencies":[1,2,3],"root":true},` +
	`{"name":"time","version":"0.1.43","source":"crates.io"},{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},` +
	`{"name":"regex","version":"1.5.4","source":"crates.io","kind":"runtime","dependencies":[1]},{"name":"tokio","version":"1.0.0","source":"git"},` +
	`{"name":"member","version":"0.1.0","source":"local"},{"name":"mirror","version":"1.0.0","source":"registry"}],"format":1}`

func TestRustPrograms(t *testing.T) {
	body := elfOf(true, binary.LittleEndian, section{name: ".text", body: []byte("code")}, section{name: rustAuditSection, body: deflated(t, rustList)})
	expectPackages(t, "auditable", inBinary(t, "app", body), "app@0.1.0", "time@0.1.43", "regex@1.5.4")
	if f := extractProgram("app", body); len(f.Packages) != 3 || f.Packages[0].Kind != KindCargo || f.Packages[0].Path != "app" {
		t.Errorf("got %+v", f.Packages)
	}
	plain := elfOf(true, binary.LittleEndian, section{name: ".text", body: []byte("code")}, section{name: ".comment", body: []byte("rustc version 1.70.0")})
	expectPackages(t, "not auditable", inBinary(t, "app", plain))
	debug := elfOf(true, binary.LittleEndian, section{name: rustAuditSection, body: []byte("none of it is in the file"), kind: elfNoBits})
	expectPackages(t, "debug symbols", inBinary(t, "app", debug))
	for name, broken := range map[string][]byte{
		"no zlib": []byte("plain text"), "cut": deflated(t, rustList)[:40], "no JSON": deflated(t, "x"), "list": deflated(t, "[]"), "a number of packages": deflated(t, `{"packages":7}`),
		"a bomb": deflated(t, `{"format":"`+strings.Repeat("0", 64<<20)+`"}`),
	} {
		f := extractProgram("app", elfOf(true, binary.LittleEndian, section{name: rustAuditSection, body: broken}))
		if f.Problem == nil {
			t.Errorf("%s: no problem", name)
		}
		if name == "a bomb" && f.Problem.Reason != ReasonLimit {
			t.Errorf("%s: %v", name, f.Problem)
		}
	}
}

// TestRealRustPrograms reads programs that cargo-auditable built.
func TestRealRustPrograms(t *testing.T) {
	for _, dir := range scalibrFiles(t, "extractor/filesystem/language/rust/cargoauditable/testdata") {
		name := filepath.Base(dir)
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		want := map[string][]string{
			"no_deps":         {"no_deps@0.1.0"},
			"uses_serde_json": {"itoa@1.0.14", "memchr@2.7.4", "proc-macro2@1.0.92", "quote@1.0.38", "ryu@1.0.18", "serde@1.0.217", "serde_derive@1.0.217", "serde_json@1.0.135", "syn@2.0.95", "unicode-ident@1.0.14", "uses_json@0.1.0"},
		}[name]
		expectPackages(t, name, inBinary(t, name, body), want...)
	}
}

// TestOtherPrograms: most programs are neither Go nor Rust, and say so at once.
func TestOtherPrograms(t *testing.T) {
	elf := elfOf(true, binary.LittleEndian, section{name: ".text", body: []byte("code")})
	object := slices.Clone(elf)
	object[16] = 1
	for name, body := range map[string][]byte{
		"program": elf, "object": object, "cut": elf[:70], "head": elf[:64], "script": []byte("#!/bin/sh" + strings.Repeat(" ", 100)), "many sections": manySections(elf),
		"the magic as data": append(slices.Clone(withoutSections(elf)), bytes.Repeat(append([]byte(goBuildInfoMagic), 8, 2), 1000)...),
	} {
		if f := extractProgram("bin/x", body); len(f.Packages) != 0 || f.Problem != nil {
			t.Errorf("%s: %v, %v", name, listed(f.Packages), f.Problem)
		}
	}
	if isExecutable("x", object) || !isExecutable("x", elf) || isExecutable("x.dll", append([]byte("MZ"), make([]byte, 62)...)) || isExecutable("x", elf[:63]) {
		t.Error("the wrong files are taken for programs")
	}
}

func manySections(elf []byte) []byte {
	elf = slices.Clone(elf)
	binary.LittleEndian.PutUint16(elf[0x3c:], 0xfff0)
	return elf
}
