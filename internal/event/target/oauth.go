package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/sync/singleflight"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
)

const (
	maxTokenAnswer = 64 << 10
	// unsaidLife is how long a token is used whose server does not say it; one
	// that has ended earlier is renewed when a target refuses it.
	unsaidLife = time.Hour
	// renewAhead is how long before its end a token is renewed, failureLife how
	// long a token server that has failed is left alone.
	renewAhead  = 30 * time.Second
	failureLife = time.Second
)

// tokens keeps the token of a connection that is authorised by OAuth client
// credentials. The library for it knows only POST, and no parameters in headers,
// queries or JSON, which connections have.
type tokens struct {
	auth      event.Authorization
	endpoint  event.Endpoint
	transport http.RoundTripper
	options   *Options
	fetching  singleflight.Group

	mu      sync.Mutex
	token   string // as the header has it
	until   time.Time
	failed  error
	failure time.Time // when it failed
	// inBody says that the server does not take client credentials as a header.
	inBody bool
}

func newTokens(auth event.Authorization, transport http.RoundTripper, o *Options) (*tokens, error) {
	endpoint, err := event.ParseEndpoint(auth.Endpoint)
	if err == nil && endpoint.NATS() {
		err = errors.New("it must begin with https:// or http://")
	}
	if err != nil {
		return nil, fmt.Errorf("the authorization endpoint cannot be used: %w", err)
	}
	return &tokens{auth: auth, endpoint: endpoint, transport: transport, options: o}, nil
}

// get answers a token as the header Authorization has it. One request asks for
// it whoever waits.
func (t *tokens) get(ctx context.Context) (string, error) {
	if token, err := t.kept(); token != "" || err != nil {
		return token, err
	}
	fetched := t.fetching.DoChan("", func() (any, error) {
		if token, err := t.kept(); token != "" || err != nil {
			return token, err
		}
		// Others wait for the token, too: it is not for this caller to give up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.options.Timeout)
		defer cancel()
		return t.renew(ctx)
	})
	select {
	case got := <-fetched:
		token, _ := got.Val.(string)
		return token, got.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// kept answers the token while it is good, or why there is none just now.
func (t *tokens) kept() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.options.Now()
	switch {
	case t.token != "" && now.Before(t.until):
		return t.token, nil
	case t.failed != nil && now.Sub(t.failure) < failureLife:
		return "", t.failed
	}
	return "", nil
}

// forget drops a token that a target has refused.
func (t *tokens) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

func (t *tokens) renew(ctx context.Context) (string, error) {
	token, life, err := t.ask(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.options.Now()
	if err != nil {
		t.failed, t.failure = err, now
		return "", err
	}
	t.failed, t.token = nil, token
	t.until = now.Add(life - min(renewAhead, life/2))
	return token, nil
}

// ask asks the token server. One that refuses client credentials in the header
// is asked again with them among the parameters.
func (t *tokens) ask(ctx context.Context) (token string, life time.Duration, err error) {
	t.mu.Lock()
	inBody := t.inBody || t.namesClient()
	t.mu.Unlock()
	token, life, err = t.askOnce(ctx, inBody)
	var e *delivery.Error
	if inBody || !errors.As(err, &e) || e.Status != "HTTP 400" && e.Status != "HTTP 401" {
		return token, life, err
	}
	if token, life, err := t.askOnce(ctx, true); err == nil {
		t.mu.Lock()
		t.inBody = true
		t.mu.Unlock()
		return token, life, nil
	}
	return "", 0, err
}

// namesClient says whether the connection's parameters say who the client is.
func (t *tokens) namesClient() bool {
	names := func(p event.Parameter) bool {
		return p.Key == "client_id" || p.Key == "client_secret" || p.Key == "client_assertion" || strings.EqualFold(p.Key, "Authorization")
	}
	all := t.auth.Token
	return slices.ContainsFunc(all.Header, names) || slices.ContainsFunc(all.Query, names) || slices.ContainsFunc(all.Body, names)
}

func (t *tokens) askOnce(ctx context.Context, inBody bool) (string, time.Duration, error) {
	r, err := t.request(ctx, inBody)
	if err != nil {
		return "", 0, err
	}
	response, err := t.transport.RoundTrip(r)
	if err != nil {
		return "", 0, fmt.Errorf("asking for a token: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenAnswer+1))
	switch {
	case response.StatusCode < 200 || response.StatusCode > 299:
		return "", 0, &delivery.Error{
			Status: "HTTP " + strconv.Itoa(response.StatusCode),
			After:  retryAfter(response.Header.Get("Retry-After"), t.options.Now()),
			Err:    errors.New("the authorization endpoint gave no token"),
		}
	case err != nil:
		return "", 0, fmt.Errorf("reading a token: %w", err)
	case len(body) > maxTokenAnswer:
		return "", 0, errors.New("the authorization endpoint answered too much")
	}
	return readToken(response.Header.Get("Content-Type"), body)
}

// request makes the request for a token.
func (t *tokens) request(ctx context.Context, inBody bool) (*http.Request, error) {
	header := http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"ecru/" + t.options.Version},
	}
	if !inBody {
		// RFC 6749, 2.3.1: both are encoded like forms first.
		basic := http.Request{Header: header}
		basic.SetBasicAuth(url.QueryEscape(t.auth.Name), url.QueryEscape(t.auth.Secret))
	}
	for _, p := range t.auth.Token.Header {
		if !httpguts.ValidHeaderFieldName(p.Key) || !httpguts.ValidHeaderFieldValue(p.Value) {
			return nil, never(errors.New("a header for the authorization endpoint has characters that no header may have"))
		}
		if !reserved(p.Key) {
			header.Set(p.Key, p.Value)
		}
	}
	r := &http.Request{Method: t.auth.Method, Header: header, Host: t.endpoint.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if err := t.addParameters(r, t.values(inBody)); err != nil {
		return nil, err
	}
	return r.WithContext(ctx), nil
}

// addParameters makes the URL and the body; GET has all parameters in the URL.
func (t *tokens) addParameters(r *http.Request, values map[string]string) error {
	query := url.Values{}
	for _, p := range t.auth.Token.Query {
		query.Set(p.Key, p.Value)
	}
	if r.Method == http.MethodGet {
		r.Header.Del("Content-Type")
		for key, value := range values {
			query.Set(key, value)
		}
	} else if err := encodeParameters(r, values); err != nil {
		return err
	}
	path, err := url.PathUnescape(t.endpoint.Path)
	if err != nil {
		return never(errors.New("the path of the authorization endpoint is malformed"))
	}
	r.URL = &url.URL{Scheme: t.endpoint.Scheme, Host: t.endpoint.Host, Path: path, RawPath: t.endpoint.Path, RawQuery: joinQuery(t.endpoint.Query, query)}
	return nil
}

// values are the parameters in the body.
func (t *tokens) values(inBody bool) map[string]string {
	values := map[string]string{}
	if !slices.ContainsFunc(t.auth.Token.Query, func(p event.Parameter) bool { return p.Key == "grant_type" }) {
		values["grant_type"] = "client_credentials"
	}
	if inBody && !t.namesClient() {
		values["client_id"], values["client_secret"] = t.auth.Name, t.auth.Secret
	}
	for _, p := range t.auth.Token.Body {
		values[p.Key] = p.Value
	}
	return values
}

// encodeParameters puts parameters into the body, as JSON if the connection's
// Content-Type says so.
func encodeParameters(r *http.Request, values map[string]string) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		body, err := marshal(values)
		if err != nil {
			return never(err)
		}
		withBody(r, body)
		return nil
	}
	form := url.Values{}
	for key, value := range values {
		form.Set(key, value)
	}
	withBody(r, []byte(form.Encode()))
	return nil
}

// readToken reads what a token server has answered: JSON, or a form.
func readToken(contentType string, body []byte) (string, time.Duration, error) {
	var answer struct {
		Token string          `json:"access_token"`
		Type  string          `json:"token_type"`
		Life  json.RawMessage `json:"expires_in"`
	}
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/x-www-form-urlencoded" || kind == "text/plain" && len(body) > 0 && body[0] != '{' {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return "", 0, errors.New("the authorization endpoint answered no token")
		}
		answer.Token, answer.Type, answer.Life = form.Get("access_token"), form.Get("token_type"), json.RawMessage(form.Get("expires_in"))
	} else if err := json.Unmarshal(body, &answer); err != nil {
		return "", 0, errors.New("the authorization endpoint answered no JSON")
	}
	if answer.Type == "" || strings.EqualFold(answer.Type, "bearer") {
		answer.Type = "Bearer"
	}
	header := answer.Type + " " + answer.Token
	if answer.Token == "" || !httpguts.ValidHeaderFieldValue(header) {
		return "", 0, errors.New("the authorization endpoint answered no token")
	}
	life := unsaidLife
	if seconds, err := strconv.ParseFloat(strings.Trim(string(answer.Life), `"`), 64); err == nil && seconds > 0 {
		life = time.Duration(min(seconds, float64(longestRest/time.Second)) * float64(time.Second))
	}
	return header, life, nil
}

func joinQuery(own string, added url.Values) string {
	switch {
	case len(added) == 0:
		return own
	case own == "":
		return added.Encode()
	}
	return own + "&" + added.Encode()
}
