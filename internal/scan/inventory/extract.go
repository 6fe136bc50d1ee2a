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
	// parse reads one file, or as much of it as it needs. It needs not set Kind, nor Path but for what is in an archive:
	// there Path is the way within the file ("WEB-INF/lib/x.jar"). What it panics with is taken for a broken file.
	parse func(in *input) ([]Package, error)
	// installed says whether a package that was found at a path is installed there; nil says that all are. One that
	// is not can still be, under another path that is a hard link.
	installed func(path string, p *Package) bool
}

// extractors is the table. A file belongs to the first that wants it.
//
// They are our own and not those of osv-scalibr, because those do not stand hostile layers or drop what matching needs:
// its rpm extractor needs a real file (a temporary one for us), gives no modularity labels, and runs the database
// readers of go-rpmdb in goroutines, where an index out of range ends the whole process and a blob length of 4 GiB is
// allocated unseen; its dpkg extractor calls packages not installed that are unpacked but not configured, and gives a
// broken status.d file no packages instead of an error. They are the oracle of our tests.
func extractors() []extractor {
	return append([]extractor{
		{kind: KindAPK, wants: wantsAPK, parse: parseAPK},
		{kind: KindDeb, wants: wantsDpkg, parse: parseDpkg},
		{kind: KindRPM, wants: wantsRPM, parse: parseRPM},
		{kind: KindRPM, wants: wantsRPMManifest, parse: parseRPMManifest},
		{kind: KindList, wants: wantsDpkgList, parse: parseDpkgList},
	}, languageExtractors()...)
}

// executables is the extractor of files that are known by their first bytes, not by their names.
func executables() extractor {
	return extractor{kind: KindBinary, parse: parseBinary}
}

// onTheWay says whether a symbolic link or a directory at this path can decide where package databases and os-release
// files are found: their directories, and everything in the root directory.
func onTheWay(path string) bool {
	if strings.IndexByte(path, '/') < 0 {
		return true
	}
	switch path {
	case "usr/lib", "var/lib", "usr/share",
		"usr/bin", "usr/sbin", "usr/lib32", "usr/lib64", "usr/libx32", "usr/local",
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
	own  *owning
	text *bufio.Reader // for parsers that read lines; one for all files of a layer

	spool *spool
	held  io.ReaderAt
	bytes int64 // in held
}

// readerAt gives random access to the whole file, and its true size: from memory, or from disk where it is large. It is
// valid until the parser returns, and needs no closing. It must come before anything is read from in.r.
func (in *input) readerAt() (io.ReaderAt, int64, error) {
	if in.held == nil {
		var err error
		if in.held, in.bytes, err = in.spool.hold(in.r, in.size); err != nil {
			return nil, 0, err
		}
	}
	return in.held, in.bytes, nil
}

// budget is what all files of a layer that are parsed may still bring. Package databases have one and language files
// have another, so that these cannot eat up what those need.
type budget struct {
	bytes    int64 // of the files; unlike the layer's, they count the holes of sparse files
	inflated int64 // of archives within files
	packages int
	text     int
}

func newBudget(lim Limits) *budget {
	return &budget{bytes: 8 * lim.FileBytes, packages: lim.Packages, text: 512 * lim.Packages}
}

func newLanguageBudget(lim Limits) *budget {
	return &budget{bytes: 8 * lim.ArchiveBytes, inflated: 4 * lim.ArchiveBytes, packages: lim.Packages, text: 256 * lim.Packages}
}

// charge takes bytes that a parser unpacks from the file, archives within archives, from what the layer may still bring.
func (in *input) charge(unpacked int64) error {
	if in.left.inflated -= unpacked; in.left.inflated < 0 {
		return fail(ReasonLimit, "the archives in the layer unpack to more than %d bytes", 4*in.lim.ArchiveBytes)
	}
	return in.ctx.Err()
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
// force has to fail, if it is a package database.
func (x *extractor) extract(in *input) File {
	f := File{Path: in.path, Kind: x.kind}
	most := in.lim.FileBytes
	if isLanguage(x.kind) {
		most = in.lim.ArchiveBytes
	}
	if in.size > most {
		f.Problem = fileTooLarge(in.path, most)
		return f
	}
	allowed := min(most, in.left.bytes) + 1
	limited := &io.LimitedReader{R: in.r, N: allowed}
	in.r = limited
	packages, err := x.safely(in)
	in.spool.release()
	owned := in.own.reset()
	in.left.bytes -= min(allowed-limited.N, in.left.bytes)
	switch {
	case limited.N == 0:
		f.Problem = fileTooLarge(in.path, most)
	case err != nil:
		f.Problem = x.fileError(in.path, err)
		if isLanguage(x.kind) { // what of an archive could be read is not lost with the rest
			f.Packages = finish(packages, x.kind, in.path)
		}
	default:
		f.Packages, f.Owned = finish(packages, x.kind, in.path), owned
	}
	return f
}

// safely turns a panic into an error: a broken file must never end the process.
func (x *extractor) safely(in *input) (packages []Package, err error) {
	defer func() {
		if p := recover(); p != nil {
			packages, err = nil, fmt.Errorf("reading it failed unexpectedly: %v", p)
			if !isLanguage(x.kind) { // warnings are the same for the same file, and addresses are not
				err = fmt.Errorf("%w\n%s", err, firstLines(debug.Stack(), 12))
			}
		}
	}()
	return x.parse(in)
}

func firstLines(b []byte, n int) []byte {
	lines := bytes.SplitAfterN(b, []byte("\n"), n+1)
	return bytes.Join(lines[:min(n, len(lines))], nil)
}

func fileTooLarge(path string, most int64) *Error {
	return &Error{Reason: ReasonLimit, Path: path, Err: fmt.Errorf("file too large: more than %d bytes, or %d with the layer's others", most, 8*most)}
}

func (x *extractor) fileError(path string, err error) *Error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return &Error{Reason: own.Reason, Path: path, Err: own.Err}
	case isLanguage(x.kind):
		return &Error{Reason: ReasonFile, Path: path, Err: fmt.Errorf("cannot be read: %w", err)}
	}
	return &Error{Reason: ReasonDatabase, Path: path, Err: fmt.Errorf("package database cannot be read: %w", err)}
}

// inner separates the path of an archive from that of a file within.
const inner = "!/"

// finish completes what a parser gives. Packages of the databases of operating systems and of most language files have
// the kind of the file.
func finish(packages []Package, kind, path string) []Package {
	for i := range packages {
		p := &packages[i]
		if kind != KindBinary {
			p.Kind = kind
		}
		if p.Path == "" {
			p.Path = path
		} else {
			p.Path = path + inner + p.Path
		}
	}
	slices.SortFunc(packages, comparePackages)
	return packages
}
