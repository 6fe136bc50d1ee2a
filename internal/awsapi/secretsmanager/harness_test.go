package secretsmanager_test

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/secretsmanager"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = "123456789012"
	other   = "210987654321"
	region  = "us-east-1"
)

// api is the store of secrets behind the SDK's own client.
type api struct {
	t     testing.TB
	store *sql.Store
	svc   *service.Service
	url   string
	keys  *users
	*sdk.Client

	mu   sync.Mutex
	skew time.Duration
}

// users are access keys and whose they are.
type users struct{ byKey map[string]iam.Principal }

func (u *users) Secret(_ context.Context, id, _ string) (string, iam.Principal, error) {
	p, ok := u.byKey[id]
	if !ok {
		return "", iam.Principal{}, iam.ErrUnknownKey
	}
	return "secret", p, nil
}

func (a *api) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(a.skew)
}

// wait puts the clock forward.
func (a *api) wait(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.skew += d
}

func start(t testing.TB) *api {
	t.Helper()
	dir := t.TempDir()
	a := &api{t: t, keys: &users{map[string]iam.Principal{
		"AKIDROOT": iam.RootPrincipal(account, "AKIDROOT"), "AKIDOTHER": iam.RootPrincipal(other, "AKIDOTHER"),
	}}}
	var err error
	if a.store, err = sql.Open(t.Context(), sql.Config{URL: "sqlite:" + filepath.Join(dir, "ecru.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.store.Close(); err != nil {
			t.Error(err)
		}
	})
	content, err := disk.New(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	home := registry.Scope{Account: account, Region: region}
	a.svc = service.New(service.Config{
		Default: home, Store: a.store, Content: content, Limits: service.DefaultLimits(), Secret: []byte("secret"), Keyring: ring, Now: a.now, Alone: true,
	})
	for _, id := range []string{account, other} {
		if err := a.svc.EnsureAccount(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	apis, err := awsapi.New(awsapi.Config{
		Services: []awsapi.Service{secretsmanager.Service(secretsmanager.Config{Service: a.svc, Home: home, PageKey: []byte("pages")})},
		Verifier: sigv4.New(a.keys, sigv4.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(apis)
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.Client = a.as("AKIDROOT")
	return a
}

// as is a client with another access key.
func (a *api) as(key string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: &a.url, Region: region, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: "secret"}, nil
		}),
	})
}

// user is a client of somebody with an inline policy.
func (a *api) user(name, policy string) *sdk.Client {
	a.t.Helper()
	owner := service.Caller{Principal: iam.RootPrincipal(account, "AKIDROOT")}
	u, err := a.svc.CreateUser(a.t.Context(), owner, service.CreateUser{Name: name, Inline: map[string]string{"access": policy}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.keys.byKey["AKID"+name] = iam.UserPrincipal(account, name, u.ID, "AKID"+name)
	return a.as("AKID" + name)
}

// secret makes a secret and answers what the API did.
func (a *api) secret(name, value string) *sdk.CreateSecretOutput {
	a.t.Helper()
	return ok[*sdk.CreateSecretOutput](a.t)(a.CreateSecret(a.t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: &value}))
}

// value is what a secret has now.
func (a *api) value(id string) string {
	a.t.Helper()
	out := ok[*sdk.GetSecretValueOutput](a.t)(a.GetSecretValue(a.t.Context(), &sdk.GetSecretValueInput{SecretId: &id}))
	return aws.ToString(out.SecretString)
}

// want fails the test unless err has the code and text.
func want(t testing.TB, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want %s: %s", err, code, message)
		return
	}
	if e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("got  %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

func ok[T any](t testing.TB) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}
