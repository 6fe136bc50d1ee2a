package oidc

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whoever may name an issuer for an account must not look around in the machine
// or the cloud that the server runs on.
func TestAnIssuerDoesNotLeadToTheServersOwnMachine(t *testing.T) {
	asked := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer inside.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	// ask asks as an issuer whose documents or redirects lead there.
	ask := func(issuer, there string) error {
		from, err := url.Parse(issuer)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, there, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := newClient(from, DefaultTransport(nil), time.Now).Do(r)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	for _, there := range []string{"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::1]:" + port, "https://0.0.0.0:" + port, "https://169.254.169.254"} {
		err := ask("https://ci.example.com", there)
		if err == nil || !strings.Contains(err.Error(), "must not be asked") {
			t.Errorf("%s: %v", there, err)
		}
	}
	if err := ask(inside.URL, inside.URL); err != nil || asked != 1 {
		t.Errorf("an issuer on this machine: %v, asked %d times", err, asked)
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

func TestWhichAddressesIssuersMayHave(t *testing.T) {
	for text, want := range map[string]struct{ remote, local bool }{
		"203.0.113.1": {true, true}, "10.1.2.3": {true, true}, "192.168.1.1": {true, true}, "2001:db8::1": {true, true}, "fd00::1": {true, true},
		"127.0.0.1": {false, true}, "127.9.9.9": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true},
		"169.254.169.254": {false, false}, "::ffff:169.254.169.254": {false, false}, "fe80::1": {false, false}, "fd00:ec2::254": {false, false},
		"0.0.0.0": {false, false}, "::": {false, false}, "224.0.0.1": {false, false}, "ff02::1": {false, false},
	} {
		address := netip.MustParseAddr(text)
		if remote, local := reachable(address, false), reachable(address, true); remote != want.remote || local != want.local {
			t.Errorf("%s: %v, %v, want %v", text, remote, local, want)
		}
	}
}
