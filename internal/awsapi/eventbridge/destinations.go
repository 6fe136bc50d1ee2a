package eventbridge

import (
	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// Destinations is what the API needs of destinations.
type Destinations interface{}

func (h *handlers) destinationOperations() []awsapi.Operation { return nil }

func destinationConstraints() []validate.Structure { return nil }
