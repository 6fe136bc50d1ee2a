package target_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	account        = "123456789012"
	destinationARN = "arn:aws:events:us-east-1:123456789012:api-destination/hook/0a1b2c3d"
	eventID        = "13cde686-328b-6117-af20-0e5566167482"
)

// destinations are those of a test: one, which can be changed.
type destinations struct {
	mu       sync.Mutex
	known    event.Destination
	auth     event.Authorization
	revision string
	gone     bool
}

func (d *destinations) EventDestination(_ context.Context, owner, arn string) (event.Destination, event.Authorization, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone || owner != account || arn != destinationARN {
		return event.Destination{}, event.Authorization{}, "", registry.Errorf(registry.CodeResourceNotFound, "ApiDestination hook does not exist.")
	}
	return d.known, d.auth, d.revision, nil
}

func (d *destinations) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// apiKey is an authorisation that tests have that are not about one.
func apiKey() event.Authorization {
	return event.Authorization{Kind: event.APIKeyAuthorization, Name: "X-Api-Key", Secret: "key-secret-1"}
}

// to makes a destination of an endpoint.
func to(endpoint string, auth event.Authorization) *destinations {
	return &destinations{known: event.Destination{Name: "hook", Endpoint: endpoint, Method: "POST"}, auth: auth, revision: "1"}
}

// loopbackGuard lets tests reach their own servers.
func loopbackGuard() *outbound.Guard {
	return outbound.New(outbound.Options{Deny: outbound.Default(true)})
}

func newTargets(t testing.TB, o target.Options) *target.Targets {
	t.Helper()
	if o.Guard == nil {
		o.Guard = loopbackGuard()
	}
	o.Version = "1.2.3"
	all := target.New(o)
	t.Cleanup(func() {
		if err := all.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return all
}

// pushed is a message about a push, whole as the target gets it.
func pushed() delivery.Message {
	body := []byte(`{"version":"0","id":"` + eventID + `","detail-type":"ECR Image Action","source":"aws.ecr","account":"123456789012",` +
		`"time":"2026-11-16T01:54:34Z","region":"us-east-1","resources":["arn:aws:ecr:us-east-1:123456789012:repository/team/web"],` +
		`"detail":{"result":"SUCCESS","repository-name":"team/web","image-digest":"sha256:7f5b","action-type":"PUSH","image-tag":"1.0"}}`)
	return delivery.Message{
		ID: eventID, Account: account, Source: "aws.ecr", DetailType: "ECR Image Action",
		Time:    time.Date(2026, 11, 16, 1, 54, 34, 0, time.UTC),
		RuleARN: "arn:aws:events:us-east-1:123456789012:rule/pushes", TargetID: "hook", Lane: "team/web@sha256:7f5b",
		Attempt: 1, Event: body, Body: body,
	}
}

// send routes to a target and sends.
func send(t testing.TB, all *target.Targets, at event.Target, m delivery.Message) error {
	t.Helper()
	if at.ARN == "" {
		at.ARN = destinationARN
	}
	at.ID, at.UID = "hook", "8a3e"
	route, err := all.Route(t.Context(), account, at)
	if err != nil {
		return err
	}
	return route.Sender.Send(t.Context(), m)
}

// received is a request that a receiver has got.
type received struct {
	method, uri, host string
	header            http.Header
	body              []byte
}

// receiver is a real HTTP server that notes what it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	all    []received
	answer http.HandlerFunc // nil: 204
}

func newReceiver(t testing.TB, answer http.HandlerFunc) *receiver {
	t.Helper()
	return newImpatientReceiver(t, answer, 0)
}

// newImpatientReceiver closes connections that are idle for some time.
func newImpatientReceiver(t testing.TB, answer http.HandlerFunc, idle time.Duration) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.Config.IdleTimeout = idle
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.all = append(r.all, received{q.Method, q.RequestURI, q.Host, q.Header.Clone(), body})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, q)
		return
	}
	w.WriteHeader(204)
}

func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.all...)
}

// one answers the one request that came.
func (r *receiver) one(t testing.TB) received {
	t.Helper()
	all := r.got()
	if len(all) != 1 {
		t.Fatalf("%d requests came", len(all))
	}
	return all[0]
}

func answer(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func roots(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// fate is what an error means to the engine.
type fate struct {
	permanent bool
	after     time.Duration
	status    string
}

func fateOf(t testing.TB, err error) fate {
	t.Helper()
	if err == nil {
		t.Fatal("it was sent")
	}
	var e *delivery.Error
	if !errors.As(err, &e) {
		return fate{}
	}
	return fate{e.Permanent, e.After, e.Status}
}

// noSecrets fails when an error tells one of some secrets.
func noSecrets(t testing.TB, err error, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells the secret %q: %v", secret, err)
		}
	}
}

func object(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return o
}
