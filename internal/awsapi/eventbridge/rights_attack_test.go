package eventbridge_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// A parameter that keeps its value keeps it secret, too: whoever may change a
// connection need not be one who may read its secret.
func TestAnUpdateDoesNotUncoverSecretParameters(t *testing.T) {
	a, ctx := start(t), t.Context()
	hidden := func(value *string, secret bool) *types.ConnectionHttpParameters {
		return &types.ConnectionHttpParameters{
			HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("X-Token"), Value: value, IsValueSecret: secret}},
			QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("token"), Value: value, IsValueSecret: secret}},
			BodyParameters:        []types.ConnectionBodyParameter{{Key: aws.String("token"), Value: value, IsValueSecret: secret}},
		}
	}
	auth := basic("user", "pass-word")
	auth.InvocationHttpParameters = hidden(aws.String("h-i-d-d-e-n"), true)
	apitest.OK[*sdk.CreateConnectionOutput](t)(a.CreateConnection(ctx, &sdk.CreateConnectionInput{
		Name: aws.String("c"), AuthorizationType: types.ConnectionAuthorizationTypeBasic, AuthParameters: auth,
	}))
	apitest.OK[*sdk.UpdateConnectionOutput](t)(a.UpdateConnection(ctx, &sdk.UpdateConnectionInput{
		Name: aws.String("c"), AuthParameters: &types.UpdateConnectionAuthRequestParameters{InvocationHttpParameters: hidden(nil, false)},
	}))
	told := a.describe("c").AuthParameters.InvocationHttpParameters
	for _, value := range []*string{told.HeaderParameters[0].Value, told.QueryStringParameters[0].Value, told.BodyParameters[0].Value} {
		if value != nil {
			t.Errorf("%q is told", *value)
		}
	}
	apitest.OK[*sdk.UpdateConnectionOutput](t)(a.UpdateConnection(ctx, &sdk.UpdateConnectionInput{
		Name: aws.String("c"), AuthParameters: &types.UpdateConnectionAuthRequestParameters{InvocationHttpParameters: hidden(aws.String("open"), false)},
	}))
	if told := a.describe("c").AuthParameters.InvocationHttpParameters.HeaderParameters[0]; told.Value == nil || *told.Value != "open" || told.IsValueSecret {
		t.Errorf("one with another value is %+v", told)
	}
}

// A deny by the tags of a rule counts, as for repositories and secrets.
func TestTagsOfRulesAreAskedByConditions(t *testing.T) {
	a, ctx := start(t), t.Context()
	apitest.OK[*sdk.PutRuleOutput](t)(a.PutRule(ctx, &sdk.PutRuleInput{
		Name: aws.String("guarded"), EventPattern: aws.String(anyPush), Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}},
	}))
	a.rule("free")
	for name, policy := range map[string]string{
		"denied": `{"Statement":[{"Effect":"Allow","Action":"events:*","Resource":"*"},
			{"Effect":"Deny","Action":"events:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/env":"prod"}}}]}`,
		"allowed": `{"Statement":[{"Effect":"Allow","Action":"events:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/env":"prod"}}}]}`,
	} {
		u := a.user(name, policy)
		for rule, mine := range map[string]bool{"guarded": name == "allowed", "free": name == "denied"} {
			target := []types.Target{{Id: aws.String("t"), Arn: aws.String("arn:ecru:stdout")}}
			arn := aws.String(prefix + "rule/" + rule)
			for operation, call := range map[string]func() error{
				"DescribeRule": func() error { _, err := u.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: &rule}); return err },
				"PutRule": func() error {
					_, err := u.PutRule(ctx, &sdk.PutRuleInput{Name: &rule, EventPattern: aws.String(anyPush)})
					return err
				},
				"PutTargets": func() error {
					_, err := u.PutTargets(ctx, &sdk.PutTargetsInput{Rule: &rule, Targets: target})
					return err
				},
				"ListTargetsByRule": func() error {
					_, err := u.ListTargetsByRule(ctx, &sdk.ListTargetsByRuleInput{Rule: &rule})
					return err
				},
				"RemoveTargets": func() error {
					_, err := u.RemoveTargets(ctx, &sdk.RemoveTargetsInput{Rule: &rule, Ids: []string{"x"}})
					return err
				},
				"DisableRule": func() error { _, err := u.DisableRule(ctx, &sdk.DisableRuleInput{Name: &rule}); return err },
				"EnableRule":  func() error { _, err := u.EnableRule(ctx, &sdk.EnableRuleInput{Name: &rule}); return err },
				"TagResource": func() error {
					_, err := u.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
					return err
				},
				"UntagResource": func() error {
					_, err := u.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"k"}})
					return err
				},
				"ListTagsForResource": func() error {
					_, err := u.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: arn})
					return err
				},
			} {
				err := call()
				if refused := err != nil && strings.Contains(err.Error(), "AccessDenied"); refused == mine || err != nil && !refused {
					t.Errorf("%s: %s of %s: %v", name, operation, rule, err)
				}
			}
			if !mine {
				_, err := u.DeleteRule(ctx, &sdk.DeleteRuleInput{Name: &rule})
				if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
					t.Errorf("%s: DeleteRule of %s: %v", name, rule, err)
				}
			}
		}
	}
}

// Whoever may put targets cannot have the credentials of a connection used that
// he may not use: what he puts decides about body, headers, query and path.
func TestATargetNeedsTheRightToItsDestination(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.rule("r")
	arn := a.destination("billing")
	targets := func(arn string) *sdk.PutTargetsInput {
		return &sdk.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{{Id: aws.String("t"), Arn: &arn}}}
	}
	for name, test := range map[string]struct {
		policy string
		may    bool
	}{
		"rules": {`{"Statement":[{"Effect":"Allow","Action":["events:PutRule","events:PutTargets"],"Resource":"*"}]}`, false},
		"others": {`{"Statement":[{"Effect":"Allow","Action":"events:PutTargets","Resource":"*"},
			{"Effect":"Allow","Action":"events:InvokeApiDestination","Resource":"` + prefix + `api-destination/other/*"}]}`, false},
		"this": {`{"Statement":[{"Effect":"Allow","Action":"events:PutTargets","Resource":"*"},
			{"Effect":"Allow","Action":"events:InvokeApiDestination","Resource":"` + prefix + `api-destination/billing/*"}]}`, true},
	} {
		u := a.user(name, test.policy)
		_, err := u.PutTargets(ctx, targets(arn))
		if may := err == nil; may != test.may || err != nil && !strings.Contains(err.Error(), "events:InvokeApiDestination on resource: "+arn) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := u.PutTargets(ctx, targets("arn:ecru:stdout")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Secrets go to no token server that they were not given for.
func TestAnUpdateDoesNotSendSecretsToAnotherTokenServer(t *testing.T) {
	a, ctx := start(t), t.Context()
	secret := func(value *string) *types.ConnectionHttpParameters {
		return &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{{Key: aws.String("password"), Value: value, IsValueSecret: true}}}
	}
	apitest.OK[*sdk.CreateConnectionOutput](t)(a.CreateConnection(ctx, &sdk.CreateConnectionInput{
		Name: aws.String("c"), AuthorizationType: types.ConnectionAuthorizationTypeOauthClientCredentials,
		AuthParameters: &types.CreateConnectionAuthRequestParameters{OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
			ClientParameters:      &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("id"), ClientSecret: aws.String("s-e-c")},
			AuthorizationEndpoint: aws.String("https://id.example.com/token"), HttpMethod: "POST", OAuthHttpParameters: secret(aws.String("p-w")),
		}},
	}))
	update := func(p types.UpdateConnectionOAuthRequestParameters) error {
		_, err := a.UpdateConnection(ctx, &sdk.UpdateConnectionInput{
			Name: aws.String("c"), AuthParameters: &types.UpdateConnectionAuthRequestParameters{OAuthParameters: &p},
		})
		return err
	}
	anew := &types.UpdateConnectionOAuthClientRequestParameters{ClientSecret: aws.String("n-e-w")}
	const refused = "Parameter AuthParameters is not valid. Reason: with an AuthorizationEndpoint on another server ClientSecret and the secret OAuthHttpParameters must be given anew."
	for _, elsewhere := range []string{"https://evil.example.com/token", "http://id.example.com/token", "https://id.example.com:8443/token"} {
		apitest.Want(t, update(types.UpdateConnectionOAuthRequestParameters{AuthorizationEndpoint: &elsewhere}), "ValidationException", refused)
		apitest.Want(t, update(types.UpdateConnectionOAuthRequestParameters{AuthorizationEndpoint: &elsewhere, ClientParameters: anew}), "ValidationException", refused)
		apitest.Want(t, update(types.UpdateConnectionOAuthRequestParameters{AuthorizationEndpoint: &elsewhere, ClientParameters: anew, OAuthHttpParameters: secret(nil)}), "ValidationException", refused)
	}
	for _, fine := range []types.UpdateConnectionOAuthRequestParameters{
		{AuthorizationEndpoint: aws.String("https://ID.example.com/token2")},
		{AuthorizationEndpoint: aws.String("https://new.example.com/token"), ClientParameters: anew, OAuthHttpParameters: secret(aws.String("p-w-2"))},
	} {
		if err := update(fine); err != nil {
			t.Error(err)
		}
	}
}

// Each of the targets and entries of a request counts in conditions.
func TestConditionsAskForTargetsAndSources(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.rule("r")
	u := a.user("bound", `{"Statement":[
		{"Effect":"Allow","Action":"events:PutTargets","Resource":"*","Condition":{"StringLike":{"events:TargetArn":"arn:ecru:file/team-*"}}},
		{"Effect":"Allow","Action":"events:PutEvents","Resource":"*"},
		{"Effect":"Deny","Action":"events:PutEvents","Resource":"*","Condition":{"StringLike":{"events:source":"billing*"}}},
		{"Effect":"Deny","Action":"events:PutEvents","Resource":"*","Condition":{"StringEquals":{"events:detail-type":"Paid"}}}]}`)
	put := func(names ...string) error {
		in := &sdk.PutTargetsInput{Rule: aws.String("r")}
		for _, name := range names {
			in.Targets = append(in.Targets, types.Target{Id: aws.String(name), Arn: aws.String("arn:ecru:file/" + name + ".jsonl")})
		}
		_, err := u.PutTargets(ctx, in)
		return err
	}
	tell := func(kinds ...[2]string) error {
		in := &sdk.PutEventsInput{}
		for _, kind := range kinds {
			in.Entries = append(in.Entries, types.PutEventsRequestEntry{Source: &kind[0], DetailType: &kind[1], Detail: aws.String("{}")})
		}
		_, err := u.PutEvents(ctx, in)
		return err
	}
	for what, err := range map[string]error{
		"own targets": put("team-a", "team-b"), "own events": tell([2]string{"app", "Made"}, [2]string{"app2", "Made"}),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"one of others": put("audit"), "one of others among own": put("team-a", "audit"), "and first": put("audit", "team-a"),
		"a source": tell([2]string{"billing.app", "Made"}), "among others": tell([2]string{"app", "Made"}, [2]string{"billing", "Made"}),
		"a type": tell([2]string{"app", "Made"}, [2]string{"app", "Paid"}),
	} {
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
