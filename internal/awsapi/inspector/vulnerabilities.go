package inspector

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/service"
)

// Vulnerabilities is what the API needs of vulnerabilities.
type Vulnerabilities interface {
	Vulnerability(ctx context.Context, c service.Caller, id string) (finding.Finding, bool, error)
}

func (h *handlers) vulnerabilityOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.searchVulnerabilities)}
}

// searchVulnerabilities tells what is known of a vulnerability that some image of
// the account has or had: others are not known.
func (h *handlers) searchVulnerabilities(ctx context.Context, in *inspector2.SearchVulnerabilitiesInput) (*inspector2.SearchVulnerabilitiesOutput, error) {
	c := caller(ctx)
	if _, err := h.page("SearchVulnerabilities", in.NextToken, nil, maxGroups, c.Account, in.FilterCriteria.VulnerabilityIds); err != nil {
		return nil, err // there never is a second page
	}
	out := &inspector2.SearchVulnerabilitiesOutput{Vulnerabilities: []types.Vulnerability{}}
	for _, id := range in.FilterCriteria.VulnerabilityIds {
		f, known, err := h.service.Vulnerability(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if known {
			out.Vulnerabilities = append(out.Vulnerabilities, vulnerability(&f))
		}
	}
	return out, nil
}

func vulnerability(f *finding.Finding) types.Vulnerability {
	out := types.Vulnerability{
		Id: &f.VulnerabilityID, Description: &f.Description, Cwes: listed(f.CWEs), ReferenceUrls: listed(f.References),
		RelatedVulnerabilities: listed(f.Aliases), SourceUrl: given(f.SourceURL),
		VendorSeverity: given(f.Vendor), VendorCreatedAt: when(f.CreatedAt), VendorUpdatedAt: when(f.ChangedAt),
	}
	if f.Source == string(types.VulnerabilitySourceNvd) {
		out.Source = types.VulnerabilitySourceNvd
	}
	if f.Image.Platform != "" {
		out.DetectionPlatforms = []string{f.Image.Platform}
	}
	if f.EPSS >= 0 {
		out.Epss = &types.Epss{Score: f.EPSS}
	}
	if f.Risk.KnownExploited {
		out.CisaData = &types.CisaData{DateAdded: when(f.Risk.ExploitedAt)}
	}
	for i := range f.CVSS {
		c := &f.CVSS[i]
		switch {
		case strings.HasPrefix(c.Version, "4") && out.Cvss4 == nil:
			out.Cvss4 = &types.Cvss4{BaseScore: c.Score, ScoringVector: &c.Vector}
		case strings.HasPrefix(c.Version, "3") && out.Cvss3 == nil:
			out.Cvss3 = &types.Cvss3{BaseScore: c.Score, ScoringVector: &c.Vector}
		case strings.HasPrefix(c.Version, "2") && out.Cvss2 == nil:
			out.Cvss2 = &types.Cvss2{BaseScore: c.Score, ScoringVector: &c.Vector}
		}
	}
	return out
}
