package inspector_test

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// filled is an API with a hundred findings of each of a hundred images.
func filled(b *testing.B) *api {
	a := start(b)
	a.enhance()
	var flaws []flaw
	for i := range 100 {
		severity := []registry.Severity{registry.Critical, registry.High, registry.Medium, registry.Low}[i%4]
		flaws = append(flaws, flaw{id: fmt.Sprintf("CVE-2024-%04d", i), pkg: fmt.Sprintf("lib%d", i%30), severity: severity, score: 5})
	}
	for i := range 100 {
		a.image(fmt.Sprintf("team/app%d", i%10), fmt.Sprint(i), flaws...)
	}
	return a
}

func BenchmarkFindings(b *testing.B) {
	a := filled(b)
	one := equals("lib7")
	list := func(name string, in *sdk.ListFindingsInput) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				apitest.OK[*sdk.ListFindingsOutput](b)(a.ListFindings(b.Context(), in))
			}
		})
	}
	list("page of 100 by severity", &sdk.ListFindingsInput{SortCriteria: &types.SortCriteria{Field: types.SortFieldSeverity, SortOrder: types.SortOrderDesc}})
	list("page of one package", &sdk.ListFindingsInput{FilterCriteria: &types.FilterCriteria{
		VulnerablePackages: []types.PackageFilter{{Name: &one}},
	}})
	for _, by := range []types.AggregationType{types.AggregationTypeRepository, types.AggregationTypeAwsEcrContainer, types.AggregationTypePackage, types.AggregationTypeTitle, types.AggregationTypeAccount} {
		b.Run(string(by), func(b *testing.B) {
			for b.Loop() {
				apitest.OK[*sdk.ListFindingAggregationsOutput](b)(a.ListFindingAggregations(b.Context(), &sdk.ListFindingAggregationsInput{AggregationType: by}))
			}
		})
	}
	b.Run("report of 10000 in CSV", func(b *testing.B) {
		for b.Loop() {
			a.report(types.ReportFormatCsv, nil)
		}
	})
}
