package advisory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"

	"github.com/klauspost/compress/flate"
)

// zipWriter writes a zip whose bytes follow from its files alone. As zipReader
// it does not keep hundreds of bytes for each file in memory, but the few that
// end up in the directory.
type zipWriter struct {
	w         io.Writer
	offset    int64
	files     uint64
	directory bytes.Buffer
	packed    bytes.Buffer
	deflater  *flate.Writer
}

func newZipWriter(w io.Writer) (*zipWriter, error) {
	deflater, err := flate.NewWriter(nil, flate.DefaultCompression)
	return &zipWriter{w: w, deflater: deflater}, err
}

// zipVersion is what a reader must understand: deflate, or large numbers.
const zipVersion, zip64Version = 20, 45

// zipDate is the first day that a zip can name.
const zipDate = 1<<5 | 1

var errZipTooLarge = errors.New("the zip becomes too large")

// add writes one file.
func (z *zipWriter) add(name string, data []byte) error {
	z.packed.Reset()
	z.deflater.Reset(&z.packed)
	if _, err := z.deflater.Write(data); err != nil {
		return err
	}
	if err := z.deflater.Close(); err != nil {
		return err
	}
	if z.offset > math.MaxUint32 || len(data) > math.MaxInt32 || len(name) > math.MaxUint16 {
		return errZipTooLarge
	}
	var common []byte // what both headers have
	common = binary.LittleEndian.AppendUint16(common, zipVersion)
	common = binary.LittleEndian.AppendUint16(common, 1<<11) // the name is UTF-8
	common = binary.LittleEndian.AppendUint16(common, zipDeflated)
	common = binary.LittleEndian.AppendUint16(common, 0)
	common = binary.LittleEndian.AppendUint16(common, zipDate)
	common = binary.LittleEndian.AppendUint32(common, crc32.ChecksumIEEE(data))
	common = binary.LittleEndian.AppendUint32(common, uint32(z.packed.Len()))
	common = binary.LittleEndian.AppendUint32(common, uint32(len(data)))
	common = binary.LittleEndian.AppendUint16(common, uint16(len(name)))
	common = binary.LittleEndian.AppendUint16(common, 0)

	entry := binary.LittleEndian.AppendUint32(nil, zipEntryMark)
	entry = binary.LittleEndian.AppendUint16(entry, zipVersion)
	entry = append(entry, common...)
	entry = append(entry, make([]byte, 10)...)
	entry = binary.LittleEndian.AppendUint32(entry, uint32(z.offset))
	z.directory.Write(append(entry, name...))
	z.files++

	head := binary.LittleEndian.AppendUint32(nil, zipFileMark)
	head = append(append(head, common...), name...)
	return z.write(head, z.packed.Bytes())
}

func (z *zipWriter) write(parts ...[]byte) error {
	for _, p := range parts {
		n, err := z.w.Write(p)
		z.offset += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// close writes the directory, and the record of large zips where it is needed.
func (z *zipWriter) close() error {
	begin, length := uint64(z.offset), uint64(z.directory.Len())
	if begin > math.MaxUint32 || length > math.MaxUint32 {
		return errZipTooLarge
	}
	if err := z.write(z.directory.Bytes()); err != nil {
		return err
	}
	files := uint16(math.MaxUint16)
	if z.files < math.MaxUint16 {
		files = uint16(z.files)
	} else if err := z.write(z.zip64End(begin, length)); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, zipEndMark)
	end = append(end, 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint16(end, files)
	end = binary.LittleEndian.AppendUint16(end, files)
	end = binary.LittleEndian.AppendUint32(end, uint32(length))
	end = binary.LittleEndian.AppendUint32(end, uint32(begin))
	return z.write(append(end, 0, 0))
}

func (z *zipWriter) zip64End(begin, length uint64) []byte {
	at := begin + length
	end := binary.LittleEndian.AppendUint32(nil, zip64EndMark)
	end = binary.LittleEndian.AppendUint64(end, zip64EndLength-12)
	end = binary.LittleEndian.AppendUint16(end, zip64Version)
	end = binary.LittleEndian.AppendUint16(end, zip64Version)
	end = append(end, make([]byte, 8)...)
	for _, n := range []uint64{z.files, z.files, length, begin} {
		end = binary.LittleEndian.AppendUint64(end, n)
	}
	end = binary.LittleEndian.AppendUint32(end, zip64LocatorMark)
	end = append(end, 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint64(end, at)
	return append(end, 1, 0, 0, 0)
}
