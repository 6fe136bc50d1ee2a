package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const badManifestSection = "Pushing manifests: refused"

func badManifestCases() []testCase {
	return []testCase{
		{badManifestSection, "a digest of other bytes in the path", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.putManifest(t, repo, unknownSHA256, r.image(t, repo)).want(t, 400).wantError(t, "DIGEST_INVALID")
			r.wantNoManifest(t, repo, unknownSHA256)
		}},
		{badManifestSection, "a malformed digest in the path", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.image(t, repo)
			for _, ref := range []string{"sha256:abc", "sha256:", "sha256:" + strings.Repeat("Z", 64), "md5:" + strings.Repeat("0", 32)} {
				r.putManifest(t, repo, ref, d).want(t, 400, 404).wantError(t)
			}
		}},
		{badManifestSection, "what is no JSON object", notObjects},
		{badManifestSection, "fields of the wrong kind", wrongFields},
		{badManifestSection, "a Content-Type that contradicts mediaType", contradictingTypes},
		{badManifestSection, "a field that is there twice is refused or kept exactly", duplicateFields},
		{badManifestSection, "a layer that is missing", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			value := r.imageValue(t, repo)
			value.Layers = append(value.Layers, descriptor{MediaType: ociLayer, Digest: sha256Of(content(9)), Size: 9})
			r.wantMissing(t, repo, encode(t, ociImage, value))
		}},
		{badManifestSection, "a config that is missing", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			value := r.imageValue(t, repo)
			value.Config.Digest = sha256Of(content(9))
			r.wantMissing(t, repo, encode(t, ociImage, value))
		}},
		{badManifestSection, "a layer that only another repository has", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			value := r.imageValue(t, repo)
			value.Layers[0] = r.described(t, r.repository(t), ociLayer, content(99))
			r.wantMissing(t, repo, encode(t, ociImage, value))
		}},
		{badManifestSection, "an index with a child that is missing", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			child := r.image(t, repo).descriptor()
			r.wantMissing(t, repo, encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{child}}))
		}},
		{badManifestSection, "a descriptor with a malformed digest", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			for _, digest := range []string{"", "sha256:abc", "../../etc/passwd", "sha256:" + strings.Repeat("A", 64), "md5:" + strings.Repeat("0", 32)} {
				value := r.imageValue(t, repo)
				value.Layers[0].Digest = digest
				r.putManifest(t, repo, "bad", encode(t, ociImage, value)).refused(t).wantError(t)
			}
			r.wantNoManifest(t, repo, "bad")
		}},
		{badManifestSection, "a subject with a malformed digest", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.artifact(t, repo, "application/vnd.example.sbom", descriptor{MediaType: ociImage, Digest: "sha256:abc", Size: 5})
			r.putManifest(t, repo, "bad", d).refused(t).wantError(t)
		}},
		{badManifestSection, "a refused manifest moves no tag", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			value := r.imageValue(t, repo)
			value.Layers[0].Digest = sha256Of(content(9))
			r.wantMissing(t, repo, encode(t, ociImage, value))
			r.wantManifest(t, repo, "latest", d)
		}},
	}
}

// wantMissing checks that a manifest with a missing reference is refused.
// ECR and the specification disagree on the code, so both are allowed.
func (r *registry) wantMissing(t *testing.T, repo string, d document) {
	t.Helper()
	for _, ref := range []string{"latest", d.digest} {
		r.putManifest(t, repo, ref, d).want(t, http.StatusBadRequest, http.StatusNotFound).
			wantError(t, "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "BLOB_UPLOAD_UNKNOWN", "MANIFEST_UNKNOWN")
	}
	r.wantNoManifest(t, repo, d.digest)
}

func notObjects(t *testing.T, r *registry) {
	repo := r.repository(t)
	for _, text := range []string{
		"", " ", "{", "}", "null", "true", "1", `"text"`, "[]", "[{}]", "{}{}", `{"schemaVersion":2}trailing`,
		"\xff\xfe", "\x00", `{"schemaVersion":2,}`, "\xef\xbb\xbf{}", `{"schemaVersion":`, "<xml/>",
	} {
		for _, kind := range []string{ociImage, ociIndex, dockerV2} {
			d := document{mediaType: kind, bytes: []byte(text)}
			r.putManifest(t, repo, "bad", d).want(t, http.StatusBadRequest).wantError(t, "MANIFEST_INVALID")
		}
	}
	r.wantNoManifest(t, repo, "bad")
}

func wrongFields(t *testing.T, r *registry) {
	repo := r.repository(t)
	for _, text := range []string{
		`{"schemaVersion":"2","config":{},"layers":[]}`,
		`{"schemaVersion":2,"config":[],"layers":[]}`,
		`{"schemaVersion":2,"config":"x","layers":{}}`,
		`{"schemaVersion":2,"config":{"digest":5},"layers":[]}`,
		`{"schemaVersion":2,"layers":[5]}`,
		`{"schemaVersion":1e400}`,
		`{}`,
	} {
		d := document{mediaType: ociImage, bytes: []byte(text)}
		r.putManifest(t, repo, "bad", d).refused(t).wantError(t)
	}
	r.wantNoManifest(t, repo, "bad")
}

func contradictingTypes(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.image(t, repo)
	for _, kind := range []string{dockerV2, ociIndex, dockerList} {
		d.mediaType = kind
		r.putManifest(t, repo, "bad", d).want(t, http.StatusBadRequest).wantError(t, "MANIFEST_INVALID")
	}
	r.wantNoManifest(t, repo, "bad")
}

// Readers of JSON differ on which of two equal fields counts, so a registry and
// a client may see different images in the same bytes.
func duplicateFields(t *testing.T, r *registry) {
	repo := r.repository(t)
	text := string(r.image(t, repo).bytes)
	for i, extra := range []string{
		`{"mediaType":"` + ociIndex + `",`, `{"layers":[],`, `{"config":{"digest":"` + unknownSHA256 + `","size":1,"mediaType":"a/b"},`,
	} {
		b := []byte(strings.Replace(text, "{", extra, 1))
		d := document{mediaType: ociImage, bytes: b, digest: sha256Of(b)}
		ref := fmt.Sprintf("twice-%d", i)
		if a := r.putManifest(t, repo, ref, d); a.status == http.StatusCreated {
			r.getManifest(t, repo, ref).want(t, http.StatusOK).wantBody(t, b)
		} else {
			a.refused(t).wantError(t)
		}
	}
}
