package oci_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/oci"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = "000000000000"
	repo    = "team/app"
)

// world is a registry with one empty repository behind a real HTTP server.
type world struct {
	*testing.T
	service  *service.Service
	store    *sql.Store
	tokens   *iam.Tokens
	layerKey []byte
	server   *httptest.Server
	client   *http.Client
	password string
	skew     *atomic.Int64 // by which the handler's clock is ahead
}

// in is the world in a subtest.
func (w *world) in(t *testing.T) *world {
	sub := *w
	sub.T = t
	return &sub
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := sql.Open(t.Context(), sql.Config{URL: "sqlite:" + filepath.Join(dir, "ecru.db"), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	content, err := disk.New(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	s := service.New(service.Config{
		Default: registry.Scope{Account: account, Region: "us-east-1"},
		Store:   store, Content: content, Limits: service.DefaultLimits(),
		Secret: []byte("secret"), Logger: logger,
	})
	w := &world{
		T: t, service: s, store: store, tokens: iam.NewTokens([]byte("key"), "us-east-1"),
		layerKey: []byte("layers"), client: &http.Client{}, skew: &atomic.Int64{},
	}
	handler := oci.New(oci.Config{
		Registry: s, Tokens: w.tokens, LayerKey: w.layerKey, Logger: logger,
		Now: func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) },
	})
	w.server = httptest.NewServer(handler)
	t.Cleanup(w.server.Close)
	w.client.Transport = w.server.Client().Transport
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.password = w.issue(account, time.Now())
	w.create(repo)
	return w
}

// issue makes the password of an account's root.
func (w *world) issue(account string, now time.Time) string {
	w.Helper()
	return w.issueTo(iam.RootPrincipal(account, "AKIA"+account), now)
}

// issueTo makes the password of a principal, whose key it makes, too.
func (w *world) issueTo(p iam.Principal, now time.Time) string {
	w.Helper()
	if err := w.store.CreateAccessKey(w.Context(), w.keyOf(p), 0); err != nil && !errors.Is(err, meta.ErrExists) {
		w.Fatal(err)
	}
	password, _, err := w.tokens.Issue(p, now)
	if err != nil {
		w.Fatal(err)
	}
	return password
}

// keyOf is the long-lived key of a principal.
func (w *world) keyOf(p iam.Principal) meta.AccessKey {
	return meta.AccessKey{ID: p.AccessKeyID, Account: p.Account, Principal: p.ARN, UserID: p.UserID, Active: true, CreatedAt: time.Now()}
}

func (w *world) root() service.Caller {
	return service.Caller{Principal: iam.RootPrincipal(account, "AKIA")}
}

func (w *world) create(name string) {
	w.Helper()
	if _, err := w.service.CreateRepository(w.Context(), w.root(), service.CreateRepository{Name: name}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) allowMounting() {
	w.Helper()
	if err := w.service.PutAccountSetting(w.Context(), w.root(), registry.SettingBlobMounting, registry.MountingEnabled); err != nil {
		w.Fatal(err)
	}
}

// option changes a request.
type option func(*http.Request)

func header(key, value string) option {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

func body(content []byte) option {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
	}
}

// stream is a body whose length is not announced.
func stream(content []byte) option {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), -1
	}
}

func anonymous(r *http.Request) { r.Header.Del("Authorization") }

// answer is a whole answer.
type answer struct {
	*http.Response
	body []byte
}

func (w *world) do(method, target string, options ...option) *answer {
	w.Helper()
	if strings.HasPrefix(target, "/") {
		target = w.server.URL + target
	}
	r, err := http.NewRequestWithContext(w.Context(), method, target, nil)
	if err != nil {
		w.Fatal(err)
	}
	r.SetBasicAuth("AWS", w.password)
	for _, o := range options {
		o(r)
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatalf("%s %s: %v", method, target, err)
	}
	return &answer{response, content}
}

// want does a request and fails the test unless it answers status and, for an
// error, code.
func (w *world) want(status int, code, method, target string, options ...option) *answer {
	w.Helper()
	a := w.do(method, target, options...)
	if a.StatusCode != status {
		w.Fatalf("%s %s answered %d %s, want %d", method, target, a.StatusCode, clip(a.body), status)
	}
	if code != "" {
		if got := a.problem().Code; got != code {
			w.Fatalf("%s %s answered %s, want code %s", method, target, clip(a.body), code)
		}
	}
	return a
}

func clip(b []byte) []byte { return b[:min(len(b), 400)] }

type entry struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (a *answer) problem() entry {
	var document struct {
		Errors []entry `json:"errors"`
	}
	if json.Unmarshal(a.body, &document) != nil || len(document.Errors) != 1 {
		return entry{}
	}
	return document.Errors[0]
}

func (w *world) wantHeaders(a *answer, pairs ...string) {
	w.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := a.Header.Get(pairs[i]); got != pairs[i+1] {
			w.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL, pairs[i], got, pairs[i+1])
		}
	}
}

func (w *world) wantBody(a *answer, want []byte) {
	w.Helper()
	if !bytes.Equal(a.body, want) {
		w.Errorf("%s %s: a body of %d bytes, want other %d", a.Request.Method, a.Request.URL, len(a.body), len(want))
	}
}

func sha(content []byte) string      { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }
func sha512of(content []byte) string { return fmt.Sprintf("sha512:%x", sha512.Sum512(content)) }

// noise is content that differs by seed.
func noise(seed string, size int) []byte {
	return bytes.Repeat([]byte(seed+"."), size/(len(seed)+1)+1)[:size]
}

func (w *world) pushBlob(name string, content []byte) string {
	w.Helper()
	digest := sha(content)
	w.want(201, "", "POST", "/v2/"+name+"/blobs/uploads/?digest="+digest, body(content))
	return digest
}

// image pushes the blobs of an image and answers its manifest.
func (w *world) image(name, seed string, more ...string) []byte {
	w.Helper()
	config, layer := []byte(`{"seed":"`+seed+`"}`), noise(seed, 100)
	w.pushBlob(name, config)
	w.pushBlob(name, layer)
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]%s}`,
		registry.MediaTypeOCIManifest, sha(config), len(config), sha(layer), len(layer), strings.Join(more, ""))
}

func (w *world) pushManifest(name, ref string, manifest []byte) *answer {
	w.Helper()
	return w.want(201, "", "PUT", "/v2/"+name+"/manifests/"+ref, body(manifest), header("Content-Type", registry.MediaTypeOCIManifest))
}

// follow answers where an answer points, as a client resolves it.
func (w *world) follow(a *answer, query ...string) string {
	w.Helper()
	u, err := a.Request.URL.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		w.Fatalf("Location %q: %v", a.Header.Get("Location"), err)
	}
	q := u.Query()
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// next answers the page that a Link points at, "" for none.
func (w *world) next(a *answer) string {
	w.Helper()
	link := a.Header.Get("Link")
	if link == "" {
		return ""
	}
	target, ok := strings.CutSuffix(link, `>; rel="next"`)
	if !ok || !strings.HasPrefix(target, "<") {
		w.Fatalf("Link %q", link)
	}
	u, err := a.Request.URL.Parse(target[1:])
	if err != nil {
		w.Fatal(err)
	}
	return u.String()
}

func escape(s string) string { return url.QueryEscape(s) }
