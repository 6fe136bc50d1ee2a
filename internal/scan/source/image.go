package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// blobs is where the parts of an image are, by digest. An error that is
// fs.ErrNotExist says that a part is not there.
type blobs interface {
	manifest(ctx context.Context, d registry.Descriptor) ([]byte, error)
	blob(ctx context.Context, d registry.Descriptor) (io.ReadCloser, error)
}

const (
	// maxConfig is more than any configuration of an image needs.
	maxConfig = 8 << 20
	// maxIndexes is how deep an index may be in another.
	maxIndexes = 4
)

// images reads what a descriptor leads to: one image, or those of an index that
// are wanted.
func (r *reader) images(ctx context.Context, from blobs, c child, depth int) ([]*Image, error) {
	payload, err := from.manifest(ctx, c.Descriptor)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(payload, c.Digest); err != nil {
		return nil, err
	}
	m, err := registry.ParseManifest(c.MediaType, payload)
	if err != nil {
		return nil, fmt.Errorf("its manifest %s: %w", c.Digest, err)
	}
	if !m.IsIndex() {
		image, err := r.image(ctx, from, c, m)
		if err != nil {
			return nil, err
		}
		return []*Image{image}, nil
	}
	if depth >= maxIndexes {
		return nil, errors.New("indexes in indexes in indexes")
	}
	children, err := parseIndex(payload, m.MediaType)
	if err != nil {
		return nil, err
	}
	if children, err = r.choose(present(ctx, from, children)); err != nil {
		return nil, err
	}
	var all []*Image
	for _, c := range children {
		images, err := r.images(ctx, from, c, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, images...)
	}
	return all, nil
}

// present leaves out children that a layout on disk does not hold: docker save
// writes the index of all platforms and the content of one.
func present(ctx context.Context, from blobs, children []child) []child {
	local, ok := from.(*layout)
	if !ok {
		return children
	}
	var there []child
	for _, c := range children {
		if local.has(c.Digest) {
			there = append(there, c)
		}
	}
	if len(there) == 0 || ctx.Err() != nil {
		return children // the error about one that is missing says more
	}
	return there
}

// configuration is what is read of the configuration of an image.
type configuration struct {
	platform
	Created time.Time `json:"created"`
	RootFS  struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

func parseConfiguration(payload []byte) (configuration, error) {
	var c configuration
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, fmt.Errorf("its configuration cannot be read: %w", err)
	}
	return c, nil
}

// image reads one image.
func (r *reader) image(ctx context.Context, from blobs, c child, m *registry.Manifest) (*Image, error) {
	if !m.Scannable() {
		return nil, fmt.Errorf("%s is no container image but an artifact of type %q", c.Digest, m.ArtifactType)
	}
	content, err := from.blob(ctx, *m.Config)
	if err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	payload, err := readBounded(content, maxConfig)
	if err == nil {
		err = checkDigest(payload, m.Config.Digest)
	}
	if err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	config, err := parseConfiguration(payload)
	if err != nil {
		return nil, err
	}
	image := &Image{Digest: c.Digest, ID: m.Config.Digest, Platform: config.String(), Created: config.Created}
	layers := make([]layer, 0, len(m.Layers))
	for _, d := range m.Layers {
		if len(d.URLs) > 0 {
			image.Notes = append(image.Notes, fmt.Sprintf("layer %s is not distributed with images and was not looked at", d.Digest))
			continue
		}
		layers = append(layers, layer{digest: d.Digest, size: d.Size, open: func(ctx context.Context) (io.ReadCloser, error) { return from.blob(ctx, d) }})
	}
	return image, r.merge(ctx, image, layers)
}

// readBounded reads all of something small, and closes it.
func readBounded(r io.ReadCloser, most int64) ([]byte, error) {
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return data, err
}

func checkDigest(payload []byte, digest string) error {
	v, err := newVerifier(bytes.NewReader(payload), digest)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, v); err != nil {
		return err
	}
	return v.check()
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
