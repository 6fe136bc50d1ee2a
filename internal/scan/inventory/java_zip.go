package inventory

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
)

// Signatures and sizes of the parts of a zip archive.
const (
	zipEnd, zipEndSize         = "PK\x05\x06", 22
	zip64Locator, zip64LocSize = "PK\x06\x07", 20
	zip64End, zip64EndSize     = "PK\x06\x06", 56
	zipEntry, zipEntrySize     = "PK\x01\x02", 46
	zipLocal, zipLocalSize     = "PK\x03\x04", 30

	zipStored, zipDeflated = 0, 8
)

var (
	errNoZip     = errors.New("no zip archive")
	errBrokenZip = errors.New("a broken zip archive")
)

// zipFile is a zip archive whose directory is read as a stream, and of which only those entries are kept that are asked
// for. It is our own and not archive/zip, which keeps an object for each of a million entries. It reads the directory at
// the end and believes nothing else, as Java does. Checksums are not looked at.
type zipFile struct {
	r        io.ReaderAt
	size     int64
	base     int64 // what all offsets count from: programs can precede the archive
	dir      int64
	dirBytes int64
}

// zipItem is an entry that was asked for.
type zipItem struct {
	name     string
	method   uint16
	flags    uint16
	packed   int64
	unpacked int64 // as announced
	offset   int64
}

func openZip(r io.ReaderAt, size int64) (*zipFile, error) {
	tail := make([]byte, min(size, zipEndSize+1<<16))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, err
	}
	at := findZipEnd(tail)
	if at < 0 {
		return nil, errNoZip
	}
	end := size - int64(len(tail)) + int64(at)
	z := &zipFile{r: r, size: size}
	z.dirBytes = int64(binary.LittleEndian.Uint32(tail[at+12:]))
	z.dir = int64(binary.LittleEndian.Uint32(tail[at+16:]))
	if z.dirBytes == 0xffffffff || z.dir == 0xffffffff || binary.LittleEndian.Uint16(tail[at+10:]) == 0xffff {
		var err error
		if end, err = z.readZip64(tail[:at], end); err != nil {
			return nil, err
		}
	}
	if z.dirBytes < 0 || z.dir < 0 || z.dirBytes > end || z.dir > end-z.dirBytes {
		return nil, errBrokenZip
	}
	// An archive appended to something else counts from its own beginning, or from that of the file.
	z.base = end - z.dirBytes - z.dir
	if z.base > 0 && z.dirBytes > 0 && z.has(zipEntry, z.dir) && !z.has(zipEntry, z.base+z.dir) {
		z.base = 0
	}
	return z, nil
}

// findZipEnd gives the place of the last end record whose comment reaches to the end of the file or beyond it, or -1.
func findZipEnd(tail []byte) int {
	for at := len(tail) - zipEndSize; at >= 0; {
		at = bytes.LastIndex(tail[:at+len(zipEnd)], []byte(zipEnd))
		if at < 0 {
			return -1
		}
		if comment := int(binary.LittleEndian.Uint16(tail[at+20:])); at+zipEndSize+comment <= len(tail) {
			return at
		}
		at--
	}
	return -1
}

// readZip64 reads the large numbers where the end record has no room for them, if there is such a record.
func (z *zipFile) readZip64(before []byte, end int64) (int64, error) {
	if len(before) < zip64LocSize || !bytes.HasPrefix(before[len(before)-zip64LocSize:], []byte(zip64Locator)) {
		return end, nil
	}
	at := int64(binary.LittleEndian.Uint64(before[len(before)-zip64LocSize+8:]))
	var record [zip64EndSize]byte
	if at < 0 || at > z.size-zip64EndSize || !z.has(zip64End, at) {
		return 0, errBrokenZip
	}
	if _, err := z.r.ReadAt(record[:], at); err != nil && err != io.EOF {
		return 0, err
	}
	z.dirBytes = int64(binary.LittleEndian.Uint64(record[40:]))
	z.dir = int64(binary.LittleEndian.Uint64(record[48:]))
	return at, nil
}

func (z *zipFile) has(signature string, at int64) bool {
	var b [4]byte
	n, _ := z.r.ReadAt(b[:], at)
	return string(b[:n]) == signature
}

// each goes through the directory. wants sees every name, valid until it returns; keep gets those that it wanted.
func (z *zipFile) each(buf *bufio.Reader, wants func(name []byte) bool, keep func(zipItem) error) error {
	buf.Reset(io.NewSectionReader(z.r, z.base+z.dir, z.dirBytes))
	for left := z.dirBytes; left > 0; {
		head, err := buf.Peek(zipEntrySize)
		if err != nil || string(head[:4]) != zipEntry {
			return errBrokenZip
		}
		le := binary.LittleEndian
		item := zipItem{flags: le.Uint16(head[8:]), method: le.Uint16(head[10:]), packed: int64(le.Uint32(head[20:])), unpacked: int64(le.Uint32(head[24:])), offset: int64(le.Uint32(head[42:]))}
		name, extra, comment := int(le.Uint16(head[28:])), int(le.Uint16(head[30:])), int(le.Uint16(head[32:]))
		total := int64(zipEntrySize + name + extra + comment)
		if total > left {
			return errBrokenZip
		}
		left -= total
		_, _ = buf.Discard(zipEntrySize) // it was just looked at
		b, err := buf.Peek(name)
		if err != nil {
			return errBrokenZip
		}
		if !wants(b) {
			if _, err := buf.Discard(name + extra + comment); err != nil {
				return errBrokenZip
			}
			continue
		}
		item.name = string(b)
		_, _ = buf.Discard(name)
		if b, err = buf.Peek(extra); err != nil {
			return errBrokenZip
		}
		item.large(b)
		if _, err := buf.Discard(extra + comment); err != nil {
			return errBrokenZip
		}
		if err := keep(item); err != nil {
			return err
		}
	}
	return nil
}

// large takes the numbers that have no room in the entry from its extra fields.
func (i *zipItem) large(extra []byte) {
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if n > len(extra) {
			return
		}
		if id == 1 {
			field := extra[:n]
			for _, v := range []*int64{&i.unpacked, &i.packed, &i.offset} {
				if *v == 0xffffffff && len(field) >= 8 {
					*v = int64(binary.LittleEndian.Uint64(field))
					field = field[8:]
				}
			}
			return
		}
		extra = extra[n:]
	}
}

// body gives the bytes of an entry as they are stored.
func (z *zipFile) body(i *zipItem) (*io.SectionReader, error) {
	at := z.base + i.offset
	if i.offset < 0 || i.packed < 0 || at < 0 || at > z.size-zipLocalSize {
		return nil, errBrokenZip
	}
	var head [zipLocalSize]byte
	if _, err := z.r.ReadAt(head[:], at); err != nil && err != io.EOF {
		return nil, err
	}
	if string(head[:4]) != zipLocal {
		return nil, errBrokenZip
	}
	at += zipLocalSize + int64(binary.LittleEndian.Uint16(head[26:])) + int64(binary.LittleEndian.Uint16(head[28:]))
	if at > z.size || i.packed > z.size-at {
		return nil, errBrokenZip
	}
	return io.NewSectionReader(z.r, at, i.packed), nil
}

// open gives the bytes of an entry unpacked, by means of an inflater that is used for one entry at a time.
func (z *zipFile) open(i *zipItem, inflater *io.ReadCloser) (io.Reader, error) {
	if i.flags&1 != 0 {
		return nil, fmt.Errorf("%.200q is encrypted", i.name)
	}
	body, err := z.body(i)
	if err != nil {
		return nil, err
	}
	switch i.method {
	case zipStored:
		return body, nil
	case zipDeflated:
		if *inflater == nil {
			*inflater = flate.NewReader(body)
			return *inflater, nil
		}
		return *inflater, (*inflater).(flate.Resetter).Reset(body, nil)
	}
	return nil, fmt.Errorf("%.200q is compressed by unknown method %d", i.name, i.method)
}
