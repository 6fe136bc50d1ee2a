package inspector

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/service"
)

// Coverage is what the API needs of coverage.
type Coverage interface {
	InspectorCoverage(ctx context.Context, c service.Caller, in service.CoverageList) (service.CoveragePage, error)
	CoverageStatistics(ctx context.Context, c service.Caller, criteria finding.Criteria, groupBy string) (total int64, groups []service.CoverageCount, err error)
}

// How many resources and groups a page has at most, and without a size.
const (
	maxCoverage = 200
	maxGroups   = 1000
)

func (h *handlers) coverageOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.listCoverage),
		awsapi.Op(h.listCoverageStatistics),
	}
}

func (h *handlers) listCoverage(ctx context.Context, in *inspector2.ListCoverageInput) (*inspector2.ListCoverageOutput, error) {
	c, criteria := caller(ctx), criteriaFrom(in.FilterCriteria)
	p, err := h.page("ListCoverage", in.NextToken, in.MaxResults, maxCoverage, c.Account, criteria)
	if err != nil {
		return nil, err
	}
	page, err := h.service.InspectorCoverage(ctx, c, service.CoverageList{Criteria: criteria, After: p.Cursor, Limit: p.Size})
	if err != nil {
		return nil, err
	}
	out := &inspector2.ListCoverageOutput{CoveredResources: []types.CoveredResource{}, NextToken: h.token(p, page.Next)}
	for i := range page.Resources {
		out.CoveredResources = append(out.CoveredResources, covered(&page.Resources[i]))
	}
	return out, nil
}

func covered(r *finding.Resource) types.CoveredResource {
	out := types.CoveredResource{
		AccountId: &r.Account, ResourceId: &r.ID, ResourceType: types.CoverageResourceType(r.Type), ScanType: types.ScanTypePackage,
		ScanStatus:       &types.ScanStatus{StatusCode: types.ScanStatusCode(r.Code), Reason: types.ScanStatusReason(r.Reason)},
		LastScannedAt:    when(r.ScannedAt),
		ResourceMetadata: &types.ResourceScanMetadata{},
	}
	if r.Type == finding.RepositoryResource {
		out.ResourceMetadata.EcrRepository = &types.EcrRepositoryMetadata{Name: &r.Repository, ScanFrequency: types.EcrScanFrequency(r.Frequency)}
		return out
	}
	out.ResourceMetadata.EcrImage = &types.EcrContainerImageMetadata{Tags: listed(r.Tags), ImagePulledAt: when(r.PulledAt), InUseCount: aws.Int64(0)}
	return out
}

func (h *handlers) listCoverageStatistics(ctx context.Context, in *inspector2.ListCoverageStatisticsInput) (*inspector2.ListCoverageStatisticsOutput, error) {
	c, criteria := caller(ctx), criteriaFrom(in.FilterCriteria)
	p, err := h.page("ListCoverageStatistics", in.NextToken, nil, maxGroups, c.Account, criteria, in.GroupBy)
	if err != nil {
		return nil, err
	}
	total, groups, err := h.service.CoverageStatistics(ctx, c, criteria, string(in.GroupBy))
	if err != nil {
		return nil, err
	}
	for len(groups) > 0 && groups[0].Key <= p.Cursor {
		groups = groups[1:]
	}
	out := &inspector2.ListCoverageStatisticsOutput{TotalCounts: &total, CountsByGroup: []types.Counts{}}
	groups, out.NextToken = pagetoken.Cut(h.pages, p, groups, func(g service.CoverageCount) string { return g.Key })
	for _, g := range groups {
		out.CountsByGroup = append(out.CountsByGroup, types.Counts{Count: g.Count, GroupKey: types.GroupKey(g.Key)})
	}
	return out, nil
}
