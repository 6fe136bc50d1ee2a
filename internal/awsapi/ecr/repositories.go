package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

func (h *handlers) createRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	want := service.CreateRepository{
		Name:              *in.RepositoryName,
		TagMutability:     registry.TagMutability(in.ImageTagMutability),
		MutabilityFilters: filtersOf(in.ImageTagMutabilityExclusionFilters),
		Tags:              tagsOf(in.Tags),
	}
	if in.ImageScanningConfiguration != nil {
		want.ScanOnPush = in.ImageScanningConfiguration.ScanOnPush
	}
	if e := in.EncryptionConfiguration; e != nil {
		want.Encryption = registry.Encryption{Type: string(e.EncryptionType), KMSKey: aws.ToString(e.KmsKey)}
	}
	repo, err := h.registry.CreateRepository(ctx, h.caller(ctx, in.RegistryId), want)
	if err != nil {
		return nil, err
	}
	return &ecr.CreateRepositoryOutput{Repository: h.repository(ctx, repo)}, nil
}

func (h *handlers) describeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	if in.RepositoryNames != nil {
		found, err := h.registry.DescribeRepositories(ctx, c, in.RepositoryNames)
		if err != nil {
			return nil, err
		}
		return &ecr.DescribeRepositoriesOutput{Repositories: h.repositories(ctx, found)}, nil
	}
	p, err := h.page("DescribeRepositories", in.NextToken, in.MaxResults, h.account(c))
	if err != nil {
		return nil, err
	}
	found, err := h.registry.ListRepositories(ctx, c, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, func(r registry.Repository) string { return r.Name })
	return &ecr.DescribeRepositoriesOutput{Repositories: h.repositories(ctx, found), NextToken: next}, nil
}

func (h *handlers) deleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	repo, err := h.registry.DeleteRepository(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, in.Force)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryOutput{Repository: h.repository(ctx, repo)}, nil
}

func (h *handlers) putImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	repo, err := h.registry.PutTagMutability(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName,
		registry.TagMutability(in.ImageTagMutability), filtersOf(in.ImageTagMutabilityExclusionFilters))
	if err != nil {
		return nil, err
	}
	return &ecr.PutImageTagMutabilityOutput{
		RegistryId: &repo.Account, RepositoryName: &repo.Name,
		ImageTagMutability:                 types.ImageTagMutability(repo.TagMutability),
		ImageTagMutabilityExclusionFilters: exclusionFilters(repo),
	}, nil
}

func (h *handlers) putImageScanningConfiguration(ctx context.Context, in *ecr.PutImageScanningConfigurationInput) (*ecr.PutImageScanningConfigurationOutput, error) {
	repo, err := h.registry.PutScanOnPush(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, in.ImageScanningConfiguration.ScanOnPush)
	if err != nil {
		return nil, err
	}
	return &ecr.PutImageScanningConfigurationOutput{
		RegistryId: &repo.Account, RepositoryName: &repo.Name,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: repo.ScanOnPush},
	}, nil
}

func (h *handlers) tagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	return &ecr.TagResourceOutput{}, h.registry.TagResource(ctx, h.caller(ctx, nil), *in.ResourceArn, tagsOf(in.Tags))
}

func (h *handlers) untagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	return &ecr.UntagResourceOutput{}, h.registry.UntagResource(ctx, h.caller(ctx, nil), *in.ResourceArn, in.TagKeys)
}

func (h *handlers) listTagsForResource(ctx context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	tags, err := h.registry.ResourceTags(ctx, h.caller(ctx, nil), *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &ecr.ListTagsForResourceOutput{Tags: make([]types.Tag, 0, len(tags))}
	for _, t := range tags {
		out.Tags = append(out.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, nil
}

func (h *handlers) repositories(ctx context.Context, found []registry.Repository) []types.Repository {
	out := make([]types.Repository, 0, len(found))
	for i := range found {
		out = append(out, *h.repository(ctx, &found[i]))
	}
	return out
}

func (h *handlers) repository(ctx context.Context, r *registry.Repository) *types.Repository {
	_, host := h.hosts.of(ctx, r.Account)
	scope := registry.Scope{Account: r.Account, Region: h.hosts.defaults.Region}
	return &types.Repository{
		RepositoryArn: aws.String(scope.RepositoryARN(r.Name)), RegistryId: &r.Account, RepositoryName: &r.Name,
		RepositoryUri: aws.String(host + "/" + r.Name), CreatedAt: moment(r.CreatedAt),
		ImageTagMutability:                 types.ImageTagMutability(r.TagMutability),
		ImageTagMutabilityExclusionFilters: exclusionFilters(r),
		ImageScanningConfiguration:         &types.ImageScanningConfiguration{ScanOnPush: r.ScanOnPush},
		EncryptionConfiguration: &types.EncryptionConfiguration{
			EncryptionType: types.EncryptionType(r.Encryption.Type), KmsKey: text(r.Encryption.KMSKey),
		},
	}
}

// exclusionFilters is nil, and thereby left out, in the two plain modes.
func exclusionFilters(r *registry.Repository) []types.ImageTagMutabilityExclusionFilter {
	var out []types.ImageTagMutabilityExclusionFilter
	for _, f := range r.MutabilityFilters {
		out = append(out, types.ImageTagMutabilityExclusionFilter{Filter: &f, FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard})
	}
	return out
}

func filtersOf(in []types.ImageTagMutabilityExclusionFilter) []string {
	var out []string
	for _, f := range in {
		out = append(out, *f.Filter)
	}
	return out
}

func tagsOf(in []types.Tag) []registry.ResourceTag {
	var out []registry.ResourceTag
	for _, t := range in {
		out = append(out, registry.ResourceTag{Key: *t.Key, Value: *t.Value})
	}
	return out
}
