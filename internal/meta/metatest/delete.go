package metatest

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func deleteCases() []testCase {
	return []testCase{
		{"an image goes with its last tag", deleteLastTag},
		{"the tag alone goes", deleteTagOnly},
		{"by digest everything goes", deleteByDigest},
		{"tag and digest must agree", deleteDisagree},
		{"what an index needs stays", deleteReferenced},
		{"an image can come back", deleteAndPush},
		{"referrers stay", deleteSubject},
		{"what a deletion asks for is enqueued with it", deleteWithJobs},
	}
}

func remove(t *testing.T, s meta.Store, id registry.ImageID, mode meta.DeleteMode) []registry.ImageID {
	t.Helper()
	return value(s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: mode}))(t)
}

func deleteLastTag(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1", "v2")
	mode := meta.DeleteLastTagDeletesImage
	wantSame(t, "first tag", []registry.ImageID{{Digest: a, Tag: "v1"}}, remove(t, s, registry.ImageID{Tag: "v1"}, mode))
	if !exists(t, s, "web", a) {
		t.Fatal("the image went with its first tag")
	}
	wantSame(t, "last tag", []registry.ImageID{{Digest: a, Tag: "v2"}}, remove(t, s, registry.ImageID{Tag: "v2", Digest: a}, mode))
	if exists(t, s, "web", a) {
		t.Error("the image stayed without tags")
	}
	for _, id := range []registry.ImageID{{Tag: "v2"}, {Digest: a}, {}} {
		_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: mode})
		wantError(t, err, registry.ImageNotFound(account, "web", id))
	}
}

func deleteTagOnly(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	wantSame(t, "tag", []registry.ImageID{{Digest: a, Tag: "v1"}}, remove(t, s, registry.ImageID{Tag: "v1"}, meta.DeleteTagOnly))
	ids := value(s.ListImageIDs(t.Context(), account, "web", meta.ImageQuery{Limit: 9, Tags: registry.Untagged}))(t)
	wantSame(t, "untagged", []registry.ImageID{{Digest: a}}, ids)
	wantSame(t, "image", []registry.ImageID{{Digest: a}}, remove(t, s, registry.ImageID{Digest: a}, meta.DeleteTagOnly))
	if exists(t, s, "web", a) {
		t.Error("the image is there")
	}
}

func deleteByDigest(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v2", "v1")
	b := put(t, s, "web", "b", "b")
	must(t, s.StartScan(t.Context(), account, repo.ID, a, meta.StartScan{Engine: "E", Now: base}, 0, 0, nil))
	gone := remove(t, s, registry.ImageID{Digest: a}, meta.DeleteLastTagDeletesImage)
	wantSame(t, "gone", []registry.ImageID{{Digest: a, Tag: "v1"}, {Digest: a, Tag: "v2"}}, gone)
	wantSame(t, "left", map[string]string{"b": b}, tagsOf(t, s, "web"))
	if scans := value(s.Scans(t.Context(), repo.ID, []string{a}))(t); len(scans) != 0 {
		t.Errorf("the scan is left: %v", scans)
	}
	if _, err := s.Blob(t.Context(), account, "web", DigestOf("a")); err != nil {
		t.Errorf("the blob went with the image: %v", err)
	}
}

func deleteDisagree(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a", "a"), put(t, s, "web", "b", "b")
	id := registry.ImageID{Digest: b, Tag: "a"}
	_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: meta.DeleteLastTagDeletesImage})
	wantError(t, err, registry.ImageNotFound(account, "web", id))
	wantSame(t, "tags", map[string]string{"a": a, "b": b}, tagsOf(t, s, "web"))
}

func deleteReferenced(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	child := put(t, s, "web", "a", "child", "second")
	one, two := putIndex(t, s, "web", []string{child}, "one"), putIndex(t, s, "web", []string{child, child, put(t, s, "web", "b")}, "two")
	parents := []string{min(one, two), max(one, two)}
	// A tag that is not the last may go.
	remove(t, s, registry.ImageID{Tag: "second"}, meta.DeleteLastTagDeletesImage)
	for _, id := range []registry.ImageID{{Tag: "child"}, {Digest: child}} {
		_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: meta.DeleteLastTagDeletesImage})
		wantError(t, err, registry.ImageReferenced(parents))
	}
	remove(t, s, registry.ImageID{Tag: "child"}, meta.DeleteTagOnly)
	_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: child}, Mode: meta.DeleteTagOnly})
	wantError(t, err, registry.ImageReferenced(parents))
	remove(t, s, registry.ImageID{Tag: "one"}, meta.DeleteLastTagDeletesImage)
	remove(t, s, registry.ImageID{Digest: two}, meta.DeleteLastTagDeletesImage)
	remove(t, s, registry.ImageID{Digest: child}, meta.DeleteLastTagDeletesImage)
}

func deleteAndPush(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	for range 3 {
		a := put(t, s, "web", "a", "v1")
		remove(t, s, registry.ImageID{Digest: a}, meta.DeleteTagOnly)
	}
	a := put(t, s, "web", "a", "v2")
	wantSame(t, "tags", map[string]string{"v2": a}, tagsOf(t, s, "web"))
}

func deleteSubject(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	subject := put(t, s, "web", "subject")
	m := Image(Blob(t, s, "web", "signature", 1))
	m.Subject = &registry.Descriptor{Digest: subject}
	value(s.PutImage(t.Context(), Push("web", m)))(t)
	remove(t, s, registry.ImageID{Digest: subject}, meta.DeleteTagOnly)
	if got := value(s.Referrers(t.Context(), account, "web", subject, meta.ReferrerQuery{Limit: 9}))(t); len(got) != 1 {
		t.Errorf("%d referrers, want 1", len(got))
	}
}

func deleteWithJobs(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1", "v2")
	asked := func(mode meta.DeleteMode, id registry.ImageID) []string {
		t.Helper()
		_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: mode, Jobs: func(i registry.Image) []job.Job {
			if i.RepositoryID != repo.ID || i.Digest != a {
				t.Errorf("jobs of %+v are asked for", i)
			}
			return []job.Job{{Kind: "gone", Key: i.Digest, RunAt: base}}
		}})
		var keys []string
		for _, j := range value(s.ClaimJobs(t.Context(), base, time.Hour, 9))(t) {
			keys = append(keys, j.Kind+" "+j.Key)
		}
		if err != nil {
			keys = append(keys, err.Error())
		}
		return keys
	}
	wantSame(t, "a tag", []string(nil), asked(meta.DeleteLastTagDeletesImage, registry.ImageID{Tag: "v1"}))
	wantSame(t, "the last tag alone", []string(nil), asked(meta.DeleteTagOnly, registry.ImageID{Tag: "v2"}))
	wantSame(t, "the image", []string{"gone " + a}, asked(meta.DeleteTagOnly, registry.ImageID{Digest: a}))
	if got := asked(meta.DeleteTagOnly, registry.ImageID{Digest: a}); len(got) != 1 || got[0] == "gone "+a {
		t.Errorf("of nothing: %q", got)
	}
}
