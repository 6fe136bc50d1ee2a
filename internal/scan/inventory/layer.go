package inventory

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ReadLayer reads one layer, whatever its media type claims: gzip, zstd or plain tar. Unless it fails it reads r to its
// end. A layer that cannot be scanned gives an *Error; a failing reader or a cancelled context gives that error. A
// package database that cannot be read does not fail the layer, see File.Problem.
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
	if err := w.walk(); err != nil {
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
	same    interner
	left    *budget
	text    *bufio.Reader
	entries int64

	files    map[string]kept[File]
	releases map[string]kept[OSRelease]
	links    map[string]kept[string]
	// buried holds the directories above all that is kept. When one of them becomes a file or link later in the
	// archive, its value is the number of that entry, and what was kept below is gone.
	buried map[uint64]int64

	paths, whiteouts, opaque, dirs []uint64
}

// kept is something found, and the number of the entry that held it.
type kept[T any] struct {
	at    int64
	value T
}

func newWalker(ctx context.Context, s *stream, lim Limits) *walker {
	return &walker{
		ctx: ctx, s: s, tar: tar.NewReader(s), lim: lim, table: extractors(), same: interner{}, left: newBudget(lim), text: bufio.NewReaderSize(nil, maxLine),
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

func (w *walker) directory(path string) {
	if w.relevant(path) {
		w.forget(path)
		w.dirs = append(w.dirs, hashPath(path))
	}
}

// relevant says whether Merge could know this path as a file or link.
func (w *walker) relevant(path string) bool {
	return onTheWay(path) || wantsOSRelease(path) || w.extractorFor(path) != nil
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
	x, release := w.extractorFor(path), wantsOSRelease(path)
	if x == nil && !release {
		if hdr.Typeflag == tar.TypeSymlink && onTheWay(path) {
			return w.keepLink(path, hdr.Linkname)
		}
		if onTheWay(path) {
			w.forget(path)
		}
		return nil
	}
	w.forget(path)
	switch hdr.Typeflag {
	case tar.TypeSymlink:
		return w.keepLink(path, hdr.Linkname)
	case tar.TypeLink:
		return w.hardLink(x, path, cleanPath(hdr.Linkname))
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if x != nil {
			return w.keepFile(path, w.read(x, path, hdr.Size))
		}
		return w.readRelease(path)
	}
	return nil
}

func (w *walker) read(x *extractor, path string, size int64) File {
	return x.extract(&input{ctx: w.ctx, path: path, r: w.tar, size: size, lim: w.lim, left: w.left, same: w.same, text: w.text})
}

func (w *walker) readRelease(path string) error {
	release, err := readOSRelease(w.tar)
	if err != nil || release.IsZero() {
		return err
	}
	return w.keepRelease(path, release)
}

// hardLink gives a wanted path the content of an earlier entry. A body that we passed over cannot be had again.
func (w *walker) hardLink(x *extractor, path, target string) error {
	if f, ok := w.files[target]; ok && x != nil && f.value.Kind == x.kind {
		if w.left.packages -= len(f.value.Packages); w.left.packages < 0 {
			return fail(ReasonLimit, "the layer has more than %d packages", w.lim.Packages)
		}
		return w.keepFile(path, f.value.at(path))
	}
	if r, ok := w.releases[target]; ok && x == nil {
		return w.keepRelease(path, r.value)
	}
	if l, ok := w.links[target]; ok {
		return w.keepLink(path, l.value)
	}
	if x == nil {
		return nil
	}
	err := fmt.Errorf("hard link to %q, which is not read as a package database", target)
	return w.keepFile(path, File{Path: path, Kind: x.kind, Problem: databaseError(path, err)})
}

// at is the same file under another path.
func (f File) at(path string) File {
	f.Path, f.Packages = path, slices.Clone(f.Packages)
	if f.Problem != nil {
		f.Problem = &Error{Reason: f.Problem.Reason, Path: path, Err: f.Problem.Err}
	}
	finish(f.Packages, f.Kind, path)
	return f
}

func (w *walker) keepFile(path string, f File) error {
	w.bury(path)
	w.files[path] = kept[File]{w.entries, f}
	return w.checkKept(len(w.files), w.lim.Kept)
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

func (w *walker) bury(path string) {
	ancestors(path, func(dir string) bool {
		h := hashPath(dir)
		if _, ok := w.buried[h]; !ok {
			w.buried[h] = 0
		}
		return true
	})
}

// gone says whether a directory above what entry number at held became something else later.
func (w *walker) gone(path string, at int64) (gone bool) {
	ancestors(path, func(dir string) bool {
		gone = gone || w.buried[hashPath(dir)] > at
		return !gone
	})
	return gone
}
