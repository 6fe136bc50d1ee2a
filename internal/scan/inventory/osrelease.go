package inventory

import (
	"io"
	"strings"
)

// osReleaseBytes is more than any os-release file needs; a longer one is none.
const osReleaseBytes = 64 << 10

// wantsOSRelease takes the two standard places and what symbolic links there usually lead to. Which of them counts is
// known only after merging.
func wantsOSRelease(path string) bool {
	name := baseName(path)
	return strings.HasSuffix(name, "os-release") || strings.HasPrefix(name, "os-release-") ||
		strings.HasPrefix(path, "usr/lib/os.release.d/")
}

// readOSRelease gives the zero value when the file is too long to be one.
func readOSRelease(r io.Reader) (OSRelease, error) {
	text, err := io.ReadAll(io.LimitReader(r, osReleaseBytes+1))
	if err != nil || len(text) > osReleaseBytes {
		return OSRelease{}, err
	}
	return parseOSRelease(string(text)), nil
}

// parseOSRelease reads shell-like assignments as os-release(5) describes them; lines that are none are skipped, as all
// its readers do.
func parseOSRelease(text string) OSRelease {
	var o OSRelease
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || len(value) > maxField {
			continue
		}
		value = strings.ToValidUTF8(unquote(value), "�")
		switch key {
		case "ID":
			o.ID = strings.ToLower(value)
		case "VERSION_ID":
			o.VersionID = value
		case "VERSION_CODENAME":
			o.VersionCodename = value
		case "NAME":
			o.Name = value
		case "PRETTY_NAME":
			o.PrettyName = value
		case "ID_LIKE":
			o.IDLike = strings.Fields(strings.ToLower(value))
		case "CPE_NAME":
			o.CPEName = value
		case "SUPPORT_END":
			o.SupportEnd = value
		}
	}
	return o
}

// unquote undoes shell quoting: one pair of quotes, and inside double quotes a backslash before $ " \ and `.
func unquote(v string) string {
	v = strings.TrimSpace(v)
	if len(v) < 2 || v[0] != v[len(v)-1] || v[0] != '"' && v[0] != '\'' {
		return v
	}
	quote := v[0]
	v = v[1 : len(v)-1]
	if quote == '\'' || strings.IndexByte(v, '\\') < 0 {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) && strings.IndexByte("$\"\\`", v[i+1]) >= 0 {
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}
