package oci

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// maxPushTags is how many tags one push may set.
const maxPushTags = 100

// reference reads what follows "manifests/". A colon makes it a digest: no tag
// has one.
func reference(ref string) (registry.Reference, error) {
	switch {
	case strings.Contains(ref, ":"):
		if !registry.ValidDigest(ref) {
			return registry.Reference{}, errDigest
		}
		return registry.Reference{Digest: ref}, nil
	case !registry.ValidTag(ref):
		return registry.Reference{}, errNoManifest
	}
	return registry.Reference{Tag: ref}, nil
}

// getManifest sends a manifest as it was stored, whatever Accept says. Only GET
// counts as a pull.
func (h *Handler) getManifest(x *exchange) error {
	ref, err := reference(x.target.ref)
	if err != nil {
		return err
	}
	use := service.ManifestPull
	if x.head() {
		use = service.ManifestLook
	}
	m, err := h.Registry.Manifest(x.r.Context(), x.caller, x.target.name, ref, use)
	if err != nil {
		return err
	}
	etag := manifestHeaders(x.w.Header(), m)
	if list := x.r.Header.Get("If-None-Match"); list != "" && etagMatches(list, etag) {
		x.w.Header().Del("Content-Length")
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	x.w.WriteHeader(http.StatusOK)
	if !x.head() {
		_, _ = x.w.Write(m.Payload) // who does not read it is gone
	}
	return nil
}

// manifestHeaders describes a manifest, with one allocation for all values:
// this is the hottest path of all.
func manifestHeaders(header http.Header, m *registry.StoredManifest) (etag string) {
	etag = `"` + m.Digest + `"`
	values := []string{m.MediaType, m.Digest, etag, strconv.Itoa(len(m.Payload))}
	header["Content-Type"] = values[0:1:1]
	header["Docker-Content-Digest"] = values[1:2:2]
	header["Etag"] = values[2:3:3]
	header["Content-Length"] = values[3:4:4]
	return etag
}

// putManifest stores a manifest under a tag, or under its digest and the tags
// of the query.
func (h *Handler) putManifest(x *exchange) error {
	in := service.PushManifest{Repository: x.target.name, MediaType: x.r.Header.Get("Content-Type")}
	named, err := pushTags(x)
	if err != nil {
		return err
	}
	if strings.Contains(x.target.ref, ":") {
		in.Digest, in.Tags = x.target.ref, named
	} else {
		in.Tags, named = []string{x.target.ref}, nil
	}
	if in.Payload, err = readManifest(x); err != nil {
		return err
	}
	m, result, err := h.Registry.PutManifest(x.r.Context(), x.caller, in)
	if err != nil {
		return err
	}
	header := x.w.Header()
	header.Set("Location", "/v2/"+x.target.name+"/manifests/"+result.Image.Digest)
	header.Set("Docker-Content-Digest", result.Image.Digest)
	if m.Subject != nil {
		header.Set("Oci-Subject", m.Subject.Digest)
	}
	for _, tag := range named {
		header.Add("Oci-Tag", tag)
	}
	x.w.WriteHeader(http.StatusCreated)
	return nil
}

// pushTags checks the reference of a push and reads the tags of its query.
func pushTags(x *exchange) ([]string, error) {
	if strings.Contains(x.target.ref, ":") && !registry.ValidDigest(x.target.ref) {
		return nil, errDigest
	}
	if x.r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, errQuery
	}
	if len(query["tag"]) > maxPushTags {
		return nil, errManyTags
	}
	var tags []string
	for _, tag := range query["tag"] {
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

// deleteManifest deletes a tag, which leaves the image, or an image with all
// its tags.
func (h *Handler) deleteManifest(x *exchange) error {
	ref, err := reference(x.target.ref)
	if err != nil {
		return err
	}
	if err := h.Registry.DeleteReference(x.r.Context(), x.caller, x.target.name, ref); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}
