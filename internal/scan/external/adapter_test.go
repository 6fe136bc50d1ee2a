package external_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/scan/external"
)

const (
	newReport = "application/vnd.security.vulnerability.report; version=1.1"
	oldReport = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
	ociImage  = "application/vnd.oci.image.manifest.v1+json"
	digest    = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"
)

// adapter is a scanner adapter, that checks what it is asked as the specification
// has it and answers what a test wants.
type adapter struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	produce []string
	typed   bool
	// proof is the header and value that every request must have.
	header, value string
	// metadata, scan and report answer in place of the usual; nil: the usual.
	metadata, scan, report http.HandlerFunc
	// accepted is what was asked for, by the ids it was given.
	accepted []external.Request
	asked    []string // "METHOD path"
}

func newAdapter(t *testing.T, serve func(http.Handler) *httptest.Server) *adapter {
	t.Helper()
	a := &adapter{t: t, produce: []string{oldReport, newReport, "application/vnd.scanner.adapter.vuln.report.raw"}}
	a.Server = serve(a)
	t.Cleanup(a.Close)
	return a
}

func plainAdapter(t *testing.T) *adapter { return newAdapter(t, httptest.NewServer) }

func (a *adapter) endpoint() external.Endpoint {
	return external.Endpoint{URL: a.URL, Auth: external.NoAuth}
}

func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path)
	if a.header != "" && r.Header.Get(a.header) != a.value {
		a.refuse(w, http.StatusUnauthorized, "who are you?")
		return
	}
	answer := func(usual, instead http.HandlerFunc) {
		if instead != nil {
			usual = instead
		}
		a.mu.Unlock() // it may take its time
		defer a.mu.Lock()
		usual(w, r)
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/api/v1"); {
	case r.Method == http.MethodGet && path == "/metadata":
		a.want(r, "Accept", "application/vnd.scanner.adapter.metadata+json; version=1.0")
		answer(a.usualMetadata, a.metadata)
	case r.Method == http.MethodPost && path == "/scan":
		a.want(r, "Content-Type", "application/vnd.scanner.adapter.scan.request+json; version=1.0")
		a.want(r, "Accept", "application/vnd.scanner.adapter.scan.response+json; version=1.0")
		answer(a.usualScan, a.scan)
	case r.Method == http.MethodGet && strings.HasPrefix(path, "/scan/") && strings.HasSuffix(path, "/report"):
		a.want(r, "Accept", newReport)
		answer(a.usualReport, a.report)
	default:
		a.t.Errorf("the adapter was asked %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	}
}

func (a *adapter) want(r *http.Request, header, value string) {
	if got := r.Header.Get(header); got != value {
		a.t.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL.Path, header, got, value)
	}
}

func (a *adapter) refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/vnd.scanner.adapter.error+json; version=1.0")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":%q}}`, message)
}

func (a *adapter) usualMetadata(w http.ResponseWriter, _ *http.Request) {
	capability := map[string]any{
		"consumes_mime_types": []string{ociImage, "application/vnd.docker.distribution.manifest.v2+json"},
		"produces_mime_types": a.produce,
	}
	if a.typed {
		capability["type"] = "vulnerability"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"scanner":      map[string]string{"name": "Trivial", "vendor": "Nobody", "version": "0.1"},
		"capabilities": []any{map[string]any{"type": "sbom", "consumes_mime_types": []string{ociImage}, "produces_mime_types": []string{newReport}}, capability},
		"properties":   map[string]string{"harbor.scanner-adapter/vulnerability-database-updated-at": "2026-01-02T03:04:05Z"},
	})
}

func (a *adapter) usualScan(w http.ResponseWriter, r *http.Request) {
	var in external.Request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		a.t.Errorf("the request of a scan: %v", err)
	}
	a.mu.Lock()
	a.accepted = append(a.accepted, in)
	id := len(a.accepted)
	a.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":"scan %d/x"}`, id) // an id may be anything
}

func (a *adapter) usualReport(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/api/v1/scan/scan ") || !strings.Contains(r.URL.EscapedPath(), "%2Fx/report") {
		a.t.Errorf("the report was asked for as %s", r.URL.EscapedPath())
	}
	_, _ = w.Write([]byte(report))
}

// report is shaped as that of the adapter for Trivy.
const report = `{"generated_at":"2026-01-02T03:04:05Z","artifact":{"repository":"app","digest":"` + digest + `"},
"scanner":{"name":"Trivial","vendor":"Nobody","version":"0.1"},"severity":"Critical","vulnerabilities":[
{"id":"CVE-2024-0003","package":"zlib","version":"1.2","fix_version":"1.3","severity":"Low","description":"three","links":["javascript:alert(1)","https://avd.example/3"],"layer":{"digest":"sha256:aa"}},
{"id":"CVE-2024-0001","package":"openssl","version":"3.0.1","fix_version":"3.0.2","severity":"Critical","description":"one","links":["https://avd.example/1","https://nvd.example/1"],
 "preferred_cvss":{"score_v3":9.8,"score_v2":null,"vector_v3":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","vector_v2":""},"cwe_ids":["CWE-787","CWE-20"],
 "vendor_attributes":{"CVSS":{"nvd":{"V3Score":9.8,"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},"status":"fixed","tags":["x"]}},
{"id":"CVE-2024-0001","package":"openssl","version":"3.0.1","severity":"High"},
{"id":"CVE-2024-0004","package":"sh","version":"1","severity":"Negligible","links":null},
{"id":"CVE-2024-0005","package":"sh","version":"1","severity":"None"},
{"id":"GHSA-aaaa","package":"left","version":"1","severity":"Unknown","cve3_score":"7.5","cvss3_vector":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"},
{"id":"CVE-2024-0006","package":"sh","version":"1","severity":"whatever"}]}`

// client may call this machine.
func client() *external.Client {
	return &external.Client{Guard: outbound.New(outbound.Options{}), UserAgent: "ecru/test", MaxReport: 1 << 20}
}
