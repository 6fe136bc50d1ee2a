// Package oidc checks the tokens of OIDC issuers, such as those that CI systems
// give to their jobs: the issuer is discovered, its keys are fetched and kept,
// and a token is believed if one of them has signed it, for an audience of ours
// and for now.
//
// It asks no issuer but those that it is given, and never decides what the
// bearer of a token may do.
package oidc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	// keptIssuers is of how many issuers the keys are kept.
	keptIssuers = 256
	// Keys are fetched anew when they are this old, and are not used any more
	// when they are that old and the issuer cannot be reached. Keys of tokens
	// that name an unknown one are fetched at once, see fetcher.
	refreshAfter = time.Hour
	goodFor      = 4 * time.Hour
)

// algorithms are the signatures that are believed: those of public keys. A
// token that is unsigned, or signed with a shared secret, is refused whatever
// the issuer announces.
func algorithms() []string {
	return []string{gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.ES256, gooidc.ES384, gooidc.ES512, gooidc.PS256, gooidc.PS384, gooidc.PS512, gooidc.EdDSA}
}

// Options are the parts of a Verifier that have defaults.
type Options struct {
	// Transport makes the transport to an issuer, trusting the given pool or,
	// if that is nil, what the machine trusts. When nil, a GuardedTransport that
	// allows this machine.
	Transport func(roots *x509.CertPool) http.RoundTripper
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	options Options
	mu      sync.Mutex
	sources *lru.Cache[sourceID, *source]
}

// sourceID is what makes a source another one.
type sourceID struct{ url, ca string }

// New makes a Verifier.
func New(o Options) *Verifier {
	if o.Transport == nil {
		o.Transport = GuardedTransport(outbound.New(outbound.Options{Deny: outbound.Default(true)}))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// New fails for a size below one only.
	sources, err := lru.New[sourceID, *source](keptIssuers)
	if err != nil {
		panic(err)
	}
	return &Verifier{options: o, sources: sources}
}

// Verify answers what a token says. Errors: InvalidIdentityToken, ExpiredToken,
// IDPRejectedClaim, IDPCommunicationError.
func (v *Verifier) Verify(ctx context.Context, issuer iam.Issuer, token string) (iam.IdentityToken, error) {
	if len(token) > iam.MaxIdentityToken {
		return iam.IdentityToken{}, registry.NotAJWT()
	}
	from, err := v.source(issuer)
	if err != nil {
		return iam.IdentityToken{}, registry.IssuerUnreachable(issuer.URL, err)
	}
	keys, err := from.keySet(ctx)
	if err != nil {
		return iam.IdentityToken{}, registry.IssuerUnreachable(issuer.URL, err)
	}
	seen := &witness{KeySet: keys}
	verified, err := gooidc.NewVerifier(issuer.URL, seen, &gooidc.Config{
		SupportedSigningAlgs: algorithms(),
		// These two are checked below, in AWS's words.
		SkipClientIDCheck: true, SkipExpiryCheck: true,
	}).Verify(ctx, token)
	if seen.unreachable != nil {
		return iam.IdentityToken{}, registry.IssuerUnreachable(issuer.URL, seen.unreachable)
	}
	if err != nil {
		e := registry.Errorf(registry.CodeInvalidIdentityToken, "The web identity token that was passed could not be validated: it is not a token signed by %s.", issuer.URL)
		e.Err = err
		return iam.IdentityToken{}, e
	}
	return check(verified, issuer, v.options.Now())
}

// source answers the keys of an issuer, which are kept between requests.
func (v *Verifier) source(issuer iam.Issuer) (*source, error) {
	id := sourceID{issuer.URL, issuer.CA}
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok := v.sources.Get(id); ok {
		return known, nil
	}
	address, err := url.Parse(issuer.URL)
	if err != nil {
		return nil, err
	}
	var roots *x509.CertPool
	if issuer.CA != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(issuer.CA)) {
			return nil, errors.New("its CA has no certificate")
		}
	}
	s := &source{url: issuer.URL, client: newClient(address, v.options.Transport(roots), v.options.Now), now: v.options.Now}
	v.sources.Add(id, s)
	return s, nil
}

// source is where the keys of an issuer come from.
type source struct {
	url    string
	client *http.Client
	now    func() time.Time

	discovering sync.Mutex

	mu      sync.Mutex
	keys    gooidc.KeySet
	fetched time.Time
}

// keySet discovers the issuer now and then: that also forgets keys that it has
// withdrawn. While one caller does so the others go on with the keys that are
// known, if there are any.
func (s *source) keySet(ctx context.Context) (gooidc.KeySet, error) {
	keys, age := s.known()
	switch {
	case keys != nil && age < refreshAfter:
		return keys, nil
	case keys != nil && age < goodFor:
		if !s.discovering.TryLock() {
			return keys, nil
		}
	default:
		s.discovering.Lock()
	}
	defer s.discovering.Unlock()
	if keys, age = s.known(); keys != nil && age < refreshAfter {
		return keys, nil // somebody was faster
	}
	fresh, err := s.discover(ctx)
	if err != nil {
		if keys != nil && age < goodFor {
			return keys, nil
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = fresh, s.now()
	return fresh, nil
}

func (s *source) known() (gooidc.KeySet, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.now().Sub(s.fetched)
}

func (s *source) discover(ctx context.Context) (gooidc.KeySet, error) {
	// Others wait for the answer, too: it is not for this caller to give up.
	ctx = gooidc.ClientContext(context.WithoutCancel(ctx), s.client)
	provider, err := gooidc.NewProvider(ctx, s.url)
	if err != nil {
		return nil, err
	}
	var document struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil || document.Keys == "" {
		return nil, fmt.Errorf("%s names no jwks_uri", s.url)
	}
	return gooidc.NewRemoteKeySet(ctx, document.Keys), nil
}

// witness sees whether keys could not be fetched, which the verifier above it
// does not tell from a wrong signature.
type witness struct {
	gooidc.KeySet
	unreachable error
}

// VerifySignature is part of gooidc.KeySet.
func (w *witness) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := w.KeySet.VerifySignature(ctx, token)
	// A remote key set wraps what kept it from fetching, and nothing else. A
	// test pins it.
	if errors.Unwrap(err) != nil {
		w.unreachable = err
	}
	return payload, err
}
