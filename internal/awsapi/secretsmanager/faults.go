package secretsmanager

import (
	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
)

// exceptions is what the API calls each kind of failure. A code that is not
// here is a failure of ours.
func exceptions() map[registry.Code]string {
	return map[registry.Code]string{
		registry.CodeInvalidParameter:      "InvalidParameterException",
		registry.CodeValidation:            "ValidationException",
		registry.CodeAccessDenied:          "AccessDeniedException",
		registry.CodeUnsupported:           "UnsupportedOperationException",
		registry.CodeLimitExceeded:         "LimitExceededException",
		registry.CodeThrottled:             "ThrottlingException",
		registry.CodeResourceNotFound:      "ResourceNotFoundException",
		registry.CodeResourceAlreadyExists: "ResourceExistsException",
		registry.CodeInvalidRequest:        "InvalidRequestException",
	}
}

// fault is the one place where errors of the service become those of the API.
func fault(err error) *awsapi.Fault { return awsapi.Coded(err, exceptions()) }
