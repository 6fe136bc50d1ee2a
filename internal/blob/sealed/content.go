package sealed

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ecru-registry/ecru/internal/blob"
)

// groupChunks is how many chunks are read at once.
const groupChunks = 8

// buffers is the memory that content streams through.
type buffers struct {
	record *sync.Pool // one record
	group  *sync.Pool // the records of a group
	window *sync.Pool // the content of a group
}

func newBuffers() buffers {
	return buffers{record: pool(recordSize), group: pool(groupChunks * recordSize), window: pool(groupChunks * chunkSize)}
}

func pool(size int) *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, size)
		return &b
	}}
}

// content is sealed content that is open. ReadAt may be called by many at once,
// as io.ReaderAt demands; it uses nothing that changes.
type content struct {
	stored  blob.Content
	buffers buffers
	key     dataKey
	size    int64
	chunks  int64  // whole ones
	last    []byte // what stands behind them
	branch  branch

	position int64
	window   *[]byte // nil until something was read
	held     []byte  // of window: content
	heldAt   int64
	ahead    int // chunks that are read next, if they follow
}

// openContent proves the beginning and the end of stored content.
func (s *Store) openContent(key string, stored blob.Content) (*content, error) {
	c := &content{stored: stored, buffers: s.buffers}
	if err := c.prove(s.keys, key); err != nil {
		return nil, fmt.Errorf("blob: opening %s: %w", key, err)
	}
	return c, nil
}

func (c *content) prove(keys Keyring, key string) error {
	length, err := c.stored.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	shape, err := shapeOf(length)
	if err != nil {
		return err
	}
	var header [headerSize]byte
	if err := c.readStored(header[:], 0); err != nil {
		return err
	}
	if string(header[:len(mark)]) != mark {
		return fmt.Errorf("%w: it does not begin like sealed content", blob.ErrDamaged)
	}
	if c.key, err = openDataKey(keys, key, header[len(mark):]); err != nil {
		return err
	}
	record := make([]byte, leastLast+shape.tail)
	if err := c.readStored(record, shape.lastAt()); err != nil {
		return err
	}
	if err := c.key.open(middle(record), record, lastChunk, shape.chunks); err != nil {
		return err
	}
	c.size, c.chunks = shape.size(), shape.chunks
	c.branch, c.last = branch(middle(record)[:branchSize]), middle(record)[branchSize:]
	return nil
}

// readStored fills p with what is stored at off.
func (c *content) readStored(p []byte, off int64) error {
	n, err := c.stored.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: bytes are missing", blob.ErrDamaged)
	}
	return err
}

// ReadAt is part of io.ReaderAt.
func (c *content) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("blob: negative offset")
	}
	for n < len(p) && off < c.size {
		var m int
		if off/chunkSize == c.chunks {
			m = copy(p[n:], c.last[off%chunkSize:])
		} else if m, err = c.readGroup(p[n:], off); err != nil {
			return n + m, err
		}
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readGroup reads from the chunks at off, as many as fit into p and a buffer.
func (c *content) readGroup(p []byte, off int64) (n int, err error) {
	first, within := off/chunkSize, int(off%chunkSize)
	count := min(groupChunks, c.chunks-first, int64(within+len(p)+chunkSize-1)/chunkSize)
	buffer := c.buffers.group.Get().(*[]byte)
	defer c.buffers.group.Put(buffer)
	records := (*buffer)[:count*recordSize]
	if err := c.readStored(records, int64(headerSize)+first*recordSize); err != nil {
		return 0, err
	}
	for index := first; len(records) > 0; index++ {
		m, err := c.readChunk(p[n:], records[:recordSize], index, within)
		if n += m; err != nil {
			return n, err
		}
		records, within = records[recordSize:], 0
	}
	return n, nil
}

// readChunk decrypts a record and copies what of it is wanted; a chunk that is
// wanted whole is decrypted to where it is wanted.
func (c *content) readChunk(p, record []byte, index int64, within int) (int, error) {
	if within == 0 && len(p) >= chunkSize {
		if err := c.key.open(p[:chunkSize:chunkSize], record, wholeChunk, index); err != nil {
			return 0, err
		}
		return chunkSize, nil
	}
	plain := middle(record)
	if err := c.key.open(plain, record, wholeChunk, index); err != nil {
		return 0, err
	}
	return copy(p, plain[within:]), nil
}

// Read is part of io.Reader.
func (c *content) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case c.position >= c.size:
		return 0, io.EOF
	}
	from := c.position - c.heldAt
	if from < 0 || from >= int64(len(c.held)) {
		if err := c.refill(); err != nil {
			return 0, err
		}
		from = c.position - c.heldAt
	}
	n := copy(p, c.held[from:])
	c.position += int64(n)
	return n, nil
}

// refill holds the content around the position: one chunk at first, and more
// with every time that reading goes on where it was.
func (c *content) refill() error {
	if c.window == nil {
		c.window = c.buffers.window.Get().(*[]byte)
	}
	if c.ahead == 0 || c.position != c.heldAt+int64(len(c.held)) {
		c.ahead = 1
	} else {
		c.ahead = min(2*c.ahead, groupChunks)
	}
	c.heldAt = c.position - c.position%chunkSize
	n, err := c.ReadAt((*c.window)[:c.ahead*chunkSize], c.heldAt)
	c.held = (*c.window)[:n]
	if int64(n) > c.position-c.heldAt {
		return nil // an error comes again when what is behind is read
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Seek is part of io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += c.position
	case io.SeekEnd:
		offset += c.size
	default:
		return 0, errors.New("blob: seeking from nowhere")
	}
	if offset < 0 {
		return 0, errors.New("blob: seeking before the beginning")
	}
	c.position = offset
	return offset, nil
}

// Close is part of io.Closer.
func (c *content) Close() error {
	if c.window != nil {
		c.buffers.window.Put(c.window)
		c.window, c.held = nil, nil
	}
	return c.stored.Close()
}
