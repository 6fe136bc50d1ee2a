package source

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/internal/registry"
)

// repository is a repository in a registry. Registries on this machine and in
// private networks are spoken to in plain HTTP, others by TLS.
type repository struct {
	name   name.Repository
	puller *remote.Puller
}

func (r *repository) manifest(ctx context.Context, d registry.Descriptor) ([]byte, error) {
	found, err := r.puller.Get(ctx, r.name.Digest(d.Digest))
	if err != nil {
		return nil, err
	}
	return found.Manifest, nil
}

func (r *repository) blob(ctx context.Context, d registry.Descriptor) (io.ReadCloser, error) {
	l, err := r.puller.Layer(ctx, r.name.Digest(d.Digest))
	if err != nil {
		return nil, err
	}
	return l.Compressed()
}

// remote reads an image of a registry.
func (r *reader) remote(ctx context.Context, where location) ([]*Image, error) {
	if r.Offline {
		return nil, ErrOffline
	}
	var options []name.Option
	if r.Insecure {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(where.reference, options...)
	if err != nil {
		return nil, err
	}
	keys := r.Keychain
	if keys == nil {
		keys = authn.DefaultKeychain
	}
	with := []remote.Option{remote.WithAuthFromKeychain(keys), remote.WithContext(ctx)}
	if r.Transport != nil {
		with = append(with, remote.WithTransport(r.Transport))
	}
	if r.UserAgent != "" {
		with = append(with, remote.WithUserAgent(r.UserAgent))
	}
	puller, err := remote.NewPuller(with...)
	if err != nil {
		return nil, err
	}
	found, err := puller.Get(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", ref.Context().RegistryStr(), err)
	}
	from := &known{repository: repository{name: ref.Context(), puller: puller}, digest: found.Digest.String(), payload: found.Manifest}
	top := child{Descriptor: registry.Descriptor{MediaType: string(found.MediaType), Digest: found.Digest.String()}}
	images, err := r.images(ctx, from, top, 0)
	if err != nil {
		return nil, err
	}
	for _, image := range images {
		image.Repository = ref.Context().Name()
		if tag, ok := ref.(name.Tag); ok {
			image.Tag = tag.TagStr()
		}
		if r.Beside == nil {
			continue
		}
		if image.Beside, err = from.beside(ctx, image.Digest, r.Beside); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// known spares asking twice for the manifest that a tag has led to.
type known struct {
	repository
	digest  string
	payload []byte
}

func (k *known) manifest(ctx context.Context, d registry.Descriptor) ([]byte, error) {
	if d.Digest == k.digest {
		return k.payload, nil
	}
	return k.repository.manifest(ctx, d)
}
