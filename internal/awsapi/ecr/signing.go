package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const noticeSigning = "The signing configuration is stored; this version of ecru does not sign images yet."

// Signing is what the API needs of signing.
type Signing interface {
	SigningConfiguration(ctx context.Context, c service.Caller) (registry.Scope, registry.SigningConfiguration, error)
	PutSigningConfiguration(ctx context.Context, c service.Caller, config registry.SigningConfiguration) error
	DeleteSigningConfiguration(ctx context.Context, c service.Caller) (registry.Scope, registry.SigningConfiguration, error)
	ImageSigning(ctx context.Context, c service.Caller, repository string, id registry.ImageID) (service.ImageSigning, error)
}

func (h *handlers) signingOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.getSigningConfiguration),
		awsapi.Op(h.putSigningConfiguration),
		awsapi.Op(h.deleteSigningConfiguration),
		awsapi.Op(h.describeImageSigningStatus),
	}
}

func (h *handlers) getSigningConfiguration(ctx context.Context, _ *ecr.GetSigningConfigurationInput) (*ecr.GetSigningConfigurationOutput, error) {
	scope, config, err := h.registry.SigningConfiguration(ctx, h.caller(ctx, nil))
	if err != nil {
		return nil, err
	}
	return &ecr.GetSigningConfigurationOutput{RegistryId: &scope.Account, SigningConfiguration: signingConfiguration(config)}, nil
}

func (h *handlers) putSigningConfiguration(ctx context.Context, in *ecr.PutSigningConfigurationInput) (*ecr.PutSigningConfigurationOutput, error) {
	var config registry.SigningConfiguration
	for _, r := range in.SigningConfiguration.Rules {
		rule := registry.SigningRule{ProfileARN: *r.SigningProfileArn}
		for _, f := range r.RepositoryFilters {
			rule.Filters = append(rule.Filters, *f.Filter)
		}
		config.Rules = append(config.Rules, rule)
	}
	if err := h.registry.PutSigningConfiguration(ctx, h.caller(ctx, nil), config); err != nil {
		return nil, err
	}
	if len(config.Rules) > 0 {
		awsapi.Notice(ctx, noticeSigning)
	}
	return &ecr.PutSigningConfigurationOutput{SigningConfiguration: signingConfiguration(config)}, nil
}

func (h *handlers) deleteSigningConfiguration(ctx context.Context, _ *ecr.DeleteSigningConfigurationInput) (*ecr.DeleteSigningConfigurationOutput, error) {
	scope, config, err := h.registry.DeleteSigningConfiguration(ctx, h.caller(ctx, nil))
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteSigningConfigurationOutput{RegistryId: &scope.Account, SigningConfiguration: signingConfiguration(config)}, nil
}

func signingConfiguration(config registry.SigningConfiguration) *types.SigningConfiguration {
	out := &types.SigningConfiguration{Rules: []types.SigningRule{}}
	for _, r := range config.Rules {
		rule := types.SigningRule{SigningProfileArn: &r.ProfileARN}
		for _, f := range r.Filters {
			rule.RepositoryFilters = append(rule.RepositoryFilters, types.SigningRepositoryFilter{Filter: &f, FilterType: types.SigningRepositoryFilterTypeWildcardMatch})
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// describeImageSigningStatus tells of every rule that the image has not got
// its signature: nothing is signed yet.
func (h *handlers) describeImageSigningStatus(ctx context.Context, in *ecr.DescribeImageSigningStatusInput) (*ecr.DescribeImageSigningStatusOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	id, err := oneImageID(in.ImageId)
	if err != nil {
		return nil, err
	}
	found, err := h.registry.ImageSigning(ctx, c, *in.RepositoryName, id)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImageSigningStatusOutput{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName, ImageId: imageIdentifier(found.ID), SigningStatuses: []types.ImageSigningStatus{},
	}
	if len(found.Rules) > 0 {
		awsapi.Notice(ctx, noticeSigning)
	}
	for _, r := range found.Rules {
		out.SigningStatuses = append(out.SigningStatuses, types.ImageSigningStatus{
			SigningProfileArn: &r.ProfileARN, Status: types.SigningStatusFailed, FailureCode: aws.String(notRun),
			FailureReason: aws.String("Managed signing does not run in this version of ecru yet."),
		})
	}
	return out, nil
}
