package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Berkeley DB hash files, used by rpm before 4.16: pages of key and value items. The header of a package is too large
// for a page, so its value item points to a chain of overflow pages. Numbers have the byte order of the machine that
// wrote the file.
const (
	bdbHashMagic  = 0x00061561
	bdbBtreeMagic = 0x00053162
	bdbPageHead   = 26

	bdbPageHashUnsorted, bdbPageOverflow, bdbPageHash = 2, 7, 13 // page types
	bdbItemInline, bdbItemOffPage                     = 1, 3     // item types
)

type berkeley struct {
	file     []byte
	order    binary.ByteOrder
	pageSize int
	budget   int // bytes that chains may still hold; they share no pages, so all together fit into the file
	scratch  []byte
}

func readBerkeley(file []byte, header func(blob []byte) error) error {
	b, err := openBerkeley(file)
	if err != nil {
		return err
	}
	pages := len(file) / b.pageSize
	if last := int64(b.order.Uint32(file[32:])); last >= int64(pages) {
		return fmt.Errorf("Berkeley DB: the file ends before page %d", last)
	}
	for n := 1; n < pages; n++ {
		page := b.page(uint32(n))
		if t := page[25]; t != bdbPageHash && t != bdbPageHashUnsorted {
			continue
		}
		if err := b.readPage(page, header); err != nil {
			return fmt.Errorf("Berkeley DB: page %d: %w", n, err)
		}
	}
	return nil
}

func openBerkeley(file []byte) (*berkeley, error) {
	if len(file) < 512 {
		return nil, errors.New("no rpm database format that we know")
	}
	b := &berkeley{file: file, budget: len(file)}
	magic := file[12:16]
	switch {
	case binary.LittleEndian.Uint32(magic) == bdbHashMagic:
		b.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic) == bdbHashMagic:
		b.order = binary.BigEndian
	case binary.LittleEndian.Uint32(magic) == bdbBtreeMagic, binary.BigEndian.Uint32(magic) == bdbBtreeMagic:
		return nil, errors.New("Berkeley DB: a B-tree, not a hash file")
	default:
		return nil, errors.New("no rpm database format that we know")
	}
	size := b.order.Uint32(file[20:])
	if size < 512 || size > 65536 || size&(size-1) != 0 {
		return nil, fmt.Errorf("Berkeley DB: page size %d", size)
	}
	if int(size) > len(file) {
		return nil, errors.New("Berkeley DB: the file is shorter than a page")
	}
	if file[24] != 0 {
		return nil, errors.New("Berkeley DB: encrypted")
	}
	b.pageSize = int(size)
	return b, nil
}

// page gives nil when there is no such page.
func (b *berkeley) page(n uint32) []byte {
	at := int64(n) * int64(b.pageSize)
	if at+int64(b.pageSize) > int64(len(b.file)) {
		return nil
	}
	return b.file[at : at+int64(b.pageSize)]
}

// readPage goes through the items of a hash page: key, value, key, value. Offsets fall as numbers rise.
func (b *berkeley) readPage(page []byte, header func(blob []byte) error) error {
	count := int(b.order.Uint16(page[20:]))
	if bdbPageHead+2*count > len(page) {
		return errors.New("more items than fit")
	}
	for i := 1; i < count; i += 2 {
		keyAt, at := b.offset(page, i-1), b.offset(page, i)
		if at >= keyAt || keyAt >= len(page) || at < bdbPageHead+2*count {
			return errors.New("items out of place")
		}
		blob, err := b.value(page[at:keyAt])
		if err != nil {
			return err
		}
		if blob == nil {
			continue
		}
		if err := header(blob); err != nil {
			return err
		}
	}
	return nil
}

func (b *berkeley) offset(page []byte, item int) int {
	return int(b.order.Uint16(page[bdbPageHead+2*item:]))
}

// value gives the bytes of a value item, nil when it is no package: rpm keeps its highest package number as a value of
// four bytes.
func (b *berkeley) value(item []byte) ([]byte, error) {
	switch item[0] {
	case bdbItemInline:
		if len(item) <= 5 {
			return nil, nil
		}
		return item[1:], nil
	case bdbItemOffPage:
		if len(item) < 12 {
			return nil, errors.New("item too short")
		}
		return b.chain(b.order.Uint32(item[4:]), b.order.Uint32(item[8:]))
	}
	return nil, fmt.Errorf("item of unknown type %d", item[0])
}

// chain collects overflow pages. The result is valid until the next call.
func (b *berkeley) chain(n, total uint32) ([]byte, error) {
	if int64(total) > int64(b.budget) {
		return nil, errors.New("packages longer than the file")
	}
	b.budget -= int(total)
	blob := slices.Grow(b.scratch[:0], int(total)+b.pageSize)
	for uint32(len(blob)) < total {
		page := b.page(n)
		if n == 0 || page == nil || page[25] != bdbPageOverflow {
			return nil, fmt.Errorf("broken chain at page %d", n)
		}
		used := int(b.order.Uint16(page[22:]))
		if used == 0 || bdbPageHead+used > len(page) {
			return nil, fmt.Errorf("broken overflow page %d", n)
		}
		blob = append(blob, page[bdbPageHead:bdbPageHead+used]...)
		n = b.order.Uint32(page[16:])
	}
	b.scratch = blob
	return blob[:total], nil
}
