package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/origin"
)

// Tokens checks passwords: whose they are and until when.
// Errors: iam.ErrTokenExpired, iam.ErrTokenInvalid.
type Tokens interface {
	Verify(password string, now time.Time) (iam.Principal, time.Time, error)
}

// Principals says whether whoever a password was issued to is still somebody.
// It is asked with every request. Errors: iam.ErrUnknownKey.
type Principals interface {
	Alive(ctx context.Context, p iam.Principal) error
}

const (
	// userName is the user name of every login.
	userName = "AWS"
	// maxCredentials bounds an Authorization header; our tokens are far smaller.
	maxCredentials = 24 << 10
	// knownLogins is how many checked logins are remembered.
	knownLogins = 4096
)

// logins authenticates requests, and remembers those that were good: clients
// send the same header with each of many requests.
type logins struct {
	tokens     Tokens
	principals Principals
	now        func() time.Time
	// known is keyed by a hash, so that no password stays in memory.
	known *lru.Cache[[sha256.Size]byte, login]
}

type login struct {
	principal iam.Principal
	expires   time.Time
}

func newLogins(tokens Tokens, principals Principals, now func() time.Time) *logins {
	// New fails for a size below one only.
	known, err := lru.New[[sha256.Size]byte, login](knownLogins)
	if err != nil {
		panic(err)
	}
	return &logins{tokens: tokens, principals: principals, now: now, known: known}
}

// authenticate answers who sends a request. A password is good for hours, but
// not longer than the key, the user or the role that it was issued to.
func (l *logins) authenticate(r *http.Request) (iam.Principal, error) {
	principal, err := l.login(r)
	if err != nil {
		return iam.Principal{}, err
	}
	switch err := l.principals.Alive(r.Context(), principal); {
	case errors.Is(err, iam.ErrUnknownKey):
		return iam.Principal{}, errUnauthorized
	case err != nil:
		return iam.Principal{}, err
	}
	return principal, nil
}

// login answers whose password a request has.
func (l *logins) login(r *http.Request) (iam.Principal, error) {
	values := r.Header["Authorization"]
	if len(values) != 1 || len(values[0]) > maxCredentials {
		return iam.Principal{}, errUnauthorized
	}
	now, key := l.now(), loginKey(values[0])
	if known, ok := l.known.Get(key); ok && now.Before(known.expires) {
		return known.principal, nil
	}
	user, password, ok := r.BasicAuth()
	if !ok || user != userName {
		return iam.Principal{}, errUnauthorized
	}
	principal, expires, err := l.tokens.Verify(password, now)
	switch {
	case errors.Is(err, iam.ErrTokenExpired):
		return iam.Principal{}, errTokenExpired
	case err != nil:
		return iam.Principal{}, errUnauthorized
	}
	l.known.Add(key, login{principal, expires})
	return principal, nil
}

// loginKey hashes a header without a copy of it on the heap.
func loginKey(header string) [sha256.Size]byte {
	var copied [1 << 10]byte
	if len(header) > len(copied) {
		return sha256.Sum256([]byte(header))
	}
	return sha256.Sum256(copied[:copy(copied[:], header)])
}

// challenge is the value of WWW-Authenticate, to the letter as ECR writes it.
func (h *Handler) challenge(r *http.Request) string {
	return `Basic realm="` + h.baseURL(r) + `/",service="ecr.amazonaws.com"`
}

// baseURL is how the client reaches us.
func (h *Handler) baseURL(r *http.Request) string {
	if h.PublicURL != "" {
		return strings.TrimSuffix(h.PublicURL, "/")
	}
	scheme := "http://"
	if origin.Of(r).Secure {
		scheme = "https://"
	}
	// The host goes into a quoted string; it comes from the client.
	if strings.ContainsAny(r.Host, `"\`) {
		return scheme + "localhost"
	}
	return scheme + r.Host
}
