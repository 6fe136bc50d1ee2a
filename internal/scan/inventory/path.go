package inventory

import (
	"path"
	"strings"
)

// cleanPath gives the path of a tar entry below the root directory: no leading slash, no "." or ".." left, and ".."
// cannot climb out of the root. The root itself is "".
func cleanPath(name string) string {
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	for strings.HasPrefix(name, "/") {
		name = name[1:]
	}
	for strings.HasSuffix(name, "/") {
		name = name[:len(name)-1]
	}
	if isClean(name) {
		return name
	}
	return path.Clean("/" + name)[1:]
}

// isClean says whether no component is empty, "." or ".."; it spares nearly all entries the allocation of path.Clean.
func isClean(name string) bool {
	start := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		switch name[start:i] {
		case "", ".", "..":
			return name == ""
		}
		start = i + 1
	}
	return true
}

// ancestors calls visit with every directory above a clean path, the root ("") last, until visit says false.
func ancestors(clean string, visit func(dir string) bool) {
	for clean != "" {
		i := strings.LastIndexByte(clean, '/')
		if i < 0 {
			visit("")
			return
		}
		clean = clean[:i]
		if !visit(clean) {
			return
		}
	}
}

func baseName(clean string) string { return clean[strings.LastIndexByte(clean, '/')+1:] }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
