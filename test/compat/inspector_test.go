package compat

import (
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/ecru-registry/ecru/test/sample"
)

func inspector() *api {
	return &api{
		name: "Inspector", action: "inspector2:", size: "MaxResults",
		client:   func(a *account, more ...func(*middleware.Stack) error) any { return a.inspector(more...) },
		badToken: refusal{validation, "The pagination token is invalid."},
		rows: []*served{
			enable(), disable(), batchGetAccountStatus(), listAccountPermissions(), getConfiguration(), updateConfiguration(),
			listFindings(), batchGetFindingDetails(), listFindingAggregations(), searchVulnerabilities(), getClustersForImage(),
			listCoverage(), listCoverageStatistics(),
			createFilter(), updateFilter(), deleteFilter(), listFilters(), tagFilter(), untagFilter(), tagsOfFilter(),
			createFindingsReport(), getFindingsReportStatus(), cancelFindingsReport(),
			createSBOMExport(), getSBOMExport(), cancelSBOMExport(),
		},
		contentType: "application/json", inPath: "ResourceArn", variants: aggregated,
		statuses: map[string]int{
			accessDenied: http.StatusForbidden, resourceNotFound: http.StatusNotFound,
		},
		spelling: func(_ reflect.Type, member string) string { return wireName(member) },
	}
}

// inspector is the client of Inspector.
func (a *account) inspector(more ...func(*middleware.Stack) error) *inspector2.Client {
	o := inspector2.Options{
		Region: a.region, Retryer: aws.NopRetryer{}, APIOptions: more, HTTPClient: a.sender(),
		Credentials: credentials.NewStaticCredentialsProvider(a.key.AccessKeyID, a.key.SecretAccessKey, ""),
	}
	if a.house != nil {
		o.BaseEndpoint = &a.house.server.URL
	}
	return inspector2.New(o)
}

const (
	badRequest  = "BadRequestException"
	allFindings = 35 // of an image that a.application pushes
)

// aggregated are the types that a group of findings may have.
func aggregated(_ reflect.Type, member string) reflect.Type {
	return map[string]reflect.Type{
		"accountAggregation":         reflect.TypeFor[types.AccountAggregationResponse](),
		"awsEcrContainerAggregation": reflect.TypeFor[types.AwsEcrContainerAggregationResponse](),
		"findingTypeAggregation":     reflect.TypeFor[types.FindingTypeAggregationResponse](),
		"imageLayerAggregation":      reflect.TypeFor[types.ImageLayerAggregationResponse](),
		"packageAggregation":         reflect.TypeFor[types.PackageAggregationResponse](),
		"repositoryAggregation":      reflect.TypeFor[types.RepositoryAggregationResponse](),
		"titleAggregation":           reflect.TypeFor[types.TitleAggregationResponse](),
	}[member]
}

// application pushes an Alpine image with packages of npm and PyPI.
func (a *account) application(repository, tag string) (digest string) {
	a.t.Helper()
	system, top := a.system(repository), applicationLayer(a, tag)
	a.layer(repository, top)
	return a.put(repository, manifest(tag, map[string]any{"layers": []any{described(ociLayer, system), described(ociLayer, top)}}), tag)
}

func applicationLayer(a *account, tag string) string {
	a.t.Helper()
	content, err := sample.Application(tag)
	a.must(err)
	return string(content)
}

// inspected switches enhanced scanning on, pushes images of applications and waits
// until they are scanned. It answers the digest of the last.
func (a *account) inspected(tags ...string) (digest string) {
	a.t.Helper()
	a.ready(web)
	a.scanning("ENHANCED")
	for _, tag := range tags {
		digest = a.application(web, tag)
	}
	for _, tag := range tags {
		a.scanEnded(web, byTag(tag))
	}
	return digest
}

// findings are those that criteria select, all pages.
func (a *account) findings(criteria *types.FilterCriteria) (all []types.Finding) {
	a.t.Helper()
	for pages := inspector2.NewListFindingsPaginator(a.inspector(), &inspector2.ListFindingsInput{FilterCriteria: criteria}); pages.HasMorePages(); {
		page, err := pages.NextPage(a.t.Context())
		a.must(err)
		all = append(all, page.Findings...)
	}
	return all
}

func vulnerabilityOf(f types.Finding) string { return *f.PackageVulnerabilityDetails.VulnerabilityId }

// about selects findings by their vulnerabilities.
func about(ids ...string) *types.FilterCriteria {
	return &types.FilterCriteria{VulnerabilityId: equalTo(ids...)}
}

func equalTo(values ...string) []types.StringFilter {
	return list(values, func(v string) types.StringFilter {
		return types.StringFilter{Comparison: types.StringComparisonEquals, Value: &v}
	})
}

func (a *account) inspectorARN(rest string) string {
	return "arn:aws:inspector2:" + a.region + ":" + a.id + ":" + rest
}

// ecrOnly is how an account is scanned.
func ecrOnly(on types.Status) *types.ResourceStatus {
	off := types.StatusDisabled
	return &types.ResourceStatus{Ecr: on, Ec2: off, Lambda: off, LambdaCode: off, CodeRepository: off}
}

func enable() *served {
	type in = inspector2.EnableInput
	good := func(*account) *in { return &in{ResourceTypes: []types.ResourceScanType{"ECR"}} }
	return serves("Enable", "*", good,
		works("the scan type of the registry becomes ENHANCED, of everything all the time", func(a *account) {
			a.same(do(a, a.inspector().Enable, good(a)), &inspector2.EnableOutput{
				Accounts:       []types.Account{{AccountId: &a.id, Status: "ENABLED", ResourceStatus: ecrOnly("ENABLED")}},
				FailedAccounts: []types.FailedAccount{},
			})
			a.same(do(a, a.GetRegistryScanningConfiguration, &ecr.GetRegistryScanningConfigurationInput{}).ScanningConfiguration,
				&ecrtypes.RegistryScanningConfiguration{ScanType: "ENHANCED", Rules: []ecrtypes.RegistryScanningRule{}})
		}),
		works("a second time it is a failure", func(a *account) {
			a.scanning("ENHANCED", scanRule("SCAN_ON_PUSH", "prod"))
			a.same(do(a, a.inspector().Enable, good(a)), &inspector2.EnableOutput{
				Accounts: []types.Account{},
				FailedAccounts: []types.FailedAccount{{
					AccountId: &a.id, ErrorCode: "ALREADY_ENABLED", ErrorMessage: aws.String("Account is already enabled for the requested resource types."),
					Status: "ENABLED", ResourceStatus: ecrOnly("ENABLED"),
				}},
			})
		}),
		works("another account is a failure", func(a *account) {
			in := good(a)
			in.AccountIds = []string{a.house.root.id, a.id}
			out := do(a, a.inspector().Enable, in)
			a.same(out.FailedAccounts, []types.FailedAccount{notOurs(a)})
			a.same(len(out.Accounts), 1)
		}),
		works("images that are there already are scanned", func(a *account) {
			a.ready(web)
			a.application(web, "v1")
			do(a, a.inspector().Enable, good(a))
			a.eventually("findings", func() bool { return len(a.findings(nil)) == allFindings })
		}),
		refuses("what is no registry", func(_ *account, in *in) { in.ResourceTypes = append(in.ResourceTypes, "EC2") }, validation,
			"The resource type EC2 is not supported: this registry scans container images only."),
		refuses("an unknown resource type", func(_ *account, in *in) { in.ResourceTypes[0] = "S3" }, validation,
			invalid("S3", "resourceTypes", "Member must satisfy constraint: [Member must satisfy enum value set: [EC2, ECR, LAMBDA, LAMBDA_CODE, CODE_REPOSITORY]]")),
		refuses("an id that is no account's", func(_ *account, in *in) { in.AccountIds = []string{"1"} }, validation,
			invalid("1", "accountIds", "Member must satisfy constraint: [Member must have length greater than or equal to 12]")),
	)
}

func notOurs(a *account) types.FailedAccount {
	return types.FailedAccount{AccountId: &a.house.root.id, ErrorCode: "ACCESS_DENIED",
		ErrorMessage: aws.String("Account " + a.house.root.id + " is not a member of yours: every account of ecru manages its own scanning.")}
}

func disable() *served {
	type in = inspector2.DisableInput
	good := func(a *account) *in {
		a.scanning("ENHANCED", scanRule("SCAN_ON_PUSH", "prod"))
		return &in{ResourceTypes: []types.ResourceScanType{"ECR"}}
	}
	return serves("Disable", "*", good,
		works("the scan type becomes BASIC, with the rules of before", func(a *account) {
			a.scanning("BASIC", scanRule("SCAN_ON_PUSH", "basic"))
			a.same(do(a, a.inspector().Disable, good(a)), &inspector2.DisableOutput{
				Accounts:       []types.Account{{AccountId: &a.id, Status: "DISABLED", ResourceStatus: ecrOnly("DISABLED")}},
				FailedAccounts: []types.FailedAccount{},
			})
			a.same(do(a, a.GetRegistryScanningConfiguration, &ecr.GetRegistryScanningConfigurationInput{}).ScanningConfiguration,
				&ecrtypes.RegistryScanningConfiguration{ScanType: "BASIC", Rules: []ecrtypes.RegistryScanningRule{scanRule("SCAN_ON_PUSH", "basic")}})
		}),
		works("Enable brings its rules back", func(a *account) {
			do(a, a.inspector().Disable, good(a))
			do(a, a.inspector().Enable, &inspector2.EnableInput{ResourceTypes: []types.ResourceScanType{"ECR"}})
			a.same(do(a, a.GetRegistryScanningConfiguration, &ecr.GetRegistryScanningConfigurationInput{}).ScanningConfiguration.Rules,
				[]ecrtypes.RegistryScanningRule{scanRule("SCAN_ON_PUSH", "prod")})
		}),
		works("findings are closed, nothing is covered", func(a *account) {
			a.inspected("v1")
			do(a, a.inspector().Disable, &in{})
			a.eventually("all findings closed", func() bool {
				open := a.findings(&types.FilterCriteria{FindingStatus: equalTo("ACTIVE")})
				return len(open) == 0
			})
			a.same(len(do(a, a.inspector().ListCoverage, &inspector2.ListCoverageInput{}).CoveredResources), 0)
		}),
		works("what was never on changes nothing", func(a *account) {
			in := good(a)
			in.ResourceTypes = []types.ResourceScanType{"EC2"}
			a.same(do(a, a.inspector().Disable, in).Accounts, []types.Account{{AccountId: &a.id, Status: "ENABLED", ResourceStatus: ecrOnly("ENABLED")}})
		}),
		refuses("an unknown resource type", func(_ *account, in *in) { in.ResourceTypes[0] = "S3" }, validation,
			invalid("S3", "resourceTypes", "Member must satisfy constraint: [Member must satisfy enum value set: [EC2, ECR, LAMBDA, LAMBDA_CODE, CODE_REPOSITORY]]")),
	)
}

func batchGetAccountStatus() *served {
	type in = inspector2.BatchGetAccountStatusInput
	good := func(a *account) *in { return &in{AccountIds: []string{a.id}} }
	return serves("BatchGetAccountStatus", "*", good,
		works("as the registry is scanned, of those that were asked for", func(a *account) {
			state := func(s types.Status) *types.State { return &types.State{Status: s} }
			for kind, want := range map[ecrtypes.ScanType]types.Status{"BASIC": "DISABLED", "ENHANCED": "ENABLED"} {
				a.scanning(kind)
				off := state("DISABLED")
				in := good(a)
				in.AccountIds = append(in.AccountIds, a.house.root.id)
				a.same(do(a, a.inspector().BatchGetAccountStatus, in), &inspector2.BatchGetAccountStatusOutput{
					Accounts: []types.AccountState{{AccountId: &a.id, State: state(want),
						ResourceState: &types.ResourceState{Ecr: state(want), Ec2: off, Lambda: off, LambdaCode: off, CodeRepository: off}}},
					FailedAccounts: []types.FailedAccount{notOurs(a)},
				})
			}
		}),
		works("without ids one's own", func(a *account) {
			a.same(*do(a, a.inspector().BatchGetAccountStatus, &in{}).Accounts[0].AccountId, a.id)
		}),
		refuses("an id that is no account's", func(_ *account, in *in) { in.AccountIds = []string{"1"} }, validation,
			invalid("1", "accountIds", "Member must satisfy constraint: [Member must have length greater than or equal to 12]")),
	)
}

func listAccountPermissions() *served {
	type in = inspector2.ListAccountPermissionsInput
	permissions := func(a *account, in *in) []string {
		a.t.Helper()
		return list(do(a, a.inspector().ListAccountPermissions, in).Permissions, func(p types.Permission) string {
			return string(p.Service) + " " + string(p.Operation)
		})
	}
	return serves("ListAccountPermissions", "*", func(*account) *in { return &in{} },
		works("what the owner may switch", func(a *account) {
			a.same(permissions(a, &in{}), []string{"ECR ENABLE_SCANNING", "ECR ENABLE_REPOSITORY", "ECR DISABLE_SCANNING", "ECR DISABLE_REPOSITORY"})
			a.same(permissions(a, &in{Service: "EC2"}), []string{})
		}),
		works("and a user", func(a *account) {
			u := a.user("half", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["inspector2:List*","inspector2:Disable"],"Resource":"*"}]}`)
			a.same(permissions(u, &in{Service: "ECR"}), []string{"ECR DISABLE_SCANNING", "ECR DISABLE_REPOSITORY"})
		}),
		refuses("a token", func(_ *account, in *in) { in.NextToken = aws.String("bm8") }, validation, "The pagination token is invalid."),
		refuses("an unknown service", func(_ *account, in *in) { in.Service = "S3" }, validation,
			invalid("S3", "service", "Member must satisfy enum value set: [EC2, ECR, LAMBDA]")),
	)
}

func getConfiguration() *served {
	type in = inspector2.GetConfigurationInput
	return serves("GetConfiguration", "*", func(*account) *in { return &in{} },
		works("14 days after the push, 14 after the last use", func(a *account) {
			a.same(do(a, a.inspector().GetConfiguration, &in{}), &inspector2.GetConfigurationOutput{EcrConfiguration: &types.EcrConfigurationState{
				RescanDurationState: &types.EcrRescanDurationState{Status: "SUCCESS", RescanDuration: "DAYS_14", PullDateRescanDuration: "DAYS_14", PullDateRescanMode: "LAST_IN_USE_AT"},
			}})
		}),
	)
}

func updateConfiguration() *served {
	type in = inspector2.UpdateConfigurationInput
	good := func(*account) *in {
		return &in{EcrConfiguration: &types.EcrConfiguration{RescanDuration: "DAYS_30", PullDateRescanDuration: "DAYS_60", PullDateRescanMode: "LAST_PULL_DATE"}}
	}
	told := func(a *account) *types.EcrRescanDurationState {
		return do(a, a.inspector().GetConfiguration, &inspector2.GetConfigurationInput{}).EcrConfiguration.RescanDurationState
	}
	durations := "Member must satisfy enum value set: [LIFETIME, DAYS_30, DAYS_180, DAYS_14, DAYS_60, DAYS_90]"
	return serves("UpdateConfiguration", "*", good,
		works("for how long images are looked at", func(a *account) {
			a.same(do(a, a.inspector().UpdateConfiguration, good(a)), &inspector2.UpdateConfigurationOutput{})
			a.same(told(a), &types.EcrRescanDurationState{Status: "SUCCESS", RescanDuration: "DAYS_30", PullDateRescanDuration: "DAYS_60", PullDateRescanMode: "LAST_PULL_DATE", UpdatedAt: now()})
		}),
		works("what is not given stays", func(a *account) {
			do(a, a.inspector().UpdateConfiguration, good(a))
			for _, duration := range types.EcrRescanDuration("").Values() {
				do(a, a.inspector().UpdateConfiguration, &in{EcrConfiguration: &types.EcrConfiguration{RescanDuration: duration}})
				a.same(told(a), &types.EcrRescanDurationState{Status: "SUCCESS", RescanDuration: duration, PullDateRescanDuration: "DAYS_60", PullDateRescanMode: "LAST_PULL_DATE", UpdatedAt: now()})
			}
		}),
		refuses("an unknown duration", func(_ *account, in *in) { in.EcrConfiguration.RescanDuration = "DAYS_7" }, validation,
			invalid("DAYS_7", "ecrConfiguration.rescanDuration", durations)),
		refuses("a lifetime after the last pull", func(_ *account, in *in) { in.EcrConfiguration.PullDateRescanDuration = "LIFETIME" }, validation,
			invalid("LIFETIME", "ecrConfiguration.pullDateRescanDuration", "Member must satisfy enum value set: [DAYS_14, DAYS_30, DAYS_60, DAYS_90, DAYS_180]")),
		declines("no duration", func(a *account) {
			_, err := inspector().call(a, "UpdateConfiguration", &in{EcrConfiguration: &types.EcrConfiguration{PullDateRescanMode: "LAST_PULL_DATE"}}, unchecked)
			inspector().refused(a, err, refusal{validation, "1 validation error detected: Value null at 'ecrConfiguration.rescanDuration' failed to satisfy constraint: Member must not be null"})
		}),
		refuses("how machines are scanned", func(_ *account, in *in) { in.Ec2Configuration = &types.Ec2Configuration{ScanMode: "EC2_HYBRID"} }, validation,
			"ec2Configuration is not supported: this registry scans container images only."),
	)
}

func listCoverage() *served {
	type in = inspector2.ListCoverageInput
	status := func(a *account, id string) string {
		a.t.Helper()
		criteria := &types.CoverageFilterCriteria{ResourceId: []types.CoverageStringFilter{{Comparison: "EQUALS", Value: &id}}}
		found := do(a, a.inspector().ListCoverage, &in{FilterCriteria: criteria}).CoveredResources
		if len(found) != 1 {
			return ""
		}
		return string(found[0].ScanStatus.StatusCode) + " " + string(found[0].ScanStatus.Reason)
	}
	return serves("ListCoverage", "*", func(a *account) *in { a.inspected("v1"); return &in{} },
		works("repositories and images", func(a *account) {
			digest := a.inspected("v1")
			a.same(do(a, a.inspector().ListCoverage, &in{}), &inspector2.ListCoverageOutput{CoveredResources: []types.CoveredResource{
				{
					AccountId: &a.id, ResourceId: aws.String(a.arn(web)), ResourceType: "AWS_ECR_REPOSITORY", ScanType: "PACKAGE",
					ScanStatus:       &types.ScanStatus{StatusCode: "ACTIVE", Reason: "SUCCESSFUL"},
					ResourceMetadata: &types.ResourceScanMetadata{EcrRepository: &types.EcrRepositoryMetadata{Name: aws.String(web), ScanFrequency: "CONTINUOUS_SCAN"}},
				},
				{
					AccountId: &a.id, ResourceId: aws.String(a.arn(web) + "/" + digest), ResourceType: "AWS_ECR_CONTAINER_IMAGE", ScanType: "PACKAGE",
					ScanStatus:       &types.ScanStatus{StatusCode: "ACTIVE", Reason: "SUCCESSFUL"},
					LastScannedAt:    now(),
					ResourceMetadata: &types.ResourceScanMetadata{EcrImage: &types.EcrContainerImageMetadata{Tags: []string{"v1"}, InUseCount: aws.Int64(0)}},
				},
			}})
		}),
		works("why something is not looked at", func(a *account) {
			a.inspected("v1")
			a.scanning("ENHANCED", scanRule("SCAN_ON_PUSH", "team"))
			a.ready("other")
			a.application("other", "v1")
			empty, archived := a.image(web, "empty", "empty"), a.application(web, "archived")
			a.scanEnded(web, byTag("empty"))
			a.scanEnded(web, byTag("archived"))
			a.archive(web, byTag("archived"))
			a.same(status(a, a.arn("other")), "INACTIVE SCAN_FREQUENCY_MANUAL")
			a.same(status(a, a.arn(web)), "ACTIVE SUCCESSFUL")
			a.eventually("reasons", func() bool {
				return status(a, a.arn(web)+"/"+empty) == "INACTIVE UNSUPPORTED_OS" && status(a, a.arn(web)+"/"+archived) == "INACTIVE IMAGE_ARCHIVED"
			})
			pushed := a.application(web, "pushed")
			a.scanEnded(web, byTag("pushed"))
			a.same(status(a, a.arn(web)+"/"+pushed), "INACTIVE SCAN_FREQUENCY_SCAN_ON_PUSH")
		}),
		works("when an image was pulled", func(a *account) {
			a.inspected("v1")
			do(a, a.BatchGetImage, &ecr.BatchGetImageInput{RepositoryName: aws.String(web), ImageIds: []ecrtypes.ImageIdentifier{*byTag("v1")}})
			from := time.Now().Add(-time.Minute)
			criteria := &types.CoverageFilterCriteria{ImagePulledAt: []types.CoverageDateFilter{{StartInclusive: &from}}}
			a.eventually("the pull", func() bool {
				found := do(a, a.inspector().ListCoverage, &in{FilterCriteria: criteria}).CoveredResources
				return len(found) == 1 && found[0].ResourceMetadata.EcrImage.ImagePulledAt != nil
			})
		}),
		works("nothing under basic scanning", func(a *account) {
			a.inspected("v1")
			a.scanning("BASIC")
			a.same(do(a, a.inspector().ListCoverage, &in{}).CoveredResources, []types.CoveredResource{})
		}),
		lists(200, func(a *account, n int) {
			for _, tag := range many(n, "t%d") {
				a.image(web, tag, tag)
			}
			for _, tag := range many(n, "t%d") {
				a.scanEnded(web, byTag(tag))
			}
		}, func(out *inspector2.ListCoverageOutput) []string {
			return list(out.CoveredResources, func(r types.CoveredResource) string { return *r.ResourceId })
		}),
		refuses("a prefix", func(_ *account, in *in) {
			in.FilterCriteria = &types.CoverageFilterCriteria{EcrRepositoryName: []types.CoverageStringFilter{{Comparison: "PREFIX", Value: aws.String("t")}}}
		}, validation, invalid("PREFIX", "filterCriteria.ecrRepositoryName.1.member.comparison", "Member must satisfy enum value set: [EQUALS, NOT_EQUALS]")),
	)
}

func listCoverageStatistics() *served {
	type in = inspector2.ListCoverageStatisticsInput
	good := func(a *account) *in { a.inspected("v1", "v2"); return &in{} }
	return serves("ListCoverageStatistics", "*", good,
		works("how many there are, in groups of every kind", func(a *account) {
			good(a)
			a.image(web, "empty", "empty")
			a.scanEnded(web, byTag("empty"))
			for group, want := range map[types.GroupKey][]string{
				"": {}, "SCAN_STATUS_CODE": {"ACTIVE 3", "INACTIVE 1"}, "SCAN_STATUS_REASON": {"SUCCESSFUL 3", "UNSUPPORTED_OS 1"},
				"ACCOUNT_ID": {a.id + " 4"}, "RESOURCE_TYPE": {"AWS_ECR_CONTAINER_IMAGE 3", "AWS_ECR_REPOSITORY 1"}, "ECR_REPOSITORY_NAME": {web + " 4"},
			} {
				out := do(a, a.inspector().ListCoverageStatistics, &in{GroupBy: group})
				a.same(list(out.CountsByGroup, func(c types.Counts) string { return strings.Join([]string{string(c.GroupKey), itoa(c.Count)}, " ") }), want)
				a.same(*out.TotalCounts, int64(4))
			}
		}),
		works("of what criteria select", func(a *account) {
			in := good(a)
			in.FilterCriteria = &types.CoverageFilterCriteria{EcrImageTags: []types.CoverageStringFilter{{Comparison: "EQUALS", Value: aws.String("v2")}}}
			a.same(*do(a, a.inspector().ListCoverageStatistics, in).TotalCounts, int64(1))
		}),
		refuses("a token", func(_ *account, in *in) { in.NextToken = aws.String("bm8") }, validation, "The pagination token is invalid."),
		refuses("an unknown group", func(_ *account, in *in) { in.GroupBy = "COLOUR" }, validation,
			invalid("COLOUR", "groupBy", "Member must satisfy enum value set: [SCAN_STATUS_CODE, SCAN_STATUS_REASON, ACCOUNT_ID, RESOURCE_TYPE, ECR_REPOSITORY_NAME]")),
	)
}
