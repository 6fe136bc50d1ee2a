package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// LifecyclePolicies is what the API needs of lifecycle policies.
type LifecyclePolicies interface{}

func (h *handlers) lifecycleOperations() []awsapi.Operation { return nil }
