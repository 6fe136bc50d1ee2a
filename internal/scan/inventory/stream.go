package inventory

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// source remembers an error of the reader that the caller gave us, to tell a failing disk from a bad layer.
type source struct {
	r    io.Reader
	read int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// ratioFrom is how many uncompressed bytes a layer may have before their ratio to the compressed ones is looked at.
// Below it nothing can be said: a small layer of zeros is harmless, and legitimate.
const ratioFrom = 1 << 30

// errRatio is what a stream answers that unpacks to too much.
var errRatio = errors.New("compression ratio limit")

// errTotalBytes is what a stream answers once it has given all bytes that it may.
var errTotalBytes = errors.New("uncompressed size limit")

// stream gives the uncompressed bytes of a layer. It stops at the size limit and when the context ends, and remembers
// why it stopped: what the tar reader makes of the error is no longer needed then.
type stream struct {
	ctx    context.Context
	src    *source
	inner  io.Reader
	close  func()
	left   int64 // bytes that may still come
	ratio  int64 // uncompressed bytes that one compressed byte may stand for
	read   int64
	checks int
	err    error // first error, not io.EOF
}

// maxWindow bounds the memory of a zstd decoder; `zstd --long` uses this much, image builders far less.
const maxWindow = 128 << 20

func openStream(ctx context.Context, r io.Reader, lim Limits) (*stream, error) {
	src := &source{r: r}
	buf := bufio.NewReaderSize(src, 64<<10)
	s := &stream{ctx: ctx, src: src, inner: buf, close: func() {}, left: lim.TotalBytes, ratio: lim.Ratio}
	magic, _ := buf.Peek(6)
	if src.err != nil {
		return nil, src.err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buf)
		if err != nil {
			s.err = err
			return nil, s.failure(err, 0)
		}
		s.inner, s.close = z, func() { _ = z.Close() }
	case isZstd(magic):
		// One goroutine less than one: with a concurrency of 1 the decoder works in the caller's.
		z, err := zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			s.err = err
			return nil, s.failure(err, 0)
		}
		s.inner, s.close = z, z.Close
	case bytes.HasPrefix(magic, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return nil, fail(ReasonNotTar, "layers compressed with xz are not supported")
	case bytes.HasPrefix(magic, []byte("BZh")):
		return nil, fail(ReasonNotTar, "layers compressed with bzip2 are not supported")
	}
	return s, nil
}

// isZstd knows the magic of data frames and of skippable ones, which can come first.
func isZstd(magic []byte) bool {
	return bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(magic) >= 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:4], []byte{0x2a, 0x4d, 0x18})
}

func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	// Headers come in small reads, and asking a context takes a lock.
	if s.checks++; s.checks&63 == 0 {
		if err := s.ctx.Err(); err != nil {
			s.err = err
			return 0, err
		}
		if s.read > ratioFrom && s.read/s.ratio > s.src.read {
			s.err = errRatio
			return 0, errRatio
		}
	}
	if int64(len(p)) > s.left {
		if s.left == 0 {
			return s.atLimit()
		}
		p = p[:s.left]
	}
	n, err := s.inner.Read(p)
	s.left -= int64(n)
	s.read += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// atLimit tells a layer that is exactly as long as it may be from one that goes on.
func (s *stream) atLimit() (int, error) {
	var one [1]byte
	n, err := s.inner.Read(one[:])
	for n == 0 && err == nil {
		n, err = s.inner.Read(one[:])
	}
	if n > 0 {
		err = errTotalBytes
	}
	if err != io.EOF {
		s.err = err
	}
	return 0, err
}

// failure turns an error from reading the archive into the one to report. entries is how many entries came before.
func (s *stream) failure(err error, entries int64) error {
	if s.src.err != nil {
		return s.src.err
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	if s.err != nil {
		return s.streamFailure()
	}
	switch {
	case entries == 0:
		return fail(ReasonNotTar, "the layer is not a tar archive")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(ReasonTruncated, "the layer's tar archive ends early, after %d entries", entries)
	default:
		return &Error{Reason: ReasonCorrupt, Err: fmt.Errorf("the layer's tar archive is broken after %d entries: %w", entries, err)}
	}
}

func (s *stream) streamFailure() error {
	switch {
	case errors.Is(s.err, errTotalBytes):
		return fail(ReasonLimit, "the layer is larger than %d bytes uncompressed", s.read)
	case errors.Is(s.err, errRatio):
		return fail(ReasonLimit, "the layer unpacks to more than %d times its size", s.ratio)
	case errors.Is(s.err, context.DeadlineExceeded), errors.Is(s.err, context.Canceled):
		// The context's cause is our own limit of time, or the caller's business.
		return context.Cause(s.ctx)
	case errors.Is(s.err, io.ErrUnexpectedEOF):
		return fail(ReasonTruncated, "the layer's compressed stream ends early")
	case errors.Is(s.err, zstd.ErrWindowSizeExceeded), errors.Is(s.err, zstd.ErrDecoderSizeExceeded):
		return fail(ReasonLimit, "the layer's compressed stream needs more than %d MiB of memory", maxWindow>>20)
	default:
		return &Error{Reason: ReasonCorrupt, Err: fmt.Errorf("the layer's compressed stream is broken: %w", s.err)}
	}
}
