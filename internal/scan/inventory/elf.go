package inventory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of ELF files. Programs have some dozen sections; files with thousands are objects for a linker.
const (
	maxSections     = 4096
	maxSectionNames = 256 << 10
	elfNoBits       = 8 // type of a section that has no bytes in the file, as all have in files of debug symbols
)

// elfFile is as much of an ELF file as it takes to find a section by its name. It is our own and not debug/elf, which
// makes an object of every section that a header announces, millions if need be, and unpacks compressed ones whole.
type elfFile struct {
	r        io.ReaderAt
	size     int64
	order    binary.ByteOrder
	wide     bool // 64 bits
	sections []elfSection
}

type elfSection struct {
	name         string
	addr, offset uint64
	size         uint64
}

var (
	errNoELF         = errors.New("no ELF file")
	errELFHeaders    = errors.New("an ELF file whose section headers cannot be read")
	errSectionBounds = errors.New("a section that lies outside of the file")
)

// openELF reads the section headers. A file that has none is one with no sections.
func openELF(r io.ReaderAt, size int64) (*elfFile, error) {
	var head [64]byte
	n, err := r.ReadAt(head[:], 0)
	if n < 52 || !bytes.HasPrefix(head[:], []byte("\x7fELF")) {
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, errNoELF
	}
	f := &elfFile{r: r, size: size, wide: head[4] == 2, order: binary.LittleEndian}
	if head[5] == 2 {
		f.order = binary.BigEndian
	}
	if head[4] != 1 && head[4] != 2 || head[5] != 1 && head[5] != 2 {
		return nil, errNoELF
	}
	var table uint64
	var entry, count, names uint16
	if f.wide {
		table = f.order.Uint64(head[0x28:])
		entry, count, names = f.order.Uint16(head[0x3a:]), f.order.Uint16(head[0x3c:]), f.order.Uint16(head[0x3e:])
	} else {
		table = uint64(f.order.Uint32(head[0x20:]))
		entry, count, names = f.order.Uint16(head[0x2e:]), f.order.Uint16(head[0x30:]), f.order.Uint16(head[0x32:])
	}
	if table == 0 || count == 0 {
		return f, nil
	}
	if count > maxSections || names >= count || int(entry) != f.headerSize() {
		return nil, errELFHeaders
	}
	return f, f.readSections(table, int(count), int(names))
}

func (f *elfFile) headerSize() int {
	if f.wide {
		return 64
	}
	return 40
}

func (f *elfFile) readSections(table uint64, count, names int) error {
	raw, err := f.read(table, uint64(count*f.headerSize()))
	if err != nil {
		return errELFHeaders
	}
	header := func(i int) []byte { return raw[i*f.headerSize():] }
	of := f.section(header(names))
	if of.size > maxSectionNames {
		return errELFHeaders
	}
	text, err := f.read(of.offset, of.size)
	if err != nil {
		return errELFHeaders
	}
	for i := range count {
		h := header(i)
		name, kind := f.order.Uint32(h), f.order.Uint32(h[4:])
		if kind == elfNoBits || int64(name) >= int64(len(text)) {
			continue
		}
		s := f.section(h)
		if end := bytes.IndexByte(text[name:], 0); end >= 0 {
			s.name = sectionName(text[name : int(name)+end])
		}
		f.sections = append(f.sections, s)
	}
	return nil
}

// sectionName spares the names that nobody asks for an allocation.
func sectionName(b []byte) string {
	switch string(b) {
	case goBuildInfoSection:
		return goBuildInfoSection
	case rustAuditSection:
		return rustAuditSection
	}
	return ""
}

func (f *elfFile) section(header []byte) elfSection {
	if f.wide {
		return elfSection{addr: f.order.Uint64(header[16:]), offset: f.order.Uint64(header[24:]), size: f.order.Uint64(header[32:])}
	}
	return elfSection{addr: uint64(f.order.Uint32(header[12:])), offset: uint64(f.order.Uint32(header[16:])), size: uint64(f.order.Uint32(header[20:]))}
}

// find gives the section of that name.
func (f *elfFile) find(name string) (elfSection, bool) {
	for _, s := range f.sections {
		if s.name == name {
			return s, true
		}
	}
	return elfSection{}, false
}

// open gives the bytes of a section, of which there may be at most a given number.
func (f *elfFile) open(s elfSection, most uint64) (*io.SectionReader, error) {
	if s.size > most {
		return nil, fmt.Errorf("a section of more than %d bytes", most)
	}
	if s.offset > uint64(f.size) || s.size > uint64(f.size)-s.offset {
		return nil, errSectionBounds
	}
	return io.NewSectionReader(f.r, int64(s.offset), int64(s.size)), nil
}

// read gives bytes of the file.
func (f *elfFile) read(offset, n uint64) ([]byte, error) {
	if offset > uint64(f.size) || n > uint64(f.size)-offset {
		return nil, errSectionBounds
	}
	b := make([]byte, n)
	_, err := f.r.ReadAt(b, int64(offset))
	if err == io.EOF {
		err = nil // the size of the file was just checked
	}
	return b, err
}

// readAddress gives bytes that the program has at an address of its memory.
func (f *elfFile) readAddress(addr, n uint64) ([]byte, error) {
	for _, s := range f.sections {
		if s.addr != 0 && addr >= s.addr && addr-s.addr < s.size && n <= s.size-(addr-s.addr) {
			return f.read(s.offset+(addr-s.addr), n)
		}
	}
	return nil, errSectionBounds
}
