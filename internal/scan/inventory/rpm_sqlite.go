package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A reader for one table of a SQLite file, as https://www.sqlite.org/fileformat2.html describes it. The database engine
// itself would want a file on disk and a connection; going through one B-tree in memory needs neither, and the bounds
// are plain to see: every page is read at most once. A write-ahead log beside the file is not looked at; rpm empties it
// when it closes the database.
const sqliteMagic = "SQLite format 3\x00"

const (
	sqliteLeaf, sqliteInterior = 0x0d, 0x05 // table B-tree pages
	sqliteDepth                = 32
)

type sqlite struct {
	file     []byte
	pageSize int
	usable   int
	seen     []bool
	scratch  []byte
}

// readSQLite gives every row of a table. Values are nil, int64, float64, string or []byte; bytes are valid until row
// returns.
func readSQLite(file []byte, table string, row func(columns []any) error) error {
	db, err := openSQLite(file)
	if err != nil {
		return err
	}
	root, err := db.rootOf(table)
	if err != nil {
		return err
	}
	clear(db.seen)
	return db.walk(root, 0, row)
}

func openSQLite(file []byte) (*sqlite, error) {
	if len(file) < 512 {
		return nil, errors.New("SQLite: file too short")
	}
	size := int(binary.BigEndian.Uint16(file[16:]))
	if size == 1 {
		size = 65536
	}
	if size < 512 || size&(size-1) != 0 || size > len(file) {
		return nil, fmt.Errorf("SQLite: page size %d", size)
	}
	usable := size - int(file[20])
	if usable < 480 {
		return nil, errors.New("SQLite: too many reserved bytes")
	}
	if enc := binary.BigEndian.Uint32(file[56:]); enc > 1 {
		return nil, errors.New("SQLite: text is not UTF-8")
	}
	return &sqlite{file: file, pageSize: size, usable: usable, seen: make([]bool, len(file)/size+1)}, nil
}

// rootOf finds a table's first page in the schema: rows of type, name, table, root page, SQL.
func (db *sqlite) rootOf(table string) (uint32, error) {
	var root int64
	err := db.walk(1, 0, func(c []any) error {
		if len(c) < 4 || c[0] != "table" {
			return nil
		}
		if name, _ := c[1].(string); strings.EqualFold(name, table) {
			root, _ = c[3].(int64)
		}
		return nil
	})
	if err == nil && (root < 2 || root > math.MaxUint32) {
		err = fmt.Errorf("SQLite: no table %s", table)
	}
	return uint32(root), err
}

// page gives a page that was not given before, so that cycles and shared pages end in an error.
func (db *sqlite) page(n uint32) ([]byte, error) {
	at := (int64(n) - 1) * int64(db.pageSize)
	if n == 0 || at+int64(db.pageSize) > int64(len(db.file)) {
		return nil, fmt.Errorf("SQLite: page %d lies outside of the file", n)
	}
	if db.seen[n] {
		return nil, fmt.Errorf("SQLite: page %d is used twice", n)
	}
	db.seen[n] = true
	return db.file[at : at+int64(db.pageSize)][:db.usable], nil
}

func (db *sqlite) walk(n uint32, depth int, row func([]any) error) error {
	page, err := db.page(n)
	if err != nil {
		return err
	}
	head := 0
	if n == 1 {
		head = 100
	}
	kind, count := page[head], int(binary.BigEndian.Uint16(page[head+3:]))
	cells := head + 8
	if kind == sqliteInterior {
		cells += 4
	}
	if kind != sqliteLeaf && kind != sqliteInterior || depth > sqliteDepth || cells+2*count > len(page) {
		return fmt.Errorf("SQLite: page %d is no table page", n)
	}
	for i := range count {
		at := int(binary.BigEndian.Uint16(page[cells+2*i:]))
		if at >= len(page)-4 {
			return fmt.Errorf("SQLite: page %d has a cell outside of it", n)
		}
		if kind == sqliteInterior {
			err = db.walk(binary.BigEndian.Uint32(page[at:]), depth+1, row)
		} else {
			err = db.cell(page, at, row)
		}
		if err != nil {
			return err
		}
	}
	if kind == sqliteInterior {
		return db.walk(binary.BigEndian.Uint32(page[head+8:]), depth+1, row)
	}
	return nil
}

var errSQLiteCell = errors.New("SQLite: broken row")

// cell reads a leaf cell: length of the payload, row id, payload, and where it goes on when it is too long for the page.
func (db *sqlite) cell(page []byte, at int, row func([]any) error) error {
	size, n := sqliteVarint(page[at:])
	_, m := sqliteVarint(page[at+n:])
	if n == 0 || m == 0 || size > uint64(len(db.file)) {
		return errSQLiteCell
	}
	body := page[at+n+m:]
	local := db.local(int(size))
	if local > len(body) {
		return errSQLiteCell
	}
	if local == int(size) {
		return sqliteRow(body[:local], row)
	}
	if local+4 > len(body) {
		return errSQLiteCell
	}
	payload, err := db.overflow(body[:local], binary.BigEndian.Uint32(body[local:]), int(size))
	if err != nil {
		return err
	}
	return sqliteRow(payload, row)
}

// local is how many bytes of a payload lie on the leaf page; the formula is the format's.
func (db *sqlite) local(size int) int {
	if size <= db.usable-35 {
		return size
	}
	least := (db.usable-12)*32/255 - 23
	if k := least + (size-least)%(db.usable-4); k <= db.usable-35 {
		return k
	}
	return least
}

func (db *sqlite) overflow(first []byte, next uint32, size int) ([]byte, error) {
	payload := append(slices.Grow(db.scratch[:0], size), first...)
	for len(payload) < size {
		page, err := db.page(next)
		if err != nil {
			return nil, err
		}
		next = binary.BigEndian.Uint32(page)
		payload = append(payload, page[4:min(len(page), 4+size-len(payload))]...)
	}
	db.scratch = payload
	return payload, nil
}

// sqliteRow decodes a record: a header of serial types, then the values.
func sqliteRow(record []byte, row func([]any) error) error {
	headSize, n := sqliteVarint(record)
	if n == 0 || headSize > uint64(len(record)) || headSize < uint64(n) {
		return errSQLiteCell
	}
	types, body := record[n:headSize], record[headSize:]
	var columns []any
	for len(types) > 0 {
		kind, m := sqliteVarint(types)
		if m == 0 || len(columns) > 64 {
			return errSQLiteCell
		}
		types = types[m:]
		value, size, ok := sqliteValue(kind, body)
		if !ok {
			return errSQLiteCell
		}
		body = body[size:]
		columns = append(columns, value)
	}
	return row(columns)
}

func sqliteValue(kind uint64, body []byte) (value any, size int, ok bool) {
	switch {
	case kind == 0:
		return nil, 0, true
	case kind <= 6:
		size = [...]int{0, 1, 2, 3, 4, 6, 8}[kind]
		if size > len(body) {
			return nil, 0, false
		}
		v := int64(int8(body[0]))
		for _, c := range body[1:size] {
			v = v<<8 | int64(c)
		}
		return v, size, true
	case kind == 7:
		if len(body) < 8 {
			return nil, 0, false
		}
		return math.Float64frombits(binary.BigEndian.Uint64(body)), 8, true
	case kind == 8, kind == 9:
		return int64(kind - 8), 0, true
	case kind < 12 || (kind-12)/2 > uint64(len(body)):
		return nil, 0, false
	}
	size = int((kind - 12) / 2)
	if kind%2 == 0 {
		return body[:size], size, true
	}
	return string(body[:size]), size, true
}

// sqliteVarint reads SQLite's big-endian variable-length integer; n is 0 when it does not end.
func sqliteVarint(b []byte) (v uint64, n int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
