package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// Policies is what the API needs of policies of repositories and of the registry.
type Policies interface {
	SetRepositoryPolicy(ctx context.Context, c service.Caller, repository, text string, force bool) (service.Policy, error)
	RepositoryPolicy(ctx context.Context, c service.Caller, repository string) (service.Policy, error)
	DeleteRepositoryPolicy(ctx context.Context, c service.Caller, repository string) (service.Policy, error)
	PutRegistryPolicy(ctx context.Context, c service.Caller, text string) (service.Policy, error)
	RegistryPolicy(ctx context.Context, c service.Caller) (service.Policy, error)
	DeleteRegistryPolicy(ctx context.Context, c service.Caller) (service.Policy, error)
}

func (h *handlers) policyOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.setRepositoryPolicy),
		awsapi.Op(h.getRepositoryPolicy),
		awsapi.Op(h.deleteRepositoryPolicy),
		awsapi.Op(h.putRegistryPolicy),
		awsapi.Op(h.getRegistryPolicy),
		awsapi.Op(h.deleteRegistryPolicy),
	}
}

func (h *handlers) setRepositoryPolicy(ctx context.Context, in *ecr.SetRepositoryPolicyInput) (*ecr.SetRepositoryPolicyOutput, error) {
	p, err := h.registry.SetRepositoryPolicy(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, *in.PolicyText, in.Force)
	if err != nil {
		return nil, err
	}
	return &ecr.SetRepositoryPolicyOutput{RegistryId: &p.Account, RepositoryName: &p.Repository, PolicyText: &p.Text}, nil
}

func (h *handlers) getRepositoryPolicy(ctx context.Context, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	p, err := h.registry.RepositoryPolicy(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &ecr.GetRepositoryPolicyOutput{RegistryId: &p.Account, RepositoryName: &p.Repository, PolicyText: &p.Text}, nil
}

func (h *handlers) deleteRepositoryPolicy(ctx context.Context, in *ecr.DeleteRepositoryPolicyInput) (*ecr.DeleteRepositoryPolicyOutput, error) {
	p, err := h.registry.DeleteRepositoryPolicy(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryPolicyOutput{RegistryId: &p.Account, RepositoryName: &p.Repository, PolicyText: &p.Text}, nil
}

func (h *handlers) putRegistryPolicy(ctx context.Context, in *ecr.PutRegistryPolicyInput) (*ecr.PutRegistryPolicyOutput, error) {
	p, err := h.registry.PutRegistryPolicy(ctx, h.caller(ctx, nil), *in.PolicyText)
	if err != nil {
		return nil, err
	}
	return &ecr.PutRegistryPolicyOutput{RegistryId: &p.Account, PolicyText: &p.Text}, nil
}

func (h *handlers) getRegistryPolicy(ctx context.Context, _ *ecr.GetRegistryPolicyInput) (*ecr.GetRegistryPolicyOutput, error) {
	p, err := h.registry.RegistryPolicy(ctx, h.caller(ctx, nil))
	if err != nil {
		return nil, err
	}
	return &ecr.GetRegistryPolicyOutput{RegistryId: &p.Account, PolicyText: &p.Text}, nil
}

func (h *handlers) deleteRegistryPolicy(ctx context.Context, _ *ecr.DeleteRegistryPolicyInput) (*ecr.DeleteRegistryPolicyOutput, error) {
	p, err := h.registry.DeleteRegistryPolicy(ctx, h.caller(ctx, nil))
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRegistryPolicyOutput{RegistryId: &p.Account, PolicyText: &p.Text}, nil
}
