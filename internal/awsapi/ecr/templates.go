package ecr

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// CreationTemplates is what the API needs of creation templates.
type CreationTemplates interface {
	CreateTemplate(ctx context.Context, c service.Caller, t registry.CreationTemplate) (registry.Scope, *registry.CreationTemplate, error)
	UpdateTemplate(ctx context.Context, c service.Caller, prefix string, change service.TemplateChange) (registry.Scope, *registry.CreationTemplate, error)
	DeleteTemplate(ctx context.Context, c service.Caller, prefix string) (registry.Scope, *registry.CreationTemplate, error)
	Templates(ctx context.Context, c service.Caller, prefixes []string) (registry.Scope, []registry.CreationTemplate, error)
	ListTemplates(ctx context.Context, c service.Caller, after string, limit int) (registry.Scope, []registry.CreationTemplate, error)
}

func (h *handlers) templateOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createRepositoryCreationTemplate),
		awsapi.Op(h.updateRepositoryCreationTemplate),
		awsapi.Op(h.deleteRepositoryCreationTemplate),
		awsapi.Op(h.describeRepositoryCreationTemplates),
	}
}

// What of templates is kept for later versions.
const (
	noticeTemplates         = "Creation templates are applied to pushes; this version of ecru does not replicate or pull from upstreams yet."
	noticeTemplateLifecycle = "Lifecycle policies are validated and stored; this version of ecru does not evaluate them yet."
)

// noticeTemplate tells what a template asks for that nothing acts on yet.
func noticeTemplate(ctx context.Context, t *registry.CreationTemplate) {
	later := t.AppliesFor(registry.CreateOnPullThrough) || t.AppliesFor(registry.CreateForReplication)
	switch {
	case later && t.LifecyclePolicy != "":
		awsapi.Notice(ctx, noticeTemplates+" "+noticeTemplateLifecycle)
	case later:
		awsapi.Notice(ctx, noticeTemplates)
	case t.LifecyclePolicy != "":
		awsapi.Notice(ctx, noticeTemplateLifecycle)
	}
}

func (h *handlers) createRepositoryCreationTemplate(ctx context.Context, in *ecr.CreateRepositoryCreationTemplateInput) (*ecr.CreateRepositoryCreationTemplateOutput, error) {
	want := registry.CreationTemplate{
		Prefix: *in.Prefix, Description: aws.ToString(in.Description), AppliedFor: reasonsOf(in.AppliedFor),
		TagMutability:     registry.TagMutability(in.ImageTagMutability),
		MutabilityFilters: filtersOf(in.ImageTagMutabilityExclusionFilters),
		Tags:              tagsOf(in.ResourceTags),
		RepositoryPolicy:  aws.ToString(in.RepositoryPolicy), LifecyclePolicy: aws.ToString(in.LifecyclePolicy),
		CustomRoleARN: aws.ToString(in.CustomRoleArn),
	}
	if e := in.EncryptionConfiguration; e != nil {
		want.Encryption = registry.Encryption{Type: string(e.EncryptionType), KMSKey: aws.ToString(e.KmsKey)}
	}
	scope, t, err := h.registry.CreateTemplate(ctx, h.caller(ctx, nil), want)
	if err != nil {
		return nil, err
	}
	noticeTemplate(ctx, t)
	return &ecr.CreateRepositoryCreationTemplateOutput{RegistryId: &scope.Account, RepositoryCreationTemplate: template(t)}, nil
}

func (h *handlers) updateRepositoryCreationTemplate(ctx context.Context, in *ecr.UpdateRepositoryCreationTemplateInput) (*ecr.UpdateRepositoryCreationTemplateOutput, error) {
	change := service.TemplateChange{
		Description: in.Description, AppliedFor: reasonsOf(in.AppliedFor),
		MutabilityFilters: filtersOf(in.ImageTagMutabilityExclusionFilters),
		RepositoryPolicy:  in.RepositoryPolicy, LifecyclePolicy: in.LifecyclePolicy,
		CustomRoleARN: in.CustomRoleArn,
	}
	if in.ResourceTags != nil {
		change.Tags = append([]registry.ResourceTag{}, tagsOf(in.ResourceTags)...)
	}
	if in.ImageTagMutability != "" {
		mode := registry.TagMutability(in.ImageTagMutability)
		change.TagMutability = &mode
	}
	if e := in.EncryptionConfiguration; e != nil {
		change.Encryption = &registry.Encryption{Type: string(e.EncryptionType), KMSKey: aws.ToString(e.KmsKey)}
	}
	scope, t, err := h.registry.UpdateTemplate(ctx, h.caller(ctx, nil), *in.Prefix, change)
	if err != nil {
		return nil, err
	}
	noticeTemplate(ctx, t)
	return &ecr.UpdateRepositoryCreationTemplateOutput{RegistryId: &scope.Account, RepositoryCreationTemplate: template(t)}, nil
}

func (h *handlers) deleteRepositoryCreationTemplate(ctx context.Context, in *ecr.DeleteRepositoryCreationTemplateInput) (*ecr.DeleteRepositoryCreationTemplateOutput, error) {
	scope, t, err := h.registry.DeleteTemplate(ctx, h.caller(ctx, nil), *in.Prefix)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryCreationTemplateOutput{RegistryId: &scope.Account, RepositoryCreationTemplate: template(t)}, nil
}

// A template may be of 60 KiB. A client that asks for larger pages gets more of
// them; one that asks for more templates by name is refused.
const (
	maxTemplatePage     = 100
	maxTemplatePrefixes = 100
)

func (h *handlers) describeRepositoryCreationTemplates(ctx context.Context, in *ecr.DescribeRepositoryCreationTemplatesInput) (*ecr.DescribeRepositoryCreationTemplatesOutput, error) {
	c := h.caller(ctx, nil)
	if len(in.Prefixes) > maxTemplatePrefixes {
		return nil, registry.InvalidParameter("prefixes", fmt.Sprintf("Member must have length less than or equal to %d", maxTemplatePrefixes))
	}
	if len(in.Prefixes) > 0 {
		scope, found, err := h.registry.Templates(ctx, c, in.Prefixes)
		if err != nil {
			return nil, err
		}
		return &ecr.DescribeRepositoryCreationTemplatesOutput{RegistryId: &scope.Account, RepositoryCreationTemplates: templates(found)}, nil
	}
	p, err := h.page("DescribeRepositoryCreationTemplates", in.NextToken, in.MaxResults, h.account(c))
	if err != nil {
		return nil, err
	}
	p.Size = min(p.Size, maxTemplatePage)
	scope, found, err := h.registry.ListTemplates(ctx, c, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, func(t registry.CreationTemplate) string { return t.Prefix })
	return &ecr.DescribeRepositoryCreationTemplatesOutput{
		RegistryId: &scope.Account, RepositoryCreationTemplates: templates(found), NextToken: next,
	}, nil
}

func templates(found []registry.CreationTemplate) []types.RepositoryCreationTemplate {
	out := make([]types.RepositoryCreationTemplate, 0, len(found))
	for i := range found {
		out = append(out, *template(&found[i]))
	}
	return out
}

func template(t *registry.CreationTemplate) *types.RepositoryCreationTemplate {
	out := &types.RepositoryCreationTemplate{
		Prefix: &t.Prefix, Description: text(t.Description), AppliedFor: []types.RCTAppliedFor{},
		ImageTagMutability:                 types.ImageTagMutability(t.TagMutability),
		ImageTagMutabilityExclusionFilters: exclusionFilters(&registry.Repository{MutabilityFilters: t.MutabilityFilters}),
		EncryptionConfiguration: &types.EncryptionConfigurationForRepositoryCreationTemplate{
			EncryptionType: types.EncryptionType(t.Encryption.Type), KmsKey: text(t.Encryption.KMSKey),
		},
		ResourceTags:     []types.Tag{},
		RepositoryPolicy: text(t.RepositoryPolicy), LifecyclePolicy: text(t.LifecyclePolicy),
		CustomRoleArn: text(t.CustomRoleARN), CreatedAt: moment(t.CreatedAt), UpdatedAt: moment(t.UpdatedAt),
	}
	for _, reason := range t.AppliedFor {
		out.AppliedFor = append(out.AppliedFor, types.RCTAppliedFor(reason))
	}
	for _, tag := range t.Tags {
		out.ResourceTags = append(out.ResourceTags, types.Tag{Key: &tag.Key, Value: &tag.Value})
	}
	return out
}

// reasonsOf is nil only for nil.
func reasonsOf(in []types.RCTAppliedFor) []registry.CreationReason {
	if in == nil {
		return nil
	}
	out := make([]registry.CreationReason, len(in))
	for i, reason := range in {
		out[i] = registry.CreationReason(reason)
	}
	return out
}
