package oci_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

func TestManifestComesBackAsItWasPushed(t *testing.T) {
	w := newWorld(t)
	manifest := w.image(repo, "one")
	digest := sha(manifest)
	a := w.pushManifest(repo, "latest", manifest)
	w.wantHeaders(a, "Docker-Content-Digest", digest, "Location", "/v2/"+repo+"/manifests/"+digest, "Oci-Subject", "")
	for _, target := range []string{w.follow(a), "/v2/" + repo + "/manifests/latest", "/v2/" + repo + "/manifests/%6catest",
		"/v2/" + repo + "/manifests/" + strings.Replace(digest, ":", "%3A", 1)} {
		for _, method := range []string{"GET", "HEAD"} {
			a := w.want(200, "", method, target, header("Accept", "application/json"))
			w.wantHeaders(a, "Content-Type", registry.MediaTypeOCIManifest, "Docker-Content-Digest", digest,
				"Content-Length", fmt.Sprint(len(manifest)), "Etag", `"`+digest+`"`)
			if method == "GET" {
				w.wantBody(a, manifest)
			}
		}
		w.wantBody(w.want(304, "", "GET", target, header("If-None-Match", `"x", W/"`+digest+`"`)), nil)
		w.want(200, "", "GET", target, header("If-None-Match", `"x"`))
	}
}

func TestManifestByDigestOfEitherAlgorithmWithTags(t *testing.T) {
	w := newWorld(t)
	manifest := w.image(repo, "one")
	for _, digest := range []string{sha(manifest), sha512of(manifest)} {
		a := w.pushManifest(repo, digest+"?tag=a&tag=b&tag=a", manifest)
		w.wantHeaders(a, "Docker-Content-Digest", digest)
		if got := a.Header.Values("OCI-Tag"); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("OCI-Tag %q, want a and b", got)
		}
		for _, ref := range []string{digest, "a", "b"} {
			w.wantBody(w.want(200, "", "GET", "/v2/"+repo+"/manifests/"+ref), manifest)
		}
	}
	w.want(400, "TAG_INVALID", "PUT", "/v2/"+repo+"/manifests/"+sha(manifest)+"?tag=+", body(manifest))
	w.want(400, "TAG_INVALID", "PUT", "/v2/"+repo+"/manifests/"+sha(manifest)+"?tag=a"+strings.Repeat("&tag=b", 200), body(manifest))
}

func TestManifestWithSubjectSaysSo(t *testing.T) {
	w := newWorld(t)
	subject := sha([]byte("a subject that is not there"))
	manifest := w.image(repo, "one", `,"subject":{"mediaType":"`+registry.MediaTypeOCIManifest+`","digest":"`+subject+`","size":5}`)
	w.wantHeaders(w.pushManifest(repo, "x", manifest), "Oci-Subject", subject)
}

func TestManifestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	manifest := w.image(repo, "one")
	absent := sha([]byte("absent"))
	lacking := bytes.Replace(manifest, []byte(sha(noise("one", 100))), []byte(absent), 1)
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":5}]}`, registry.MediaTypeOCIIndex, registry.MediaTypeOCIManifest, absent)
	base := "/v2/" + repo + "/manifests/"
	for name, c := range map[string]struct {
		status       int
		code, target string
		payload      []byte
	}{
		"not JSON":             {400, "MANIFEST_INVALID", base + "x", []byte("{")},
		"nothing":              {400, "MANIFEST_INVALID", base + "x", nil},
		"deep nesting":         {400, "MANIFEST_INVALID", base + "x", bytes.Repeat([]byte("["), 4<<20)},
		"too large":            {413, "MANIFEST_INVALID", base + "x", make([]byte, 4<<20+1)},
		"much too large":       {413, "MANIFEST_INVALID", base + "x", make([]byte, 9<<20)},
		"malformed digest":     {400, "DIGEST_INVALID", base + "sha256:baddigeststring", manifest},
		"another digest":       {400, "DIGEST_INVALID", base + absent, manifest},
		"another sha512":       {400, "DIGEST_INVALID", base + sha512of([]byte("x")), manifest},
		"bad tag":              {400, "TAG_INVALID", base + "a+b", manifest},
		"missing blob":         {404, "MANIFEST_BLOB_UNKNOWN", base + "x", lacking},
		"missing child":        {404, "MANIFEST_BLOB_UNKNOWN", base + "x", []byte(index)},
		"missing repository":   {404, "NAME_UNKNOWN", "/v2/never/created/manifests/x", manifest},
		"bad repository":       {400, "NAME_INVALID", "/v2/never/Created/manifests/x", manifest},
		"reference of nothing": {404, "UNSUPPORTED", base, manifest},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.want(c.status, c.code, "PUT", c.target, body(c.payload))
			w.want(c.status, c.code, "PUT", c.target, stream(c.payload))
		})
	}
	w.want(200, "", "GET", "/v2/"+repo+"/tags/list")
	if tags := w.want(200, "", "GET", "/v2/"+repo+"/tags/list"); !bytes.Contains(tags.body, []byte(`"tags":[]`)) {
		t.Errorf("refused manifests left %s", tags.body)
	}
}

func TestLargestManifestIsTaken(t *testing.T) {
	w := newWorld(t)
	filler := `,"annotations":{"x":"` + strings.Repeat("A", 3_900_000) + `"}`
	manifest := w.image(repo, "one", filler)
	w.pushManifest(repo, "large", manifest)
	w.wantBody(w.want(200, "", "GET", "/v2/"+repo+"/manifests/large"), manifest)
}

func TestReadingManifestsThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	base := "/v2/" + repo + "/manifests/"
	a := w.want(404, "MANIFEST_UNKNOWN", "GET", base+"none")
	if got := a.problem().Message; got != "Requested image not found" {
		t.Errorf("message %q", got)
	}
	w.want(404, "MANIFEST_UNKNOWN", "GET", base+sha(nil))
	w.want(404, "MANIFEST_UNKNOWN", "GET", base+"bad@tag")
	w.want(404, "MANIFEST_UNKNOWN", "GET", base+"a%00")
	w.want(404, "MANIFEST_UNKNOWN", "GET", base+strings.Repeat("a", 129))
	w.want(400, "DIGEST_INVALID", "GET", base+"sha256:abc")
	w.wantBody(w.want(404, "", "HEAD", base+"none"), nil)
	a = w.want(404, "NAME_UNKNOWN", "GET", "/v2/never/created/manifests/x")
	if got, want := a.problem().Message, "The repository with name 'never/created' does not exist in the registry with id '"+account+"'"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestImmutableTagIsRefusedInECRsWords(t *testing.T) {
	w := newWorld(t)
	manifest := w.image(repo, "one")
	w.pushManifest(repo, "v1", manifest)
	if _, err := w.service.PutTagMutability(t.Context(), w.root(), repo, registry.Immutable, nil); err != nil {
		t.Fatal(err)
	}
	a := w.want(400, "TAG_INVALID", "PUT", "/v2/"+repo+"/manifests/v1", body(w.image(repo, "two")))
	want := "The image tag 'v1' already exists in the '" + repo + "' repository and cannot be overwritten because the tag is immutable."
	if got := a.problem().Message; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestDeletingATagLeavesTheImage(t *testing.T) {
	w := newWorld(t)
	manifest := w.image(repo, "one")
	w.pushManifest(repo, "a", manifest)
	w.pushManifest(repo, "b", manifest)
	base := "/v2/" + repo + "/manifests/"
	w.want(202, "", "DELETE", base+"a")
	w.want(404, "MANIFEST_UNKNOWN", "DELETE", base+"a")
	w.want(404, "MANIFEST_UNKNOWN", "GET", base+"a")
	w.want(200, "", "GET", base+"b")
	w.want(202, "", "DELETE", base+sha(manifest))
	w.want(404, "MANIFEST_UNKNOWN", "GET", base+"b")
	w.want(404, "MANIFEST_UNKNOWN", "DELETE", base+sha(manifest))
	w.want(400, "DIGEST_INVALID", "DELETE", base+"sha256:abc")
	w.want(404, "NAME_UNKNOWN", "DELETE", "/v2/never/created/manifests/a")
}

func TestChildOfAnIndexCannotBeDeleted(t *testing.T) {
	w := newWorld(t)
	child := w.image(repo, "one")
	w.pushManifest(repo, sha(child), child)
	index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		registry.MediaTypeOCIIndex, registry.MediaTypeOCIManifest, sha(child), len(child))
	w.want(201, "", "PUT", "/v2/"+repo+"/manifests/index", body(index), header("Content-Type", registry.MediaTypeOCIIndex))
	a := w.want(405, "UNSUPPORTED", "DELETE", "/v2/"+repo+"/manifests/"+sha(child))
	if got, want := a.problem().Message, "Requested image referenced by manifest list: ["+sha(index)+"]"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if a.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	w.want(202, "", "DELETE", "/v2/"+repo+"/manifests/"+sha(index))
	w.want(202, "", "DELETE", "/v2/"+repo+"/manifests/"+sha(child))
}

func TestOnlyGetCountsAsPull(t *testing.T) {
	w := newWorld(t)
	manifest := w.image(repo, "one")
	w.pushManifest(repo, "a", manifest)
	pulled := func(method string) bool {
		w.service.Start()
		w.want(200, "", method, "/v2/"+repo+"/manifests/a")
		if err := w.service.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		images, err := w.service.DescribeImages(t.Context(), w.root(), repo, []registry.ImageID{{Tag: "a"}})
		if err != nil {
			t.Fatal(err)
		}
		return !images[0].LastPulledAt.IsZero()
	}
	if pulled("HEAD") {
		t.Error("HEAD counted as a pull")
	}
	if !pulled("GET") {
		t.Error("GET did not count as a pull")
	}
}

func TestTagLimitIsDenied(t *testing.T) {
	w := newWorld(t)
	w.service.Limits = service.Limits{TagsPerImage: 1, LayerSize: 1 << 20}
	manifest := w.image(repo, "one")
	w.pushManifest(repo, "a", manifest)
	w.want(403, "DENIED", "PUT", "/v2/"+repo+"/manifests/b", body(manifest))
}
