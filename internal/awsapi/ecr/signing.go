package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// Signing is what the API needs of managed signing.
type Signing interface{}

func (h *handlers) signingOperations() []awsapi.Operation { return nil }
