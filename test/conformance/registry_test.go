package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	requestTimeout = 60 * time.Second
	maxAnswer      = 256 << 20
)

// registry is the registry under test.
type registry struct {
	base, host, user, password string
	prefix                     string
	client                     *http.Client
	create                     func(t *testing.T, name string)
	// ecru is the server when it is ours: cases that look at the process or
	// the data directory need it, and skip without.
	ecru *server.Server
}

// answer is a whole response.
type answer struct {
	request string
	status  int
	header  http.Header
	body    []byte
}

// option changes a request before it is sent.
type option func(*http.Request)

func header(key, value string) option {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

func body(content []byte) option {
	return func(r *http.Request) {
		r.Body = io.NopCloser(bytes.NewReader(content))
		r.ContentLength = int64(len(content))
	}
}

// stream sends a body whose length the server is not told.
func stream(content io.Reader) option {
	return func(r *http.Request) {
		r.Body = io.NopCloser(content)
		r.ContentLength = -1
	}
}

func mediaType(value string) option { return header("Content-Type", value) }

func contentRange(from, size int) option {
	return header("Content-Range", fmt.Sprintf("%d-%d", from, from+size-1))
}

// do sends a request to a path below the registry, or to a whole URL.
func (r *registry) do(t *testing.T, method, target string, options ...option) *answer {
	t.Helper()
	a, err := r.try(t.Context(), method, target, options...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

func (r *registry) try(ctx context.Context, method, target string, options ...option) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if strings.HasPrefix(target, "/") {
		target = r.base + target
	}
	request, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		o(request)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	return &answer{method + " " + target, response.StatusCode, response.Header, content}, nil
}

// repository returns the name of a new, empty repository.
func (r *registry) repository(t *testing.T) string {
	t.Helper()
	name := r.prefix + "/" + strings.ToLower(rand.Text()[:12])
	r.create(t, name)
	return name
}

func (a *answer) String() string {
	text := a.body
	if len(text) > 300 {
		text = append(slices.Clone(text[:300]), "…"...)
	}
	return fmt.Sprintf("%s answered %d %s", a.request, a.status, text)
}

// want fails the test unless the status is one of those allowed.
func (a *answer) want(t *testing.T, statuses ...int) *answer {
	t.Helper()
	if !slices.Contains(statuses, a.status) {
		t.Fatalf("%s; want %v", a, statuses)
	}
	return a
}

func (a *answer) wantHeader(t *testing.T, key, value string) *answer {
	t.Helper()
	if got := a.header.Get(key); got != value {
		t.Errorf("%s: header %s is %q, want %q", a.request, key, got, value)
	}
	return a
}

func (a *answer) wantBody(t *testing.T, content []byte) *answer {
	t.Helper()
	if !bytes.Equal(a.body, content) {
		t.Errorf("%s: body of %d bytes differs from the expected %d bytes", a.request, len(a.body), len(content))
	}
	return a
}

// refused fails the test unless the request was refused as the client's fault.
func (a *answer) refused(t *testing.T) *answer {
	t.Helper()
	if a.status < 400 || a.status >= 500 {
		t.Fatalf("%s; want a 4xx status", a)
	}
	return a
}

var errorCode = regexp.MustCompile(`^[A-Z_]+$`)

// wantError fails the test unless the body is the error document of the
// specification with one of the codes.
func (a *answer) wantError(t *testing.T, codes ...string) *answer {
	t.Helper()
	var document struct {
		Errors []struct {
			Code    string `json:"code"`
			Message any    `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(a.body, &document); err != nil || len(document.Errors) == 0 {
		t.Fatalf("%s; want an error document (%v)", a, err)
	}
	for _, e := range document.Errors {
		if _, isText := e.Message.(string); !errorCode.MatchString(e.Code) || !isText {
			t.Errorf("%s; want a code in capitals and a text", a)
		}
		if len(codes) > 0 && !slices.Contains(codes, e.Code) {
			t.Errorf("%s; want code %v", a, codes)
		}
	}
	return a
}

// location returns the absolute URL of the Location header.
func (a *answer) location(t *testing.T) string {
	t.Helper()
	value := a.header.Get("Location")
	if value == "" {
		t.Fatalf("%s without Location", a)
	}
	_, target, _ := strings.Cut(a.request, " ")
	base, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := base.Parse(value)
	if err != nil {
		t.Fatalf("Location %q: %v", value, err)
	}
	return ref.String()
}

// withQuery adds parameters to a URL and keeps those that it has: they may be
// state of the server.
func withQuery(t *testing.T, target string, pairs ...string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func sha256Of(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }
func sha512Of(content []byte) string { return fmt.Sprintf("sha512:%x", sha512.Sum512(content)) }

// content returns bytes that no other case has.
func content(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

func blobPath(repo, digest string) string   { return "/v2/" + repo + "/blobs/" + digest }
func manifestPath(repo, ref string) string  { return "/v2/" + repo + "/manifests/" + ref }
func uploadsPath(repo string) string        { return "/v2/" + repo + "/blobs/uploads/" }
func tagsPath(repo string) string           { return "/v2/" + repo + "/tags/list" }
func referrersPath(repo, dig string) string { return "/v2/" + repo + "/referrers/" + dig }

// startUpload opens a session and returns its URL and the smallest chunk that
// the registry takes.
func (r *registry) startUpload(t *testing.T, repo string) (location string, chunk int) {
	t.Helper()
	a := r.do(t, http.MethodPost, uploadsPath(repo)).want(t, http.StatusAccepted)
	chunk = 1 << 10
	if minimum, err := strconv.Atoi(a.header.Get("OCI-Chunk-Min-Length")); err == nil {
		chunk = max(chunk, minimum)
	}
	return a.location(t), chunk
}

func (r *registry) complete(t *testing.T, location, digest string, options ...option) *answer {
	t.Helper()
	return r.do(t, http.MethodPut, withQuery(t, location, "digest", digest), options...)
}

// pushBlob uploads content and returns its sha256 digest.
func (r *registry) pushBlob(t *testing.T, repo string, content []byte) string {
	t.Helper()
	digest := sha256Of(content)
	r.pushBlobAs(t, repo, digest, content)
	return digest
}

func (r *registry) pushBlobAs(t *testing.T, repo, digest string, content []byte) {
	t.Helper()
	location, _ := r.startUpload(t, repo)
	r.complete(t, location, digest, body(content), mediaType("application/octet-stream")).want(t, http.StatusCreated)
}

func (r *registry) wantNoBlob(t *testing.T, repo, digest string) {
	t.Helper()
	r.do(t, http.MethodHead, blobPath(repo, digest)).want(t, http.StatusNotFound)
}

func (r *registry) wantBlob(t *testing.T, repo, digest string, content []byte) {
	t.Helper()
	r.do(t, http.MethodGet, blobPath(repo, digest)).want(t, http.StatusOK).wantBody(t, content)
}
