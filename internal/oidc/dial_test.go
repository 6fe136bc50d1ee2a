package oidc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/outbound"
)

// Whoever may name an issuer for an account must not look around in the machine
// or the cloud that the server runs on.
func TestAnIssuerDoesNotLeadToTheServersOwnMachine(t *testing.T) {
	asked := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer inside.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	// ask asks as an issuer whose documents or redirects lead there.
	ask := func(loopbackOnly bool, issuer, there string) error {
		guard := outbound.New(outbound.Options{Deny: outbound.Default(loopbackOnly)})
		from, err := url.Parse(issuer)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, there, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := newClient(from, GuardedTransport(guard)(nil), time.Now).Do(r)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	for _, there := range []string{"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::1]:" + port, "https://0.0.0.0:" + port, "https://169.254.169.254"} {
		for _, loopbackOnly := range []bool{true, false} {
			var denied *outbound.DeniedError
			if err := ask(loopbackOnly, "https://ci.example.com", there); !errors.As(err, &denied) {
				t.Errorf("%s: %v", there, err)
			}
		}
	}
	if err := ask(true, inside.URL, inside.URL); err != nil || asked != 1 {
		t.Errorf("an issuer on this machine, which alone reaches the server: %v, asked %d times", err, asked)
	}
	var denied *outbound.DeniedError
	if err := ask(false, inside.URL, inside.URL); !errors.As(err, &denied) || asked != 1 {
		t.Errorf("an issuer on this machine, which others reach: %v, asked %d times", err, asked)
	}
}

// What issuers have answered is kept while it is fresh and no longer: there may
// be hundreds of them.
func TestAnswersOfAnIssuerAreForgottenOnceTheyAreStale(t *testing.T) {
	now := time.Now()
	f := &fetcher{now: func() time.Time { return now }, known: map[string]fetched{}}
	f.remember("https://a/discovery", fetched{body: make([]byte, maxAnswer)})
	f.remember("https://a/keys", fetched{body: make([]byte, maxAnswer)})
	if len(f.known) != 2 {
		t.Fatalf("%d answers are kept while they are fresh", len(f.known))
	}
	now = now.Add(freshAnswer)
	f.remember("https://a/redirected", fetched{})
	if len(f.known) != 1 {
		t.Errorf("%d answers are kept, want one", len(f.known))
	}
	if most := keptIssuers * maxAnswers * maxAnswer; most > 256<<20 {
		t.Errorf("issuers may fill %d MiB", most>>20)
	}
}
