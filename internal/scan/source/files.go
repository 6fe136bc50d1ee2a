package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// files are those of a directory or an archive. A name that is not there gives
// fs.ErrNotExist.
type files interface {
	open(name string) (io.ReadCloser, int64, error)
	close()
}

// directory is a directory that is never left, whatever links are in it.
type directory struct{ root *os.Root }

func openDirectory(path string) (*directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &directory{root: root}, nil
}

func (d *directory) close() { _ = d.root.Close() }

// open does not wait for a pipe's other end.
func (d *directory) open(name string) (io.ReadCloser, int64, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// maxEntries is more than an image archive has: a few for each layer.
const maxEntries = 100_000

// tarball is an uncompressed archive on disk, with a table of contents.
type tarball struct {
	f     *os.File
	table map[string]span
	links map[string]string
	// order are the names as they come.
	order []string
}

type span struct{ at, size int64 }

// openTarball reads the headers of an archive. One that is compressed is held
// uncompressed in a temporary file, because its parts are needed in another
// order than they come in.
func openTarball(ctx context.Context, path string, lim inventory.Limits) (*tarball, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	start := make([]byte, 6)
	n, err := f.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, err
	}
	if compression(start[:n]) != plain {
		packed := f
		f, err = spill(ctx, packed, lim)
		packed.Close()
		if err != nil {
			return nil, err
		}
	}
	t := &tarball{f: f, table: map[string]span{}, links: map[string]string{}}
	if err := t.index(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

// spill uncompresses a file into a temporary one that has no name any more.
func spill(ctx context.Context, packed io.Reader, lim inventory.Limits) (*os.File, error) {
	content, err := unpack(packed, lim)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	f, err := os.CreateTemp(lim.TempDir, "ecru-archive-*")
	if err != nil {
		return nil, err
	}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.Copy(f, &cancellable{ctx: ctx, r: content})
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func (t *tarball) close() { _ = t.f.Close() }

func (t *tarball) index(ctx context.Context) error {
	archive := tar.NewReader(t.f)
	for entries := 0; ; entries++ {
		header, err := archive.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return &inventory.Error{Reason: inventory.ReasonCorrupt, Err: fmt.Errorf("the archive is broken after %d entries: %w", entries, err)}
		case ctx.Err() != nil:
			return ctx.Err()
		case entries >= maxEntries:
			return &inventory.Error{Reason: inventory.ReasonLimit, Err: fmt.Errorf("the archive has more than %d entries: is it a root filesystem?", maxEntries)}
		}
		name := cleanName(header.Name)
		at, err := t.f.Seek(0, io.SeekCurrent) // the tar reader reads headers and nothing ahead
		if err != nil {
			return err
		}
		t.order = append(t.order, name)
		switch header.Typeflag {
		case tar.TypeReg:
			t.table[name] = span{at, header.Size}
			delete(t.links, name)
		case tar.TypeLink:
			t.links[name] = cleanName(header.Linkname)
		case tar.TypeSymlink:
			t.links[name] = cleanName(path.Join(path.Dir("/"+name), header.Linkname)) //nolint:gosec // a name in the table, not on disk
		}
	}
}

func cleanName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// open gives a file of the archive, through links: docker save writes a layer
// that comes twice as a link.
func (t *tarball) open(name string) (io.ReadCloser, int64, error) {
	asked := name
	name = cleanName(name)
	for range 10 {
		if at, ok := t.table[name]; ok {
			return io.NopCloser(io.NewSectionReader(t.f, at.at, at.size)), at.size, nil
		}
		next, ok := t.links[name]
		if !ok {
			break
		}
		name = next
	}
	return nil, 0, &fs.PathError{Op: "open", Path: asked, Err: fs.ErrNotExist}
}

// detectArchive says what an archive is by the names in it: of a compressed one
// by the first that says something.
func detectArchive(f *os.File) ([]Kind, error) {
	start := make([]byte, 6)
	n, err := f.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	var from io.Reader = f
	packed := compression(start[:n]) != plain
	if packed {
		content, err := unpack(f, inventory.Limits{})
		if err != nil {
			return nil, err
		}
		defer content.Close()
		from = content
	}
	signs := archiveSigns{system: systemDirectories()}
	archive := tar.NewReader(from)
	for entries := range maxEntries {
		header, err := archive.Next()
		if err == io.EOF || err != nil && entries == 0 {
			break // what is no archive at all is nothing that we know
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, &inventory.Error{Reason: inventory.ReasonCorrupt, Err: fmt.Errorf("the archive is broken after %d entries: %w", entries, err)}
		}
		signs.take(cleanName(header.Name))
		if packed && signs.enough() || signs.rootfs && entries > 1000 {
			break
		}
	}
	return signs.kinds(), nil
}

// archiveSigns are what the names in an archive tell.
type archiveSigns struct {
	system                       map[string]bool
	oci, docker, content, rootfs bool
}

func (s *archiveSigns) take(name string) {
	top, _, nested := strings.Cut(name, "/")
	switch {
	case name == "oci-layout", name == "index.json":
		s.oci = true
	case name == "manifest.json", name == "repositories":
		s.docker = true
	case top == "blobs", nested && strings.HasSuffix(name, "/layer.tar"), len(name) == 64+len(".json") && strings.HasSuffix(name, ".json"), len(top) == 64:
		s.content = true
	case s.system[top]:
		s.rootfs = true
	}
}

func (s *archiveSigns) enough() bool { return s.oci || s.docker || s.rootfs }

func (s *archiveSigns) kinds() (kinds []Kind) {
	switch {
	case s.oci:
		kinds = append(kinds, OCIArchive)
	case s.docker:
		kinds = append(kinds, DockerArchive)
	}
	if s.rootfs {
		kinds = append(kinds, Rootfs)
	}
	return kinds
}
