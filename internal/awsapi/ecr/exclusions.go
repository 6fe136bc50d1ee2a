package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// PullTimeExclusions is what the API needs of principals whose pulls are not recorded.
type PullTimeExclusions interface{}

func (h *handlers) exclusionOperations() []awsapi.Operation { return nil }
