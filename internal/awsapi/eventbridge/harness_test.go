package eventbridge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/awsapi/eventbridge"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = apitest.Account
	other   = apitest.Other
	region  = apitest.Region
	prefix  = "arn:aws:events:us-east-1:123456789012:"
)

// api is an event bus behind the SDK's own client.
type api struct {
	*apitest.House
	*sdk.Client

	t     testing.TB
	store *sql.Store
	svc   *service.Service
	url   string
	woken atomic.Int64 // how often events were told to be stored
}

// start makes an event bus; changes are made to how it is configured.
func start(t testing.TB, changes ...func(*service.Config)) *api {
	t.Helper()
	a := &api{t: t}
	a.House = apitest.Open(t, append(changes, func(c *service.Config) {
		c.EventsStored = func() { a.woken.Add(1) }
	})...)
	a.EnsureAccounts()
	a.store, a.svc = a.Store, a.Service
	srv := httptest.NewServer(a.Serve(eventbridge.Service(eventbridge.Config{Service: a.svc, PageKey: []byte("pages")})))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.Client = a.as(apitest.Root)
	return a
}

// as is a client with another access key.
func (a *api) as(key string) *sdk.Client {
	return sdk.New(sdk.Options{BaseEndpoint: &a.url, Region: region, RetryMaxAttempts: 1, Credentials: apitest.Credentials(key)})
}

// user makes a user with an inline policy and answers a client of his.
func (a *api) user(name, policy string) *sdk.Client {
	a.t.Helper()
	return a.as(a.AddUser(name, policy))
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
	apitest.OK[*sdk.PutRuleOutput](a.t)(a.PutRule(a.t.Context(), &sdk.PutRuleInput{Name: &name, EventPattern: aws.String(anyPush)}))
}

// destination stores an API destination and answers its ARN.
func (a *api) destination(name string) string {
	a.t.Helper()
	d := event.Destination{Name: name, ID: "11111111-2222-3333-4444-555555555555", Endpoint: "https://example.com/hook", Method: "POST"}
	body, err := json.Marshal(d)
	if err == nil {
		err = a.store.CreateRecord(a.t.Context(), meta.Record{
			Account: account, Kind: meta.DestinationRecord, Name: name, Body: body, CreatedAt: a.Now(),
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
