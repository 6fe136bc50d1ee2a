package eventbridge

import (
	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// Rules is what the API needs of rules.
type Rules interface{}

func (h *handlers) ruleOperations() []awsapi.Operation { return nil }

func ruleConstraints() []validate.Structure { return nil }
