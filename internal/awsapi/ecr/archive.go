package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// StorageClasses is what the API needs of storage classes of images.
type StorageClasses interface{}

func (h *handlers) archiveOperations() []awsapi.Operation { return nil }
