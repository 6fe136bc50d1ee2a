package inventory

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// coordinates name an artifact of a Maven repository. Parts that are not known are empty.
type coordinates struct {
	group, artifact, version string
}

func (c coordinates) complete() bool { return c.group != "" && c.artifact != "" && c.version != "" }

// name is "group:artifact", or the artifact alone where no group is known: a guess would be a claim about other software.
func (c coordinates) name() string {
	if c.group == "" {
		return c.artifact
	}
	return c.group + ":" + c.artifact
}

// maxCoordinate is far above what Maven's repositories hold.
const maxCoordinate = 512

// coordinate takes a text as a part of coordinates: what has placeholders left, spaces or colons in it is none.
func coordinate(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxCoordinate {
		return ""
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == 0xfffd || strings.ContainsRune(`:$%{}"<>|\`, r) {
			return ""
		}
	}
	return s
}

// parsePomProperties reads what Maven leaves of a build: a file of Java properties with three keys.
func parsePomProperties(text []byte) coordinates {
	var c coordinates
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || line[0] == '!' {
			continue
		}
		i := bytes.IndexAny(line, "=:")
		if i < 0 {
			continue
		}
		value := coordinate(unescapeProperty(string(bytes.TrimSpace(line[i+1:]))))
		switch string(bytes.TrimSpace(line[:i])) {
		case "groupId":
			c.group = value
		case "artifactId":
			c.artifact = value
		case "version":
			c.version = value
		}
	}
	return c
}

// unescapeProperty undoes what java.util.Properties does to a value when it stores it.
func unescapeProperty(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == 'u' && i+4 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
				out.WriteRune(rune(n))
				i += 4
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// pomXML is as much of a project as its coordinates depend on.
type pomXML struct {
	own, parent coordinates
	properties  map[string]string
}

// parsePomXML reads the coordinates of a project. What it does not say itself it has of its parent, and placeholders
// stand for what this one file says; those that do not are unknown.
func parsePomXML(r io.Reader) (coordinates, error) {
	p := pomXML{properties: map[string]string{}}
	if err := p.read(r); err != nil {
		return coordinates{}, err
	}
	c := coordinates{artifact: p.resolve(p.own.artifact), group: p.resolve(p.own.group), version: p.resolve(p.own.version)}
	if c.group == "" {
		c.group = p.resolve(p.parent.group)
	}
	if p.own.version == "" {
		c.version = p.resolve(p.parent.version)
	}
	return c, nil
}

func (p *pomXML) read(r io.Reader) error {
	d := xml.NewDecoder(r)
	d.Strict = false
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") {
			return r, nil
		}
		return latin1{bufio.NewReader(r)}, nil // coordinates are ASCII, and so is what they look like in any such set
	}
	var at []string
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(at) < 4 {
				at = append(at, t.Name.Local)
			} else if err := d.Skip(); err != nil {
				return err
			}
		case xml.EndElement:
			if len(at) > 0 {
				at = at[:len(at)-1]
			}
			if len(at) == 0 {
				return nil
			}
		case xml.CharData:
			p.text(at, t)
		}
	}
}

// text takes the text of an element.
func (p *pomXML) text(at []string, text []byte) {
	if len(at) < 2 || at[0] != "project" || len(text) > maxCoordinate {
		return
	}
	value := strings.TrimSpace(string(text))
	switch {
	case len(at) == 2:
		p.own.set(at[1], value)
	case len(at) == 3 && at[1] == "parent":
		p.parent.set(at[2], value)
	case len(at) == 3 && at[1] == "properties" && value != "" && len(p.properties) < 1000:
		p.properties[at[2]] = value
	}
}

func (c *coordinates) set(element, value string) {
	switch {
	case value == "":
	case element == "groupId":
		c.group = value
	case element == "artifactId":
		c.artifact = value
	case element == "version":
		c.version = value
	}
}

// resolve replaces placeholders. Those within replacements are replaced a few times at most.
func (p *pomXML) resolve(s string) string {
	for range 8 {
		start := strings.Index(s, "${")
		if start < 0 || len(s) > maxCoordinate {
			break
		}
		end := strings.IndexByte(s[start:], '}')
		if end < 0 {
			break
		}
		s = s[:start] + p.placeholder(s[start+2:start+end]) + s[start+end+1:]
	}
	return coordinate(s)
}

func (p *pomXML) placeholder(name string) string {
	switch name {
	case "project.groupId", "pom.groupId", "groupId":
		if p.own.group == "" {
			return p.parent.group
		}
		return p.own.group
	case "project.artifactId", "pom.artifactId", "artifactId":
		return p.own.artifact
	case "project.version", "pom.version", "version":
		if p.own.version == "" {
			return p.parent.version
		}
		return p.own.version
	case "project.parent.groupId", "parent.groupId":
		return p.parent.group
	case "project.parent.version", "parent.version":
		return p.parent.version
	}
	if v, ok := p.properties[name]; ok {
		return v
	}
	return "$" // which is in no coordinate
}

// latin1 gives bytes of a one-byte character set as UTF-8.
type latin1 struct{ r *bufio.Reader }

func (l latin1) Read(p []byte) (int, error) {
	n := 0
	for n+2 <= len(p) {
		if n > 0 && l.r.Buffered() == 0 {
			break
		}
		b, err := l.r.ReadByte()
		if err != nil {
			return n, err
		}
		n += copy(p[n:], string(rune(b)))
	}
	return n, nil
}
