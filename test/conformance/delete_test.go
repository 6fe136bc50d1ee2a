package conformance

import (
	"net/http"
	"testing"
)

const (
	deleteTagSection      = "Deleting tags"
	deleteManifestSection = "Deleting manifests"
	deleteBlobSection     = "Deleting blobs"
)

func deleteCases() []testCase {
	return []testCase{
		{deleteTagSection, "DELETE answers 202 and only the tag is gone", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.tagAll(t, repo, "gone", "stays")
			r.do(t, http.MethodDelete, manifestPath(repo, "gone")).want(t, http.StatusAccepted)
			r.wantNoManifest(t, repo, "gone")
			r.wantManifest(t, repo, "stays", d)
			r.wantManifest(t, repo, d.digest, d)
		}},
		{deleteTagSection, "a deleted tag may be pushed again", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.pushImage(t, repo, "latest")
			r.do(t, http.MethodDelete, manifestPath(repo, "latest")).want(t, http.StatusAccepted)
			fresh := r.pushImage(t, repo, "latest")
			r.wantManifest(t, repo, "latest", fresh)
		}},
		{deleteManifestSection, "DELETE by digest answers 202 and takes its tags along", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.tagAll(t, repo, "one", "two")
			other := r.pushImage(t, repo, "other")
			r.do(t, http.MethodDelete, manifestPath(repo, d.digest)).want(t, http.StatusAccepted)
			for _, ref := range []string{d.digest, "one", "two"} {
				r.wantNoManifest(t, repo, ref)
				r.do(t, http.MethodHead, manifestPath(repo, ref)).want(t, http.StatusNotFound)
			}
			tags, _ := r.tags(t, tagsPath(repo))
			wantTags(t, tags, "other")
			r.wantManifest(t, repo, "other", other)
		}},
		{deleteManifestSection, "a deleted manifest may be pushed again", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			r.do(t, http.MethodDelete, manifestPath(repo, d.digest)).want(t, http.StatusAccepted)
			r.push(t, repo, "latest", d)
			r.wantManifest(t, repo, "latest", d)
		}},
		{deleteManifestSection, "what is unknown answers 404, also the second time", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			r.do(t, http.MethodDelete, manifestPath(repo, "none")).want(t, http.StatusNotFound).wantError(t)
			r.do(t, http.MethodDelete, manifestPath(repo, unknownSHA256)).want(t, http.StatusNotFound).wantError(t)
			r.do(t, http.MethodDelete, manifestPath(repo, d.digest)).want(t, http.StatusAccepted)
			r.do(t, http.MethodDelete, manifestPath(repo, d.digest)).want(t, http.StatusNotFound).wantError(t)
			r.do(t, http.MethodDelete, manifestPath(r.prefix+"/never-created", d.digest)).want(t, http.StatusNotFound)
		}},
		{deleteManifestSection, "the same manifest in another repository stays", func(t *testing.T, r *registry) {
			one, other := r.repository(t), r.repository(t)
			empty := encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{}})
			r.push(t, one, "x", empty)
			r.push(t, other, "x", empty)
			r.do(t, http.MethodDelete, manifestPath(one, empty.digest)).want(t, http.StatusAccepted)
			r.wantManifest(t, other, "x", empty)
		}},
		{deleteManifestSection, "layers that another image shares stay", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			value := r.imageValue(t, repo)
			one := r.push(t, repo, "one", encode(t, ociImage, value))
			value.Annotations = map[string]string{"other": "yes"}
			two := r.push(t, repo, "two", encode(t, ociImage, value))
			r.do(t, http.MethodDelete, manifestPath(repo, one.digest)).want(t, http.StatusAccepted)
			r.wantManifest(t, repo, "two", two)
			r.do(t, http.MethodHead, blobPath(repo, value.Layers[0].Digest)).want(t, http.StatusOK)
			r.do(t, http.MethodHead, blobPath(repo, value.Config.Digest)).want(t, http.StatusOK)
		}},
		{deleteManifestSection, "a deleted index leaves its children", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			child := r.pushUntagged(t, repo)
			index := r.push(t, repo, "index", encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex,
				Manifests: []descriptor{child.descriptor()}}))
			r.do(t, http.MethodDelete, manifestPath(repo, index.digest)).want(t, http.StatusAccepted)
			r.wantNoManifest(t, repo, "index")
			r.wantManifest(t, repo, child.digest, child)
		}},
		{deleteBlobSection, "DELETE answers 202 and the blob is gone", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(100)
			digest := r.pushBlob(t, repo, c)
			r.do(t, http.MethodDelete, blobPath(repo, digest)).want(t, http.StatusAccepted)
			r.wantNoBlob(t, repo, digest)
			r.do(t, http.MethodGet, blobPath(repo, digest)).want(t, http.StatusNotFound).wantError(t, "BLOB_UNKNOWN", "NOT_FOUND")
			r.pushBlob(t, repo, c)
			r.wantBlob(t, repo, digest, c)
		}},
		{deleteBlobSection, "an unknown blob answers 404, also the second time", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.do(t, http.MethodDelete, blobPath(repo, unknownSHA256)).want(t, http.StatusNotFound).wantError(t, "BLOB_UNKNOWN", "NOT_FOUND")
			digest := r.pushBlob(t, repo, content(100))
			r.do(t, http.MethodDelete, blobPath(repo, digest)).want(t, http.StatusAccepted)
			r.do(t, http.MethodDelete, blobPath(repo, digest)).want(t, http.StatusNotFound)
		}},
		{deleteBlobSection, "a blob that was mounted elsewhere is gone only here", deleteMounted},
		{deleteBlobSection, "a blob that was pushed elsewhere too is gone only here", func(t *testing.T, r *registry) {
			one, other, c := r.repository(t), r.repository(t), content(100)
			digest := r.pushBlob(t, one, c)
			r.pushBlob(t, other, c)
			r.do(t, http.MethodDelete, blobPath(one, digest)).want(t, http.StatusAccepted)
			r.wantNoBlob(t, one, digest)
			r.wantBlob(t, other, digest, c)
		}},
		{deleteBlobSection, "the blobs of a deleted manifest may be deleted", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			r.do(t, http.MethodDelete, manifestPath(repo, d.digest)).want(t, http.StatusAccepted)
			for _, digest := range []string{d.value.Layers[0].Digest, d.value.Config.Digest} {
				r.do(t, http.MethodDelete, blobPath(repo, digest)).want(t, http.StatusAccepted, http.StatusNotFound)
				r.wantNoBlob(t, repo, digest)
			}
		}},
	}
}

func deleteMounted(t *testing.T, r *registry) {
	from, to, c := r.repository(t), r.repository(t), content(100)
	digest := r.pushBlob(t, from, c)
	if r.mount(t, to, digest, from).want(t, 201, 202).status != http.StatusCreated {
		t.Skip("the registry does not mount")
	}
	r.do(t, http.MethodDelete, blobPath(to, digest)).want(t, http.StatusAccepted)
	r.wantNoBlob(t, to, digest)
	r.wantBlob(t, from, digest, c)
	r.mount(t, to, digest, from).want(t, http.StatusCreated)
	r.do(t, http.MethodDelete, blobPath(from, digest)).want(t, http.StatusAccepted)
	r.wantNoBlob(t, from, digest)
	r.wantBlob(t, to, digest, c)
}
