package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// CacheRules is what the API needs of pull-through cache rules.
type CacheRules interface{}

func (h *handlers) cacheRuleOperations() []awsapi.Operation { return nil }
