package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/test/postgres"
)

// User is the user name of every registry login.
const User = "AWS"

const apiTimeout = 30 * time.Second

// ECR returns a client of the ECR API that signs with the root key and does
// not retry: a test wants to see the first error.
func (s *Server) ECR() *ecr.Client {
	c := s.Credentials
	return ecr.New(ecr.Options{
		BaseEndpoint: aws.String(s.URL),
		Region:       c.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
		Retryer:      aws.NopRetryer{},
		HTTPClient:   &http.Client{Transport: heldBodies{http.DefaultTransport}},
	})
}

// heldBodies keeps the body of a request readable until it is written. The SDK
// closes it as soon as an answer begins, and net/http takes that for a failed
// write and cuts the answer off: with a quick server one request in a hundred.
type heldBodies struct{ next http.RoundTripper }

func (h heldBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return h.next.RoundTrip(r)
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(content))
	return h.next.RoundTrip(r)
}

// Password fetches a new registry password, as "aws ecr get-login-password".
func (s *Server) Password(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), apiTimeout)
	defer cancel()
	out, err := s.ECR().GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatalf("GetAuthorizationToken: %v", err)
	}
	if len(out.AuthorizationData) != 1 {
		t.Fatalf("GetAuthorizationToken answered %d tokens, want 1", len(out.AuthorizationData))
	}
	token, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		t.Fatalf("the authorization token: %v", err)
	}
	user, password, ok := strings.Cut(string(token), ":")
	if !ok || user != User {
		t.Fatalf("the authorization token is not %s:password", User)
	}
	return password
}

// CreateRepository creates a repository with the settings of a new one.
func (s *Server) CreateRepository(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), apiTimeout)
	defer cancel()
	if _, err := s.ECR().CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		t.Fatalf("CreateRepository %s: %v", name, err)
	}
}

// SetAccountSetting changes a setting of the account, as BLOB_MOUNTING.
func (s *Server) SetAccountSetting(t testing.TB, name, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), apiTimeout)
	defer cancel()
	input := &ecr.PutAccountSettingInput{Name: &name, Value: &value}
	if _, err := s.ECR().PutAccountSetting(ctx, input); err != nil {
		t.Fatalf("PutAccountSetting %s=%s: %v", name, value, err)
	}
}

// Client returns an HTTP client that is logged in to the registry.
func (s *Server) Client(t testing.TB) *http.Client {
	t.Helper()
	return BasicClient(s.Host, User, s.Password(t))
}

// BasicClient returns an HTTP client that sends a name and a password to one
// host, and to no other that it is redirected to.
func BasicClient(host, user, password string) *http.Client {
	return &http.Client{Transport: &basicAuth{
		host: host, user: user, password: password,
		next: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true},
	}}
}

type basicAuth struct {
	host, user, password string
	next                 http.RoundTripper
}

func (b *basicAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	// A request that has the key, even without a value, wants no other.
	if _, decided := r.Header["Authorization"]; !decided && r.URL.Host == b.host && b.user != "" {
		r = r.Clone(r.Context())
		r.SetBasicAuth(b.user, b.password)
	}
	return b.next.RoundTrip(r)
}

func (b *basicAuth) CloseIdleConnections() {
	if t, ok := b.next.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// OnEachDatabase runs a test on SQLite and on PostgreSQL. database is what
// Options.Database takes; it is empty at the start of the test.
func OnEachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, postgres.New(t)) })
}
