// Package secretsmanager speaks the part of AWS Secrets Manager's API that
// users of ECR need: the credentials of upstream registries and of the targets
// of events.
//
// It decodes, calls the service and encodes. It must not decide anything, nor
// reach the store, and nothing but GetSecretValue answers a secret.
package secretsmanager

import (
	"context"
	"reflect"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Target is the prefix of X-Amz-Target, SigningName the service to sign for.
const (
	Target      = "secretsmanager"
	SigningName = "secretsmanager"
)

// Secrets is what the API needs of the service.
type Secrets interface{}

// Config is what the API is made of.
type Config struct {
	Service Secrets
	// Home is the default account and the region.
	Home registry.Scope
	// PageKey seals page tokens.
	PageKey []byte
}

type handlers struct {
	secrets Secrets
	home    registry.Scope
	pages   *pagetoken.Codec
}

// Service makes the table of operations.
func Service(c Config) awsapi.Service {
	h := &handlers{secrets: c.Service, home: c.Home, pages: pagetoken.New(c.PageKey)}
	return awsapi.Service{
		Target: Target, SigningName: SigningName,
		Operations: h.operations(),
		Known:      knownOperations(),
		Names:      names, Paths: wire.LowerCamel,
		Constraints: constraints(),
		Violated: func(found []validate.Violation) *awsapi.Fault {
			return awsapi.Refuse("ValidationException", "%s", validate.ValidationErrors(found))
		},
		Fault: fault,
	}
}

func (h *handlers) operations() []awsapi.Operation { return nil }

func constraints() []validate.Structure { return nil }

// names is the rule of the service: members are called as in Go.
func names(_ reflect.Type, field string) string { return field }

// knownOperations are all of the API, served or not.
func knownOperations() []string {
	return []string{
		"BatchGetSecretValue", "CancelRotateSecret", "CreateSecret", "DeleteResourcePolicy", "DeleteSecret", "DescribeSecret",
		"GetRandomPassword", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "ListSecrets", "PutResourcePolicy",
		"PutSecretValue", "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RestoreSecret", "RotateSecret",
		"StopReplicationToReplica", "TagResource", "UntagResource", "UpdateSecret", "UpdateSecretVersionStage",
		"ValidateResourcePolicy",
	}
}

// caller is who asks.
func caller(ctx context.Context) service.Caller {
	call := awsapi.CallFrom(ctx)
	return service.Caller{
		Principal: call.Principal,
		SourceIP:  call.SourceIP, Secure: call.Secure, UserAgent: call.UserAgent,
	}
}
