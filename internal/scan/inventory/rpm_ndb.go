package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// NDB is rpm's own format, used by SUSE: a header of 32 bytes, pages of slots that say where the headers of packages
// are in blocks of 16 bytes, and those. All numbers are little-endian.
const (
	ndbMagic     = "RpmP"
	ndbSlotMagic = "Slot"
	ndbBlobMagic = "BlbS"
	ndbBlock     = 16
	ndbPage      = 4096
)

func readNDB(file []byte, header func(blob []byte) error) error {
	if len(file) < 32 {
		return errors.New("NDB: file too short")
	}
	if v := binary.LittleEndian.Uint32(file[4:]); v != 0 {
		return fmt.Errorf("NDB: unknown version %d", v)
	}
	pages := int64(binary.LittleEndian.Uint32(file[12:]))
	if pages < 1 || pages*ndbPage > int64(len(file)) {
		return fmt.Errorf("NDB: %d pages of slots in a file of %d bytes", pages, len(file))
	}
	budget := len(file) // slots that share a blob would make a small file cost much time
	for slot := file[32 : pages*ndbPage]; len(slot) >= 16; slot = slot[16:] {
		if string(slot[:4]) != ndbSlotMagic {
			return errors.New("NDB: broken slot")
		}
		if binary.LittleEndian.Uint32(slot[4:]) == 0 {
			continue // free
		}
		blob, err := ndbBlob(file, slot)
		if err != nil {
			return err
		}
		if budget -= len(blob); budget < 0 {
			return errors.New("NDB: packages overlap")
		}
		if err := header(blob); err != nil {
			return err
		}
	}
	return nil
}

func ndbBlob(file, slot []byte) ([]byte, error) {
	id := binary.LittleEndian.Uint32(slot[4:])
	at := int64(binary.LittleEndian.Uint32(slot[8:])) * ndbBlock
	if at+16 > int64(len(file)) {
		return nil, fmt.Errorf("NDB: package %d lies outside of the file", id)
	}
	head := file[at:]
	size := int64(binary.LittleEndian.Uint32(head[12:]))
	if string(head[:4]) != ndbBlobMagic || binary.LittleEndian.Uint32(head[4:]) != id || at+16+size > int64(len(file)) {
		return nil, fmt.Errorf("NDB: package %d is broken", id)
	}
	return head[16 : 16+size], nil
}
