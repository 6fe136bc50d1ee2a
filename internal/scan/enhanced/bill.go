package enhanced

import (
	"context"
	"errors"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// BillStore is what making bills of materials needs of the metadata.
type BillStore interface {
	Images(ctx context.Context, account, repository string, ids []registry.ImageID) ([]*registry.Image, error)
	Manifest(ctx context.Context, account, repository string, ref registry.Reference) (*registry.StoredManifest, error)
	Coverage(ctx context.Context, repositoryID int64, digests []string) (map[string]finding.Coverage, error)
	Inventory(ctx context.Context, id string) ([]byte, error)
}

// Bills tells what images hold, for bills of materials.
type Bills struct {
	Store  BillStore
	Layers scan.Layers
	Tool   sbom.Tool
}

var _ BillStore = meta.Store(nil)

// Contents answers what a covered image holds; false when it was never scanned.
func (b *Bills) Contents(ctx context.Context, c *finding.Coverage) (sbom.Document, bool, error) {
	document := b.document(c.Image.Repository, c.Image.Digest, c.Image.Architecture)
	if c.InventoryID == "" {
		return document, false, nil
	}
	encoded, err := b.Store.Inventory(ctx, c.InventoryID)
	if err != nil || encoded == nil {
		return document, false, err
	}
	if document.Inventory, err = decodeInventory(encoded); err != nil {
		return document, false, registry.Internal("reading the inventory "+c.InventoryID, err)
	}
	layers, err := decodeLayers(c.Layers)
	for i := range document.Inventory.Packages {
		if i < len(layers) {
			document.Inventory.Packages[i].Layer = layers[i]
		}
	}
	return document, true, err
}

func (b *Bills) document(repository, digest, architecture string) sbom.Document {
	out := sbom.Document{Tool: b.Tool, Image: sbom.Image{Name: repository + "@" + digest, Repository: repository, Digest: digest}}
	if architecture != "" {
		out.Image.Platform = "linux/" + architecture
	}
	return out
}

// ImageContents answers what an image holds, whether it was scanned or not.
// Errors: ImageNotFound, UnsupportedImageType.
func (b *Bills) ImageContents(ctx context.Context, account, repository, digest string) (sbom.Document, error) {
	images, err := b.Store.Images(ctx, account, repository, []registry.ImageID{{Digest: digest}})
	if err != nil {
		return sbom.Document{}, err
	}
	if images[0] == nil {
		return sbom.Document{}, registry.ImageNotFound(account, repository, registry.ImageID{Digest: digest})
	}
	covered, err := b.Store.Coverage(ctx, images[0].RepositoryID, []string{digest})
	if err != nil {
		return sbom.Document{}, err
	}
	if c, ok := covered[digest]; ok {
		if document, scanned, err := b.Contents(ctx, &c); scanned || err != nil {
			return document, err
		}
	}
	return b.read(ctx, account, repository, digest)
}

// read looks into the layers of an image.
func (b *Bills) read(ctx context.Context, account, repository, digest string) (sbom.Document, error) {
	document := b.document(repository, digest, "")
	stored, err := b.Store.Manifest(ctx, account, repository, registry.Reference{Digest: digest})
	if err != nil {
		return document, err
	}
	manifest, err := registry.ParseManifest(stored.MediaType, stored.Payload)
	if err != nil {
		return document, err
	}
	for _, l := range manifest.Layers {
		document.Image.Layers = append(document.Image.Layers, l.Digest)
	}
	if len(manifest.Layers) == 0 {
		return document, registry.Errorf(registry.CodeUnsupportedImageType, "The image '%s' has no layers that packages could be in.", digest)
	}
	document.Inventory, err = scan.Merged(ctx, b.Layers, account, repository, manifest)
	return document, unreadable(err)
}

// unreadable words faults of layers for the client.
func unreadable(err error) error {
	var fault *inventory.Error
	if errors.As(err, &fault) {
		return registry.Errorf(registry.CodeUnsupportedImageType, "The image cannot be read: %s.", fault)
	}
	var reason scan.ImageError
	if errors.As(err, &reason) {
		return registry.Errorf(registry.CodeUnsupportedImageType, "The image cannot be read: %s", reason)
	}
	return err
}
