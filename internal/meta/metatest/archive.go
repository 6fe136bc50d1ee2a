package metatest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func archiveCases() []testCase {
	return []testCase{
		{"an image goes into the archive and back", archiveLife},
		{"every step from every status", archiveSteps},
		{"what an archived image is hidden from", archiveHidden},
		{"pages of archived images", archivePages},
		{"pages of every filter", archiveFilters},
		{"a tag of an archived image moves and comes back", archiveTagMoves},
		{"pushes of the tags of images that come and go", archiveTagRace},
		{"referrers", archiveReferrers},
		{"an index before its children", archiveIndex},
		{"an index needs children that can be pulled", archivePushIndex},
		{"archived images do not count", archiveCounts},
		{"pushing it again restores it", archivePush},
		{"pushing it again starts what a push starts", archivePushFollows},
		{"pushing it again under an immutable tag restores it", archivePushImmutable},
		{"tags of archived images stay taken", archiveTags},
		{"archived images are deleted like others", archiveDelete},
		{"archived images are not scanned", archiveScan},
		{"blobs of archived images stay", archiveBlobs},
		{"refusals", archiveRefusals},
		{"an index that is pushed while its child is archived", archiveIndexRace},
		{"archiving, restoring, pushing and deleting at once", archiveStorm},
	}
}

var (
	anyImage   = meta.ImageQuery{Limit: 100, Status: registry.ImageAnyStatus}
	archived   = meta.ImageQuery{Limit: 100, Status: registry.ImageArchived}
	activating = meta.ImageQuery{Limit: 100, Status: registry.ImageActivating}
	active     = meta.ImageQuery{Limit: 100}
)

func become(t testing.TB, s meta.Store, digest string, status registry.ImageStatus, at time.Time, jobs ...job.Job) (registry.Image, error) {
	return s.SetStorageClass(t.Context(), meta.SetStorageClass{
		Account: account, Repository: "web", ID: registry.ImageID{Digest: digest}, Status: status, Now: at, Jobs: jobs,
	})
}

func archive(t testing.TB, s meta.Store, digests ...string) {
	t.Helper()
	for _, d := range digests {
		if _, err := become(t, s, d, registry.ImageArchived, base); err != nil {
			t.Fatal(err)
		}
	}
}

func digestsOf(t *testing.T, s meta.Store, q meta.ImageQuery) (all []string) {
	t.Helper()
	for _, i := range value(s.ListImages(t.Context(), account, "web", q))(t) {
		all = append(all, i.Digest)
	}
	return all
}

func archiveLife(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1", "v2")
	put(t, s, "web", "b")
	at := func(h int) time.Time { return base.Add(time.Duration(h) * time.Hour) }
	want := *value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}}))(t)[0]
	jobs := func(key string) job.Job { return job.Job{Kind: "event", Key: key, RunAt: base} }
	steps := []struct {
		status  registry.ImageStatus
		changed bool
		note    func()
	}{
		{registry.ImageActive, false, func() {}},
		{registry.ImageActivating, false, func() {}},
		{registry.ImageArchived, true, func() { want.Status, want.ArchivedAt = registry.ImageArchived, at(2) }},
		{registry.ImageArchived, false, func() {}},
		{registry.ImageActivating, true, func() { want.Status = registry.ImageActivating }},
		{registry.ImageActivating, false, func() {}},
		{registry.ImageActive, true, func() { want.Status, want.ActivatedAt = registry.ImageActive, at(6) }},
		{registry.ImageArchived, true, func() { want.Status, want.ArchivedAt = registry.ImageArchived, at(7) }},
		{registry.ImageActive, true, func() { want.Status, want.ActivatedAt = registry.ImageActive, at(8) }},
	}
	for n, step := range steps {
		step.note()
		got, err := become(t, s, a, step.status, at(n), jobs(fmt.Sprint(n)))
		must(t, err)
		what := fmt.Sprintf("step %d to %s", n, step.status)
		wantSame(t, what, want, got)
		wantSame(t, what+", by id", want, *value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}}))(t)[0])
		wantSame(t, what+", by tag", want, *value(s.Images(ctx, account, "web", []registry.ImageID{{Tag: "v2"}}))(t)[0])
		listed := value(s.ListImages(ctx, account, "web", anyImage))(t)
		i := slices.IndexFunc(listed, func(i registry.Image) bool { return i.Digest == a })
		wantSame(t, what+", listed", want, listed[i])
		if n := len(value(s.ClaimJobs(ctx, at(100), 1000*time.Hour, 9))(t)); (n == 1) != step.changed {
			t.Errorf("%s: %d jobs", what, n)
		}
	}
}

func archiveSteps(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a := put(t, s, "web", "a")
	all := []registry.ImageStatus{registry.ImageActive, registry.ImageArchived, registry.ImageActivating}
	for _, from := range all {
		for _, to := range all {
			for _, on := range map[registry.ImageStatus][]registry.ImageStatus{
				registry.ImageActive:     {registry.ImageActive},
				registry.ImageArchived:   {registry.ImageActive, registry.ImageArchived},
				registry.ImageActivating: {registry.ImageActive, registry.ImageArchived, registry.ImageActivating},
			}[from] {
				if _, err := become(t, s, a, on, base); err != nil {
					t.Fatal(err)
				}
			}
			got, err := become(t, s, a, to, base)
			switch {
			case from == registry.ImageActivating && to == registry.ImageArchived:
				wantError(t, err, registry.ImageBeingRestored(a))
			case from == registry.ImageActive && to == registry.ImageActivating:
				if must(t, err); got.Status != registry.ImageActive {
					t.Errorf("from %s to %s: %s", from, to, got.Status)
				}
			default:
				if must(t, err); got.Status != to {
					t.Errorf("from %s to %s: %s", from, to, got.Status)
				}
			}
		}
	}
	if _, err := become(t, s, a, "MELTED", base); err == nil || registry.CodeOf(err) != registry.CodeInternal {
		t.Errorf("an unknown status: %v", err)
	}
	if _, err := become(t, s, a, registry.ImageAnyStatus, base); err == nil {
		t.Error("ANY became a status")
	}
}

func archiveHidden(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a", "v1", "v3"), put(t, s, "web", "b", "v2")
	c := put(t, s, "web", "c")
	all := slices.Sorted(slices.Values([]string{a, b, c}))
	manifest := func(ref registry.Reference) error {
		_, err := s.Manifest(ctx, account, "web", ref)
		return err
	}
	check := func(status registry.ImageStatus) {
		t.Helper()
		hidden := status != registry.ImageActive
		for _, ref := range []registry.Reference{{Tag: "v1"}, {Digest: a}, {Tag: "v3"}} {
			if err := manifest(ref); hidden {
				wantError(t, err, registry.ImageNotFound(account, "web", ref))
			} else {
				must(t, err)
			}
		}
		must(t, manifest(registry.Reference{Tag: "v2"}))
		must(t, manifest(registry.Reference{Digest: c}))
		want := map[bool][]string{true: {"v2"}, false: {"v1", "v2", "v3"}}[hidden]
		wantSame(t, "tags", want, value(s.ListTags(ctx, account, "web", "", 9))(t))
		wantSame(t, "one tag", want[:1], value(s.ListTags(ctx, account, "web", "", 1))(t))
		wantSame(t, "later tags", want[1:], value(s.ListTags(ctx, account, "web", want[0], 9))(t))
		without := slices.DeleteFunc(slices.Clone(all), func(d string) bool { return hidden && d == a })
		wantSame(t, "active", without, digestsOf(t, s, active))
		wantSame(t, "any", all, digestsOf(t, s, anyImage))
		of := func(of registry.ImageStatus) []string {
			if status == of {
				return []string{a}
			}
			return nil
		}
		wantSame(t, "archived", of(registry.ImageArchived), digestsOf(t, s, archived))
		wantSame(t, "activating", of(registry.ImageActivating), digestsOf(t, s, activating))
		tagged, untagged := archived, archived
		tagged.Tags, untagged.Tags = registry.Tagged, registry.Untagged
		wantSame(t, "tagged and archived", of(registry.ImageArchived), digestsOf(t, s, tagged))
		wantSame(t, "untagged and archived", []string(nil), digestsOf(t, s, untagged))
		ids := value(s.ListImageIDs(ctx, account, "web", active))(t)
		if n := map[bool]int{true: 2, false: 4}[hidden]; len(ids) != n {
			t.Errorf("%d ids, want %d: %v", len(ids), n, ids)
		}
		if ids := value(s.ListImageIDs(ctx, account, "web", anyImage))(t); len(ids) != 4 {
			t.Errorf("any: %v", ids)
		}
		if i := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a, Tag: "v1"}}))(t)[0]; i == nil || i.Status != status {
			t.Errorf("by id: %+v", i)
		}
	}
	for _, status := range []registry.ImageStatus{registry.ImageActive, registry.ImageArchived, registry.ImageActivating, registry.ImageActive} {
		if _, err := become(t, s, a, status, base); err != nil {
			t.Fatal(err)
		}
		check(status)
		check(status) // once more, from what may be remembered
	}
}

func archivePages(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	var want []string
	for n, name := range numbered("image %d", 12) {
		digest := put(t, s, "web", name, fmt.Sprint("v", n), fmt.Sprint("w", n))
		if n%2 == 0 {
			want = append(want, digest)
		}
	}
	archive(t, s, want...)
	slices.Sort(want)
	var got, gotIDs []string
	page := meta.ImageQuery{Limit: 4, Status: registry.ImageArchived}
	for {
		images := value(s.ListImages(ctx, account, "web", page))(t)
		if len(images) == 0 {
			break
		}
		for _, i := range images {
			got = append(got, i.Digest)
		}
		page.After.Digest = got[len(got)-1]
	}
	wantSame(t, "images", want, got)
	page = meta.ImageQuery{Limit: 5, Status: registry.ImageArchived}
	for {
		ids := value(s.ListImageIDs(ctx, account, "web", page))(t)
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			gotIDs = append(gotIDs, id.Digest)
		}
		page.After = ids[len(ids)-1]
	}
	if len(gotIDs) != 12 || !slices.Equal(slices.Compact(gotIDs), want) {
		t.Errorf("ids %v", gotIDs)
	}
}

// archiveFilters lists images of every status, with and without tags, in pages
// of every size.
func archiveFilters(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	statuses := []registry.ImageStatus{registry.ImageActive, registry.ImageArchived, registry.ImageActivating}
	ids := someImages(t, s, "web", 27)
	is := map[string]registry.ImageStatus{}
	for n, name := range numbered("image-%03d", 27) {
		digest := Push("web", Image(DigestOf(name))).Digest
		is[digest] = statuses[n/3%3]
		for _, status := range map[registry.ImageStatus][]registry.ImageStatus{
			registry.ImageArchived: statuses[1:2], registry.ImageActivating: statuses[1:],
		}[is[digest]] {
			value(become(t, s, digest, status, base))(t)
		}
	}
	for _, status := range append(statuses, "", registry.ImageAnyStatus) {
		for _, tags := range []registry.TagFilter{"", registry.AnyTag, registry.Tagged, registry.Untagged} {
			var want []registry.ImageID
			var digests []string
			for _, id := range ids {
				wanted := status
				if status == "" {
					wanted = registry.ImageActive
				}
				if (wanted != registry.ImageAnyStatus && is[id.Digest] != wanted) || (tags == registry.Tagged && id.Tag == "") || (tags == registry.Untagged && id.Tag != "") {
					continue
				}
				want, digests = append(want, id), append(digests, id.Digest)
			}
			digests = slices.Compact(digests)
			for limit := 1; limit < 8; limit++ {
				q := meta.ImageQuery{Status: status, Tags: tags, Limit: limit}
				what := fmt.Sprintf("%q %q in pages of %d", status, tags, limit)
				wantSame(t, "ids "+what, want, allIDs(t, s, "web", q))
				var got []string
				for page := []string(nil); ; page = nil {
					for _, i := range value(s.ListImages(ctx, account, "web", q))(t) {
						page = append(page, i.Digest)
					}
					if got = append(got, page...); len(page) < limit {
						break
					}
					q.After.Digest = page[limit-1]
				}
				wantSame(t, "images "+what, digests, got)
			}
		}
	}
}

func archiveTagMoves(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a", "v1", "v2"), put(t, s, "web", "b", "v3")
	archive(t, s, a)
	put(t, s, "web", "b", "v1")
	wantSame(t, "after v1 moved", map[string]string{"v1": b, "v3": b}, tagsOf(t, s, "web"))
	archive(t, s, b)
	wantSame(t, "after that", map[string]string{}, tagsOf(t, s, "web"))
	remove(t, s, registry.ImageID{Tag: "v3"}, meta.DeleteTagOnly)
	put(t, s, "web", "a", "v3", "v4")
	wantSame(t, "back", map[string]string{"v2": a, "v3": a, "v4": a}, tagsOf(t, s, "web"))
	value(become(t, s, b, registry.ImageActivating, base))(t)
	wantSame(t, "on its way", []string{"v2", "v3", "v4"}, value(s.ListTags(ctx, account, "web", "", 9))(t))
	value(become(t, s, b, registry.ImageActive, base))(t)
	wantSame(t, "both", map[string]string{"v1": b, "v2": a, "v3": a, "v4": a}, tagsOf(t, s, "web"))
}

// archiveTagRace: a tag never names two images, however its image comes and
// goes while others are pushed under it.
func archiveTagRace(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	names := numbered("image %d", 4)
	for _, name := range names {
		put(t, s, "web", name)
	}
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for n := range 25 {
				in := Push("web", Image(DigestOf(names[(w+n)%len(names)])), fmt.Sprint("v", n%2), "v2")
				var err error
				switch w % 4 {
				case 0, 1:
					_, err = s.PutImage(t.Context(), in)
				case 2:
					_, err = become(t, s, in.Digest, []registry.ImageStatus{registry.ImageArchived, registry.ImageActive}[n%2], base)
				case 3:
					_, err = s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Tag: in.Tags[n%2]}, Mode: meta.DeleteTagOnly})
				}
				if err != nil && registry.CodeOf(err) == registry.CodeInternal {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, id := range allIDs(t, s, "web", meta.ImageQuery{Limit: 5, Status: registry.ImageAnyStatus}) {
		if id.Tag != "" && seen[id.Tag] {
			t.Errorf("tag %s names two images", id.Tag)
		}
		seen[id.Tag] = true
	}
	checkRepository(t, s, "web")
}

func archiveReferrers(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	subject := put(t, s, "web", "subject")
	Blob(t, s, "web", "config", 1)
	var digests []string
	for n := range 3 {
		m := Image(DigestOf("config"))
		m.Subject = &registry.Descriptor{MediaType: registry.MediaTypeOCIManifest, Digest: subject, Size: 1}
		m.Annotations = map[string]string{"n": fmt.Sprint(n)}
		in := Push("web", m)
		value(s.PutImage(ctx, in))(t)
		digests = append(digests, in.Digest)
	}
	slices.Sort(digests)
	archive(t, s, digests[1])
	if _, err := become(t, s, digests[1], registry.ImageActivating, base); err != nil {
		t.Fatal(err)
	}
	archive(t, s, digests[2], subject)
	for status, want := range map[registry.ImageStatus]string{"": "0", "ACTIVE": "0", "ARCHIVED": "2", "ACTIVATING": "1", "ANY": "012"} {
		var got strings.Builder
		for _, r := range value(s.Referrers(ctx, account, "web", subject, meta.ReferrerQuery{Limit: 9, Status: status}))(t) {
			n := slices.Index(digests, r.Digest)
			fmt.Fprint(&got, n)
			if wanted := []registry.ImageStatus{registry.ImageActive, registry.ImageActivating, registry.ImageArchived}[n]; r.Status != wanted {
				t.Errorf("referrer %d is %s", n, r.Status)
			}
		}
		if got.String() != want {
			t.Errorf("status %q: referrers %s, want %s", status, &got, want)
		}
	}
}

func archiveIndex(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a"), put(t, s, "web", "b")
	one, two := putIndex(t, s, "web", []string{a, b}, "one"), putIndex(t, s, "web", []string{a}, "two")
	parents := slices.Sorted(slices.Values([]string{one, two}))
	_, err := become(t, s, a, registry.ImageArchived, base)
	wantError(t, err, registry.Errorf(registry.CodeImageStorageClassUpdateNotSupported,
		"The image with digest '%s' cannot be archived because it is referenced by the active manifest list: [%s]", a, strings.Join(parents, ", ")))
	archive(t, s, two)
	_, err = become(t, s, a, registry.ImageArchived, base)
	wantError(t, err, registry.ImageNeededUnarchived(a, []string{one}))
	archive(t, s, one)
	if _, err = become(t, s, one, registry.ImageActivating, base); err != nil {
		t.Error(err)
	}
	_, err = become(t, s, a, registry.ImageArchived, base)
	wantError(t, err, registry.ImageNeededUnarchived(a, []string{one}))
	if _, err = become(t, s, one, registry.ImageActive, base); err != nil {
		t.Error(err)
	}
	archive(t, s, one, a, b)
	// They come back in any order.
	if _, err = become(t, s, one, registry.ImageActive, base); err != nil {
		t.Error(err)
	}
	if _, err = become(t, s, a, registry.ImageActive, base); err != nil {
		t.Error(err)
	}
	// A needed image is not deleted, archived or not.
	for _, needed := range []string{a, b} {
		_, err = s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: needed}, Mode: meta.DeleteTagOnly})
		wantCode(t, err, registry.CodeImageReferenced)
	}
}

func archivePushIndex(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a"), put(t, s, "web", "b")
	index := Push("web", Index(a, b), "all")
	archive(t, s, a)
	for _, status := range []registry.ImageStatus{registry.ImageArchived, registry.ImageActivating} {
		if _, err := become(t, s, a, status, base); err != nil {
			t.Error(err)
		}
		_, err := s.PutImage(ctx, index)
		wantError(t, err, registry.ReferencedImagesNotFound(account, "web", []string{a}))
	}
	put(t, s, "web", "a") // as clients do that do not find it
	if out := value(s.PutImage(ctx, index))(t); !out.Created {
		t.Error("the index was not created")
	}
	archive(t, s, index.Digest, a, b)
	_, err := s.PutImage(ctx, index)
	wantError(t, err, registry.ReferencedImagesNotFound(account, "web", []string{a, b}))
	put(t, s, "web", "b")
	put(t, s, "web", "a")
	if out := value(s.PutImage(ctx, index))(t); !out.Restored {
		t.Error("the index was not restored")
	}
}

func archiveCounts(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	limited := func(name string) error {
		Blob(t, s, "web", name, 1)
		in := Push("web", Image(DigestOf(name)))
		in.MaxImages = 2
		_, err := s.PutImage(ctx, in)
		return err
	}
	a, b := put(t, s, "web", "a"), put(t, s, "web", "b")
	wantCode(t, limited("c"), registry.CodeLimitExceeded)
	archive(t, s, a)
	must(t, limited("c"))
	wantCode(t, limited("d"), registry.CodeLimitExceeded)
	wantCode(t, limited("a"), registry.CodeLimitExceeded) // it would be the third
	if i := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}}))(t)[0]; i.Status != registry.ImageArchived {
		t.Errorf("after a refused push it is %s", i.Status)
	}
	archive(t, s, b)
	must(t, limited("a"))
	wantCode(t, limited("d"), registry.CodeLimitExceeded)
	value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: b}, Mode: meta.DeleteTagOnly}))(t) // counted no more
	wantCode(t, limited("d"), registry.CodeLimitExceeded)
	archive(t, s, a)
	if _, err := become(t, s, a, registry.ImageActivating, base); err != nil {
		t.Error(err)
	}
	wantCode(t, limited("d"), registry.CodeLimitExceeded)
	must(t, limited("a")) // counts already
	value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}, Mode: meta.DeleteTagOnly}))(t)
	must(t, limited("d"))
	// Full of archived images a repository is not empty.
	for _, d := range digestsOf(t, s, active) {
		archive(t, s, d)
	}
	_, err := s.DeleteRepository(ctx, account, "web", false, nil)
	wantCode(t, err, registry.CodeRepositoryNotEmpty)
	value(s.DeleteRepository(ctx, account, "web", true, nil))(t)
}

func archivePush(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	again := Push("web", Image(DigestOf("a")), "v1")
	again.RefuseUnchanged, again.Now = true, base.Add(time.Hour)
	_, err := s.PutImage(ctx, again)
	wantCode(t, err, registry.CodeImageAlreadyExists)
	for n, status := range []registry.ImageStatus{registry.ImageArchived, registry.ImageActivating} {
		archive(t, s, a)
		if _, err := become(t, s, a, status, base); err != nil {
			t.Error(err)
		}
		tags := []string{"v1", fmt.Sprint("w", n)}
		in := again
		in.Tags = tags
		out := value(s.PutImage(ctx, in))(t)
		if out.Created || !out.Restored || !slices.Equal(out.Tagged, tags[1:]) {
			t.Errorf("from %s: %+v", status, out)
		}
		stored := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}}))(t)[0]
		wantSame(t, "answered", *stored, out.Image)
		if stored.Status != registry.ImageActive || !stored.ActivatedAt.Equal(again.Now) || !stored.ArchivedAt.Equal(base) || !stored.PushedAt.Equal(base) {
			t.Errorf("from %s: %+v", status, stored)
		}
		if !exists(t, s, "web", a) {
			t.Error("it cannot be pulled")
		}
	}
	_, err = s.PutImage(ctx, again)
	wantCode(t, err, registry.CodeImageAlreadyExists)
	archive(t, s, a)
	in := again
	in.Tags = nil // by digest
	if out := value(s.PutImage(ctx, in))(t); !out.Restored || len(out.Tagged) != 0 {
		t.Errorf("by digest: %+v", out)
	}
	again.RefuseUnchanged = false
	if out := value(s.PutImage(ctx, again))(t); out.Restored || out.Created {
		t.Errorf("once more: %+v", out)
	}
}

func archivePushFollows(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	start(t, s, repo, a, "E", base)
	archive(t, s, a)
	in := Push("web", Image(DigestOf("a")))
	in.Scan = &meta.StartScan{Engine: "F", Now: base.Add(time.Minute)}
	in.Jobs = []job.Job{{Kind: "scan", Key: a, RunAt: base}}
	for n := range 2 {
		value(s.PutImage(ctx, in))(t)
		if got := value(s.ClaimJobs(ctx, base, time.Hour, 9))(t); len(got) != 1-n {
			t.Errorf("push %d: jobs %v", n, got)
		}
		if scan := value(s.Scans(ctx, repo.ID, []string{a}))(t)[a]; scan.Engine != "F" || scan.Status != meta.ScanInProgress {
			t.Errorf("push %d: scan %+v", n, scan)
		}
	}
}

func archivePushImmutable(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	Blob(t, s, "web", "b", 1)
	setMutability(t, s, "web", registry.Immutable)
	archive(t, s, a)
	in := Push("web", Image(DigestOf("b")), "v1")
	_, err := s.PutImage(ctx, in)
	wantError(t, err, registry.ImageTagAlreadyExists("web", "v1"))
	in = Push("web", Image(DigestOf("a")), "v1")
	in.RefuseSameImmutable = true
	if out := value(s.PutImage(ctx, in))(t); !out.Restored {
		t.Errorf("not restored: %+v", out)
	}
	_, err = s.PutImage(ctx, in)
	wantError(t, err, registry.ImageTagAlreadyExists("web", "v1"))
}

func archiveTags(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1", "v2")
	archive(t, s, a)
	b := put(t, s, "web", "b", "v1") // moves
	wantSame(t, "tags", map[string]string{"v1": b}, tagsOf(t, s, "web"))
	if i := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}}))(t)[0]; !slices.Equal(i.Tags, []string{"v2"}) || i.Status != registry.ImageArchived {
		t.Errorf("the archived image: %+v", i)
	}
	wantSame(t, "removed", []registry.ImageID{{Digest: a, Tag: "v2"}}, remove(t, s, registry.ImageID{Tag: "v2"}, meta.DeleteTagOnly))
	untagged := archived
	untagged.Tags = registry.Untagged
	wantSame(t, "untagged", []string{a}, digestsOf(t, s, untagged))
}

func archiveDelete(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a, b := put(t, s, "web", "a", "v1"), put(t, s, "web", "b", "v2", "v3")
	archive(t, s, a, b)
	wantSame(t, "by its last tag", []registry.ImageID{{Digest: a, Tag: "v1"}}, remove(t, s, registry.ImageID{Tag: "v1"}, meta.DeleteLastTagDeletesImage))
	if i := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: a}}))(t)[0]; i != nil {
		t.Errorf("still there: %+v", i)
	}
	if gone := remove(t, s, registry.ImageID{Digest: b}, meta.DeleteTagOnly); len(gone) != 2 {
		t.Errorf("by digest: %v", gone)
	}
	wantSame(t, "left", []string(nil), digestsOf(t, s, anyImage))
	if out := value(s.PutImage(ctx, Push("web", Image(DigestOf("a")))))(t); !out.Created || !out.Image.ArchivedAt.IsZero() {
		t.Errorf("pushed after that: %+v", out)
	}
}

func archiveScan(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	scan := func() error {
		return s.StartScan(t.Context(), account, repo.ID, a, meta.StartScan{Engine: "E", Now: base}, 0, 0, []job.Job{{Kind: "scan", Key: a, RunAt: base}})
	}
	for _, status := range []registry.ImageStatus{registry.ImageArchived, registry.ImageActivating} {
		if _, err := become(t, s, a, status, base); err != nil {
			t.Fatal(err)
		}
		wantError(t, scan(), registry.ImageIsArchived(account, "web", registry.ImageID{Digest: a}))
	}
	if got := value(s.ClaimJobs(t.Context(), base, 1, 9))(t); len(got) != 0 {
		t.Errorf("jobs %v", got)
	}
	if _, err := become(t, s, a, registry.ImageActive, base); err != nil {
		t.Fatal(err)
	}
	must(t, scan())
}

func archiveBlobs(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a := put(t, s, "web", "a")
	archive(t, s, a)
	value(s.Blob(ctx, account, "web", DigestOf("a")))(t)
	wantCode(t, s.UnlinkBlob(ctx, account, "web", DigestOf("a"), time.Now()), registry.CodeImageReferenced)
	if n := value(s.UnlinkIdleBlobs(ctx, base.Add(1000*time.Hour), time.Now(), 9))(t); n != 0 {
		t.Errorf("%d blobs were collected", n)
	}
}

func archiveRefusals(t *testing.T, s meta.Store) {
	ctx := t.Context()
	in := meta.SetStorageClass{Account: account, Repository: "web", ID: registry.ImageID{Tag: "v1"}, Status: registry.ImageArchived, Now: base}
	_, err := s.SetStorageClass(ctx, in)
	wantError(t, err, registry.RepositoryNotFound(account, "web"))
	Repo(t, s, "web")
	_, err = s.SetStorageClass(ctx, in)
	wantError(t, err, registry.ImageNotFound(account, "web", in.ID))
	a, b := put(t, s, "web", "a", "v1"), put(t, s, "web", "b")
	in.ID.Digest = b
	_, err = s.SetStorageClass(ctx, in)
	wantError(t, err, registry.ImageNotFound(account, "web", in.ID))
	in.ID.Digest = a
	value(s.SetStorageClass(ctx, in))(t)
	for _, name := range []string{"'", "v1\x00", "\xff", "%", "?", long(100_000), ""} {
		in.ID = registry.ImageID{Tag: name}
		_, err = s.SetStorageClass(ctx, in)
		wantCode(t, err, registry.CodeImageNotFound)
		in.ID = registry.ImageID{Digest: name}
		_, err = s.SetStorageClass(ctx, in)
		wantCode(t, err, registry.CodeImageNotFound)
	}
}

// archiveIndexRace: whoever is first wins; no index is pushed whose child could
// not be pulled.
func archiveIndexRace(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	for n, name := range numbered("child %d", 15) {
		child := put(t, s, "web", name)
		var all sync.WaitGroup
		var pushed, gone atomic.Bool
		all.Go(func() {
			_, err := s.PutImage(t.Context(), Push("web", Index(child), fmt.Sprint("v", n)))
			if pushed.Store(err == nil); err != nil && registry.CodeOf(err) != registry.CodeReferencedImagesNotFound {
				t.Error(err)
			}
		})
		all.Go(func() {
			_, err := become(t, s, child, registry.ImageArchived, base)
			if gone.Store(err == nil); err != nil && registry.CodeOf(err) != registry.CodeImageStorageClassUpdateNotSupported {
				t.Error(err)
			}
		})
		all.Wait()
		if pushed.Load() == gone.Load() {
			t.Errorf("round %d: pushed %v, archived %v", n, pushed.Load(), gone.Load())
		}
	}
}

func archiveStorm(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	names := numbered("image %d", 3)
	for _, name := range names {
		put(t, s, "web", name)
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for n := range 30 {
				in := Push("web", Image(DigestOf(names[(w+n)%len(names)])), fmt.Sprint("v", n%4))
				in.MaxImages = 5
				var err error
				switch (w + n/2) % 6 {
				case 0, 1:
					_, err = become(t, s, in.Digest, registry.ImageArchived, base)
				case 2:
					_, err = become(t, s, in.Digest, registry.ImageActivating, base)
				case 3:
					_, err = become(t, s, in.Digest, registry.ImageActive, base)
				case 4:
					_, err = s.PutImage(t.Context(), in)
				case 5:
					_, err = s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: in.Digest}, Mode: meta.DeleteTagOnly})
				}
				if err != nil && registry.CodeOf(err) == registry.CodeInternal {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	checkRepository(t, s, "web")
}
