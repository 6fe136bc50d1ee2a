package eventbridge

import (
	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// Connections is what the API needs of connections.
type Connections interface{}

func (h *handlers) connectionOperations() []awsapi.Operation { return nil }

func connectionConstraints() []validate.Structure { return nil }
