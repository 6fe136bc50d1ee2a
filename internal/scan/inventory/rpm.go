package inventory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// wantsRPM knows the directories and the three file formats of rpm databases.
func wantsRPM(path string) bool {
	switch baseName(path) {
	case "Packages", "Packages.db", "rpmdb.sqlite":
	default:
		return false
	}
	switch strings.TrimSuffix(path, baseName(path)) {
	case "var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/":
		return true
	}
	return false
}

// parseRPM reads a database of any format: rpm keeps the formats apart by name, images do not always. The formats need
// random access, so the file is held in memory, within Limits.FileBytes.
func parseRPM(in *input) ([]Package, error) {
	file, err := readFile(in.r, min(in.size, in.lim.FileBytes))
	if err != nil {
		return nil, err
	}
	c := &rpmCollector{in: in}
	switch {
	case len(file) == 0:
		return nil, nil // an empty file is a database that was never written to
	case bytes.HasPrefix(file, []byte(sqliteMagic)):
		err = readSQLite(file, "Packages", c.row)
	case bytes.HasPrefix(file, []byte(ndbMagic)):
		err = readNDB(file, c.header)
	default:
		err = readBerkeley(file, c.header)
	}
	return c.packages, err
}

// readFile reads all of r. It trusts the announced size only as far as bytes have come.
func readFile(r io.Reader, size int64) ([]byte, error) {
	buf := make([]byte, 0, min(size, 16<<20)+1)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(4*int64(cap(buf)), max(size+1, int64(cap(buf))+1<<20)))
			copy(grown, buf)
			buf = grown
		}
	}
}

type rpmCollector struct {
	in       *input
	packages []Package
}

// row takes a row of the SQLite table Packages (hnum, blob).
func (c *rpmCollector) row(columns []any) error {
	if len(columns) < 2 {
		return errors.New("table Packages has no blob column")
	}
	blob, ok := columns[1].([]byte)
	if !ok {
		return errors.New("a row of table Packages holds no header")
	}
	return c.header(blob)
}

func (c *rpmCollector) header(blob []byte) error {
	p, err := parseRPMHeader(blob, c.in.same, c.in.own)
	if err == nil {
		err = c.in.take(&p)
	}
	if err != nil {
		return fmt.Errorf("package %d: %w", len(c.packages)+1, err)
	}
	c.packages = append(c.packages, p)
	return nil
}

// Tags and types of rpm headers, as far as we read them.
const (
	tagName, tagVersion, tagRelease, tagEpoch = 1000, 1001, 1002, 1003
	tagVendor, tagArch, tagSourceRPM          = 1011, 1022, 1044
	tagModularityLabel                        = 5096
	tagDirIndexes, tagBaseNames, tagDirNames  = 1116, 1117, 1118

	typeInt32, typeString, typeStrings = 4, 6, 8

	maxHeaderTags = 0xffff // rpm's own limit
)

// rpmHeader is the stored form of a header: an index of 16-byte entries (tag, type, offset, count) and the data that
// they point into. Everything is big-endian on all platforms.
type rpmHeader struct {
	index, data []byte
}

func openRPMHeader(blob []byte) (rpmHeader, error) {
	if len(blob) < 8 {
		return rpmHeader{}, errors.New("header too short")
	}
	tags := int64(binary.BigEndian.Uint32(blob))
	size := int64(binary.BigEndian.Uint32(blob[4:]))
	if tags < 1 || tags > maxHeaderTags || 8+16*tags+size > int64(len(blob)) {
		return rpmHeader{}, errors.New("header with wrong lengths")
	}
	return rpmHeader{index: blob[8 : 8+16*tags], data: blob[8+16*tags : 8+16*tags+size]}, nil
}

// parseRPMHeader picks the few tags that we need; verifying file lists and signatures is rpm's business. When a tag
// comes twice the later one counts: rpm appends what it changes after installation.
func parseRPMHeader(blob []byte, same interner, own *owning) (Package, error) {
	h, err := openRPMHeader(blob)
	if err != nil {
		return Package{}, err
	}
	var p Package
	var version, sourceRPM string
	for e := h.index; len(e) > 0; e = e[16:] {
		var to *string
		switch binary.BigEndian.Uint32(e) {
		case tagName:
			to = &p.Name
		case tagVersion:
			to = &version
		case tagRelease:
			to = &p.Release
		case tagVendor:
			to = &p.Maintainer
		case tagArch:
			to = &p.Arch
		case tagSourceRPM:
			to = &sourceRPM
		case tagModularityLabel:
			to = &p.Module
		case tagEpoch:
			p.Epoch, err = h.uint32At(e)
		}
		if to != nil {
			*to, err = h.stringAt(e, same)
		}
		if err != nil {
			return Package{}, err
		}
	}
	if p.Name == "" || version == "" {
		return Package{}, errors.New("header without name or version")
	}
	p.Version = rpmVersion(p.Epoch, version, p.Release)
	p.SourceName, p.SourceVersion = splitSourceRPM(sourceRPM)
	if p.SourceName == "" {
		p.SourceName, p.SourceVersion = p.Name, rpmVersion(0, version, p.Release)
	}
	h.files(own)
	own.end(p.Name, p.Version, p.Arch)
	return p, nil
}

func (h rpmHeader) stringAt(entry []byte, same interner) (string, error) {
	tag, offset := binary.BigEndian.Uint32(entry), binary.BigEndian.Uint32(entry[8:])
	if binary.BigEndian.Uint32(entry[4:]) != typeString || int64(offset) >= int64(len(h.data)) {
		return "", fmt.Errorf("tag %d is no text", tag)
	}
	value := h.data[offset:]
	end := bytes.IndexByte(value, 0)
	if end < 0 {
		return "", fmt.Errorf("tag %d has no end", tag)
	}
	if end > maxField {
		return "", fmt.Errorf("tag %d is too long", tag)
	}
	return noNone(same.string(value[:end])), nil
}

func (h rpmHeader) uint32At(entry []byte) (int, error) {
	tag, offset := binary.BigEndian.Uint32(entry), binary.BigEndian.Uint32(entry[8:])
	if binary.BigEndian.Uint32(entry[12:]) == 0 {
		return 0, nil
	}
	if binary.BigEndian.Uint32(entry[4:]) != typeInt32 || int64(offset)+4 > int64(len(h.data)) {
		return 0, fmt.Errorf("tag %d is no number", tag)
	}
	return int(binary.BigEndian.Uint32(h.data[offset:])), nil
}

// files gives what the package owns: base names, and for each the number of its directory in a list of these. Where that
// does not fit together nothing is owned; who owns a file is not worth failing for.
func (h rpmHeader) files(own *owning) {
	var names, dirNames, indexes []byte
	for e := h.index; len(e) > 0; e = e[16:] {
		switch binary.BigEndian.Uint32(e) {
		case tagBaseNames:
			names = h.from(e, typeStrings)
		case tagDirNames:
			dirNames = h.from(e, typeStrings)
		case tagDirIndexes:
			indexes = h.from(e, typeInt32)
		}
	}
	last := uint32(math.MaxUint32)
	var dirs [][]byte
	for ; len(indexes) >= 4; indexes = indexes[4:] {
		n := binary.BigEndian.Uint32(indexes)
		for uint64(n) >= uint64(len(dirs)) {
			dir, rest, ok := bytes.Cut(dirNames, []byte{0})
			if !ok {
				return
			}
			dirs, dirNames = append(dirs, dir), rest
		}
		if n != last {
			own.in(dirs[n])
			last = n
		}
		name, rest, ok := bytes.Cut(names, []byte{0})
		if !ok {
			return
		}
		own.file(name)
		names = rest
	}
}

// from gives the data of an entry: up to the end of its numbers, or of all data where these are texts, which are counted
// by the numbers.
func (h rpmHeader) from(entry []byte, kind uint32) []byte {
	offset, count := int64(binary.BigEndian.Uint32(entry[8:])), int64(binary.BigEndian.Uint32(entry[12:]))
	if binary.BigEndian.Uint32(entry[4:]) != kind || offset >= int64(len(h.data)) {
		return nil
	}
	data := h.data[offset:]
	if kind == typeInt32 {
		data = data[:min(4*count, int64(len(data)))]
	}
	return data
}

func rpmVersion(epoch int, version, release string) string {
	if release != "" {
		version += "-" + release
	}
	if epoch > 0 {
		version = strconv.Itoa(epoch) + ":" + version
	}
	return version
}

// splitSourceRPM takes "openssl-3.0.7-6.el9_2.src.rpm" apart.
func splitSourceRPM(file string) (name, version string) {
	nvr := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(file, ".rpm"), ".src"), ".nosrc")
	r := strings.LastIndexByte(nvr, '-')
	if r <= 0 {
		return "", ""
	}
	v := strings.LastIndexByte(nvr[:r], '-')
	if v <= 0 {
		return "", ""
	}
	return nvr[:v], nvr[v+1:]
}
