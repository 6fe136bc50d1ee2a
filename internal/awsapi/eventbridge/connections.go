package eventbridge

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Connections is what the API needs of connections.
type Connections interface {
	CreateConnection(ctx context.Context, c service.Caller, in service.NewConnection) (service.Connection, error)
	ConnectionNamed(ctx context.Context, c service.Caller, name string) (service.Connection, error)
	ListConnections(ctx context.Context, c service.Caller, q service.ConnectionQuery) ([]service.Connection, error)
	UpdateConnection(ctx context.Context, c service.Caller, name string, in service.ConnectionChange) (service.Connection, error)
	DeauthorizeConnection(ctx context.Context, c service.Caller, name string) (service.Connection, error)
	DeleteConnection(ctx context.Context, c service.Caller, name string) (service.Connection, error)
}

func (h *handlers) connectionOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createConnection),
		awsapi.Op(h.describeConnection),
		awsapi.Op(h.listConnections),
		awsapi.Op(h.updateConnection),
		awsapi.Op(h.deauthorizeConnection),
		awsapi.Op(h.deleteConnection),
	}
}

// noticeConnectionKey is told to who names a key of KMS.
const noticeConnectionKey = "KmsKeyIdentifier is kept and told; the secrets of connections are sealed with the key file of ecru."

// endpointPattern is AWS's and the brackets of IPv6 addresses, quotedEndpoint
// the one that texts repeat.
const (
	endpointPattern = `((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\x26=+$,A-Za-z0-9\[\]])+)([).!';/?:,])?`
	quotedEndpoint  = `^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$`
)

func anEndpoint() validate.Rule {
	return validate.Rule{MinLen: 1, MaxLen: 2048, Pattern: endpointPattern, Quoted: quotedEndpoint}
}

func connectionConstraints() []validate.Structure {
	name, description, key := is("Name", aName().Must()), is("Description", length(0, 512)), is("KmsKeyIdentifier", matching(0, 2048, `^[a-zA-Z0-9_\-/:]*$`))
	kind, auth := oneOf("BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"), nested()
	header := matching(1, 512, `^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$`)
	method := oneOf("GET", "POST", "PUT")
	list := validate.Rule{MaxLen: 100}
	return []validate.Structure{
		validate.For[eventbridge.CreateConnectionInput](name, description, is("AuthorizationType", kind.Must()), is("AuthParameters", auth.Must()), key),
		validate.For[eventbridge.UpdateConnectionInput](name, description, is("AuthorizationType", kind), is("AuthParameters", auth), key),
		validate.For[eventbridge.DescribeConnectionInput](name),
		validate.For[eventbridge.DeauthorizeConnectionInput](name),
		validate.For[eventbridge.DeleteConnectionInput](name),
		validate.For[eventbridge.ListConnectionsInput](
			is("NamePrefix", aName()), is("NextToken", aToken()), is("Limit", aPage()),
			is("ConnectionState", oneOf("CREATING", "UPDATING", "DELETING", "AUTHORIZED", "DEAUTHORIZED", "AUTHORIZING", "DEAUTHORIZING", "ACTIVE", "FAILED_CONNECTIVITY")),
		),
		validate.For[types.CreateConnectionAuthRequestParameters](is("BasicAuthParameters", nested()), is("OAuthParameters", nested()), is("ApiKeyAuthParameters", nested()), is("InvocationHttpParameters", nested())),
		validate.For[types.CreateConnectionBasicAuthRequestParameters](is("Username", header.Must()), is("Password", header.Must().Secret())),
		validate.For[types.CreateConnectionApiKeyAuthRequestParameters](is("ApiKeyName", header.Must()), is("ApiKeyValue", header.Must().Secret())),
		validate.For[types.CreateConnectionOAuthRequestParameters](
			is("ClientParameters", nested().Must()), is("AuthorizationEndpoint", anEndpoint().Must()), is("HttpMethod", method.Must()), is("OAuthHttpParameters", nested()),
		),
		validate.For[types.CreateConnectionOAuthClientRequestParameters](is("ClientID", header.Must()), is("ClientSecret", header.Must().Secret())),
		validate.For[types.UpdateConnectionAuthRequestParameters](is("BasicAuthParameters", nested()), is("OAuthParameters", nested()), is("ApiKeyAuthParameters", nested()), is("InvocationHttpParameters", nested())),
		validate.For[types.UpdateConnectionBasicAuthRequestParameters](is("Username", header), is("Password", header.Secret())),
		validate.For[types.UpdateConnectionApiKeyAuthRequestParameters](is("ApiKeyName", header), is("ApiKeyValue", header.Secret())),
		validate.For[types.UpdateConnectionOAuthRequestParameters](
			is("ClientParameters", nested()), is("AuthorizationEndpoint", anEndpoint()), is("HttpMethod", method), is("OAuthHttpParameters", nested()),
		),
		validate.For[types.UpdateConnectionOAuthClientRequestParameters](is("ClientID", header), is("ClientSecret", header.Secret())),
		validate.For[types.ConnectionHttpParameters](is("HeaderParameters", list), is("QueryStringParameters", list), is("BodyParameters", list)),
		validate.For[types.ConnectionHeaderParameter](
			is("Key", matching(0, 512, "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$")), is("Value", matching(0, 512, `^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$`).Secret()),
		),
		validate.For[types.ConnectionQueryStringParameter](
			is("Key", matching(0, 512, `[^\x00-\x1F\x7F]+`)), is("Value", matching(0, 512, `[^\x00-\x09\x0B\x0C\x0E-\x1F\x7F]+`).Secret()),
		),
	}
}

func (h *handlers) createConnection(ctx context.Context, in *eventbridge.CreateConnectionInput) (*eventbridge.CreateConnectionOutput, error) {
	if private(in.InvocationConnectivityParameters) || private(in.AuthParameters.ConnectivityParameters) {
		return nil, registry.PrivateConnectivityUnsupported()
	}
	noticeKey(ctx, in.KmsKeyIdentifier)
	x, err := h.bus.CreateConnection(ctx, caller(ctx), service.NewConnection{
		Name: *in.Name, Description: aws.ToString(in.Description), KMSKey: aws.ToString(in.KmsKeyIdentifier), Authorization: authorizationOf(in),
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.CreateConnectionOutput{
		ConnectionArn: &x.ARN, ConnectionState: types.ConnectionState(x.State), CreationTime: &x.CreatedAt, LastModifiedTime: &x.ModifiedAt,
	}, nil
}

func noticeKey(ctx context.Context, key *string) {
	if aws.ToString(key) != "" {
		awsapi.Notice(ctx, noticeConnectionKey)
	}
}

func private(p *types.ConnectivityResourceParameters) bool {
	return p != nil && p.ResourceParameters != nil && aws.ToString(p.ResourceParameters.ResourceConfigurationArn) != ""
}

// authorizationOf reads the parameters of the kind that is said; those of others
// have no meaning.
func authorizationOf(in *eventbridge.CreateConnectionInput) event.Authorization {
	p := in.AuthParameters
	a := event.Authorization{Kind: event.AuthorizationKind(in.AuthorizationType), Invocation: parametersOf(p.InvocationHttpParameters)}
	switch basic, key, oauth := p.BasicAuthParameters, p.ApiKeyAuthParameters, p.OAuthParameters; {
	case a.Kind == event.BasicAuthorization && basic != nil:
		a.Name, a.Secret = *basic.Username, *basic.Password
	case a.Kind == event.APIKeyAuthorization && key != nil:
		a.Name, a.Secret = *key.ApiKeyName, *key.ApiKeyValue
	case a.Kind == event.OAuthAuthorization && oauth != nil:
		a.Name, a.Secret = *oauth.ClientParameters.ClientID, *oauth.ClientParameters.ClientSecret
		a.Endpoint, a.Method, a.Token = *oauth.AuthorizationEndpoint, string(oauth.HttpMethod), parametersOf(oauth.OAuthHttpParameters)
	}
	return a
}

func parametersOf(p *types.ConnectionHttpParameters) event.Parameters {
	var out event.Parameters
	if p == nil {
		return out
	}
	for _, one := range p.HeaderParameters {
		out.Header = append(out.Header, event.Parameter{Key: aws.ToString(one.Key), Value: aws.ToString(one.Value), Secret: one.IsValueSecret})
	}
	for _, one := range p.QueryStringParameters {
		out.Query = append(out.Query, event.Parameter{Key: aws.ToString(one.Key), Value: aws.ToString(one.Value), Secret: one.IsValueSecret})
	}
	for _, one := range p.BodyParameters {
		out.Body = append(out.Body, event.Parameter{Key: aws.ToString(one.Key), Value: aws.ToString(one.Value), Secret: one.IsValueSecret})
	}
	return out
}

func (h *handlers) describeConnection(ctx context.Context, in *eventbridge.DescribeConnectionInput) (*eventbridge.DescribeConnectionOutput, error) {
	x, err := h.bus.ConnectionNamed(ctx, caller(ctx), *in.Name)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeConnectionOutput{
		ConnectionArn: &x.ARN, Name: &x.Name, Description: given(x.Description), ConnectionState: types.ConnectionState(x.State),
		AuthorizationType: types.ConnectionAuthorizationType(x.Kind), SecretArn: given(x.SecretARN), KmsKeyIdentifier: given(x.KMSKey),
		AuthParameters: authResponse(x.Authorization),
		CreationTime:   &x.CreatedAt, LastModifiedTime: &x.ModifiedAt, LastAuthorizedTime: moment(x.AuthorizedAt),
	}, nil
}

// authResponse is what may be told of an authorisation.
func authResponse(a event.Authorization) *types.ConnectionAuthResponseParameters {
	out := &types.ConnectionAuthResponseParameters{InvocationHttpParameters: parametersFrom(a.Invocation)}
	switch a.Kind {
	case event.BasicAuthorization:
		out.BasicAuthParameters = &types.ConnectionBasicAuthResponseParameters{Username: &a.Name}
	case event.APIKeyAuthorization:
		out.ApiKeyAuthParameters = &types.ConnectionApiKeyAuthResponseParameters{ApiKeyName: &a.Name}
	case event.OAuthAuthorization:
		out.OAuthParameters = &types.ConnectionOAuthResponseParameters{
			ClientParameters: &types.ConnectionOAuthClientResponseParameters{ClientID: &a.Name}, AuthorizationEndpoint: &a.Endpoint,
			HttpMethod: types.ConnectionOAuthHttpMethod(a.Method), OAuthHttpParameters: parametersFrom(a.Token),
		}
	default:
		return nil
	}
	return out
}

func parametersFrom(p event.Parameters) *types.ConnectionHttpParameters {
	if len(p.Header)+len(p.Query)+len(p.Body) == 0 {
		return nil
	}
	out := &types.ConnectionHttpParameters{}
	for _, one := range p.Header {
		out.HeaderParameters = append(out.HeaderParameters, types.ConnectionHeaderParameter{Key: &one.Key, Value: told(one), IsValueSecret: one.Secret})
	}
	for _, one := range p.Query {
		out.QueryStringParameters = append(out.QueryStringParameters, types.ConnectionQueryStringParameter{Key: &one.Key, Value: told(one), IsValueSecret: one.Secret})
	}
	for _, one := range p.Body {
		out.BodyParameters = append(out.BodyParameters, types.ConnectionBodyParameter{Key: &one.Key, Value: told(one), IsValueSecret: one.Secret})
	}
	return out
}

// told is the value of a parameter unless it is secret.
func told(p event.Parameter) *string {
	if p.Secret {
		return nil
	}
	return &p.Value
}

func (h *handlers) listConnections(ctx context.Context, in *eventbridge.ListConnectionsInput) (*eventbridge.ListConnectionsOutput, error) {
	c, prefix := caller(ctx), aws.ToString(in.NamePrefix)
	p, err := h.page("ListConnections", in.NextToken, in.Limit, c.Account, prefix, string(in.ConnectionState))
	if err != nil {
		return nil, err
	}
	found, err := h.bus.ListConnections(ctx, c, service.ConnectionQuery{
		Prefix: prefix, State: service.ConnectionState(in.ConnectionState), After: p.Cursor, Limit: p.Size + 1,
	})
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, func(x service.Connection) string { return x.Name })
	out := &eventbridge.ListConnectionsOutput{Connections: []types.Connection{}, NextToken: next}
	for i := range found {
		x := &found[i]
		out.Connections = append(out.Connections, types.Connection{
			ConnectionArn: &x.ARN, Name: &x.Name, ConnectionState: types.ConnectionState(x.State), AuthorizationType: types.ConnectionAuthorizationType(x.Kind),
			CreationTime: &x.CreatedAt, LastModifiedTime: &x.ModifiedAt, LastAuthorizedTime: moment(x.AuthorizedAt),
		})
	}
	return out, nil
}

func (h *handlers) updateConnection(ctx context.Context, in *eventbridge.UpdateConnectionInput) (*eventbridge.UpdateConnectionOutput, error) {
	if private(in.InvocationConnectivityParameters) || in.AuthParameters != nil && private(in.AuthParameters.ConnectivityParameters) {
		return nil, registry.PrivateConnectivityUnsupported()
	}
	noticeKey(ctx, in.KmsKeyIdentifier)
	x, err := h.bus.UpdateConnection(ctx, caller(ctx), *in.Name, service.ConnectionChange{
		Description: in.Description, KMSKey: in.KmsKeyIdentifier, Authorization: changeOf(in),
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.UpdateConnectionOutput{
		ConnectionArn: &x.ARN, ConnectionState: types.ConnectionState(x.State), CreationTime: &x.CreatedAt, LastModifiedTime: &x.ModifiedAt, LastAuthorizedTime: moment(x.AuthorizedAt),
	}, nil
}

// changeOf is what an update says of the authorisation, nil when that is nothing.
func changeOf(in *eventbridge.UpdateConnectionInput) *service.AuthorizationChange {
	if in.AuthorizationType == "" && in.AuthParameters == nil {
		return nil
	}
	out := &service.AuthorizationChange{}
	if in.AuthorizationType != "" {
		kind := event.AuthorizationKind(in.AuthorizationType)
		out.Kind = &kind
	}
	p := in.AuthParameters
	if p == nil {
		return out
	}
	out.Invocation = parametersChange(p.InvocationHttpParameters)
	kind := out.Kind
	if kind == nil {
		kind = kindOf(p)
		out.Kind = kind
	}
	switch basic, key, oauth := p.BasicAuthParameters, p.ApiKeyAuthParameters, p.OAuthParameters; {
	case kind == nil:
	case *kind == event.BasicAuthorization && basic != nil:
		out.Name, out.Secret = basic.Username, basic.Password
	case *kind == event.APIKeyAuthorization && key != nil:
		out.Name, out.Secret = key.ApiKeyName, key.ApiKeyValue
	case *kind == event.OAuthAuthorization && oauth != nil:
		if oauth.ClientParameters != nil {
			out.Name, out.Secret = oauth.ClientParameters.ClientID, oauth.ClientParameters.ClientSecret
		}
		out.Endpoint, out.Token = oauth.AuthorizationEndpoint, parametersChange(oauth.OAuthHttpParameters)
		if oauth.HttpMethod != "" {
			out.Method = aws.String(string(oauth.HttpMethod))
		}
	}
	return out
}

// kindOf is the kind that parameters are of, nil when they do not say.
func kindOf(p *types.UpdateConnectionAuthRequestParameters) *event.AuthorizationKind {
	var kind event.AuthorizationKind
	switch {
	case p.BasicAuthParameters != nil:
		kind = event.BasicAuthorization
	case p.ApiKeyAuthParameters != nil:
		kind = event.APIKeyAuthorization
	case p.OAuthParameters != nil:
		kind = event.OAuthAuthorization
	default:
		return nil
	}
	return &kind
}

func parametersChange(p *types.ConnectionHttpParameters) *service.ParametersChange {
	if p == nil {
		return nil
	}
	out := &service.ParametersChange{}
	if p.HeaderParameters != nil {
		out.Header = []service.ParameterChange{}
	}
	if p.QueryStringParameters != nil {
		out.Query = []service.ParameterChange{}
	}
	if p.BodyParameters != nil {
		out.Body = []service.ParameterChange{}
	}
	for _, one := range p.HeaderParameters {
		out.Header = append(out.Header, service.ParameterChange{Key: aws.ToString(one.Key), Value: one.Value, Secret: one.IsValueSecret})
	}
	for _, one := range p.QueryStringParameters {
		out.Query = append(out.Query, service.ParameterChange{Key: aws.ToString(one.Key), Value: one.Value, Secret: one.IsValueSecret})
	}
	for _, one := range p.BodyParameters {
		out.Body = append(out.Body, service.ParameterChange{Key: aws.ToString(one.Key), Value: one.Value, Secret: one.IsValueSecret})
	}
	return out
}

func (h *handlers) deauthorizeConnection(ctx context.Context, in *eventbridge.DeauthorizeConnectionInput) (*eventbridge.DeauthorizeConnectionOutput, error) {
	x, err := h.bus.DeauthorizeConnection(ctx, caller(ctx), *in.Name)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeauthorizeConnectionOutput{
		ConnectionArn: &x.ARN, ConnectionState: types.ConnectionState(x.State), CreationTime: &x.CreatedAt, LastModifiedTime: &x.ModifiedAt, LastAuthorizedTime: moment(x.AuthorizedAt),
	}, nil
}

func (h *handlers) deleteConnection(ctx context.Context, in *eventbridge.DeleteConnectionInput) (*eventbridge.DeleteConnectionOutput, error) {
	x, err := h.bus.DeleteConnection(ctx, caller(ctx), *in.Name)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeleteConnectionOutput{
		ConnectionArn: &x.ARN, ConnectionState: types.ConnectionStateDeleting, CreationTime: &x.CreatedAt, LastModifiedTime: &x.ModifiedAt, LastAuthorizedTime: moment(x.AuthorizedAt),
	}, nil
}

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
