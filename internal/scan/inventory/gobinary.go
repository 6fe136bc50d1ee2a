package inventory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime/debug"
	"strings"
)

// What the Go linker leaves in programs: a header of 32 bytes at a multiple of 16, in a section of its own where the
// format has names for them. Since Go 1.18 the version of Go and the list of modules follow it, each after its length;
// before that it holds pointers to two Go strings.
const (
	goBuildInfoSection = ".go.buildinfo"
	goBuildInfoMagic   = "\xff Go buildinf:"
	goBuildInfoHeader  = 32
	goBuildInfoAlign   = 16

	maxGoVersion = 1 << 10
	maxGoModules = 4 << 20 // of text; the largest programs have about 100 KiB

	// parsingCost is how many bytes a layer is charged for one that is parsed: what parsing takes is time.
	parsingCost = 8
)

var errGoBuildInfo = errors.New("Go's build information cannot be read")

// goBuildInfo is what was found, as it was written.
type goBuildInfo struct {
	version string // "go1.22.3"
	modules string // in the format of "go version -m"; empty when built without modules
}

// readGoSection reads the build information of an ELF file that has the section.
func readGoSection(f *elfFile, s elfSection) (goBuildInfo, error) {
	section, err := f.open(s, maxGoModules+maxGoVersion+1<<10)
	if err != nil {
		return goBuildInfo{}, err
	}
	at, err := findGoHeader(section, func(int64, []byte) bool { return true })
	if err != nil {
		return goBuildInfo{}, err
	}
	if at < 0 {
		return goBuildInfo{}, errGoBuildInfo
	}
	var header [goBuildInfoHeader]byte
	if _, err := section.ReadAt(header[:], at); err != nil && err != io.EOF {
		return goBuildInfo{}, err
	}
	if header[15]&2 != 0 {
		return readGoInline(section, at)
	}
	return readGoPointers(f, header[:])
}

// searchGo looks for build information in a file without section headers, or in a format other than ELF. It knows the
// form written since Go 1.18 only, and is not deceived by programs that contain the magic for purposes of their own.
func searchGo(r io.ReaderAt, size int64) (goBuildInfo, bool, error) {
	var info goBuildInfo
	tries := 0
	at, err := findGoHeader(io.NewSectionReader(r, 0, size), func(at int64, header []byte) bool {
		if tries++; tries > 64 || header[15]&2 == 0 {
			return false
		}
		found, err := readGoInline(io.NewSectionReader(r, 0, size), at)
		if err != nil || !strings.HasPrefix(found.version, "go") && !strings.HasPrefix(found.version, "devel") {
			return false
		}
		info = found
		return true
	})
	return info, at >= 0, err
}

// findGoHeader gives the place of the first header that is accepted, or a negative one.
func findGoHeader(r *io.SectionReader, accept func(at int64, header []byte) bool) (int64, error) {
	const chunk = 64 << 10 // a multiple of the alignment, so that no header crosses into the next
	buf := make([]byte, min(chunk, r.Size()))
	for from := int64(0); from < r.Size(); from += chunk {
		n, err := r.ReadAt(buf, from)
		if err != nil && err != io.EOF {
			return -1, err
		}
		for b := buf[:n]; ; {
			i := bytes.Index(b, []byte(goBuildInfoMagic))
			if i < 0 || len(b)-i < goBuildInfoAlign {
				break
			}
			at := from + int64(n-len(b)+i)
			if at%goBuildInfoAlign == 0 && accept(at, b[i:i+goBuildInfoAlign]) {
				return at, nil
			}
			b = b[i+1:]
		}
	}
	return -1, nil
}

func readGoInline(r *io.SectionReader, at int64) (goBuildInfo, error) {
	version, next, err := readGoString(r, at+goBuildInfoHeader, maxGoVersion)
	if err != nil {
		return goBuildInfo{}, err
	}
	modules, _, err := readGoString(r, next, maxGoModules)
	if err != nil {
		return goBuildInfo{}, err
	}
	return goBuildInfo{version: string(version), modules: unframe(modules)}, nil
}

// readGoString reads a length and as many bytes.
func readGoString(r *io.SectionReader, at int64, most uint64) (text []byte, next int64, err error) {
	var head [binary.MaxVarintLen64]byte
	n, err := r.ReadAt(head[:], at)
	if err != nil && err != io.EOF {
		return nil, 0, err
	}
	length, used := binary.Uvarint(head[:n])
	if used <= 0 || length > most || at+int64(used)+int64(length) > r.Size() {
		return nil, 0, errGoBuildInfo
	}
	text = make([]byte, length)
	if _, err := r.ReadAt(text, at+int64(used)); err != nil && err != io.EOF {
		return nil, 0, err
	}
	return text, at + int64(used) + int64(length), nil
}

// readGoPointers reads the form written before Go 1.18.
func readGoPointers(f *elfFile, header []byte) (goBuildInfo, error) {
	size := uint64(header[14])
	if size != 4 && size != 8 {
		return goBuildInfo{}, errGoBuildInfo
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if header[15]&1 != 0 {
		order = binary.BigEndian
	}
	pointer := func(b []byte) uint64 {
		if size == 4 {
			return uint64(order.Uint32(b))
		}
		return order.Uint64(b)
	}
	text := func(at, most uint64) ([]byte, error) {
		pair, err := f.readAddress(at, 2*size)
		if err != nil {
			return nil, err
		}
		start, length := pointer(pair), pointer(pair[size:])
		if length > most {
			return nil, errGoBuildInfo
		}
		if length == 0 {
			return nil, nil
		}
		return f.readAddress(start, length)
	}
	version, err := text(pointer(header[16:]), maxGoVersion)
	if err != nil {
		return goBuildInfo{}, err
	}
	modules, err := text(pointer(header[16+size:]), maxGoModules)
	if err != nil {
		modules = nil // built without modules
	}
	return goBuildInfo{version: string(version), modules: unframe(modules)}, nil
}

// unframe takes away the marks of 16 bytes before and after the list of modules.
func unframe(modules []byte) string {
	if len(modules) < 33 || modules[len(modules)-17] != '\n' {
		return ""
	}
	return string(modules[16 : len(modules)-16])
}

// goPackages lists what a Go program was built from: the standard library, the main module, the others, and the go
// command itself where the program is it.
//
// Left out is what has no version that advisories could speak of: a main module built from a working copy without tags,
// modules that were replaced by a directory, and the standard library of a Go that was not released.
func goPackages(in *input, info goBuildInfo) ([]Package, error) {
	if err := in.charge(parsingCost * int64(len(info.modules))); err != nil {
		return nil, err
	}
	var packages []Package
	var failed error
	add := func(name, version string) {
		if failed != nil || name == "" || version == "" || version == "(devel)" {
			return
		}
		p := Package{Kind: KindGolang, Name: name, Version: version, SourceName: name, SourceVersion: version}
		if failed = in.take(&p); failed == nil {
			packages = append(packages, p)
		}
	}
	version := goVersion(info.version)
	add("stdlib", version)
	built, err := debug.ParseBuildInfo(info.modules)
	if err != nil {
		return packages, errGoBuildInfo
	}
	if built.Path == "cmd/go" {
		add("toolchain", version)
	}
	add(built.Main.Path, mainVersion(built))
	for _, m := range built.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version)
	}
	return packages, failed
}

// mainVersion is the version of the main module. Programs built from a working copy have none, but many have one set by
// the linker, which is written down among the settings of the build.
func mainVersion(built *debug.BuildInfo) string {
	if v := built.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range built.Settings {
		if s.Key == "-ldflags" {
			return linkedVersion(s.Value, built.Main.Path)
		}
	}
	return ""
}

// linkedVersion finds the one version that the flags set ("-X main.version=1.2.3"): a variable called version, of
// package main or of the main module. Different ones cancel each other.
func linkedVersion(flags, module string) string {
	version := ""
	for _, word := range strings.Fields(strings.NewReplacer(`'`, " ", `"`, " ", "-X=", " ").Replace(flags)) {
		name, value, ok := strings.Cut(word, "=")
		dot := strings.LastIndexByte(name, '.')
		if !ok || dot < 0 || !strings.EqualFold(name[dot+1:], "version") {
			continue
		}
		if pkg := name[:dot]; pkg != "main" && pkg != module && !strings.HasPrefix(pkg, module+"/") {
			continue
		}
		value = "v" + describedTag(strings.TrimPrefix(value, "v"))
		if !isRelease(value[1:]) || version != "" && version != value {
			return ""
		}
		version = value
	}
	return version
}

// describedTag takes away what "git describe" adds to the tag that it finds below a working copy: "1.2.3-4-gabcdef-dirty"
// is something after 1.2.3, while as a semantic version it would be something before.
func describedTag(v string) string {
	v = strings.TrimSuffix(v, "-dirty")
	g := strings.LastIndex(v, "-g")
	if g < 0 || strings.Trim(v[g+2:], "0123456789abcdef") != "" {
		return v
	}
	if n := strings.LastIndexByte(v[:g], '-'); n >= 0 && isNumber(v[n+1:g]) {
		return v[:n]
	}
	return v
}

// isRelease knows versions of the form 1.2.3, with more after it or not.
func isRelease(v string) bool {
	core, _, _ := strings.Cut(v, "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	for _, p := range parts {
		if !isNumber(p) {
			return false
		}
	}
	return len(parts) == 3
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) < 20
}

// goVersion writes the name of a Go release as a semantic version, as Go's own vulnerability database does: "go1.20" is
// 1.20.0, "go1.23rc1" is 1.23.0-rc.1, and a build on the way to 1.24 is 1.24.0-devel, before all its candidates. What
// vendors append ("go1.21.1-bigcorp", "go1.22.3 X:boringcrypto") is not part of it. Anything else gives "".
func goVersion(name string) string {
	name = strings.TrimSpace(name)
	devel := strings.HasPrefix(name, "devel ") || strings.Contains(name, "-devel")
	name, ok := strings.CutPrefix(strings.TrimPrefix(name, "devel "), "go")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(name, " -+"); end >= 0 {
		name = name[:end]
	}
	pre := ""
	if i := strings.IndexFunc(name, func(r rune) bool { return r >= 'a' && r <= 'z' }); i >= 0 {
		name, pre = name[:i], name[i:]
	}
	parts := strings.Split(name, ".")
	if len(parts) == 1 {
		parts = append(parts, "0")
	}
	if len(parts) == 2 {
		parts = append(parts, "0")
	}
	for _, p := range parts {
		if !isNumber(p) {
			return ""
		}
	}
	version := strings.Join(parts[:3], ".")
	for _, word := range []string{"rc", "beta"} {
		if n, ok := strings.CutPrefix(pre, word); ok && isNumber(n) {
			return version + "-" + word + "." + n
		}
	}
	if devel {
		version += "-devel"
	}
	return version
}
