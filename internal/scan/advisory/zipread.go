package advisory

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// An export of a quarter of a million files has a directory that archive/zip
// would hold in a hundred megabytes of memory. Here it is read as a stream, one
// file after the other.

// Signatures, and lengths of what follows them, of a zip's parts.
const (
	zipFileMark, zipFileLength           = 0x04034b50, 30
	zipEntryMark, zipEntryLength         = 0x02014b50, 46
	zipEndMark, zipEndLength             = 0x06054b50, 22
	zip64LocatorMark, zip64LocatorLength = 0x07064b50, 20
	zip64EndMark, zip64EndLength         = 0x06064b50, 56
	zip64ExtraMark                       = 0x0001

	zipStored, zipDeflated = 0, 8
	zipEncrypted           = 1
)

// zipReader reads the files of a zip in the order of its directory.
type zipReader struct {
	r         io.ReaderAt
	directory *bufio.Reader
	left      int64  // bytes of the directory
	total     uint64 // files, as the zip says

	data     *bufio.Reader
	inflater io.ReadCloser
}

// zipFile is a file of a zip.
type zipFile struct {
	name       string
	method     uint16
	flags      uint16
	checksum   uint32
	compressed int64
	size       int64
	offset     int64
}

func openZip(r io.ReaderAt, size int64) (*zipReader, error) {
	at, end, err := findZipEnd(r, size)
	if err != nil {
		return nil, err
	}
	z := &zipReader{r: r, total: uint64(binary.LittleEndian.Uint16(end[10:]))}
	length, offset := uint64(binary.LittleEndian.Uint32(end[12:])), uint64(binary.LittleEndian.Uint32(end[16:]))
	limit := uint64(at)
	if z.total == 0xffff || length == 0xffffffff || offset == 0xffffffff {
		if limit, end, err = findZip64End(r, at); err != nil {
			return nil, err
		}
		if end != nil {
			z.total = binary.LittleEndian.Uint64(end[32:])
			length, offset = binary.LittleEndian.Uint64(end[40:]), binary.LittleEndian.Uint64(end[48:])
		}
	}
	if offset > limit || length > limit-offset {
		return nil, zip.ErrFormat
	}
	z.left = int64(length)
	z.directory = bufio.NewReaderSize(io.NewSectionReader(r, int64(offset), z.left), 64<<10)
	z.data = bufio.NewReaderSize(nil, 32<<10)
	z.inflater = flate.NewReader(bytes.NewReader(nil))
	return z, nil
}

// findZipEnd answers where the record at the end of a zip begins, and the record.
func findZipEnd(r io.ReaderAt, size int64) (int64, []byte, error) {
	tail := make([]byte, min(size, zipEndLength+0xffff))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	for i := len(tail) - zipEndLength; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) == zipEndMark && i+zipEndLength+int(binary.LittleEndian.Uint16(tail[i+20:])) <= len(tail) {
			return size - int64(len(tail)-i), tail[i : i+zipEndLength], nil
		}
	}
	return 0, nil, zip.ErrFormat
}

// findZip64End answers the same of the record that large zips have before it,
// or no record where there is none.
func findZip64End(r io.ReaderAt, at int64) (uint64, []byte, error) {
	locator := make([]byte, zip64LocatorLength)
	if at < zip64LocatorLength {
		return uint64(at), nil, nil
	}
	if _, err := r.ReadAt(locator, at-zip64LocatorLength); err != nil {
		return 0, nil, err
	}
	if binary.LittleEndian.Uint32(locator) != zip64LocatorMark {
		return uint64(at), nil, nil
	}
	begin := binary.LittleEndian.Uint64(locator[8:])
	if begin > uint64(at) || uint64(at)-begin < zip64EndLength {
		return 0, nil, zip.ErrFormat
	}
	end := make([]byte, zip64EndLength)
	if _, err := r.ReadAt(end, int64(begin)); err != nil {
		return 0, nil, err
	}
	if binary.LittleEndian.Uint32(end) != zip64EndMark {
		return 0, nil, zip.ErrFormat
	}
	return begin, end, nil
}

// next answers the next file, io.EOF after the last.
func (z *zipReader) next() (zipFile, error) {
	if z.left == 0 {
		return zipFile{}, io.EOF
	}
	var head [zipEntryLength]byte
	if err := z.take(head[:]); err != nil {
		return zipFile{}, err
	}
	if binary.LittleEndian.Uint32(head[:]) != zipEntryMark {
		return zipFile{}, zip.ErrFormat
	}
	name := make([]byte, binary.LittleEndian.Uint16(head[28:]))
	extra := make([]byte, binary.LittleEndian.Uint16(head[30:]))
	comment := make([]byte, binary.LittleEndian.Uint16(head[32:]))
	for _, part := range [][]byte{name, extra, comment} {
		if err := z.take(part); err != nil {
			return zipFile{}, err
		}
	}
	f := zipFile{
		name: string(name), method: binary.LittleEndian.Uint16(head[10:]), flags: binary.LittleEndian.Uint16(head[8:]),
		checksum:   binary.LittleEndian.Uint32(head[16:]),
		compressed: int64(binary.LittleEndian.Uint32(head[20:])), size: int64(binary.LittleEndian.Uint32(head[24:])),
		offset: int64(binary.LittleEndian.Uint32(head[42:])),
	}
	return f, f.widen(extra)
}

func (z *zipReader) take(p []byte) error {
	if z.left -= int64(len(p)); z.left < 0 {
		return zip.ErrFormat
	}
	_, err := io.ReadFull(z.directory, p)
	return err
}

// widen reads the numbers that did not fit into 32 bits.
func (f *zipFile) widen(extra []byte) error {
	const full = 0xffffffff
	for len(extra) >= 4 {
		mark, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			break
		}
		field := extra[:n]
		extra = extra[n:]
		if mark != zip64ExtraMark {
			continue
		}
		for _, number := range []*int64{&f.size, &f.compressed, &f.offset} {
			if *number != full {
				continue
			}
			if len(field) < 8 {
				return zip.ErrFormat
			}
			wide := binary.LittleEndian.Uint64(field)
			if field = field[8:]; wide > 1<<62 {
				return zip.ErrFormat
			}
			*number = int64(wide)
		}
	}
	return nil
}

// read appends what a file holds, and refuses what is larger than limit,
// whatever the directory says.
func (z *zipReader) read(f zipFile, into *bytes.Buffer, limit int64) error {
	if f.flags&zipEncrypted != 0 {
		return errors.New("an encrypted file")
	}
	var head [zipFileLength]byte
	if _, err := z.r.ReadAt(head[:], f.offset); err != nil {
		return fmt.Errorf("%w: %w", zip.ErrFormat, err)
	}
	if binary.LittleEndian.Uint32(head[:]) != zipFileMark {
		return zip.ErrFormat
	}
	begin := f.offset + zipFileLength + int64(binary.LittleEndian.Uint16(head[26:])) + int64(binary.LittleEndian.Uint16(head[28:]))
	z.data.Reset(io.NewSectionReader(z.r, begin, f.compressed))
	var in io.Reader = z.data
	switch f.method {
	case zipStored:
	case zipDeflated:
		if err := z.inflater.(flate.Resetter).Reset(z.data, nil); err != nil {
			return err
		}
		in = z.inflater
	default:
		return fmt.Errorf("an unknown compression (%d)", f.method)
	}
	before := into.Len()
	n, err := into.ReadFrom(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return err
	case n > limit:
		return errTooLong
	case n != f.size || crc32.ChecksumIEEE(into.Bytes()[before:]) != f.checksum:
		return zip.ErrChecksum
	}
	return nil
}

// errTooLong is what reading more than a limit answers.
var errTooLong = errors.New("more bytes than the limit allows")
