package metatest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func readCases() []testCase {
	return []testCase{
		{"what is not there is not found", readNotFound},
		{"images by id", readImages},
		{"images in pages", readImagePages},
		{"image ids in pages", readIDPages},
		{"tag filters", readTagFilters},
		{"status filters", readStatus},
		{"tags in pages, in order of bytes", readTags},
		{"referrers", readReferrers},
		{"pulls are recorded", readPulls},
	}
}

func readNotFound(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	digest := put(t, s, "other", "a", "v1")
	for _, ref := range []registry.Reference{{Tag: "v1"}, {Digest: digest}, {Tag: "V1"}, {}} {
		_, err := s.Manifest(t.Context(), account, "web", ref)
		wantError(t, err, registry.ImageNotFound(account, "web", ref))
	}
	_, err := s.Manifest(t.Context(), "111111111111", "other", registry.Reference{Tag: "v1"})
	wantCode(t, err, registry.CodeRepositoryNotFound)
}

func readImages(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a", "a1", "a2"), put(t, s, "web", "b")
	got := value(s.Images(t.Context(), account, "web", []registry.ImageID{
		{Tag: "a2"}, {Digest: b}, {Digest: a, Tag: "a1"}, {Digest: b, Tag: "a1"}, {Tag: "none"}, {Digest: DigestOf("none")}, {}, {Digest: a}, {Tag: "a2"},
	}))(t)
	var digests []string
	for _, i := range got {
		if i == nil {
			digests = append(digests, "")
			continue
		}
		digests = append(digests, i.Digest)
		if i.Digest == a && !slices.Equal(i.Tags, []string{"a1", "a2"}) {
			t.Errorf("tags of a: %v", i.Tags)
		}
	}
	wantSame(t, "digests", []string{a, b, a, "", "", "", "", a, a}, digests)
	if none := value(s.Images(t.Context(), account, "web", nil))(t); len(none) != 0 {
		t.Errorf("no ids answer %v", none)
	}
}

// someImages puts n images: of every three one has no tag, one one and one two.
func someImages(t *testing.T, s meta.Store, repo string, n int) []registry.ImageID {
	t.Helper()
	var all []registry.ImageID
	for i := range n {
		name := fmt.Sprintf("image-%03d", i)
		tags := []string{name + "-b", name + "-a"}[:i%3]
		digest := put(t, s, repo, name, tags...)
		if len(tags) == 0 {
			all = append(all, registry.ImageID{Digest: digest})
		}
		for _, tag := range tags {
			all = append(all, registry.ImageID{Digest: digest, Tag: tag})
		}
	}
	slices.SortFunc(all, func(a, b registry.ImageID) int {
		return slices.Compare([]string{a.Digest, a.Tag}, []string{b.Digest, b.Tag})
	})
	return all
}

func readImagePages(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	put(t, s, "other", "not here", "x")
	ids := someImages(t, s, "web", 20)
	var got []registry.ImageID
	q := meta.ImageQuery{Limit: 7}
	for {
		page := value(s.ListImages(t.Context(), account, "web", q))(t)
		for _, i := range page {
			if len(i.Tags) == 0 {
				got = append(got, registry.ImageID{Digest: i.Digest})
			}
			for _, tag := range i.Tags {
				got = append(got, registry.ImageID{Digest: i.Digest, Tag: tag})
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.After.Digest = page[len(page)-1].Digest
	}
	wantSame(t, "images", ids, got)
}

func readIDPages(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	want := someImages(t, s, "web", 20)
	for limit := 1; limit < 9; limit++ {
		wantSame(t, fmt.Sprintf("ids in pages of %d", limit), want, allIDs(t, s, "web", meta.ImageQuery{Limit: limit}))
	}
}

func allIDs(t *testing.T, s meta.Store, repo string, q meta.ImageQuery) []registry.ImageID {
	t.Helper()
	var got []registry.ImageID
	for {
		page := value(s.ListImageIDs(t.Context(), account, repo, q))(t)
		got = append(got, page...)
		if len(page) < q.Limit {
			return got
		}
		q.After = page[len(page)-1]
	}
}

func readTagFilters(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	var tagged, untagged []registry.ImageID
	for _, id := range someImages(t, s, "web", 12) {
		if id.Tag == "" {
			untagged = append(untagged, id)
		} else {
			tagged = append(tagged, id)
		}
	}
	for filter, want := range map[registry.TagFilter][]registry.ImageID{registry.Tagged: tagged, registry.Untagged: untagged} {
		wantSame(t, string(filter), want, allIDs(t, s, "web", meta.ImageQuery{Limit: 3, Tags: filter}))
		digests := map[string]bool{}
		for _, id := range want {
			digests[id.Digest] = true
		}
		images := value(s.ListImages(t.Context(), account, "web", meta.ImageQuery{Limit: 100, Tags: filter}))(t)
		if len(images) != len(digests) {
			t.Errorf("%s: %d images, want %d", filter, len(images), len(digests))
		}
	}
}

func readStatus(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	put(t, s, "web", "a", "v1")
	for status, want := range map[registry.ImageStatus]int{"": 1, registry.ImageActive: 1, registry.ImageArchived: 0} {
		if got := len(value(s.ListImages(t.Context(), account, "web", meta.ImageQuery{Limit: 9, Status: status}))(t)); got != want {
			t.Errorf("status %q: %d images, want %d", status, got, want)
		}
		if got := len(value(s.ListImageIDs(t.Context(), account, "web", meta.ImageQuery{Limit: 9, Status: status}))(t)); got != want {
			t.Errorf("status %q: %d ids, want %d", status, got, want)
		}
	}
}

func readTags(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	tags := []string{"v1", "V1", "_x", "1.0", "1.10", "1.9", "a-b", "a.b", "ab", "z"}
	put(t, s, "web", "a", tags...)
	slices.Sort(tags)
	var got []string
	for after := ""; ; {
		page := value(s.ListTags(t.Context(), account, "web", after, 4))(t)
		got = append(got, page...)
		if len(page) < 4 {
			break
		}
		after = page[3]
	}
	wantSame(t, "tags", tags, got)
	wantSame(t, "after a tag that is not there", []string{"ab", "v1"}, value(s.ListTags(t.Context(), account, "web", "a.c", 2))(t))
}

func readReferrers(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	subject := DigestOf("not pushed yet")
	var want []registry.Referrer
	for i := range 6 {
		m := Image(Blob(t, s, "web", fmt.Sprint("r", i), 1))
		m.Subject = &registry.Descriptor{Digest: subject}
		m.ArtifactType = fmt.Sprintf("application/x-%d", i%2)
		if i > 2 {
			m.Annotations = map[string]string{"n": fmt.Sprint(i), `"q'`: "ü"}
		}
		in := Push("web", m)
		value(s.PutImage(ctx, in))(t)
		want = append(want, registry.Referrer{Digest: in.Digest, MediaType: m.MediaType, ArtifactType: m.ArtifactType, Size: int64(len(in.Payload)), Annotations: m.Annotations, Status: registry.ImageActive})
	}
	put(t, s, "web", "no subject")
	slices.SortFunc(want, func(a, b registry.Referrer) int { return slices.Compare([]string{a.Digest}, []string{b.Digest}) })
	wantSame(t, "all", want, value(s.Referrers(ctx, account, "web", subject, meta.ReferrerQuery{Limit: 10}))(t))
	wantSame(t, "second page", want[2:4], value(s.Referrers(ctx, account, "web", subject, meta.ReferrerQuery{After: want[1].Digest, Limit: 2}))(t))
	odd := slices.DeleteFunc(slices.Clone(want), func(r registry.Referrer) bool { return r.ArtifactType != "application/x-1" })
	wantSame(t, "one type", odd, value(s.Referrers(ctx, account, "web", subject, meta.ReferrerQuery{ArtifactTypes: []string{"application/x-1", "none"}, Limit: 10}))(t))
	wantSame(t, "none", []registry.Referrer(nil), value(s.Referrers(ctx, account, "web", DigestOf("other"), meta.ReferrerQuery{Limit: 10}))(t))
}

func readPulls(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	a, b := put(t, s, "web", "a"), put(t, s, "web", "b")
	must(t, s.RecordPulls(ctx, []meta.Pull{
		{RepositoryID: repo.ID, Digest: a, At: base.Add(5e9)}, {RepositoryID: repo.ID, Digest: a, At: base.Add(1e9)},
		{RepositoryID: repo.ID, Digest: DigestOf("unknown"), At: base}, {RepositoryID: 4711, Digest: a, At: base},
	}))
	must(t, s.RecordPulls(ctx, []meta.Pull{{RepositoryID: repo.ID, Digest: a, At: base}}))
	must(t, s.RecordPulls(ctx, nil))
	images := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}, {Digest: b}}))(t)
	if !images[0].LastPulledAt.Equal(base.Add(5e9)) || !images[1].LastPulledAt.IsZero() {
		t.Errorf("pulled at %v and %v", images[0].LastPulledAt, images[1].LastPulledAt)
	}
}
