package oidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Bounds of what issuers are asked and answer.
const (
	fetchTimeout = 10 * time.Second
	maxAnswer    = 256 << 10 // the largest key sets have a fifth of it
	maxRedirects = 3
	// An answer is not asked for again before it is this old, a failure not
	// before it is that old: tokens come from strangers, and each of them could
	// name a key that the issuer does not have.
	freshAnswer  = 10 * time.Second
	freshFailure = 3 * time.Second
	maxAnswers   = 4 // URLs of one issuer: discovery, keys, redirects
)

// fetcher is the transport to one issuer. It keeps to the issuer's scheme,
// bounds answers, and remembers them for a moment. Only GET is used.
type fetcher struct {
	next   http.RoundTripper
	issuer *url.URL
	now    func() time.Time

	mu    sync.Mutex
	known map[string]fetched
}

// fetched is what an address answered.
type fetched struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
	err    error
}

// newClient makes the client of one issuer.
func newClient(issuer *url.URL, next http.RoundTripper, now func() time.Time) *http.Client {
	return &http.Client{
		Transport: &fetcher{next: next, issuer: issuer, now: now, known: map[string]fetched{}},
		Timeout:   fetchTimeout,
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return nil // the transport checks where to
		},
	}
}

// RoundTrip is http.RoundTripper.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := f.allowed(r.URL); err != nil {
		return nil, err
	}
	key := r.URL.String()
	f.mu.Lock()
	known, ok := f.known[key]
	f.mu.Unlock()
	if !ok || !f.fresh(known) {
		known = f.fetch(r)
		if known.err != nil && r.Context().Err() != nil {
			return nil, known.err // the asker went away, which says nothing
		}
		f.remember(key, known)
	}
	if known.err != nil {
		return nil, known.err
	}
	return &http.Response{
		Status: http.StatusText(known.status), StatusCode: known.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: known.header, Body: io.NopCloser(bytes.NewReader(known.body)), ContentLength: int64(len(known.body)), Request: r,
	}, nil
}

// allowed refuses to leave https, and an issuer on this machine.
func (f *fetcher) allowed(to *url.URL) error {
	switch {
	case to.Scheme == "https":
		return nil
	case to.Scheme == "http" && f.issuer.Scheme == "http" && to.Host == f.issuer.Host:
		return nil
	}
	return fmt.Errorf("the issuer points to %s://%s: only https is followed", to.Scheme, to.Host)
}

func (f *fetcher) fresh(a fetched) bool {
	age := f.now().Sub(a.at)
	if a.err != nil {
		return age < freshFailure
	}
	return age < freshAnswer
}

func (f *fetcher) remember(key string, a fetched) {
	a.at = f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.known, func(_ string, old fetched) bool { return !f.fresh(old) })
	if len(f.known) >= maxAnswers {
		clear(f.known)
	}
	f.known[key] = a
}

// fetch asks. What is neither content nor a redirect is a failure.
func (f *fetcher) fetch(r *http.Request) fetched {
	r = r.WithContext(context.WithValue(r.Context(), reachKey{}, reachOf(f.issuer, r)))
	response, err := f.next.RoundTrip(r)
	if err != nil {
		return fetched{err: err}
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return fetched{status: response.StatusCode, header: response.Header}
	case response.StatusCode != http.StatusOK:
		return fetched{err: fmt.Errorf("%s answered %s", r.URL.Redacted(), response.Status)}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("%s answered more than %d bytes", r.URL.Redacted(), maxAnswer)
	}
	return fetched{status: response.StatusCode, header: response.Header, body: body, err: err}
}
