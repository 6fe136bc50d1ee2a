package conformance

import (
	"encoding/json"
	"net/http"
	"testing"
)

const (
	ociImage   = "application/vnd.oci.image.manifest.v1+json"
	ociIndex   = "application/vnd.oci.image.index.v1+json"
	ociConfig  = "application/vnd.oci.image.config.v1+json"
	ociLayer   = "application/vnd.oci.image.layer.v1.tar+gzip"
	ociEmpty   = "application/vnd.oci.empty.v1+json"
	dockerV2   = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
)

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int               `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     map[string]string `json:"platform,omitempty"`
}

// manifest is every kind of manifest: the fields of a kind are set, the others
// left out.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitzero"`
	Manifests     []descriptor      `json:"manifests,omitzero"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// document is a manifest as it is pushed.
type document struct {
	mediaType string
	bytes     []byte
	digest    string
	value     manifest
}

func encode(t *testing.T, mediaType string, m manifest) document {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return document{mediaType, b, sha256Of(b), m}
}

func (d document) descriptor() descriptor {
	return descriptor{MediaType: d.mediaType, Digest: d.digest, Size: len(d.bytes)}
}

// described pushes a blob and describes it.
func (r *registry) described(t *testing.T, repo, mediaType string, content []byte) descriptor {
	t.Helper()
	return descriptor{MediaType: mediaType, Digest: r.pushBlob(t, repo, content), Size: len(content)}
}

// image pushes the blobs of a new image, not its manifest.
func (r *registry) image(t *testing.T, repo string) document {
	t.Helper()
	return encode(t, ociImage, r.imageValue(t, repo))
}

func (r *registry) imageValue(t *testing.T, repo string) manifest {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "author": sha256Of(content(8)),
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := r.described(t, repo, ociConfig, config)
	return manifest{
		SchemaVersion: 2, MediaType: ociImage, Config: &c,
		Layers: []descriptor{r.described(t, repo, ociLayer, content(200))},
	}
}

// artifact pushes the blobs of an artifact that says something of a subject.
func (r *registry) artifact(t *testing.T, repo, artifactType string, subject descriptor) document {
	t.Helper()
	c := r.described(t, repo, ociEmpty, []byte("{}"))
	return encode(t, ociImage, manifest{
		SchemaVersion: 2, MediaType: ociImage, ArtifactType: artifactType, Config: &c,
		Layers:      []descriptor{r.described(t, repo, "application/spdx+json", content(50))},
		Subject:     &subject,
		Annotations: map[string]string{"org.example.note": artifactType},
	})
}

func (r *registry) putManifest(t *testing.T, repo, ref string, d document) *answer {
	t.Helper()
	return r.do(t, http.MethodPut, manifestPath(repo, ref), body(d.bytes), mediaType(d.mediaType))
}

// push pushes a manifest that the registry has to take.
func (r *registry) push(t *testing.T, repo, ref string, d document) document {
	t.Helper()
	r.putManifest(t, repo, ref, d).want(t, http.StatusCreated)
	return d
}

// pushImage pushes a whole new image.
func (r *registry) pushImage(t *testing.T, repo, ref string) document {
	t.Helper()
	return r.push(t, repo, ref, r.image(t, repo))
}

// pushUntagged pushes a whole new image by its digest.
func (r *registry) pushUntagged(t *testing.T, repo string) document {
	t.Helper()
	d := r.image(t, repo)
	return r.push(t, repo, d.digest, d)
}

func (r *registry) getManifest(t *testing.T, repo, ref string) *answer {
	t.Helper()
	return r.do(t, http.MethodGet, manifestPath(repo, ref), accepting())
}

func (r *registry) wantManifest(t *testing.T, repo, ref string, d document) {
	t.Helper()
	r.getManifest(t, repo, ref).want(t, http.StatusOK).wantBody(t, d.bytes).
		wantHeader(t, "Content-Type", d.mediaType)
}

func (r *registry) wantNoManifest(t *testing.T, repo, ref string) {
	t.Helper()
	r.getManifest(t, repo, ref).want(t, http.StatusNotFound).wantError(t, "MANIFEST_UNKNOWN", "NOT_FOUND")
}

// accepting lists what clients accept when they can take any manifest.
func accepting() option {
	return func(q *http.Request) {
		for _, m := range []string{ociImage, ociIndex, dockerV2, dockerList, "*/*"} {
			q.Header.Add("Accept", m)
		}
	}
}
