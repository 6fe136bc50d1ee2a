package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
)

// connectionSecret is the value of a connection's secret, in the form that
// EventBridge has for it: people read it there.
type connectionSecret struct {
	Username              string            `json:"username,omitempty"`
	Password              string            `json:"password,omitempty"`
	APIKeyName            string            `json:"api_key_name,omitempty"`
	APIKeyValue           string            `json:"api_key_value,omitempty"`
	ClientID              string            `json:"client_id,omitempty"`
	ClientSecret          string            `json:"client_secret,omitempty"`
	AuthorizationEndpoint string            `json:"authorization_endpoint,omitempty"`
	HTTPMethod            string            `json:"http_method,omitempty"`
	OAuth                 *secretParameters `json:"oauth_http_parameters,omitempty"`
	Invocation            *secretParameters `json:"invocation_http_parameters,omitempty"`
}

type secretParameters struct {
	Header []secretParameter `json:"header_parameters,omitempty"`
	Query  []secretParameter `json:"query_string_parameters,omitempty"`
	Body   []secretParameter `json:"body_parameters,omitempty"`
}

type secretParameter struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Secret bool   `json:"is_value_secret"`
}

// encodeAuthorization checks what a connection proves itself with and makes the
// value of its secret. Errors: Validation.
func encodeAuthorization(a event.Authorization) ([]byte, error) {
	if err := validAuthorization(&a); err != nil {
		return nil, err
	}
	x := connectionSecret{Invocation: secretParametersOf(a.Invocation)}
	switch a.Kind {
	case event.BasicAuthorization:
		x.Username, x.Password = a.Name, a.Secret
	case event.APIKeyAuthorization:
		x.APIKeyName, x.APIKeyValue = a.Name, a.Secret
	case event.OAuthAuthorization:
		x.ClientID, x.ClientSecret, x.AuthorizationEndpoint, x.HTTPMethod = a.Name, a.Secret, a.Endpoint, a.Method
		x.OAuth = secretParametersOf(a.Token)
	}
	body := marshalRecord(x)
	if len(body) > maxSecretBytes {
		return nil, registry.AuthParametersInvalid(fmt.Sprintf("they exceed %d bytes.", maxSecretBytes))
	}
	return body, nil
}

// validAuthorization says what is missing.
func validAuthorization(a *event.Authorization) error {
	var missing string
	switch a.Kind {
	case event.BasicAuthorization:
		missing = "BasicAuthParameters with Username and Password"
	case event.APIKeyAuthorization:
		missing = "ApiKeyAuthParameters with ApiKeyName and ApiKeyValue"
	case event.OAuthAuthorization:
		missing = "OAuthParameters with ClientParameters, AuthorizationEndpoint and HttpMethod"
	default:
		return registry.AuthParametersInvalid("the authorization type is unknown.")
	}
	oauth := a.Kind == event.OAuthAuthorization
	if a.Name == "" || a.Secret == "" || oauth && (a.Endpoint == "" || a.Method == "") {
		return registry.AuthParametersInvalid(missing + " must be specified for the authorization type " + string(a.Kind) + ".")
	}
	if a.Kind == event.APIKeyAuthorization && !httpguts.ValidHeaderFieldName(a.Name) {
		return registry.AuthParametersInvalid("ApiKeyName is not the name of a header.")
	}
	if oauth {
		endpoint, err := event.ParseEndpoint(a.Endpoint)
		if err == nil && (endpoint.NATS() || endpoint.PathValues() > 0) {
			err = errors.New("it must be an http or https URL without *")
		}
		if err != nil {
			return registry.EndpointInvalid("AuthorizationEndpoint", err)
		}
	}
	for _, p := range slices.Concat(a.Token.Header, a.Invocation.Header) {
		if !httpguts.ValidHeaderFieldName(p.Key) || !httpguts.ValidHeaderFieldValue(p.Value) {
			return registry.AuthParametersInvalid("a header parameter is not a header.")
		}
	}
	return nil
}

// decodeAuthorization reads the value of a connection's secret.
func decodeAuthorization(body []byte) (event.Authorization, error) {
	var x connectionSecret
	if err := json.Unmarshal(body, &x); err != nil {
		// Its text may repeat what it could not read.
		return event.Authorization{}, registry.Internal("opening the secret of a connection", errors.New("it cannot be read"))
	}
	a := event.Authorization{Invocation: x.Invocation.parameters()}
	switch {
	case x.ClientID != "":
		a.Kind, a.Name, a.Secret = event.OAuthAuthorization, x.ClientID, x.ClientSecret
		a.Endpoint, a.Method, a.Token = x.AuthorizationEndpoint, x.HTTPMethod, x.OAuth.parameters()
	case x.APIKeyName != "":
		a.Kind, a.Name, a.Secret = event.APIKeyAuthorization, x.APIKeyName, x.APIKeyValue
	default:
		a.Kind, a.Name, a.Secret = event.BasicAuthorization, x.Username, x.Password
	}
	return a, nil
}

func secretParametersOf(p event.Parameters) *secretParameters {
	list := func(all []event.Parameter) []secretParameter {
		var out []secretParameter
		for _, one := range all {
			out = append(out, secretParameter(one))
		}
		return out
	}
	if len(p.Header)+len(p.Query)+len(p.Body) == 0 {
		return nil
	}
	return &secretParameters{Header: list(p.Header), Query: list(p.Query), Body: list(p.Body)}
}

func (p *secretParameters) parameters() event.Parameters {
	list := func(all []secretParameter) []event.Parameter {
		var out []event.Parameter
		for _, one := range all {
			out = append(out, event.Parameter(one))
		}
		return out
	}
	if p == nil {
		return event.Parameters{}
	}
	return event.Parameters{Header: list(p.Header), Query: list(p.Query), Body: list(p.Body)}
}

// AuthorizationChange changes what a connection proves itself with; what is nil
// stays, unless it is of another kind than before.
type AuthorizationChange struct {
	Kind              *event.AuthorizationKind
	Name, Secret      *string
	Endpoint, Method  *string
	Token, Invocation *ParametersChange
}

// ParametersChange replaces lists of parameters; a list that is nil stays. A
// parameter without a value keeps the one that it had, and that it is secret:
// reads do not tell the secret ones.
type ParametersChange struct {
	Header, Query, Body []ParameterChange
}

// ParameterChange is one parameter of the new list.
type ParameterChange struct {
	Key    string
	Value  *string
	Secret bool
}

// apply changes an authorisation. Secrets do not go to a token server that they
// were not given for: whoever may change a connection need not be one who may
// read its secret. Errors: Validation.
func (c *AuthorizationChange) apply(a event.Authorization) (event.Authorization, error) {
	if c.Kind != nil && *c.Kind != a.Kind {
		a = event.Authorization{Kind: *c.Kind, Invocation: a.Invocation}
	}
	if a.Endpoint != "" && c.Endpoint != nil && !sameServer(a.Endpoint, *c.Endpoint) && (c.Secret == nil || c.Token.keepsSecrets(a.Token)) {
		return a, registry.AuthParametersInvalid("with an AuthorizationEndpoint on another server ClientSecret and the secret OAuthHttpParameters must be given anew.")
	}
	replace(&a.Name, c.Name)
	replace(&a.Secret, c.Secret)
	replace(&a.Endpoint, c.Endpoint)
	replace(&a.Method, c.Method)
	a.Token, a.Invocation = c.Token.apply(a.Token), c.Invocation.apply(a.Invocation)
	return a, nil
}

// sameServer says whether two endpoints are reached in the same way.
func sameServer(a, b string) bool {
	x, errX := event.ParseEndpoint(a)
	y, errY := event.ParseEndpoint(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && strings.EqualFold(x.Host, y.Host)
}

// keepsSecrets says whether a secret that was there stays.
func (c *ParametersChange) keepsSecrets(p event.Parameters) bool {
	var change ParametersChange
	if c != nil {
		change = *c
	}
	return keepsSecret(p.Header, change.Header) || keepsSecret(p.Query, change.Query) || keepsSecret(p.Body, change.Body)
}

func keepsSecret(before []event.Parameter, after []ParameterChange) bool {
	return slices.ContainsFunc(before, func(p event.Parameter) bool {
		return p.Secret && (after == nil || slices.ContainsFunc(after, func(c ParameterChange) bool { return c.Key == p.Key && c.Value == nil }))
	})
}

func (c *ParametersChange) apply(p event.Parameters) event.Parameters {
	if c == nil {
		return p
	}
	return event.Parameters{Header: changedParameters(p.Header, c.Header), Query: changedParameters(p.Query, c.Query), Body: changedParameters(p.Body, c.Body)}
}

func changedParameters(before []event.Parameter, after []ParameterChange) []event.Parameter {
	if after == nil {
		return before
	}
	var out []event.Parameter
	for _, change := range after {
		one := event.Parameter{Key: change.Key, Secret: change.Secret}
		if i := slices.IndexFunc(before, func(p event.Parameter) bool { return p.Key == change.Key }); i >= 0 && change.Value == nil {
			one.Value, one.Secret = before[i].Value, one.Secret || before[i].Secret
		}
		replace(&one.Value, change.Value)
		out = append(out, one)
	}
	return out
}
