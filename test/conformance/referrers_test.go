package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const referrerSection = "Listing referrers"

const (
	sbomType      = "application/vnd.example.sbom.v1"
	signatureType = "application/vnd.example.signature.v1"
)

func referrerCases() []testCase {
	return []testCase{
		{referrerSection, "a digest without referrers gives an empty index", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "latest")
			for _, digest := range []string{d.digest, unknownSHA256} {
				a := r.do(t, http.MethodGet, referrersPath(repo, digest)).want(t, http.StatusOK)
				a.wantHeader(t, "Content-Type", ociIndex)
				if !strings.Contains(strings.ReplaceAll(string(a.body), " ", ""), `"manifests":[]`) {
					t.Errorf("%s; want an empty list of manifests, not null", a)
				}
			}
		}},
		{referrerSection, "an index lists the descriptors of the referrers", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.pushImage(t, repo, "latest")
			sbom, signature := r.refer(t, repo, sbomType, subject), r.refer(t, repo, signatureType, subject)
			wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), sbom, signature)
		}},
		{referrerSection, "a subject need not exist, and may come later", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.image(t, repo)
			sbom := r.refer(t, repo, sbomType, subject)
			wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), sbom)
			r.push(t, repo, "latest", subject)
			wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), sbom)
		}},
		{referrerSection, "a filter gives only its type and says so", filteredReferrers},
		{referrerSection, "without a filter no filter is said to be applied", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.pushImage(t, repo, "latest")
			r.refer(t, repo, sbomType, subject)
			r.do(t, http.MethodGet, referrersPath(repo, subject.digest)).wantHeader(t, "OCI-Filters-Applied", "")
		}},
		{referrerSection, "without an artifactType the type of the config counts", configTypes},
		{referrerSection, "an index may be a referrer", indexReferrers},
		{referrerSection, "annotations are copied to the descriptor", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.pushImage(t, repo, "latest")
			r.refer(t, repo, sbomType, subject)
			for _, d := range r.referrers(t, referrersPath(repo, subject.digest)) {
				if d.Annotations["org.example.note"] != sbomType {
					t.Errorf("annotations are %v", d.Annotations)
				}
			}
		}},
		{referrerSection, "a tagged referrer is listed once", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.pushImage(t, repo, "latest")
			sbom := r.refer(t, repo, sbomType, subject)
			r.push(t, repo, "sbom", sbom)
			r.push(t, repo, "sbom-again", sbom)
			wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), sbom)
		}},
		{referrerSection, "a deleted referrer is not listed", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			subject := r.pushImage(t, repo, "latest")
			sbom, signature := r.refer(t, repo, sbomType, subject), r.refer(t, repo, signatureType, subject)
			r.do(t, http.MethodDelete, manifestPath(repo, sbom.digest)).want(t, http.StatusAccepted)
			wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), signature)
		}},
		{referrerSection, "referrers belong to their repository", func(t *testing.T, r *registry) {
			one, other := r.repository(t), r.repository(t)
			subject := r.pushImage(t, one, "latest")
			r.refer(t, one, sbomType, subject)
			wantReferrers(t, r.referrers(t, referrersPath(other, subject.digest)))
		}},
		{referrerSection, "a referrer may have referrers", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			sbom := r.refer(t, repo, sbomType, r.pushImage(t, repo, "latest"))
			signature := r.refer(t, repo, signatureType, sbom)
			wantReferrers(t, r.referrers(t, referrersPath(repo, sbom.digest)), signature)
		}},
		{referrerSection, "all of many referrers are reached, filtered or not", manyReferrers},
		{referrerSection, "a malformed digest answers 400", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			for _, digest := range []string{"sha256:abc", "latest", "sha256:" + strings.Repeat("Z", 64)} {
				r.do(t, http.MethodGet, referrersPath(repo, digest)).want(t, 400).wantError(t, "DIGEST_INVALID", "UNSUPPORTED")
			}
		}},
	}
}

func (r *registry) refer(t *testing.T, repo, artifactType string, subject document) document {
	t.Helper()
	d := r.artifact(t, repo, artifactType, subject.descriptor())
	return r.push(t, repo, d.digest, d)
}

// referrers returns the descriptors of all pages.
func (r *registry) referrers(t *testing.T, target string) []descriptor {
	t.Helper()
	all := []descriptor{}
	for pages := 0; target != "" && pages < 1000; pages++ {
		a := r.do(t, http.MethodGet, target).want(t, http.StatusOK)
		a.wantHeader(t, "Content-Type", ociIndex)
		var index manifest
		if err := json.Unmarshal(a.body, &index); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if index.SchemaVersion != 2 || index.MediaType != ociIndex {
			t.Errorf("%s; want an OCI index", a)
		}
		all = append(all, index.Manifests...)
		target = a.next(t)
	}
	return all
}

// wantReferrers compares descriptors with the documents that they describe; the
// order is the registry's choice.
func wantReferrers(t *testing.T, got []descriptor, want ...document) {
	t.Helper()
	found := map[string]descriptor{}
	for _, d := range got {
		found[d.Digest] = d
	}
	if len(got) != len(want) || len(found) != len(got) {
		t.Fatalf("%d referrers (%d digests), want %d", len(got), len(found), len(want))
	}
	for _, w := range want {
		d, ok := found[w.digest]
		if !ok {
			t.Errorf("%s is not among the referrers", w.digest)
			continue
		}
		if d.Size != len(w.bytes) || d.MediaType != w.mediaType || d.ArtifactType != w.value.ArtifactType {
			t.Errorf("the descriptor is %+v, want size %d, type %s, artifact type %q", d, len(w.bytes), w.mediaType, w.value.ArtifactType)
		}
	}
}

func filteredReferrers(t *testing.T, r *registry) {
	repo := r.repository(t)
	subject := r.pushImage(t, repo, "latest")
	sbom := r.refer(t, repo, sbomType, subject)
	r.refer(t, repo, signatureType, subject)
	for filter, want := range map[string][]document{sbomType: {sbom}, "application/vnd.example.none": {}} {
		path := referrersPath(repo, subject.digest) + "?artifactType=" + url.QueryEscape(filter)
		r.do(t, http.MethodGet, path).want(t, http.StatusOK).wantHeader(t, "OCI-Filters-Applied", "artifactType")
		wantReferrers(t, r.referrers(t, path), want...)
	}
}

func configTypes(t *testing.T, r *registry) {
	const configType = "application/vnd.example.config.v1+json"
	repo := r.repository(t)
	subject := r.pushImage(t, repo, "latest")
	about := subject.descriptor()
	c := r.described(t, repo, configType, []byte(`{"a":2}`))
	d := encode(t, ociImage, manifest{SchemaVersion: 2, MediaType: ociImage, Config: &c, Subject: &about,
		Layers: []descriptor{r.described(t, repo, "text/plain", content(20))}})
	r.push(t, repo, d.digest, d)
	d.value.ArtifactType = configType
	wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), d)
	wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)+"?artifactType="+url.QueryEscape(configType)), d)
}

func indexReferrers(t *testing.T, r *registry) {
	repo := r.repository(t)
	subject := r.pushImage(t, repo, "latest")
	about := subject.descriptor()
	typed := encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, ArtifactType: sbomType, Subject: &about,
		Manifests: []descriptor{r.pushUntagged(t, repo).descriptor()}})
	bare := encode(t, ociIndex, manifest{SchemaVersion: 2, MediaType: ociIndex, Subject: &about, Manifests: []descriptor{}})
	for _, d := range []document{typed, bare} {
		r.putManifest(t, repo, d.digest, d).want(t, http.StatusCreated).wantHeader(t, "OCI-Subject", subject.digest)
	}
	wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), typed, bare)
}

func manyReferrers(t *testing.T, r *registry) {
	repo := r.repository(t)
	subject := r.pushImage(t, repo, "latest")
	about := subject.descriptor()
	empty := r.described(t, repo, ociEmpty, []byte("{}"))
	kinds := []string{sbomType, signatureType}
	byKind := map[string][]document{}
	var all []document
	for i := range 120 {
		kind := kinds[i%2]
		d := encode(t, ociImage, manifest{SchemaVersion: 2, MediaType: ociImage, ArtifactType: kind, Config: &empty,
			Layers: []descriptor{empty}, Subject: &about, Annotations: map[string]string{"number": fmt.Sprint(i)}})
		all = append(all, r.push(t, repo, d.digest, d))
		byKind[kind] = append(byKind[kind], d)
	}
	wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)), all...)
	for kind, want := range byKind {
		wantReferrers(t, r.referrers(t, referrersPath(repo, subject.digest)+"?artifactType="+url.QueryEscape(kind)), want...)
	}
}
