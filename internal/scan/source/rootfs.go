package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// rootfs reads a root filesystem as if it were the only layer of an image.
func (r *reader) rootfs(ctx context.Context, where location) ([]*Image, error) {
	info, err := os.Stat(where.path)
	if err != nil {
		return nil, err
	}
	image := &Image{}
	var record *inventory.LayerRecord
	if info.IsDir() {
		record, err = r.tree(ctx, where.path, image)
	} else {
		record, err = r.rootfsArchive(ctx, where.path)
	}
	if err != nil {
		return nil, err
	}
	image.Inventory, err = inventory.Merge([]inventory.Layer{{Record: record}})
	return []*Image{image}, err
}

func (r *reader) rootfsArchive(ctx context.Context, path string) (*inventory.LayerRecord, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		r.progress.expect(info.Size())
	}
	content, err := unpack(&counting{r: f, progress: &r.progress}, r.Limits)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return inventory.ReadLayer(ctx, content, r.Limits)
}

// tree reads a directory through a pipe, as the archive that it could be.
func (r *reader) tree(ctx context.Context, path string, image *Image) (*inventory.LayerRecord, error) {
	root, err := openDirectory(path)
	if err != nil {
		return nil, err
	}
	defer root.close()
	from, to := io.Pipe()
	w := &treeWriter{ctx: ctx, from: root, out: tar.NewWriter(to)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		to.CloseWithError(w.write())
	}()
	record, err := inventory.ReadLayer(ctx, &counting{r: from, progress: &r.progress}, r.Limits)
	from.CloseWithError(errors.New("nobody reads any more"))
	<-done
	if err == nil && w.unreadable > 0 {
		image.Notes = append(image.Notes, fmt.Sprintf("%d files could not be read, the first is %s", w.unreadable, w.first))
	}
	return record, err
}

// treeWriter writes a directory as an archive.
type treeWriter struct {
	ctx        context.Context
	from       *directory
	out        *tar.Writer
	unreadable int
	first      error
}

func (w *treeWriter) write() error {
	if err := fs.WalkDir(w.from.root.FS(), ".", w.entry); err != nil {
		return err
	}
	return w.out.Close()
}

// volatile directories of a running system have no packages, and files without
// an end.
func volatile(path string) bool { return path == "proc" || path == "sys" || path == "dev" }

func (w *treeWriter) entry(path string, d fs.DirEntry, err error) error {
	switch {
	case w.ctx.Err() != nil:
		return w.ctx.Err()
	case path == ".":
		return err
	case err != nil:
		w.skip(err)
		if d != nil && d.IsDir() {
			return fs.SkipDir
		}
		return nil
	case d.IsDir() && volatile(path):
		return fs.SkipDir
	}
	// PAX headers hold names of any length.
	header := &tar.Header{Name: path, Mode: 0o644, Format: tar.FormatPAX}
	switch d.Type() {
	case fs.ModeDir:
		header.Typeflag, header.Name = tar.TypeDir, path+"/"
	case fs.ModeSymlink:
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = w.from.root.Readlink(path); err != nil {
			w.skip(err)
			return nil
		}
	case 0:
		return w.file(path, header)
	default:
		header.Typeflag = tar.TypeFifo // a path that is taken, and nothing to read
	}
	_, err = w.header(header)
	return err
}

// header leaves out what no archive can hold; it says whether it was written.
func (w *treeWriter) header(h *tar.Header) (written bool, err error) {
	err = w.out.WriteHeader(h)
	if err != nil && strings.HasPrefix(err.Error(), "archive/tar: ") {
		w.skip(fmt.Errorf("%s: %w", h.Name, err))
		return false, nil
	}
	return err == nil, err
}

// file copies a file. One that shrinks meanwhile is filled up with zeros, one
// that grows is cut, as tar does.
func (w *treeWriter) file(path string, header *tar.Header) error {
	f, size, err := w.from.open(path)
	if err != nil {
		w.skip(err)
		header.Typeflag = tar.TypeFifo
		_, err = w.header(header)
		return err
	}
	defer f.Close()
	header.Typeflag, header.Size = tar.TypeReg, size
	if info, err := f.(fs.File).Stat(); err == nil {
		header.Mode = int64(info.Mode().Perm())
	}
	if written, err := w.header(header); !written {
		return err
	}
	n, err := io.CopyN(w.out, &cancellable{ctx: w.ctx, r: f}, size)
	if err == io.EOF || err != nil && w.ctx.Err() == nil && !errors.Is(err, io.ErrClosedPipe) {
		if err != io.EOF {
			w.skip(err)
		}
		_, err = io.CopyN(w.out, zeros{}, size-n)
	}
	return err
}

func (w *treeWriter) skip(err error) {
	w.unreadable++
	if w.first == nil {
		w.first = err
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bill reads a bill of materials.
func (r *reader) bill(where location) ([]*Image, error) {
	f, err := openRegular(where.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reading, err := sbom.Parse(f, r.Bill)
	if err != nil {
		return nil, err
	}
	image := &Image{Inventory: reading.Inventory}
	if registry.ValidDigest(reading.Version) {
		image.Digest = reading.Version
	}
	if reading.Unidentified > 0 {
		image.Notes = append(image.Notes, fmt.Sprintf("%d packages have no package URL of a kind that is known and were not looked at", reading.Unidentified))
	}
	return []*Image{image}, nil
}
