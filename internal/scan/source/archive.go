package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// archive reads an image archive: an OCI layout, which docker save writes as
// well since version 25, or the layout of docker before that.
func (r *reader) archive(ctx context.Context, where location) ([]*Image, error) {
	t, err := openTarball(ctx, where.path, r.Limits)
	if err != nil {
		return nil, err
	}
	defer t.close()
	_, _, noIndex := t.open("index.json")
	if where.kind == OCIArchive || noIndex == nil {
		return r.layout(ctx, t, where)
	}
	return r.docker(ctx, t, where)
}

// saved is an image in the manifest.json of docker save.
type saved struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

func (r *reader) docker(ctx context.Context, from files, where location) ([]*Image, error) {
	content, _, err := from.open("manifest.json")
	if missing(err) {
		return nil, errors.New("it is no docker archive: it has no manifest.json")
	}
	if err != nil {
		return nil, err
	}
	payload, err := readBounded(content, registry.MaxManifestSize)
	var all []saved
	if err == nil {
		err = json.Unmarshal(payload, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	one, err := pickSaved(all, where)
	if err != nil {
		return nil, err
	}
	image, err := r.savedImage(ctx, from, one)
	if err != nil {
		return nil, err
	}
	if len(one.RepoTags) > 0 {
		image.Tag = one.RepoTags[0]
	}
	if where.reference != "" && !registry.ValidDigest(where.reference) {
		image.Tag = where.reference
	}
	return []*Image{image}, nil
}

func pickSaved(all []saved, where location) (saved, error) {
	var tags []string
	for _, s := range all {
		if where.reference != "" && (slices.Contains(s.RepoTags, where.reference) || sameImage(s.RepoTags, where.reference) || s.tagged(where.reference)) {
			return s, nil
		}
		tags = append(tags, s.RepoTags...)
	}
	switch {
	case len(all) == 0:
		return saved{}, errors.New("the archive holds no images")
	case where.reference != "":
		return saved{}, fmt.Errorf("it holds no %q, but %s", where.reference, strings.Join(tags, ", "))
	case len(all) > 1:
		return saved{}, fmt.Errorf("it holds several images: pick one, as in %s:%s:TAG (there are %s)", where.kind, where.path, strings.Join(tags, ", "))
	}
	return all[0], nil
}

func (s *saved) tagged(tag string) bool {
	return slices.ContainsFunc(s.RepoTags, func(t string) bool { return strings.HasSuffix(t, ":"+tag) })
}

// savedImage reads one image. Its layers are known by the digests of their
// uncompressed bytes, which the configuration lists.
func (r *reader) savedImage(ctx context.Context, from files, s saved) (*Image, error) {
	content, _, err := from.open(s.Config)
	if err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	payload, err := readBounded(content, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	config, err := parseConfiguration(payload)
	if err != nil {
		return nil, err
	}
	ids := config.RootFS.DiffIDs
	if len(ids) != len(s.Layers) {
		return nil, fmt.Errorf("the archive lists %d layers and the configuration %d", len(s.Layers), len(ids))
	}
	if r.Platform != "" {
		if want, _ := parsePlatform(r.Platform); !config.satisfies(want) {
			return nil, fmt.Errorf("it is not there for %s, but for %s", r.Platform, config.platform)
		}
	}
	layers := make([]layer, len(ids))
	for i, id := range ids {
		at := s.Layers[i]
		body, size, err := from.open(at)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", id, err)
		}
		body.Close()
		layers[i] = layer{digest: id, size: size, unpacked: true, open: func(context.Context) (io.ReadCloser, error) {
			body, _, err := from.open(at)
			return body, err
		}}
	}
	sum := sha256.Sum256(payload)
	image := &Image{ID: "sha256:" + hex.EncodeToString(sum[:]), Platform: config.String(), Created: config.Created}
	return image, r.merge(ctx, image, layers)
}
