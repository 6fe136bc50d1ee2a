package oci

import (
	"net/url"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// kind is what a path leads to.
type kind uint8

const (
	kindNone kind = iota
	kindBase
	kindCatalog
	kindManifest
	kindBlob
	kindUploads
	kindUpload
	kindTags
	kindReferrers
	kindLayer
	kinds
)

func (k kind) String() string {
	names := [kinds]string{"none", "base", "catalog", "manifest", "blob", "uploads", "upload", "tags", "referrers", "layer"}
	return names[k]
}

const (
	apiPrefix    = "/v2/"
	layersPrefix = "/layers/"
)

// target is what a request is about.
type target struct {
	kind kind
	// badName is set when the path has the form of an endpoint and its
	// repository's name can be nobody's.
	badName bool
	account string // of a layer
	name    string // of the repository
	ref     string // tag, digest or upload id
}

// parsePath reads a path of the API. It goes from the right, because names of
// repositories may contain the words that separate them from the rest.
func parsePath(u *url.URL) target {
	if u.Path == apiPrefix || u.Path == "/v2" {
		return target{kind: kindBase}
	}
	rest, ok := strings.CutPrefix(u.Path, apiPrefix)
	if !ok {
		return target{}
	}
	if rest == "_catalog" {
		return target{kind: kindCatalog}
	}
	t := splitPath(rest)
	if t.kind != kindNone {
		t.badName = hasEncodedSlash(u) || !registry.ValidRepositoryName(t.name)
	}
	return t
}

// splitPath cuts "<name>/<endpoint>".
func splitPath(rest string) target {
	head, ref, ok := cutLast(rest)
	if !ok {
		return target{}
	}
	name, verb, _ := cutLast(head)
	switch {
	case verb == "blobs" && ref == "uploads":
		return target{kind: kindUploads, name: name}
	case verb == "uploads":
		name, verb, _ = cutLast(name)
		if verb != "blobs" {
			return target{}
		}
		if ref == "" {
			return target{kind: kindUploads, name: name}
		}
		return target{kind: kindUpload, name: name, ref: ref}
	case verb == "tags" && ref == "list":
		return target{kind: kindTags, name: name}
	case ref == "":
		return target{}
	case verb == "manifests":
		return target{kind: kindManifest, name: name, ref: ref}
	case verb == "blobs":
		return target{kind: kindBlob, name: name, ref: ref}
	case verb == "referrers":
		return target{kind: kindReferrers, name: name, ref: ref}
	}
	return target{}
}

// parseLayerPath reads "/layers/<account>/<name>/<digest>".
func parseLayerPath(u *url.URL) target {
	account, rest, ok := strings.Cut(strings.TrimPrefix(u.Path, layersPrefix), "/")
	name, digest, split := cutLast(rest)
	if !ok || !split || digest == "" || !registry.ValidAccount(account) {
		return target{}
	}
	return target{
		kind: kindLayer, account: account, name: name, ref: digest,
		badName: hasEncodedSlash(u) || !registry.ValidRepositoryName(name),
	}
}

// cutLast cuts around the last slash. Without one everything is after it.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// hasEncodedSlash says whether a slash of the decoded path was none as sent:
// such a path is ambiguous, and no client of ours needs it.
func hasEncodedSlash(u *url.URL) bool {
	return u.RawPath != "" && (strings.Contains(u.RawPath, "%2f") || strings.Contains(u.RawPath, "%2F"))
}
