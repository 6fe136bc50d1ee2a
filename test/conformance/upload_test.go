package conformance

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const (
	monolithicSection = "Pushing a blob monolithically"
	singlePostSection = "Single POST"
)

func uploadCases() []testCase {
	return []testCase{
		{monolithicSection, "POST answers 202 with a Location that can be used", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			a := r.do(t, http.MethodPost, uploadsPath(repo)).want(t, http.StatusAccepted)
			r.do(t, http.MethodGet, a.location(t)).want(t, http.StatusNoContent)
		}},
		{monolithicSection, "every POST opens a session of its own", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			one, _ := r.startUpload(t, repo)
			other, _ := r.startUpload(t, repo)
			if one == other {
				t.Errorf("two sessions at %s", one)
			}
		}},
		{monolithicSection, "PUT of the whole blob answers 201 with a Location to pull from", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(3000)
			location, _ := r.startUpload(t, repo)
			a := r.complete(t, location, sha256Of(c), body(c), mediaType("application/octet-stream"))
			a.want(t, http.StatusCreated)
			if digest := a.header.Get("Docker-Content-Digest"); digest != "" {
				a.wantHeader(t, "Docker-Content-Digest", sha256Of(c))
			}
			r.do(t, http.MethodGet, a.location(t)).want(t, http.StatusOK).wantBody(t, c)
		}},
		{monolithicSection, "PUT of a body of unknown length is taken", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(300000)
			location, _ := r.startUpload(t, repo)
			r.complete(t, location, sha256Of(c), stream(bytes.NewReader(c))).want(t, http.StatusCreated)
			r.wantBlob(t, repo, sha256Of(c), c)
		}},
		{monolithicSection, "a blob of many megabytes comes back whole", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(24<<20)
			r.wantBlob(t, repo, r.pushBlob(t, repo, c), c)
		}},
		{monolithicSection, "an empty blob is a blob", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.wantBlob(t, repo, r.pushBlob(t, repo, nil), nil)
		}},
		{monolithicSection, "a wrong digest is refused and nothing is stored", wrongDigest},
		{monolithicSection, "PUT without a digest is refused", func(t *testing.T, r *registry) {
			location, _ := r.startUpload(t, r.repository(t))
			r.do(t, http.MethodPut, location, body(content(10))).want(t, 400).wantError(t, "DIGEST_INVALID")
		}},
		{monolithicSection, "PUT with a malformed digest is refused", malformedUploadDigest},
		{monolithicSection, "pushing a blob again answers 201", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(100)
			r.pushBlob(t, repo, c)
			r.wantBlob(t, repo, r.pushBlob(t, repo, c), c)
		}},
		{monolithicSection, "clients that push the same blob at once all get 201", samePushes},
		{singlePostSection, "POST with a digest answers 201, or 202 with a session", singlePost},
		{singlePostSection, "an empty blob can be posted", func(t *testing.T, r *registry) {
			r.singlePost(t, r.repository(t), sha256Of(nil), nil)
		}},
		{singlePostSection, "a wrong digest is refused and nothing is stored", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(100)
			path := withQuery(t, uploadsPath(repo), "digest", unknownSHA256)
			a := r.do(t, http.MethodPost, path, body(c), mediaType("application/octet-stream"))
			if a.want(t, 400, http.StatusAccepted).status == 400 {
				a.wantError(t, "DIGEST_INVALID", "BLOB_UPLOAD_INVALID")
			}
			r.wantNoBlob(t, repo, unknownSHA256)
			r.wantNoBlob(t, repo, sha256Of(c))
		}},
		{singlePostSection, "a malformed digest is refused", func(t *testing.T, r *registry) {
			path := withQuery(t, uploadsPath(r.repository(t)), "digest", "sha256:abc")
			a := r.do(t, http.MethodPost, path, body(content(10)), mediaType("application/octet-stream"))
			a.want(t, 400, http.StatusAccepted)
		}},
	}
}

func wrongDigest(t *testing.T, r *registry) {
	repo, c := r.repository(t), content(100)
	location, _ := r.startUpload(t, repo)
	a := r.complete(t, location, unknownSHA256, body(c)).want(t, http.StatusBadRequest)
	a.wantError(t, "DIGEST_INVALID", "BLOB_UPLOAD_INVALID")
	r.wantNoBlob(t, repo, unknownSHA256)
	r.wantNoBlob(t, repo, sha256Of(c))
	r.do(t, http.MethodGet, location).want(t, http.StatusNoContent, http.StatusNotFound)
}

func malformedUploadDigest(t *testing.T, r *registry) {
	repo := r.repository(t)
	for _, digest := range []string{"", "sha256:", "sha256:abc", "abc", "md5:d41d8cd98f00b204e9800998ecf8427e",
		"sha256:" + strings.Repeat("Z", 64), strings.Repeat("sha256:", 1000)} {
		location, _ := r.startUpload(t, repo)
		r.complete(t, location, digest, body(content(10))).want(t, 400).wantError(t)
	}
}

func samePushes(t *testing.T, r *registry) {
	repo, c := r.repository(t), content(200000)
	digest := sha256Of(c)
	var group sync.WaitGroup
	for range 8 {
		location, _ := r.startUpload(t, repo)
		group.Go(func() {
			a, err := r.try(t.Context(), http.MethodPut, withQuery(t, location, "digest", digest), body(c))
			if err != nil {
				t.Error(err)
			} else if a.status != http.StatusCreated {
				t.Errorf("%s; want 201", a)
			}
		})
	}
	group.Wait()
	r.wantBlob(t, repo, digest, c)
}

func singlePost(t *testing.T, r *registry) {
	r.singlePost(t, r.repository(t), "", content(2000))
}

// singlePost posts a blob; a registry may answer with a session instead.
func (r *registry) singlePost(t *testing.T, repo, digest string, c []byte) {
	t.Helper()
	if digest == "" {
		digest = sha256Of(c)
	}
	a := r.do(t, http.MethodPost, withQuery(t, uploadsPath(repo), "digest", digest), body(c), mediaType("application/octet-stream"))
	if a.want(t, http.StatusCreated, http.StatusAccepted).status == http.StatusAccepted {
		a = r.complete(t, a.location(t), digest, body(c)).want(t, http.StatusCreated)
	}
	r.do(t, http.MethodGet, a.location(t)).want(t, http.StatusOK).wantBody(t, c)
	r.wantBlob(t, repo, digest, c)
}

// slowly gives its content in small pieces, so that a server sees many reads.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) {
	return s.Reader.Read(p[:min(len(p), 1000)])
}
