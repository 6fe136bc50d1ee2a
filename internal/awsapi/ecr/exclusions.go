package ecr

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/service"
)

// PullTimeExclusions is what the API needs of principals whose pulls are not recorded.
type PullTimeExclusions interface {
	ExcludePullTime(ctx context.Context, c service.Caller, principalARN string) (time.Time, error)
	IncludePullTime(ctx context.Context, c service.Caller, principalARN string) error
	PullTimeExclusions(ctx context.Context, c service.Caller, after string, limit int) ([]string, error)
}

func (h *handlers) exclusionOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.registerPullTimeUpdateExclusion),
		awsapi.Op(h.deregisterPullTimeUpdateExclusion),
		awsapi.Op(h.listPullTimeUpdateExclusions),
	}
}

func (h *handlers) registerPullTimeUpdateExclusion(ctx context.Context, in *ecr.RegisterPullTimeUpdateExclusionInput) (*ecr.RegisterPullTimeUpdateExclusionOutput, error) {
	since, err := h.registry.ExcludePullTime(ctx, h.caller(ctx, nil), *in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	return &ecr.RegisterPullTimeUpdateExclusionOutput{PrincipalArn: in.PrincipalArn, CreatedAt: moment(since)}, nil
}

func (h *handlers) deregisterPullTimeUpdateExclusion(ctx context.Context, in *ecr.DeregisterPullTimeUpdateExclusionInput) (*ecr.DeregisterPullTimeUpdateExclusionOutput, error) {
	if err := h.registry.IncludePullTime(ctx, h.caller(ctx, nil), *in.PrincipalArn); err != nil {
		return nil, err
	}
	return &ecr.DeregisterPullTimeUpdateExclusionOutput{PrincipalArn: in.PrincipalArn}, nil
}

func (h *handlers) listPullTimeUpdateExclusions(ctx context.Context, in *ecr.ListPullTimeUpdateExclusionsInput) (*ecr.ListPullTimeUpdateExclusionsOutput, error) {
	c := h.caller(ctx, nil)
	p, err := h.page("ListPullTimeUpdateExclusions", in.NextToken, in.MaxResults, h.account(c))
	if err != nil {
		return nil, err
	}
	arns, err := h.registry.PullTimeExclusions(ctx, c, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	arns, next := pagetoken.Cut(h.pages, p, arns, func(arn string) string { return arn })
	return &ecr.ListPullTimeUpdateExclusionsOutput{PullTimeUpdateExclusions: arns, NextToken: next}, nil
}
