package inspector_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// stocked is an API with findings of three images.
func stocked(t testing.TB) *api {
	a := start(t)
	a.enhance()
	a.image("team/web", "1",
		flaw{id: "CVE-2024-0001", pkg: "openssl", severity: registry.Critical, score: 9.8, fixed: "1.1"},
		flaw{id: "CVE-2024-0002", pkg: "zlib", severity: registry.High, score: 7.5},
		flaw{id: "CVE-2024-0003", pkg: "xz", severity: registry.Medium, score: 5})
	a.image("team/web", "2",
		flaw{id: "CVE-2024-0001", pkg: "openssl", severity: registry.Critical, score: 9.8, fixed: "1.1"})
	a.image("base", "1",
		flaw{id: "CVE-2024-0002", pkg: "zlib", severity: registry.High, score: 7.5},
		flaw{id: "CVE-2023-9999", pkg: "bash", severity: registry.Low, score: 2})
	return a
}

// ids are the vulnerabilities of the findings that criteria select, with their
// repositories, in order.
func (a *api) ids(in *sdk.ListFindingsInput) []string {
	a.t.Helper()
	var all []string
	for pages := sdk.NewListFindingsPaginator(a.Client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(a.t.Context())
		if err != nil {
			a.t.Fatal(err)
		}
		for _, f := range page.Findings {
			all = append(all, *f.Resources[0].Details.AwsEcrContainerImage.RepositoryName+" "+*f.PackageVulnerabilityDetails.VulnerabilityId)
		}
	}
	return all
}

func TestFindingsAreListedWithAllThatIsKnown(t *testing.T) {
	a := stocked(t)
	out := apitest.OK[*sdk.ListFindingsOutput](t)(a.ListFindings(t.Context(), &sdk.ListFindingsInput{
		FilterCriteria: &types.FilterCriteria{VulnerabilityId: []types.StringFilter{equals("CVE-2024-0001")}, EcrImageTags: []types.StringFilter{equals("1")}},
	}))
	if len(out.Findings) != 1 {
		t.Fatalf("%d findings", len(out.Findings))
	}
	f := out.Findings[0]
	image := f.Resources[0].Details.AwsEcrContainerImage
	details := f.PackageVulnerabilityDetails
	switch {
	case *f.AwsAccountId != account, !strings.HasPrefix(*f.FindingArn, "arn:aws:inspector2:us-east-1:123456789012:finding/"),
		f.Severity != types.SeverityCritical, f.Status != types.FindingStatusActive, *f.InspectorScore != 9.8, f.FixAvailable != types.FixAvailableYes,
		*f.Title != "CVE-2024-0001 - openssl", f.FirstObservedAt.IsZero(), f.Epss != nil,
		*f.InspectorScoreDetails.AdjustedCvss.ScoringVector != "CVSS:3.1/AV:N":
		t.Errorf("finding: %+v", f)
	case *f.Resources[0].Id != "arn:aws:ecr:us-east-1:123456789012:repository/team/web/"+*image.ImageHash, *image.Registry != account,
		image.ImageTags[0] != "1", *image.Platform != "DEBIAN_12", image.PushedAt.IsZero():
		t.Errorf("image: %+v", image)
	case *details.Source != "DEBIAN_CVE", details.RelatedVulnerabilities[0] != "GHSA-CVE-2024-0001", *details.VulnerablePackages[0].FixedInVersion != "1.1",
		details.VulnerablePackages[0].PackageManager != types.PackageManagerOs:
		t.Errorf("details: %+v", details)
	}
}

func TestCriteriaSelectFindings(t *testing.T) {
	a := stocked(t)
	type c = types.FilterCriteria
	bash, version := equals("bash"), equals("1.0")
	one := func(f ...types.StringFilter) []types.StringFilter { return f }
	all := []string{"base CVE-2023-9999", "base CVE-2024-0002", "team/web CVE-2024-0001", "team/web CVE-2024-0001", "team/web CVE-2024-0002", "team/web CVE-2024-0003"}
	for name, row := range map[string]struct {
		criteria *types.FilterCriteria
		want     []string
	}{
		"nothing asked":          {nil, all},
		"severity":               {&c{Severity: one(equals("CRITICAL"), equals("LOW"))}, []string{"base CVE-2023-9999", "team/web CVE-2024-0001", "team/web CVE-2024-0001"}},
		"none of":                {&c{Severity: one(differs("CRITICAL"), differs("LOW"), differs("MEDIUM"))}, []string{"base CVE-2024-0002", "team/web CVE-2024-0002"}},
		"prefix":                 {&c{VulnerabilityId: one(begins("CVE-2023"))}, []string{"base CVE-2023-9999"}},
		"both":                   {&c{VulnerabilityId: one(equals("CVE-2024-0002")), EcrImageRepositoryName: one(equals("base"))}, []string{"base CVE-2024-0002"}},
		"score":                  {&c{InspectorScore: []types.NumberFilter{{LowerInclusive: aws.Float64(7.5), UpperInclusive: aws.Float64(9)}}}, []string{"base CVE-2024-0002", "team/web CVE-2024-0002"}},
		"package":                {&c{VulnerablePackages: []types.PackageFilter{{Name: &bash, Version: &version}}}, []string{"base CVE-2023-9999"}},
		"no such package":        {&c{VulnerablePackages: []types.PackageFilter{{Name: &bash, Version: &bash}}}, nil},
		"Lambda matches nothing": {&c{LambdaFunctionName: one(equals("f"))}, nil},
		"not even by difference": {&c{LambdaFunctionName: one(differs("f"))}, nil},
		"another account":        {&c{AwsAccountId: one(equals("210987654321"))}, nil},
		"another type":           {&c{FindingType: one(equals("NETWORK_REACHABILITY"))}, nil},
		"in use":                 {&c{EcrImageInUseCount: []types.NumberFilter{{LowerInclusive: aws.Float64(1)}}}, nil},
		"tags":                   {&c{ResourceTags: []types.MapFilter{{Comparison: types.MapComparisonEquals, Key: aws.String("a")}}}, nil},
	} {
		got := a.ids(&sdk.ListFindingsInput{FilterCriteria: row.criteria})
		slices.Sort(got)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}

func TestPagesOfFindingsHoldAllOfThemOnceInEveryOrder(t *testing.T) {
	a := stocked(t)
	for _, field := range types.SortField("").Values() {
		for _, order := range types.SortOrder("").Values() {
			in := &sdk.ListFindingsInput{SortCriteria: &types.SortCriteria{Field: field, SortOrder: order}, MaxResults: aws.Int32(2)}
			if field == types.SortFieldVulnerabilitySource || field == types.SortFieldComponentType {
				_, err := a.ListFindings(t.Context(), in)
				apitest.Want(t, err, "ValidationException", "Sorting by "+string(field)+" is not supported by this version of ecru.")
				continue
			}
			got := a.ids(in)
			if field == types.SortFieldSeverity && (got[0] == "base CVE-2023-9999") != (order == types.SortOrderAsc) {
				t.Errorf("%s: %q", order, got)
			}
			slices.Sort(got)
			if len(got) != 6 || len(slices.Compact(got)) != 5 {
				t.Errorf("%s %s: %q", field, order, got)
			}
		}
	}
}

func TestAPageTokenIsGoodForItsListAlone(t *testing.T) {
	a := stocked(t)
	out := apitest.OK[*sdk.ListFindingsOutput](t)(a.ListFindings(t.Context(), &sdk.ListFindingsInput{MaxResults: aws.Int32(1)}))
	_, err := a.ListFindings(t.Context(), &sdk.ListFindingsInput{NextToken: out.NextToken, FilterCriteria: &types.FilterCriteria{Title: []types.StringFilter{begins("C")}}})
	apitest.Want(t, err, "ValidationException", "The pagination token is invalid.")
	_, err = a.as(apitest.OtherRoot).ListFindings(t.Context(), &sdk.ListFindingsInput{NextToken: out.NextToken})
	apitest.Want(t, err, "ValidationException", "The pagination token is invalid.")
}

func TestAnotherAccountSeesNothing(t *testing.T) {
	a := stocked(t)
	stranger := a.as(apitest.OtherRoot)
	out := apitest.OK[*sdk.ListFindingsOutput](t)(stranger.ListFindings(t.Context(), &sdk.ListFindingsInput{}))
	if len(out.Findings) > 0 {
		t.Errorf("findings: %v", out.Findings)
	}
	mine := apitest.OK[*sdk.ListFindingsOutput](t)(a.ListFindings(t.Context(), &sdk.ListFindingsInput{})).Findings[0]
	details := apitest.OK[*sdk.BatchGetFindingDetailsOutput](t)(stranger.BatchGetFindingDetails(t.Context(), &sdk.BatchGetFindingDetailsInput{FindingArns: []string{*mine.FindingArn}}))
	if len(details.FindingDetails) > 0 || details.Errors[0].ErrorCode != types.FindingDetailsErrorCodeFindingDetailsNotFound {
		t.Errorf("details: %+v", details)
	}
}

func TestFindingDetails(t *testing.T) {
	a := stocked(t)
	f := apitest.OK[*sdk.ListFindingsOutput](t)(a.ListFindings(t.Context(), &sdk.ListFindingsInput{})).Findings[0]
	unknown := "arn:aws:inspector2:us-east-1:123456789012:finding/00000000000000000000000000000000"
	out := apitest.OK[*sdk.BatchGetFindingDetailsOutput](t)(a.BatchGetFindingDetails(t.Context(), &sdk.BatchGetFindingDetailsInput{FindingArns: []string{unknown, *f.FindingArn}}))
	if len(out.FindingDetails) != 1 || out.FindingDetails[0].Cwes[0] != "CWE-79" || *out.FindingDetails[0].FindingArn != *f.FindingArn || *out.Errors[0].FindingArn != unknown {
		t.Errorf("%+v", out)
	}
}

func TestWrongInputSaysWhichMembersAreWrong(t *testing.T) {
	a := start(t)
	_, err := a.ListFindings(t.Context(), &sdk.ListFindingsInput{MaxResults: aws.Int32(101)})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100")
	var wrong *types.ValidationException
	if !errors.As(err, &wrong) || wrong.Reason != types.ValidationExceptionReasonFieldValidationFailed || *wrong.Fields[0].Name != "maxResults" {
		t.Errorf("%+v", wrong)
	}
	many := slices.Repeat([]types.StringFilter{equals("x")}, 11)
	_, err = a.ListFindings(t.Context(), &sdk.ListFindingsInput{FilterCriteria: &types.FilterCriteria{Title: many}})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value '[11 members]' at 'filterCriteria.title' failed to satisfy constraint: Member must have length less than or equal to 10")
	_, err = a.ListFindingAggregations(t.Context(), &sdk.ListFindingAggregationsInput{
		AggregationType:    types.AggregationTypeRepository,
		AggregationRequest: &types.AggregationRequestMemberRepositoryAggregation{Value: types.RepositoryAggregation{Repositories: many}},
	})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value '[11 members]' at 'aggregationRequest.repositoryAggregation.repositories' failed to satisfy constraint: Member must have length less than or equal to 10")
}
