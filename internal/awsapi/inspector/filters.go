package inspector

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/service"
)

// Filters is what the API needs of filters.
type Filters interface {
	CreateFindingFilter(ctx context.Context, c service.Caller, f service.FindingFilter) (string, error)
	UpdateFindingFilter(ctx context.Context, c service.Caller, arn string, in service.FilterChange) error
	DeleteFindingFilter(ctx context.Context, c service.Caller, arn string) error
	ListFindingFilters(ctx context.Context, c service.Caller, arns []string, action, after string, limit int) ([]service.FindingFilter, error)
	TagFindingFilter(ctx context.Context, c service.Caller, arn string, tags map[string]string) error
	UntagFindingFilter(ctx context.Context, c service.Caller, arn string, keys []string) error
	FindingFilterTags(ctx context.Context, c service.Caller, arn string) (map[string]string, error)
}

// maxFilters is how many filters a page has at most, and without a size.
const maxFilters = 100

func (h *handlers) filterOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createFilter),
		awsapi.Op(h.updateFilter),
		awsapi.Op(h.deleteFilter),
		awsapi.Op(h.listFilters),
		awsapi.Op(h.tagResource),
		awsapi.Op(h.untagResource),
		awsapi.Op(h.listTagsForResource),
	}
}

func (h *handlers) createFilter(ctx context.Context, in *inspector2.CreateFilterInput) (*inspector2.CreateFilterOutput, error) {
	arn, err := h.service.CreateFindingFilter(ctx, caller(ctx), service.FindingFilter{
		Name: *in.Name, Action: string(in.Action), Description: aws.ToString(in.Description), Reason: aws.ToString(in.Reason),
		Criteria: criteriaFrom(in.FilterCriteria), Tags: in.Tags,
	})
	if err != nil {
		return nil, err
	}
	return &inspector2.CreateFilterOutput{Arn: &arn}, nil
}

func (h *handlers) updateFilter(ctx context.Context, in *inspector2.UpdateFilterInput) (*inspector2.UpdateFilterOutput, error) {
	change := service.FilterChange{Name: in.Name, Description: in.Description, Reason: in.Reason}
	if in.Action != "" {
		change.Action = aws.String(string(in.Action))
	}
	if in.FilterCriteria != nil {
		criteria := criteriaFrom(in.FilterCriteria)
		change.Criteria = &criteria
	}
	if err := h.service.UpdateFindingFilter(ctx, caller(ctx), *in.FilterArn, change); err != nil {
		return nil, err
	}
	return &inspector2.UpdateFilterOutput{Arn: in.FilterArn}, nil
}

func (h *handlers) deleteFilter(ctx context.Context, in *inspector2.DeleteFilterInput) (*inspector2.DeleteFilterOutput, error) {
	if err := h.service.DeleteFindingFilter(ctx, caller(ctx), *in.Arn); err != nil {
		return nil, err
	}
	return &inspector2.DeleteFilterOutput{Arn: in.Arn}, nil
}

func (h *handlers) listFilters(ctx context.Context, in *inspector2.ListFiltersInput) (*inspector2.ListFiltersOutput, error) {
	c := caller(ctx)
	p, err := h.page("ListFilters", in.NextToken, in.MaxResults, maxFilters, c.Account, in.Arns, in.Action)
	if err != nil {
		return nil, err
	}
	found, err := h.service.ListFindingFilters(ctx, c, in.Arns, string(in.Action), p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	out := &inspector2.ListFiltersOutput{Filters: []types.Filter{}}
	found, out.NextToken = pagetoken.Cut(h.pages, p, found, func(f service.FindingFilter) string { return f.ID })
	for i := range found {
		out.Filters = append(out.Filters, filter(&found[i]))
	}
	return out, nil
}

func filter(f *service.FindingFilter) types.Filter {
	criteria := new(types.FilterCriteria)
	tellCriteria(f.Criteria, criteria)
	return types.Filter{
		Action: types.FilterAction(f.Action), Arn: &f.ARN, CreatedAt: &f.CreatedAt, UpdatedAt: &f.UpdatedAt, Criteria: criteria,
		Name: &f.Name, OwnerId: &f.Owner, Description: given(f.Description), Reason: given(f.Reason), Tags: tagged(f.Tags),
	}
}

// tagged are tags that are there even when there are none.
func tagged(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}

func (h *handlers) tagResource(ctx context.Context, in *inspector2.TagResourceInput) (*inspector2.TagResourceOutput, error) {
	err := h.service.TagFindingFilter(ctx, caller(ctx), *in.ResourceArn, in.Tags)
	return &inspector2.TagResourceOutput{}, err
}

func (h *handlers) untagResource(ctx context.Context, in *inspector2.UntagResourceInput) (*inspector2.UntagResourceOutput, error) {
	err := h.service.UntagFindingFilter(ctx, caller(ctx), *in.ResourceArn, in.TagKeys)
	return &inspector2.UntagResourceOutput{}, err
}

func (h *handlers) listTagsForResource(ctx context.Context, in *inspector2.ListTagsForResourceInput) (*inspector2.ListTagsForResourceOutput, error) {
	tags, err := h.service.FindingFilterTags(ctx, caller(ctx), *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &inspector2.ListTagsForResourceOutput{Tags: tagged(tags)}, nil
}
