package main

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // rpm's databases are SQLite's
)

// rpmPackage is a line of the corpus: "openssl-libs 1:3.0.7-6.el9_2 openssl".
type rpmPackage struct {
	name, version, release string
	epoch                  int
	source, module         string
}

func parseRPM(line string) rpmPackage {
	var p rpmPackage
	var words []string
	for _, word := range strings.Fields(line) {
		if label, found := strings.CutPrefix(word, "module="); found {
			p.module = label
			continue
		}
		words = append(words, word)
	}
	p.name = words[0]
	version := words[1]
	if epoch, rest, found := strings.Cut(version, ":"); found {
		p.epoch, _ = strconv.Atoi(epoch)
		version = rest
	}
	p.version, p.release, _ = strings.Cut(version, "-")
	source := p.name
	if len(words) > 2 {
		source = words[2]
	}
	p.source = source + "-" + p.version + "-" + p.release + ".src.rpm"
	return p
}

// rpmManifest is the list that distroless images have in place of a database.
func rpmManifest(packages lines) string {
	var out strings.Builder
	for _, line := range packages {
		p := parseRPM(line)
		fmt.Fprintf(&out, "%s\t%s-%s\t1717200000\t1717200000\tMicrosoft Corporation\t(none)\t1000\tx86_64\t%d\t%s\n",
			p.name, p.version, p.release, p.epoch, p.source)
	}
	return out.String()
}

// rpmDatabase is a database as rpm 4.16 and newer write it, without the tables
// that only make it quicker.
func rpmDatabase(packages lines) (content string, err error) {
	dir, err := os.MkdirTemp("", "ecru-accuracy-rpm-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rpmdb.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return "", err
	}
	_, err = db.Exec("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
	for _, line := range packages {
		if err == nil {
			_, err = db.Exec("INSERT INTO Packages (blob) VALUES (?)", parseRPM(line).header())
		}
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return "", err
	}
	file, err := os.ReadFile(path)
	return string(file), err
}

// header is the stored form of a package: an index of tags, and their values.
func (p rpmPackage) header() []byte {
	const number, text = 4, 6
	var index, data []byte
	tags := uint32(0)
	add := func(tag, kind uint32, value []byte) {
		for _, v := range []uint32{tag, kind, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, value...)
		tags++
	}
	if p.epoch != 0 { // first, where it is aligned
		add(1003, number, binary.BigEndian.AppendUint32(nil, uint32(p.epoch)))
	}
	for _, t := range []struct {
		tag   uint32
		value string
	}{{1000, p.name}, {1001, p.version}, {1002, p.release}, {1022, "x86_64"}, {1044, p.source}, {5096, p.module}} {
		if t.value != "" {
			add(t.tag, text, append([]byte(t.value), 0))
		}
	}
	out := binary.BigEndian.AppendUint32(nil, tags)
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return append(append(out, index...), data...)
}
