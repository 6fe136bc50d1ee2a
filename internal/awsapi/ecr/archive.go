package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// StorageClasses is what the API needs of storage classes of images.
type StorageClasses interface {
	UpdateStorageClass(ctx context.Context, c service.Caller, repository string, id registry.ImageID, to service.StorageClass) (*registry.Image, error)
}

func (h *handlers) archiveOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.updateImageStorageClass)}
}

func (h *handlers) updateImageStorageClass(ctx context.Context, in *ecr.UpdateImageStorageClassInput) (*ecr.UpdateImageStorageClassOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	id, err := oneImageID(in.ImageId)
	if err != nil {
		return nil, err
	}
	image, err := h.registry.UpdateStorageClass(ctx, c, *in.RepositoryName, id, service.StorageClass(in.TargetStorageClass))
	if err != nil {
		return nil, err
	}
	return &ecr.UpdateImageStorageClassOutput{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName, ImageStatus: types.ImageStatus(image.Status),
		ImageId: imageIdentifier(registry.ImageID{Digest: image.Digest, Tag: id.Tag}),
	}, nil
}
