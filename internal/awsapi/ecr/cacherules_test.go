package ecr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/service"
)

const hubSecret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ecr-pullthroughcache/hub-AbCdEf"

// secret makes the secret of an ARN, which is as good without its suffix.
func (a *api) secret(arn, value string) {
	a.t.Helper()
	_, name, _ := strings.Cut(arn, ":secret:")
	owner := service.Caller{Principal: iam.RootPrincipal(account, "AKIDROOT")}
	_, _, err := a.svc.CreateSecret(a.t.Context(), owner, service.NewSecret{
		Name: name, Token: strings.Repeat("1", 32), Value: &service.SecretValue{Data: []byte(value)},
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) cacheRule(prefix, url string) *sdk.CreatePullThroughCacheRuleOutput {
	a.t.Helper()
	return apitest.OK[*sdk.CreatePullThroughCacheRuleOutput](a.t)(a.CreatePullThroughCacheRule(a.t.Context(), &sdk.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: &url}))
}

func TestAPullThroughCacheRuleIsEchoedWhole(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.secret(hubSecret, `{"username":"me","accessToken":"x"}`)
	a.secret(hubSecret+"2", "not credentials")
	made := apitest.OK[*sdk.CreatePullThroughCacheRuleOutput](t)(a.CreatePullThroughCacheRule(ctx, &sdk.CreatePullThroughCacheRuleInput{
		EcrRepositoryPrefix: aws.String("hub"), UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: aws.String(hubSecret),
		UpstreamRepositoryPrefix: aws.String("library"), RegistryId: aws.String(account),
	}))
	if *made.RegistryId != account || *made.EcrRepositoryPrefix != "hub" || made.UpstreamRegistry != "docker-hub" || *made.UpstreamRegistryUrl != "registry-1.docker.io" ||
		*made.UpstreamRepositoryPrefix != "library" || *made.CredentialArn != hubSecret || made.CustomRoleArn != nil || made.CreatedAt == nil {
		t.Errorf("%+v", made)
	}
	if got := notice(made.ResultMetadata); got != "Pull-through cache rules are stored; this version of ecru does not pull from upstreams yet." {
		t.Errorf("notice %q", got)
	}
	changed := apitest.OK[*sdk.UpdatePullThroughCacheRuleOutput](t)(a.UpdatePullThroughCacheRule(ctx, &sdk.UpdatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("hub"), CredentialArn: aws.String(hubSecret + "2")}))
	if *changed.RegistryId != account || *changed.EcrRepositoryPrefix != "hub" || *changed.CredentialArn != hubSecret+"2" || *changed.UpstreamRepositoryPrefix != "library" || changed.UpdatedAt.Before(*made.CreatedAt) {
		t.Errorf("%+v", changed)
	}
	r := apitest.OK[*sdk.DescribePullThroughCacheRulesOutput](t)(a.DescribePullThroughCacheRules(ctx, &sdk.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"hub"}})).PullThroughCacheRules[0]
	if *r.RegistryId != account || *r.EcrRepositoryPrefix != "hub" || r.UpstreamRegistry != "docker-hub" || *r.UpstreamRegistryUrl != "registry-1.docker.io" ||
		*r.CredentialArn != hubSecret+"2" || !r.CreatedAt.Equal(*made.CreatedAt) || !r.UpdatedAt.Equal(*changed.UpdatedAt) {
		t.Errorf("%+v", r)
	}
	v := apitest.OK[*sdk.ValidatePullThroughCacheRuleOutput](t)(a.ValidatePullThroughCacheRule(ctx, &sdk.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("hub")}))
	if v.IsValid || *v.Failure != "The secret value is not valid. It must be a JSON object with username and accessToken." || *v.CredentialArn != hubSecret+"2" || *v.UpstreamRegistryUrl != "registry-1.docker.io" {
		t.Errorf("%+v", v)
	}
	gone := apitest.OK[*sdk.DeletePullThroughCacheRuleOutput](t)(a.DeletePullThroughCacheRule(ctx, &sdk.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("hub")}))
	if *gone.EcrRepositoryPrefix != "hub" || *gone.UpstreamRegistryUrl != "registry-1.docker.io" || *gone.RegistryId != account || gone.CreatedAt == nil {
		t.Errorf("%+v", gone)
	}
}

func TestAnOpenUpstreamIsValid(t *testing.T) {
	a := start(t)
	made := a.cacheRule("ecr-public/", "public.ecr.aws")
	if *made.EcrRepositoryPrefix != "ecr-public" || made.UpstreamRegistry != "ecr-public" || made.UpstreamRepositoryPrefix != nil || made.CredentialArn != nil {
		t.Errorf("%+v", made)
	}
	if got := notice(made.ResultMetadata); got != "Pull-through cache rules are stored; this version of ecru does not pull from upstreams yet." {
		t.Errorf("notice %q", got)
	}
	v := apitest.OK[*sdk.ValidatePullThroughCacheRuleOutput](t)(a.ValidatePullThroughCacheRule(t.Context(), &sdk.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("ecr-public")}))
	if !v.IsValid || v.Failure != nil || *v.RegistryId != account || *v.EcrRepositoryPrefix != "ecr-public" || v.UpstreamRepositoryPrefix != nil {
		t.Errorf("%+v", v)
	}
}

func TestErrorsOfPullThroughCacheRules(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.cacheRule("quay", "quay.io")
	const missing = "The pull through cache rule was not found. Specify a valid pull through cache rule and try again."
	_, err := a.DescribePullThroughCacheRules(ctx, &sdk.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"quay", "nope"}})
	apitest.Want(t, err, "PullThroughCacheRuleNotFoundException", missing)
	_, err = a.UpdatePullThroughCacheRule(ctx, &sdk.UpdatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("nope")})
	apitest.Want(t, err, "PullThroughCacheRuleNotFoundException", missing)
	_, err = a.DeletePullThroughCacheRule(ctx, &sdk.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("nope")})
	apitest.Want(t, err, "PullThroughCacheRuleNotFoundException", missing)
	_, err = a.ValidatePullThroughCacheRule(ctx, &sdk.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("nope")})
	apitest.Want(t, err, "PullThroughCacheRuleNotFoundException", missing)

	secret := aws.String(hubSecret)
	role := aws.String("arn:aws:iam::123456789012:role/puller")
	for _, c := range []struct {
		in            sdk.CreatePullThroughCacheRuleInput
		code, message string
	}{
		{sdk.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("quay"), UpstreamRegistryUrl: aws.String("quay.io")},
			"PullThroughCacheRuleAlreadyExistsException", "A pull through cache rule with these settings already exists for the private registry."},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("ghcr.io")},
			"UnsupportedUpstreamRegistryException", "The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN containing the upstream registry credentials and try again."},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("https://registry.example")},
			"UnsupportedUpstreamRegistryException", "The upstream registry URL https://registry.example is invalid. Specify a valid upstream registry URL and try again"},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("quay.io"), CredentialArn: secret},
			"UnsupportedUpstreamRegistryException", "The specified upstream registry doesn't require authentication. Remove the Secrets Manager ARN and try again."},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("quay.io"), CustomRoleArn: role},
			"InvalidParameterException", "Upstream registry URL and provided credential type do not match"},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("123456789012.dkr.ecr.us-east-1.amazonaws.com")},
			"ValidationException", "Upstream registry URL cannot be the same as the cache registry"},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("ghcr.io"), UpstreamRegistry: "docker-hub", CredentialArn: secret},
			"ValidationException", "Upstream registry URL and entered upstream registry do not match"},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("ghcr.io"), CredentialArn: aws.String("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ecr-pullthroughcache/hub-AbCdEf")},
			"SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule was not found. Please verify the secret exists in the same region and account that the pullthrough cache rule will be created in"},
		{sdk.CreatePullThroughCacheRuleInput{UpstreamRegistryUrl: aws.String("ghcr.io"), CredentialArn: secret},
			"SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule was not found. Please verify the secret exists in the same region and account that the pullthrough cache rule will be created in"},
		{sdk.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("ROOT"), UpstreamRegistryUrl: aws.String("quay.io"), UpstreamRepositoryPrefix: aws.String("part")},
			"InvalidParameterException", "Invalid parameter at 'upstreamRepositoryPrefix' failed to satisfy constraint: 'The upstream repository prefix must be ROOT when the ECR repository prefix is ROOT'"},
	} {
		if c.in.EcrRepositoryPrefix == nil {
			c.in.EcrRepositoryPrefix = aws.String("new")
		}
		_, err := a.CreatePullThroughCacheRule(ctx, &c.in)
		apitest.Want(t, err, c.code, c.message)
	}
	for i := range 49 {
		a.cacheRule(fmt.Sprintf("rule-%d", i), "quay.io")
	}
	_, err = a.CreatePullThroughCacheRule(ctx, &sdk.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String("more"), UpstreamRegistryUrl: aws.String("quay.io")})
	apitest.Want(t, err, "LimitExceededException", "The registry with id '123456789012' already has the maximum allowed number of pull through cache rules which is '50'")
}

func TestPullThroughCacheRulesPageByPrefix(t *testing.T) {
	a := start(t)
	for i := range 5 {
		a.cacheRule(fmt.Sprintf("cache-%d", i), "quay.io")
	}
	var got []string
	pages := sdk.NewDescribePullThroughCacheRulesPaginator(a, &sdk.DescribePullThroughCacheRulesInput{MaxResults: aws.Int32(2)})
	n := 0
	for ; pages.HasMorePages(); n++ {
		for _, r := range apitest.OK[*sdk.DescribePullThroughCacheRulesOutput](t)(pages.NextPage(t.Context())).PullThroughCacheRules {
			got = append(got, *r.EcrRepositoryPrefix)
		}
	}
	if n != 3 || strings.Join(got, " ") != "cache-0 cache-1 cache-2 cache-3 cache-4" {
		t.Errorf("%d pages of %v", n, got)
	}
}
