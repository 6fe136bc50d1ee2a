package inventory

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// wantsPython knows what installers leave of a distribution: the directory of a wheel, that of a development install or
// an unpacked egg, and the single file of distutils. Wheels that are not unpacked are not installed.
func wantsPython(path string) bool {
	switch baseName(path) {
	case "METADATA":
		return strings.HasSuffix(path, ".dist-info/METADATA")
	case "PKG-INFO":
		return strings.HasSuffix(path, ".egg-info/PKG-INFO") || strings.HasSuffix(path, "EGG-INFO/PKG-INFO")
	}
	return strings.HasSuffix(path, ".egg-info")
}

// parsePython reads the head of a metadata file, which is like that of a mail, as far as name and version. It stops where
// a line is no field, as readers of such files do: some distributions were published with broken descriptions.
func parsePython(in *input) ([]Package, error) {
	var name, version string
	for text := newLines(in); name == "" || version == ""; {
		line, cut, err := text.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			continue // more of the field before
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			break
		}
		var to *string
		switch {
		case bytes.EqualFold(key, []byte("name")):
			to = &name
		case bytes.EqualFold(key, []byte("version")):
			to = &version
		default:
			continue
		}
		if cut {
			return nil, errors.New("name or version is too long")
		}
		if *to == "" {
			*to = string(bytes.TrimSpace(value))
		}
	}
	if name == "" || version == "" {
		return nil, errors.New("it has no name or no version")
	}
	return in.one(name, version)
}

// wantsEgg takes eggs that are not unpacked: unlike wheels they are installed as they are.
func wantsEgg(path string) bool { return strings.HasSuffix(path, ".egg") }

// parseEgg reads the metadata within.
func parseEgg(in *input) ([]Package, error) {
	file, size, err := in.readerAt()
	if err != nil {
		return nil, err
	}
	z, err := openZip(file, size)
	if err != nil {
		return nil, err
	}
	var info zipItem
	isInfo := func(name []byte) bool { return string(name) == "EGG-INFO/PKG-INFO" }
	if err := z.each(in.text, isInfo, func(i zipItem) error { info = i; return nil }); err != nil || info.name == "" {
		return nil, err
	}
	var inflater io.ReadCloser
	body, err := z.open(&info, &inflater)
	if err != nil {
		return nil, err
	}
	if err := in.charge(maxEggInfo); err != nil {
		return nil, err
	}
	within := *in
	within.r = io.LimitReader(body, maxEggInfo)
	return parsePython(&within)
}

// maxEggInfo is more than anybody's metadata. Name and version are at its beginning.
const maxEggInfo = 1 << 20
