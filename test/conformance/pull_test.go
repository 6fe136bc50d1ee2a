package conformance

import (
	"net/http"
	"strconv"
	"testing"
)

const (
	pullManifestSection = "Pulling manifests"
	pullBlobSection     = "Pulling blobs"
	existsSection       = "Checking if content exists in the registry"
)

func pullManifestCases() []testCase {
	return []testCase{
		{pullManifestSection, "by tag and by digest gives the bytes that were pushed", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			for _, ref := range []string{"latest", d.digest} {
				r.getManifest(t, repo, ref).want(t, http.StatusOK).wantBody(t, d.bytes).
					wantHeader(t, "Content-Type", ociImage).
					wantHeader(t, "Docker-Content-Digest", d.digest).
					wantHeader(t, "Content-Length", strconv.Itoa(len(d.bytes)))
			}
		}},
		{pullManifestSection, "without Accept gives the stored manifest", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			r.do(t, http.MethodGet, manifestPath(repo, "latest")).want(t, http.StatusOK).wantBody(t, d.bytes)
		}},
		{pullManifestSection, "the Content-Type is the media type of the manifest", pulledTypes},
		{pullManifestSection, "an unknown manifest answers 404", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.wantNoManifest(t, repo, "none")
			r.wantNoManifest(t, repo, unknownSHA256)
		}},
		{pullManifestSection, "a manifest of another repository answers 404", func(t *testing.T, r *registry) {
			one, other := r.repository(t), r.repository(t)
			d := r.pushImage(t, one, "latest")
			r.wantNoManifest(t, other, "latest")
			r.wantNoManifest(t, other, d.digest)
		}},
		{existsSection, "HEAD of a manifest answers 200 with length, digest and type", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			for _, ref := range []string{"latest", d.digest} {
				r.do(t, http.MethodHead, manifestPath(repo, ref), accepting()).want(t, http.StatusOK).wantBody(t, nil).
					wantHeader(t, "Content-Length", strconv.Itoa(len(d.bytes))).
					wantHeader(t, "Docker-Content-Digest", d.digest).
					wantHeader(t, "Content-Type", ociImage)
			}
		}},
		{existsSection, "HEAD of an unknown manifest answers 404", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.do(t, http.MethodHead, manifestPath(repo, "none")).want(t, http.StatusNotFound).wantBody(t, nil)
			r.do(t, http.MethodHead, manifestPath(repo, unknownSHA256)).want(t, http.StatusNotFound)
		}},
		{"RFC 9110 13.1.2", "If-None-Match with the tag of a manifest answers 304", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			notModified(t, r, manifestPath(repo, d.digest))
			notModified(t, r, manifestPath(repo, "latest"))
		}},
	}
}

func pulledTypes(t *testing.T, r *registry) {
	repo := r.repository(t)
	image := r.pushImage(t, repo, "image")
	index := r.push(t, repo, "index", encode(t, ociIndex, manifest{
		SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{image.descriptor()},
	}))
	docker := r.imageValue(t, repo)
	docker.MediaType = dockerV2
	schema2 := r.push(t, repo, "docker", encode(t, dockerV2, docker))
	for ref, d := range map[string]document{"image": image, "index": index, "docker": schema2} {
		r.wantManifest(t, repo, ref, d)
		r.wantManifest(t, repo, d.digest, d)
	}
}

// notModified checks that a registry which gives entity tags honours them.
func notModified(t *testing.T, r *registry, path string) {
	t.Helper()
	tag := r.do(t, http.MethodGet, path).want(t, http.StatusOK).header.Get("ETag")
	if tag == "" {
		t.Skip("no ETag: caching is only a MAY")
	}
	r.do(t, http.MethodGet, path, header("If-None-Match", tag)).want(t, http.StatusNotModified).wantBody(t, nil)
	r.do(t, http.MethodGet, path, header("If-None-Match", `"other"`)).want(t, http.StatusOK)
}

func pullBlobCases() []testCase {
	return []testCase{
		{pullBlobSection, "GET gives the bytes, their length and digest", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(5000)
			digest := r.pushBlob(t, repo, c)
			r.do(t, http.MethodGet, blobPath(repo, digest)).want(t, http.StatusOK).wantBody(t, c).
				wantHeader(t, "Content-Length", "5000").
				wantHeader(t, "Docker-Content-Digest", digest)
		}},
		{existsSection, "HEAD of a blob answers 200 with length and digest", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			digest := r.pushBlob(t, repo, content(777))
			r.do(t, http.MethodHead, blobPath(repo, digest)).want(t, http.StatusOK).wantBody(t, nil).
				wantHeader(t, "Content-Length", "777").
				wantHeader(t, "Docker-Content-Digest", digest)
		}},
		{existsSection, "HEAD of an unknown blob answers 404", func(t *testing.T, r *registry) {
			r.wantNoBlob(t, r.repository(t), unknownSHA256)
		}},
		{pullBlobSection, "an unknown blob answers 404", func(t *testing.T, r *registry) {
			r.do(t, http.MethodGet, blobPath(r.repository(t), unknownSHA256)).
				want(t, http.StatusNotFound).wantError(t, "BLOB_UNKNOWN", "NOT_FOUND")
		}},
		{pullBlobSection, "a blob of another repository answers 404", func(t *testing.T, r *registry) {
			one, other := r.repository(t), r.repository(t)
			digest := r.pushBlob(t, one, content(100))
			r.wantNoBlob(t, other, digest)
			r.do(t, http.MethodGet, blobPath(other, digest)).want(t, http.StatusNotFound)
		}},
		{pullBlobSection, "a manifest is not a blob and a blob is no manifest", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			r.wantNoManifest(t, repo, d.value.Layers[0].Digest)
			// Some registries store manifests as blobs; what they give must be the bytes.
			if a := r.do(t, http.MethodGet, blobPath(repo, d.digest)); a.status != http.StatusNotFound {
				a.want(t, http.StatusOK).wantBody(t, d.bytes)
			}
		}},
		{pullBlobSection, "an empty blob can be pulled", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			digest := r.pushBlob(t, repo, nil)
			r.do(t, http.MethodGet, blobPath(repo, digest)).want(t, http.StatusOK).wantBody(t, nil).
				wantHeader(t, "Content-Length", "0")
			r.do(t, http.MethodHead, blobPath(repo, digest)).want(t, http.StatusOK).
				wantHeader(t, "Content-Length", "0")
		}},
		{"RFC 9110 13.1.2", "If-None-Match with the tag of a blob answers 304", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			notModified(t, r, blobPath(repo, r.pushBlob(t, repo, content(10))))
		}},
	}
}
