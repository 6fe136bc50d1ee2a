package conformance

import (
	"net/http"
	"strings"
	"testing"
)

const nameSection = "Pulling manifests: names and references"

func nameCases() []testCase {
	return []testCase{
		{nameSection, "names outside the grammar are refused", badNames},
		{nameSection, "names outside the grammar start no upload", badNamesOnPush},
		{nameSection, "a path that leaves the repository is refused", leavingPaths},
		{nameSection, "names with every allowed separator work", goodNames},
		{nameSection, "a percent-encoded path means the same path", encodedPaths},
		{nameSection, "tags outside the grammar are refused", badTags},
		{nameSection, "tags at the edges of the grammar work", goodTags},
		{nameSection, "malformed digests are refused", badDigests},
	}
}

func badNameList() []string {
	return []string{
		"UPPER/case", "conformance/Upper", "-leading", "trailing-", "a//b", "a___b", "a/.b", "a..b", "_a",
		"a/-b", "a.", "a b", "é", "a/b%00c", "a@b", "a:b", strings.Repeat("a", 257),
		strings.Repeat("long/", 60) + "name",
	}
}

// escape leaves what is escaped already and encodes what a URL cannot hold.
func escape(name string) string {
	return strings.NewReplacer(" ", "%20", "é", "%C3%A9").Replace(name)
}

func badNames(t *testing.T, r *registry) {
	for _, name := range badNameList() {
		name = escape(name)
		r.do(t, http.MethodGet, manifestPath(name, "latest")).want(t, 400, 404).wantError(t)
		r.do(t, http.MethodGet, tagsPath(name)).want(t, 400, 404).wantError(t)
		r.do(t, http.MethodGet, blobPath(name, unknownSHA256)).want(t, 400, 404).wantError(t)
	}
}

func badNamesOnPush(t *testing.T, r *registry) {
	for _, name := range badNameList() {
		name = escape(name)
		r.do(t, http.MethodPost, uploadsPath(name)).want(t, 400, 404).wantError(t)
		r.do(t, http.MethodPut, manifestPath(name, "latest"), body([]byte("{}")), mediaType(ociImage)).
			want(t, 400, 404).wantError(t)
	}
}

// A cleaned path would be another repository's, so a redirect to it is as wrong
// as serving it.
func leavingPaths(t *testing.T, r *registry) {
	repo := r.repository(t)
	r.pushImage(t, repo, "latest")
	for _, path := range []string{
		"/v2/other/../" + repo + "/manifests/latest",
		"/v2/other/%2e%2e/" + repo + "/manifests/latest",
		"/v2/other%2f..%2f" + repo + "/manifests/latest",
		"/v2/./" + repo + "/manifests/latest",
		"/v2/" + repo + "/manifests/../manifests/latest",
		"/v2/" + repo + "/blobs/uploads/..%2f..%2f..%2fetc%2fpasswd",
		"/v2/" + repo + "/blobs/uploads/%2e%2e",
		"/v2/" + repo + "/manifests/..%2f..%2fx",
		"/v2/../../etc/passwd",
		"/v2//" + repo + "/manifests/latest",
	} {
		r.do(t, http.MethodGet, path).refused(t)
	}
}

func goodNames(t *testing.T, r *registry) {
	for _, suffix := range []string{"a", "0", "a.b", "a_b", "a__b", "a-b", "a--b", "a/b/c/d", "manifests", "blobs/uploads/x", "tags/list", "referrers"} {
		repo := r.repository(t) + "/" + suffix
		r.create(t, repo)
		d := r.pushImage(t, repo, "latest")
		r.wantManifest(t, repo, "latest", d)
		r.wantBlob(t, repo, d.value.Config.Digest, r.do(t, http.MethodGet, blobPath(repo, d.value.Config.Digest)).body)
		r.do(t, http.MethodGet, tagsPath(repo)).want(t, http.StatusOK)
	}
}

func encodedPaths(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.pushImage(t, repo, "latest")
	encoded := strings.Replace(d.digest, ":", "%3A", 1)
	r.do(t, http.MethodGet, manifestPath(repo, encoded)).want(t, http.StatusOK).wantBody(t, d.bytes)
	layer := strings.Replace(d.value.Layers[0].Digest, ":", "%3A", 1)
	r.do(t, http.MethodHead, blobPath(repo, layer)).want(t, http.StatusOK)
	r.do(t, http.MethodGet, manifestPath(repo, "%6catest")).want(t, http.StatusOK).wantBody(t, d.bytes)
}

func badTags(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.image(t, repo)
	for _, tag := range []string{".a", "-a", "a+b", "a%20b", "a@b", "%C3%A9", "a%00", strings.Repeat("a", 129), "a:b", "%23"} {
		r.putManifest(t, repo, tag, d).want(t, 400, 404).wantError(t)
		r.do(t, http.MethodGet, manifestPath(repo, tag)).want(t, 400, 404).wantError(t)
	}
	if tags, _ := r.tags(t, tagsPath(repo)); len(tags) > 0 {
		t.Errorf("refused tags are listed: %q", tags)
	}
}

func goodTags(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.image(t, repo)
	for _, tag := range []string{"a", "_", "A", "0", "v1.2-3_4", "__..--", strings.Repeat("a", 128), "sha256-abc.sig", "latest"} {
		r.push(t, repo, tag, d)
		r.wantManifest(t, repo, tag, d)
	}
}

func badDigests(t *testing.T, r *registry) {
	repo := r.repository(t)
	zeros := strings.Repeat("0", 64)
	for _, digest := range []string{
		"sha256:", "sha256:abc", "sha256:" + zeros + "0", "sha256:" + strings.Repeat("A", 64),
		"sha256:" + strings.Repeat("g", 64), "sha512:" + zeros, "md5:d41d8cd98f00b204e9800998ecf8427e",
		":" + zeros, "SHA256:" + zeros,
	} {
		r.do(t, http.MethodGet, blobPath(repo, digest)).want(t, 400).wantError(t, "DIGEST_INVALID", "UNSUPPORTED")
		r.do(t, http.MethodHead, blobPath(repo, digest)).want(t, 400)
		r.do(t, http.MethodGet, manifestPath(repo, digest)).want(t, 400, 404).wantError(t)
		r.do(t, http.MethodGet, referrersPath(repo, digest)).want(t, 400).wantError(t)
		r.do(t, http.MethodDelete, blobPath(repo, digest)).want(t, 400).wantError(t)
	}
	r.do(t, http.MethodGet, blobPath(repo, zeros)).want(t, 400, 404).wantError(t)
}
