package inventory

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// wantsAPK knows the places of apk's database: the classic one, the one of a merged /usr, and that of some derivatives.
func wantsAPK(path string) bool {
	switch path {
	case "lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/apk/db/installed":
		return true
	}
	return false
}

// parseAPK reads apk's "installed" file: lines of one letter, a colon and a value; an empty line ends a package.
func parseAPK(in *input) ([]Package, error) {
	var packages []Package
	var p Package
	text := newLines(in)
	for {
		line, cut, err := text.next()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(line) == 0 {
			if packages, p, err = endAPK(packages, p, err, in, text.count); err != nil {
				return packages, ignoreEOF(err)
			}
			continue
		}
		if len(line) < 2 || line[1] != ':' {
			return nil, fmt.Errorf("line %d is no field", text.count)
		}
		if cut && (line[0] == 'F' || line[0] == 'R') {
			continue // no path that could be in the layer
		}
		switch line[0] {
		case 'F':
			in.own.in(line[2:])
			continue
		case 'R':
			in.own.file(line[2:])
			continue
		}
		if err := fieldAPK(&p, line[0], line[2:], cut, in.same); err != nil {
			return nil, fmt.Errorf("line %d: %w", text.count, err)
		}
	}
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func fieldAPK(p *Package, key byte, value []byte, cut bool, same interner) error {
	var to *string
	switch key {
	case 'P':
		to = &p.Name
	case 'V':
		to = &p.Version
	case 'A':
		to = &p.Arch
	case 'o':
		to = &p.SourceName
	case 'm':
		to = &p.Maintainer
	default:
		return nil
	}
	if cut || bytes.IndexByte(value, 0) >= 0 {
		return fmt.Errorf("field %c is too long or no text", key)
	}
	*to = same.string(value)
	return nil
}

// endAPK ends a package at an empty line or the end of the file; end is passed through.
func endAPK(packages []Package, p Package, end error, in *input, line int) ([]Package, Package, error) {
	switch {
	case p.Name == "" && p.Version == "":
		return packages, Package{}, end
	case p.Name == "" || p.Version == "":
		return nil, p, fmt.Errorf("the package before line %d has no name or no version", line)
	}
	if p.SourceName == "" {
		p.SourceName = p.Name
	}
	p.SourceVersion = p.Version
	if i := strings.LastIndexByte(p.Version, '-'); i >= 0 {
		p.Release = p.Version[i+1:]
	}
	if err := in.take(&p); err != nil {
		return nil, p, err
	}
	in.own.end(p.Name, p.Version, p.Arch)
	in.own.in(nil)
	return append(packages, p), Package{}, end
}
