package conformance

import (
	"net/http"
	"strings"
	"testing"
)

const (
	stateSection  = "Upload sessions: status, resume, cancel"
	mountSection  = "Mounting a blob from another repository"
	sha512Section = "Digests: sha512 (image-spec, registered algorithms)"
)

func uploadStateCases() []testCase {
	return []testCase{
		{stateSection, "GET tells what has arrived", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.wantOffset(t, r, 0)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			u.wantOffset(t, r, u.size)
		}},
		{stateSection, "an upload goes on at the Location and Range of GET", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			u.location = r.do(t, http.MethodGet, u.location).want(t, http.StatusNoContent).location(t)
			u.patch(t, r, 1).want(t, http.StatusAccepted)
			u.finish(t, r, nil)
		}},
		{stateSection, "DELETE answers 204 and the session is gone", cancelUpload},
		{stateSection, "a completed session is gone", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(10)
			location, _ := r.startUpload(t, repo)
			r.complete(t, location, sha256Of(c), body(c)).want(t, http.StatusCreated)
			r.do(t, http.MethodGet, location).want(t, http.StatusNotFound)
			r.do(t, http.MethodPatch, location, body(c)).want(t, http.StatusNotFound)
			r.wantBlob(t, repo, sha256Of(c), c)
		}},
		{stateSection, "an unknown session answers 404", func(t *testing.T, r *registry) {
			for _, id := range []string{"00000000-0000-4000-8000-000000000000", "x", strings.Repeat("x", 2000), "%00"} {
				wantNoSession(t, r, uploadsPath(r.repository(t))+id)
			}
		}},
		{stateSection, "a session belongs to its repository", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			wantNoSession(t, r, strings.Replace(u.location, "/"+u.repo+"/", "/"+r.repository(t)+"/", 1))
			u.patchAll(t, r)
		}},
	}
}

func cancelUpload(t *testing.T, r *registry) {
	for _, chunks := range []int{0, 1} {
		u := r.chunked(t)
		if chunks > 0 {
			u.patch(t, r, 0).want(t, http.StatusAccepted)
		}
		r.do(t, http.MethodDelete, u.location).want(t, http.StatusNoContent)
		wantNoSession(t, r, u.location)
		r.wantNoBlob(t, u.repo, u.digest)
	}
}

func wantNoSession(t *testing.T, r *registry, location string) {
	t.Helper()
	c := content(10)
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		target, options := location, []option(nil)
		switch method {
		case http.MethodPut:
			target, options = withQuery(t, location, "digest", sha256Of(c)), []option{body(c)}
		case http.MethodPatch:
			options = []option{body(c)}
		}
		a := r.do(t, method, target, options...).want(t, http.StatusNotFound)
		a.wantError(t, "BLOB_UPLOAD_UNKNOWN", "NOT_FOUND")
	}
}

func mountCases() []testCase {
	return []testCase{
		{mountSection, "a blob that may be read is mounted, or a session opened", func(t *testing.T, r *registry) {
			from, to, c := r.repository(t), r.repository(t), content(500)
			digest := r.pushBlob(t, from, c)
			a := r.mount(t, to, digest, from)
			if r.ecru != nil {
				a.want(t, http.StatusCreated)
			}
			if a.want(t, http.StatusCreated, http.StatusAccepted).status == http.StatusCreated {
				r.do(t, http.MethodGet, a.location(t)).want(t, http.StatusOK).wantBody(t, c)
				r.wantBlob(t, to, digest, c)
				r.wantBlob(t, from, digest, c)
			}
		}},
		{mountSection, "an unknown blob opens a session", func(t *testing.T, r *registry) {
			r.wantSession(t, r.mount(t, r.repository(t), sha256Of(content(8)), r.repository(t)))
		}},
		{mountSection, "an unknown source repository opens a session", func(t *testing.T, r *registry) {
			to, from := r.repository(t), r.repository(t)
			digest := r.pushBlob(t, from, content(10))
			r.wantSession(t, r.mount(t, to, digest, r.prefix+"/never-created"))
			r.wantNoBlob(t, to, digest)
		}},
		{mountSection, "a blob that is not in the source opens a session", func(t *testing.T, r *registry) {
			to, from, third := r.repository(t), r.repository(t), r.repository(t)
			digest := r.pushBlob(t, third, content(10))
			r.wantSession(t, r.mount(t, to, digest, from))
			r.wantNoBlob(t, to, digest)
		}},
		{mountSection, "without from it mounts or opens a session", func(t *testing.T, r *registry) {
			to, c := r.repository(t), content(10)
			digest := r.pushBlob(t, r.repository(t), c)
			a := r.do(t, http.MethodPost, withQuery(t, uploadsPath(to), "mount", digest))
			if a.want(t, http.StatusCreated, http.StatusAccepted).status == http.StatusCreated {
				r.wantBlob(t, to, digest, c)
			} else {
				r.wantSession(t, a)
			}
		}},
		{mountSection, "malformed arguments open a session or are refused", func(t *testing.T, r *registry) {
			to, from := r.repository(t), r.repository(t)
			for _, q := range []struct{ digest, from string }{
				{"sha256:abc", from}, {"nonsense", from}, {"", from}, {unknownSHA256, "UPPER/../x"}, {unknownSHA256, ""},
			} {
				r.mount(t, to, q.digest, q.from).want(t, http.StatusAccepted, http.StatusBadRequest)
			}
		}},
		{mountSection, "a blob mounted from its own repository stays", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(10)
			digest := r.pushBlob(t, repo, c)
			r.mount(t, repo, digest, repo).want(t, http.StatusCreated, http.StatusAccepted)
			r.wantBlob(t, repo, digest, c)
		}},
		{mountSection, "ECR mounts nothing while BLOB_MOUNTING is disabled", func(t *testing.T, r *registry) {
			if r.ecru == nil {
				t.Skip("a setting of ECR")
			}
			from, to := r.repository(t), r.repository(t)
			digest := r.pushBlob(t, from, content(10))
			r.ecru.SetAccountSetting(t, "BLOB_MOUNTING", "DISABLED")
			defer r.ecru.SetAccountSetting(t, "BLOB_MOUNTING", "ENABLED")
			r.wantSession(t, r.mount(t, to, digest, from))
			r.wantNoBlob(t, to, digest)
		}},
	}
}

func (r *registry) mount(t *testing.T, to, digest, from string) *answer {
	t.Helper()
	return r.do(t, http.MethodPost, withQuery(t, uploadsPath(to), "mount", digest, "from", from))
}

// wantSession checks that a failed mount ends in a session that works.
func (r *registry) wantSession(t *testing.T, a *answer) {
	t.Helper()
	a.want(t, http.StatusAccepted)
	c := content(100)
	r.complete(t, a.location(t), sha256Of(c), body(c)).want(t, http.StatusCreated)
}

func sha512Cases() []testCase {
	return []testCase{
		{sha512Section, "a blob is pushed and pulled", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(4000)
			digest := sha512Of(c)
			r.pushBlobAs(t, repo, digest, c)
			r.do(t, http.MethodGet, blobPath(repo, digest)).want(t, http.StatusOK).wantBody(t, c).
				wantHeader(t, "Docker-Content-Digest", digest)
			r.do(t, http.MethodHead, blobPath(repo, digest)).want(t, http.StatusOK).
				wantHeader(t, "Docker-Content-Digest", digest).wantHeader(t, "Content-Length", "4000")
		}},
		{sha512Section, "a blob is pushed in chunks", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.digest = sha512Of(u.content)
			u.patchAll(t, r)
		}},
		{sha512Section, "a session opened for the algorithm takes chunks", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.digest = sha512Of(u.content)
			a := r.do(t, http.MethodPost, withQuery(t, uploadsPath(u.repo), "digest-algorithm", "sha512"))
			u.location = a.want(t, http.StatusAccepted).location(t)
			u.patchAll(t, r)
		}},
		{sha512Section, "a blob is posted in one request", func(t *testing.T, r *registry) {
			c := content(100)
			r.singlePost(t, r.repository(t), sha512Of(c), c)
		}},
		{sha512Section, "an empty blob", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.pushBlobAs(t, repo, sha512Of(nil), nil)
			r.wantBlob(t, repo, sha512Of(nil), nil)
		}},
		{sha512Section, "a wrong digest is refused", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			location, _ := r.startUpload(t, repo)
			wrong := sha512Of(content(5))
			r.complete(t, location, wrong, body(content(10))).want(t, 400).wantError(t, "DIGEST_INVALID", "BLOB_UPLOAD_INVALID")
			r.wantNoBlob(t, repo, wrong)
		}},
		{sha512Section, "the same bytes have both digests", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(100)
			r.pushBlobAs(t, repo, sha512Of(c), c)
			r.pushBlobAs(t, repo, sha256Of(c), c)
			r.wantBlob(t, repo, sha512Of(c), c)
			r.wantBlob(t, repo, sha256Of(c), c)
			r.do(t, http.MethodDelete, blobPath(repo, sha512Of(c))).want(t, http.StatusAccepted)
			r.wantNoBlob(t, repo, sha512Of(c))
		}},
		{sha512Section, "a blob is mounted", func(t *testing.T, r *registry) {
			from, to, c := r.repository(t), r.repository(t), content(100)
			r.pushBlobAs(t, from, sha512Of(c), c)
			if r.mount(t, to, sha512Of(c), from).want(t, 201, 202).status == http.StatusCreated {
				r.wantBlob(t, to, sha512Of(c), c)
			}
		}},
		{sha512Section, "a manifest is pushed and pulled", sha512Manifest},
		{sha512Section, "a manifest names blobs and manifests", sha512References},
		{sha512Section, "a wrong digest of a manifest is refused", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.image(t, repo)
			r.putManifest(t, repo, sha512Of([]byte("other")), d).want(t, 400).wantError(t, "DIGEST_INVALID")
			r.wantNoManifest(t, repo, sha512Of([]byte("other")))
		}},
		{sha512Section, "a manifest is deleted", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.image(t, repo)
			d.digest = sha512Of(d.bytes)
			r.push(t, repo, d.digest, d)
			r.do(t, http.MethodDelete, manifestPath(repo, d.digest)).want(t, http.StatusAccepted)
			r.wantNoManifest(t, repo, d.digest)
		}},
		{sha512Section, "referrers of a subject", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.image(t, repo)
			subject.digest = sha512Of(subject.bytes)
			r.push(t, repo, subject.digest, subject)
			a := r.artifact(t, repo, "application/vnd.example.sbom", subject.descriptor())
			r.putManifest(t, repo, a.digest, a).want(t, http.StatusCreated).wantHeader(t, "OCI-Subject", subject.digest)
			wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), a)
		}},
	}
}

func sha512Manifest(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.image(t, repo)
	d.digest = sha512Of(d.bytes)
	r.putManifest(t, repo, d.digest, d).want(t, http.StatusCreated).wantHeader(t, "Docker-Content-Digest", d.digest)
	r.getManifest(t, repo, d.digest).want(t, http.StatusOK).wantBody(t, d.bytes).
		wantHeader(t, "Docker-Content-Digest", d.digest)
	r.do(t, http.MethodHead, manifestPath(repo, d.digest), accepting()).want(t, http.StatusOK).
		wantHeader(t, "Docker-Content-Digest", d.digest)
	// A tag does not say which algorithm: its digest may be either.
	r.push(t, repo, "latest", d)
	a := r.getManifest(t, repo, "latest").want(t, http.StatusOK).wantBody(t, d.bytes)
	if got := a.header.Get("Docker-Content-Digest"); got != d.digest && got != sha256Of(d.bytes) {
		t.Errorf("the tag's digest is %q", got)
	}
	r.wantManifest(t, repo, d.digest, d)
	if tags, _ := r.tags(t, tagsPath(repo)); len(tags) != 1 {
		t.Errorf("tags are %q, want latest", tags)
	}
}

func sha512References(t *testing.T, r *registry) {
	repo := r.repository(t)
	value := r.imageValue(t, repo)
	layer := content(300)
	r.pushBlobAs(t, repo, sha512Of(layer), layer)
	value.Layers = append(value.Layers, descriptor{MediaType: ociLayer, Digest: sha512Of(layer), Size: len(layer)})
	d := encode(t, ociImage, value)
	d.digest = sha512Of(d.bytes)
	r.push(t, repo, d.digest, d)
	index := encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{d.descriptor()}})
	r.push(t, repo, "index", index)
	r.wantManifest(t, repo, "index", index)
	r.wantManifest(t, repo, d.digest, d)
	value.Layers[1].Digest = sha512Of([]byte("missing"))
	r.putManifest(t, repo, "bad", encode(t, ociImage, value)).refused(t)
}
