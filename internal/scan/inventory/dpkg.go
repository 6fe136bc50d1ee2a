package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const statusDir = "var/lib/dpkg/status.d/"

// wantsDpkg knows dpkg's database, and the directory that distroless images have in its place: one file a package, with
// lists of checksums beside them.
func wantsDpkg(path string) bool {
	if path == "var/lib/dpkg/status" {
		return true
	}
	name, ok := strings.CutPrefix(path, statusDir)
	return ok && !strings.HasSuffix(name, ".md5sums") && strings.IndexByte(name, '/') < 0
}

// stanza is what we read of one package of a dpkg status file.
type stanza struct {
	Package
	status string
}

// parseDpkg reads paragraphs of "Field: value" lines; lines that begin with white space continue a field that we do not
// need.
func parseDpkg(in *input) ([]Package, error) {
	d := &dpkgParser{in: in, inDir: strings.HasPrefix(in.path, statusDir)}
	text := newLines(in)
	for {
		line, cut, err := text.next()
		if err != nil && err != io.EOF {
			return nil, err
		}
		switch {
		case len(line) == 0:
			if endErr := d.end(); endErr != nil {
				return nil, fmt.Errorf("before line %d: %w", text.count, endErr)
			}
			if err == io.EOF {
				return d.packages, nil
			}
		case line[0] == ' ' || line[0] == '\t':
		default:
			if err := d.field(line, cut); err != nil {
				return nil, fmt.Errorf("line %d: %w", text.count, err)
			}
		}
	}
}

type dpkgParser struct {
	in       *input
	inDir    bool // a status.d file: there is no Status field, everything is installed
	packages []Package
	cur      stanza
}

func (d *dpkgParser) field(line []byte, cut bool) error {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(key) == 0 {
		return errors.New("no field")
	}
	var to *string
	switch string(key) {
	case "Package":
		to = &d.cur.Name
	case "Version":
		to = &d.cur.Version
	case "Architecture":
		to = &d.cur.Arch
	case "Maintainer":
		to = &d.cur.Maintainer
	case "Status":
		to = &d.cur.status
	case "Source":
		to = &d.cur.SourceName
	default:
		return nil
	}
	if cut || bytes.IndexByte(value, 0) >= 0 {
		return fmt.Errorf("field %s is too long or no text", key)
	}
	*to = d.in.same.string(bytes.TrimSpace(value))
	return nil
}

func (d *dpkgParser) end() error {
	s := d.cur
	d.cur = stanza{}
	if s.Name == "" || !s.installed(d.inDir) {
		return nil
	}
	if s.Version == "" {
		return fmt.Errorf("package %q has no version", s.Name)
	}
	if err := s.splitSource(); err != nil {
		return err
	}
	s.Epoch, s.Release = splitDebVersion(s.Version)
	if err := d.in.take(&s.Package); err != nil {
		return err
	}
	d.packages = append(d.packages, s.Package)
	return nil
}

// installed reads the third word of "want flag status". A package that is unpacked and waits for its configuration has
// all its files in place; one in the state config-files has none of its programs.
func (s *stanza) installed(inDir bool) bool {
	if s.status == "" {
		return inDir
	}
	words := strings.Fields(s.status)
	switch words[len(words)-1] {
	case "installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending":
		return true
	}
	return false
}

// splitSource takes "Source: name (version)" apart. Without the field the source is named and numbered like the package.
func (s *stanza) splitSource() error {
	field := s.SourceName
	s.SourceName, s.SourceVersion = s.Name, s.Version
	if field == "" {
		return nil
	}
	name, rest, hasVersion := strings.Cut(field, "(")
	s.SourceName = strings.TrimSpace(name)
	if hasVersion {
		s.SourceVersion = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), ")"))
	}
	if s.SourceName == "" || s.SourceVersion == "" {
		return fmt.Errorf("package %q has the invalid source %q", s.Name, field)
	}
	return nil
}

// splitDebVersion gives the epoch and the revision of [epoch:]upstream[-revision].
func splitDebVersion(version string) (epoch int, revision string) {
	if e, rest, ok := strings.Cut(version, ":"); ok {
		if n, err := strconv.Atoi(e); err == nil && n >= 0 {
			epoch, version = n, rest
		}
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		revision = version[i+1:]
	}
	return epoch, revision
}
