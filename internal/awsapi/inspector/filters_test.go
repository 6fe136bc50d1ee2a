package inspector_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
)

func suppressing(name string, criteria types.FilterCriteria) *sdk.CreateFilterInput {
	return &sdk.CreateFilterInput{Name: &name, Action: types.FilterActionSuppress, FilterCriteria: &criteria, Reason: aws.String("not reachable")}
}

func TestFiltersAreToldAsTheyWereMade(t *testing.T) {
	a := start(t)
	from, lower := time.Unix(1700000000, 5e6).UTC(), 3.5
	criteria := types.FilterCriteria{
		Severity:             []types.StringFilter{equals("HIGH"), differs("LOW")},
		UpdatedAt:            []types.DateFilter{{StartInclusive: &from}},
		InspectorScore:       []types.NumberFilter{{LowerInclusive: &lower}},
		VulnerablePackages:   []types.PackageFilter{{Name: &types.StringFilter{Comparison: "PREFIX", Value: aws.String("lib")}, Epoch: &types.NumberFilter{UpperInclusive: &lower}}},
		ResourceTags:         []types.MapFilter{{Comparison: types.MapComparisonEquals, Key: aws.String("k"), Value: aws.String("v")}},
		PortRange:            []types.PortRangeFilter{{BeginInclusive: aws.Int32(1), EndInclusive: aws.Int32(2)}},
		LambdaFunctionLayers: []types.StringFilter{begins("arn")},
	}
	in := suppressing("mine", criteria)
	in.Tags, in.Description = map[string]string{"team": "a"}, aws.String("why")
	arn := *apitest.OK[*sdk.CreateFilterOutput](t)(a.CreateFilter(t.Context(), in)).Arn
	if !strings.HasPrefix(arn, "arn:aws:inspector2:us-east-1:123456789012:owner/123456789012/filter/") {
		t.Errorf("ARN %s", arn)
	}
	out := apitest.OK[*sdk.ListFiltersOutput](t)(a.ListFilters(t.Context(), &sdk.ListFiltersInput{Arns: []string{arn}}))
	f := out.Filters[0]
	got, _ := json.Marshal(f.Criteria)
	want, _ := json.Marshal(criteria)
	if string(got) != string(want) || *f.Name != "mine" || *f.Reason != "not reachable" || *f.Description != "why" || f.Tags["team"] != "a" || *f.OwnerId != account || f.CreatedAt.IsZero() {
		t.Errorf("%+v\ngot  %s\nwant %s", f, got, want)
	}
	apitest.OK[*sdk.UpdateFilterOutput](t)(a.UpdateFilter(t.Context(), &sdk.UpdateFilterInput{FilterArn: &arn, Action: types.FilterActionNone, Name: aws.String("yours")}))
	f = apitest.OK[*sdk.ListFiltersOutput](t)(a.ListFilters(t.Context(), &sdk.ListFiltersInput{Action: types.FilterActionNone})).Filters[0]
	if *f.Name != "yours" || *f.Description != "why" || len(f.Criteria.Severity) != 2 {
		t.Errorf("%+v", f)
	}
}

func TestFiltersHaveNamesOfTheirOwn(t *testing.T) {
	a := start(t)
	apitest.OK[*sdk.CreateFilterOutput](t)(a.CreateFilter(t.Context(), suppressing("one", types.FilterCriteria{})))
	two := apitest.OK[*sdk.CreateFilterOutput](t)(a.CreateFilter(t.Context(), suppressing("two", types.FilterCriteria{})))
	_, err := a.CreateFilter(t.Context(), suppressing("one", types.FilterCriteria{}))
	apitest.Want(t, err, "BadRequestException", "A filter with the name one already exists.")
	_, err = a.UpdateFilter(t.Context(), &sdk.UpdateFilterInput{FilterArn: two.Arn, Name: aws.String("one")})
	apitest.Want(t, err, "ValidationException", "A filter with the name one already exists.")
	apitest.OK[*sdk.UpdateFilterOutput](t)(a.UpdateFilter(t.Context(), &sdk.UpdateFilterInput{FilterArn: two.Arn, Name: aws.String("two")}))
	_, err = a.as(apitest.OtherRoot).DeleteFilter(t.Context(), &sdk.DeleteFilterInput{Arn: two.Arn})
	apitest.Want(t, err, "ResourceNotFoundException", "The filter "+*two.Arn+" does not exist.")
	apitest.OK[*sdk.DeleteFilterOutput](t)(a.DeleteFilter(t.Context(), &sdk.DeleteFilterInput{Arn: two.Arn}))
	_, err = a.DeleteFilter(t.Context(), &sdk.DeleteFilterInput{Arn: two.Arn})
	apitest.Want(t, err, "ResourceNotFoundException", "The filter "+*two.Arn+" does not exist.")
}

func TestThereIsAQuotaOfFilters(t *testing.T) {
	a := start(t)
	var all errgroup.Group // many at a time are committed together
	for i := range 500 {
		all.Go(func() error {
			return a.Store.CreateRecord(t.Context(), meta.Record{
				Account: account, Kind: meta.FindingFilterRecord, Name: fmt.Sprintf("%016x", i), Body: fmt.Appendf(nil, `{"id":"%016x","name":"f%d","action":"NONE"}`, i, i), CreatedAt: a.Now(),
			}, 0)
		})
	}
	a.must(all.Wait())
	_, err := a.CreateFilter(t.Context(), suppressing("more", types.FilterCriteria{}))
	apitest.Want(t, err, "ServiceQuotaExceededException", "The number of filters exceeds the quota of 500.")
	count := 0
	for pages := sdk.NewListFiltersPaginator(a.Client, &sdk.ListFiltersInput{}); pages.HasMorePages(); {
		count += len(apitest.OK[*sdk.ListFiltersOutput](t)(pages.NextPage(t.Context())).Filters)
	}
	if count != 500 {
		t.Errorf("%d filters are listed", count)
	}
}

func TestFiltersHaveTags(t *testing.T) {
	a := start(t)
	arn := *apitest.OK[*sdk.CreateFilterOutput](t)(a.CreateFilter(t.Context(), suppressing("tagged", types.FilterCriteria{}))).Arn
	apitest.OK[*sdk.TagResourceOutput](t)(a.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "1", "b/c d": "2"}}))
	apitest.OK[*sdk.UntagResourceOutput](t)(a.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a", "x"}}))
	out := apitest.OK[*sdk.ListTagsForResourceOutput](t)(a.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &arn}))
	if len(out.Tags) != 1 || out.Tags["b/c d"] != "2" {
		t.Errorf("%v", out.Tags)
	}
	_, err := a.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"aws:x": ""}})
	apitest.Want(t, err, "ValidationException", "The tags are invalid: keys that begin with aws: are reserved.")
}

// resettle does what a change of filters has asked for.
func (a *api) resettle() {
	a.t.Helper()
	walker := &enhanced.Walker{
		Settler: &enhanced.Settler{
			Store: a.Store, Inventories: enhanced.NewInventories(a.Store), Risks: a.Store, Suppressor: a.Service.Suppressing, Region: region, Now: a.Now,
		},
		Plans: a.Service, All: a.Store,
	}
	a.work(enhanced.ResettleJob, walker.Resettle)
}

// work does all jobs of a kind.
func (a *api) work(kind string, do job.Handler) {
	a.t.Helper()
	jobs, err := a.Store.ClaimJobs(a.t.Context(), a.Now().Add(time.Minute), time.Minute, 10_000)
	a.must(err)
	for _, j := range jobs {
		if j.Kind == kind {
			a.must(do(a.t.Context(), j))
		}
		a.must(a.Store.CompleteJob(a.t.Context(), j.ID))
	}
}

func (a *api) statuses() map[finding.Status]int {
	a.t.Helper()
	states, err := a.Store.ListFindings(a.t.Context(), account, meta.FindingQuery{Limit: 100})
	a.must(err)
	out := map[finding.Status]int{}
	for _, s := range states {
		out[s.Status]++
	}
	return out
}

func TestWhatAFilterSelectsIsSuppressedForAsLongAsItIsThere(t *testing.T) {
	a := stocked(t)
	a.work("", nil) // what switching on has asked for
	want := func(when string, active, suppressed int) {
		t.Helper()
		a.resettle()
		if got := a.statuses(); got[finding.Active] != active || got[finding.Suppressed] != suppressed {
			t.Errorf("%s: %v", when, got)
		}
	}
	in := suppressing("zlib", types.FilterCriteria{
		FindingStatus:      []types.StringFilter{equals("ACTIVE")},
		VulnerablePackages: []types.PackageFilter{{Name: &types.StringFilter{Comparison: "EQUALS", Value: aws.String("zlib")}}},
	})
	arn := apitest.OK[*sdk.CreateFilterOutput](t)(a.CreateFilter(t.Context(), in)).Arn
	want("created", 4, 2)
	states, err := a.Store.ListFindings(t.Context(), account, meta.FindingQuery{Statuses: []finding.Status{finding.Suppressed}, Limit: 1})
	a.must(err)
	if s := states[0].Suppression; s.Kind != finding.SuppressedByFilter || s.ID != *arn || s.Reason != "not reachable" || s.Author != "arn:aws:iam::123456789012:root" {
		t.Errorf("suppression %+v", s)
	}
	want("asked again", 4, 2)
	apitest.OK[*sdk.UpdateFilterOutput](t)(a.UpdateFilter(t.Context(), &sdk.UpdateFilterInput{FilterArn: arn, FilterCriteria: &types.FilterCriteria{
		Severity: []types.StringFilter{equals(string(registry.Critical))},
	}}))
	want("another selection", 4, 2)
	apitest.OK[*sdk.UpdateFilterOutput](t)(a.UpdateFilter(t.Context(), &sdk.UpdateFilterInput{FilterArn: arn, Action: types.FilterActionNone}))
	want("not suppressing", 6, 0)
	apitest.OK[*sdk.UpdateFilterOutput](t)(a.UpdateFilter(t.Context(), &sdk.UpdateFilterInput{FilterArn: arn, Action: types.FilterActionSuppress}))
	want("suppressing again", 4, 2)
	apitest.OK[*sdk.DeleteFilterOutput](t)(a.DeleteFilter(t.Context(), &sdk.DeleteFilterInput{Arn: arn}))
	want("deleted", 6, 0)
}
