package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// Referrers is what the API needs of referrers.
type Referrers interface{}

func (h *handlers) referrerOperations() []awsapi.Operation { return nil }
