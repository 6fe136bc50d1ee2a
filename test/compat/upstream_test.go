package compat

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func upstreamRows() []*operation {
	return []*operation{
		createPullThroughCacheRule(), describePullThroughCacheRules(), updatePullThroughCacheRule(),
		deletePullThroughCacheRule(), validatePullThroughCacheRule(),
	}
}

const (
	prefixRule = `Member must satisfy regular expression pattern: ^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$`
	secretRule = `Member must satisfy regular expression pattern: ^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$`

	unsupportedUpstream = "UnsupportedUpstreamRegistryException"
	noRule              = "The pull through cache rule was not found. Specify a valid pull through cache rule and try again."
	mismatch            = "Upstream registry URL and provided credential type do not match"
	elsewhereSecret     = "The ARN of the secret specified in the pull through cache rule was not found. Please verify the secret exists in the same region and account that the pullthrough cache rule will be created in"
)

// secret is the ARN of a secret of an account and region.
func secret(region, account string) string {
	return "arn:aws:secretsmanager:" + region + ":" + account + ":secret:ecr-pullthroughcache/hub-AbC123"
}

// secret makes a secret that holds credentials, if it is not there, and answers
// its ARN. What the ARN ends with is a part of the name.
func (a *account) secret(end string) *string {
	a.t.Helper()
	arn := secret(a.region, a.id) + end
	_, name, _ := strings.Cut(arn, ":secret:")
	answer := a.post("secretsmanager.CreateSecret", "secretsmanager", fmt.Appendf(nil,
		`{"Name":%q,"ClientRequestToken":"01234567-89ab-cdef-0123-456789abcdef","SecretString":"{\"username\":\"me\",\"accessToken\":\"token\"}"}`, name))
	if answer.status != http.StatusOK {
		a.t.Fatalf("making a secret: %s", answer.body)
	}
	return &arn
}

func (a *account) role(name string) *string {
	return aws.String("arn:aws:iam::" + a.id + ":role/" + name)
}

// cacheRule makes a rule for an open registry.
func (a *account) cacheRule(prefix string) {
	a.t.Helper()
	do(a, a.CreatePullThroughCacheRule, &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: aws.String("public.ecr.aws")})
}

// hubRule makes a rule that needs a secret.
func (a *account) hubRule(prefix string) {
	a.t.Helper()
	do(a, a.CreatePullThroughCacheRule, &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix,
		UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: a.secret("")})
}

// otherRule makes a rule for the ECR of somebody else.
func (a *account) otherRule(prefix string) {
	a.t.Helper()
	do(a, a.CreatePullThroughCacheRule, &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix,
		UpstreamRegistryUrl: aws.String("123456789012.dkr.ecr." + elsewhere + ".amazonaws.com"), CustomRoleArn: a.role("cache")})
}

func createPullThroughCacheRule() *operation {
	type in = ecr.CreatePullThroughCacheRuleInput
	good := func(*account) *in {
		return &in{EcrRepositoryPrefix: aws.String("public"), UpstreamRegistryUrl: aws.String("public.ecr.aws")}
	}
	to := func(url string) func(*account, *in) {
		return func(_ *account, in *in) { in.UpstreamRegistryUrl = &url }
	}
	return row("CreatePullThroughCacheRule", good, unpaged, later(inEffects),
		shape("every upstream registry, its kind by its URL", everyUpstream),
		shape("all that was asked for comes back", func(a *account) {
			got := do(a, a.CreatePullThroughCacheRule, &in{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("hub/mine/"), UpstreamRegistry: "docker-hub",
				UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: a.secret(""), UpstreamRepositoryPrefix: aws.String("mine")})
			a.same(got, &ecr.CreatePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("hub/mine"), UpstreamRegistry: "docker-hub",
				UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: aws.String(secret(a.region, a.id)), UpstreamRepositoryPrefix: aws.String("mine"), CreatedAt: now()})
		}),
		shape("an upstream prefix is told where one was given", func(a *account) {
			in := good(a)
			if got := do(a, a.CreatePullThroughCacheRule, in).UpstreamRepositoryPrefix; got != nil {
				a.t.Errorf("none was given, and %s is told", *got)
			}
			in.EcrRepositoryPrefix, in.UpstreamRepositoryPrefix = aws.String("other"), aws.String("ROOT")
			a.same(do(a, a.CreatePullThroughCacheRule, in).UpstreamRepositoryPrefix, aws.String("ROOT"))
		}),
		but("a prefix that is taken", func(a *account, _ *in) { a.cacheRule("public") }, "PullThroughCacheRuleAlreadyExistsException",
			"A pull through cache rule with these settings already exists for the private registry."),
		but("the same prefix with a slash", func(a *account, in *in) {
			a.cacheRule("public")
			in.EcrRepositoryPrefix = aws.String("public/")
		}, "PullThroughCacheRuleAlreadyExistsException", "A pull through cache rule with these settings already exists for the private registry."),
		but("a registry that asks for a secret, without one", to("ghcr.io"), unsupportedUpstream,
			"The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN containing the upstream registry credentials and try again."),
		but("a registry that asks for a role, without one", to("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), unsupportedUpstream,
			"The specified upstream registry requires authentication. Specify a valid IAM role ARN that may pull from the upstream registry and try again."),
		but("a secret of an open registry", func(a *account, in *in) { in.CredentialArn = aws.String(secret(a.region, a.id)) }, unsupportedUpstream,
			"The specified upstream registry doesn't require authentication. Remove the Secrets Manager ARN and try again."),
		but("a role of a registry that is not ECR", func(a *account, in *in) { in.CustomRoleArn = a.role("cache") }, invalidParameter, mismatch),
		but("a secret of ECR", func(a *account, in *in) {
			in.UpstreamRegistryUrl, in.CredentialArn = aws.String("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), aws.String(secret(a.region, a.id))
		}, invalidParameter, mismatch),
		but("a URL with a scheme", to("https://ghcr.io"), unsupportedUpstream, "The upstream registry URL https://ghcr.io is invalid. Specify a valid upstream registry URL and try again"),
		but("a URL in capitals", to("Quay.io"), unsupportedUpstream, "The upstream registry URL Quay.io is invalid. Specify a valid upstream registry URL and try again"),
		but("the registry itself", func(a *account, in *in) {
			in.UpstreamRegistryUrl = aws.String(a.id + ".dkr.ecr." + a.region + ".amazonaws.com")
		}, validation, "Upstream registry URL cannot be the same as the cache registry"),
		but("another kind than the URL's", func(_ *account, in *in) { in.UpstreamRegistry = "docker-hub" }, validation, "Upstream registry URL and entered upstream registry do not match"),
		but("a secret of another account", func(a *account, in *in) {
			in.UpstreamRegistryUrl, in.CredentialArn = aws.String("ghcr.io"), aws.String(secret(a.region, "123456789012"))
		}, "SecretNotFoundException", elsewhereSecret),
		but("a secret that is not there", func(a *account, in *in) {
			in.UpstreamRegistryUrl, in.CredentialArn = aws.String("ghcr.io"), aws.String(secret(a.region, a.id))
		}, "SecretNotFoundException", elsewhereSecret),
		but("a secret of another region", func(a *account, in *in) {
			in.UpstreamRegistryUrl, in.CredentialArn = aws.String("ghcr.io"), aws.String(secret(elsewhere, a.id))
		}, "SecretNotFoundException", elsewhereSecret),
		wrong("a secret of another name", func(in *in) {
			in.CredentialArn = aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbC123")
		}, "credentialArn", secretRule),
		wrong("an upstream prefix of the rule for everything", func(in *in) {
			in.EcrRepositoryPrefix, in.UpstreamRepositoryPrefix = aws.String("ROOT"), aws.String("mine")
		}, "upstreamRepositoryPrefix", "The upstream repository prefix must be ROOT when the ECR repository prefix is ROOT"),
		wrong("an unknown kind", func(in *in) { in.UpstreamRegistry = "mine" }, "upstreamRegistry",
			"Member must satisfy enum value set: [ecr, ecr-public, quay, k8s, docker-hub, github-container-registry, azure-container-registry, gitlab-container-registry, chainguard]"),
		wrong("a prefix of one character", func(in *in) { in.EcrRepositoryPrefix = aws.String("p") }, "ecrRepositoryPrefix", "Member must have length greater than or equal to 2"),
		wrong("a prefix of 31 characters", func(in *in) { in.EcrRepositoryPrefix = aws.String(strings.Repeat("p", 31)) }, "ecrRepositoryPrefix", "Member must have length less than or equal to 30"),
		wrong("a prefix in capitals", func(in *in) { in.EcrRepositoryPrefix = aws.String("Public") }, "ecrRepositoryPrefix", prefixRule),
		but("above the quota of rules", func(a *account, _ *in) {
			for _, prefix := range many(maxCacheRules, "p%d") {
				a.cacheRule(prefix)
			}
		}, limitExceeded, fmt.Sprintf("The registry with id '{account}' already has the maximum allowed number of pull through cache rules which is '%d'", maxCacheRules)),
		effects("it is described", func(a *account) {
			a.cacheRule("public")
			a.same(rulePrefixes(do(a, a.DescribePullThroughCacheRules, &ecr.DescribePullThroughCacheRulesInput{})), []string{"public"})
		}),
	)
}

// everyUpstream makes a rule for each sort of registry.
func everyUpstream(a *account) {
	for url, kind := range map[string]types.UpstreamRegistry{
		"public.ecr.aws": "ecr-public", "registry.k8s.io": "k8s", "quay.io": "quay", "registry-1.docker.io": "docker-hub",
		"ghcr.io": "github-container-registry", "registry.gitlab.com": "gitlab-container-registry", "mine.azurecr.io": "azure-container-registry",
		"cgr.dev": "chainguard", "123456789012.dkr.ecr.eu-west-1.amazonaws.com": "ecr", a.id + ".dkr.ecr.eu-west-1.amazonaws.com": "ecr",
	} {
		in := &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: aws.String(strings.ReplaceAll(url[:min(len(url), 30)], ".", "-")), UpstreamRegistryUrl: &url}
		in.EcrRepositoryPrefix = aws.String(strings.Trim(*in.EcrRepositoryPrefix, "-"))
		switch {
		case kind == "ecr" && !strings.HasPrefix(url, a.id):
			in.CustomRoleArn = a.role("cache")
		case kind != "ecr" && kind != "ecr-public" && kind != "k8s" && kind != "quay":
			in.CredentialArn = a.secret("")
		}
		a.same(do(a, a.CreatePullThroughCacheRule, in), &ecr.CreatePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: in.EcrRepositoryPrefix, UpstreamRegistry: kind,
			UpstreamRegistryUrl: &url, CredentialArn: in.CredentialArn, CustomRoleArn: in.CustomRoleArn, CreatedAt: now()})
	}
}

func rulePrefixes(out *ecr.DescribePullThroughCacheRulesOutput) []string {
	return list(out.PullThroughCacheRules, func(r types.PullThroughCacheRule) string { return *r.EcrRepositoryPrefix })
}

func describePullThroughCacheRules() *operation {
	type in = ecr.DescribePullThroughCacheRulesInput
	rule := func(a *account, prefix string) types.PullThroughCacheRule {
		return types.PullThroughCacheRule{RegistryId: &a.id, EcrRepositoryPrefix: &prefix, UpstreamRegistry: "ecr-public", UpstreamRegistryUrl: aws.String("public.ecr.aws"),
			CreatedAt: now(), UpdatedAt: now()}
	}
	return row("DescribePullThroughCacheRules", func(*account) *in { return &in{} }, readsOnly,
		shape("none", func(a *account) {
			a.same(do(a, a.DescribePullThroughCacheRules, &in{}), &ecr.DescribePullThroughCacheRulesOutput{PullThroughCacheRules: []types.PullThroughCacheRule{}})
		}),
		shape("all, by prefix", func(a *account) {
			a.cacheRule("bb")
			a.cacheRule("a/b")
			a.same(do(a, a.DescribePullThroughCacheRules, &in{}), &ecr.DescribePullThroughCacheRulesOutput{PullThroughCacheRules: []types.PullThroughCacheRule{rule(a, "a/b"), rule(a, "bb")}})
		}),
		shape("those of some prefixes", func(a *account) {
			a.cacheRule("bb")
			a.cacheRule("aa")
			a.same(do(a, a.DescribePullThroughCacheRules, &in{EcrRepositoryPrefixes: []string{"bb/"}}).PullThroughCacheRules, []types.PullThroughCacheRule{rule(a, "bb")})
		}),
		but("one unknown prefix fails the whole call", func(a *account, in *in) {
			a.cacheRule("aa")
			in.EcrRepositoryPrefixes = []string{"aa", "gone"}
		}, "PullThroughCacheRuleNotFoundException", noRule),
		wrong("no prefixes", func(in *in) { in.EcrRepositoryPrefixes = []string{} }, "ecrRepositoryPrefixes", "Member must have length greater than or equal to 1"),
		wrong("a hundred and one prefixes", func(in *in) { in.EcrRepositoryPrefixes = many(101, "p%d") }, "ecrRepositoryPrefixes", "Member must have length less than or equal to 100"),
		pages(listing[in, ecr.DescribePullThroughCacheRulesOutput]{
			keys: rulePrefixes, size: 100, member: "ecrRepositoryPrefixes",
			fill: func(a *account, n int) {
				for _, prefix := range many(n, "p%03d") {
					a.cacheRule(prefix)
				}
			},
			come: func(a *account, name string) string {
				a.cacheRule("p00" + name)
				return "p00" + name
			},
			goes: func(a *account, prefix string) {
				do(a, a.DeletePullThroughCacheRule, &ecr.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix})
			},
			ids: func(in *in) { in.EcrRepositoryPrefixes = []string{"p000"} },
			elsewhere: map[string]func(*account, *in, *string) error{
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.DescribeRepositories(a.t.Context(), &ecr.DescribeRepositoriesInput{NextToken: token})
					return err
				},
			},
		}),
	)
}

func updatePullThroughCacheRule() *operation {
	type in = ecr.UpdatePullThroughCacheRuleInput
	good := func(a *account) *in {
		a.hubRule("hub")
		return &in{EcrRepositoryPrefix: aws.String("hub"), CredentialArn: a.secret("2")}
	}
	return row("UpdatePullThroughCacheRule", good, unpaged, later(inEffects),
		shape("another secret", func(a *account) {
			in := good(a)
			a.same(do(a, a.UpdatePullThroughCacheRule, in), &ecr.UpdatePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("hub"),
				CredentialArn: in.CredentialArn, UpdatedAt: now()})
		}),
		shape("another role", func(a *account) {
			a.otherRule("other")
			a.same(do(a, a.UpdatePullThroughCacheRule, &in{EcrRepositoryPrefix: aws.String("other/"), CustomRoleArn: a.role("second")}), &ecr.UpdatePullThroughCacheRuleOutput{
				RegistryId: &a.id, EcrRepositoryPrefix: aws.String("other"), CustomRoleArn: a.role("second"), UpdatedAt: now()})
		}),
		but("a prefix without a rule", func(_ *account, in *in) { in.EcrRepositoryPrefix = aws.String("gone") }, "PullThroughCacheRuleNotFoundException", noRule),
		but("a role of a registry that is not ECR", func(a *account, in *in) { in.CredentialArn, in.CustomRoleArn = nil, a.role("cache") }, invalidParameter, mismatch),
		but("a secret of another account", func(a *account, in *in) { in.CredentialArn = aws.String(secret(a.region, "123456789012")) }, "SecretNotFoundException", elsewhereSecret),
		wrong("a secret of another name", func(in *in) {
			in.CredentialArn = aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:mine-AbC123")
		}, "credentialArn", secretRule),
		effects("the secret changes and nothing else", func(a *account) {
			in := good(a)
			before := do(a, a.DescribePullThroughCacheRules, &ecr.DescribePullThroughCacheRulesInput{}).PullThroughCacheRules[0]
			do(a, a.UpdatePullThroughCacheRule, in)
			before.CredentialArn = in.CredentialArn
			a.same(do(a, a.DescribePullThroughCacheRules, &ecr.DescribePullThroughCacheRulesInput{}).PullThroughCacheRules[0], before)
		}),
	)
}

func deletePullThroughCacheRule() *operation {
	type in = ecr.DeletePullThroughCacheRuleInput
	good := func(a *account) *in {
		a.hubRule("hub")
		return &in{EcrRepositoryPrefix: aws.String("hub")}
	}
	return row("DeletePullThroughCacheRule", good, unpaged,
		shape("the rule that is gone", func(a *account) {
			a.same(do(a, a.DeletePullThroughCacheRule, good(a)), &ecr.DeletePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("hub"), CreatedAt: now(),
				UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: aws.String(secret(a.region, a.id))})
		}),
		but("a prefix without a rule", func(_ *account, in *in) { in.EcrRepositoryPrefix = aws.String("gone") }, "PullThroughCacheRuleNotFoundException", noRule),
		effects("it is gone; repositories below it stay", func(a *account) {
			in := good(a)
			a.repository("hub/library/alpine")
			do(a, a.DeletePullThroughCacheRule, in)
			a.same(rulePrefixes(do(a, a.DescribePullThroughCacheRules, &ecr.DescribePullThroughCacheRulesInput{})), []string{})
			a.same(repositoryNames(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{})), []string{"hub/library/alpine"})
			refuse(a, a.DeletePullThroughCacheRule, in, "PullThroughCacheRuleNotFoundException", noRule)
		}),
	)
}

func validatePullThroughCacheRule() *operation {
	type in = ecr.ValidatePullThroughCacheRuleInput
	good := func(a *account) *in {
		a.cacheRule("public")
		return &in{EcrRepositoryPrefix: aws.String("public")}
	}
	return row("ValidatePullThroughCacheRule", good, unpaged, readsOnly, later(inShape),
		shape("an open registry is valid", func(a *account) {
			a.same(do(a, a.ValidatePullThroughCacheRule, good(a)), &ecr.ValidatePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("public"),
				UpstreamRegistryUrl: aws.String("public.ecr.aws"), IsValid: true})
		}),
		shape("credentials have their form", func(a *account) {
			a.hubRule("hub")
			a.same(do(a, a.ValidatePullThroughCacheRule, &in{EcrRepositoryPrefix: aws.String("hub/")}), &ecr.ValidatePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("hub"),
				UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: aws.String(secret(a.region, a.id)), IsValid: true})
		}),
		shape("without a secret they are not valid", func(a *account) {
			a.hubRule("hub")
			answer := a.post("secretsmanager.DeleteSecret", "secretsmanager", fmt.Appendf(nil, `{"SecretId":%q,"ForceDeleteWithoutRecovery":true}`, secret(a.region, a.id)))
			if answer.status != http.StatusOK {
				a.t.Fatalf("deleting a secret: %s", answer.body)
			}
			a.same(do(a, a.ValidatePullThroughCacheRule, &in{EcrRepositoryPrefix: aws.String("hub")}), &ecr.ValidatePullThroughCacheRuleOutput{RegistryId: &a.id, EcrRepositoryPrefix: aws.String("hub"),
				UpstreamRegistryUrl: aws.String("registry-1.docker.io"), CredentialArn: aws.String(secret(a.region, a.id)), Failure: aws.String(elsewhereSecret)})
		}),
		but("a prefix without a rule", func(_ *account, in *in) { in.EcrRepositoryPrefix = aws.String("gone") }, "PullThroughCacheRuleNotFoundException", noRule),
	)
}
