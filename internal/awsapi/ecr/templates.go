package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// CreationTemplates is what the API needs of creation templates.
type CreationTemplates interface{}

func (h *handlers) templateOperations() []awsapi.Operation { return nil }
