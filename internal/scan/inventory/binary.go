package inventory

import (
	"bytes"
	"io"
	"strings"
)

// executableHead is how many first bytes isExecutable is given, where a file has as many.
const executableHead = 64

// isExecutable says whether the first bytes of a file, whatever its name, are those of a program that parseBinary reads.
// Of ELF files only programs and shared libraries are, not objects and core dumps. Programs of Windows and macOS are
// known by their names as well: most files of these formats in images are libraries of .NET.
func isExecutable(path string, head []byte) bool {
	switch {
	case len(head) < executableHead:
		return false
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		kind := head[16] | head[17] // one of them is zero, whatever the byte order
		return kind == 2 || kind == 3
	case bytes.HasPrefix(head, []byte("MZ")):
		return strings.HasSuffix(path, ".exe")
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")):
		return head[12] == 2 // a program, of 64 bits and little-endian, as all that Go makes are
	}
	return false
}

// parseBinary finds what a Go or Rust program was built from. It sets Package.Kind. A program of another language, or one
// that a packer has made unreadable, has no packages, and neither has one that is broken in any other place.
func parseBinary(in *input) ([]Package, error) {
	r, size, err := in.readerAt()
	if err != nil {
		return nil, err
	}
	return binaryPackages(in, r, size)
}

func binaryPackages(in *input, r io.ReaderAt, size int64) ([]Package, error) {
	f, err := openELF(r, size)
	if err == errELFHeaders {
		return nil, nil
	}
	if err != nil && err != errNoELF {
		return nil, err
	}
	if err == errNoELF || len(f.sections) == 0 {
		info, found, err := searchGo(r, size)
		if err != nil || !found {
			return nil, err
		}
		return goPackages(in, info)
	}
	var packages []Package
	if s, ok := f.find(goBuildInfoSection); ok {
		info, err := readGoSection(f, s)
		if err != nil {
			return nil, err
		}
		if packages, err = goPackages(in, info); err != nil {
			return packages, err
		}
	}
	if s, ok := f.find(rustAuditSection); ok {
		crates, err := rustPackages(in, f, s)
		return append(packages, crates...), err
	}
	return packages, nil
}
