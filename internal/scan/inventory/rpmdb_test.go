package inventory

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// ndbOf, berkeleyOf and sqliteOf are the smallest databases of their formats that hold the given header.

func ndbOf(header []byte) []byte {
	le := binary.LittleEndian
	db := make([]byte, ndbPage)
	copy(db, ndbMagic)
	le.PutUint32(db[12:], 1)
	for at := 32; at < ndbPage; at += 16 {
		copy(db[at:], ndbSlotMagic)
	}
	le.PutUint32(db[32+4:], 7)
	le.PutUint32(db[32+8:], ndbPage/ndbBlock)
	db = append(db, ndbBlobMagic...)
	db = le.AppendUint32(db, 7)
	db = le.AppendUint32(db, 1)
	db = le.AppendUint32(db, uint32(len(header)))
	return append(db, header...)
}

func berkeleyOf(header []byte, bigEndian bool) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if bigEndian {
		order = binary.BigEndian
	}
	const size = 512
	db := make([]byte, 2*size)
	order.PutUint32(db[12:], bdbHashMagic)
	order.PutUint32(db[20:], size)
	page := db[size:]
	page[25] = bdbPageHash
	order.PutUint16(page[20:], 2)
	order.PutUint16(page[26:], size-5)
	order.PutUint16(page[28:], size-5-12)
	item := page[size-5-12:]
	item[0] = bdbItemOffPage
	order.PutUint32(item[4:], 2)
	order.PutUint32(item[8:], uint32(len(header)))
	for n := uint32(2); len(header) > 0; n++ {
		overflow := make([]byte, size)
		overflow[25] = bdbPageOverflow
		order.PutUint32(overflow[16:], n+1)
		used := copy(overflow[bdbPageHead:], header[:min(len(header), 100)])
		order.PutUint16(overflow[22:], uint16(used))
		header = header[used:]
		db = append(db, overflow...)
	}
	order.PutUint32(db[32:], uint32(len(db)/size-1))
	return db
}

func sqliteOf(header []byte) []byte {
	const size = 512
	db := make([]byte, 2*size)
	copy(db, sqliteMagic)
	binary.BigEndian.PutUint16(db[16:], size)
	leaf := func(page []byte, head int, cell []byte) {
		page[head] = sqliteLeaf
		binary.BigEndian.PutUint16(page[head+3:], 1)
		at := size - len(cell)
		binary.BigEndian.PutUint16(page[head+8:], uint16(at))
		copy(page[at:], cell)
	}
	text := func(s string) byte { return byte(13 + 2*len(s)) }
	schema := append([]byte{6, text("table"), text("Packages"), text("Packages"), 1, text("")}, "tablePackagesPackages\x02"...)
	leaf(db[:size], 100, append([]byte{byte(len(schema)), 1}, schema...))
	kind := 12 + 2*len(header)
	row := append([]byte{4, 0, byte(kind>>7) | 0x80, byte(kind & 0x7f)}, header...)
	leaf(db[size:], 0, append([]byte{byte(len(row)>>7) | 0x80, byte(len(row) & 0x7f), 1}, row...))
	return db
}

func TestHostileDatabases(t *testing.T) {
	header := rpmHeaderOf(map[uint32]string{tagName: "a", tagVersion: "1"}, 0)
	change := func(db []byte, at int, with ...byte) []byte {
		db = bytes.Clone(db)
		copy(db[at:], with)
		return db
	}
	ndb, bdb, lite := ndbOf(header), berkeleyOf(header, false), sqliteOf(header)
	shared := change(ndb, 32+16, ndb[32:48]...)
	cyclicChain := change(bdb, 2*512+16, 2)
	binary.LittleEndian.PutUint32(cyclicChain[512+512-5-12+8:], 1<<31)
	cyclicTree := change(lite, 512, sqliteInterior, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
	for _, test := range []struct {
		name string
		db   []byte
		want string
	}{
		{"NDB blob of 4 GiB", change(ndb, ndbPage+12, 0xff, 0xff, 0xff, 0xff), "package 7 is broken"},
		{"NDB slot pages of 16 TiB", change(ndb, 12, 0xff, 0xff, 0xff, 0xff), "pages of slots"},
		{"NDB slot outside", change(ndb, 32+8, 0xff, 0xff, 0xff, 0xff), "outside"},
		{"NDB slots that share a package", repeatSlot(shared), "overlap"},
		{"NDB version", change(ndb, 4, 9), "unknown version 9"},
		{"Berkeley chain in a circle", cyclicChain, "longer than the file"},
		{"Berkeley chain to nowhere", change(bdb, 2*512+16, 0xff, 0xff, 0xff, 0xff), ""},
		{"Berkeley page size", change(bdb, 20, 3), "page size"},
		{"Berkeley item offsets", change(bdb, 512+26, 0xff, 0xff), "out of place"},
		{"Berkeley item count", change(bdb, 512+20, 0xff, 0xff), "more items"},
		{"Berkeley last page", change(bdb, 32, 0xff), "ends before page"},
		{"Berkeley encrypted", change(bdb, 24, 1), "encrypted"},
		{"Berkeley B-tree", change(bdb, 12, 0x62, 0x31, 0x05, 0), "B-tree"},
		{"SQLite tree in a circle", cyclicTree, "used twice"},
		{"SQLite without the table", change(lite, 512-len("Packages\x02"), 'X'), ""},
		{"SQLite cell outside", change(lite, 512+8, 0xff, 0xff), "cell outside"},
		{"SQLite page size", change(lite, 16, 0, 3), "page size"},
		{"SQLite text", change(lite, 56, 0, 0, 0, 2), "UTF-8"},
		{"SQLite cut", lite[:600], "outside of the file"},
		{"header lengths", ndbOf([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), "wrong lengths"},
		{"no header", ndbOf(nil), "too short"},
		{"header without a name", ndbOf(rpmHeaderOf(map[uint32]string{tagVersion: "1"}, 0)), "without name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := extractBytes("var/lib/rpm/Packages", test.db)
			if test.want == "" {
				return // any answer but a panic, which the text below would show
			}
			if f.Problem == nil || f.Problem.Reason != ReasonDatabase || !strings.Contains(f.Problem.Error(), test.want) {
				t.Errorf("got %v, want %q", f.Problem, test.want)
			}
		})
	}
}

// repeatSlot lets every slot of the page point to the one package.
func repeatSlot(db []byte) []byte {
	for at := 48; at < ndbPage; at += 16 {
		copy(db[at:], db[32:48])
	}
	return db
}
