package eventbridge_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

var root = service.Caller{Principal: iam.RootPrincipal(account, "AKIDROOT")}

func basic(user, password string) *types.CreateConnectionAuthRequestParameters {
	return &types.CreateConnectionAuthRequestParameters{
		BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: &user, Password: &password},
	}
}

// connection makes one of BASIC and answers its ARN.
func (a *api) connection(name string) string {
	a.t.Helper()
	out := apitest.OK[*sdk.CreateConnectionOutput](a.t)(a.CreateConnection(a.t.Context(), &sdk.CreateConnectionInput{
		Name: &name, AuthorizationType: types.ConnectionAuthorizationTypeBasic, AuthParameters: basic("user", "pass-word"),
	}))
	return *out.ConnectionArn
}

func (a *api) describe(name string) *sdk.DescribeConnectionOutput {
	a.t.Helper()
	return apitest.OK[*sdk.DescribeConnectionOutput](a.t)(a.DescribeConnection(a.t.Context(), &sdk.DescribeConnectionInput{Name: &name}))
}

// secretOf is the value of a connection's secret.
func (a *api) secretOf(name string) map[string]any {
	a.t.Helper()
	_, v, err := a.svc.SecretValueOf(a.t.Context(), root, *a.describe(name).SecretArn, "", "")
	if err != nil {
		a.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(v.Value.Data, &out); err != nil {
		a.t.Fatal(err)
	}
	return out
}

func TestAConnectionKeepsItsCredentialsInASecret(t *testing.T) {
	a, ctx := start(t), t.Context()
	made := apitest.OK[*sdk.CreateConnectionOutput](t)(a.CreateConnection(ctx, &sdk.CreateConnectionInput{
		Name: aws.String("hook"), Description: aws.String("d"), AuthorizationType: types.ConnectionAuthorizationTypeApiKey,
		AuthParameters: &types.CreateConnectionAuthRequestParameters{
			ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String("k-e-y")},
			InvocationHttpParameters: &types.ConnectionHttpParameters{
				HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("open"), Value: aws.String("1")}, {Key: aws.String("closed"), Value: aws.String("h-i-d"), IsValueSecret: true}},
				QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("q"), Value: aws.String("v")}},
				BodyParameters:        []types.ConnectionBodyParameter{{Key: aws.String("b"), Value: aws.String("w"), IsValueSecret: true}},
			},
		},
	}))
	if !regexp.MustCompile(`^arn:aws:events:us-east-1:123456789012:connection/hook/[0-9a-f-]{36}$`).MatchString(*made.ConnectionArn) || made.ConnectionState != "AUTHORIZED" || made.CreationTime == nil {
		t.Errorf("made %+v", made)
	}
	d := a.describe("hook")
	if !regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:123456789012:secret:events!connection/hook/[0-9a-f-]{36}-[A-Za-z0-9]{6}$`).MatchString(*d.SecretArn) {
		t.Errorf("secret is %s", *d.SecretArn)
	}
	if *d.ConnectionArn != *made.ConnectionArn || *d.Description != "d" || d.AuthorizationType != "API_KEY" || d.LastAuthorizedTime == nil {
		t.Errorf("described as %+v", d)
	}
	same(t, "what is told", d.AuthParameters, types.ConnectionAuthResponseParameters{
		ApiKeyAuthParameters: &types.ConnectionApiKeyAuthResponseParameters{ApiKeyName: aws.String("X-Key")},
		InvocationHttpParameters: &types.ConnectionHttpParameters{
			HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("open"), Value: aws.String("1")}, {Key: aws.String("closed"), IsValueSecret: true}},
			QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("q"), Value: aws.String("v")}},
			BodyParameters:        []types.ConnectionBodyParameter{{Key: aws.String("b"), IsValueSecret: true}},
		},
	})
	same(t, "the secret", a.secretOf("hook"), map[string]any{
		"api_key_name": "X-Key", "api_key_value": "k-e-y",
		"invocation_http_parameters": map[string]any{
			"header_parameters":       []any{map[string]any{"key": "open", "value": "1", "is_value_secret": false}, map[string]any{"key": "closed", "value": "h-i-d", "is_value_secret": true}},
			"query_string_parameters": []any{map[string]any{"key": "q", "value": "v", "is_value_secret": false}},
			"body_parameters":         []any{map[string]any{"key": "b", "value": "w", "is_value_secret": true}},
		},
	})
	secret, err := a.svc.SecretOf(ctx, root, "DescribeSecret", *d.SecretArn)
	if err != nil || secret.Owner != "events" || secret.Tags[0].Key != "aws:secretsmanager:owningService" {
		t.Errorf("the secret is described as %+v, %v", secret, err)
	}
	_, err = a.CreateConnection(ctx, &sdk.CreateConnectionInput{Name: aws.String("hook"), AuthorizationType: "BASIC", AuthParameters: basic("u", "p")})
	apitest.Want(t, err, "ResourceAlreadyExistsException", "Connection hook already exists.")
}

func TestUsersDoNotChangeManagedSecrets(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.connection("hook")
	id := *a.describe("hook").SecretArn
	value := &service.SecretValue{Data: []byte("x")}
	_, _, put := a.svc.PutSecretValue(ctx, root, service.PutSecret{ID: id, Token: strings.Repeat("1", 32), Value: value})
	_, _, update := a.svc.UpdateSecret(ctx, root, id, service.SecretChange{Token: strings.Repeat("1", 32), Value: value})
	_, mark := a.svc.DeleteSecret(ctx, root, service.DeleteSecret{ID: id})
	_, force := a.svc.DeleteSecret(ctx, root, service.DeleteSecret{ID: id, Force: true})
	tag := a.svc.TagSecret(ctx, root, id, []registry.ResourceTag{{Key: "a"}})
	for what, err := range map[string]error{"put": put, "update": update, "delete": mark, "force": force, "tag": tag} {
		if err == nil || !strings.Contains(err.Error(), "The secret is managed by another service, and you must use that service to update it.") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnUpdateKeepsSecretsThatItDoesNotGive(t *testing.T) {
	a, ctx := start(t), t.Context()
	apitest.OK[*sdk.CreateConnectionOutput](t)(a.CreateConnection(ctx, &sdk.CreateConnectionInput{
		Name: aws.String("hook"), AuthorizationType: "OAUTH_CLIENT_CREDENTIALS",
		AuthParameters: &types.CreateConnectionAuthRequestParameters{OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
			AuthorizationEndpoint: aws.String("https://id.example.com/token"), HttpMethod: "POST",
			ClientParameters:    &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("me"), ClientSecret: aws.String("s-1")},
			OAuthHttpParameters: &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{{Key: aws.String("scope"), Value: aws.String("all")}, {Key: aws.String("pin"), Value: aws.String("1-2"), IsValueSecret: true}}},
		}},
	}))
	arn := *a.describe("hook").SecretArn
	a.Wait(time.Second)
	update := func(in *sdk.UpdateConnectionInput) {
		t.Helper()
		in.Name = aws.String("hook")
		apitest.OK[*sdk.UpdateConnectionOutput](t)(a.UpdateConnection(ctx, in))
	}
	update(&sdk.UpdateConnectionInput{Description: aws.String("new")})
	update(&sdk.UpdateConnectionInput{AuthParameters: &types.UpdateConnectionAuthRequestParameters{OAuthParameters: &types.UpdateConnectionOAuthRequestParameters{
		ClientParameters: &types.UpdateConnectionOAuthClientRequestParameters{ClientID: aws.String("you")},
		// As it was read: without what is secret.
		OAuthHttpParameters: &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{{Key: aws.String("pin"), IsValueSecret: true}, {Key: aws.String("more"), Value: aws.String("x")}}},
	}}})
	same(t, "the secret", a.secretOf("hook"), map[string]any{
		"client_id": "you", "client_secret": "s-1", "authorization_endpoint": "https://id.example.com/token", "http_method": "POST",
		"oauth_http_parameters": map[string]any{"body_parameters": []any{
			map[string]any{"key": "pin", "value": "1-2", "is_value_secret": true}, map[string]any{"key": "more", "value": "x", "is_value_secret": false},
		}},
	})
	d := a.describe("hook")
	if *d.SecretArn != arn || *d.Description != "new" || !d.LastModifiedTime.After(*d.CreationTime) || d.AuthParameters.OAuthParameters.OAuthHttpParameters.BodyParameters[0].Value != nil {
		t.Errorf("described as %+v", d)
	}
	_, err := a.UpdateConnection(ctx, &sdk.UpdateConnectionInput{Name: aws.String("hook"), AuthorizationType: "BASIC"})
	apitest.Want(t, err, "ValidationException", "Parameter AuthParameters is not valid. Reason: BasicAuthParameters with Username and Password must be specified for the authorization type BASIC.")
	update(&sdk.UpdateConnectionInput{AuthorizationType: "BASIC", AuthParameters: &types.UpdateConnectionAuthRequestParameters{
		BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Username: aws.String("u"), Password: aws.String("p")},
	}})
	same(t, "the secret", a.secretOf("hook"), map[string]any{"username": "u", "password": "p"})
	if d := a.describe("hook"); d.AuthorizationType != "BASIC" || *d.AuthParameters.BasicAuthParameters.Username != "u" {
		t.Errorf("described as %+v", d)
	}
}

func TestAConnectionIsDeauthorizedAndAuthorizedAgain(t *testing.T) {
	a, ctx := start(t, func(c *service.Config) { c.Alone = true }), t.Context()
	arn := a.connection("hook")
	hook := a.hook("hook", arn)
	secret := *a.describe("hook").SecretArn
	out := apitest.OK[*sdk.DeauthorizeConnectionOutput](t)(a.DeauthorizeConnection(ctx, &sdk.DeauthorizeConnectionInput{Name: aws.String("hook")}))
	if out.ConnectionState != "DEAUTHORIZED" {
		t.Errorf("state is %s", out.ConnectionState)
	}
	d := a.describe("hook")
	if d.AuthParameters != nil || d.SecretArn != nil || d.AuthorizationType != "BASIC" {
		t.Errorf("described as %+v", d)
	}
	if _, err := a.svc.SecretOf(ctx, root, "DescribeSecret", secret); registry.CodeOf(err) != registry.CodeResourceNotFound {
		t.Errorf("the secret is there: %v", err)
	}
	if _, _, _, err := a.svc.EventDestination(ctx, account, hook); registry.CodeOf(err) != registry.CodeInvalidState {
		t.Errorf("it is used: %v", err)
	}
	if d := apitest.OK[*sdk.DescribeApiDestinationOutput](t)(a.DescribeApiDestination(ctx, &sdk.DescribeApiDestinationInput{Name: aws.String("hook")})); d.ApiDestinationState != "INACTIVE" {
		t.Errorf("the destination is %s", d.ApiDestinationState)
	}
	update := &sdk.UpdateConnectionInput{Name: aws.String("hook"), AuthParameters: &types.UpdateConnectionAuthRequestParameters{
		BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Username: aws.String("u")},
	}}
	_, err := a.UpdateConnection(ctx, update)
	apitest.Want(t, err, "ValidationException", "Parameter AuthParameters is not valid. Reason: BasicAuthParameters with Username and Password must be specified for the authorization type BASIC.")
	update.AuthParameters.BasicAuthParameters.Password = aws.String("p2")
	if up := apitest.OK[*sdk.UpdateConnectionOutput](t)(a.UpdateConnection(ctx, update)); up.ConnectionState != "AUTHORIZED" || *up.ConnectionArn != arn {
		t.Errorf("updated: %+v", up)
	}
	if _, auth, _, err := a.svc.EventDestination(ctx, account, hook); err != nil || auth.Secret != "p2" {
		t.Errorf("it is used with %v, %v", auth.Kind, err)
	}
}

func TestADeletedConnectionTakesItsSecretWithIt(t *testing.T) {
	a, ctx := start(t), t.Context()
	hook := a.hook("hook", a.connection("hook"))
	secret := *a.describe("hook").SecretArn
	if out := apitest.OK[*sdk.DeleteConnectionOutput](t)(a.DeleteConnection(ctx, &sdk.DeleteConnectionInput{Name: aws.String("hook")})); out.ConnectionState != "DELETING" {
		t.Errorf("state is %s", out.ConnectionState)
	}
	if _, err := a.svc.SecretOf(ctx, root, "DescribeSecret", secret); registry.CodeOf(err) != registry.CodeResourceNotFound {
		t.Errorf("the secret is there: %v", err)
	}
	gone := func(tried string) string {
		return "Failed to " + tried + " the connection(s). Connection 'hook' does not exist."
	}
	_, err := a.DescribeConnection(ctx, &sdk.DescribeConnectionInput{Name: aws.String("hook")})
	apitest.Want(t, err, "ResourceNotFoundException", gone("describe"))
	_, err = a.DeleteConnection(ctx, &sdk.DeleteConnectionInput{Name: aws.String("hook")})
	apitest.Want(t, err, "ResourceNotFoundException", gone("delete"))
	_, err = a.UpdateConnection(ctx, &sdk.UpdateConnectionInput{Name: aws.String("hook")})
	apitest.Want(t, err, "ResourceNotFoundException", gone("update"))
	_, err = a.DeauthorizeConnection(ctx, &sdk.DeauthorizeConnectionInput{Name: aws.String("hook")})
	apitest.Want(t, err, "ResourceNotFoundException", gone("deauthorize"))
	// A namesake is another connection: its credentials do not go there.
	a.connection("hook")
	if _, _, _, err := a.svc.EventDestination(ctx, account, hook); registry.CodeOf(err) != registry.CodeResourceNotFound {
		t.Errorf("it is used: %v", err)
	}
}

func TestSecretsThatNoConnectionHasAreSwept(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.connection("hook")
	a.connection("kept")
	if _, err := a.store.DeleteRecord(ctx, account, "event-connection", "hook"); err != nil { // as a crash would leave it
		t.Fatal(err)
	}
	left := func() int {
		t.Helper()
		if err := a.svc.SweepSecrets(ctx); err != nil {
			t.Fatal(err)
		}
		records, err := a.store.ListRecords(ctx, account, "secret", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(records)
	}
	if n := left(); n != 2 {
		t.Errorf("%d secrets are left: one may yet get its connection", n)
	}
	a.Wait(2 * time.Hour)
	if n := left(); n != 1 {
		t.Errorf("%d secrets are left", n)
	}
	a.secretOf("kept")
}

func TestConnectionsAreListed(t *testing.T) {
	a, ctx := start(t), t.Context()
	for _, name := range []string{"a", "ab", "abc", "b"} {
		a.connection(name)
	}
	apitest.OK[*sdk.DeauthorizeConnectionOutput](t)(a.DeauthorizeConnection(ctx, &sdk.DeauthorizeConnectionInput{Name: aws.String("ab")}))
	list := func(in sdk.ListConnectionsInput) string {
		t.Helper()
		var names []string
		for {
			out := apitest.OK[*sdk.ListConnectionsOutput](t)(a.ListConnections(ctx, &in))
			for _, c := range out.Connections {
				names = append(names, *c.Name)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(names, " ")
			}
		}
	}
	for expected, in := range map[string]sdk.ListConnectionsInput{
		"a ab abc b": {Limit: aws.Int32(1)},
		"ab abc":     {Limit: aws.Int32(1), NamePrefix: aws.String("ab")},
		"a abc b":    {Limit: aws.Int32(2), ConnectionState: "AUTHORIZED"},
		"ab":         {ConnectionState: "DEAUTHORIZED"},
		"":           {NamePrefix: aws.String("c")},
	} {
		if got := list(in); got != expected {
			t.Errorf("listed %q, want %q", got, expected)
		}
	}
}

func TestWhatAConnectionMayBeLike(t *testing.T) {
	a, ctx := start(t), t.Context()
	create := func(change func(*sdk.CreateConnectionInput)) error {
		in := &sdk.CreateConnectionInput{Name: aws.String("c"), AuthorizationType: "BASIC", AuthParameters: basic("u", "p")}
		change(in)
		_, err := a.CreateConnection(ctx, in)
		return err
	}
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) { in.AuthorizationType = "INVALID_AUTH_TYPE" }), "ValidationException",
		"1 validation error detected: Value 'INVALID_AUTH_TYPE' at 'authorizationType' failed to satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]")
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) { in.Name = aws.String("Invalid Name With Spaces!") }), "ValidationException",
		`1 validation error detected: Value 'Invalid Name With Spaces!' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`)
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) { in.AuthParameters = basic("u", "top\nsecret") }), "ValidationException",
		`1 validation error detected: Value at 'authParameters.basicAuthParameters.password' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$`)
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) { in.AuthorizationType = "API_KEY" }), "ValidationException",
		"Parameter AuthParameters is not valid. Reason: ApiKeyAuthParameters with ApiKeyName and ApiKeyValue must be specified for the authorization type API_KEY.")
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) {
		in.AuthorizationType = "API_KEY"
		in.AuthParameters.ApiKeyAuthParameters = &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("two words"), ApiKeyValue: aws.String("x")}
	}), "ValidationException", "Parameter AuthParameters is not valid. Reason: ApiKeyName is not the name of a header.")
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) {
		in.InvocationConnectivityParameters = &types.ConnectivityResourceParameters{ResourceParameters: &types.ConnectivityResourceConfigurationArn{ResourceConfigurationArn: aws.String("arn:x")}}
	}), "UnsupportedOperationException", "Private connectivity is not supported by this version of ecru: a connection reaches what the server itself can reach.")
	oauth := func(endpoint string) error {
		return create(func(in *sdk.CreateConnectionInput) {
			in.AuthorizationType = "OAUTH_CLIENT_CREDENTIALS"
			in.AuthParameters = &types.CreateConnectionAuthRequestParameters{OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
				AuthorizationEndpoint: &endpoint, HttpMethod: "POST", ClientParameters: &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("i"), ClientSecret: aws.String("s")},
			}}
		})
	}
	apitest.Want(t, oauth("nats://host:4222/x"), "ValidationException", "Parameter AuthorizationEndpoint is not valid. Reason: it must be an http or https URL without *.")
	apitest.Want(t, oauth("https://u:p@host/x"), "ValidationException", "Parameter AuthorizationEndpoint is not valid. Reason: it must not hold credentials: they belong into the connection.")
	many := make([]types.ConnectionBodyParameter, 101)
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) {
		in.AuthParameters.InvocationHttpParameters = &types.ConnectionHttpParameters{BodyParameters: many}
	}), "ValidationException", "1 validation error detected: Value '[101 members]' at 'authParameters.invocationHttpParameters.bodyParameters' failed to satisfy constraint: Member must have length less than or equal to 100")
	apitest.Want(t, create(func(in *sdk.CreateConnectionInput) {
		in.AuthParameters.InvocationHttpParameters = &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{{Key: aws.String("k"), Value: aws.String(strings.Repeat("x", 70_000))}}}
	}), "ValidationException", "Parameter AuthParameters is not valid. Reason: they exceed 65536 bytes.")
	if records, err := a.store.ListRecords(ctx, account, "secret", "", 10); err != nil || len(records) != 0 {
		t.Errorf("refused connections have left %d secrets, %v", len(records), err)
	}
}

// hook makes an API destination and answers its ARN.
func (a *api) hook(name, connection string) string {
	a.t.Helper()
	out := apitest.OK[*sdk.CreateApiDestinationOutput](a.t)(a.CreateApiDestination(a.t.Context(), &sdk.CreateApiDestinationInput{
		Name: &name, ConnectionArn: &connection, InvocationEndpoint: aws.String("https://example.com/" + name), HttpMethod: "POST",
	}))
	return *out.ApiDestinationArn
}

func TestAPIDestinations(t *testing.T) {
	a, ctx := start(t, func(c *service.Config) { c.Alone = true }), t.Context()
	connection := a.connection("c")
	arn := a.hook("hook", connection)
	if !regexp.MustCompile(`^arn:aws:events:us-east-1:123456789012:api-destination/hook/[0-9a-f-]{36}$`).MatchString(arn) {
		t.Errorf("the ARN is %s", arn)
	}
	describe := func() *sdk.DescribeApiDestinationOutput {
		t.Helper()
		return apitest.OK[*sdk.DescribeApiDestinationOutput](t)(a.DescribeApiDestination(ctx, &sdk.DescribeApiDestinationInput{Name: aws.String("hook")}))
	}
	d := describe()
	if *d.ApiDestinationArn != arn || d.ApiDestinationState != "ACTIVE" || *d.ConnectionArn != connection || *d.InvocationEndpoint != "https://example.com/hook" || d.HttpMethod != "POST" || d.InvocationRateLimitPerSecond != nil {
		t.Errorf("described as %+v", d)
	}
	found, auth, first, err := a.svc.EventDestination(ctx, account, arn)
	if err != nil || found.Endpoint != "https://example.com/hook" || found.Rate != 0 || auth.Kind != event.BasicAuthorization || auth.Name != "user" || auth.Secret != "pass-word" {
		t.Errorf("used as %+v, %v", found, err)
	}
	if _, _, again, _ := a.svc.EventDestination(ctx, account, arn); again != first {
		t.Error("the revision changes by itself")
	}
	apitest.OK[*sdk.UpdateApiDestinationOutput](t)(a.UpdateApiDestination(ctx, &sdk.UpdateApiDestinationInput{
		Name: aws.String("hook"), InvocationEndpoint: aws.String("nats://nats:4222/ecr.*"), InvocationRateLimitPerSecond: aws.Int32(300), HttpMethod: "PUT",
	}))
	if d := describe(); *d.InvocationEndpoint != "nats://nats:4222/ecr.*" || *d.InvocationRateLimitPerSecond != 300 || d.HttpMethod != "PUT" || *d.ConnectionArn != connection {
		t.Errorf("described as %+v", d)
	}
	_, _, second, err := a.svc.EventDestination(ctx, account, arn)
	if err != nil || second == first {
		t.Errorf("the revision stays: %v", err)
	}
	apitest.OK[*sdk.UpdateConnectionOutput](t)(a.UpdateConnection(ctx, &sdk.UpdateConnectionInput{Name: aws.String("c"), AuthParameters: &types.UpdateConnectionAuthRequestParameters{
		BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Password: aws.String("other")},
	}}))
	if _, auth, third, err := a.svc.EventDestination(ctx, account, arn); err != nil || third == second || auth.Secret != "other" || auth.Name != "user" {
		t.Errorf("the new secret is not used: %v", err)
	}
	_, err = a.CreateApiDestination(ctx, &sdk.CreateApiDestinationInput{Name: aws.String("hook"), ConnectionArn: &connection, InvocationEndpoint: aws.String("https://x/"), HttpMethod: "GET"})
	apitest.Want(t, err, "ResourceAlreadyExistsException", "An api-destination 'hook' already exists.")

	a.hook("hooked", connection)
	a.hook("other", a.connection("d"))
	for expected, in := range map[string]sdk.ListApiDestinationsInput{
		"hook hooked other": {Limit: aws.Int32(2)}, "hook hooked": {NamePrefix: aws.String("hook")}, "hook hooked ": {ConnectionArn: &connection, Limit: aws.Int32(1)},
	} {
		var names []string
		for {
			out := apitest.OK[*sdk.ListApiDestinationsOutput](t)(a.ListApiDestinations(ctx, &in))
			for _, d := range out.ApiDestinations {
				names = append(names, *d.Name)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if got := strings.Join(names, " "); got != strings.TrimSpace(expected) {
			t.Errorf("listed %q, want %q", got, expected)
		}
	}
	apitest.OK[*sdk.DeleteApiDestinationOutput](t)(a.DeleteApiDestination(ctx, &sdk.DeleteApiDestinationInput{Name: aws.String("hook")}))
	_, err = a.DescribeApiDestination(ctx, &sdk.DescribeApiDestinationInput{Name: aws.String("hook")})
	apitest.Want(t, err, "ResourceNotFoundException", "Failed to describe the api-destination(s). An api-destination 'hook' does not exist.")
	if _, _, _, err := a.svc.EventDestination(ctx, account, arn); registry.CodeOf(err) != registry.CodeResourceNotFound {
		t.Errorf("it is used: %v", err)
	}
}

func TestWhatAnAPIDestinationMayBeLike(t *testing.T) {
	a, ctx := start(t), t.Context()
	connection := a.connection("c")
	create := func(change func(*sdk.CreateApiDestinationInput)) error {
		in := &sdk.CreateApiDestinationInput{Name: aws.String("d"), ConnectionArn: &connection, InvocationEndpoint: aws.String("https://example.com/"), HttpMethod: "POST"}
		change(in)
		_, err := a.CreateApiDestination(ctx, in)
		return err
	}
	apitest.Want(t, create(func(in *sdk.CreateApiDestinationInput) {
		in.ConnectionArn, in.HttpMethod = aws.String("invalid-connection-arn"), "INVALID_METHOD"
	}), "ValidationException", `2 validation errors detected: Value 'invalid-connection-arn' at 'connectionArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$; Value 'INVALID_METHOD' at 'httpMethod' failed to satisfy constraint: Member must satisfy enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]`)
	for endpoint, why := range map[string]string{
		"ftp://example.com/":        "it must begin with https://, http://, nats:// or tls://.",
		"https://user:pw@example.c": "it must not hold credentials: they belong into the connection.",
		"https:///path":             "it names no host.",
		"nats://host:4222":          "it names no subject: nats://HOST:4222/SUBJECT.",
	} {
		apitest.Want(t, create(func(in *sdk.CreateApiDestinationInput) { in.InvocationEndpoint = &endpoint }), "ValidationException",
			"Parameter InvocationEndpoint is not valid. Reason: "+why)
	}
	for _, endpoint := range []string{"http://[::1]:8080/x", "https://example.com/*/x/*?a=b", "tls://host:4222/a.b"} {
		if err := create(func(in *sdk.CreateApiDestinationInput) { in.InvocationEndpoint = &endpoint }); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
		apitest.OK[*sdk.DeleteApiDestinationOutput](t)(a.DeleteApiDestination(ctx, &sdk.DeleteApiDestinationInput{Name: aws.String("d")}))
	}
	apitest.Want(t, create(func(in *sdk.CreateApiDestinationInput) {
		in.ConnectionArn = aws.String(strings.Replace(connection, "connection/c", "connection/unknown", 1))
	}), "ResourceNotFoundException", "Connection 'unknown' does not exist.")
	apitest.Want(t, create(func(in *sdk.CreateApiDestinationInput) {
		in.ConnectionArn = aws.String(strings.Replace(connection, account, other, 1))
	}), "ValidationException", "Parameter "+strings.Replace(connection, account, other, 1)+" is not valid. Reason: Provided Arn is not in correct format.")
}

func TestCredentialsGoWhereTheirConnectionsPolicyLetsThem(t *testing.T) {
	a, ctx := start(t), t.Context()
	connection := a.connection("c")
	a.hook("mine", connection)
	maker := a.user("maker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:*","Resource":"arn:aws:events:*:*:api-destination/*"}]}`)
	refused := func(action string) string {
		return "User: arn:aws:iam::123456789012:user/maker is not authorized to perform: events:" + action + " on resource: arn:aws:events:us-east-1:123456789012:connection/c because no identity-based policy allows the events:" + action + " action"
	}
	_, err := maker.CreateApiDestination(ctx, &sdk.CreateApiDestinationInput{Name: aws.String("theirs"), ConnectionArn: &connection, InvocationEndpoint: aws.String("https://elsewhere/"), HttpMethod: "POST"})
	apitest.Want(t, err, "AccessDeniedException", refused("CreateApiDestination"))
	_, err = maker.UpdateApiDestination(ctx, &sdk.UpdateApiDestinationInput{Name: aws.String("mine"), InvocationEndpoint: aws.String("https://elsewhere/")})
	apitest.Want(t, err, "AccessDeniedException", refused("UpdateApiDestination"))
	apitest.OK[*sdk.UpdateApiDestinationOutput](t)(maker.UpdateApiDestination(ctx, &sdk.UpdateApiDestinationInput{Name: aws.String("mine"), Description: aws.String("d")}))
}

func TestDestinationsOfOtherAccountsAreNotUsed(t *testing.T) {
	a := start(t)
	arn := a.hook("hook", a.connection("c"))
	if _, _, _, err := a.svc.EventDestination(t.Context(), other, arn); registry.CodeOf(err) != registry.CodeResourceNotFound {
		t.Errorf("another account uses it: %v", err)
	}
}

func BenchmarkEventDestination(b *testing.B) {
	for name, alone := range map[string]bool{"alone": true, "shared": false} {
		b.Run(name, func(b *testing.B) {
			a := start(b, func(c *service.Config) { c.Alone = alone })
			arn := a.hook("hook", a.connection("c"))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := a.svc.EventDestination(b.Context(), account, arn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
