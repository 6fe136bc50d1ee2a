package oci_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
)

// tagsAt reads a page of tags and where the next one is.
func (w *world) tagsAt(target string) (tags []string, next string) {
	w.Helper()
	a := w.want(200, "", "GET", target)
	var list struct {
		Name string
		Tags []string
	}
	if err := json.Unmarshal(a.body, &list); err != nil || list.Name == "" || list.Tags == nil {
		w.Fatalf("%s answered %s (%v)", target, clip(a.body), err)
	}
	return list.Tags, w.next(a)
}

func (w *world) pushTags(count int) []string {
	w.Helper()
	manifest := w.image(repo, "one")
	var tags []string
	for i := range count {
		tags = append(tags, fmt.Sprintf("t%04d", i))
	}
	for part := range slices.Chunk(tags, 100) {
		w.pushManifest(repo, sha(manifest)+"?tag="+strings.Join(part, "&tag="), manifest)
	}
	return tags
}

func TestTagsComeInPages(t *testing.T) {
	w := newWorld(t)
	list := "/v2/" + repo + "/tags/list"
	if a := w.want(200, "", "GET", list); string(a.body) != `{"name":"team/app","tags":[]}` {
		t.Errorf("of no tags %s", a.body)
	}
	tags := w.pushTags(5)
	if got, next := w.tagsAt(list); !slices.Equal(got, tags) || next != "" {
		t.Errorf("all at once: %q, next %q", got, next)
	}
	var got []string
	for target := list + "?n=2"; target != ""; {
		page, next := w.tagsAt(target)
		got, target = append(got, page...), next
	}
	if !slices.Equal(got, tags) {
		t.Errorf("in pages of two: %q", got)
	}
	if got, next := w.tagsAt(list + "?n=5"); !slices.Equal(got, tags) || next != "" {
		t.Errorf("in a page that just fits: %q, next %q", got, next)
	}
	if got, next := w.tagsAt(list + "?n=0"); len(got) != 0 || next != "" {
		t.Errorf("of no size: %q, next %q", got, next)
	}
	if got, _ := w.tagsAt(list + "?last=t0002"); !slices.Equal(got, tags[3:]) {
		t.Errorf("after one: %q", got)
	}
	if got, _ := w.tagsAt(list + "?last=t0002x&n=1"); !slices.Equal(got, tags[3:4]) {
		t.Errorf("after one that is not there: %q", got)
	}
	if got, _ := w.tagsAt(list + "?last=zzz"); len(got) != 0 {
		t.Errorf("after all: %q", got)
	}
}

func TestTagPagesHaveAtMostAThousand(t *testing.T) {
	w := newWorld(t)
	w.service.Limits.TagsPerImage = 2000
	tags := w.pushTags(1001)
	for _, query := range []string{"", "?n=1001", "?n=99999999999999999999999"} {
		got, next := w.tagsAt("/v2/" + repo + "/tags/list" + query)
		if len(got) != 1000 || next == "" {
			t.Errorf("%q: %d tags, next %q", query, len(got), next)
			continue
		}
		if rest, next := w.tagsAt(next); !slices.Equal(rest, tags[1000:]) || next != "" {
			t.Errorf("%q: then %q, next %q", query, rest, next)
		}
	}
}

func TestPagesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, list := range []string{"/v2/" + repo + "/tags/list", "/v2/_catalog", "/v2/" + repo + "/referrers/" + sha(nil)} {
		for _, n := range []string{"-1", "x", "1.5", "", "+1"} {
			w.want(400, "PAGINATION_NUMBER_INVALID", "GET", list+"?n="+escape(n))
		}
		w.want(400, "PAGINATION_NUMBER_INVALID", "GET", list+"?last=a%00b")
		w.want(400, "PAGINATION_NUMBER_INVALID", "GET", list+"?last=%ff")
		w.want(400, "UNSUPPORTED", "GET", list+"?last=%zz")
		w.wantBody(w.want(200, "", "HEAD", list), nil)
	}
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/never/created/tags/list")
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/never/created/tags/list?n=0")
}

func TestCatalogComesInPages(t *testing.T) {
	w := newWorld(t)
	names := []string{"a0", "b-c", "b/c", repo}
	for _, name := range names[:3] {
		w.create(name)
	}
	var got []string
	for target := "/v2/_catalog?n=3"; target != ""; {
		a := w.want(200, "", "GET", target)
		var list struct{ Repositories []string }
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatal(err)
		}
		got, target = append(got, list.Repositories...), w.next(a)
	}
	if !slices.Equal(got, names) {
		t.Errorf("catalog %q, want %q", got, names)
	}
	if a := w.want(200, "", "GET", "/v2/_catalog?n=0"); string(a.body) != `{"repositories":[]}` {
		t.Errorf("a page of none: %s", a.body)
	}
}

// referrersAt reads a page of referrers.
func (w *world) referrersAt(target string) (found []registry.Descriptor, a *answer) {
	w.Helper()
	a = w.want(200, "", "GET", target)
	w.wantHeaders(a, "Content-Type", "application/vnd.oci.image.index.v1+json")
	var index struct {
		SchemaVersion int
		MediaType     string
		Manifests     []registry.Descriptor
	}
	if err := json.Unmarshal(a.body, &index); err != nil || index.SchemaVersion != 2 || index.MediaType != registry.MediaTypeOCIIndex || index.Manifests == nil {
		w.Fatalf("%s answered %s (%v)", target, clip(a.body), err)
	}
	return index.Manifests, a
}

// pushReferrers pushes count artifacts of a type about a subject.
func (w *world) pushReferrers(subject, artifactType string, count int, note string) {
	w.Helper()
	for i := range count {
		manifest := w.image(repo, artifactType, fmt.Sprintf(`,"artifactType":%q,"annotations":{"note":%q,"i":"%d"},"subject":{"mediaType":%q,"digest":%q,"size":5}`,
			artifactType, note, i, registry.MediaTypeOCIManifest, subject))
		w.pushManifest(repo, sha(manifest), manifest)
	}
}

func TestReferrersAreListedAndFiltered(t *testing.T) {
	w := newWorld(t)
	subject := sha([]byte("subject"))
	list := "/v2/" + repo + "/referrers/" + subject
	if found, _ := w.referrersAt(list); len(found) != 0 {
		t.Errorf("of an unknown subject: %v", found)
	}
	w.pushReferrers(subject, "application/a", 2, "x")
	w.pushReferrers(subject, "application/b", 1, "y")
	found, a := w.referrersAt(list)
	w.wantHeaders(a, "OCI-Filters-Applied", "", "Link", "")
	if len(found) != 3 || found[0].Annotations["note"] == "" || found[0].Size == 0 || found[0].MediaType != registry.MediaTypeOCIManifest {
		t.Errorf("referrers %v", found)
	}
	found, a = w.referrersAt(list + "?artifactType=application/b")
	w.wantHeaders(a, "OCI-Filters-Applied", "artifactType")
	if len(found) != 1 || found[0].ArtifactType != "application/b" {
		t.Errorf("filtered %v", found)
	}
	var all []registry.Descriptor
	for target := list + "?n=1&artifactType=application/a"; target != ""; {
		found, a := w.referrersAt(target)
		w.wantHeaders(a, "OCI-Filters-Applied", "artifactType")
		all, target = append(all, found...), w.next(a)
	}
	if len(all) != 2 {
		t.Errorf("filtered in pages %v", all)
	}
	w.want(400, "DIGEST_INVALID", "GET", "/v2/"+repo+"/referrers/sha256:abc")
	w.want(400, "UNSUPPORTED", "GET", list+"?artifactType=a%00b")
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/never/created/referrers/"+subject)
}

func TestReferrersWithLargeAnnotationsComeInSmallPages(t *testing.T) {
	w := newWorld(t)
	subject := sha([]byte("subject"))
	w.pushReferrers(subject, "application/a", 5, strings.Repeat("x", 3<<20))
	var all []registry.Descriptor
	pages := 0
	for target := "/v2/" + repo + "/referrers/" + subject; target != ""; pages++ {
		found, a := w.referrersAt(target)
		if len(a.body) > 9<<20 {
			t.Errorf("a page of %d bytes", len(a.body))
		}
		all, target = append(all, found...), w.next(a)
	}
	if len(all) != 5 || pages < 2 {
		t.Errorf("%d referrers in %d pages", len(all), pages)
	}
}

func TestManyReferrersComeInOnePageUpToItsSize(t *testing.T) {
	w := newWorld(t)
	subject := sha([]byte("subject"))
	w.pushReferrers(subject, "application/a", 130, "x")
	found, a := w.referrersAt("/v2/" + repo + "/referrers/" + subject)
	if len(found) != 130 || a.Header.Get("Link") != "" {
		t.Errorf("%d referrers, Link %q", len(found), a.Header.Get("Link"))
	}
	if !slices.IsSortedFunc(found, func(a, b registry.Descriptor) int { return strings.Compare(a.Digest, b.Digest) }) {
		t.Error("not in order of digest")
	}
}
