package conformance

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

const supportSection = "Determining Support"

const unknownSHA256 = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func apiCases() []testCase {
	return []testCase{
		{supportSection, "GET v2 answers 200", func(t *testing.T, r *registry) {
			r.do(t, http.MethodGet, "/v2/").want(t, http.StatusOK)
		}},
		{supportSection, "HEAD v2 answers 200 without a body", func(t *testing.T, r *registry) {
			r.do(t, http.MethodHead, "/v2/").want(t, http.StatusOK).wantBody(t, nil)
		}},
		{"Legacy Docker support HTTP headers", "GET v2 names the version of the API", func(t *testing.T, r *registry) {
			r.do(t, http.MethodGet, "/v2/").wantHeader(t, "Docker-Distribution-Api-Version", "registry/2.0")
		}},
		{"Authentication", "no credentials answer 401 with a challenge everywhere", missingCredentials},
		{"Authentication", "wrong credentials are refused", wrongCredentials},
		{"Authentication", "an unreadable Authorization header is refused", unreadableCredentials},
		{"Error Codes", "errors are JSON with the code of what is missing", errorShapes},
		{"Error Codes", "an unknown repository is NAME_UNKNOWN", unknownRepository},
		{"Endpoints", "other paths below v2 answer 404", otherPaths},
		{"RFC 9110 15.5.6", "a method that an endpoint lacks answers 405 with Allow", wrongMethods},
	}
}

// authorization replaces the credentials that the client sends; without a
// value it sends none.
func authorization(values ...string) option {
	return func(q *http.Request) { q.Header["Authorization"] = values }
}

func missingCredentials(t *testing.T, r *registry) {
	if r.user == "" {
		t.Skip("the registry asks for no credentials")
	}
	repo := r.repository(t)
	for _, q := range []struct{ method, path string }{
		{http.MethodGet, "/v2/"},
		{http.MethodGet, manifestPath(repo, "latest")},
		{http.MethodHead, manifestPath(repo, "latest")},
		{http.MethodPut, manifestPath(repo, "latest")},
		{http.MethodDelete, manifestPath(repo, "latest")},
		{http.MethodGet, blobPath(repo, unknownSHA256)},
		{http.MethodHead, blobPath(repo, unknownSHA256)},
		{http.MethodPost, uploadsPath(repo)},
		{http.MethodGet, tagsPath(repo)},
		{http.MethodGet, referrersPath(repo, unknownSHA256)},
	} {
		a := r.do(t, q.method, q.path, authorization())
		a.want(t, http.StatusUnauthorized)
		scheme, _, _ := strings.Cut(a.header.Get("WWW-Authenticate"), " ")
		if scheme != "Basic" && scheme != "Bearer" {
			t.Errorf("%s: challenge is %q", a.request, a.header.Get("WWW-Authenticate"))
		}
		if q.method != http.MethodHead && len(a.body) > 0 {
			a.wantError(t, "UNAUTHORIZED")
		}
	}
}

func wrongCredentials(t *testing.T, r *registry) {
	if r.user == "" {
		t.Skip("the registry asks for no credentials")
	}
	for _, pair := range []string{r.user + ":wrong", "someone:" + r.password, r.user + ":", ":"} {
		a := r.do(t, http.MethodGet, "/v2/", authorization("Basic "+base64.StdEncoding.EncodeToString([]byte(pair))))
		a.want(t, http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest)
	}
}

func unreadableCredentials(t *testing.T, r *registry) {
	if r.user == "" {
		t.Skip("the registry asks for no credentials")
	}
	for _, value := range []string{"Basic", "Basic !!!", "Basic " + strings.Repeat("A", 6000), "Bearer abc", "Nonsense x"} {
		a := r.do(t, http.MethodGet, "/v2/", authorization(value))
		a.want(t, http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest)
	}
}

func errorShapes(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.image(t, repo)
	lost := d
	lost.bytes = []byte("{")
	for _, c := range []struct {
		answer *answer
		status int
		codes  []string
	}{
		{r.do(t, http.MethodGet, manifestPath(repo, "none")), 404, []string{"MANIFEST_UNKNOWN", "NOT_FOUND"}},
		{r.do(t, http.MethodGet, manifestPath(repo, unknownSHA256)), 404, []string{"MANIFEST_UNKNOWN", "NOT_FOUND"}},
		{r.do(t, http.MethodGet, blobPath(repo, unknownSHA256)), 404, []string{"BLOB_UNKNOWN", "NOT_FOUND"}},
		{r.do(t, http.MethodGet, uploadsPath(repo)+"00000000-0000-4000-8000-000000000000"), 404, []string{"BLOB_UPLOAD_UNKNOWN", "NOT_FOUND"}},
		{r.putManifest(t, repo, "x", lost), 400, []string{"MANIFEST_INVALID"}},
		{r.putManifest(t, repo, unknownSHA256, d), 400, []string{"DIGEST_INVALID"}},
	} {
		c.answer.want(t, c.status).wantError(t, c.codes...)
		if kind := c.answer.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
			t.Errorf("%s: an error of type %q", c.answer.request, kind)
		}
	}
}

func unknownRepository(t *testing.T, r *registry) {
	repo := r.prefix + "/never-created"
	for _, path := range []string{
		manifestPath(repo, "latest"), manifestPath(repo, unknownSHA256),
		blobPath(repo, unknownSHA256), tagsPath(repo),
	} {
		a := r.do(t, http.MethodGet, path).want(t, http.StatusNotFound)
		a.wantError(t, "NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND")
		if r.ecru != nil {
			a.wantError(t, "NAME_UNKNOWN")
		}
	}
	a := r.do(t, http.MethodGet, referrersPath(repo, unknownSHA256))
	a.want(t, http.StatusOK, http.StatusNotFound)
}

func otherPaths(t *testing.T, r *registry) {
	repo := r.repository(t)
	for _, path := range []string{
		"/v2/" + repo, "/v2/" + repo + "/", "/v2/" + repo + "/manifests", "/v2/" + repo + "/tags",
		"/v2/" + repo + "/nothing/here", "/v2/manifests/latest", "/v2/" + repo + "/manifests/a/b",
	} {
		r.do(t, http.MethodGet, path).want(t, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest)
	}
}

func wrongMethods(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.pushImage(t, repo, "latest")
	layer := d.value.Layers[0].Digest
	for path, methods := range map[string][]string{
		"/v2/":                         {"POST", "PUT", "PATCH", "DELETE"},
		manifestPath(repo, "latest"):   {"POST", "PATCH"},
		manifestPath(repo, d.digest):   {"POST", "PATCH"},
		blobPath(repo, layer):          {"POST", "PUT", "PATCH"},
		tagsPath(repo):                 {"POST", "PUT", "PATCH", "DELETE"},
		referrersPath(repo, d.digest):  {"POST", "PUT", "PATCH", "DELETE"},
		uploadsPath(repo) + "some-one": {"POST"},
	} {
		for _, method := range methods {
			a := r.do(t, method, path)
			if a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s; want 405", a)
			} else if a.header.Get("Allow") == "" {
				t.Errorf("%s without Allow", a)
			}
		}
	}
	r.wantManifest(t, repo, "latest", d)
	r.do(t, http.MethodHead, blobPath(repo, layer)).want(t, http.StatusOK)
}
