package inventory

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
)

// extractor finds packages in files of one kind. To add one, write its file and put it into the table below.
type extractor struct {
	kind string
	// wants is asked for every entry of every layer, so it has to be cheap. The path is clean.
	wants func(path string) bool
	// parse reads one file. It needs not set Kind and Path. What it panics with is taken for a broken file.
	parse func(in *input) ([]Package, error)
}

// extractors is the table. A file belongs to the first that wants it.
//
// They are our own and not those of osv-scalibr, because those do not stand hostile layers or drop what matching needs:
// its rpm extractor needs a real file (a temporary one for us), gives no modularity labels, and runs the database
// readers of go-rpmdb in goroutines, where an index out of range ends the whole process and a blob length of 4 GiB is
// allocated unseen; its dpkg extractor calls packages not installed that are unpacked but not configured, and gives a
// broken status.d file no packages instead of an error. They are the oracle of our tests.
func extractors() []extractor {
	return []extractor{
		{kind: KindAPK, wants: wantsAPK, parse: parseAPK},
		{kind: KindDeb, wants: wantsDpkg, parse: parseDpkg},
		{kind: KindRPM, wants: wantsRPM, parse: parseRPM},
		{kind: KindRPM, wants: wantsRPMManifest, parse: parseRPMManifest},
	}
}

// onTheWay says whether a symbolic link or a directory at this path can decide where package databases and os-release
// files are found: their directories, and everything in the root directory.
func onTheWay(path string) bool {
	if strings.IndexByte(path, '/') < 0 {
		return true
	}
	switch path {
	case "usr/lib", "var/lib", "usr/share",
		"lib/apk", "lib/apk/db", "usr/lib/apk", "usr/lib/apk/db", "var/lib/apk", "var/lib/apk/db",
		"var/lib/dpkg", "var/lib/dpkg/status.d",
		"var/lib/rpm", "var/lib/rpmmanifest", "usr/lib/sysimage", "usr/lib/sysimage/rpm", "usr/share/rpm",
		"usr/lib/os.release.d":
		return true
	}
	return false
}

// input is one file handed to an extractor.
type input struct {
	ctx  context.Context
	path string
	r    io.Reader
	size int64 // as the archive claims: a hint
	lim  Limits
	left *budget
	same interner
	text *bufio.Reader // for parsers that read lines; one for all files of a layer
}

// budget is what all package databases of a layer may still bring.
type budget struct {
	bytes    int64 // of the files; unlike the layer's, they count the holes of sparse files
	packages int
	text     int
}

func newBudget(lim Limits) *budget {
	return &budget{bytes: 8 * lim.FileBytes, packages: lim.Packages, text: 512 * lim.Packages}
}

// maxField bounds names, versions and the like.
const maxField = 4096

// take charges a package to the limits of the layer. Every parser calls it before it keeps one.
func (in *input) take(p *Package) error {
	for _, s := range [...]string{p.Name, p.Version, p.Release, p.Arch, p.SourceName, p.SourceVersion, p.Module, p.Maintainer} {
		if len(s) > maxField {
			return fmt.Errorf("a field of package %.100q is longer than %d bytes", p.Name, maxField)
		}
		in.left.text -= len(s)
	}
	in.left.packages--
	if in.left.packages < 0 || in.left.text < 0 {
		return fail(ReasonLimit, "more than %d packages or %d bytes of their names", in.lim.Packages, 512*in.lim.Packages)
	}
	return in.ctx.Err()
}

// interner makes equal strings one: architectures and vendors repeat in every package.
type interner map[string]string

func (in interner) string(b []byte) string {
	if s, ok := in[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(in) < 4096 {
		in[s] = s
	}
	return s
}

// extract runs one extractor over one file. What goes wrong is kept with the file: only an image in which the file is in
// force has to fail.
func (x *extractor) extract(in *input) File {
	f := File{Path: in.path, Kind: x.kind}
	if in.size > in.lim.FileBytes {
		f.Problem = fileTooLarge(in)
		return f
	}
	allowed := min(in.lim.FileBytes, in.left.bytes) + 1
	limited := &io.LimitedReader{R: in.r, N: allowed}
	in.r = limited
	packages, err := x.safely(in)
	in.left.bytes -= min(allowed-limited.N, in.left.bytes)
	switch {
	case limited.N == 0:
		f.Problem = fileTooLarge(in)
	case err != nil:
		f.Problem = databaseError(in.path, err)
	default:
		f.Packages = finish(packages, x.kind, in.path)
	}
	return f
}

// safely turns a panic into an error: a broken file must never end the process.
func (x *extractor) safely(in *input) (packages []Package, err error) {
	defer func() {
		if p := recover(); p != nil {
			packages, err = nil, fmt.Errorf("reading it failed unexpectedly: %v\n%s", p, firstLines(debug.Stack(), 12))
		}
	}()
	return x.parse(in)
}

func firstLines(b []byte, n int) []byte {
	lines := bytes.SplitAfterN(b, []byte("\n"), n+1)
	return bytes.Join(lines[:min(n, len(lines))], nil)
}

func fileTooLarge(in *input) *Error {
	return &Error{Reason: ReasonLimit, Path: in.path, Err: fmt.Errorf("package database too large: more than %d bytes, or %d with the layer's others", in.lim.FileBytes, 8*in.lim.FileBytes)}
}

func databaseError(path string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return &Error{Reason: own.Reason, Path: path, Err: own.Err}
	}
	return &Error{Reason: ReasonDatabase, Path: path, Err: fmt.Errorf("package database cannot be read: %w", err)}
}

func finish(packages []Package, kind, path string) []Package {
	for i := range packages {
		packages[i].Kind, packages[i].Path = kind, path
	}
	slices.SortFunc(packages, comparePackages)
	return packages
}
