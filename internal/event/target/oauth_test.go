package target_test

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/target"
)

func oauth(endpoint string) event.Authorization {
	return event.Authorization{Kind: event.OAuthAuthorization, Name: "client id", Secret: "client+secret/1", Endpoint: endpoint, Method: "POST"}
}

// tokenServer gives tokens that count up.
func tokenServer(t testing.TB, answer func(n int64, w http.ResponseWriter, r *http.Request)) (*receiver, *atomic.Int64) {
	t.Helper()
	asked := new(atomic.Int64)
	return newReceiver(t, func(w http.ResponseWriter, r *http.Request) { answer(asked.Add(1), w, r) }), asked
}

func gives(expires string) func(n int64, w http.ResponseWriter, r *http.Request) {
	return func(n int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":%s}`, n, expires)
	}
}

func TestATokenIsFetchedOnceAndKeptUntilItEnds(t *testing.T) {
	server, asked := tokenServer(t, gives("3600"))
	at := newReceiver(t, nil)
	var clock atomic.Int64
	clock.Store(1_800_000_000)
	all := newTargets(t, target.Options{Destinations: to(at.URL, oauth(server.URL+"/token?x=1")), Now: func() time.Time { return time.Unix(clock.Load(), 0) }})
	var senders sync.WaitGroup
	for range 20 {
		senders.Go(func() {
			if err := send(t, all, event.Target{}, pushed()); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	if asked.Load() != 1 {
		t.Errorf("%d tokens were fetched", asked.Load())
	}
	for _, r := range at.got() {
		if r.header.Get("Authorization") != "Bearer token-1" {
			t.Fatal(r.header)
		}
	}
	got := server.one(t)
	r := http.Request{Header: got.header}
	id, secret, _ := r.BasicAuth()
	if form, _ := url.ParseQuery(string(got.body)); got.method != "POST" || got.uri != "/token?x=1" || form.Encode() != "grant_type=client_credentials" ||
		id != "client+id" || secret != "client%2Bsecret%2F1" || got.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("%+v", got)
	}
	clock.Add(3600)
	if err := send(t, all, event.Target{}, pushed()); err != nil || asked.Load() != 2 {
		t.Errorf("after its end: %v, %d tokens", err, asked.Load())
	}
}

func TestATokenThatIsRefusedIsRenewedOnce(t *testing.T) {
	for _, code := range []int{401, 407} {
		server, asked := tokenServer(t, gives("3600"))
		at := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer token-2" {
				w.WriteHeader(code)
			}
		})
		all := newTargets(t, target.Options{Destinations: to(at.URL, oauth(server.URL))})
		if err := send(t, all, event.Target{}, pushed()); err != nil {
			t.Errorf("%d: %v", code, err)
		}
		if got := at.got(); len(got) != 2 || string(got[1].body) != string(pushed().Body) || asked.Load() != 2 {
			t.Errorf("%d: %d requests, %d tokens", code, len(got), asked.Load())
		}
	}
	server, asked := tokenServer(t, gives("3600"))
	at := newReceiver(t, answer(401))
	all := newTargets(t, target.Options{Destinations: to(at.URL, oauth(server.URL))})
	if got := fateOf(t, send(t, all, event.Target{}, pushed())); got != (fate{status: "HTTP 401"}) || asked.Load() != 2 || len(at.got()) != 2 {
		t.Errorf("refused for ever: %+v, %d tokens", got, asked.Load())
	}
}

func TestClientCredentialsGoWhereTheServerTakesThem(t *testing.T) {
	server, _ := tokenServer(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(401)
			return
		}
		gives(`"1"`)(n, w, r)
	})
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL, oauth(server.URL))})
	for range 2 {
		if err := send(t, all, event.Target{}, pushed()); err != nil {
			t.Fatal(err)
		}
	}
	form, _ := url.ParseQuery(string(server.got()[1].body))
	if form.Get("client_id") != "client id" || form.Get("client_secret") != "client+secret/1" || form.Get("grant_type") != "client_credentials" {
		t.Error(form)
	}
}

func TestParametersOfTokenRequests(t *testing.T) {
	parameters := func(edit func(a *event.Authorization)) received {
		server, _ := tokenServer(t, gives("60"))
		at := newReceiver(t, nil)
		auth := oauth(server.URL)
		edit(&auth)
		if err := send(t, newTargets(t, target.Options{Destinations: to(at.URL, auth)}), event.Target{}, pushed()); err != nil {
			t.Fatal(err)
		}
		return server.one(t)
	}
	json1 := parameters(func(a *event.Authorization) {
		a.Token.Header = []event.Parameter{{Key: "Content-Type", Value: "application/json"}, {Key: "X-Tenant", Value: "t1"}}
		a.Token.Body = []event.Parameter{{Key: "audience", Value: "https://api"}, {Key: "client_id", Value: "other"}}
	})
	var body map[string]string
	if err := json.Unmarshal(json1.body, &body); err != nil || body["audience"] != "https://api" || body["client_id"] != "other" || body["grant_type"] != "client_credentials" || len(body) != 3 {
		t.Errorf("%s", json1.body)
	}
	if json1.header.Get("X-Tenant") != "t1" || json1.header.Get("Authorization") != "" {
		t.Error(json1.header)
	}
	get := parameters(func(a *event.Authorization) {
		a.Method = "GET"
		a.Token.Query = []event.Parameter{{Key: "scope", Value: "a b"}, {Key: "grant_type", Value: "custom"}}
		a.Token.Body = []event.Parameter{{Key: "audience", Value: "x"}}
	})
	if get.method != "GET" || get.uri != "/?audience=x&grant_type=custom&scope=a+b" || len(get.body) != 0 {
		t.Errorf("%+v", get)
	}
	put := parameters(func(a *event.Authorization) {
		a.Method = "PUT"
		a.Token.Body = []event.Parameter{{Key: "grant_type", Value: "password"}}
	})
	if put.method != "PUT" || string(put.body) != "grant_type=password" {
		t.Errorf("%+v", put)
	}
}

func TestAnswersOfTokenServers(t *testing.T) {
	for name, test := range map[string]struct {
		contentType, body string
		want              string
	}{
		"form":             {"application/x-www-form-urlencoded", "access_token=a%2Bb&expires_in=5", "Bearer a+b"},
		"a type":           {"application/json", `{"access_token":"x","token_type":"DPoP"}`, "DPoP x"},
		"no life":          {"application/json", `{"access_token":"x"}`, "Bearer x"},
		"a life in text":   {"application/json", `{"access_token":"x","expires_in":"60"}`, "Bearer x"},
		"an absurd life":   {"application/json", `{"access_token":"x","expires_in":1e300}`, "Bearer x"},
		"a life of null":   {"text/html", `{"access_token":"x","expires_in":null}`, "Bearer x"},
		"no token":         {"application/json", `{"error":"no"}`, ""},
		"an empty one":     {"application/json", `{"access_token":""}`, ""},
		"smuggled headers": {"application/json", `{"access_token":"x\r\nX-Evil: 1"}`, ""},
		"no JSON":          {"application/json", `<html>`, ""},
		"a list":           {"application/json", `[]`, ""},
		"nothing":          {"application/json", ``, ""},
		"too much":         {"application/json", `{"access_token":"x"` + strings.Repeat(" ", 70<<10) + `}`, ""},
	} {
		server, _ := tokenServer(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.contentType)
			io.WriteString(w, test.body)
		})
		at := newReceiver(t, nil)
		err := send(t, newTargets(t, target.Options{Destinations: to(at.URL, oauth(server.URL))}), event.Target{}, pushed())
		switch {
		case test.want == "" && (err == nil || fateOf(t, err).permanent || len(at.got()) != 0):
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err != nil || at.one(t).header.Get("Authorization") != test.want):
			t.Errorf("%s: %v %v", name, err, at.got())
		}
	}
}

func TestATokenServerThatFails(t *testing.T) {
	at := newReceiver(t, nil)
	for name, test := range map[string]struct {
		server func() string
		want   fate
	}{
		"away":       {func() string { return "http://127.0.0.1:1/token" }, fate{}},
		"busy":       {func() string { return newReceiver(t, answer(429, "Retry-After", "9")).URL }, fate{status: "HTTP 429", after: 9 * time.Second}},
		"refuses":    {func() string { return newReceiver(t, answer(403)).URL }, fate{status: "HTTP 403"}},
		"redirects":  {func() string { return newReceiver(t, answer(302, "Location", at.URL)).URL }, fate{status: "HTTP 302"}},
		"off limits": {func() string { return "http://169.254.169.254/token" }, fate{permanent: true}},
		"hangs": {func() string {
			return newReceiver(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }).URL
		}, fate{}},
		"no URL":  {func() string { return "ftp://x" }, fate{permanent: true}},
		"no HTTP": {func() string { return "nats://x/y" }, fate{permanent: true}},
	} {
		auth := oauth(test.server())
		auth.Token.Query = []event.Parameter{{Key: "k", Value: "query secret"}}
		all := newTargets(t, target.Options{Destinations: to(at.URL, auth), Timeout: 300 * time.Millisecond})
		err := send(t, all, event.Target{}, pushed())
		if got := fateOf(t, err); got != test.want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		noSecrets(t, err, "client+secret/1", "query secret", "query+secret")
	}
	if len(at.got()) != 0 {
		t.Error("something was sent without a token")
	}
}

// A token server that is down is not asked by every event.
func TestATokenServerThatHasFailedIsLeftAloneForAMoment(t *testing.T) {
	server, asked := tokenServer(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	var clock atomic.Int64
	all := newTargets(t, target.Options{Destinations: to("http://127.0.0.1:1", oauth(server.URL)), Now: func() time.Time { return time.Unix(clock.Load(), 0) }})
	for range 5 {
		if got := fateOf(t, send(t, all, event.Target{}, pushed())); got != (fate{status: "HTTP 503"}) {
			t.Errorf("%+v", got)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times", asked.Load())
	}
	clock.Add(2)
	send(t, all, event.Target{}, pushed())
	if asked.Load() != 2 {
		t.Errorf("it was asked %d times, two seconds later", asked.Load())
	}
}

func FuzzTokenAnswer(f *testing.F) {
	f.Add("application/json", `{"access_token":"x","expires_in":60}`)
	f.Add("text/plain", `access_token=x&expires_in=`)
	var contentType, body string
	var mu sync.Mutex
	server, _ := tokenServer(f, func(_ int64, w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	})
	at := newReceiver(f, nil)
	f.Fuzz(func(t *testing.T, kind, text string) {
		if _, _, err := mime.ParseMediaType(kind); err != nil {
			t.Skip()
		}
		mu.Lock()
		contentType, body = kind, text
		mu.Unlock()
		// whatever comes back: no panic, and an event only with a token
		err := send(t, newTargets(t, target.Options{Destinations: to(at.URL, oauth(server.URL))}), event.Target{}, pushed())
		at.mu.Lock()
		defer at.mu.Unlock()
		if err == nil && (len(at.all) == 0 || len(at.all[0].header.Get("Authorization")) < 3) {
			t.Errorf("sent without a token: %q", text)
		}
		at.all, server.all = nil, nil
	})
}
