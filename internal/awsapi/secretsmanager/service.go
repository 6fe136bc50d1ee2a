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
type Secrets interface {
	Writer
	Reader
	Remover
}

// Writer makes and changes secrets.
type Writer interface {
	CreateSecret(ctx context.Context, c service.Caller, in service.NewSecret) (service.Secret, string, error)
	PutSecretValue(ctx context.Context, c service.Caller, in service.PutSecret) (service.Secret, service.SecretVersion, error)
	UpdateSecret(ctx context.Context, c service.Caller, id string, in service.SecretChange) (service.Secret, string, error)
	MoveSecretLabel(ctx context.Context, c service.Caller, id, label, from, to string) (service.Secret, error)
	TagSecret(ctx context.Context, c service.Caller, id string, tags []registry.ResourceTag) error
	UntagSecret(ctx context.Context, c service.Caller, id string, keys []string) error
}

// Reader tells about secrets, and their values.
type Reader interface {
	SecretValueOf(ctx context.Context, c service.Caller, id, version, label string) (service.Secret, service.SecretVersion, error)
	SecretValues(ctx context.Context, c service.Caller, ids []string) ([]service.BatchedSecret, error)
	FindSecretValues(ctx context.Context, c service.Caller, q service.SecretQuery) ([]service.BatchedSecret, error)
	SecretOf(ctx context.Context, c service.Caller, action, id string) (service.Secret, error)
	ListSecrets(ctx context.Context, c service.Caller, q service.SecretQuery) ([]service.Secret, error)
	RandomPassword(ctx context.Context, c service.Caller, p service.Password) (string, error)
}

// Remover removes secrets and brings them back.
type Remover interface {
	DeleteSecret(ctx context.Context, c service.Caller, in service.DeleteSecret) (service.Secret, error)
	RestoreSecret(ctx context.Context, c service.Caller, id string) (service.Secret, error)
}

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

func (h *handlers) operations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createSecret),
		awsapi.Op(h.putSecretValue),
		awsapi.Op(h.updateSecret),
		awsapi.Op(h.updateSecretVersionStage),
		awsapi.Op(h.tagResource),
		awsapi.Op(h.untagResource),
		awsapi.Op(h.getSecretValue),
		awsapi.Op(h.batchGetSecretValue),
		awsapi.Op(h.describeSecret),
		awsapi.Op(h.listSecrets),
		awsapi.Op(h.listSecretVersionIds),
		awsapi.Op(h.getResourcePolicy),
		awsapi.Op(h.getRandomPassword),
		awsapi.Op(h.deleteSecret),
		awsapi.Op(h.restoreSecret),
	}
}

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
