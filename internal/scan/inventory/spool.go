package inventory

import (
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much of a file a spool holds in memory. Larger files go to disk.
const spoolMemory = 16 << 20

// spool holds one file of the layer at a time, for parsers that need random access to what comes as a stream. The memory
// is kept from one file to the next.
type spool struct {
	dir  string
	mem  []byte
	file *os.File
	// err is a fault of our own disk, which says nothing about the layer.
	err error
}

// hold reads r to its end. What it gives is valid until release.
func (s *spool) hold(r io.Reader, hint int64) (io.ReaderAt, int64, error) {
	body, more, err := s.fill(r, min(hint, spoolMemory))
	if err != nil {
		return nil, 0, err
	}
	if !more {
		return memoryAt(body), int64(len(body)), nil
	}
	size, err := s.toDisk(body, r)
	if err != nil {
		return nil, 0, err
	}
	return s.file, size, nil
}

// fill reads into memory as much as it may; more says that there could be more. It trusts the announced size only as far
// as bytes have come.
func (s *spool) fill(r io.Reader, hint int64) (body []byte, more bool, err error) {
	if s.mem == nil {
		s.mem = make([]byte, max(64<<10, min(hint+1, 1<<20)))
	}
	n := 0
	for {
		if n == len(s.mem) {
			if n >= spoolMemory {
				return s.mem[:n], true, nil
			}
			s.mem = append(s.mem, make([]byte, min(max(int(hint)+1, 2*n), 4*n, spoolMemory)-n)...)
		}
		got, err := r.Read(s.mem[n:])
		n += got
		if err == io.EOF {
			return s.mem[:n], false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// toDisk uses a file that has no name any more, so that it is gone with the process at the latest.
func (s *spool) toDisk(body []byte, r io.Reader) (int64, error) {
	f, err := os.CreateTemp(s.dir, "ecru-layer-*")
	if err != nil {
		return 0, s.fault(err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return 0, s.fault(err)
	}
	size := int64(len(body))
	if _, err := f.Write(body); err != nil {
		return 0, s.fault(err)
	}
	for {
		n, err := r.Read(s.mem)
		if _, err := f.Write(s.mem[:n]); err != nil {
			return 0, s.fault(err)
		}
		size += int64(n)
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func (s *spool) fault(err error) error {
	s.err = fmt.Errorf("holding a file of the layer: %w", err)
	return s.err
}

// release lets go of the file held.
func (s *spool) release() {
	if s.file != nil {
		_ = s.file.Close() // nothing in it is needed any more
		s.file = nil
	}
}

// memoryAt is a bytes.Reader without a position.
type memoryAt []byte

func (m memoryAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
