package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// The compressions by which files are told apart.
const (
	plain                          = ""
	gzipped, zstded, xzed, bzipped = "gzip", "zstd", "xz", "bzip2"
)

func compression(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return gzipped
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(start) >= 4 && start[0]&0xf0 == 0x50 && bytes.Equal(start[1:4], []byte{0x2a, 0x4d, 0x18}):
		return zstded
	case bytes.HasPrefix(start, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return xzed
	case bytes.HasPrefix(start, []byte("BZh")):
		return bzipped
	}
	return plain
}

// maxWindow bounds the memory that a compressed stream may ask for.
const maxWindow = 128 << 20

// unpack gives the uncompressed bytes of a stream, within the limits of a layer.
func unpack(r io.Reader, lim inventory.Limits) (io.ReadCloser, error) {
	in := &tally{r: r}
	buffered := bufio.NewReaderSize(in, 64<<10)
	start, err := buffered.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	out := &inflated{in: in, left: lim.TotalBytes, ratio: lim.Ratio, close: func() {}}
	if out.left == 0 {
		out.left = 32 << 30
	}
	if out.ratio == 0 {
		out.ratio = 200
	}
	switch compression(start) {
	case gzipped:
		out.r, err = gzip.NewReader(buffered)
	case zstded:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			out.r, out.close = z, z.Close
		}
	case xzed:
		if err = checkXZ(buffered); err == nil {
			out.r, err = xz.NewReader(buffered)
		}
	case bzipped:
		out.r, err = bzip2.NewReader(buffered), nil
	default:
		out.r, err = buffered, nil
	}
	if err != nil {
		return nil, &inventory.Error{Reason: inventory.ReasonCorrupt, Err: fmt.Errorf("the compressed stream is broken: %w", err)}
	}
	return out, nil
}

// checkXZ looks at how much memory the first block of an xz stream asks for: up
// to 4 GiB.
func checkXZ(r *bufio.Reader) error {
	start, _ := r.Peek(12 + 1024)
	const lzma2 = 0x21
	for i := 12 + 2; i+2 < len(start) && i < 12+64; i++ {
		if start[i] != lzma2 || start[i+1] != 1 {
			continue
		}
		size, err := lzma.DecodeDictCap(start[i+2])
		if err == nil && size > maxWindow {
			return fmt.Errorf("it needs more than %d MiB of memory", maxWindow>>20)
		}
		return nil
	}
	return nil // not a filter that the library knows: it will say so
}

// tally counts what is read through it.
type tally struct {
	r   io.Reader
	n   int64
	err error
}

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// ratioFrom is from where on the ratio of a stream is looked at.
const ratioFrom = 1 << 30

// inflated ends in an error when it gets too long.
type inflated struct {
	r     io.Reader
	in    *tally
	close func()
	read  int64
	left  int64
	ratio int64
}

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.read += int64(n)
	i.left -= int64(n)
	switch {
	case i.left < 0:
		return 0, &inventory.Error{Reason: inventory.ReasonLimit, Err: errors.New("it is too large uncompressed")}
	case i.read > ratioFrom && i.read/i.ratio > i.in.n:
		return 0, &inventory.Error{Reason: inventory.ReasonLimit, Err: fmt.Errorf("it unpacks to more than %d times its size", i.ratio)}
	case err != nil && err != io.EOF && i.in.err == nil: // what was read is at fault, not the reading
		return n, &inventory.Error{Reason: inventory.ReasonCorrupt, Err: fmt.Errorf("the compressed stream is broken: %w", err)}
	}
	return n, err
}

func (i *inflated) Close() error {
	i.close()
	return nil
}
