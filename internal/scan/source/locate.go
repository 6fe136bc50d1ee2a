package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/ecru-registry/ecru/internal/registry"
)

// location is where an image is. Of what is on disk, reference is the tag or
// digest that picks one image of several; of a registry it is all there is.
type location struct {
	kind      Kind
	path      string
	reference string
}

// shown is the location as people gave it, without the scheme.
func (l location) shown() string {
	switch {
	case l.path == "":
		return l.reference
	case l.reference == "":
		return l.path
	case registry.ValidDigest(l.reference):
		return l.path + "@" + l.reference
	}
	return l.path + ":" + l.reference
}

// locate says what a name means: what its scheme says, else what is on disk
// under that name, else an image in a registry.
func locate(text string) (location, error) {
	if text == "" {
		return location{}, errors.New("no image is named")
	}
	scheme, rest, found := strings.Cut(text, ":")
	if found {
		switch kind := Kind(scheme); kind {
		case Registry:
			rest = strings.TrimPrefix(rest, "//")
			return location{kind: kind, reference: rest}, checkReference(rest)
		case OCI, OCIArchive, DockerArchive:
			path, reference := splitReference(rest)
			return location{kind: kind, path: path, reference: reference}, mustExist(path)
		case Rootfs, SBOM:
			return location{kind: kind, path: rest}, mustExist(rest)
		}
	}
	path, reference := splitReference(text)
	if _, err := os.Stat(path); err == nil {
		found, err := detect(path, reference)
		if err != nil && reference != "" && !looksLikePath(text) && checkReference(text) == nil {
			return location{kind: Registry, reference: text}, nil // "alpine:3.20" beside a directory alpine with its sources
		}
		return found, err
	}
	if looksLikePath(text) {
		return location{}, mustExist(path)
	}
	return location{kind: Registry, reference: text}, checkReference(text)
}

// splitReference cuts the tag or digest off a path, unless the path with it
// exists.
func splitReference(text string) (path, reference string) {
	if _, err := os.Lstat(text); err == nil {
		return text, ""
	}
	if path, digest, found := strings.Cut(text, "@"); found && registry.ValidDigest(digest) {
		return path, digest
	}
	// The tag of a docker archive can be a whole name: "app.tar:registry.example/app:1".
	for at := strings.IndexByte(text, ':'); at > 0; {
		if _, err := os.Lstat(text[:at]); err == nil {
			return text[:at], text[at+1:]
		}
		next := strings.IndexByte(text[at+1:], ':')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return text, ""
}

func mustExist(path string) error {
	if path == "" {
		return errors.New("no path is given")
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	return nil
}

// looksLikePath tells a path with a mistake in it from the name of an image.
func looksLikePath(text string) bool {
	for _, prefix := range []string{"/", "./", "../", "~"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	for _, suffix := range []string{".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".json"} {
		if strings.HasSuffix(text, suffix) {
			return true
		}
	}
	return text == "." || text == ".."
}

func checkReference(text string) error {
	if _, err := name.ParseReference(text); err != nil {
		return fmt.Errorf("%q is neither a file or directory here nor the name of an image: %w", text, err)
	}
	return nil
}

// detect says what is on disk.
func detect(path, reference string) (location, error) {
	info, err := os.Stat(path)
	if err != nil {
		return location{}, err
	}
	var kinds []Kind
	if info.IsDir() {
		kinds = detectDirectory(path)
	} else if kinds, err = detectFile(path); err != nil {
		return location{}, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case len(kinds) == 0 && info.IsDir():
		return location{}, fmt.Errorf("%s is a directory, but neither an OCI layout nor a root filesystem: say rootfs:%s if it is one, or registry:%s for an image of that name", path, path, path)
	case len(kinds) == 0:
		return location{}, fmt.Errorf("%s is neither an image, nor a root filesystem, nor a bill of materials in JSON", path)
	case len(kinds) > 1:
		return location{}, fmt.Errorf("%s can be read as several things: say %s:%s or %s:%s", path, kinds[0], path, kinds[1], path)
	}
	if reference != "" && (kinds[0] == Rootfs || kinds[0] == SBOM) {
		return location{}, fmt.Errorf("%s is one %s: %q cannot pick anything in it", path, kinds[0], reference)
	}
	return location{kind: kinds[0], path: path, reference: reference}, nil
}

// systemDirectories are in the root of a filesystem and of nothing else.
func systemDirectories() map[string]bool {
	return map[string]bool{"bin": true, "etc": true, "lib": true, "lib64": true, "sbin": true, "usr": true, "var": true, "proc": true, "opt": true}
}

func detectDirectory(path string) (kinds []Kind) {
	exists := func(parts ...string) bool {
		_, err := os.Lstat(filepath.Join(append([]string{path}, parts...)...))
		return err == nil
	}
	if exists("index.json") && (exists("oci-layout") || exists("blobs")) {
		kinds = append(kinds, OCI)
	}
	if exists("etc", "os-release") || exists("usr", "lib", "os-release") || exists("var", "lib", "dpkg") || exists("lib", "apk", "db") || exists("var", "lib", "rpm") || exists("usr") && exists("etc") {
		kinds = append(kinds, Rootfs)
	}
	return kinds
}

// detectFile looks at the first bytes, and into archives.
func detectFile(path string) ([]Kind, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start, err := bufio.NewReaderSize(f, 512).Peek(512)
	if err != nil && err != io.EOF {
		return nil, err
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(start), "\xef\xbb\xbf"), " \t\r\n")
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "<") || strings.HasPrefix(text, "SPDXVersion:") {
		return []Kind{SBOM}, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return detectArchive(f)
}

// openRegular opens a file that is one: opening a pipe would wait for ever.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	return os.Open(path)
}
