package source

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Bounds of what is read beside an image.
const (
	maxReferrers      = 64
	maxReferrerLayers = 4
	maxReferrerBytes  = 4 << 20 // of a layer
)

// Beside is a document that lies beside an image in its registry.
type Beside struct {
	Reference string // REPOSITORY@DIGEST of the referrer
	Content   []byte
}

// beside reads the layers of the referrers of an image that are of a wanted
// artifact type.
func (r *repository) beside(ctx context.Context, digest string, wanted func(artifactType string) bool) ([]Beside, error) {
	index, err := remote.Referrers(r.name.Digest(digest), remote.Reuse(r.puller), remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("asking %s what lies beside the image: %w", r.name.RegistryStr(), err)
	}
	listed, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var all []Beside
	for _, d := range listed.Manifests {
		if !wanted(d.ArtifactType) || len(all) >= maxReferrers {
			continue
		}
		found, err := r.layersOf(ctx, d.Digest.String(), string(d.MediaType))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (r *repository) layersOf(ctx context.Context, digest, mediaType string) ([]Beside, error) {
	reference := r.name.Digest(digest)
	payload, err := r.manifest(ctx, registry.Descriptor{Digest: digest, MediaType: mediaType})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", reference, err)
	}
	m, err := registry.ParseManifest(mediaType, payload)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", reference, err)
	}
	var all []Beside
	for _, layer := range m.Layers[:min(len(m.Layers), maxReferrerLayers)] {
		if layer.Size > maxReferrerBytes {
			continue
		}
		content, err := r.small(ctx, layer)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", reference, err)
		}
		all = append(all, Beside{reference.String(), content})
	}
	return all, nil
}

// small reads a blob as it is, and no more of it than was announced.
func (r *repository) small(ctx context.Context, d registry.Descriptor) ([]byte, error) {
	l, err := r.puller.Layer(ctx, r.name.Digest(d.Digest))
	if err != nil {
		return nil, err
	}
	content, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(content, maxReferrerBytes+1))
	return slices.Clip(data), firstError(err, content.Close())
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
