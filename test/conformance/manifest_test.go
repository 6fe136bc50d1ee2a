package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const manifestSection = "Pushing manifests"

// fourMegabytes is what a registry SHOULD take as a manifest.
const fourMegabytes = 4 << 20

func manifestCases() []testCase {
	return []testCase{
		{manifestSection, "PUT answers 201 with a Location to pull from and the digest", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.image(t, repo)
			for _, ref := range []string{"latest", d.digest} {
				a := r.putManifest(t, repo, ref, d).want(t, http.StatusCreated)
				a.wantHeader(t, "Docker-Content-Digest", d.digest)
				r.do(t, http.MethodGet, a.location(t), accepting()).want(t, http.StatusOK).wantBody(t, d.bytes)
			}
		}},
		{manifestSection, "a manifest pushed by digest can be pulled without a tag", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushUntagged(t, repo)
			r.wantManifest(t, repo, d.digest, d)
		}},
		{manifestSection, "the bytes are kept exactly", exactBytes},
		{manifestSection, "a manifest may be pushed again", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			r.push(t, repo, "latest", d)
			r.push(t, repo, d.digest, d)
			r.wantManifest(t, repo, "latest", d)
		}},
		{manifestSection, "a manifest may have several tags", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "one")
			r.push(t, repo, "two", d)
			r.wantManifest(t, repo, "one", d)
			r.wantManifest(t, repo, "two", d)
		}},
		{manifestSection, "a tag moves and the old manifest stays", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			old := r.pushImage(t, repo, "latest")
			fresh := r.pushImage(t, repo, "latest")
			r.wantManifest(t, repo, "latest", fresh)
			r.wantManifest(t, repo, old.digest, old)
		}},
		{manifestSection, "a manifest of four megabytes is taken", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.padded(t, repo, fourMegabytes)
			r.push(t, repo, "big", d)
			r.wantManifest(t, repo, "big", d)
		}},
		{manifestSection, "a manifest above four megabytes answers 413 or 400", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.padded(t, repo, fourMegabytes+1)
			r.putManifest(t, repo, "big", d).want(t, http.StatusRequestEntityTooLarge, http.StatusBadRequest).wantError(t)
			r.do(t, http.MethodPut, manifestPath(repo, "big"), stream(bytes.NewReader(d.bytes)), mediaType(ociImage)).
				want(t, http.StatusRequestEntityTooLarge, http.StatusBadRequest)
			r.wantNoManifest(t, repo, "big")
		}},
		{manifestSection, "a body of unknown length is taken", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.image(t, repo)
			r.do(t, http.MethodPut, manifestPath(repo, "latest"), stream(bytes.NewReader(d.bytes)), mediaType(ociImage)).
				want(t, http.StatusCreated)
			r.wantManifest(t, repo, "latest", d)
		}},
	}
}

// exactBytes pushes JSON that no encoder would write.
func exactBytes(t *testing.T, r *registry) {
	repo := r.repository(t)
	plain := string(r.image(t, repo).bytes)
	odd := strings.Replace(plain, "{", "{\n\t \"x-unknown\" :\t[1.0e+3, \"\\u0041<>& \\ud83d\\ude00\"], ", 1) + "\n\n  "
	for ref, text := range map[string]string{"plain": plain, "odd": odd, "crlf": strings.ReplaceAll(plain, ",", ",\r\n")} {
		d := document{mediaType: ociImage, bytes: []byte(text), digest: sha256Of([]byte(text))}
		r.putManifest(t, repo, ref, d).want(t, http.StatusCreated).wantHeader(t, "Docker-Content-Digest", d.digest)
		r.wantManifest(t, repo, ref, d)
		r.wantManifest(t, repo, d.digest, d)
	}
}

// padded returns an image of exactly so many bytes.
func (r *registry) padded(t *testing.T, repo string, size int) document {
	t.Helper()
	value := r.imageValue(t, repo)
	value.Annotations = map[string]string{"padding": ""}
	missing := size - len(encode(t, ociImage, value).bytes)
	value.Annotations["padding"] = strings.Repeat("x", missing)
	d := encode(t, ociImage, value)
	if len(d.bytes) != size {
		t.Fatalf("padded to %d bytes, want %d", len(d.bytes), size)
	}
	return d
}

func manifestKindCases() []testCase {
	const section = "Pushing manifests: kinds"
	var cases []testCase
	for _, k := range []struct {
		name  string
		build func(t *testing.T, r *registry, repo string) document
	}{
		{"an OCI image without a mediaType field", func(t *testing.T, r *registry, repo string) document {
			value := r.imageValue(t, repo)
			value.MediaType = ""
			return encode(t, ociImage, value)
		}},
		{"an OCI image without layers", func(t *testing.T, r *registry, repo string) document {
			value := r.imageValue(t, repo)
			value.Layers = []descriptor{}
			return encode(t, ociImage, value)
		}},
		{"an OCI image that names a layer twice", func(t *testing.T, r *registry, repo string) document {
			value := r.imageValue(t, repo)
			value.Layers = append(value.Layers, value.Layers[0])
			return encode(t, ociImage, value)
		}},
		{"an OCI image with layers that are held elsewhere", func(t *testing.T, r *registry, repo string) document {
			value := r.imageValue(t, repo)
			value.Layers = append(value.Layers, descriptor{
				MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
				Digest:    unknownSHA256, Size: 5, URLs: []string{"https://example.org/layer"},
			})
			return encode(t, ociImage, value)
		}},
		{"a Docker image", func(t *testing.T, r *registry, repo string) document {
			value := r.imageValue(t, repo)
			value.MediaType = dockerV2
			value.Config.MediaType = "application/vnd.docker.container.image.v1+json"
			value.Layers[0].MediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip"
			return encode(t, dockerV2, value)
		}},
		{"a Docker manifest list", func(t *testing.T, r *registry, repo string) document {
			value := r.imageValue(t, repo)
			value.MediaType = dockerV2
			child := encode(t, dockerV2, value)
			r.push(t, repo, child.digest, child)
			d := child.descriptor()
			d.Platform = map[string]string{"os": "linux", "architecture": "amd64"}
			return encode(t, dockerList, manifest{SchemaVersion: 2, MediaType: dockerList, Manifests: []descriptor{d}})
		}},
		{"an index of two images", func(t *testing.T, r *registry, repo string) document {
			one, two := r.pushUntagged(t, repo).descriptor(), r.pushUntagged(t, repo).descriptor()
			one.Platform = map[string]string{"os": "linux", "architecture": "amd64"}
			two.Platform = map[string]string{"os": "linux", "architecture": "arm64", "variant": "v8"}
			return encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{one, two}})
		}},
		{"an empty index", func(t *testing.T, r *registry, repo string) document {
			return encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{}})
		}},
		{"an index without a mediaType field", func(t *testing.T, r *registry, repo string) document {
			return encode(t, ociIndex, manifest{SchemaVersion: 2, Manifests: []descriptor{r.pushUntagged(t, repo).descriptor()}})
		}},
		{"an index in an index", func(t *testing.T, r *registry, repo string) document {
			inner := encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{r.pushUntagged(t, repo).descriptor()}})
			r.push(t, repo, inner.digest, inner)
			return encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Manifests: []descriptor{inner.descriptor()}})
		}},
		{"an artifact with the empty descriptor as config and layer", func(t *testing.T, r *registry, repo string) document {
			empty := r.described(t, repo, ociEmpty, []byte("{}"))
			return encode(t, ociImage, manifest{
				SchemaVersion: 2, MediaType: ociImage, ArtifactType: "application/vnd.example.thing",
				Config: &empty, Layers: []descriptor{empty},
			})
		}},
		{"an artifact with a config of its own type", func(t *testing.T, r *registry, repo string) document {
			c := r.described(t, repo, "application/vnd.example.config.v1+json", []byte(`{"a":1}`))
			return encode(t, ociImage, manifest{
				SchemaVersion: 2, MediaType: ociImage, Config: &c,
				Layers: []descriptor{r.described(t, repo, "text/plain", content(20))},
			})
		}},
		{"an artifact whose subject is there", func(t *testing.T, r *registry, repo string) document {
			return r.artifact(t, repo, "application/vnd.example.sbom", r.pushUntagged(t, repo).descriptor())
		}},
		{"an artifact whose subject is missing", func(t *testing.T, r *registry, repo string) document {
			return r.artifact(t, repo, "application/vnd.example.sbom", r.image(t, repo).descriptor())
		}},
	} {
		cases = append(cases, testCase{section, k.name, func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := k.build(t, r, repo)
			r.push(t, repo, d.digest, d)
			r.push(t, repo, "tag", d)
			r.wantManifest(t, repo, "tag", d)
			r.wantManifest(t, repo, d.digest, d)
		}})
	}
	return append(cases,
		testCase{section, "an unknown kind is kept exactly or refused", unknownKinds},
		testCase{"Pushing manifests with subject", "PUT answers with OCI-Subject", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.image(t, repo)
			d := r.artifact(t, repo, "application/vnd.example.sbom", subject.descriptor())
			r.putManifest(t, repo, d.digest, d).want(t, http.StatusCreated).wantHeader(t, "OCI-Subject", subject.digest)
			r.putManifest(t, repo, "tagged", d).want(t, http.StatusCreated).wantHeader(t, "OCI-Subject", subject.digest)
		}})
}

func unknownKinds(t *testing.T, r *registry) {
	repo := r.repository(t)
	for i, kind := range []string{"application/vnd.example.manifest.v1+json", "application/json", "text/plain", "", "a/b/c", "; ="} {
		text := []byte(fmt.Sprintf(`{"schemaVersion":2,"n":%d}`, i))
		d := document{mediaType: kind, bytes: text, digest: sha256Of(text)}
		ref := fmt.Sprintf("kind-%d", i)
		a := r.putManifest(t, repo, ref, d)
		if a.status == http.StatusCreated {
			r.getManifest(t, repo, ref).want(t, http.StatusOK).wantBody(t, d.bytes)
		} else {
			a.refused(t).wantError(t)
		}
	}
}
