package compat

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/test/sample"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func listFindings() *served {
	type in = inspector2.ListFindingsInput
	good := func(a *account) *in { a.inspected("v1"); return &in{} }
	keys := func(out *inspector2.ListFindingsOutput) []string {
		return list(out.Findings, func(f types.Finding) string { return *f.FindingArn })
	}
	return serves("ListFindings", "*", good,
		works("a finding of npm in every member", npmFinding),
		works("one of the system, and what KEV and EPSS know", systemFinding),
		works("by criteria of every sort", everyCriterion),
		works("in every order", everyOrder),
		lists(100, func(*account, int) {}, keys),
		refuses("eleven filters", func(_ *account, in *in) { in.FilterCriteria = about(many(11, "CVE-2024-%d")...) }, validation,
			invalid("[11 members]", "filterCriteria.vulnerabilityId", "Member must have length less than or equal to 10")),
		refuses("an unknown comparison", func(_ *account, in *in) {
			in.FilterCriteria = about("CVE-2024-1")
			in.FilterCriteria.VulnerabilityId[0].Comparison = "LIKE"
		}, validation, invalid("LIKE", "filterCriteria.vulnerabilityId.1.member.comparison", "Member must satisfy enum value set: [EQUALS, PREFIX, NOT_EQUALS]")),
		refuses("an order that there is no index for", func(_ *account, in *in) {
			in.SortCriteria = &types.SortCriteria{Field: "COMPONENT_TYPE", SortOrder: "ASC"}
		}, validation, "Sorting by COMPONENT_TYPE is not supported by this version of ecru."),
		refuses("an order without a direction", func(_ *account, in *in) { in.SortCriteria = &types.SortCriteria{Field: "SEVERITY", SortOrder: "UP"} }, validation,
			invalid("UP", "sortCriteria.sortOrder", "Member must satisfy enum value set: [ASC, DESC]")),
	)
}

// npmFinding checks a finding of a language in every member.
func npmFinding(a *account) {
	digest := a.inspected("v1")
	f := a.findings(about("CVE-2021-23337"))[0]
	day := func(text string) *time.Time {
		t, err := time.Parse(time.DateOnly, text)
		a.must(err)
		return &t
	}
	vector, score := "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H", 7.2
	a.same(strings.HasPrefix(*f.FindingArn, a.inspectorARN("finding/")), true)
	a.same(f, types.Finding{
		FindingArn: f.FindingArn, AwsAccountId: &a.id, Type: "PACKAGE_VULNERABILITY", Status: "ACTIVE", Severity: "HIGH",
		Title: aws.String("CVE-2021-23337 - lodash"), Description: aws.String("Command Injection in lodash"),
		FirstObservedAt: now(), LastObservedAt: now(), UpdatedAt: now(), FixAvailable: "YES", ExploitAvailable: "NO", Epss: &types.EpssDetails{Score: 0.01},
		InspectorScore: &score,
		InspectorScoreDetails: &types.InspectorScoreDetails{AdjustedCvss: &types.CvssScoreDetails{
			Adjustments: []types.CvssScoreAdjustment{}, CvssSource: aws.String("GITHUB"), ScoreSource: aws.String("GITHUB"),
			Score: &score, ScoringVector: &vector, Version: aws.String("3.1"),
		}},
		Remediation: &types.Remediation{Recommendation: &types.Recommendation{
			Text: aws.String("Update the packages to the versions that fix the vulnerability: lodash to 4.17.21."),
		}},
		PackageVulnerabilityDetails: &types.PackageVulnerabilityDetails{
			VulnerabilityId: aws.String("CVE-2021-23337"), Source: aws.String("GITHUB"), SourceUrl: aws.String("https://github.com/advisories/GHSA-35jh-r3h4-6jhm"),
			RelatedVulnerabilities: []string{"GHSA-35jh-r3h4-6jhm"}, ReferenceUrls: []string{"https://nvd.nist.gov/vuln/detail/CVE-2021-23337"},
			VendorCreatedAt: day("2021-05-06"), VendorUpdatedAt: day("2021-05-06"),
			Cvss: []types.CvssScore{{BaseScore: &score, ScoringVector: &vector, Source: aws.String("GITHUB"), Version: aws.String("3.1")}},
			VulnerablePackages: []types.VulnerablePackage{{
				Name: aws.String("lodash"), Version: aws.String("4.17.20"), FixedInVersion: aws.String("4.17.21"), PackageManager: "NODEPKG",
				FilePath: aws.String("app/node_modules/lodash/package.json"), SourceLayerHash: aws.String(digestOf(applicationLayer(a, "v1"))),
			}},
		},
		Resources: []types.Resource{{
			Type: "AWS_ECR_CONTAINER_IMAGE", Id: aws.String(a.arn(web) + "/" + digest), Partition: aws.String("aws"), Region: &a.region, Tags: map[string]string{},
			Details: &types.ResourceDetails{AwsEcrContainerImage: &types.AwsEcrContainerImageDetails{
				Registry: &a.id, RepositoryName: aws.String(web), ImageHash: &digest, ImageTags: []string{"v1"}, Architecture: aws.String("amd64"),
				Platform: aws.String("ALPINE_LINUX_3_20"), PushedAt: now(),
			}},
		}},
	})
}

func systemFinding(a *account) {
	a.inspected("v1")
	f := a.findings(about("CVE-2025-26519"))[0]
	system, err := sample.Alpine("3.20.3")
	a.must(err)
	a.same(*f.Title, "CVE-2025-26519 - musl, musl-utils")
	a.same(*f.PackageVulnerabilityDetails.Source, "ALPINE_CVE")
	a.same(f.PackageVulnerabilityDetails.VulnerablePackages[0], types.VulnerablePackage{
		Name: aws.String("musl"), Version: aws.String("1.2.5"), Release: aws.String("r0"), Arch: aws.String("X86_64"), PackageManager: "OS",
		FixedInVersion: aws.String("1.2.5-r1"), SourceLayerHash: aws.String(digestOf(string(system))),
	})
	f = a.findings(about("CVE-2025-55182"))[0]
	exploited := time.Date(2025, 12, 5, 0, 0, 0, 0, time.UTC)
	a.same([]any{f.Severity, *f.InspectorScore, f.ExploitAvailable, f.ExploitabilityDetails, f.Epss},
		[]any{types.SeverityCritical, 10.0, types.ExploitAvailableYes, &types.ExploitabilityDetails{LastKnownExploitAt: &exploited}, &types.EpssDetails{Score: 0.5}})
}

// everyCriterion selects findings by what images have.
func everyCriterion(a *account) {
	digest := a.inspected("v1")
	type c = types.FilterCriteria
	number := func(from, to float64) []types.NumberFilter {
		return []types.NumberFilter{{LowerInclusive: &from, UpperInclusive: &to}}
	}
	date := func(from time.Time) []types.DateFilter { return []types.DateFilter{{StartInclusive: &from}} }
	prefix := func(value string) []types.StringFilter {
		return []types.StringFilter{{Comparison: types.StringComparisonPrefix, Value: &value}}
	}
	not := func(value string) []types.StringFilter {
		return []types.StringFilter{{Comparison: types.StringComparisonNotEquals, Value: &value}}
	}
	one := func(t time.Time) []types.DateFilter { return []types.DateFilter{{EndInclusive: &t}} }
	long, arn := time.Now().Add(-time.Hour), *a.findings(about("CVE-2021-23337"))[0].FindingArn
	for name, row := range map[string]struct {
		criteria c
		want     int
	}{
		"nothing":       {c{}, allFindings},
		"arn":           {c{FindingArn: equalTo(arn)}, 1},
		"account":       {c{AwsAccountId: equalTo(a.id)}, allFindings},
		"other account": {c{AwsAccountId: equalTo(a.house.root.id)}, 0},
		"severity":      {c{Severity: equalTo("CRITICAL")}, 3},
		"severities":    {c{Severity: equalTo("CRITICAL", "UNTRIAGED")}, 4},
		"not severity":  {c{Severity: not("CRITICAL")}, allFindings - 3},
		"status":        {c{FindingStatus: equalTo("SUPPRESSED", "CLOSED")}, 0},
		"title":         {c{Title: prefix("CVE-2021-23337 - lod")}, 1},
		"vulnerability": {c{VulnerabilityId: prefix("CVE-2025-")}, 14},
		"related":       {c{RelatedVulnerabilities: equalTo("GHSA-35jh-r3h4-6jhm")}, 1},
		"source":        {c{VulnerabilitySource: not("ALPINE_CVE")}, 4},
		"component":     {c{ComponentType: equalTo("NODEPKG")}, 3},
		"fix":           {c{FixAvailable: equalTo("NO")}, 0},
		"exploit":       {c{ExploitAvailable: equalTo("YES")}, 1},
		"score":         {c{InspectorScore: number(9, 10)}, 3},
		"epss":          {c{EpssScore: number(0.1, 1)}, 1},
		"in use":        {c{EcrImageInUseCount: number(1, 9)}, 0},
		"package":       {c{VulnerablePackages: []types.PackageFilter{{Name: &equalTo("lodash")[0], Version: &equalTo("4.17.20")[0], FilePath: &prefix("app/")[0]}}}, 2},
		"other package": {c{VulnerablePackages: []types.PackageFilter{{Name: &equalTo("lodash")[0], Version: &equalTo("4.17.21")[0]}}}, 0},
		"repository":    {c{EcrImageRepositoryName: prefix("team/")}, allFindings},
		"tag":           {c{EcrImageTags: equalTo("v1")}, allFindings},
		"hash":          {c{EcrImageHash: equalTo(digest)}, allFindings},
		"resource":      {c{ResourceId: equalTo(a.arn(web) + "/" + digest), ResourceType: equalTo("AWS_ECR_CONTAINER_IMAGE")}, allFindings},
		"architecture":  {c{EcrImageArchitecture: equalTo("arm64")}, 0},
		"observed":      {c{FirstObservedAt: date(long), LastObservedAt: date(long), UpdatedAt: date(long), EcrImagePushedAt: date(long)}, allFindings},
		"long ago":      {c{FirstObservedAt: one(long)}, 0},
		"both":          {c{Severity: equalTo("HIGH"), ComponentType: equalTo("NODEPKG")}, 1},
		"of Lambda":     {c{LambdaFunctionName: prefix("f")}, 0},
	} {
		if got := a.findings(&row.criteria); len(got) != row.want {
			a.t.Errorf("%s: %d findings, want %d: %q", name, len(got), row.want, list(got, vulnerabilityOf))
		}
	}
}

// everyOrder lists findings in each order, both ways.
func everyOrder(a *account) {
	a.inspected("v1")
	rank := []types.Severity{"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNTRIAGED"}
	sorted := func(field types.SortField, order types.SortOrder) []types.Finding {
		out := do(a, a.inspector().ListFindings, &inspector2.ListFindingsInput{SortCriteria: &types.SortCriteria{Field: field, SortOrder: order}})
		a.same(len(out.Findings), allFindings)
		return out.Findings
	}
	for _, field := range types.SortField("").Values() {
		if field == types.SortFieldComponentType || field == types.SortFieldVulnerabilitySource {
			continue // refused
		}
		up, down := sorted(field, "ASC"), sorted(field, "DESC")
		switch field {
		case types.SortFieldVulnerabilityId:
			a.same(slices.IsSorted(list(up, vulnerabilityOf)), true)
			slices.Reverse(down)
			a.same(list(up, vulnerabilityOf), list(down, vulnerabilityOf))
		case types.SortFieldSeverity:
			ranks := list(down, func(f types.Finding) string { return itoa(int64(slices.Index(rank, f.Severity))) })
			a.same(slices.IsSorted(ranks), true)
		case types.SortFieldInspectorScore:
			a.same(*down[0].InspectorScore, 10.0)
		default:
		}
	}
}

func batchGetFindingDetails() *served {
	type in = inspector2.BatchGetFindingDetailsInput
	good := func(a *account) *in {
		a.inspected("v1")
		return &in{FindingArns: list(a.findings(about("CVE-2025-55182")), func(f types.Finding) string { return *f.FindingArn })}
	}
	return serves("BatchGetFindingDetails", "*", good,
		works("weaknesses, references, EPSS and CISA's catalogue; what is not there by itself", func(a *account) {
			in := good(a)
			gone := a.inspectorARN("finding/00000000000000000000000000000000")
			in.FindingArns = append(in.FindingArns, gone)
			exploited := time.Date(2025, 12, 5, 0, 0, 0, 0, time.UTC)
			a.same(do(a, a.inspector().BatchGetFindingDetails, in), &inspector2.BatchGetFindingDetailsOutput{
				FindingDetails: []types.FindingDetail{{
					FindingArn: &in.FindingArns[0], Cwes: []string{"CWE-502"}, EpssScore: aws.Float64(0.5), CisaData: &types.CisaData{DateAdded: &exploited},
					ReferenceUrls: []string{"https://nvd.nist.gov/vuln/detail/CVE-2025-55182"},
				}},
				Errors: []types.FindingDetailsError{{FindingArn: &gone, ErrorCode: "FINDING_DETAILS_NOT_FOUND", ErrorMessage: aws.String("Finding details not found.")}},
			})
		}),
		works("findings of other accounts are not there", func(a *account) {
			in := good(a)
			other := a.house.account(a.t)
			a.same(len(do(other, other.inspector().BatchGetFindingDetails, in).Errors), 1)
		}),
		refuses("eleven findings", func(_ *account, in *in) { in.FindingArns = slices.Repeat(in.FindingArns, 11) }, validation,
			invalid("[11 members]", "findingArns", "Member must have length less than or equal to 10")),
		refuses("what is no ARN", func(_ *account, in *in) { in.FindingArns = []string{"x"} }, validation,
			invalid("x", "findingArns", `Member must satisfy constraint: [Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:inspector2:[a-z]{2}(-gov)?-[a-z]+-\d{1}:\d{12}:finding/[a-f0-9]{32}]`)),
	)
}

// groups are what a page of aggregations has: the wire's members, but for counts.
func groups(out *inspector2.ListFindingAggregationsOutput) []string {
	return list(out.Responses, func(r types.AggregationResponse) string {
		text, err := json.Marshal(reflect.ValueOf(r).Elem().FieldByName("Value").Interface())
		if err != nil {
			panic(err)
		}
		return string(text)
	})
}

func listFindingAggregations() *served {
	type in = inspector2.ListFindingAggregationsInput
	good := func(a *account) *in { a.inspected("v1"); return &in{AggregationType: "PACKAGE"} }
	return serves("ListFindingAggregations", "*", good,
		works("by every aggregation that images have", everyAggregation),
		works("by what an aggregation asks for, in its order", func(a *account) {
			in := good(a)
			in.AggregationRequest = &types.AggregationRequestMemberPackageAggregation{Value: types.PackageAggregation{
				PackageNames: equalTo("lodash", "zlib", "none"), SortBy: "ALL", SortOrder: "ASC",
			}}
			a.same(groups(do(a, a.inspector().ListFindingAggregations, in)), groups(&inspector2.ListFindingAggregationsOutput{Responses: []types.AggregationResponse{
				&types.AggregationResponseMemberPackageAggregation{Value: types.PackageAggregationResponse{PackageName: aws.String("lodash"), AccountId: &a.id, SeverityCounts: severities(2, 0, 1, 1)}},
				&types.AggregationResponseMemberPackageAggregation{Value: types.PackageAggregationResponse{PackageName: aws.String("zlib"), AccountId: &a.id, SeverityCounts: severities(2, 0, 1, 1)}},
			}}))
		}),
		works("nothing of what images are not", func(a *account) {
			in := good(a)
			for _, other := range []types.AggregationType{"AMI", "AWS_EC2_INSTANCE", "AWS_LAMBDA_FUNCTION", "LAMBDA_LAYER", "CODE_REPOSITORY"} {
				in.AggregationType = other
				a.same(do(a, a.inspector().ListFindingAggregations, in), &inspector2.ListFindingAggregationsOutput{AggregationType: other, Responses: []types.AggregationResponse{}})
			}
		}),
		lists(100, func(*account, int) {}, groups),
		refuses("the request of another aggregation", func(_ *account, in *in) {
			in.AggregationRequest = &types.AggregationRequestMemberTitleAggregation{Value: types.TitleAggregation{}}
		}, validation, "The aggregation request is for the aggregation type TITLE, not PACKAGE."),
		refuses("an unknown aggregation", func(_ *account, in *in) { in.AggregationType = "COLOUR" }, validation,
			invalid("COLOUR", "aggregationType", "Member must satisfy enum value set: [FINDING_TYPE, PACKAGE, TITLE, REPOSITORY, AMI, AWS_EC2_INSTANCE, AWS_ECR_CONTAINER, IMAGE_LAYER, ACCOUNT, AWS_LAMBDA_FUNCTION, LAMBDA_LAYER, CODE_REPOSITORY]")),
		refuses("eleven names", func(_ *account, in *in) {
			in.AggregationRequest = &types.AggregationRequestMemberPackageAggregation{Value: types.PackageAggregation{PackageNames: equalTo(many(11, "p%d")...)}}
		}, validation, invalid("[11 members]", "aggregationRequest.packageAggregation.packageNames", "Member must have length less than or equal to 10")),
	)
}

func severities(all, critical, high, medium int64) *types.SeverityCounts {
	return &types.SeverityCounts{All: &all, Critical: &critical, High: &high, Medium: &medium}
}

// everyAggregation checks the groups of two images of one application.
func everyAggregation(a *account) {
	first, second := a.inspected("v1"), a.application(web, "v2")
	a.scanEnded(web, byTag("v2"))
	of := func(by types.AggregationType) []types.AggregationResponse {
		out := do(a, a.inspector().ListFindingAggregations, &inspector2.ListFindingAggregationsInput{AggregationType: by})
		a.same(out.AggregationType, by)
		return out.Responses
	}
	same := func(by types.AggregationType, want ...types.AggregationResponse) {
		a.t.Helper()
		a.same(groups(&inspector2.ListFindingAggregationsOutput{Responses: of(by)}), groups(&inspector2.ListFindingAggregationsOutput{Responses: want}))
	}
	const n = allFindings
	same("ACCOUNT", &types.AggregationResponseMemberAccountAggregation{Value: types.AccountAggregationResponse{
		AccountId: &a.id, ExploitAvailableCount: aws.Int64(2), FixAvailableCount: aws.Int64(2 * n), SeverityCounts: severities(2*n, 6, 24, 32),
	}})
	same("FINDING_TYPE", &types.AggregationResponseMemberFindingTypeAggregation{Value: types.FindingTypeAggregationResponse{
		AccountId: &a.id, ExploitAvailableCount: aws.Int64(2), FixAvailableCount: aws.Int64(2 * n), SeverityCounts: severities(2*n, 6, 24, 32),
	}})
	same("REPOSITORY", &types.AggregationResponseMemberRepositoryAggregation{Value: types.RepositoryAggregationResponse{
		AccountId: &a.id, Repository: aws.String(web), AffectedImages: aws.Int64(2), SeverityCounts: severities(2*n, 6, 24, 32),
	}})
	images := []types.AggregationResponse{}
	for _, image := range [][2]string{{first, "v1"}, {second, "v2"}} {
		images = append(images, &types.AggregationResponseMemberAwsEcrContainerAggregation{Value: types.AwsEcrContainerAggregationResponse{
			AccountId: &a.id, Repository: aws.String(web), ResourceId: aws.String(a.arn(web) + "/" + image[0]), ImageSha: &image[0], ImageTags: []string{image[1]},
			Architecture: aws.String("amd64"), InUseCount: aws.Int64(0), SeverityCounts: severities(n, 3, 12, 16),
		}})
	}
	if first > second {
		slices.Reverse(images)
	}
	same("AWS_ECR_CONTAINER", images...)
	if layers := of("IMAGE_LAYER"); len(layers) != 4 {
		a.t.Errorf("%d layers of two images of two", len(layers))
	}
	titles := of("TITLE")
	a.same(len(titles), n)
	a.same(titles[0].(*types.AggregationResponseMemberTitleAggregation).Value.SeverityCounts, severities(2, 2, 0, 0))
	if packages := of("PACKAGE"); len(packages) != 11 {
		a.t.Errorf("packages: %q", groups(&inspector2.ListFindingAggregationsOutput{Responses: packages}))
	}
}

func searchVulnerabilities() *served {
	type in = inspector2.SearchVulnerabilitiesInput
	good := func(a *account) *in {
		a.inspected("v1")
		return &in{FilterCriteria: &types.SearchVulnerabilitiesFilterCriteria{VulnerabilityIds: []string{"CVE-2025-55182"}}}
	}
	return serves("SearchVulnerabilities", "*", good,
		works("one that an image has", func(a *account) {
			out := do(a, a.inspector().SearchVulnerabilities, good(a)).Vulnerabilities
			day, exploited := time.Date(2025, 12, 3, 0, 0, 0, 0, time.UTC), time.Date(2025, 12, 5, 0, 0, 0, 0, time.UTC)
			a.same(out, []types.Vulnerability{{
				Id: aws.String("CVE-2025-55182"), Description: aws.String("React Server Components are Vulnerable to RCE"), Cwes: []string{"CWE-502"},
				Cvss3:                  &types.Cvss3{BaseScore: 10, ScoringVector: aws.String("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H")},
				RelatedVulnerabilities: []string{"GHSA-fv66-9v8q-g76r"}, ReferenceUrls: []string{"https://nvd.nist.gov/vuln/detail/CVE-2025-55182"},
				SourceUrl: aws.String("https://github.com/advisories/GHSA-fv66-9v8q-g76r"), VendorCreatedAt: &day, VendorUpdatedAt: &day,
				DetectionPlatforms: []string{"ALPINE_LINUX_3_20"}, Epss: &types.Epss{Score: 0.5}, CisaData: &types.CisaData{DateAdded: &exploited},
			}})
		}),
		works("none that no image has", func(a *account) {
			in := good(a)
			in.FilterCriteria.VulnerabilityIds[0] = "CVE-2014-0160"
			a.same(do(a, a.inspector().SearchVulnerabilities, in).Vulnerabilities, []types.Vulnerability{})
		}),
		refuses("two at a time", func(_ *account, in *in) {
			in.FilterCriteria.VulnerabilityIds = append(in.FilterCriteria.VulnerabilityIds, "CVE-2014-0160")
		}, validation, invalid("[2 members]", "filterCriteria.vulnerabilityIds", "Member must have length less than or equal to 1")),
		refuses("what is no CVE", func(_ *account, in *in) { in.FilterCriteria.VulnerabilityIds[0] = "heartbleed" }, validation,
			invalid("heartbleed", "filterCriteria.vulnerabilityIds", `Member must satisfy constraint: [Member must satisfy regular expression pattern: CVE-[12][0-9]{3}-[0-9]{1,10}]`)),
		refuses("a token", func(_ *account, in *in) { in.NextToken = aws.String("bm8") }, validation, "The pagination token is invalid."),
	)
}

func getClustersForImage() *served {
	type in = inspector2.GetClustersForImageInput
	good := func(a *account) *in {
		return &in{Filter: &types.ClusterForImageFilterCriteria{ResourceId: aws.String(a.arn(web) + "/" + nowhere)}}
	}
	return serves("GetClustersForImage", "*", good,
		works("none: nobody reports clusters", func(a *account) {
			a.same(do(a, a.inspector().GetClustersForImage, good(a)), &inspector2.GetClustersForImageOutput{Cluster: []types.ClusterInformation{}})
		}),
		refuses("what is no image", func(_ *account, in *in) { in.Filter.ResourceId = aws.String("web") }, validation,
			invalid("web", "filter.resourceId", `Member must satisfy regular expression pattern: arn:.*:ecr:.*:\d{12}:repository\/(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*(\/sha256:[a-z0-9]{64})?`)),
		refuses("pages of 0", func(_ *account, in *in) { in.MaxResults = aws.Int32(0) }, validation, invalid("0", "maxResults", "Member must have value greater than or equal to 1")),
	)
}
