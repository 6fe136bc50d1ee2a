package ecr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

func (a *api) putScanning(kind types.ScanType, rules ...types.RegistryScanningRule) (*sdk.PutRegistryScanningConfigurationOutput, error) {
	return a.PutRegistryScanningConfiguration(a.t.Context(), &sdk.PutRegistryScanningConfigurationInput{ScanType: kind, Rules: rules})
}

func TestWhatEnhancedScanningHasNotLookedAtIsPending(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	digest := a.image("web", "1", "v1")
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
	a.finish("web", digest, complete(1), vulnerability(1))

	put := apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED"))
	if c := put.RegistryScanningConfiguration; c.ScanType != "ENHANCED" || len(c.Rules) != 0 {
		t.Errorf("%+v", c)
	}
	if got := notice(put.ResultMetadata); got != "" {
		t.Errorf("notice %q", got)
	}
	if got := apitest.OK[*sdk.GetRegistryScanningConfigurationOutput](t)(a.GetRegistryScanningConfiguration(ctx, &sdk.GetRegistryScanningConfigurationInput{})); got.ScanningConfiguration.ScanType != "ENHANCED" {
		t.Errorf("%+v", got)
	}
	out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byTag("v1")))
	if out.ImageScanStatus.Status != "PENDING" || *out.ImageScanStatus.Description != "Pending start of the image scan." ||
		out.ImageScanFindings != nil || *out.ImageId.ImageDigest != digest || *out.ImageId.ImageTag != "v1" {
		t.Errorf("%+v", out)
	}
	_, err := a.scan(digest)
	apitest.Want(t, err, "ValidationException", "This feature is disabled")
	_, err = a.PutImageScanningConfiguration(ctx, &sdk.PutImageScanningConfigurationInput{
		RepositoryName: aws.String("web"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}})
	apitest.Want(t, err, "ValidationException", "This feature is disabled")
	index := a.index("web", "list", digest)
	out = apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byDigest(index)))
	if out.ImageScanStatus.Status != "PENDING" {
		t.Errorf("%+v", out.ImageScanStatus)
	}
	out = apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byDigest(a.index("web", "none"))))
	if out.ImageScanStatus.Status != "UNSUPPORTED_IMAGE" || *out.ImageScanStatus.Description != "An artifact with media type 'application/vnd.oci.image.index.v1+json' cannot be scanned. For more information, see the Amazon ECR documentation." {
		t.Errorf("%+v", out.ImageScanStatus)
	}

	basic := apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("BASIC"))
	if got := notice(basic.ResultMetadata); got != "" {
		t.Errorf("notice %q", got)
	}
	out = apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byTag("v1")))
	if out.ImageScanStatus.Status != "COMPLETE" || len(out.ImageScanFindings.Findings) != 1 {
		t.Errorf("the basic result is gone: %+v", out)
	}
	a.Wait(25 * time.Hour)
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
}

func TestFrequenciesOfEnhancedScanning(t *testing.T) {
	a := start(t)
	for _, name := range []string{"prod", "repo-prod", "dev"} {
		a.repository(name)
	}
	frequencies := func() (lines []string) {
		t.Helper()
		out := apitest.OK[*sdk.BatchGetRepositoryScanningConfigurationOutput](t)(a.BatchGetRepositoryScanningConfiguration(t.Context(),
			&sdk.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: []string{"prod", "repo-prod", "dev"}}))
		for _, c := range out.ScanningConfigurations {
			line := fmt.Sprintf("%s %s %t", *c.RepositoryName, c.ScanFrequency, c.ScanOnPush)
			for _, f := range c.AppliedScanFilters {
				line += " " + *f.Filter
			}
			lines = append(lines, line)
		}
		return lines
	}
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED"))
	same(t, frequencies(), []string{"prod CONTINUOUS_SCAN true", "repo-prod CONTINUOUS_SCAN true", "dev CONTINUOUS_SCAN true"})
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED", rule("SCAN_ON_PUSH", "prod"), rule("CONTINUOUS_SCAN", "prod*")))
	same(t, frequencies(), []string{"prod CONTINUOUS_SCAN true prod*", "repo-prod SCAN_ON_PUSH true prod", "dev MANUAL false"})

	digest := a.image("dev", "1", "v1")
	_, err := a.DescribeImageScanFindings(t.Context(), &sdk.DescribeImageScanFindingsInput{RepositoryName: aws.String("dev"), ImageId: byTag("v1")})
	apitest.Want(t, err, "ScanNotFoundException", "Image scan does not exist for the image with '{imageDigest:'"+digest+"', imageTag:'v1'}' in the repository with name 'dev' in the registry with id '123456789012'")
}

func TestEnhancedConfigurationsThatAreRefused(t *testing.T) {
	a := start(t)
	_, err := a.putScanning("ENHANCED", rule("MANUAL", "*"))
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter failed to satisfy constraint: 'Invalid scan frequency for scanType ENHANCED: MANUAL'")
	_, err = a.putScanning("ENHANCED", rule("CONTINUOUS_SCAN", "a"), rule("CONTINUOUS_SCAN", "b"))
	apitest.Want(t, err, "InvalidParameterException", "Invalid input. Contains duplicate scan frequencies: [CONTINUOUS_SCAN]")
}

func TestNothingIsScannedOnPushUnderEnhancedScanning(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	apitest.OK[*sdk.CreateRepositoryOutput](t)(a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: aws.String("web"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}}))
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED", rule("SCAN_ON_PUSH", "*")))
	digest := a.image("web", "1", "v1")
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("BASIC"))
	_, err := a.findings(*byTag("v1"))
	apitest.Want(t, err, "ScanNotFoundException", "Image scan does not exist for the image with '{imageDigest:'"+digest+"', imageTag:'v1'}' in the repository with name 'web' in the registry with id '123456789012'")
	pushed := a.image("web", "2", "v2")
	if out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byDigest(pushed))); out.ImageScanStatus.Status != "IN_PROGRESS" {
		t.Errorf("%+v", out.ImageScanStatus)
	}
}

func TestImageDetailsDoNotTellBasicScansUnderEnhancedScanning(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	digest := a.image("web", "1", "v1")
	apitest.OK[*sdk.PutAccountSettingOutput](t)(a.PutAccountSetting(ctx, &sdk.PutAccountSettingInput{Name: aws.String("BASIC_SCAN_TYPE_VERSION"), Value: aws.String("CLAIR")}))
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(digest))
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED"))
	if d := a.details("")[digest]; d.ImageScanStatus != nil {
		t.Errorf("%+v", d)
	}
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("BASIC"))
	if d := a.details("")[digest]; d.ImageScanStatus == nil {
		t.Errorf("%+v", d)
	}
}
