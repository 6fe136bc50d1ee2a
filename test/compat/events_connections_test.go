package compat

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func basicAuth(user, password string) *types.CreateConnectionAuthRequestParameters {
	return &types.CreateConnectionAuthRequestParameters{BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: &user, Password: &password}}
}

// connection makes a connection and answers its ARN.
func (a *account) connection(name string) *string {
	a.t.Helper()
	return do(a, a.events().CreateConnection, &eventbridge.CreateConnectionInput{
		Name: &name, AuthorizationType: types.ConnectionAuthorizationTypeBasic, AuthParameters: basicAuth("user", "pass-word"),
	}).ConnectionArn
}

func (a *account) connectionNamed(name string) *eventbridge.DescribeConnectionOutput {
	a.t.Helper()
	return do(a, a.events().DescribeConnection, &eventbridge.DescribeConnectionInput{Name: &name})
}

// destination makes an API destination, with a connection of its name, and
// answers its ARN.
func (a *account) destination(name string) *string {
	a.t.Helper()
	return do(a, a.events().CreateApiDestination, &eventbridge.CreateApiDestinationInput{
		Name: &name, ConnectionArn: a.connection(name), HttpMethod: types.ApiDestinationHttpMethodPost, InvocationEndpoint: aws.String("https://hooks.example.com/*"),
	}).ApiDestinationArn
}

// secretOf is what the secret of a connection holds.
func (a *account) secretOf(connection string) string {
	a.t.Helper()
	return *do(a, a.secrets().GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: a.connectionNamed(connection).SecretArn}).SecretString
}

const (
	connectionOfHook  = "arn:aws:events:{region}:{account}:connection/hook"
	destinationOfHook = "arn:aws:events:{region}:{account}:api-destination/hook"
)

func noConnection(tried string) string {
	return "Failed to " + tried + " the connection(s). Connection 'gone' does not exist."
}

func noDestination(tried string) string {
	return "Failed to " + tried + " the api-destination(s). An api-destination 'gone' does not exist."
}

func createConnection() *served {
	type in = eventbridge.CreateConnectionInput
	good := func(*account) *in {
		return &in{Name: aws.String("hook"), AuthorizationType: types.ConnectionAuthorizationTypeBasic, AuthParameters: basicAuth("user", "pass-word")}
	}
	return serves("CreateConnection", connectionOfHook, good,
		works("BASIC, API_KEY and OAUTH_CLIENT_CREDENTIALS", everyConnection),
		works("with parameters of every request, of which the secret ones are not told", func(a *account) {
			in := good(a)
			in.AuthParameters.InvocationHttpParameters = &types.ConnectionHttpParameters{
				HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("open"), Value: aws.String("1")}, {Key: aws.String("closed"), Value: aws.String("2"), IsValueSecret: true}},
				QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("q"), Value: aws.String("3")}},
				BodyParameters:        []types.ConnectionBodyParameter{{Key: aws.String("b"), Value: aws.String("4"), IsValueSecret: true}},
			}
			do(a, a.events().CreateConnection, in)
			a.same(a.connectionNamed("hook").AuthParameters, &types.ConnectionAuthResponseParameters{
				BasicAuthParameters: &types.ConnectionBasicAuthResponseParameters{Username: aws.String("user")},
				InvocationHttpParameters: &types.ConnectionHttpParameters{
					HeaderParameters:      []types.ConnectionHeaderParameter{{Key: aws.String("open"), Value: aws.String("1")}, {Key: aws.String("closed"), IsValueSecret: true}},
					QueryStringParameters: []types.ConnectionQueryStringParameter{{Key: aws.String("q"), Value: aws.String("3")}},
					BodyParameters:        []types.ConnectionBodyParameter{{Key: aws.String("b"), IsValueSecret: true}},
				},
			})
		}),
		works("its credentials are a secret that belongs to it", func(a *account) {
			do(a, a.events().CreateConnection, good(a))
			a.same(a.secretOf("hook"), `{"username":"user","password":"pass-word"}`)
			_, err := a.secrets().DeleteSecret(a.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: a.connectionNamed("hook").SecretArn})
			secretsManager().refused(a, err, refusal{"InvalidRequestException", "The secret is managed by another service, and you must use that service to update it."})
		}),
		refuses("a name that is taken", func(a *account, _ *in) { a.connection("hook") }, "ResourceAlreadyExistsException", "Connection hook already exists."),
		refuses("credentials of another type", func(_ *account, in *in) { in.AuthorizationType = types.ConnectionAuthorizationTypeApiKey }, validation,
			"Parameter AuthParameters is not valid. Reason: ApiKeyAuthParameters with ApiKeyName and ApiKeyValue must be specified for the authorization type API_KEY."),
		refuses("an unknown type", func(_ *account, in *in) { in.AuthorizationType = "NONE" }, validation,
			invalid("NONE", "authorizationType", "Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]")),
		refuses("a password with a line end, which is not repeated", func(_ *account, in *in) { in.AuthParameters = basicAuth("user", "top\nsecret") }, validation,
			`1 validation error detected: Value at 'authParameters.basicAuthParameters.password' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$`),
		refuses("private networks", func(_ *account, in *in) {
			in.InvocationConnectivityParameters = &types.ConnectivityResourceParameters{ResourceParameters: &types.ConnectivityResourceConfigurationArn{
				ResourceConfigurationArn: aws.String("arn:aws:vpc-lattice:us-east-1:123456789012:resourceconfiguration/rcfg-12345678901234567")}}
		}, unsupported, "Private connectivity is not supported by this version of ecru: a connection reaches what the server itself can reach."),
	)
}

// everyConnection makes a connection of each type.
func everyConnection(a *account) {
	for kind, auth := range map[types.ConnectionAuthorizationType]*types.CreateConnectionAuthRequestParameters{
		"BASIC": basicAuth("user", "pass-word"),
		"API_KEY": {ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{
			ApiKeyName: aws.String("webhook-signature"), ApiKeyValue: aws.String("whsec_c2VjcmV0")}},
		"OAUTH_CLIENT_CREDENTIALS": {OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
			AuthorizationEndpoint: aws.String("https://login.example.com/token"), HttpMethod: "POST",
			ClientParameters: &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("me"), ClientSecret: aws.String("mine")}}},
	} {
		name := aws.String(strings.ToLower(string(kind)))
		out := do(a, a.events().CreateConnection, &eventbridge.CreateConnectionInput{Name: name, AuthorizationType: kind, AuthParameters: auth})
		a.same(out, &eventbridge.CreateConnectionOutput{ConnectionArn: out.ConnectionArn, ConnectionState: "AUTHORIZED", CreationTime: now(), LastModifiedTime: now()})
		if prefix := "arn:aws:events:" + a.region + ":" + a.id + ":connection/" + *name + "/"; !strings.HasPrefix(*out.ConnectionArn, prefix) || !uuid.MatchString(strings.TrimPrefix(*out.ConnectionArn, prefix)) {
			a.t.Errorf("the ARN is %s", *out.ConnectionArn)
		}
	}
	a.same(a.connectionNamed("api_key").AuthParameters, &types.ConnectionAuthResponseParameters{
		ApiKeyAuthParameters: &types.ConnectionApiKeyAuthResponseParameters{ApiKeyName: aws.String("webhook-signature")},
	})
	a.same(a.connectionNamed("oauth_client_credentials").AuthParameters, &types.ConnectionAuthResponseParameters{
		OAuthParameters: &types.ConnectionOAuthResponseParameters{AuthorizationEndpoint: aws.String("https://login.example.com/token"), HttpMethod: "POST",
			ClientParameters: &types.ConnectionOAuthClientResponseParameters{ClientID: aws.String("me")}},
	})
}

func describeConnection() *served {
	type in = eventbridge.DescribeConnectionInput
	good := func(a *account) *in {
		a.connection("hook")
		return &in{Name: aws.String("hook")}
	}
	return serves("DescribeConnection", connectionOfHook, good,
		works("all but what is secret", func(a *account) {
			arn := a.connection("hook")
			got := a.connectionNamed("hook")
			a.same(got, &eventbridge.DescribeConnectionOutput{
				Name: aws.String("hook"), ConnectionArn: arn, AuthorizationType: "BASIC", ConnectionState: "AUTHORIZED", SecretArn: got.SecretArn,
				AuthParameters: &types.ConnectionAuthResponseParameters{BasicAuthParameters: &types.ConnectionBasicAuthResponseParameters{Username: aws.String("user")}},
				CreationTime:   now(), LastModifiedTime: now(), LastAuthorizedTime: now(),
			})
			if !strings.HasPrefix(*got.SecretArn, "arn:aws:secretsmanager:"+a.region+":"+a.id+":secret:events!connection/hook/") {
				a.t.Errorf("the secret is %s", *got.SecretArn)
			}
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noConnection("describe")),
	)
}

func connectionNames(out *eventbridge.ListConnectionsOutput) []string {
	return list(out.Connections, func(c types.Connection) string { return *c.Name })
}

func listConnections() *served {
	type in = eventbridge.ListConnectionsInput
	fill := func(a *account, n int) {
		for _, name := range many(n, "c%d") {
			a.connection(name)
		}
	}
	return serves("ListConnections", "arn:aws:events:{region}:{account}:connection/*", func(*account) *in { return &in{} },
		works("by prefix and state", func(a *account) {
			fill(a, 2)
			a.connection("other")
			do(a, a.events().DeauthorizeConnection, &eventbridge.DeauthorizeConnectionInput{Name: aws.String("c1")})
			a.same(connectionNames(do(a, a.events().ListConnections, &in{NamePrefix: aws.String("c")})), []string{"c0", "c1"})
			a.same(connectionNames(do(a, a.events().ListConnections, &in{ConnectionState: "DEAUTHORIZED"})), []string{"c1"})
		}),
		lists(100, fill, connectionNames),
		refuses("an unknown state", func(_ *account, in *in) { in.ConnectionState = "LOST" }, validation, invalid("LOST", "connectionState",
			"Member must satisfy enum value set: [CREATING, UPDATING, DELETING, AUTHORIZED, DEAUTHORIZED, AUTHORIZING, DEAUTHORIZING, ACTIVE, FAILED_CONNECTIVITY]")),
	)
}

func updateConnection() *served {
	type in = eventbridge.UpdateConnectionInput
	password := func(text string) *types.UpdateConnectionAuthRequestParameters {
		return &types.UpdateConnectionAuthRequestParameters{BasicAuthParameters: &types.UpdateConnectionBasicAuthRequestParameters{Password: &text}}
	}
	good := func(a *account) *in {
		a.connection("hook")
		return &in{Name: aws.String("hook"), AuthParameters: password("other")}
	}
	return serves("UpdateConnection", connectionOfHook, good,
		works("what is not given stays", func(a *account) {
			in := good(a)
			before := a.connectionNamed("hook")
			out := do(a, a.events().UpdateConnection, in)
			a.same(out, &eventbridge.UpdateConnectionOutput{ConnectionArn: before.ConnectionArn, ConnectionState: "AUTHORIZED", CreationTime: now(), LastModifiedTime: now(), LastAuthorizedTime: now()})
			a.same(a.secretOf("hook"), `{"username":"user","password":"other"}`)
		}),
		works("another type", func(a *account) {
			in := good(a)
			in.AuthorizationType = types.ConnectionAuthorizationTypeApiKey
			in.AuthParameters = &types.UpdateConnectionAuthRequestParameters{ApiKeyAuthParameters: &types.UpdateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String("k")}}
			do(a, a.events().UpdateConnection, in)
			a.same(a.secretOf("hook"), `{"api_key_name":"X-Key","api_key_value":"k"}`)
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noConnection("update")),
		refuses("another type without its credentials", func(_ *account, in *in) { in.AuthorizationType = types.ConnectionAuthorizationTypeApiKey }, validation,
			"Parameter AuthParameters is not valid. Reason: ApiKeyAuthParameters with ApiKeyName and ApiKeyValue must be specified for the authorization type API_KEY."),
	)
}

func deauthorizeConnection() *served {
	type in = eventbridge.DeauthorizeConnectionInput
	good := func(a *account) *in {
		a.connection("hook")
		return &in{Name: aws.String("hook")}
	}
	return serves("DeauthorizeConnection", connectionOfHook, good,
		works("its credentials are forgotten, its destinations inactive", func(a *account) {
			a.destination("hook")
			secret := a.connectionNamed("hook").SecretArn
			a.same(do(a, a.events().DeauthorizeConnection, &in{Name: aws.String("hook")}).ConnectionState, types.ConnectionStateDeauthorized)
			_, err := a.secrets().GetSecretValue(a.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: secret})
			secretsManager().refused(a, err, refusal{resourceNotFound, noSecret})
			a.same(do(a, a.events().DescribeApiDestination, &eventbridge.DescribeApiDestinationInput{Name: aws.String("hook")}).ApiDestinationState, types.ApiDestinationStateInactive)
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noConnection("deauthorize")),
	)
}

func deleteConnection() *served {
	type in = eventbridge.DeleteConnectionInput
	good := func(a *account) *in {
		a.connection("hook")
		return &in{Name: aws.String("hook")}
	}
	return serves("DeleteConnection", connectionOfHook, good,
		works("it is gone, and so is its secret", func(a *account) {
			in := good(a)
			secret := a.connectionNamed("hook").SecretArn
			do(a, a.events().DeleteConnection, in)
			a.same(connectionNames(do(a, a.events().ListConnections, &eventbridge.ListConnectionsInput{})), []string{})
			_, err := a.secrets().GetSecretValue(a.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: secret})
			secretsManager().refused(a, err, refusal{resourceNotFound, noSecret})
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noConnection("delete")),
	)
}

func createAPIDestination() *served {
	type in = eventbridge.CreateApiDestinationInput
	good := func(a *account) *in {
		return &in{Name: aws.String("hook"), ConnectionArn: a.connection("hook"), HttpMethod: "POST", InvocationEndpoint: aws.String("https://hooks.example.com/x")}
	}
	endpoint := func(text string) func(*account, *in) {
		return func(_ *account, in *in) { in.InvocationEndpoint = &text }
	}
	const parameter = "Parameter InvocationEndpoint is not valid. Reason: "
	return serves("CreateApiDestination", destinationOfHook, good,
		works("endpoints of http, https, nats and tls", func(a *account) {
			in := good(a)
			for name, url := range map[string]string{"a": "http://10.0.0.1:8080/*/x?y=z", "b": "https://hooks.example.com", "c": "nats://nats:4222/ecr.*", "d": "tls://nats:4222/ecr?format=cloudevents"} {
				in.Name, in.InvocationEndpoint = &name, &url
				out := do(a, a.events().CreateApiDestination, in)
				a.same(out, &eventbridge.CreateApiDestinationOutput{ApiDestinationArn: out.ApiDestinationArn, ApiDestinationState: "ACTIVE", CreationTime: now(), LastModifiedTime: now()})
			}
		}),
		refuses("a name that is taken", func(a *account, in *in) { do(a, a.events().CreateApiDestination, in) }, "ResourceAlreadyExistsException", "An api-destination 'hook' already exists."),
		refuses("a connection that is not there", func(a *account, in *in) {
			in.ConnectionArn = aws.String("arn:aws:events:" + a.region + ":" + a.id + ":connection/gone/11111111-2222-3333-4444-555555555555")
		}, resourceNotFound, "Connection 'gone' does not exist."),
		refuses("an endpoint of ftp", endpoint("ftp://example.com/x"), validation, parameter+"it must begin with https://, http://, nats:// or tls://."),
		refuses("credentials in the endpoint", endpoint("https://u:p@example.com/x"), validation, parameter+"it must not hold credentials: they belong into the connection."),
		refuses("an unknown method", func(_ *account, in *in) { in.HttpMethod = "BREW" }, validation,
			invalid("BREW", "httpMethod", "Member must satisfy enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]")),
		refuses("a rate of 0", func(_ *account, in *in) { in.InvocationRateLimitPerSecond = aws.Int32(0) }, validation,
			invalid("0", "invocationRateLimitPerSecond", "Member must have value greater than or equal to 1")),
	)
}

func describeAPIDestination() *served {
	type in = eventbridge.DescribeApiDestinationInput
	good := func(a *account) *in {
		a.destination("hook")
		return &in{Name: aws.String("hook")}
	}
	return serves("DescribeApiDestination", destinationOfHook, good,
		works("a destination", func(a *account) {
			arn := a.destination("hook")
			a.same(do(a, a.events().DescribeApiDestination, &in{Name: aws.String("hook")}), &eventbridge.DescribeApiDestinationOutput{
				Name: aws.String("hook"), ApiDestinationArn: arn, ApiDestinationState: "ACTIVE", ConnectionArn: a.connectionNamed("hook").ConnectionArn, HttpMethod: "POST",
				InvocationEndpoint: aws.String("https://hooks.example.com/*"), CreationTime: now(), LastModifiedTime: now(),
			})
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noDestination("describe")),
	)
}

func destinationNames(out *eventbridge.ListApiDestinationsOutput) []string {
	return list(out.ApiDestinations, func(d types.ApiDestination) string { return *d.Name })
}

func listAPIDestinations() *served {
	type in = eventbridge.ListApiDestinationsInput
	fill := func(a *account, n int) {
		for _, name := range many(n, "d%d") {
			a.destination(name)
		}
	}
	return serves("ListApiDestinations", "arn:aws:events:{region}:{account}:api-destination/*", func(*account) *in { return &in{} },
		works("by prefix and connection", func(a *account) {
			fill(a, 2)
			a.destination("other")
			a.same(destinationNames(do(a, a.events().ListApiDestinations, &in{NamePrefix: aws.String("d")})), []string{"d0", "d1"})
			a.same(destinationNames(do(a, a.events().ListApiDestinations, &in{ConnectionArn: a.connectionNamed("d1").ConnectionArn})), []string{"d1"})
		}),
		lists(100, fill, destinationNames),
	)
}

func updateAPIDestination() *served {
	type in = eventbridge.UpdateApiDestinationInput
	good := func(a *account) *in {
		a.destination("hook")
		return &in{Name: aws.String("hook"), HttpMethod: "PUT", InvocationRateLimitPerSecond: aws.Int32(5)}
	}
	return serves("UpdateApiDestination", destinationOfHook, good,
		works("what is not given stays", func(a *account) {
			do(a, a.events().UpdateApiDestination, good(a))
			got := do(a, a.events().DescribeApiDestination, &eventbridge.DescribeApiDestinationInput{Name: aws.String("hook")})
			a.same([]any{got.HttpMethod, *got.InvocationRateLimitPerSecond, *got.InvocationEndpoint}, []any{types.ApiDestinationHttpMethodPut, int32(5), "https://hooks.example.com/*"})
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noDestination("update")),
		refuses("an endpoint that is none", func(_ *account, in *in) { in.InvocationEndpoint = aws.String("example.com") }, validation,
			"Parameter InvocationEndpoint is not valid. Reason: it must begin with https://, http://, nats:// or tls://."),
	)
}

func deleteAPIDestination() *served {
	type in = eventbridge.DeleteApiDestinationInput
	good := func(a *account) *in {
		a.destination("hook")
		return &in{Name: aws.String("hook")}
	}
	return serves("DeleteApiDestination", destinationOfHook, good,
		works("it is gone, its connection stays", func(a *account) {
			do(a, a.events().DeleteApiDestination, good(a))
			a.same(destinationNames(do(a, a.events().ListApiDestinations, &eventbridge.ListApiDestinationsInput{})), []string{})
			a.connectionNamed("hook")
		}),
		refuses("one that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, noDestination("delete")),
	)
}
