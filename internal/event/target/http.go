package target

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
)

const (
	// drained is how much of an answer is read so that its connection can be used
	// again, drainTime how long that may take.
	drained   = 64 << 10
	drainTime = 250 * time.Millisecond
	// longestRest is the longest that a target is left alone at its own wish.
	longestRest = 24 * time.Hour
)

// httpSender sends to an HTTP endpoint.
type httpSender struct {
	to        *destination
	target    event.Target
	transport http.RoundTripper
	options   *Options
}

// Send is delivery.Sender.
func (s *httpSender) Send(ctx context.Context, m delivery.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	r, err := s.request(ctx, m)
	if err != nil {
		return err
	}
	if s.to.tokens == nil {
		return s.try(ctx, r)
	}
	return s.tryWithToken(ctx, r)
}

// request makes the request, without a token.
func (s *httpSender) request(ctx context.Context, m delivery.Message) (*http.Request, error) {
	c := &composer{to: s.to, target: s.target, m: m, now: s.options.Now()}
	out, err := c.compose()
	if err != nil {
		return nil, err
	}
	path, err := c.path(s.to.endpoint.Path, pathValue)
	if err != nil {
		return nil, err
	}
	query, err := c.query()
	if err != nil {
		return nil, err
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, never(errors.New("the path of the endpoint is malformed"))
	}
	out.header.Set("User-Agent", "ecru/"+s.options.Version)
	if _, own := out.header["Idempotency-Key"]; !own {
		out.header["Idempotency-Key"] = nil // not sent; says that the request may be sent again on another connection
	}
	r := &http.Request{
		Method: s.to.method, Host: s.to.endpoint.Host, Header: out.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: s.to.endpoint.Scheme, Host: s.to.endpoint.Host, Path: plain, RawPath: path, RawQuery: query},
	}
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead, r.Method == http.MethodOptions:
		r.Header.Del("Content-Type")
	case len(out.body) > 0:
		withBody(r, out.body)
	}
	return r.WithContext(ctx), nil
}

// withBody gives a request a body that can be sent again.
func withBody(r *http.Request, body []byte) {
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body = io.NopCloser(bytes.NewReader(body))
}

// tryWithToken sends with a token, which is renewed once if it is refused.
func (s *httpSender) tryWithToken(ctx context.Context, r *http.Request) error {
	for renewed := false; ; renewed = true {
		token, err := s.to.tokens.get(ctx)
		if err != nil {
			return s.to.failure(ctx, err)
		}
		r.Header.Set("Authorization", token)
		err = s.try(ctx, r)
		var e *delivery.Error
		if !errors.As(err, &e) || e.Status != "HTTP 401" && e.Status != "HTTP 407" {
			return err
		}
		s.to.tokens.forget(token)
		if renewed {
			return err
		}
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return never(err)
			}
		}
	}
}

// try sends once. Redirects are not followed.
func (s *httpSender) try(ctx context.Context, r *http.Request) error {
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		return s.to.failure(ctx, err)
	}
	drain(response)
	return verdict(response, s.options.Now())
}

// drain reads what is left of an answer if that is little and comes soon.
func drain(response *http.Response) {
	defer response.Body.Close()
	if response.ContentLength == 0 || response.ContentLength > drained {
		return
	}
	timer := time.AfterFunc(drainTime, func() { response.Body.Close() })
	defer timer.Stop()
	//nolint:errcheck // the status has said it all
	io.CopyN(io.Discard, response.Body, drained)
}

// verdict is what a status says.
func verdict(response *http.Response, now time.Time) error {
	code := response.StatusCode
	if code >= 200 && code <= 299 {
		return nil
	}
	e := &delivery.Error{Status: "HTTP " + strconv.Itoa(code)}
	switch {
	case code == http.StatusUnauthorized, code == http.StatusProxyAuthRequired, code == http.StatusConflict,
		code == http.StatusTooManyRequests, code >= 500:
		e.After = retryAfter(response.Header.Get("Retry-After"), now)
	case code >= 300 && code <= 399:
		e.Permanent, e.Err = true, errors.New("redirects are not followed")
	default:
		e.Permanent = true
	}
	return e
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	var rest time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		rest = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		rest = at.Sub(now)
	}
	return min(max(rest, 0), longestRest)
}
