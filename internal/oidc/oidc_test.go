package oidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/oidc"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
)

// issuer is an OIDC issuer with a key that can be changed.
type issuer struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	now      time.Time
	keys     map[string]crypto.Signer // by kid
	document map[string]any
	answer   func(w http.ResponseWriter, r *http.Request) bool
	asked    map[string]int
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{t: t, now: time.Now(), keys: map[string]crypto.Signer{}, document: map[string]any{}, asked: map[string]int{}}
	i.server = httptest.NewTLSServer(i)
	t.Cleanup(i.server.Close)
	i.document["issuer"], i.document["jwks_uri"] = i.server.URL, i.server.URL+"/keys"
	i.keys["rsa"] = must(rsa.GenerateKey(rand.Reader, 2048))(t)
	return i
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[r.URL.Path]++
	if i.answer != nil && i.answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(i.document)
	case "/keys":
		var all []any
		for id, key := range i.keys {
			all = append(all, jwk(id, key.Public()))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": all})
	default:
		http.NotFound(w, r)
	}
}

func jwk(id string, key crypto.PublicKey) map[string]any {
	text := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kid": id, "kty": "RSA", "use": "sig", "n": text(k.N.Bytes()), "e": text(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		return map[string]any{"kid": id, "kty": "EC", "use": "sig", "crv": "P-256", "x": text(k.X.FillBytes(make([]byte, 32))), "y": text(k.Y.FillBytes(make([]byte, 32)))}
	case ed25519.PublicKey:
		return map[string]any{"kid": id, "kty": "OKP", "use": "sig", "crv": "Ed25519", "x": text(k)}
	}
	return nil
}

// change does something to the issuer while nobody asks it.
func (i *issuer) change(do func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	do()
}

func (i *issuer) pass(d time.Duration) { i.change(func() { i.now = i.now.Add(d) }) }

func (i *issuer) clock() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

func (i *issuer) ask(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

func (i *issuer) known() iam.Issuer {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw})
	return iam.Issuer{URL: i.server.URL, Audiences: []string{"ecru", "second"}, CA: string(ca)}
}

func (i *issuer) verifier() *oidc.Verifier { return oidc.New(oidc.Options{Now: i.clock}) }

func (i *issuer) claims() jwt.MapClaims {
	now := i.clock()
	return jwt.MapClaims{"iss": i.server.URL, "sub": "repo:a/b", "aud": "ecru", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

// token signs claims with the key of an id.
func (i *issuer) token(method jwt.SigningMethod, id string, claims jwt.MapClaims) string {
	i.t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = id
	i.mu.Lock()
	key := i.keys[id]
	i.mu.Unlock()
	return must(token.SignedString(key))(i.t)
}

func wantCode(t *testing.T, err error, code registry.Code, text string) {
	t.Helper()
	if registry.CodeOf(err) != code || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %s: %s", err, code, text)
	}
}

func TestTokensOfAllKindsOfPublicKeys(t *testing.T) {
	i := newIssuer(t)
	i.keys["ec"] = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.keys["ed"] = ed
	v := i.verifier()
	for id, methods := range map[string][]jwt.SigningMethod{
		"rsa": {jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512, jwt.SigningMethodPS256},
		"ec":  {jwt.SigningMethodES256},
		"ed":  {jwt.SigningMethodEdDSA},
	} {
		for _, method := range methods {
			got, err := v.Verify(t.Context(), i.known(), i.token(method, id, i.claims()))
			if err != nil {
				t.Errorf("%s: %v", method.Alg(), err)
			} else if got.Subject != "repo:a/b" || got.Audience != "ecru" || got.ExpiresAt.Unix() != i.now.Add(time.Hour).Unix() {
				t.Errorf("%s: %+v", method.Alg(), got)
			}
		}
	}
	if n := i.ask("/keys"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestClaimsBecomeTexts(t *testing.T) {
	i := newIssuer(t)
	claims := i.claims()
	claims["aud"] = []string{"elsewhere", "second"}
	claims["ref_protected"], claims["run"], claims["groups"], claims["nested"], claims["none"] = true, 12345678901, []string{"a", "b"}, map[string]any{"x": 1}, nil
	got, err := i.verifier().Verify(t.Context(), i.known(), i.token(jwt.SigningMethodRS256, "rsa", claims))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ref_protected": "true", "run": "12345678901", "groups": "a b", "nested": "", "none": "", "aud": "elsewhere second", "sub": "repo:a/b"} {
		if text := strings.Join(got.Claims[name], " "); text != want {
			t.Errorf("%s is %q", name, text)
		}
	}
	if got.Audience != "second" {
		t.Errorf("audience %s", got.Audience)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier()
	with := func(change func(jwt.MapClaims)) string {
		claims := i.claims()
		change(claims)
		return i.token(jwt.SigningMethodRS256, "rsa", claims)
	}
	good := with(func(jwt.MapClaims) {})
	stranger := newIssuer(t)
	unsigned := must(jwt.NewWithClaims(jwt.SigningMethodNone, i.claims()).SignedString(jwt.UnsafeAllowNoneSignatureType))(t)
	public := must(x509.MarshalPKIXPublicKey(i.keys["rsa"].Public()))(t)
	shared := must(jwt.NewWithClaims(jwt.SigningMethodHS256, i.claims()).SignedString(public))(t)
	parts := strings.Split(good, ".")
	now := i.now.Unix()
	for name, c := range map[string]struct {
		token string
		code  registry.Code
		text  string
	}{
		"empty":               {"", registry.CodeInvalidIdentityToken, "not a token signed by"},
		"no JWT":              {"secret", registry.CodeInvalidIdentityToken, "not a token signed by"},
		"too large":           {strings.Repeat("a", 20_001), registry.CodeInvalidIdentityToken, "not a valid JWT"},
		"unsigned":            {unsigned, registry.CodeInvalidIdentityToken, "not a token signed by"},
		"shared secret":       {shared, registry.CodeInvalidIdentityToken, "not a token signed by"},
		"somebody else's key": {stranger.token(jwt.SigningMethodRS256, "rsa", i.claims()), registry.CodeInvalidIdentityToken, "not a token signed by"},
		"changed":             {parts[0] + "." + parts[1] + "x." + parts[2], registry.CodeInvalidIdentityToken, "not a token signed by"},
		"no signature":        {parts[0] + "." + parts[1] + ".", registry.CodeInvalidIdentityToken, "not a token signed by"},
		"another issuer":      {with(func(c jwt.MapClaims) { c["iss"] = "https://other.example" }), registry.CodeInvalidIdentityToken, "not a token signed by"},
		"another audience":    {with(func(c jwt.MapClaims) { c["aud"] = "other" }), registry.CodeInvalidIdentityToken, "Incorrect token audience"},
		"no audience":         {with(func(c jwt.MapClaims) { delete(c, "aud") }), registry.CodeInvalidIdentityToken, "Missing a required claim: aud"},
		"no subject":          {with(func(c jwt.MapClaims) { c["sub"] = "" }), registry.CodeInvalidIdentityToken, "Missing a required claim: sub"},
		"no expiry":           {with(func(c jwt.MapClaims) { delete(c, "exp") }), registry.CodeInvalidIdentityToken, "Missing a required claim: exp"},
		"expired":             {with(func(c jwt.MapClaims) { c["exp"] = now - 60 }), registry.CodeExpiredToken, "Token expired: current date/time "},
		"not yet":             {with(func(c jwt.MapClaims) { c["nbf"] = now + 120 }), registry.CodeIDPRejectedClaim, "not valid yet"},
	} {
		_, err := v.Verify(t.Context(), i.known(), c.token)
		if registry.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string]string{
		"expired a moment ago": with(func(c jwt.MapClaims) { c["exp"] = now - 50 }),
		"begins in a moment":   with(func(c jwt.MapClaims) { c["nbf"] = now + 50 }),
	} {
		if _, err := v.Verify(t.Context(), i.known(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysThatTheIssuerChanges(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier()
	old := i.token(jwt.SigningMethodRS256, "rsa", i.claims())
	if _, err := v.Verify(t.Context(), i.known(), old); err != nil {
		t.Fatal(err)
	}
	fresh := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	i.change(func() { i.keys["new"] = fresh; delete(i.keys, "rsa") })
	i.pass(time.Minute)
	if _, err := v.Verify(t.Context(), i.known(), i.token(jwt.SigningMethodRS256, "new", i.claims())); err != nil {
		t.Errorf("a new key: %v", err)
	}
	i.pass(2 * time.Hour)
	claims := i.claims()
	i.change(func() { i.keys["rsa"] = must(rsa.GenerateKey(rand.Reader, 2048))(t) })
	forged := i.token(jwt.SigningMethodRS256, "rsa", claims)
	i.change(func() { delete(i.keys, "rsa") })
	_, err := v.Verify(t.Context(), i.known(), forged)
	wantCode(t, err, registry.CodeInvalidIdentityToken, "")
}

// TestStrangersCannotMakeUsAskAllTheTime: every token may name a key that is
// not known.
func TestStrangersCannotMakeUsAskAllTheTime(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier()
	i.keys["secret"] = must(rsa.GenerateKey(rand.Reader, 2048))(t)
	token := i.token(jwt.SigningMethodRS256, "secret", i.claims())
	i.change(func() { delete(i.keys, "secret") })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := v.Verify(t.Context(), i.known(), token)
			wantCode(t, err, registry.CodeInvalidIdentityToken, "")
		})
	}
	all.Wait()
	for range 20 {
		_, _ = v.Verify(t.Context(), i.known(), token)
	}
	if n := i.ask("/keys"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	i.pass(11 * time.Second)
	// The fetch before may still be winding up when it has answered already.
	for range 100 {
		_, _ = v.Verify(t.Context(), i.known(), token)
	}
	if n := i.ask("/keys"); n != 2 {
		t.Errorf("%d times after a while", n)
	}
}

func TestIssuersThatCannotBeAsked(t *testing.T) {
	for name, spoil := range map[string]func(i *issuer){
		"away":                  func(i *issuer) { i.server.Close() },
		"failing":               func(i *issuer) { i.answer = status(500) },
		"without discovery":     func(i *issuer) { i.answer = status(404) },
		"no JSON":               func(i *issuer) { i.answer = says("/.well-known/openid-configuration", "<html>") },
		"endless":               func(i *issuer) { i.answer = says("/.well-known/openid-configuration", strings.Repeat(" ", 2<<20)) },
		"another issuer":        func(i *issuer) { i.document["issuer"] = "https://other.example" },
		"no keys named":         func(i *issuer) { delete(i.document, "jwks_uri") },
		"keys without TLS":      func(i *issuer) { i.document["jwks_uri"] = "http://127.0.0.1:1/keys" },
		"keys in a file":        func(i *issuer) { i.document["jwks_uri"] = "file:///etc/passwd" },
		"keys away":             func(i *issuer) { i.document["jwks_uri"] = i.server.URL + "/nowhere" },
		"keys no JSON":          func(i *issuer) { i.answer = says("/keys", "<html>") },
		"keys endless":          func(i *issuer) { i.answer = says("/keys", strings.Repeat(" ", 2<<20)) },
		"redirects off TLS":     func(i *issuer) { i.answer = redirects("http://127.0.0.1:1/") },
		"redirects for ever":    func(i *issuer) { i.answer = redirects("") },
		"a CA it does not have": nil,
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			known := i.known()
			token := i.token(jwt.SigningMethodRS256, "rsa", i.claims())
			if spoil == nil {
				known.CA = ""
			} else {
				i.change(func() { spoil(i) })
			}
			_, err := i.verifier().Verify(t.Context(), known, token)
			wantCode(t, err, registry.CodeIDPCommunicationError, "could not be reached to verify the token. Retry later.")
			var e *registry.Error
			if !errors.As(err, &e) || e.Err == nil || strings.Contains(e.Message, "127.0.0.1:1") {
				t.Errorf("%+v", e)
			}
		})
	}
}

func status(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
}

func says(path, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		_, _ = w.Write([]byte(text))
		return true
	}
}

func redirects(to string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		target := to
		if to == "" {
			target = r.URL.Path + "x"
		}
		http.Redirect(w, r, target, http.StatusFound)
		return true
	}
}

// TestAnIssuerThatIsAwayForAWhile: keys that are known go on being used, for
// some hours; and it is found again when it is back.
func TestAnIssuerThatIsAwayForAWhile(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier()
	verify := func() error {
		_, err := v.Verify(t.Context(), i.known(), i.token(jwt.SigningMethodRS256, "rsa", i.claims()))
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	i.change(func() { i.answer = status(503) })
	i.pass(2 * time.Hour)
	if err := verify(); err != nil {
		t.Errorf("after two hours: %v", err)
	}
	i.pass(3 * time.Hour)
	wantCode(t, verify(), registry.CodeIDPCommunicationError, "")
	before := i.ask("/.well-known/openid-configuration")
	wantCode(t, verify(), registry.CodeIDPCommunicationError, "")
	if after := i.ask("/.well-known/openid-configuration"); after != before {
		t.Error("an issuer that has just failed was asked again at once")
	}
	i.change(func() { i.answer = nil })
	i.pass(5 * time.Second)
	if err := verify(); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// TestKnownKeysAreUsedWhileTheIssuerIsSlow: one caller waits for it, no other.
func TestKnownKeysAreUsedWhileTheIssuerIsSlow(t *testing.T) {
	i := newIssuer(t)
	var slow atomic.Bool
	asked, answer := make(chan struct{}), make(chan struct{})
	v := oidc.New(oidc.Options{Now: i.clock, Transport: func(roots *x509.CertPool) http.RoundTripper {
		next := oidc.GuardedTransport(outbound.New(outbound.Options{Deny: outbound.Default(true)}))(roots)
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if slow.Swap(false) {
				close(asked)
				<-answer
			}
			return next.RoundTrip(r)
		})
	}})
	verify := func() error {
		_, err := v.Verify(t.Context(), i.known(), i.token(jwt.SigningMethodRS256, "rsa", i.claims()))
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	i.pass(2 * time.Hour)
	slow.Store(true)
	first := make(chan error, 1)
	go func() { first <- verify() }()
	<-asked
	if err := verify(); err != nil {
		t.Errorf("while another waits: %v", err)
	}
	close(answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestTheClientIsGivenFromOutside: whoever runs the registry may guard where it
// connects to.
func TestTheClientIsGivenFromOutside(t *testing.T) {
	i := newIssuer(t)
	var reached []string
	v := oidc.New(oidc.Options{Now: i.clock, Transport: func(roots *x509.CertPool) http.RoundTripper {
		next := oidc.GuardedTransport(outbound.New(outbound.Options{Deny: outbound.Default(true)}))(roots)
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			reached = append(reached, r.URL.Path)
			return next.RoundTrip(r)
		})
	}})
	if _, err := v.Verify(t.Context(), i.known(), i.token(jwt.SigningMethodRS256, "rsa", i.claims())); err != nil {
		t.Fatal(err)
	}
	if len(reached) != 2 {
		t.Errorf("reached %q", reached)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestAnIssuerOnThisMachine: plain http is for the issuer itself only.
func TestAnIssuerOnThisMachine(t *testing.T) {
	i := newIssuer(t)
	i.server.Close()
	i.server = httptest.NewServer(i)
	t.Cleanup(i.server.Close)
	i.document["issuer"], i.document["jwks_uri"] = i.server.URL, i.server.URL+"/keys"
	known := iam.Issuer{URL: i.server.URL, Audiences: []string{"ecru"}}
	token := i.token(jwt.SigningMethodRS256, "rsa", i.claims())
	if _, err := i.verifier().Verify(t.Context(), known, token); err != nil {
		t.Error(err)
	}
	u := must(url.Parse(i.server.URL))(t)
	i.change(func() { i.document["jwks_uri"] = "http://localhost:" + u.Port() + "/keys" })
	_, err := i.verifier().Verify(t.Context(), known, token)
	wantCode(t, err, registry.CodeIDPCommunicationError, "")
}

// TestACallerWhoGoesAwaySpoilsNothing for others.
func TestACallerWhoGoesAwaySpoilsNothing(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier()
	token := i.token(jwt.SigningMethodRS256, "rsa", i.claims())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = v.Verify(gone, i.known(), token)
	if _, err := v.Verify(t.Context(), i.known(), token); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	i := newIssuer(f)
	v := i.verifier()
	good := i.token(jwt.SigningMethodRS256, "rsa", i.claims())
	f.Add(strings.TrimSuffix(good, good[len(good)-2:]))
	f.Add("a.b.c")
	f.Add(`{"payload":"e30","signatures":[]}`)
	known := i.known()
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(t.Context(), known, token); err == nil && token != good {
			t.Errorf("%q was accepted", token)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	i := newIssuer(b)
	v := i.verifier()
	token, known := i.token(jwt.SigningMethodRS256, "rsa", i.claims()), i.known()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), known, token); err != nil {
			b.Fatal(err)
		}
	}
}
