package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// Policies is what the API needs of policies of repositories and of the registry.
type Policies interface{}

func (h *handlers) policyOperations() []awsapi.Operation { return nil }
