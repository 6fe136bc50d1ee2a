package target_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/outbound"
)

func TestAnEventIsPostedAsJSON(t *testing.T) {
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL+"/hook?a=1", apiKey())})
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	got := at.one(t)
	if got.method != "POST" || got.uri != "/hook?a=1" || string(got.body) != string(pushed().Body) {
		t.Errorf("%s %s %s", got.method, got.uri, got.body)
	}
	want := http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"ecru/1.2.3"},
		"X-Api-Key": {"key-secret-1"}, "Content-Length": {fmt.Sprint(len(pushed().Body))},
	}
	if diff := cmp.Diff(want, got.header); diff != "" {
		t.Error(diff)
	}
}

func TestBasicAuthorization(t *testing.T) {
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL, event.Authorization{Kind: event.BasicAuthorization, Name: "me", Secret: "p:ss wörd"})})
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	r := http.Request{Header: at.one(t).header}
	if user, password, ok := r.BasicAuth(); !ok || user != "me" || password != "p:ss wörd" {
		t.Errorf("%q %q %v", user, password, ok)
	}
}

func TestPathsQueriesAndHeadersAreFilledInByTheEvent(t *testing.T) {
	at := newReceiver(t, nil)
	auth := apiKey()
	auth.Invocation = event.Parameters{
		Header: []event.Parameter{{Key: "X-Shared", Value: "connection"}, {Key: "X-Conn", Value: "$.not.a.path"}},
		Query:  []event.Parameter{{Key: "q", Value: "connection"}, {Key: "token", Value: "s3cr&t", Secret: true}},
	}
	all := newTargets(t, target.Options{Destinations: to(at.URL+"/r/*/t/*?own=1%202", auth)})
	err := send(t, all, event.Target{HTTP: &event.HTTPParameters{
		PathValues: []string{"$.detail.repository-name", "v1 *"},
		Header:     map[string]string{"X-Tag": "$.detail.image-tag", "X-Shared": "target", "X-Detail": "$.detail"},
		Query:      map[string]string{"digest": "$.detail.image-digest", "q": "target"},
	}}, pushed())
	if err != nil {
		t.Fatal(err)
	}
	got := at.one(t)
	if got.uri != "/r/team%2Fweb/t/v1%20%2A?own=1%202&digest=sha256%3A7f5b&q=connection&token=s3cr%26t" {
		t.Error(got.uri)
	}
	for name, want := range map[string]string{"X-Tag": "1.0", "X-Shared": "connection", "X-Conn": "$.not.a.path"} {
		if got := got.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if detail := object(t, []byte(got.header.Get("X-Detail"))); detail["action-type"] != "PUSH" {
		t.Errorf("%v", detail)
	}
}

func TestPathValuesLeadNowhereElse(t *testing.T) {
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL+"/r/*/x", apiKey())})
	for _, values := range [][]string{nil, {}, {".."}, {"."}, {""}, {"$.nothing"}} {
		err := send(t, all, event.Target{HTTP: &event.HTTPParameters{PathValues: values}}, pushed())
		if !fateOf(t, err).permanent {
			t.Errorf("%q: %v", values, err)
		}
	}
	if len(at.got()) != 0 {
		t.Error("something was sent")
	}
}

func TestHeadersThatNobodySets(t *testing.T) {
	at := newReceiver(t, nil)
	auth := apiKey()
	auth.Invocation.Header = []event.Parameter{{Key: "Via", Value: "x"}, {Key: "Transfer-Encoding", Value: "chunked"}}
	all := newTargets(t, target.Options{Destinations: to(at.URL, auth)})
	err := send(t, all, event.Target{HTTP: &event.HTTPParameters{Header: map[string]string{
		"Host": "evil.example", "content-length": "3", "Connection": "close", "X-Amz-Date": "x", "x-amzn-trace-id": "x", "User-Agent": "me", "Proxy-Authorization": "x", "X-Mine": "1",
	}}}, pushed())
	if err != nil {
		t.Fatal(err)
	}
	got := at.one(t)
	if got.host != strings.TrimPrefix(at.URL, "http://") || got.header.Get("User-Agent") != "ecru/1.2.3" || got.header.Get("X-Mine") != "1" {
		t.Errorf("%s %v", got.host, got.header)
	}
	for _, name := range []string{"Connection", "X-Amz-Date", "X-Amzn-Trace-Id", "Proxy-Authorization", "Via", "Transfer-Encoding"} {
		if got.header.Get(name) != "" {
			t.Errorf("%s was sent", name)
		}
	}
}

func TestAHeaderThatAnEventWouldSmuggleInIsRefused(t *testing.T) {
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
	m := pushed()
	m.Event = []byte(`{"detail":{"x":"a\r\nX-Evil: 1"}}`)
	for name, value := range map[string]string{"X-A": "$.detail.x", "X B": "1", "": "1", "X-C": "a\nb"} {
		err := send(t, all, event.Target{HTTP: &event.HTTPParameters{Header: map[string]string{name: value}}}, m)
		if !fateOf(t, err).permanent {
			t.Errorf("%q: %v", name, err)
		}
	}
	if len(at.got()) != 0 {
		t.Error("something was sent")
	}
}

func TestBodyParametersAreMergedIntoAnObject(t *testing.T) {
	at := newReceiver(t, nil)
	auth := apiKey()
	auth.Invocation.Body = []event.Parameter{{Key: "token", Value: `a"<b`, Secret: true}, {Key: "version", Value: "9"}}
	all := newTargets(t, target.Options{Destinations: to(at.URL, auth)})
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	if got := object(t, at.one(t).body); got["token"] != `a"<b` || got["version"] != "9" || got["id"] != eventID {
		t.Errorf("%v", got)
	}
	m := pushed()
	for _, body := range []string{`["list"]`, `null`, `plain text`, ``} {
		m.Body = []byte(body)
		err := send(t, all, event.Target{}, m)
		if !fateOf(t, err).permanent {
			t.Errorf("%s: %v", body, err)
		}
		noSecrets(t, err, `a"<b`)
	}
}

func TestMethods(t *testing.T) {
	at := newReceiver(t, nil)
	known := to(at.URL, apiKey())
	all := newTargets(t, target.Options{Destinations: known})
	for i, method := range []string{"PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS"} {
		known.change(func() { known.known.Method, known.revision = method, method })
		if err := send(t, all, event.Target{}, pushed()); err != nil {
			t.Fatal(err)
		}
		got := at.got()[i]
		if hasBody := i < 3; got.method != method || (len(got.body) > 0) != hasBody || (got.header.Get("Content-Type") != "") != hasBody {
			t.Errorf("%s: %s %q %v", method, got.method, got.body, got.header)
		}
	}
}

func TestSignatures(t *testing.T) {
	at := newReceiver(t, nil)
	now := time.Unix(1_800_000_000, 0)
	standardSecret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("standard-key-bytes"))
	auth := event.Authorization{Kind: event.APIKeyAuthorization, Name: "webhook-signature", Secret: standardSecret}
	auth.Invocation.Header = []event.Parameter{{Key: "X-Hub-Signature-256", Value: "hub-secret"}, {Key: "X-Ecru-Signature-256", Value: "own-secret"}}
	auth.Invocation.Body = []event.Parameter{{Key: "extra", Value: "signed, too"}}
	all := newTargets(t, target.Options{Destinations: to(at.URL, auth), Now: func() time.Time { return now }})
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	got := at.one(t)
	sum := func(secret, text string) []byte {
		h := hmac.New(sha256.New, []byte(secret))
		io.WriteString(h, text)
		return h.Sum(nil)
	}
	if id := got.header.Get("webhook-id"); id != eventID {
		t.Error(id)
	}
	if at := got.header.Get("webhook-timestamp"); at != "1800000000" {
		t.Error(at)
	}
	if want := "v1," + base64.StdEncoding.EncodeToString(sum("standard-key-bytes", eventID+".1800000000."+string(got.body))); got.header.Get("webhook-signature") != want {
		t.Error(got.header.Get("webhook-signature"))
	}
	for name, secret := range map[string]string{"X-Hub-Signature-256": "hub-secret", "X-Ecru-Signature-256": "own-secret"} {
		if want := "sha256=" + hex.EncodeToString(sum(secret, string(got.body))); got.header.Get(name) != want {
			t.Errorf("%s: %s", name, got.header.Get(name))
		}
	}
	if all := fmt.Sprint(got.header); strings.Contains(all, "hub-secret") || strings.Contains(all, standardSecret) {
		t.Error("a secret was sent")
	}
}

// The vector of the Standard Webhooks specification's libraries.
func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	at := newReceiver(t, nil)
	auth := event.Authorization{Kind: event.APIKeyAuthorization, Name: "Webhook-Signature", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	all := newTargets(t, target.Options{Destinations: to(at.URL, auth), Now: func() time.Time { return time.Unix(1614265330, 0) }})
	m := pushed()
	m.ID, m.Body = "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`)
	if err := send(t, all, event.Target{}, m); err != nil {
		t.Fatal(err)
	}
	if got := at.one(t).header.Get("webhook-signature"); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
}

func TestCloudEventsOverHTTP(t *testing.T) {
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
	header := func(name, value string) event.Target {
		return event.Target{HTTP: &event.HTTPParameters{Header: map[string]string{name: value}}}
	}
	m := pushed()
	m.Body = []byte(`{"only":"this"}`)
	for _, name := range []string{"Content-Type=application/cloudevents+json", "content-type=application/cloudevents+json; charset=utf-8", "ce-specversion=1.0"} {
		name, value, _ := strings.Cut(name, "=")
		if err := send(t, all, header(name, value), m); err != nil {
			t.Fatal(err)
		}
	}
	got := at.got()
	for _, structured := range got[:2] {
		e := object(t, structured.body)
		if e["specversion"] != "1.0" || e["id"] != eventID || e["type"] != "com.amazonaws.ecr.ECRImageAction" || e["time"] != "2026-11-16T01:54:34Z" || e["subject"] != "team/web@sha256:7f5b" {
			t.Errorf("%v", e)
		}
		if diff := cmp.Diff(map[string]any{"only": "this"}, e["data"]); diff != "" {
			t.Error(diff)
		}
		if !strings.HasPrefix(structured.header.Get("Content-Type"), "application/cloudevents+json") {
			t.Errorf("%v", structured.header)
		}
	}
	binary := got[2]
	if string(binary.body) != `{"only":"this"}` || binary.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", binary.body, binary.header)
	}
	for name, want := range map[string]string{"ce-specversion": "1.0", "ce-id": eventID, "ce-source": "urn:aws:ecr:us-east-1:123456789012", "ce-type": "com.amazonaws.ecr.ECRImageAction"} {
		if got := binary.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhatStatusesMean(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		code   int
		header []string
		want   fate
	}{
		{401, nil, fate{status: "HTTP 401"}},
		{407, nil, fate{status: "HTTP 407"}},
		{409, nil, fate{status: "HTTP 409"}},
		{429, []string{"Retry-After", "7"}, fate{status: "HTTP 429", after: 7 * time.Second}},
		{503, []string{"Retry-After", "Thu, 01 Jan 2026 00:01:00 GMT"}, fate{status: "HTTP 503", after: time.Minute}},
		{503, []string{"Retry-After", "Thu, 01 Jan 2025 00:01:00 GMT"}, fate{status: "HTTP 503"}},
		{503, []string{"Retry-After", "99999999999999999999"}, fate{status: "HTTP 503"}},
		{503, []string{"Retry-After", "2000000000"}, fate{status: "HTTP 503", after: 24 * time.Hour}},
		{503, []string{"Retry-After", "-1"}, fate{status: "HTTP 503"}},
		{500, nil, fate{status: "HTTP 500"}},
		{599, nil, fate{status: "HTTP 599"}},
		{400, []string{"Retry-After", "7"}, fate{status: "HTTP 400", permanent: true}},
		{403, nil, fate{status: "HTTP 403", permanent: true}},
		{404, nil, fate{status: "HTTP 404", permanent: true}},
		{410, nil, fate{status: "HTTP 410", permanent: true}},
		{304, nil, fate{status: "HTTP 304", permanent: true}},
	} {
		at := newReceiver(t, answer(test.code, test.header...))
		all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey()), Now: func() time.Time { return now }})
		if got := fateOf(t, send(t, all, event.Target{}, pushed())); got != test.want {
			t.Errorf("%d %v: %+v", test.code, test.header, got)
		}
	}
	for _, code := range []int{200, 201, 202, 204, 299} {
		at := newReceiver(t, answer(code))
		if err := send(t, newTargets(t, target.Options{Destinations: to(at.URL, apiKey())}), event.Target{}, pushed()); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	inside := newReceiver(t, nil)
	at := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL+"/admin", http.StatusTemporaryRedirect)
	})
	all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
	err := send(t, all, event.Target{}, pushed())
	if got := fateOf(t, err); got != (fate{permanent: true, status: "HTTP 307"}) || !strings.Contains(err.Error(), "redirects are not followed") {
		t.Errorf("%+v %v", got, err)
	}
	if len(inside.got()) != 0 {
		t.Error("it was followed")
	}
}

// A name that leads to this machine is as far off limits as its address.
func TestEndpointsOffLimitsAreNotCalled(t *testing.T) {
	at := newReceiver(t, nil)
	_, port, _ := net.SplitHostPort(at.Listener.Addr().String())
	guard := outbound.New(outbound.Options{Deny: outbound.Default(false)})
	for _, endpoint := range []string{at.URL, "http://localhost:" + port, "http://[::1]:" + port, "http://169.254.169.254/latest", "nats://localhost:" + port + "/x"} {
		all := newTargets(t, target.Options{Guard: guard, Destinations: to(endpoint, apiKey())})
		err := send(t, all, event.Target{}, pushed())
		var denied *outbound.DeniedError
		if got := fateOf(t, err); !got.permanent || !errors.As(err, &denied) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if len(at.got()) != 0 {
		t.Error("it was called")
	}
}

func TestATargetThatHangsIsGivenSomeTimeOnly(t *testing.T) {
	at := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	all := newTargets(t, target.Options{Destinations: to(at.URL+"/a-secret-path", apiKey()), Timeout: 50 * time.Millisecond})
	err := send(t, all, event.Target{}, pushed())
	if got := fateOf(t, err); got != (fate{}) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v %v", got, err)
	}
	noSecrets(t, err, "key-secret-1", "a-secret-path")
}

// An answer that says yes and never ends has said yes.
func TestAnAnswerWithoutAnEndHasItsStatus(t *testing.T) {
	for name, rest := range map[string]http.HandlerFunc{
		"hangs":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"endless": func(w http.ResponseWriter, _ *http.Request) { endless(w) },
	} {
		at := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			rest(w, r)
		})
		all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
		begin := time.Now()
		if err := send(t, all, event.Target{}, pushed()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func endless(w io.Writer) {
	for range 1 << 20 {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// rawServer answers connections with bytes of its own.
func rawServer(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestAnswersThatAreNoHTTP(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"closes at once":    func(net.Conn) {},
		"garbage":           func(c net.Conn) { readHead(c); io.WriteString(c, "\x00\x01\x02 garbage\r\n\r\n") },
		"says it all again": func(c net.Conn) { io.WriteString(c, readHead(c)) },
		"endless header": func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			endless(c)
		},
		"half an answer": func(c net.Conn) { readHead(c); io.WriteString(c, "HTTP/1.1 200") },
	} {
		auth := apiKey()
		auth.Invocation.Query = []event.Parameter{{Key: "k", Value: "query secret"}}
		all := newTargets(t, target.Options{Destinations: to("http://"+rawServer(t, handle)+"/services/T000/B000?sig=1234567890", auth), Timeout: 2 * time.Second})
		err := send(t, all, event.Target{}, pushed())
		if got := fateOf(t, err); got.permanent {
			t.Errorf("%s: %v", name, err)
		}
		noSecrets(t, err, "query secret", "query+secret", "key-secret-1", "T000", "1234567890")
	}
}

func readHead(c net.Conn) string {
	var all strings.Builder
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if err != nil || line == "\r\n" {
			return all.String()
		}
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	server := httptest.NewTLSServer(answer(200))
	defer server.Close()
	all := newTargets(t, target.Options{Destinations: to(server.URL, apiKey())})
	err := send(t, all, event.Target{}, pushed())
	if got := fateOf(t, err); got.permanent || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%+v %v", got, err)
	}
	trusting := newTargets(t, target.Options{Destinations: to(server.URL, apiKey()), Roots: roots(server)})
	if err := send(t, trusting, event.Target{}, pushed()); err != nil {
		t.Error(err)
	}
}

func TestAChangedDestinationIsUsedAtOnce(t *testing.T) {
	old, fresh := newReceiver(t, nil), newReceiver(t, nil)
	known := to(old.URL, apiKey())
	all := newTargets(t, target.Options{Destinations: known})
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	known.change(func() { known.known.Endpoint, known.auth.Secret, known.revision = fresh.URL, "key-secret-2", "2" })
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	if len(old.got()) != 1 || fresh.one(t).header.Get("X-Api-Key") != "key-secret-2" {
		t.Error("the old destination was used")
	}
	known.change(func() { known.gone = true })
	err := send(t, all, event.Target{}, pushed())
	if !fateOf(t, err).permanent || err.Error() != "ApiDestination hook does not exist." {
		t.Error(err)
	}
}

func TestTheRateIsThatOfTheDestination(t *testing.T) {
	known := to("http://127.0.0.1:1", apiKey())
	known.known.Rate = 50
	all := newTargets(t, target.Options{Destinations: known})
	route, err := all.Route(t.Context(), account, event.Target{ARN: destinationARN})
	if err != nil || route.Rate != 50 || route.RateKey != destinationARN {
		t.Errorf("%+v %v", route, err)
	}
}

func TestAnotherAccountsDestinationIsNoWay(t *testing.T) {
	all := newTargets(t, target.Options{Destinations: to("http://127.0.0.1:1", apiKey())})
	_, err := all.Route(t.Context(), "999999999999", event.Target{ARN: destinationARN})
	if !fateOf(t, err).permanent {
		t.Error(err)
	}
}

// Connections that a server has closed meanwhile cost no attempt.
func TestAConnectionThatWasClosedMeanwhile(t *testing.T) {
	var first sync.Once
	at := newImpatientReceiver(t, nil, time.Nanosecond)
	all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
	for range 50 {
		if err := send(t, all, event.Target{}, pushed()); err != nil {
			first.Do(func() { t.Errorf("an attempt was lost: %v", err) })
		}
	}
}

func TestSendingEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{})
	at := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() })
	all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
	route, err := all.Route(t.Context(), account, event.Target{ARN: destinationARN})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if err := route.Sender.Send(ctx, pushed()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkHTTP(b *testing.B) {
	for _, senders := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(204)
			}))
			defer server.Close()
			auth := apiKey()
			auth.Invocation.Header = []event.Parameter{{Key: "X-Hub-Signature-256", Value: "hub-secret"}}
			all := newTargets(b, target.Options{Destinations: to(server.URL+"/hook", auth)})
			var work sync.WaitGroup
			queue := make(chan delivery.Message, senders)
			for range senders {
				work.Go(func() {
					for m := range queue {
						if err := send(b, all, event.Target{}, m); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				queue <- pushed()
			}
			close(queue)
			work.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
		})
	}
}
