package inspector_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

// groups are what an aggregation answers, page by page: names with the counts of
// all, critical, high and medium.
func (a *api) groups(in *sdk.ListFindingAggregationsInput) []string {
	a.t.Helper()
	var all []string
	for pages := sdk.NewListFindingAggregationsPaginator(a.Client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(a.t.Context())
		if err != nil {
			a.t.Fatal(err)
		}
		for _, r := range page.Responses {
			all = append(all, group(r))
		}
	}
	return all
}

func group(r types.AggregationResponse) string {
	counts := func(name string, c *types.SeverityCounts) string {
		return fmt.Sprintf("%s %d/%d/%d/%d", name, *c.All, *c.Critical, *c.High, *c.Medium)
	}
	switch r := r.(type) {
	case *types.AggregationResponseMemberAccountAggregation:
		return counts(fmt.Sprintf("%s fix %d exploit %d", *r.Value.AccountId, *r.Value.FixAvailableCount, *r.Value.ExploitAvailableCount), r.Value.SeverityCounts)
	case *types.AggregationResponseMemberFindingTypeAggregation:
		return counts(*r.Value.AccountId, r.Value.SeverityCounts)
	case *types.AggregationResponseMemberRepositoryAggregation:
		return counts(fmt.Sprintf("%s images %d", *r.Value.Repository, *r.Value.AffectedImages), r.Value.SeverityCounts)
	case *types.AggregationResponseMemberPackageAggregation:
		return counts(*r.Value.PackageName, r.Value.SeverityCounts)
	case *types.AggregationResponseMemberTitleAggregation:
		return counts(*r.Value.Title, r.Value.SeverityCounts)
	case *types.AggregationResponseMemberAwsEcrContainerAggregation:
		return counts(*r.Value.Repository+":"+r.Value.ImageTags[0], r.Value.SeverityCounts)
	case *types.AggregationResponseMemberImageLayerAggregation:
		return counts(*r.Value.Repository+" "+*r.Value.LayerHash, r.Value.SeverityCounts)
	}
	return fmt.Sprintf("%T", r)
}

func TestFindingsAreCountedByWhatTheyHaveInCommon(t *testing.T) {
	a := stocked(t)
	type in = sdk.ListFindingAggregationsInput
	for name, row := range map[string]struct {
		in   in
		want []string
	}{
		"account": {in{AggregationType: types.AggregationTypeAccount}, []string{"123456789012 fix 2 exploit 0 6/2/2/1"}},
		"type":    {in{AggregationType: types.AggregationTypeFindingType}, []string{"123456789012 6/2/2/1"}},
		"repository": {in{AggregationType: types.AggregationTypeRepository, MaxResults: aws.Int32(1)},
			[]string{"team/web images 2 4/2/1/1", "base images 1 2/0/1/0"}},
		"repository by name": {
			in{AggregationType: types.AggregationTypeRepository, AggregationRequest: &types.AggregationRequestMemberRepositoryAggregation{
				Value: types.RepositoryAggregation{Repositories: []types.StringFilter{begins("b")}},
			}}, []string{"base images 1 2/0/1/0"},
		},
		"image, fewest first": {
			in{AggregationType: types.AggregationTypeAwsEcrContainer, MaxResults: aws.Int32(2), AggregationRequest: &types.AggregationRequestMemberAwsEcrContainerAggregation{
				Value: types.AwsEcrContainerAggregation{SortBy: types.AwsEcrContainerSortByAll, SortOrder: types.SortOrderAsc},
			}}, []string{"team/web:2 1/1/0/0", "base:1 2/0/1/0", "team/web:1 3/1/1/1"},
		},
		"image by tag": {
			in{AggregationType: types.AggregationTypeAwsEcrContainer, AggregationRequest: &types.AggregationRequestMemberAwsEcrContainerAggregation{
				Value: types.AwsEcrContainerAggregation{ImageTags: []types.StringFilter{equals("2")}},
			}}, []string{"team/web:2 1/1/0/0"},
		},
		"package": {in{AggregationType: types.AggregationTypePackage, MaxResults: aws.Int32(1)}, []string{"openssl 2/2/0/0", "bash 1/0/0/0", "xz 1/0/0/1", "zlib 2/0/2/0"}},
		"title":   {in{AggregationType: types.AggregationTypeTitle}, []string{"CVE-2024-0001 - openssl 2/2/0/0", "CVE-2023-9999 - bash 1/0/0/0", "CVE-2024-0002 - zlib 2/0/2/0", "CVE-2024-0003 - xz 1/0/0/1"}},
		"title by itself": {
			in{AggregationType: types.AggregationTypeTitle, AggregationRequest: &types.AggregationRequestMemberTitleAggregation{
				Value: types.TitleAggregation{Titles: []types.StringFilter{begins("CVE-2023-9999 - b"), equals("CVE-2024-0002 - bash")}},
			}}, []string{"CVE-2023-9999 - bash 1/0/0/0"},
		},
		"what images are not": {in{AggregationType: types.AggregationTypeLambdaLayer}, nil},
		"another account":     {in{AggregationType: types.AggregationTypeAccount, AccountIds: []types.StringFilter{equals("210987654321")}}, nil},
		"other resources": {in{AggregationType: types.AggregationTypeAccount, AggregationRequest: &types.AggregationRequestMemberAccountAggregation{
			Value: types.AccountAggregation{ResourceType: types.AggregationResourceTypeAwsEc2Instance},
		}}, nil},
	} {
		if got := a.groups(&row.in); !slices.Equal(got, row.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, row.want)
		}
	}
}

func TestOnlyActiveFindingsAreCounted(t *testing.T) {
	a := stocked(t)
	states, err := a.Store.ListFindings(t.Context(), account, meta.FindingQuery{Vulnerabilities: []string{"CVE-2024-0001"}, Limit: 10})
	a.must(err)
	for _, s := range states {
		s.Status, s.Suppression = finding.Suppressed, &finding.Suppression{Kind: finding.SuppressedByDecision, ID: "d"}
		a.must(a.Store.SettleFindings(t.Context(), []int64{s.Coverage}, nil, func(meta.Settling) (meta.Settled, error) {
			return meta.Settled{Findings: []finding.State{s}}, nil
		}))
	}
	if got := a.groups(&sdk.ListFindingAggregationsInput{AggregationType: types.AggregationTypeAccount}); !slices.Equal(got, []string{"123456789012 fix 0 exploit 0 4/0/2/1"}) {
		t.Errorf("got %q", got)
	}
}

func TestTheRequestForAnAggregationMustBeForItsType(t *testing.T) {
	a := start(t)
	_, err := a.ListFindingAggregations(t.Context(), &sdk.ListFindingAggregationsInput{
		AggregationType: types.AggregationTypeAccount, AggregationRequest: &types.AggregationRequestMemberTitleAggregation{},
	})
	apitest.Want(t, err, "ValidationException", "The aggregation request is for the aggregation type TITLE, not ACCOUNT.")
}
