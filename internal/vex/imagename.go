package vex

import (
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"
)

// imageName is what a statement calls an image, beside a digest alone.
type imageName struct {
	host       string // empty: none was named
	repository string // the path, or only its last part: see partial
	partial    bool
	digest     string
	tag        string
	release    string // of the distribution that the image is of
}

// parseImage reads the name of an image: a reference, a package URL of type oci or
// docker, or a CPE of a distribution's release.
func parseImage(name string) (imageName, bool) {
	if release, ok := releaseOf(name); ok {
		return imageName{release: release}, true
	}
	if !strings.HasPrefix(name, "pkg:") {
		return parseReference(name)
	}
	u, err := packageurl.FromString(name)
	if err != nil || u.Type != packageurl.TypeOCI && u.Type != packageurl.TypeDocker {
		return imageName{}, false
	}
	i := imageName{repository: strings.TrimPrefix(u.Namespace+"/"+u.Name, "/")}
	if isDigest(u.Version) {
		i.digest = u.Version
	} else {
		i.tag = u.Version
	}
	for _, q := range u.Qualifiers {
		switch q.Key {
		case "tag":
			i.tag = q.Value
		case "repository_url":
			i.locate(q.Value, u.Name)
		}
	}
	// An image of any registry may have the same last part of its name.
	i.partial = i.host == "" && u.Type == packageurl.TypeOCI
	return i, true
}

// locate takes a repository_url, which ends with the name or comes before it.
func (i *imageName) locate(url, name string) {
	url = strings.Trim(url[strings.Index(url, "://")+1:], ":/")
	host, path, _ := strings.Cut(url, "/")
	if path != name && !strings.HasSuffix(path, "/"+name) {
		path = strings.TrimPrefix(path+"/"+name, "/")
	}
	i.host, i.repository = host, path
}

// parseReference reads HOST/REPOSITORY:TAG@DIGEST, where all but the repository
// and one of the last two may be missing.
func parseReference(name string) (imageName, bool) {
	rest, digest, _ := strings.Cut(name, "@")
	if digest != "" && !isDigest(digest) || strings.ContainsAny(name, " \t?#") || strings.Contains(name, "://") {
		return imageName{}, false
	}
	i := imageName{digest: digest}
	if at := strings.LastIndexByte(rest, ':'); at > strings.LastIndexByte(rest, '/') {
		rest, i.tag = rest[:at], rest[at+1:]
	}
	if host, path, ok := strings.Cut(rest, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		i.host, rest = host, path
	}
	i.repository = rest
	return i, rest != "" && (i.tag != "" || i.digest != "")
}

func isDigest(s string) bool {
	hash, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hash) == 64 && strings.Trim(hash, "0123456789abcdef") == ""
}

// names says whether it is the name of an image. The digest says what an image
// holds, wherever it is; without one the name must be ours in full.
func (i *imageName) names(image *Image) bool {
	switch {
	case i.release != "":
		return false // it is a matter of packages
	case i.digest != "" && i.digest != image.Digest:
		return false
	case i.partial:
		if i.repository != image.Repository[strings.LastIndexByte(image.Repository, '/')+1:] {
			return false
		}
		if i.digest == "" && i.repository != image.Repository {
			return false
		}
	case i.repository != image.Repository:
		return false
	case i.digest == "" && i.host != "" && !slices.Contains(image.Hosts, i.host):
		return false
	}
	// A tag beside a digest was where the image had it then.
	return i.digest != "" || i.tag == "" || slices.Contains(image.Tags, i.tag)
}
