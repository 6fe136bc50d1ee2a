package inventory

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// wantsGem takes the specifications of installed gems, Ruby's own ("default") among them. The .gemspec in a gem's sources
// is a program, and the gem need not be installed.
func wantsGem(path string) bool {
	return strings.HasSuffix(path, ".gemspec") && strings.Contains("/"+path, "/specifications/")
}

// parseGem reads what RubyGems writes when it installs a gem: a comment with name and version, which it reads itself in
// place of running the file, and assignments of literals, for older versions.
func parseGem(in *input) ([]Package, error) {
	var name, version string
	for text := newLines(in); name == "" || version == ""; {
		line, cut, err := text.next()
		if err == io.EOF {
			return nil, errors.New("it has no name or no version")
		}
		if err != nil {
			return nil, err
		}
		if cut {
			continue
		}
		if stub, ok := bytes.CutPrefix(line, []byte("# stub: ")); ok {
			if words := strings.Fields(string(stub)); len(words) >= 3 {
				return in.one(words[0], words[1])
			}
		}
		if v := assignedGem(line, "name"); v != "" && name == "" {
			name = v
		}
		if v := assignedGem(line, "version"); v != "" && version == "" {
			version = v
		}
	}
	return in.one(name, version)
}

// assignedGem gives the literal of `s.name = "rake".freeze` or `s.version = Gem::Version.new("1.2")`.
func assignedGem(line []byte, field string) string {
	left, right, ok := bytes.Cut(line, []byte("="))
	left = bytes.TrimSpace(left)
	if !ok || !bytes.HasSuffix(left, []byte("."+field)) || bytes.ContainsAny(left, " \t\"'(") {
		return ""
	}
	right = bytes.TrimSpace(right)
	for _, before := range [...]string{"Gem::Version.new", "(", " "} {
		right = bytes.TrimPrefix(right, []byte(before))
	}
	if len(right) < 2 || right[0] != '"' && right[0] != '\'' {
		return ""
	}
	end := bytes.IndexByte(right[1:], right[0])
	if end < 0 || bytes.IndexByte(right[1:1+end], '\\') >= 0 || bytes.Contains(right[1:1+end], []byte("#{")) {
		return ""
	}
	return string(right[1 : 1+end])
}
