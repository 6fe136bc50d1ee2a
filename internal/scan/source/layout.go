package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/ecru-registry/ecru/internal/registry"
)

// layout is an OCI layout: a directory or an archive of one.
type layout struct{ files files }

func blobPath(digest string) (string, error) {
	if !registry.ValidDigest(digest) {
		return "", fmt.Errorf("%.100q is not a digest", digest)
	}
	algorithm, sum, _ := strings.Cut(digest, ":")
	return path.Join("blobs", algorithm, sum), nil
}

func (l *layout) has(digest string) bool {
	at, err := blobPath(digest)
	if err != nil {
		return false
	}
	content, _, err := l.files.open(at)
	if err != nil {
		return false
	}
	content.Close()
	return true
}

func (l *layout) blob(_ context.Context, d registry.Descriptor) (io.ReadCloser, error) {
	at, err := blobPath(d.Digest)
	if err != nil {
		return nil, err
	}
	content, _, err := l.files.open(at)
	if missing(err) {
		return nil, fmt.Errorf("the layout does not hold %s: %w", d.Digest, err)
	}
	return content, err
}

func (l *layout) manifest(ctx context.Context, d registry.Descriptor) ([]byte, error) {
	content, err := l.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	return readBounded(content, registry.MaxManifestSize)
}

func (r *reader) layoutDirectory(ctx context.Context, where location) ([]*Image, error) {
	dir, err := openDirectory(where.path)
	if err != nil {
		return nil, err
	}
	defer dir.close()
	return r.layout(ctx, dir, where)
}

// layout reads what the index of a layout names by a tag or digest.
func (r *reader) layout(ctx context.Context, from files, where location) ([]*Image, error) {
	l := &layout{files: from}
	content, _, err := from.open("index.json")
	if err != nil {
		return nil, fmt.Errorf("it is no OCI layout: %w", err)
	}
	payload, err := readBounded(content, registry.MaxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	children, err := layoutChildren(payload)
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	picked, err := r.pick(l, children, where)
	if err != nil {
		return nil, err
	}
	var all []*Image
	for _, c := range picked {
		images, err := r.images(ctx, l, c, 0)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			image.Tag = cmpTag(where.reference, c)
		}
		all = append(all, images...)
	}
	return all, nil
}

func layoutChildren(payload []byte) ([]child, error) {
	var index struct {
		MediaType string  `json:"mediaType"`
		Manifests []child `json:"manifests"`
	}
	if err := json.Unmarshal(payload, &index); err != nil {
		return nil, err
	}
	for _, c := range index.Manifests {
		if !registry.ValidDigest(c.Digest) {
			return nil, fmt.Errorf("%.100q is not a digest", c.Digest)
		}
	}
	return slices.DeleteFunc(index.Manifests, func(c child) bool { return c.attestation() }), nil
}

// pick finds what was asked for by tag or digest, or the only one there is.
func (r *reader) pick(l *layout, children []child, where location) ([]child, error) {
	if len(children) == 0 {
		return nil, errors.New("the layout holds no images")
	}
	if where.reference == "" {
		return r.pickUnnamed(children, where)
	}
	var found []child
	for _, c := range children {
		if c.Digest == where.reference || slices.Contains(c.names(), where.reference) || sameImage(c.names(), where.reference) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0 && registry.ValidDigest(where.reference) && l.has(where.reference):
		return []child{{Descriptor: registry.Descriptor{Digest: where.reference}}}, nil // one of an index
	case len(found) == 0:
		return nil, fmt.Errorf("it holds no %q, but %s", where.reference, names(children))
	case len(found) > 1:
		return r.choose(found)
	}
	return found, nil
}

// pickUnnamed takes the only image; several that differ in platform are like an
// index.
func (r *reader) pickUnnamed(children []child, where location) ([]child, error) {
	if len(children) == 1 {
		return children, nil
	}
	seen := map[string]bool{}
	for _, c := range children {
		p := c.platform()
		if p == "" || seen[p] {
			return nil, fmt.Errorf("it holds several images: pick one, as in %s:%s:TAG (there are %s)", where.kind, where.path, names(children))
		}
		seen[p] = true
	}
	return r.choose(children)
}

// names are the tags of an image in a layout, as several tools note them.
func (c *child) names() []string {
	var all []string
	for _, key := range []string{"org.opencontainers.image.ref.name", "io.containerd.image.name"} {
		if value := c.Annotations[key]; value != "" {
			all = append(all, value)
			if tag, err := name.NewTag(value); err == nil && strings.Contains(value, ":") {
				all = append(all, tag.TagStr())
			}
		}
	}
	return all
}

func names(children []child) string {
	var all []string
	for _, c := range children {
		text := c.Digest
		if tags := c.names(); len(tags) > 0 {
			text = tags[0]
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) > 10 {
		all = append(all[:10], "…")
	}
	return strings.Join(all, ", ")
}

// sameImage: "alpine:3.20" and "docker.io/library/alpine:3.20" are one.
func sameImage(tags []string, reference string) bool {
	want, err := name.ParseReference(reference)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(tags, func(tag string) bool {
		have, err := name.ParseReference(tag)
		return err == nil && strings.ContainsAny(tag, ":/") && have.Name() == want.Name()
	})
}

func cmpTag(reference string, c child) string {
	if reference != "" && !registry.ValidDigest(reference) {
		return reference
	}
	if tags := c.names(); reference == "" && len(tags) > 0 {
		return tags[0]
	}
	return ""
}
