// Package apitest is what the tests of the AWS APIs stand on: a service on real
// stores with a clock that a test may put forward, access keys, and what the
// SDK's own clients are checked with.
//
// It is for tests alone, and must not know any operation.
package apitest

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

// The two accounts that there are, and the keys of their owners.
const (
	Account = "123456789012"
	Other   = "210987654321"
	Region  = "us-east-1"

	Root      = "AKIDROOT"
	OtherRoot = "AKIDOTHER"

	secret = "secret"
)

// Home is the default account's scope.
func Home() registry.Scope { return registry.Scope{Account: Account, Region: Region} }

// House is a service on SQLite and a directory, for the duration of a test.
type House struct {
	Store   *sql.Store
	Service *service.Service

	t    testing.TB
	mu   sync.Mutex
	skew time.Duration
	keys map[string]iam.Principal
}

// Open makes a house; changes are made to how its service is configured.
func Open(t testing.TB, changes ...func(*service.Config)) *House {
	t.Helper()
	h := &House{t: t, keys: map[string]iam.Principal{
		Root: iam.RootPrincipal(Account, Root), OtherRoot: iam.RootPrincipal(Other, OtherRoot),
	}}
	dir := t.TempDir()
	var err error
	if h.Store, err = sql.Open(t.Context(), sql.Config{URL: "sqlite:" + filepath.Join(dir, "ecru.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Store.Close(); err != nil {
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
	config := service.Config{
		Default: Home(), Store: h.Store, Content: content,
		Limits: service.DefaultLimits(), Secret: []byte(secret), Keyring: ring, Now: h.Now,
	}
	for _, change := range changes {
		change(&config)
	}
	h.Service = service.New(config)
	return h
}

// EnsureAccounts makes records of both accounts.
func (h *House) EnsureAccounts() {
	h.t.Helper()
	for _, id := range []string{Account, Other} {
		if err := h.Service.EnsureAccount(h.t.Context(), id); err != nil {
			h.t.Fatal(err)
		}
	}
}

// Serve makes the handler of a service.
func (h *House) Serve(s awsapi.Service) *awsapi.Server {
	h.t.Helper()
	apis, err := awsapi.New(awsapi.Config{Services: []awsapi.Service{s}, Verifier: sigv4.New(h, sigv4.Options{})})
	if err != nil {
		h.t.Fatal(err)
	}
	return apis
}

// Now is the time of the house.
func (h *House) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.skew)
}

// Wait puts the clock forward.
func (h *House) Wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skew += d
}

// Secret makes the house the keys that signatures are checked with.
func (h *House) Secret(_ context.Context, id, _ string) (string, iam.Principal, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.keys[id]
	if !ok {
		return "", iam.Principal{}, iam.ErrUnknownKey
	}
	return secret, p, nil
}

// AddUser makes a user with an inline policy, and answers a key of his.
func (h *House) AddUser(name, policy string) (key string) {
	h.t.Helper()
	owner := service.Caller{Principal: iam.RootPrincipal(Account, Root)}
	u, err := h.Service.CreateUser(h.t.Context(), owner, service.CreateUser{Account: Account, Name: name, Inline: map[string]string{"p": policy}})
	if err != nil {
		h.t.Fatal(err)
	}
	key = "AKID" + strings.ToUpper(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[key] = iam.UserPrincipal(Account, name, u.ID, key)
	return key
}

// Credentials are those of a key, for a client of the SDK.
func Credentials(key string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
	})
}

// Want fails the test unless err has the code and text.
func Want(t testing.TB, err error, code, message string) {
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

// OK answers out, and fails the test if there is an error.
func OK[T any](t testing.TB) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}
