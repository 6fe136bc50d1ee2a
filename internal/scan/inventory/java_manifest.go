package inventory

import (
	"bytes"
	"strings"
)

// jarManifest holds those attributes of the main section of META-INF/MANIFEST.MF that can tell what an archive is.
type jarManifest struct {
	title     string // Implementation-Title
	version   string // Implementation-Version
	vendorID  string // Implementation-Vendor-Id: what Maven and sbt write there is the group
	bundle    string // Bundle-SymbolicName, without its parameters
	bundleVer string // Bundle-Version
	groupID   string // Group-Id, of Jenkins plugins
	shortName string // Short-Name, of the same
	pluginVer string // Plugin-Version, of the same
}

// parseManifest reads the main section. Lines are cut at 72 bytes and continue after a space.
func parseManifest(text []byte) jarManifest {
	var m jarManifest
	var name string
	var value []byte
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break // sections about single files follow
		}
		if line[0] == ' ' {
			if len(value) <= maxCoordinate {
				value = append(value, line[1:]...)
			}
			continue
		}
		m.set(name, value)
		i := bytes.IndexByte(line, ':')
		if i < 0 {
			name = ""
			continue
		}
		name, value = strings.ToLower(string(line[:min(i, 64)])), append(value[:0], bytes.TrimSpace(line[i+1:])...)
	}
	m.set(name, value)
	return m
}

func (m *jarManifest) set(name string, value []byte) {
	if len(value) > maxCoordinate {
		return // nothing that tells a name or a version
	}
	switch name {
	case "implementation-title":
		m.title = string(value)
	case "implementation-version":
		m.version = string(value)
	case "implementation-vendor-id":
		m.vendorID = string(value)
	case "bundle-symbolicname":
		bundle, _, _ := strings.Cut(string(value), ";")
		m.bundle = coordinate(bundle)
	case "bundle-version":
		m.bundleVer = string(value)
	case "group-id":
		m.groupID = string(value)
	case "short-name":
		m.shortName = string(value)
	case "plugin-version":
		m.pluginVer = string(value)
	}
}
