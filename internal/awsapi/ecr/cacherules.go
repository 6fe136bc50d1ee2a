package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// CacheRules is what the API needs of pull-through cache rules.
type CacheRules interface {
	CreateCacheRule(ctx context.Context, c service.Caller, r registry.CacheRule) (registry.Scope, *registry.CacheRule, error)
	UpdateCacheRule(ctx context.Context, c service.Caller, prefix, credentialARN, customRoleARN string) (registry.Scope, *registry.CacheRule, error)
	DeleteCacheRule(ctx context.Context, c service.Caller, prefix string) (registry.Scope, *registry.CacheRule, error)
	ValidateCacheRule(ctx context.Context, c service.Caller, prefix string) (registry.Scope, *registry.CacheRule, string, error)
	CacheRules(ctx context.Context, c service.Caller, prefixes []string) (registry.Scope, []registry.CacheRule, error)
	ListCacheRules(ctx context.Context, c service.Caller, after string, limit int) (registry.Scope, []registry.CacheRule, error)
}

func (h *handlers) cacheRuleOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createPullThroughCacheRule),
		awsapi.Op(h.updatePullThroughCacheRule),
		awsapi.Op(h.deletePullThroughCacheRule),
		awsapi.Op(h.validatePullThroughCacheRule),
		awsapi.Op(h.describePullThroughCacheRules),
	}
}

// What of rules is kept for later versions.
const (
	noticeCacheRules      = "Pull-through cache rules are stored; this version of ecru does not pull from upstreams yet."
	noticeCacheCredential = "The form of the credentials is checked; this version of ecru does not ask upstream registries yet."
)

func (h *handlers) createPullThroughCacheRule(ctx context.Context, in *ecr.CreatePullThroughCacheRuleInput) (*ecr.CreatePullThroughCacheRuleOutput, error) {
	scope, r, err := h.registry.CreateCacheRule(ctx, h.caller(ctx, in.RegistryId), registry.CacheRule{
		Prefix: *in.EcrRepositoryPrefix, Kind: registry.UpstreamKind(in.UpstreamRegistry), URL: *in.UpstreamRegistryUrl,
		UpstreamPrefix: aws.ToString(in.UpstreamRepositoryPrefix),
		CredentialARN:  aws.ToString(in.CredentialArn), CustomRoleARN: aws.ToString(in.CustomRoleArn),
	})
	if err != nil {
		return nil, err
	}
	awsapi.Notice(ctx, noticeCacheRules)
	return &ecr.CreatePullThroughCacheRuleOutput{
		RegistryId: &scope.Account, EcrRepositoryPrefix: &r.Prefix, CreatedAt: moment(r.CreatedAt),
		UpstreamRegistry: types.UpstreamRegistry(r.Kind), UpstreamRegistryUrl: &r.URL, UpstreamRepositoryPrefix: text(r.UpstreamPrefix),
		CredentialArn: text(r.CredentialARN), CustomRoleArn: text(r.CustomRoleARN),
	}, nil
}

func (h *handlers) updatePullThroughCacheRule(ctx context.Context, in *ecr.UpdatePullThroughCacheRuleInput) (*ecr.UpdatePullThroughCacheRuleOutput, error) {
	scope, r, err := h.registry.UpdateCacheRule(ctx, h.caller(ctx, in.RegistryId), *in.EcrRepositoryPrefix,
		aws.ToString(in.CredentialArn), aws.ToString(in.CustomRoleArn))
	if err != nil {
		return nil, err
	}
	awsapi.Notice(ctx, noticeCacheRules)
	return &ecr.UpdatePullThroughCacheRuleOutput{
		RegistryId: &scope.Account, EcrRepositoryPrefix: &r.Prefix, UpdatedAt: moment(r.UpdatedAt), UpstreamRepositoryPrefix: text(r.UpstreamPrefix),
		CredentialArn: text(r.CredentialARN), CustomRoleArn: text(r.CustomRoleARN),
	}, nil
}

func (h *handlers) deletePullThroughCacheRule(ctx context.Context, in *ecr.DeletePullThroughCacheRuleInput) (*ecr.DeletePullThroughCacheRuleOutput, error) {
	scope, r, err := h.registry.DeleteCacheRule(ctx, h.caller(ctx, in.RegistryId), *in.EcrRepositoryPrefix)
	if err != nil {
		return nil, err
	}
	return &ecr.DeletePullThroughCacheRuleOutput{
		RegistryId: &scope.Account, EcrRepositoryPrefix: &r.Prefix, CreatedAt: moment(r.CreatedAt),
		UpstreamRegistryUrl: &r.URL, UpstreamRepositoryPrefix: text(r.UpstreamPrefix),
		CredentialArn: text(r.CredentialARN), CustomRoleArn: text(r.CustomRoleARN),
	}, nil
}

func (h *handlers) validatePullThroughCacheRule(ctx context.Context, in *ecr.ValidatePullThroughCacheRuleInput) (*ecr.ValidatePullThroughCacheRuleOutput, error) {
	scope, r, failure, err := h.registry.ValidateCacheRule(ctx, h.caller(ctx, in.RegistryId), *in.EcrRepositoryPrefix)
	if err != nil {
		return nil, err
	}
	if r.CredentialARN != "" {
		awsapi.Notice(ctx, noticeCacheCredential)
	}
	return &ecr.ValidatePullThroughCacheRuleOutput{
		RegistryId: &scope.Account, EcrRepositoryPrefix: &r.Prefix, UpstreamRegistryUrl: &r.URL, UpstreamRepositoryPrefix: text(r.UpstreamPrefix),
		CredentialArn: text(r.CredentialARN), CustomRoleArn: text(r.CustomRoleARN),
		IsValid: failure == "", Failure: text(failure),
	}, nil
}

func (h *handlers) describePullThroughCacheRules(ctx context.Context, in *ecr.DescribePullThroughCacheRulesInput) (*ecr.DescribePullThroughCacheRulesOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	if in.EcrRepositoryPrefixes != nil {
		scope, found, err := h.registry.CacheRules(ctx, c, in.EcrRepositoryPrefixes)
		if err != nil {
			return nil, err
		}
		return &ecr.DescribePullThroughCacheRulesOutput{PullThroughCacheRules: cacheRules(scope, found)}, nil
	}
	p, err := h.page("DescribePullThroughCacheRules", in.NextToken, in.MaxResults, h.account(c))
	if err != nil {
		return nil, err
	}
	scope, found, err := h.registry.ListCacheRules(ctx, c, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, func(r registry.CacheRule) string { return r.Prefix })
	return &ecr.DescribePullThroughCacheRulesOutput{PullThroughCacheRules: cacheRules(scope, found), NextToken: next}, nil
}

func cacheRules(scope registry.Scope, found []registry.CacheRule) []types.PullThroughCacheRule {
	out := make([]types.PullThroughCacheRule, 0, len(found))
	for _, r := range found {
		out = append(out, types.PullThroughCacheRule{
			RegistryId: &scope.Account, EcrRepositoryPrefix: &r.Prefix, CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt),
			UpstreamRegistry: types.UpstreamRegistry(r.Kind), UpstreamRegistryUrl: &r.URL, UpstreamRepositoryPrefix: text(r.UpstreamPrefix),
			CredentialArn: text(r.CredentialARN), CustomRoleArn: text(r.CustomRoleARN),
		})
	}
	return out
}
