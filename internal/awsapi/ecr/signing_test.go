package ecr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

const profile = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/"

func sign(arn string, filters ...string) types.SigningRule {
	r := types.SigningRule{SigningProfileArn: &arn}
	for _, f := range filters {
		r.RepositoryFilters = append(r.RepositoryFilters, types.SigningRepositoryFilter{Filter: &f, FilterType: "WILDCARD_MATCH"})
	}
	return r
}

func (a *api) putSigning(rules ...types.SigningRule) (*sdk.PutSigningConfigurationOutput, error) {
	return a.PutSigningConfiguration(a.t.Context(), &sdk.PutSigningConfigurationInput{SigningConfiguration: &types.SigningConfiguration{Rules: append([]types.SigningRule{}, rules...)}})
}

func shownSigning(c *types.SigningConfiguration) string {
	var out []string
	for _, r := range c.Rules {
		line := strings.TrimPrefix(*r.SigningProfileArn, profile)
		for _, f := range r.RepositoryFilters {
			line += " " + string(f.FilterType) + ":" + *f.Filter
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func TestTheSigningConfiguration(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	const none = "Signing configuration does not exist in the registry with id '123456789012'"
	_, err := a.GetSigningConfiguration(ctx, &sdk.GetSigningConfigurationInput{})
	apitest.Want(t, err, "SigningConfigurationNotFoundException", none)
	_, err = a.DeleteSigningConfiguration(ctx, &sdk.DeleteSigningConfigurationInput{})
	apitest.Want(t, err, "SigningConfigurationNotFoundException", none)

	put := apitest.OK[*sdk.PutSigningConfigurationOutput](t)(a.putSigning(sign(profile+"one", "prod*", "team/*"), sign(profile+"two")))
	const text = "one WILDCARD_MATCH:prod* WILDCARD_MATCH:team/*; two"
	if got := shownSigning(put.SigningConfiguration); got != text {
		t.Error(got)
	}
	if got := notice(put.ResultMetadata); got != "The signing configuration is stored; this version of ecru does not sign images yet." {
		t.Errorf("notice %q", got)
	}
	got := apitest.OK[*sdk.GetSigningConfigurationOutput](t)(a.GetSigningConfiguration(ctx, &sdk.GetSigningConfigurationInput{}))
	if *got.RegistryId != account || shownSigning(got.SigningConfiguration) != text {
		t.Errorf("%+v", got)
	}
	gone := apitest.OK[*sdk.DeleteSigningConfigurationOutput](t)(a.DeleteSigningConfiguration(ctx, &sdk.DeleteSigningConfigurationInput{}))
	if *gone.RegistryId != account || shownSigning(gone.SigningConfiguration) != text {
		t.Errorf("%+v", gone)
	}
	_, err = a.GetSigningConfiguration(ctx, &sdk.GetSigningConfigurationInput{})
	apitest.Want(t, err, "SigningConfigurationNotFoundException", none)
}

func TestSigningConfigurationsThatAreRefused(t *testing.T) {
	a := start(t)
	refused := func(text string, rules ...types.SigningRule) {
		t.Helper()
		_, err := a.putSigning(rules...)
		apitest.Want(t, err, "InvalidParameterException", text)
	}
	const abroad = "arn:aws:signer:eu-west-1:123456789012:/signing-profiles/one"
	refused("Invalid parameter at 'signingProfileArn' failed to satisfy constraint: 'The region of signing profile ARN '"+abroad+"' is 'eu-west-1' but must be 'us-east-1' (the current region)'",
		sign(profile+"one"), sign(abroad))
	refused(`Invalid parameter at 'signingConfiguration.rules.1.member.signingProfileArn' failed to satisfy constraint: `+
		`'Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,}$'`, sign("arn:aws:iam::123456789012:role/x"))
	many := make([]types.SigningRule, 11)
	for i := range many {
		many[i] = sign(profile + "one")
	}
	refused("Invalid parameter at 'signingConfiguration.rules' failed to satisfy constraint: 'Member must have length less than or equal to 10'", many...)
}

func (a *api) signing(repository string, id *types.ImageIdentifier) (*sdk.DescribeImageSigningStatusOutput, error) {
	return a.DescribeImageSigningStatus(a.t.Context(), &sdk.DescribeImageSigningStatusInput{RepositoryName: &repository, ImageId: id})
}

func TestImagesThatRulesApplyToAreNotSignedAndThatIsSaid(t *testing.T) {
	a := start(t)
	for _, name := range []string{"web", "prod/web", "my-prod/web"} {
		a.repository(name)
	}
	before := a.image("web", "1", "before")
	a.Wait(time.Second)
	apitest.OK[*sdk.PutSigningConfigurationOutput](t)(a.putSigning(sign(profile+"one", "prod/*"), sign(profile+"two")))
	a.Wait(time.Second)
	statuses := func(repository string, id *types.ImageIdentifier) string {
		t.Helper()
		out := apitest.OK[*sdk.DescribeImageSigningStatusOutput](t)(a.signing(repository, id))
		var lines []string
		for _, s := range out.SigningStatuses {
			lines = append(lines, strings.TrimPrefix(*s.SigningProfileArn, profile)+" "+string(s.Status)+" "+*s.FailureCode+" "+*s.FailureReason)
		}
		return strings.Join(lines, "\n")
	}
	const why = " FAILED UnsupportedOperation Managed signing does not run in this version of ecru yet."
	digest := a.image("prod/web", "2", "v1")
	out := apitest.OK[*sdk.DescribeImageSigningStatusOutput](t)(a.signing("prod/web", byTag("v1")))
	if *out.RegistryId != account || *out.RepositoryName != "prod/web" || *out.ImageId.ImageDigest != digest || *out.ImageId.ImageTag != "v1" {
		t.Errorf("%+v", out)
	}
	if got := statuses("prod/web", byTag("v1")); got != "one"+why+"\ntwo"+why {
		t.Error(got)
	}
	if got := statuses("my-prod/web", byDigest(a.image("my-prod/web", "3"))); got != "two"+why {
		t.Error(got)
	}
	if got := statuses("web", byDigest(before)); got != "" {
		t.Error(got)
	}
	if got := statuses("web", byDigest(a.artifact(before, "application/vnd.cncf.notary.signature", "s"))); got != "" {
		t.Errorf("a signature is to be signed: %s", got)
	}
	_, err := a.signing("web", byTag("nope"))
	apitest.Want(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'nope'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.signing("web", &types.ImageIdentifier{ImageDigest: aws.String("x")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''")
}
