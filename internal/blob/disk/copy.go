package disk

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
)

const (
	smallBuffer = 64 << 10
	largeBuffer = 512 << 10
	// largeBody is where reading and writing begin to run side by side.
	largeBody = 1 << 20
	// pipelines bounds the large buffers in use: pipelines × depth × largeBuffer.
	pipelines = 16
	depth     = 3
	// writeBackStep is how much is written before the disk is told to begin,
	// so that the sync at the end finds little left to do.
	writeBackStep = 8 << 20
)

// buffers is the memory that bodies stream through.
type buffers struct {
	small, large *sync.Pool
	pipelines    chan struct{}
}

func newBuffers() buffers {
	return buffers{
		small:     pool(smallBuffer),
		large:     pool(largeBuffer),
		pipelines: make(chan struct{}, pipelines),
	}
}

func pool(size int) *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, size)
		return &b
	}}
}

// copy streams r into f from offset on. A small body costs no goroutine; a
// large one is read (and hashed, by the caller's reader) while the piece before
// it is written, as long as not too many others do so.
func (b *buffers) copy(ctx context.Context, f *os.File, offset int64, r io.Reader) (int64, error) {
	w := &writer{file: f, offset: offset, started: offset}
	done, err := b.copyPlain(ctx, w, r, largeBody)
	if err == nil && !done {
		select {
		case b.pipelines <- struct{}{}:
			err = b.copyPipelined(ctx, w, r)
			<-b.pipelines
		default:
			_, err = b.copyPlain(ctx, w, r, 0)
		}
	}
	return w.offset - offset, err
}

// copyPlain reads and writes in turn and says whether r has ended. With a
// limit it stops when it has written that much.
func (b *buffers) copyPlain(ctx context.Context, w *writer, r io.Reader, limit int64) (done bool, err error) {
	buf := b.small.Get().(*[]byte)
	defer b.small.Put(buf)
	for begin := w.offset; limit == 0 || w.offset-begin < limit; {
		n, end, err := fill(ctx, r, *buf)
		if err == nil {
			err = w.write((*buf)[:n])
		}
		if err != nil || end {
			return true, err
		}
	}
	return false, nil
}

// copyPipelined writes in a goroutine of its own while it reads ahead.
func (b *buffers) copyPipelined(ctx context.Context, w *writer, r io.Reader) error {
	free, full, broken := make(chan *[]byte, depth), make(chan []byte, depth), make(chan struct{})
	held := make([]*[]byte, depth)
	for i := range held {
		held[i] = b.large.Get().(*[]byte)
		free <- held[i]
	}
	var written error
	var writing sync.WaitGroup
	writing.Go(func() {
		for piece := range full {
			if written = w.write(piece); written != nil {
				close(broken)
				return
			}
			piece = piece[:cap(piece)]
			free <- &piece
		}
	})
	err := readAhead(ctx, r, free, full, broken)
	writing.Wait()
	for _, buf := range held {
		b.large.Put(buf)
	}
	return errors.Join(err, written)
}

// readAhead fills free buffers from r until it ends or the writer has broken.
func readAhead(ctx context.Context, r io.Reader, free <-chan *[]byte, full chan<- []byte, broken <-chan struct{}) error {
	defer close(full)
	for {
		select {
		case <-broken:
			return nil
		case buf := <-free:
			n, end, err := fill(ctx, r, *buf)
			if err != nil {
				return err
			}
			full <- (*buf)[:n]
			if end {
				return nil
			}
		}
	}
}

// fill reads until buf is full or r has ended. It is not io.ReadFull because
// that one gives a clean end and the io.ErrUnexpectedEOF of a request body that
// was cut off the same error.
func fill(ctx context.Context, r io.Reader, buf []byte) (n int, end bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, true, err
	}
	for n < len(buf) {
		var m int
		m, err = r.Read(buf[n:])
		n += m
		if err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

// writer writes to a file in order and keeps the disk busy behind it.
type writer struct {
	file    *os.File
	offset  int64
	started int64 // where write-back has not been asked for yet
}

func (w *writer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := w.file.WriteAt(p, w.offset)
	w.offset += int64(n)
	if err == nil && w.offset-w.started >= writeBackStep {
		startWriteBack(w.file, w.started, w.offset-w.started)
		w.started = w.offset
	}
	return err
}
