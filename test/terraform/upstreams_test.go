package terraform

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecru-registry/ecru/test/server"
)

// makeSecrets makes the secrets of ARNs that end with these names: an ARN is as
// good without the characters that AWS puts behind the name.
func makeSecrets(t *testing.T, s *server.Server, names ...string) {
	t.Helper()
	c := s.Credentials
	secrets := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &s.URL, Region: c.Region, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	})
	for _, name := range names {
		_, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
			Name: aws.String("ecr-pullthroughcache/" + name), SecretString: aws.String(`{"username":"me","accessToken":"token"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// cacheRule is aws_ecr_pull_through_cache_rule. An upstream prefix that is not
// configured must not be answered: the rule would be replaced at every apply.
func cacheRule(at place, prefix string, settings object) resource {
	find := object{"ecrRepositoryPrefixes": list{prefix}}
	destroy := []step{{call: "DeletePullThroughCacheRule", with: object{"ecrRepositoryPrefix": prefix, "registryId": at.account}}}
	return resource{
		create:  []step{{call: "CreatePullThroughCacheRule", with: object{"ecrRepositoryPrefix": prefix}.with(settings)}},
		read:    readCacheRule(at, prefix, settings),
		destroy: destroy,
		gone:    []step{{call: "DescribePullThroughCacheRules", with: find, fails: "PullThroughCacheRuleNotFoundException"}},
		again:   failing(destroy, "PullThroughCacheRuleNotFoundException"),
	}
}

func readCacheRule(at place, prefix string, settings object) []step {
	state := object{
		"ecrRepositoryPrefix": prefix, "registryId": at.account,
		"credentialArn": nothing{}, "customRoleArn": nothing{}, "upstreamRepositoryPrefix": nothing{},
	}.with(settings)
	return []step{{
		call: "DescribePullThroughCacheRules", with: object{"ecrRepositoryPrefixes": list{prefix}},
		answers: object{"pullThroughCacheRules": list{state}, "nextToken": nothing{}},
	}}
}

func upstreamStories(at place) []story {
	const kind = "aws_ecr_pull_through_cache_rule"
	url := func(host string) object { return object{"upstreamRegistryUrl": host} }
	// Both are sent at any change of one of them; nothing else can change.
	access := func(attribute, prefix string, settings, access object) change {
		return change{
			attribute: attribute,
			update:    []step{{call: "UpdatePullThroughCacheRule", with: object{"ecrRepositoryPrefix": prefix}.with(access)}},
			read:      readCacheRule(at, prefix, settings.with(access)),
		}
	}
	hub := url("registry-1.docker.io").with(object{"credentialArn": at.secret("hub-AbCdEf")})
	other := url("111122223333.dkr.ecr." + at.region + ".amazonaws.com").with(object{"customRoleArn": at.role("puller"), "upstreamRepositoryPrefix": "ROOT"})
	part := url(at.account + ".dkr.ecr.eu-central-1.amazonaws.com").with(object{"upstreamRepositoryPrefix": "library"})
	return []story{
		{
			kind: kind, name: "of an open registry", resource: cacheRule(at, "tf-public", url("public.ecr.aws")),
			refused: []step{{call: "CreatePullThroughCacheRule", with: url("public.ecr.aws").with(object{"ecrRepositoryPrefix": "tf-public"}), fails: "PullThroughCacheRuleAlreadyExistsException"}},
		},
		{kind: kind, name: "of everything", resource: cacheRule(at, "ROOT", url("quay.io"))},
		{kind: kind, name: "below a prefix of several parts", resource: cacheRule(at, "tf/cache/quay", url("quay.io"))},
		{
			kind: kind, name: "with a secret", resource: cacheRule(at, "tf-hub", hub),
			changes: []change{access("credential_arn", "tf-hub", hub, object{"credentialArn": at.secret("other-AbCdEf")})},
		},
		{
			kind: kind, name: "of another account", resource: cacheRule(at, "tf-other", other),
			changes: []change{access("custom_role_arn", "tf-other", other, object{"customRoleArn": at.role("other-puller")})},
		},
		{kind: kind, name: "of a part of this account abroad", resource: cacheRule(at, "tf-part", part)},
	}
}
