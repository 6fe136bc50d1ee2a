package inspector_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

func TestEnhancedScanningIsSwitchedOnAndOff(t *testing.T) {
	a := start(t)
	status := func() types.Status {
		t.Helper()
		out := apitest.OK[*sdk.BatchGetAccountStatusOutput](t)(a.BatchGetAccountStatus(t.Context(), &sdk.BatchGetAccountStatusInput{AccountIds: []string{account, apitest.Other}}))
		if len(out.FailedAccounts) != 1 || out.FailedAccounts[0].ErrorCode != types.ErrorCodeAccessDenied || *out.FailedAccounts[0].AccountId != apitest.Other {
			t.Errorf("failed: %+v", out.FailedAccounts)
		}
		if s := out.Accounts[0].ResourceState; s.Ec2.Status != types.StatusDisabled {
			t.Errorf("state: %+v", s)
		}
		return out.Accounts[0].ResourceState.Ecr.Status
	}
	ecr := []types.ResourceScanType{types.ResourceScanTypeEcr}
	if status() != types.StatusDisabled {
		t.Error("it is on before anybody has switched it on")
	}
	on := apitest.OK[*sdk.EnableOutput](t)(a.Enable(t.Context(), &sdk.EnableInput{ResourceTypes: ecr}))
	if len(on.Accounts) != 1 || on.Accounts[0].ResourceStatus.Ecr != types.StatusEnabled || status() != types.StatusEnabled {
		t.Errorf("on: %+v", on)
	}
	again := apitest.OK[*sdk.EnableOutput](t)(a.Enable(t.Context(), &sdk.EnableInput{ResourceTypes: ecr}))
	if len(again.Accounts) != 0 || again.FailedAccounts[0].ErrorCode != types.ErrorCodeAlreadyEnabled {
		t.Errorf("again: %+v", again)
	}
	apitest.OK[*sdk.DisableOutput](t)(a.Disable(t.Context(), &sdk.DisableInput{ResourceTypes: []types.ResourceScanType{types.ResourceScanTypeEc2}}))
	if status() != types.StatusEnabled {
		t.Error("switching instances off has switched images off")
	}
	apitest.OK[*sdk.DisableOutput](t)(a.Disable(t.Context(), &sdk.DisableInput{}))
	if status() != types.StatusDisabled {
		t.Error("it is not off")
	}
	_, err := a.Enable(t.Context(), &sdk.EnableInput{ResourceTypes: []types.ResourceScanType{types.ResourceScanTypeLambda}})
	apitest.Want(t, err, "ValidationException", "The resource type LAMBDA is not supported: this registry scans container images only.")
}

func TestForHowLongImagesAreLookedAt(t *testing.T) {
	a := start(t)
	apitest.OK[*sdk.UpdateConfigurationOutput](t)(a.UpdateConfiguration(t.Context(), &sdk.UpdateConfigurationInput{EcrConfiguration: &types.EcrConfiguration{
		RescanDuration: types.EcrRescanDurationDays60, PullDateRescanMode: types.EcrPullDateRescanModeLastPullDate,
	}}))
	state := apitest.OK[*sdk.GetConfigurationOutput](t)(a.GetConfiguration(t.Context(), &sdk.GetConfigurationInput{})).EcrConfiguration.RescanDurationState
	if state.RescanDuration != types.EcrRescanDurationDays60 || state.PullDateRescanDuration != types.EcrPullDateRescanDurationDays14 ||
		state.PullDateRescanMode != types.EcrPullDateRescanModeLastPullDate || state.Status != types.EcrRescanDurationStatusSuccess || state.UpdatedAt == nil {
		t.Errorf("%+v", state)
	}
}

func TestWhatACallerMaySwitch(t *testing.T) {
	a := start(t)
	user := a.as(a.AddUser("switcher", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["inspector2:Enable","inspector2:List*"],"Resource":"*"}]}`))
	out := apitest.OK[*sdk.ListAccountPermissionsOutput](t)(user.ListAccountPermissions(t.Context(), &sdk.ListAccountPermissionsInput{}))
	var may []types.Operation
	for _, p := range out.Permissions {
		may = append(may, p.Operation)
	}
	if !slices.Equal(may, []types.Operation{types.OperationEnableScanning, types.OperationEnableRepository}) {
		t.Errorf("%v", may)
	}
	_, err := user.Disable(t.Context(), &sdk.DisableInput{})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/switcher is not authorized to perform: inspector2:Disable on resource: * because no identity-based policy allows the inspector2:Disable action")
}

func TestCoverageTellsRepositoriesAndImages(t *testing.T) {
	a := start(t)
	if out := apitest.OK[*sdk.ListCoverageOutput](t)(a.ListCoverage(t.Context(), &sdk.ListCoverageInput{})); len(out.CoveredResources) != 0 {
		t.Errorf("under basic scanning: %+v", out)
	}
	a = stocked(t)
	list := func(in *sdk.ListCoverageInput) (ids []string) {
		t.Helper()
		for pages := sdk.NewListCoveragePaginator(a.Client, in); pages.HasMorePages(); {
			for _, r := range apitest.OK[*sdk.ListCoverageOutput](t)(pages.NextPage(t.Context())).CoveredResources {
				name := string(r.ResourceType)
				if r.ResourceMetadata.EcrImage != nil {
					name = r.ResourceMetadata.EcrImage.Tags[0]
				} else if r.ResourceMetadata.EcrRepository != nil {
					name = *r.ResourceMetadata.EcrRepository.Name
				}
				ids = append(ids, name+" "+string(r.ScanStatus.StatusCode)+" "+string(r.ScanStatus.Reason))
			}
		}
		return ids
	}
	want := []string{"base ACTIVE SUCCESSFUL", "team/web ACTIVE SUCCESSFUL", "1 ACTIVE SUCCESSFUL", "2 ACTIVE SUCCESSFUL", "1 ACTIVE SUCCESSFUL"}
	for _, size := range []int32{1, 2, 200} {
		if got := list(&sdk.ListCoverageInput{MaxResults: aws.Int32(size)}); !slices.Equal(got, want) {
			t.Errorf("%d at a time: %q", size, got)
		}
	}
	equal := func(v string) []types.CoverageStringFilter {
		return []types.CoverageStringFilter{{Comparison: types.CoverageStringComparisonEquals, Value: &v}}
	}
	if got := list(&sdk.ListCoverageInput{FilterCriteria: &types.CoverageFilterCriteria{EcrImageTags: equal("2"), ScanStatusCode: equal("ACTIVE")}}); !slices.Equal(got, want[3:4]) {
		t.Errorf("by tag: %q", got)
	}
	if got := list(&sdk.ListCoverageInput{FilterCriteria: &types.CoverageFilterCriteria{LambdaFunctionName: equal("f")}}); got != nil {
		t.Errorf("of Lambda: %q", got)
	}
	counted := apitest.OK[*sdk.ListCoverageStatisticsOutput](t)(a.ListCoverageStatistics(t.Context(), &sdk.ListCoverageStatisticsInput{GroupBy: types.GroupKeyResourceType}))
	if *counted.TotalCounts != 5 || len(counted.CountsByGroup) != 2 || counted.CountsByGroup[0].GroupKey != "AWS_ECR_CONTAINER_IMAGE" || counted.CountsByGroup[0].Count != 3 {
		t.Errorf("%+v", counted)
	}
}

func TestVulnerabilitiesThatImagesHaveAreKnown(t *testing.T) {
	a := stocked(t)
	search := func(id string) []types.Vulnerability {
		t.Helper()
		return apitest.OK[*sdk.SearchVulnerabilitiesOutput](t)(a.SearchVulnerabilities(t.Context(), &sdk.SearchVulnerabilitiesInput{
			FilterCriteria: &types.SearchVulnerabilitiesFilterCriteria{VulnerabilityIds: []string{id}},
		})).Vulnerabilities
	}
	if got := search("CVE-2024-0001"); len(got) != 1 || got[0].Cvss3.BaseScore != 9.8 || got[0].Cwes[0] != "CWE-79" {
		t.Errorf("%+v", got)
	}
	if got := search("CVE-1999-0001"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestNobodyReportsClusters(t *testing.T) {
	a := start(t)
	out := apitest.OK[*sdk.GetClustersForImageOutput](t)(a.GetClustersForImage(t.Context(), &sdk.GetClustersForImageInput{
		Filter: &types.ClusterForImageFilterCriteria{ResourceId: aws.String("arn:aws:ecr:us-east-1:123456789012:repository/web/" + digestOf("x"))},
	}))
	if out.Cluster == nil || len(out.Cluster) != 0 {
		t.Errorf("%+v", out)
	}
}
