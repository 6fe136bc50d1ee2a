package ecr

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// LifecyclePolicies is what the API needs of lifecycle policies.
type LifecyclePolicies interface {
	PutLifecyclePolicy(ctx context.Context, c service.Caller, repository, text string) (service.LifecyclePolicy, error)
	LifecyclePolicy(ctx context.Context, c service.Caller, repository string) (service.LifecyclePolicy, error)
	DeleteLifecyclePolicy(ctx context.Context, c service.Caller, repository string) (service.LifecyclePolicy, error)
	StartLifecyclePreview(ctx context.Context, c service.Caller, repository, text string) error
	LifecyclePreview(ctx context.Context, c service.Caller, repository string) error
}

func (h *handlers) lifecycleOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.putLifecyclePolicy),
		awsapi.Op(h.getLifecyclePolicy),
		awsapi.Op(h.deleteLifecyclePolicy),
		awsapi.Op(h.startLifecyclePolicyPreview),
		awsapi.Op(h.getLifecyclePolicyPreview),
	}
}

func (h *handlers) putLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	p, err := h.registry.PutLifecyclePolicy(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, *in.LifecyclePolicyText)
	if err != nil {
		return nil, err
	}
	awsapi.Notice(ctx, "Lifecycle policies are validated and stored; this version of ecru does not evaluate them yet.")
	return &ecr.PutLifecyclePolicyOutput{RegistryId: &p.Account, RepositoryName: &p.Repository, LifecyclePolicyText: &p.Text}, nil
}

func (h *handlers) getLifecyclePolicy(ctx context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	p, err := h.registry.LifecyclePolicy(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &ecr.GetLifecyclePolicyOutput{
		RegistryId: &p.Account, RepositoryName: &p.Repository, LifecyclePolicyText: &p.Text, LastEvaluatedAt: evaluated(p),
	}, nil
}

func (h *handlers) deleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	p, err := h.registry.DeleteLifecyclePolicy(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteLifecyclePolicyOutput{
		RegistryId: &p.Account, RepositoryName: &p.Repository, LifecyclePolicyText: &p.Text, LastEvaluatedAt: evaluated(p),
	}, nil
}

// evaluated is 0.0, and not left out, before the first run.
func evaluated(p service.LifecyclePolicy) *time.Time {
	if p.EvaluatedAt.IsZero() {
		return aws.Time(time.Unix(0, 0))
	}
	return &p.EvaluatedAt
}

const noticePreviews = "Lifecycle policy previews are not evaluated by this version of ecru yet."

func (h *handlers) startLifecyclePolicyPreview(ctx context.Context, in *ecr.StartLifecyclePolicyPreviewInput) (*ecr.StartLifecyclePolicyPreviewOutput, error) {
	awsapi.Notice(ctx, noticePreviews)
	return nil, h.registry.StartLifecyclePreview(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, aws.ToString(in.LifecyclePolicyText))
}

func (h *handlers) getLifecyclePolicyPreview(ctx context.Context, in *ecr.GetLifecyclePolicyPreviewInput) (*ecr.GetLifecyclePolicyPreviewOutput, error) {
	awsapi.Notice(ctx, noticePreviews)
	c := h.caller(ctx, in.RegistryId)
	if _, err := h.page("GetLifecyclePolicyPreview", in.NextToken, in.MaxResults, h.account(c), *in.RepositoryName); err != nil {
		return nil, err
	}
	return nil, h.registry.LifecyclePreview(ctx, c, *in.RepositoryName)
}
