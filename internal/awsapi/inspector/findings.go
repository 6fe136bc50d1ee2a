package inspector

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Findings is what the API needs of findings.
type Findings interface {
	InspectorFindings(ctx context.Context, c service.Caller, in service.FindingList) (service.FindingPage, error)
	FindingDetails(ctx context.Context, c service.Caller, arns []string) (found []finding.Finding, unknown []string, err error)
	AggregateFindings(ctx context.Context, c service.Caller, in service.FindingAggregation) ([]service.FindingGroup, bool, error)
}

// maxFindings is how many findings or groups a page has at most, and without a
// size.
const maxFindings = 100

func (h *handlers) findingOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.listFindings),
		awsapi.Op(h.batchGetFindingDetails),
		awsapi.Op(h.listFindingAggregations),
		awsapi.Op(h.getClustersForImage),
	}
}

func (h *handlers) listFindings(ctx context.Context, in *inspector2.ListFindingsInput) (*inspector2.ListFindingsOutput, error) {
	c := caller(ctx)
	list := service.FindingList{Criteria: criteriaFrom(in.FilterCriteria)}
	if in.SortCriteria != nil {
		var err error
		if list.Sort, err = service.FindingSortOf(string(in.SortCriteria.Field)); err != nil {
			return nil, err
		}
		list.Descending = in.SortCriteria.SortOrder == types.SortOrderDesc
	}
	p, err := h.page("ListFindings", in.NextToken, in.MaxResults, maxFindings, c.Account, list.Criteria, in.SortCriteria)
	if err != nil {
		return nil, err
	}
	list.Limit = p.Size
	if list.After, err = stateFrom(p.Cursor); err != nil {
		return nil, err
	}
	page, err := h.service.InspectorFindings(ctx, c, list)
	if err != nil {
		return nil, err
	}
	out := &inspector2.ListFindingsOutput{Findings: []types.Finding{}}
	for i := range page.Findings {
		out.Findings = append(out.Findings, h.finding(&page.Findings[i]))
	}
	out.NextToken = h.token(p, cursorOf(page.Next))
	return out, nil
}

// cursorOf is a place in a list of findings: all that they may be ordered by.
func cursorOf(s *service.FindingState) string {
	if s == nil {
		return ""
	}
	place := *s
	place.Suppression, place.Revision = nil, ""
	body, _ := json.Marshal(place) // texts, numbers and times
	return string(body)
}

func stateFrom(cursor string) (*service.FindingState, error) {
	if cursor == "" {
		return nil, nil
	}
	s := new(service.FindingState)
	if err := json.Unmarshal([]byte(cursor), s); err != nil {
		return nil, registry.Internal("reading a place in a list of findings", err)
	}
	return s, nil
}

func (h *handlers) finding(f *finding.Finding) types.Finding {
	out := types.Finding{
		AwsAccountId: &f.Account, Description: &f.Description, FindingArn: aws.String(f.ARN(h.region)), Title: &f.Title,
		FirstObservedAt: when(f.FirstObservedAt), LastObservedAt: when(f.LastObservedAt), UpdatedAt: when(f.UpdatedAt),
		Severity: types.Severity(f.Severity), Status: types.FindingStatus(f.Status), Type: types.FindingTypePackageVulnerability,
		ExploitAvailable: types.ExploitAvailable(f.Exploitable()), FixAvailable: types.FixAvailable(f.Fix),
		Remediation:                 &types.Remediation{Recommendation: &types.Recommendation{Text: &f.Remediation}},
		PackageVulnerabilityDetails: vulnerabilityOf(f),
		Resources:                   []types.Resource{h.resource(f)},
	}
	if f.EPSS >= 0 {
		out.Epss = &types.EpssDetails{Score: f.EPSS}
	}
	if !f.Risk.ExploitedAt.IsZero() {
		out.ExploitabilityDetails = &types.ExploitabilityDetails{LastKnownExploitAt: &f.Risk.ExploitedAt}
	}
	if f.Score >= 0 {
		out.InspectorScore = &f.Score
		if len(f.CVSS) > 0 {
			first := &f.CVSS[0]
			out.InspectorScoreDetails = &types.InspectorScoreDetails{AdjustedCvss: &types.CvssScoreDetails{
				Adjustments: []types.CvssScoreAdjustment{}, CvssSource: &first.Source, Score: &f.Score, ScoreSource: &first.Source,
				ScoringVector: &first.Vector, Version: &first.Version,
			}}
		}
	}
	return out
}

func vulnerabilityOf(f *finding.Finding) *types.PackageVulnerabilityDetails {
	out := &types.PackageVulnerabilityDetails{
		VulnerabilityId: &f.VulnerabilityID, Source: &f.Source, SourceUrl: given(f.SourceURL), VendorSeverity: given(f.Vendor),
		VendorCreatedAt: when(f.CreatedAt), VendorUpdatedAt: when(f.ChangedAt),
		ReferenceUrls: listed(f.References), RelatedVulnerabilities: listed(f.Aliases),
		Cvss: []types.CvssScore{}, VulnerablePackages: []types.VulnerablePackage{},
	}
	for i := range f.CVSS {
		c := &f.CVSS[i]
		out.Cvss = append(out.Cvss, types.CvssScore{BaseScore: &c.Score, ScoringVector: &c.Vector, Source: &c.Source, Version: &c.Version})
	}
	for i := range f.Packages {
		p := &f.Packages[i]
		out.VulnerablePackages = append(out.VulnerablePackages, types.VulnerablePackage{
			Name: &p.Name, Version: &p.Version, Release: given(p.Release), Epoch: int32(min(max(p.Epoch, 0), 1<<31-1)), Arch: given(p.Arch),
			PackageManager: types.PackageManager(p.Manager), FilePath: given(p.Path), SourceLayerHash: given(p.Layer), FixedInVersion: given(p.FixedIn),
		})
	}
	return out
}

func (h *handlers) resource(f *finding.Finding) types.Resource {
	return types.Resource{
		Id: aws.String(f.ResourceID(h.region)), Type: types.ResourceTypeAwsEcrContainerImage,
		Partition: aws.String("aws"), Region: &h.region, Tags: map[string]string{},
		Details: &types.ResourceDetails{AwsEcrContainerImage: &types.AwsEcrContainerImageDetails{
			Architecture: given(f.Image.Architecture), Author: given(f.Image.Author), ImageHash: &f.Digest, ImageTags: listed(f.Image.Tags),
			Platform: given(f.Image.Platform), PushedAt: when(f.Image.PushedAt), Registry: &f.Account, RepositoryName: &f.Repository,
		}},
	}
}

// listed is a list that is there even when it is empty.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (h *handlers) batchGetFindingDetails(ctx context.Context, in *inspector2.BatchGetFindingDetailsInput) (*inspector2.BatchGetFindingDetailsOutput, error) {
	found, unknown, err := h.service.FindingDetails(ctx, caller(ctx), in.FindingArns)
	if err != nil {
		return nil, err
	}
	out := &inspector2.BatchGetFindingDetailsOutput{Errors: []types.FindingDetailsError{}, FindingDetails: []types.FindingDetail{}}
	for i := range found {
		f := &found[i]
		detail := types.FindingDetail{FindingArn: aws.String(f.ARN(h.region)), Cwes: listed(f.CWEs), ReferenceUrls: listed(f.References)}
		if f.EPSS >= 0 {
			detail.EpssScore = &f.EPSS
		}
		if f.Risk.KnownExploited {
			detail.CisaData = &types.CisaData{DateAdded: when(f.Risk.ExploitedAt)}
		}
		out.FindingDetails = append(out.FindingDetails, detail)
	}
	for _, arn := range unknown {
		out.Errors = append(out.Errors, types.FindingDetailsError{
			FindingArn: &arn, ErrorCode: types.FindingDetailsErrorCodeFindingDetailsNotFound, ErrorMessage: aws.String("Finding details not found."),
		})
	}
	return out, nil
}

// getClustersForImage answers that an image runs nowhere: nobody reports clusters.
func (h *handlers) getClustersForImage(ctx context.Context, _ *inspector2.GetClustersForImageInput) (*inspector2.GetClustersForImageOutput, error) {
	if _, err := h.service.AllowInspector(ctx, caller(ctx), "GetClustersForImage"); err != nil {
		return nil, err
	}
	return &inspector2.GetClustersForImageOutput{Cluster: []types.ClusterInformation{}}, nil
}
