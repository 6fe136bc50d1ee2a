package eventbridge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/eventbridge"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = "123456789012"
	other   = "210987654321"
	region  = "us-east-1"
	prefix  = "arn:aws:events:us-east-1:123456789012:"
)

// keys are access keys and whose they are.
type keys struct {
	mu    sync.Mutex
	byKey map[string]iam.Principal
}

func (k *keys) Secret(_ context.Context, id, _ string) (string, iam.Principal, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, ok := k.byKey[id]
	if !ok {
		return "", iam.Principal{}, iam.ErrUnknownKey
	}
	return "secret", p, nil
}

// api is an event bus behind the SDK's own client.
type api struct {
	t     testing.TB
	store *sql.Store
	svc   *service.Service
	keys  *keys
	url   string
	woken atomic.Int64 // how often events were told to be stored
	*sdk.Client

	mu   sync.Mutex
	skew time.Duration
}

// now is a clock that a test may put forward.
func (a *api) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(a.skew)
}

func (a *api) wait(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.skew += d
}

// start makes an event bus; changes are made to how it is configured.
func start(t testing.TB, changes ...func(*service.Config)) *api {
	t.Helper()
	a := &api{t: t, keys: &keys{byKey: map[string]iam.Principal{
		"AKIDROOT":  iam.RootPrincipal(account, "AKIDROOT"),
		"AKIDOTHER": iam.RootPrincipal(other, "AKIDOTHER"),
	}}}
	dir := t.TempDir()
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
	config := service.Config{
		Default: registry.Scope{Account: account, Region: region}, Store: a.store, Content: content,
		Limits: service.DefaultLimits(), Secret: []byte("secret"), Keyring: ring, Now: a.now,
		EventsStored: func() { a.woken.Add(1) },
	}
	for _, change := range changes {
		change(&config)
	}
	a.svc = service.New(config)
	for _, id := range []string{account, other} {
		if err := a.svc.EnsureAccount(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	apis, err := awsapi.New(awsapi.Config{
		Services: []awsapi.Service{eventbridge.Service(eventbridge.Config{Service: a.svc, PageKey: []byte("pages")})},
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

// user makes a user with an inline policy and answers a client of his.
func (a *api) user(name, policy string) *sdk.Client {
	a.t.Helper()
	owner := service.Caller{Principal: iam.RootPrincipal(account, "AKIDROOT")}
	u, err := a.svc.CreateUser(a.t.Context(), owner, service.CreateUser{Account: account, Name: name, Inline: map[string]string{"p": policy}})
	if err != nil {
		a.t.Fatal(err)
	}
	id := "AKID" + strings.ToUpper(name)
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	a.keys.byKey[id] = iam.UserPrincipal(account, name, u.ID, id)
	return a.as(id)
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

// same compares what reads well as JSON.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if g, w := text(got), text(want); g != w {
		t.Errorf("%s:\ngot  %s\nwant %s", what, g, w)
	}
}

const anyPush = `{"source":["aws.ecr"]}`

// rule puts a rule for all events of ECR.
func (a *api) rule(name string) {
	a.t.Helper()
	ok[*sdk.PutRuleOutput](a.t)(a.PutRule(a.t.Context(), &sdk.PutRuleInput{Name: &name, EventPattern: aws.String(anyPush)}))
}

// destination stores an API destination and answers its ARN.
func (a *api) destination(name string) string {
	a.t.Helper()
	d := event.Destination{Name: name, ID: "11111111-2222-3333-4444-555555555555", Endpoint: "https://example.com/hook", Method: "POST"}
	body, err := json.Marshal(d)
	if err == nil {
		err = a.store.CreateRecord(a.t.Context(), meta.Record{
			Account: account, Kind: meta.DestinationRecord, Name: name, Body: body, CreatedAt: a.now(),
		}, 0)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return prefix + "api-destination/" + name + "/" + d.ID
}

// events are all that are stored.
func (a *api) events() []event.Event {
	a.t.Helper()
	stored, err := a.store.ListEvents(a.t.Context(), account, meta.EventQuery{Limit: 1000})
	if err != nil {
		a.t.Fatal(err)
	}
	var all []event.Event
	for _, s := range stored {
		e, err := event.Decode(s.Body)
		if err != nil {
			a.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// signedRequest sends a body that the SDK's client would not send, and answers
// the status and what comes back.
func signedRequest(t testing.TB, url, operation, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSEvents."+operation)
	hash := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: "AKIDROOT", SecretAccessKey: "secret"}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), "events", region, time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Status + " " + string(text)
}
