package inventory

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ReadLayer reads one layer, whatever its media type claims: gzip, zstd or plain tar. Unless it fails it reads r to its
// end. A layer that cannot be scanned gives an *Error; a failing reader, a full disk or a cancelled context gives that
// error. A file that cannot be read does not fail the layer, see File.Problem.
func ReadLayer(ctx context.Context, r io.Reader, lim Limits) (*LayerRecord, error) {
	lim = lim.withDefaults()
	tooLong := fail(ReasonLimit, "reading the layer took longer than %v", lim.Time)
	ctx, cancel := context.WithTimeoutCause(ctx, lim.Time, tooLong)
	defer cancel()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s, err := openStream(ctx, r, lim)
	if err != nil {
		return nil, err
	}
	defer s.close()
	w := newWalker(ctx, s, lim)
	err = w.walk()
	if w.spool.err != nil {
		return nil, w.spool.err
	}
	if err != nil {
		return nil, s.failure(err, w.entries)
	}
	if ctx.Err() != nil { // it may have cut a package database short
		return nil, context.Cause(ctx)
	}
	return w.record(), nil
}

// walker goes through the entries of one layer. When a path comes twice the last one counts, as when unpacking.
type walker struct {
	ctx     context.Context
	s       *stream
	tar     *tar.Reader
	lim     Limits
	table   []extractor
	byHead  extractor
	same    interner
	left    *budget // of package databases
	lang    *budget // of language files
	text    *bufio.Reader
	own     *owning
	spool   *spool
	head    [executableHead]byte
	entries int64

	files map[string]kept[File]
	// shadows are files with packages that are not installed there. They wait for hard links to them.
	shadows  map[string]kept[File]
	releases map[string]kept[OSRelease]
	links    map[string]kept[string]
	// buried holds the directories above all that is kept. When one of them becomes a file or link later in the
	// archive, its value is the number of that entry, and what was kept below is gone.
	buried map[uint64]int64

	paths, whiteouts, opaque, dirs []uint64

	databases, problems, skipped int
}

// kept is something found, and the number of the entry that held it.
type kept[T any] struct {
	at    int64
	value T
}

func newWalker(ctx context.Context, s *stream, lim Limits) *walker {
	return &walker{
		ctx: ctx, s: s, tar: tar.NewReader(s), lim: lim, table: extractors(), byHead: executables(), same: interner{},
		left: newBudget(lim), lang: newLanguageBudget(lim), text: bufio.NewReaderSize(nil, maxLine), spool: &spool{dir: lim.TempDir}, own: newOwning(), shadows: map[string]kept[File]{},
		files: map[string]kept[File]{}, releases: map[string]kept[OSRelease]{}, links: map[string]kept[string]{},
		buried: map[uint64]int64{},
	}
}

func (w *walker) walk() error {
	for {
		hdr, err := w.tar.Next()
		if err == io.EOF {
			// What follows the end mark is padding; reading it checks the sum at the end of the compressed stream.
			_, err = io.Copy(io.Discard, w.s)
			return err
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // cleanPath takes care of those
			return err
		}
		if err := w.entry(hdr); err != nil {
			return err
		}
	}
}

func (w *walker) entry(hdr *tar.Header) error {
	w.entries++
	if w.entries > int64(w.lim.Entries) {
		return fail(ReasonLimit, "the layer has more than %d entries", w.lim.Entries)
	}
	if len(hdr.Name) > w.lim.PathLength || len(hdr.Linkname) > w.lim.PathLength {
		return fail(ReasonLimit, "a path in the layer is longer than %d bytes", w.lim.PathLength)
	}
	path := cleanPath(hdr.Name)
	if strings.Count(path, "/") >= w.lim.PathDepth {
		return fail(ReasonLimit, "a path in the layer has more than %d components", w.lim.PathDepth)
	}
	if name := baseName(path); strings.HasPrefix(name, ".wh.") {
		w.whiteout(strings.TrimSuffix(strings.TrimSuffix(path, name), "/"), name[len(".wh."):])
		return nil
	}
	switch hdr.Typeflag {
	case tar.TypeDir:
		w.directory(path)
		return nil
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont, tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return w.nonDirectory(hdr, path)
	}
	return nil // a header that is no file system entry
}

// whiteout takes the OCI and AUFS markers. They are about lower layers only: what the same layer has at that path stays.
func (w *walker) whiteout(dir, name string) {
	switch {
	case name == ".wh..opq":
		w.opaque = append(w.opaque, hashPath(dir))
	case strings.HasPrefix(name, ".wh."): // AUFS's own files
	case name == "", name == ".", name == "..":
	default:
		w.whiteouts = append(w.whiteouts, hashPath(join(dir, name)))
	}
}

// directory notes every directory: any of them can stand where a lower layer has a program.
func (w *walker) directory(path string) {
	w.forget(path)
	w.dirs = append(w.dirs, hashPath(path))
}

func (w *walker) extractorFor(path string) *extractor {
	for i := range w.table {
		if w.table[i].wants(path) {
			return &w.table[i]
		}
	}
	return nil
}

func (w *walker) forget(path string) {
	delete(w.files, path)
	delete(w.shadows, path)
	delete(w.releases, path)
	delete(w.links, path)
}

func (w *walker) nonDirectory(hdr *tar.Header, path string) error {
	if path == "" {
		return nil // nothing can stand in for the root
	}
	h := hashPath(path)
	w.paths = append(w.paths, h)
	if _, ok := w.buried[h]; ok {
		w.buried[h] = w.entries
	}
	w.forget(path)
	x, release := w.extractorFor(path), wantsOSRelease(path)
	switch hdr.Typeflag {
	case tar.TypeSymlink:
		if x != nil && !isLanguage(x.kind) || release || onTheWay(path) {
			return w.keepLink(path, hdr.Linkname)
		}
	case tar.TypeLink:
		return w.hardLink(x, path, cleanPath(hdr.Linkname))
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if x != nil {
			return w.keepFile(x, w.read(x, path, w.tar, hdr.Size))
		}
		if release {
			return w.readRelease(path)
		}
		return w.sniff(path, hdr.Size)
	}
	return nil
}

func (w *walker) read(x *extractor, path string, r io.Reader, size int64) File {
	left := w.left
	if isLanguage(x.kind) {
		left = w.lang
	}
	return x.extract(&input{ctx: w.ctx, path: path, r: r, size: size, lim: w.lim, left: left, same: w.same, own: w.own, text: w.text, spool: w.spool})
}

// sniff looks for programs, which have no names of their own.
func (w *walker) sniff(path string, size int64) error {
	if size < executableHead {
		return nil
	}
	n, err := io.ReadFull(w.tar, w.head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if !isExecutable(path, w.head[:n]) {
		return nil
	}
	return w.keepFile(&w.byHead, w.read(&w.byHead, path, io.MultiReader(bytes.NewReader(w.head[:n]), w.tar), size))
}

func (w *walker) readRelease(path string) error {
	release, err := readOSRelease(w.tar)
	if err != nil || release.IsZero() {
		return err
	}
	return w.keepRelease(path, release)
}

// hardLink gives a path the content of an earlier entry. A body that we passed over cannot be had again.
func (w *walker) hardLink(x *extractor, path, target string) error {
	f, known := w.files[target]
	if !known {
		f, known = w.shadows[target]
	}
	switch {
	case known && x != nil && f.value.Kind == x.kind:
		return w.keepFile(x, w.linked(f.value, path))
	case known && x == nil && f.value.Kind == KindBinary:
		return w.keepFile(&w.byHead, w.linked(f.value, path))
	case x == nil:
		if r, ok := w.releases[target]; ok {
			return w.keepRelease(path, r.value)
		}
		return w.linkAgain(path, target)
	case isLanguage(x.kind) && w.wantedAs(target, x.kind):
		return nil // read, and nothing in it
	}
	if _, ok := w.links[target]; ok {
		return w.linkAgain(path, target)
	}
	err := fmt.Errorf("hard link to %q, which is not read as one", target)
	return w.keepFile(x, File{Path: path, Kind: x.kind, Problem: x.fileError(path, err)})
}

func (w *walker) wantedAs(path, kind string) bool {
	x := w.extractorFor(path)
	return x != nil && x.kind == kind
}

// linkAgain is a hard link to a symbolic one.
func (w *walker) linkAgain(path, target string) error {
	if l, ok := w.links[target]; ok && (onTheWay(path) || wantsOSRelease(path) || w.extractorFor(path) != nil) {
		return w.keepLink(path, l.value)
	}
	return nil
}

// linked is the same file under another path. Its packages count again.
func (w *walker) linked(f File, path string) File {
	left := w.budgetOf(f.Kind)
	if left.packages -= len(f.Packages); left.packages < 0 {
		f.Packages, f.Problem = nil, fail(ReasonLimit, "the layer has more than %d packages", w.lim.Packages)
	}
	return f.at(path)
}

func (w *walker) budgetOf(kind string) *budget {
	if isLanguage(kind) {
		return w.lang
	}
	return w.left
}

// at is the same file under another path.
func (f File) at(path string) File {
	old := f.Path
	f.Path, f.Packages = path, slices.Clone(f.Packages)
	if f.Problem != nil {
		f.Problem = &Error{Reason: f.Problem.Reason, Path: path, Err: f.Problem.Err}
	}
	for i := range f.Packages {
		f.Packages[i].Path = path + strings.TrimPrefix(f.Packages[i].Path, old)
	}
	return f
}

// keepFile keeps package databases always, and other files when there is something to say of them: that an empty one
// replaces one of a lower layer is known from its path alone, as with any file.
func (w *walker) keepFile(x *extractor, f File) error {
	switch {
	case w.spool.err != nil:
		return w.spool.err
	case !isDatabase(f.Kind) && len(f.Packages) == 0 && len(f.Owned) == 0 && f.Problem == nil:
		return nil
	case isLanguage(f.Kind):
		w.keepLanguage(x, f)
		return nil
	case f.Kind == KindList && w.databases >= w.lim.Kept:
		w.skipped++
		return nil
	}
	w.bury(f.Path)
	w.files[f.Path] = kept[File]{w.entries, f}
	w.databases++
	return w.checkKept(w.databases, w.lim.Kept)
}

// maxProblems is how many broken language files of a layer are named.
const maxProblems = 1000

// keepLanguage leaves a file out, and counts it, where there are too many.
func (w *walker) keepLanguage(x *extractor, f File) {
	if f.Problem != nil {
		w.problems++
	}
	w.lang.text -= len(f.Path)
	keep := w.files
	if x.installed != nil && f.Problem == nil && !slices.ContainsFunc(f.Packages, func(p Package) bool { return x.installed(f.Path, &p) }) {
		keep = w.shadows
	} else {
		w.lang.text -= buriedBytes * w.bury(f.Path)
	}
	if w.lang.text < 0 || w.problems > maxProblems {
		w.skipped++
		return
	}
	keep[f.Path] = kept[File]{w.entries, f}
}

func (w *walker) keepRelease(path string, release OSRelease) error {
	w.bury(path)
	w.releases[path] = kept[OSRelease]{w.entries, release}
	return w.checkKept(len(w.releases), w.lim.Kept/8)
}

func (w *walker) keepLink(path, target string) error {
	w.bury(path)
	w.links[path] = kept[string]{w.entries, target}
	return w.checkKept(len(w.links), w.lim.Kept/8)
}

func (w *walker) checkKept(n, limit int) error {
	if n > limit {
		return fail(ReasonLimit, "the layer has more than %d package databases, os-release files or links to them", limit)
	}
	return nil
}

// buriedBytes is about what an entry of buried costs.
const buriedBytes = 32

// bury gives how many directories it did not know. Where it knows one it knows all above.
func (w *walker) bury(path string) (added int) {
	ancestors(path, func(dir string) bool {
		h := hashPath(dir)
		if _, ok := w.buried[h]; ok {
			return false
		}
		w.buried[h] = 0
		added++
		return true
	})
	return added
}

// gone says whether a directory above what entry number at held became something else later.
func (w *walker) gone(path string, at int64) (gone bool) {
	ancestors(path, func(dir string) bool {
		gone = gone || w.buried[hashPath(dir)] > at
		return !gone
	})
	return gone
}
