package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// Replication is what the API needs of replication.
type Replication interface{}

func (h *handlers) replicationOperations() []awsapi.Operation { return nil }
