package advisory

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what unpacking may remember.
const maxWindow = 64 << 20

// unpack reads what is packed with gzip or zstd, or not at all, by its first
// bytes: names lie.
func unpack(from io.Reader) (*rationed, error) {
	buffered := bufio.NewReaderSize(from, 64<<10)
	mark, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(mark, []byte{0x1f, 0x8b}):
		in, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		return &rationed{r: in, close: func() { _ = in.Close() }}, nil
	case bytes.Equal(mark, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		in, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return &rationed{r: in, close: in.Close}, nil
	case bytes.HasPrefix(mark, []byte{0xfd, '7', 'z', 'X'}), bytes.HasPrefix(mark, []byte("BZh")):
		return nil, errors.New("packed in a way that is not supported; gzip and zstd are")
	}
	return &rationed{r: buffered, close: func() {}}, nil
}
