package sealed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ecru-registry/ecru/internal/blob"
)

// A state of an upload has, in Backend: the mark, the sealed data key, the
// branch, the inner store's own with its length before it, and, encrypted, the
// bytes that do not fill a chunk yet. The encryption covers all of it.
const (
	branchAt  = headerSize
	lengthAt  = branchAt + branchSize
	innerAt   = lengthAt + 2
	leastTail = overhead
)

var errState = errors.New("blob: invalid state of an upload")

// upload is an upload where a state has left it.
type upload struct {
	key    dataKey
	size   int64 // of the content
	tail   []byte
	branch branch
	inner  blob.State
}

// resume goes on with a state, or begins.
func (s *Store) resume(key string, state blob.State) (*upload, error) {
	if len(state.Backend) == 0 {
		data, err := newDataKey(s.keys, key)
		return &upload{key: data, branch: newBranch()}, err
	}
	inner, err := innerState(state)
	if err != nil {
		return nil, err
	}
	head := state.Backend[:innerAt+len(inner.Backend)]
	data, err := openDataKey(s.keys, key, head[len(mark):headerSize])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	record := append([]byte(nil), state.Backend[len(head):]...)
	if err := data.open(middle(record), record, tailOfState, state.Size, head...); err != nil {
		return nil, errState
	}
	return &upload{key: data, size: state.Size, tail: middle(record), branch: branch(head[branchAt:lengthAt]), inner: inner}, nil
}

// innerState answers what the inner store needs to know of an upload. It takes
// no key, and proves nothing.
func innerState(state blob.State) (blob.State, error) {
	b := state.Backend
	if state.Size < 0 || len(b) < innerAt || string(b[:len(mark)]) != mark {
		return blob.State{}, errState
	}
	n := int(binary.BigEndian.Uint16(b[lengthAt:]))
	if len(b) != innerAt+n+leastTail+int(state.Size%chunkSize) {
		return blob.State{}, errState
	}
	return blob.State{Size: storedSize(state.Size), Backend: b[innerAt : innerAt+n]}, nil
}

// storedSize is how much the inner store has of an upload.
func storedSize(size int64) int64 { return int64(headerSize) + size/chunkSize*recordSize }

// state makes the state of the upload.
func (u *upload) state() (blob.State, error) {
	if len(u.inner.Backend) > math.MaxUint16 || u.inner.Size != storedSize(u.size) {
		return blob.State{}, errors.New("the inner store's state is not what was written")
	}
	b := make([]byte, 0, innerAt+len(u.inner.Backend)+leastTail+len(u.tail))
	b = append(append(b, mark...), u.key.sealed...)
	b = append(b, u.branch[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(u.inner.Backend)))
	b = append(b, u.inner.Backend...)
	head, record := b, b[len(b):cap(b)]
	copy(middle(record), u.tail)
	u.key.seal(record, tailOfState, u.size, head...)
	return blob.State{Size: u.size, Backend: b[:cap(b)]}, nil
}

// begin is what stands before the first chunk; empty behind it.
func (u *upload) begin() []byte {
	if u.inner.Size > 0 {
		return nil
	}
	return append([]byte(mark), u.key.sealed...)
}

// ending is what a commit has to add: the last record.
func (u *upload) ending() []byte {
	record := make([]byte, leastLast+len(u.tail))
	plain := middle(record)
	copy(plain[copy(plain, u.branch[:]):], u.tail)
	u.key.seal(record, lastChunk, u.size/chunkSize)
	return append(u.begin(), record...)
}

// encrypter reads content and gives out records of whole chunks. What is left
// over at the end is the tail of the next state.
type encrypter struct {
	in      io.Reader
	key     dataKey
	record  []byte
	filled  int // content in record
	index   int64
	size    int64  // of the content, with what came before
	pending []byte // to be given out before anything else; may be record itself
	err     error  // of in
	release func()
}

// emptyReads is how often a reader may answer nothing at all in a row.
const emptyReads = 100

func (s *Store) newEncrypter(u *upload, in io.Reader) *encrypter {
	record := s.buffers.record.Get().(*[]byte)
	return &encrypter{
		in: in, key: u.key, record: *record, filled: copy(middle(*record), u.tail),
		index: u.size / chunkSize, size: u.size, pending: u.begin(),
		release: func() { s.buffers.record.Put(record) },
	}
}

// Read is part of io.Reader.
func (e *encrypter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(e.pending) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		e.fill()
	}
	n := copy(p, e.pending)
	e.pending = e.pending[n:]
	return n, nil
}

// fill reads until a chunk is whole, and seals it, or until there is no more.
func (e *encrypter) fill() {
	for empty := 0; e.filled < chunkSize && e.err == nil; {
		var n int
		n, e.err = e.in.Read(middle(e.record)[e.filled:])
		e.filled += n
		e.size += int64(n)
		if n > 0 {
			empty = 0
		} else if empty++; empty == emptyReads && e.err == nil {
			e.err = io.ErrNoProgress
		}
	}
	if e.filled == chunkSize {
		e.key.seal(e.record, wholeChunk, e.index)
		e.index++
		e.filled, e.pending = 0, e.record
	}
}

// state makes the state after everything was read and stored.
func (e *encrypter) state(before *upload, inner blob.State) (blob.State, error) {
	if !errors.Is(e.err, io.EOF) || len(e.pending) > 0 {
		return blob.State{}, errors.New("the inner store did not read to the end")
	}
	next := upload{key: e.key, size: e.size, tail: middle(e.record)[:e.filled], branch: newBranch(), inner: inner}
	if e.size == before.size {
		next.branch = before.branch
	}
	return next.state()
}
