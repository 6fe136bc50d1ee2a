package scanning

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

const apiKey = "the-key-of-the-scanner"

// adapter is a scanner that speaks Harbor's pluggable scanner API. It pulls what it
// is asked to scan, and tries what it must not be able to do.
type adapter struct {
	*httptest.Server
	t *testing.T

	mu            sync.Mutex
	polls         int
	fails         string // what reports fail with
	authorization string // of the last request
	registry      string
	tried         map[string]int // status by what was tried
}

func startAdapter(t *testing.T) *adapter {
	t.Helper()
	a := &adapter{t: t, tried: map[string]int{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Header.Get("X-ScannerAdapter-API-Key") != apiKey {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"message":"the key is missing"}}`)
		return
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/api/v1"); path {
	case "/metadata":
		fmt.Fprint(w, `{"scanner":{"name":"Trivial","vendor":"Nobody","version":"0.1"},"capabilities":[{"consumes_mime_types":["application/vnd.oci.image.manifest.v1+json","application/vnd.docker.distribution.manifest.v2+json"],`+
			`"produces_mime_types":["application/vnd.security.vulnerability.report; version=1.1"]}],"properties":{"harbor.scanner-adapter/vulnerability-database-updated-at":"2026-01-02T03:04:05Z"}}`)
	case "/scan":
		a.accept(w, r)
	case "/scan/1/report":
		a.report(w, r)
	default:
		a.t.Errorf("the scanner was asked %s %s", r.Method, r.URL)
	}
}

func (a *adapter) accept(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Registry struct{ URL, Authorization string }
		Artifact struct{ Repository, Digest string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		a.t.Error(err)
	}
	a.authorization, a.registry = in.Registry.Authorization, in.Registry.URL
	image := "/v2/" + in.Artifact.Repository
	manifest := a.try("manifest", http.MethodGet, image+"/manifests/"+in.Artifact.Digest)
	var m struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal(manifest, &m); err != nil || len(m.Layers) == 0 {
		a.t.Errorf("the manifest that the scanner was given: %s", manifest)
		return
	}
	a.try("login", http.MethodGet, "/v2/")
	a.try("layer", http.MethodGet, image+"/blobs/"+m.Layers[0].Digest)
	a.try("another repository", http.MethodGet, "/v2/secret/manifests/latest")
	a.try("deletion", http.MethodDelete, image+"/manifests/"+in.Artifact.Digest)
	a.try("push", http.MethodPost, image+"/blobs/uploads/")
	a.try("tags", http.MethodGet, image+"/tags/list")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"id":"1"}`)
}

// try asks the registry something with what the scanner was given.
func (a *adapter) try(what, method, path string) []byte {
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.registry+path, nil)
	if err != nil {
		a.t.Error(err)
		return nil
	}
	request.Header.Set("Authorization", a.authorization)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Error(err)
		return nil
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	a.tried[what] = answer.StatusCode
	return body
}

func (a *adapter) report(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Accept"); got != "application/vnd.security.vulnerability.report; version=1.1" {
		a.t.Errorf("the report was asked for as %q", got)
	}
	if a.polls++; a.polls == 1 {
		w.Header().Set("Refresh-After", "1")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
		return
	}
	if a.fails != "" {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"error":{"message":%q}}`, a.fails)
		return
	}
	fmt.Fprint(w, `{"vulnerabilities":[{"id":"CVE-2024-2","package":"b","version":"2","severity":"Low","links":["https://x.example/2"]},
{"id":"CVE-2024-1","package":"a","version":"1","fix_version":"1.1","severity":"Critical","description":"bad","links":["https://x.example/1"],"cwe_ids":["CWE-79"],
"preferred_cvss":{"score_v3":9.1,"vector_v3":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N"},"vendor_attributes":{"status":"fixed"}}]}`)
}

func (r *scanned) scanner(args ...string) string {
	r.t.Helper()
	return r.Run(r.t, append(append([]string{"scanner"}, args...), "--data", r.Data)...)
}

func alpine(t *testing.T, salt string) [][]byte {
	t.Helper()
	base, err := sample.Alpine("3.20.3")
	if err != nil {
		t.Fatal(err)
	}
	top, err := sample.Layer(map[string]string{"salt": salt})
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{base, top}
}

// TestAnotherScanner has a scanner of others make the basic scans, as Harbor's users
// do.
func TestAnotherScanner(t *testing.T) {
	r := start(t, server.Options{})
	a := startAdapter(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(apiKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		r.scanner("add", "trivial", "--url", a.URL, "--auth", "api-key", "--credential", key), r.scanner("test", "trivial"), r.scanner("list"),
	} {
		if !strings.Contains(text, "Trivial 0.1 of Nobody") || strings.Contains(text, apiKey) {
			t.Error(text)
		}
	}
	r.scanner("default", "trivial")
	r.CreateRepository(t, "secret")
	r.push("one", alpine(t, "one")...)
	out, findings := r.result("one")
	if out.ImageScanStatus.Status != types.ScanStatusComplete || len(findings) != 2 || out.ImageScanFindings.FindingSeverityCounts["CRITICAL"] != 1 ||
		out.ImageScanFindings.VulnerabilitySourceUpdatedAt.Unix() != 1767323045 {
		t.Fatalf("%+v %+v", out.ImageScanStatus, findings)
	}
	f := findings[0]
	var told []string
	for _, a := range f.Attributes {
		told = append(told, *a.Key+"="+*a.Value)
	}
	if *f.Name != "CVE-2024-1" || *f.Uri != "https://x.example/1" || f.Severity != types.FindingSeverityCritical ||
		!slices.Equal(told, []string{"package_version=1", "package_name=a", "CVSS3_VECTOR=CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N", "CVSS3_SCORE=9.1", "cwe_ids=CWE-79", "vendor.status=fixed"}) {
		t.Errorf("%s %s %s %q", *f.Name, *f.Uri, f.Severity, told)
	}
	a.checkTried(t)
	r.checkPulls(t)
	r.checkFailure(t, a)
	r.checkSecrets(t, a)

	if text := r.refused("remove", "trivial"); !strings.Contains(text, "is the default of 000000000000") {
		t.Error(text)
	}
	r.scanner("default", "builtin")
	r.scanner("remove", "trivial")
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.try("afterwards", http.MethodGet, "/v2/"); a.tried["afterwards"] != http.StatusUnauthorized {
		t.Errorf("a scanner that was removed still gets %d", a.tried["afterwards"])
	}
}

// checkTried makes sure that a scanner can pull its image, and nothing else.
func (a *adapter) checkTried(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for what, want := range map[string]int{
		"manifest": 200, "login": 200, "layer": 200, "another repository": 403, "deletion": 403, "push": 403, "tags": 403,
	} {
		if got := a.tried[what]; got != want {
			t.Errorf("the scanner tried: %s, and got %d, want %d", what, got, want)
		}
	}
}

// checkPulls makes sure that being scanned does not count as being used.
func (r *scanned) checkPulls(t *testing.T) {
	t.Helper()
	out, err := r.api.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("repo")})
	if err != nil {
		t.Fatal(err)
	}
	if at := out.ImageDetails[0].LastRecordedPullTime; at != nil {
		t.Errorf("the image was pulled at %v", at)
	}
}

func (r *scanned) checkFailure(t *testing.T, a *adapter) {
	t.Helper()
	a.mu.Lock()
	a.fails = "out of disk"
	a.mu.Unlock()
	r.push("two", alpine(t, "two")...)
	out, findings := r.result("two")
	if out.ImageScanStatus.Status != types.ScanStatusFailed || aws.ToString(out.ImageScanStatus.Description) != "ScanError: The scanner 'trivial' could not scan the image: out of disk." || len(findings) != 0 {
		t.Errorf("%s %s", out.ImageScanStatus.Status, aws.ToString(out.ImageScanStatus.Description))
	}
}

// checkSecrets makes sure that neither credential is where others look.
func (r *scanned) checkSecrets(t *testing.T, a *adapter) {
	t.Helper()
	a.mu.Lock()
	given := strings.TrimPrefix(a.authorization, "Basic ")
	a.mu.Unlock()
	places := r.Log()
	for _, name := range []string{"ecru.db", "ecru.db-wal"} {
		content, err := os.ReadFile(filepath.Join(r.Data, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		places += string(content)
	}
	if strings.Contains(places, apiKey) || strings.Contains(places, given) {
		t.Error("a credential is in the log or the database")
	}
}

// refused runs a command that must fail, and answers what it says.
func (r *scanned) refused(args ...string) string {
	r.t.Helper()
	out, err := exec.CommandContext(r.t.Context(), server.Binary(r.t), append(append([]string{"scanner"}, args...), "--data", r.Data)...).CombinedOutput()
	if err == nil {
		r.t.Errorf("ecru scanner %v has worked: %s", args, out)
	}
	return string(out)
}

func TestAScannerThatCannotBeUsedIsNotAdded(t *testing.T) {
	r := start(t, server.Options{})
	a := startAdapter(t)
	for want, args := range map[string][]string{
		"the key is missing":       {"add", "x", "--url", a.URL},
		"cannot be reached":        {"add", "x", "--url", "http://127.0.0.1:1"},
		"off limits":               {"add", "x", "--url", "http://169.254.169.254"},
		"must be 1 to 63":          {"add", "builtin", "--url", a.URL},
		"one of http or https":     {"add", "x", "--url", "ftp://x"},
		"must be an http or https": {"add", "x", "--url", a.URL, "--registry-url", "x"},
		"cannot be found":          {"default", "x"},
	} {
		if text := r.refused(args...); !strings.Contains(text, want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%v: %s", args, text)
		}
	}
}
