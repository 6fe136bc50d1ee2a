package inventory

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Owned are the files of one package of an operating system, as far as they could be language files or programs.
type Owned struct {
	Package, Version, Arch string // Version and Arch are empty where a list of files has none: dpkg's
	Files                  []uint64
}

// maxOwned is how many paths of packages a layer may bring; what is more counts as nobody's.
const maxOwned = 1 << 20

// owning collects what packages own while their database is read. One serves all files of a layer.
type owning struct {
	left    int
	list    []Owned
	files   []uint64
	path    []byte // the directory, with a slash at its end, and a file
	dir     int    // length of the directory in path
	barren  bool
	endings map[string]bool
}

func newOwning() *owning { return &owning{left: maxOwned, endings: map[string]bool{}} }

// in says in which directory the next files are.
func (o *owning) in(dir []byte) {
	dir = bytes.Trim(dir, "/")
	o.path = append(o.path[:0], dir...)
	if len(dir) > 0 {
		o.path = append(o.path, '/')
	}
	o.dir, o.barren = len(o.path), isBarren(o.path)
}

func (o *owning) file(base []byte) {
	if o.barren || o.left <= 0 || !o.ownable(base) {
		return
	}
	o.left--
	o.path = append(o.path[:o.dir], base...)
	o.files = append(o.files, xxhash.Sum64(o.path))
}

// at is in and file for lists of whole paths.
func (o *owning) at(path []byte) {
	i := bytes.LastIndexByte(path, '/') + 1
	if dir := bytes.Trim(path[:i], "/"); !bytes.Equal(dir, bytes.TrimSuffix(o.path[:o.dir], []byte("/"))) {
		o.in(dir)
	}
	o.file(path[i:])
}

// end gives what came since the last call to a package.
func (o *owning) end(name, version, arch string) {
	if len(o.files) > 0 && name != "" {
		slices.Sort(o.files)
		o.list = append(o.list, Owned{Package: name, Version: version, Arch: arch, Files: slices.Clone(slices.Compact(o.files))})
	}
	o.files = o.files[:0]
}

// reset gives what was collected, and begins a new file.
func (o *owning) reset() []Owned {
	list := o.list
	o.list, o.files = nil, o.files[:0]
	o.in(nil)
	return list
}

// isBarren knows directories without programs and installed packages of languages, where most files of a distribution are.
func isBarren(dir []byte) bool {
	for _, prefix := range [...]string{
		"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/i18n/", "usr/share/zoneinfo/", "usr/share/licenses/",
		"usr/share/terminfo/", "usr/share/icons/", "usr/share/bash-completion/", "usr/include/", "usr/lib/modules/", "lib/modules/", "etc/",
	} {
		if len(dir) >= len(prefix) && string(dir[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

// ownable says whether a file could be one that ReadLayer finds packages in, by its name alone. Programs have none of
// their own, so all that has no ending counts, and the endings of libraries and of versions.
func (o *owning) ownable(base []byte) bool {
	dot := bytes.LastIndexByte(base, '.')
	if dot <= 0 {
		return len(base) > 0
	}
	ending := base[dot:]
	known, ok := o.endings[string(ending)]
	if !ok {
		known = isProgramEnding(string(ending)) || isLanguageEnding(string(ending))
		if len(o.endings) < 1024 {
			o.endings[string(ending)] = known
		}
	}
	return known && (string(ending) != ".json" || isLanguageJSON(string(base)))
}

func isProgramEnding(ending string) bool {
	switch ending {
	case ".so", ".exe", ".bin", ".node", ".elf", ".out", ".run", ".real", ".distrib":
		return true
	}
	return strings.Trim(ending, ".0123456789") == ""
}

func isLanguageEnding(ending string) bool {
	switch ending {
	case ".json", ".egg-info", ".gemspec":
		return true
	}
	return wantsJava("x/x" + ending)
}

func isLanguageJSON(base string) bool {
	return base == "package.json" || base == "installed.json" || strings.HasSuffix(base, ".deps.json")
}

const (
	dpkgInfo     = "var/lib/dpkg/info/"
	listEnding   = ".list"
	sumsEnding   = ".md5sums"
	sumsWidth    = 32
	maxOwnedPath = 4096
)

// wantsDpkgList takes dpkg's lists of the files of each package, and in distroless images those of their checksums.
func wantsDpkgList(path string) bool {
	return strings.HasPrefix(path, dpkgInfo) && strings.HasSuffix(path, listEnding) || strings.HasPrefix(path, statusDir) && strings.HasSuffix(path, sumsEnding)
}

// parseDpkgList reads a path a line, after a checksum and two blanks in one of the two forms. The package is named by the
// file: "libc6:amd64.list".
func parseDpkgList(in *input) ([]Package, error) {
	sums := strings.HasSuffix(in.path, sumsEnding)
	for text := newLines(in); ; {
		line, cut, err := text.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if sums {
			line = bytes.TrimLeft(line[min(sumsWidth, len(line)):], " ")
		}
		if !cut && len(line) <= maxOwnedPath {
			in.own.at(line)
		}
	}
	name := strings.TrimSuffix(strings.TrimSuffix(baseName(in.path), sumsEnding), listEnding)
	name, arch, _ := strings.Cut(name, ":")
	in.own.end(name, "", arch)
	return nil, in.ctx.Err()
}

// owners answers who owns a file of the merged image.
type owners struct {
	u       *union
	aliases []alias
	// by has the paths of language files, as packages could list them.
	by map[uint64]ownership
}

// ownership is a package and the layer since which it has been there, -1 for no package.
type ownership struct {
	layer int
	name  string
}

// alias is a directory that is a symbolic link, in systems that have merged /usr or its directories.
type alias struct{ link, target string }

// owners goes through the lists of files of all packages in force. A file belongs to a package if it was there before the
// package, or came with it, in the version in which it is installed: what is written over a package's file in a later
// layer ("npm install -g npm" over the distribution's) is not what the package brought.
func (u *union) owners() *owners {
	o := &owners{u: u, by: map[uint64]ownership{}}
	for _, path := range [...]string{
		"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr/bin", "usr/sbin", "usr/lib32", "usr/lib64", "usr/libx32", "usr/local",
	} {
		if target, ok := u.resolve(path); ok && target != path {
			o.aliases = append(o.aliases, alias{path + "/", target + "/"})
		}
	}
	for path, f := range u.files {
		if isLanguage(f.value.file.Kind) && f.value.file.Problem == nil {
			o.spellings(path, func(h uint64) { o.by[h] = ownership{layer: -1} })
		}
	}
	if len(o.by) == 0 {
		return o
	}
	installed := u.installed()
	for path, f := range u.files {
		for _, owned := range f.value.file.Owned {
			u.named(path, &owned)
			o.note(&owned, installed)
		}
	}
	return o
}

// named gives a list of checksums in a distroless image the package of the file that it lies beside: that need not be
// called like the package ("base" is base-files).
func (u *union) named(path string, owned *Owned) {
	if name, ok := strings.CutSuffix(path, sumsEnding); ok {
		if beside, ok := u.files[name]; ok && len(beside.value.file.Packages) == 1 {
			owned.Package = beside.value.file.Packages[0].Name
		}
	}
}

// installedSince is the layer since which a package has been there in its version.
type installedSince struct {
	version, arch string
	layer         int
}

func (u *union) installed() map[string][]installedSince {
	all := make(map[string][]installedSince, len(u.since))
	for p, layer := range u.since {
		all[p.Name] = append(all[p.Name], installedSince{p.Version, p.Arch, layer})
	}
	return all
}

func (o *owners) note(owned *Owned, installed map[string][]installedSince) {
	layer := -1
	for _, p := range installed[owned.Package] {
		if (owned.Version == "" || owned.Version == p.version) && (owned.Arch == "" || owned.Arch == p.arch) {
			layer = max(layer, p.layer)
		}
	}
	if layer < 0 {
		return // a list that outlived its package
	}
	for _, h := range owned.Files {
		if now, wanted := o.by[h]; wanted && (layer > now.layer || layer == now.layer && owned.Package < now.name) {
			o.by[h] = ownership{layer, owned.Package}
		}
	}
}

// of names the package that owns the file at a path that has been there since a layer, "" when none does.
func (o *owners) of(path string, since int) (name string) {
	o.spellings(path, func(h uint64) {
		if by := o.by[h]; name == "" && by.layer >= since {
			name = by.name
		}
	})
	return name
}

// spellings calls visit with the ways in which a package can name a file: packages of a system with a merged /usr list
// lib/x for what is at usr/lib/x.
func (o *owners) spellings(path string, visit func(h uint64)) {
	visit(hashPath(path))
	for _, a := range o.aliases {
		if rest, ok := strings.CutPrefix(path, a.target); ok {
			visit(hashPath(a.link + rest))
		}
		if rest, ok := strings.CutPrefix(path, a.link); ok {
			visit(hashPath(a.target + rest))
		}
	}
}
