package ecr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

func (a *api) scan(digest string) (*sdk.StartImageScanOutput, error) {
	return a.StartImageScan(a.t.Context(), &sdk.StartImageScanInput{RepositoryName: aws.String("web"), ImageId: &types.ImageIdentifier{ImageDigest: &digest}})
}

func (a *api) findings(id types.ImageIdentifier) (*sdk.DescribeImageScanFindingsOutput, error) {
	return a.DescribeImageScanFindings(a.t.Context(), &sdk.DescribeImageScanFindingsInput{RepositoryName: aws.String("web"), ImageId: &id})
}

func complete(n int) meta.Scan {
	return meta.Scan{
		Status: meta.ScanComplete, Description: "The scan was completed successfully.",
		CompletedAt: time.UnixMilli(1579839105000), SourceUpdatedAt: time.UnixMilli(1579811117500), Counts: map[registry.Severity]int{registry.High: n, registry.Low: 0},
	}
}

func vulnerability(i int) match.Finding {
	return match.Finding{
		ID: fmt.Sprintf("CVE-2024-%04d", i), Package: "openssl", InstalledVersion: "3.0.1-r0", Severity: registry.High,
		Description: "A buffer is read behind its end.", URI: "https://security.example.org",
		CVSS: []match.CVSS{{Version: "4.0", Vector: "CVSS:4.0/AV:N", Score: 9.3}, {Version: "3.1", Vector: "CVSS:3.1/AV:N", Score: 7.5}, {Version: "2.0", Vector: "AV:N", Score: 5}},
	}
}

func TestAScanFromStartToFindings(t *testing.T) {
	a := start(t)
	a.repository("web")
	digest := a.image("web", "1", "v1")
	_, err := a.findings(types.ImageIdentifier{ImageTag: aws.String("v1")})
	apitest.Want(t, err, "ScanNotFoundException", "Image scan does not exist for the image with '{imageDigest:'"+digest+"', imageTag:'v1'}' in the repository with name 'web' in the registry with id '123456789012'")

	started := apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
	if *started.RegistryId != account || *started.RepositoryName != "web" || *started.ImageId.ImageDigest != digest || started.ImageId.ImageTag != nil ||
		started.ImageScanStatus.Status != "IN_PROGRESS" || started.ImageScanStatus.Description != nil {
		t.Errorf("%+v", started)
	}
	running := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(types.ImageIdentifier{ImageDigest: &digest}))
	if running.ImageScanStatus.Status != "IN_PROGRESS" || running.ImageScanFindings != nil {
		t.Errorf("%+v", running)
	}
	_, err = a.scan(digest)
	apitest.Want(t, err, "LimitExceededException", "The scan quota per image has been exceeded. Wait and try again.")

	a.finish("web", digest, complete(1), vulnerability(1))
	out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(types.ImageIdentifier{ImageTag: aws.String("v1")}))
	if *out.ImageId.ImageDigest != digest || *out.ImageId.ImageTag != "v1" || *out.RegistryId != account || *out.RepositoryName != "web" ||
		out.ImageScanStatus.Status != "COMPLETE" || *out.ImageScanStatus.Description != "The scan was completed successfully." {
		t.Errorf("%+v", out)
	}
	f := out.ImageScanFindings
	if f.ImageScanCompletedAt.UnixMilli() != 1579839105000 || f.VulnerabilitySourceUpdatedAt.UnixMilli() != 1579811117500 ||
		len(f.FindingSeverityCounts) != 1 || f.FindingSeverityCounts["HIGH"] != 1 || f.EnhancedFindings != nil || len(f.Findings) != 1 {
		t.Errorf("%+v", f)
	}
	if got := f.Findings[0]; *got.Name != "CVE-2024-0001" || got.Severity != "HIGH" || *got.Uri != "https://security.example.org" || *got.Description == "" ||
		attributes(got) != "package_version=3.0.1-r0 package_name=openssl CVSS3_VECTOR=CVSS:3.1/AV:N CVSS3_SCORE=7.5" {
		t.Errorf("%+v: %s", got, attributes(got))
	}
	a.Wait(24*time.Hour + time.Second)
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
}

func attributes(f types.ImageScanFinding) string {
	var out []string
	for _, x := range f.Attributes {
		out = append(out, *x.Key+"="+*x.Value)
	}
	return strings.Join(out, " ")
}

func TestACleanImageHasEmptyListsAndAFailedScanNone(t *testing.T) {
	a := start(t)
	a.repository("web")
	clean, failed := a.image("web", "1"), a.image("web", "2")
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(clean))
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(failed))
	a.finish("web", clean, meta.Scan{Status: meta.ScanComplete, CompletedAt: time.Now(), SourceUpdatedAt: time.Now()})
	const reason = "UnsupportedImageError: The operating system 'alpine' version 'v3.21' is not supported."
	a.finish("web", failed, meta.Scan{Status: meta.ScanFailed, Description: reason, CompletedAt: time.Now()})
	out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(types.ImageIdentifier{ImageDigest: &clean}))
	if f := out.ImageScanFindings; f == nil || f.Findings == nil || len(f.Findings) != 0 || f.FindingSeverityCounts == nil || len(f.FindingSeverityCounts) != 0 {
		t.Errorf("%+v", out.ImageScanFindings)
	}
	out = apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(types.ImageIdentifier{ImageDigest: &failed}))
	if out.ImageScanStatus.Status != "FAILED" || *out.ImageScanStatus.Description != reason || out.ImageScanFindings != nil {
		t.Errorf("%+v", out)
	}
	err := sdk.NewImageScanCompleteWaiter(a).Wait(t.Context(), &sdk.DescribeImageScanFindingsInput{RepositoryName: aws.String("web"), ImageId: &types.ImageIdentifier{ImageDigest: &clean}}, time.Minute)
	if err != nil {
		t.Error(err)
	}
}

func TestFindingsPage(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	digest := a.image("web", "1")
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
	var all []match.Finding
	for i := range 250 {
		all = append(all, vulnerability(i))
	}
	a.finish("web", digest, complete(250), all...)
	in := &sdk.DescribeImageScanFindingsInput{RepositoryName: aws.String("web"), ImageId: &types.ImageIdentifier{ImageDigest: &digest}}
	var sizes, names []string
	var token *string
	pages := sdk.NewDescribeImageScanFindingsPaginator(a, in)
	for pages.HasMorePages() {
		out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(pages.NextPage(ctx))
		sizes = append(sizes, fmt.Sprint(len(out.ImageScanFindings.Findings)))
		if out.ImageScanStatus.Status != "COMPLETE" || out.ImageScanFindings.FindingSeverityCounts["HIGH"] != 250 {
			t.Errorf("a page without its head: %+v", out)
		}
		for _, f := range out.ImageScanFindings.Findings {
			names = append(names, *f.Name)
		}
		if out.NextToken != nil {
			token = out.NextToken
		}
	}
	if strings.Join(sizes, " ") != "100 100 50" || len(names) != 250 || names[0] != "CVE-2024-0000" || names[249] != "CVE-2024-0249" {
		t.Errorf("%v, %d findings", sizes, len(names))
	}
	// The next snapshot is another list.
	a.Wait(25 * time.Hour)
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
	a.finish("web", digest, complete(0))
	in.NextToken = token
	_, err := a.DescribeImageScanFindings(ctx, in)
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")
}

func TestUnderTheOldEngineImageDetailsTellTheScan(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	digest := a.image("web", "1", "v1")
	apitest.OK[*sdk.PutAccountSettingOutput](t)(a.PutAccountSetting(ctx, &sdk.PutAccountSettingInput{Name: aws.String("BASIC_SCAN_TYPE_VERSION"), Value: aws.String("CLAIR")}))
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
	a.finish("web", digest, complete(1), vulnerability(1))
	describe := func() types.ImageDetail {
		return apitest.OK[*sdk.DescribeImagesOutput](t)(a.DescribeImages(ctx, &sdk.DescribeImagesInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}}})).ImageDetails[0]
	}
	d := describe()
	if d.ImageScanStatus == nil || d.ImageScanStatus.Status != "COMPLETE" || d.ImageScanFindingsSummary.FindingSeverityCounts["HIGH"] != 1 || d.ImageScanFindingsSummary.ImageScanCompletedAt == nil {
		t.Errorf("%+v", d)
	}
	out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(types.ImageIdentifier{ImageDigest: &digest}))
	if got := attributes(out.ImageScanFindings.Findings[0]); got != "package_version=3.0.1-r0 package_name=openssl CVSS2_VECTOR=AV:N CVSS2_SCORE=5.0" {
		t.Error(got)
	}
	apitest.OK[*sdk.PutAccountSettingOutput](t)(a.PutAccountSetting(ctx, &sdk.PutAccountSettingInput{Name: aws.String("BASIC_SCAN_TYPE_VERSION"), Value: aws.String("AWS_NATIVE")}))
	if d := describe(); d.ImageScanStatus != nil || d.ImageScanFindingsSummary != nil {
		t.Errorf("%+v", d)
	}
}

func TestWhatCannotBeScanned(t *testing.T) {
	a := start(t)
	a.repository("web")
	index := a.index("web", "index")
	_, err := a.scan(index)
	apitest.Want(t, err, "UnsupportedImageTypeException", "An artifact with media type 'application/vnd.oci.image.index.v1+json' cannot be scanned. For more information, see the Amazon ECR documentation.")
	unknown := "sha256:" + strings.Repeat("0", 64)
	_, err = a.scan(unknown)
	apitest.Want(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'"+unknown+"', imageTag:'null'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.StartImageScan(t.Context(), &sdk.StartImageScanInput{RepositoryName: aws.String("web"), ImageId: &types.ImageIdentifier{}})
	apitest.Want(t, err, "InvalidParameterException", "Invalid request parameters: both tag and digest cannot be null")
	_, err = a.StartImageScan(t.Context(), &sdk.StartImageScanInput{RepositoryName: aws.String("nope"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("x")}})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}

func rule(frequency types.ScanFrequency, filters ...string) types.RegistryScanningRule {
	r := types.RegistryScanningRule{ScanFrequency: frequency, RepositoryFilters: []types.ScanningRepositoryFilter{}}
	for _, f := range filters {
		r.RepositoryFilters = append(r.RepositoryFilters, types.ScanningRepositoryFilter{Filter: &f, FilterType: "WILDCARD"})
	}
	return r
}

func TestTheRegistrysScanningConfiguration(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	got := apitest.OK[*sdk.GetRegistryScanningConfigurationOutput](t)(a.GetRegistryScanningConfiguration(ctx, &sdk.GetRegistryScanningConfigurationInput{}))
	if *got.RegistryId != account || got.ScanningConfiguration.ScanType != "BASIC" || got.ScanningConfiguration.Rules == nil || len(got.ScanningConfiguration.Rules) != 0 {
		t.Errorf("%+v", got)
	}
	for _, r := range []string{"prod", "repo-prod", "dev"} {
		a.repository(r)
	}
	put := apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.PutRegistryScanningConfiguration(ctx, &sdk.PutRegistryScanningConfigurationInput{
		ScanType: "BASIC", Rules: []types.RegistryScanningRule{rule("SCAN_ON_PUSH", "*prod", "prod*")},
	}))
	if c := put.RegistryScanningConfiguration; c.ScanType != "BASIC" || len(c.Rules) != 1 || *c.Rules[0].RepositoryFilters[1].Filter != "prod*" || c.Rules[0].RepositoryFilters[1].FilterType != "WILDCARD" {
		t.Errorf("%+v", c)
	}
	got = apitest.OK[*sdk.GetRegistryScanningConfigurationOutput](t)(a.GetRegistryScanningConfiguration(ctx, &sdk.GetRegistryScanningConfigurationInput{}))
	if len(got.ScanningConfiguration.Rules) != 1 || got.ScanningConfiguration.Rules[0].ScanFrequency != "SCAN_ON_PUSH" {
		t.Errorf("%+v", got.ScanningConfiguration)
	}
	batch := apitest.OK[*sdk.BatchGetRepositoryScanningConfigurationOutput](t)(a.BatchGetRepositoryScanningConfiguration(ctx, &sdk.BatchGetRepositoryScanningConfigurationInput{
		RepositoryNames: []string{"prod", "repo-prod", "dev", "nope"},
	}))
	var lines []string
	for _, c := range batch.ScanningConfigurations {
		line := fmt.Sprintf("%s %s %t", *c.RepositoryArn, c.ScanFrequency, c.ScanOnPush)
		for _, f := range c.AppliedScanFilters {
			line += " " + *f.Filter
		}
		lines = append(lines, line)
	}
	same(t, lines, []string{
		"arn:aws:ecr:us-east-1:123456789012:repository/prod SCAN_ON_PUSH true *prod prod*",
		"arn:aws:ecr:us-east-1:123456789012:repository/repo-prod SCAN_ON_PUSH true *prod",
		"arn:aws:ecr:us-east-1:123456789012:repository/dev MANUAL false",
	})
	if len(batch.Failures) != 1 || *batch.Failures[0].RepositoryName != "nope" || batch.Failures[0].FailureCode != "REPOSITORY_NOT_FOUND" || *batch.Failures[0].FailureReason != "REPOSITORY_NOT_FOUND" {
		t.Errorf("%+v", batch.Failures)
	}
}

func TestScanningConfigurationsThatAreRefused(t *testing.T) {
	a := start(t)
	put := func(kind types.ScanType, rules ...types.RegistryScanningRule) error {
		_, err := a.PutRegistryScanningConfiguration(t.Context(), &sdk.PutRegistryScanningConfigurationInput{ScanType: kind, Rules: rules})
		return err
	}
	apitest.Want(t, put("BASIC", rule("CONTINUOUS_SCAN", "*")), "InvalidParameterException", "Invalid parameter failed to satisfy constraint: 'Invalid scan frequency for scanType BASIC: CONTINUOUS_SCAN'")
	apitest.Want(t, put("BASIC", rule("SCAN_ON_PUSH", "a"), rule("SCAN_ON_PUSH", "b")), "InvalidParameterException", "Invalid input. Contains duplicate scan frequencies: [SCAN_ON_PUSH]")
	apitest.Want(t, put("SLOW"), "InvalidParameterException", "Invalid parameter at 'scanType' failed to satisfy constraint: 'Member must satisfy enum value set: [BASIC, ENHANCED]'")
	apitest.Want(t, put("BASIC", rule("SCAN_ON_PUSH", "NOT OK")), "InvalidParameterException",
		`Invalid parameter at 'rules.1.member.repositoryFilters.1.member.filter' failed to satisfy constraint: 'Member must satisfy regular expression pattern: ^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$'`)
	apitest.Want(t, put("BASIC", rule("MANUAL"), rule("MANUAL"), rule("MANUAL")), "InvalidParameterException", "Invalid parameter at 'rules' failed to satisfy constraint: 'Member must have length less than or equal to 2'")
}

func TestScanOnPushStartsAScan(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	apitest.OK[*sdk.CreateRepositoryOutput](t)(a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: aws.String("web"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}}))
	digest := a.image("web", "1", "v1")
	out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(types.ImageIdentifier{ImageDigest: &digest}))
	if out.ImageScanStatus.Status != "IN_PROGRESS" {
		t.Errorf("%+v", out.ImageScanStatus)
	}
	_, err := a.scan(digest)
	apitest.Want(t, err, "LimitExceededException", "The scan quota per image has been exceeded. Wait and try again.")
}
