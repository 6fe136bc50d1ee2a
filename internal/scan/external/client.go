package external

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Bounds of calls.
const (
	// callTime is how long an adapter may take for an answer, and reportTime for
	// a whole report.
	callTime   = 20 * time.Second
	reportTime = time.Minute
	// maxAnswer bounds all answers but reports.
	maxAnswer = 1 << 20
	// maxID bounds what an adapter calls a scan.
	maxID = 512
	// maxWords bounds what is repeated of an adapter's errors.
	maxWords = 512
)

// AdapterError is what is wrong with an adapter, or what it said is wrong, in words for
// its owner. Unless it is Temporary, asking again is of no use.
type AdapterError struct {
	Message   string
	Temporary bool
	// Status is that of the answer, 0 without one.
	Status int
}

func (f *AdapterError) Error() string { return f.Message }

func faultf(format string, args ...any) *AdapterError {
	return &AdapterError{Message: fmt.Sprintf(format, args...)}
}

// notReadyError is the answer of an adapter that is working on a report.
type notReadyError struct{ after time.Duration }

func (n notReadyError) Error() string { return "the report is not ready" }

// Client calls adapters. It is safe for concurrent use.
type Client struct {
	Guard *outbound.Guard
	// UserAgent is what we call ourselves.
	UserAgent string
	// MaxReport bounds reports in bytes; zero: 64 MiB.
	MaxReport int64
}

// Metadata asks an adapter what it can do. Errors: *AdapterError.
func (c *Client) Metadata(ctx context.Context, e Endpoint) (Metadata, error) {
	var m Metadata
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.at("/metadata"), nil)
	if err != nil {
		return m, faultf("its URL cannot be called")
	}
	request.Header.Set("Accept", typeMetadata)
	err = c.call(ctx, e, request, callTime, func(answer *http.Response) error {
		return decodeAnswer(answer, http.StatusOK, &m)
	})
	if err == nil {
		err = m.check()
	}
	return m, plain(err)
}

// Submit asks an adapter to scan, and answers what it calls the scan.
// Errors: *AdapterError.
func (c *Client) Submit(ctx context.Context, e Endpoint, r Request) (string, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return "", faultf("the request cannot be encoded")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.at("/scan"), bytes.NewReader(body))
	if err != nil {
		return "", faultf("its URL cannot be called")
	}
	request.Header.Set("Content-Type", typeRequest)
	request.Header.Set("Accept", typeResponse)
	var accepted struct {
		ID string `json:"id"`
	}
	err = c.call(ctx, e, request, callTime, func(answer *http.Response) error {
		return decodeAnswer(answer, http.StatusAccepted, &accepted)
	})
	if err == nil && (accepted.ID == "" || len(accepted.ID) > maxID) {
		err = faultf("it has not said what it calls the scan")
	}
	return accepted.ID, plain(err)
}

// Report fetches the report of a scan as a media type. Errors: notReadyError, *AdapterError.
func (c *Client) Report(ctx context.Context, e Endpoint, id, mediaType, digest string) ([]match.Finding, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.at("/scan/"+url.PathEscape(id)+"/report"), nil)
	if err != nil {
		return nil, faultf("what it calls the scan cannot be called")
	}
	request.Header.Set("Accept", mediaType)
	var findings []match.Finding
	err = c.call(ctx, e, request, reportTime, func(answer *http.Response) error {
		switch {
		case answer.StatusCode == http.StatusFound:
			return notReadyError{refreshAfter(answer.Header)}
		case answer.StatusCode != http.StatusOK:
			return said(answer)
		}
		most := c.MaxReport
		if most <= 0 {
			most = 64 << 20
		}
		var err error
		findings, err = readReport(answer.Body, most, digest)
		return err
	})
	return findings, plain(err)
}

// plain answers a *AdapterError for whatever went wrong.
func plain(err error) error {
	var fault *AdapterError
	var wait notReadyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wait):
		return wait
	case errors.As(err, &fault):
		return fault
	}
	var denied *outbound.DeniedError
	return &AdapterError{Message: "it cannot be reached: " + reason(err), Temporary: !errors.As(err, &denied)}
}

// reason is why a call has failed, without the URL, which the owner knows.
func reason(err error) string {
	var denied *outbound.DeniedError
	var called *url.Error
	switch {
	case errors.As(err, &denied):
		return denied.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	case errors.As(err, &called):
		err = called.Err
	}
	return clean(err.Error())
}

// call sends a request and has its answer read. Redirects are not followed: the
// API has none, and they could lead credentials astray.
func (c *Client) call(ctx context.Context, e Endpoint, r *http.Request, within time.Duration, read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	config, err := e.tls()
	if err != nil {
		return faultf("%s", err)
	}
	transport := c.Guard.Transport()
	transport.TLSClientConfig, transport.ResponseHeaderTimeout, transport.DisableKeepAlives = config, callTime, true
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	e.prove(r)
	if c.UserAgent != "" {
		r.Header.Set("User-Agent", c.UserAgent)
	}
	answer, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	err = read(answer)
	var fault *AdapterError
	if errors.As(err, &fault) {
		fault.Message = strings.ReplaceAll(fault.Message, e.secretText(), "***")
	}
	return err
}

// secretText is what must not come back in the words of an adapter.
func (e *Endpoint) secretText() string {
	secret := e.Credential
	if e.Auth == Basic {
		_, secret, _ = strings.Cut(secret, ":")
	}
	if len(secret) < 4 {
		return "\x00" // a word of any error may have it in it
	}
	return secret
}

// tls is how the adapter is spoken to where that is by TLS.
func (e *Endpoint) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.SkipVerify} //nolint:gosec // if its owner says so
	if e.CA == "" {
		return config, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM([]byte(e.CA)) {
		return nil, errors.New("there is no certificate in PEM among those that shall vouch for it")
	}
	config.RootCAs = pool
	return config, nil
}

// decodeAnswer reads an answer of JSON.
func decodeAnswer(answer *http.Response, want int, into any) error {
	if answer.StatusCode != want {
		return said(answer)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxAnswer:
		return faultf("its answer is longer than %d bytes", maxAnswer)
	case json.Unmarshal(body, into) != nil:
		return faultf("its answer makes no sense: %s", excerpt(body))
	}
	return nil
}

// said is the error that an adapter has answered with. What stands between us and
// it, or is overloaded, may not be there the next time.
func said(answer *http.Response) *AdapterError {
	status := answer.StatusCode
	f := &AdapterError{Status: status, Temporary: status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout}
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	var worded struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	switch {
	case json.Unmarshal(body, &worded) == nil && worded.Error.Message != "":
		f.Message = clean(worded.Error.Message)
	case status >= 300 && status < 400:
		f.Message = fmt.Sprintf("it leads elsewhere (status %d), which is not followed", status)
	default:
		f.Message = fmt.Sprintf("it answered with status %d: %s", status, excerpt(body))
	}
	return f
}

func excerpt(body []byte) string {
	if text := clean(string(body[:min(len(body), 120)])); text != "" {
		return text
	}
	return "nothing"
}

// credentials are what registry credentials look like: ours are JWTs, and in
// base64 behind "AWS:".
var credentials = regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|QVdTOm[\w+/=-]{16,}`)

// clean makes one line of an adapter's words, without what must be in nobody's
// log: it may repeat the credential that it was given.
func clean(text string) string {
	text = credentials.ReplaceAllString(strings.ToValidUTF8(text, "?"), "***")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return text
}
