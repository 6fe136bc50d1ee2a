package metatest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func coverageCases() []testCase {
	return []testCase{
		{"coverage of an image, from its first to its last", coverageLife},
		{"no coverage of an image that is gone", coverageOfNothing},
		{"coverage of an inventory that was not indexed", coverageUnindexed},
		{"events come with it", coverageEvents},
		{"what the image tells is as it is now", coverageLive},
		{"a digest that is pushed again has the same coverage", coverageRevived},
		{"a deleted tag deletes nothing", coverageUntagged},
		{"a deleted repository", coverageRepository},
		{"referrers that follow their subject", coverageFollowers},
		{"archiving and restoring", coverageArchive},
		{"pulls of what has expired", coveragePulls},
		{"what has happened meanwhile is not missed", coverageOutdated},
		{"pages of coverage", coveragePages},
		{"coverage of images that hold a component", coverageHolding},
		{"purging", coveragePurge},
	}
}

// Covered makes the coverage of an image as enhanced scanning would.
func Covered(repo *registry.Repository, digest string) finding.Coverage {
	return finding.Coverage{
		Account: repo.Account, RepositoryID: repo.ID, Frequency: registry.ScanContinuous, Code: finding.Covered, Reason: finding.ReasonSuccessful,
		ScanStatus: "ACTIVE", Description: "Continuous scan is selected for image.", EnrolledAt: base,
		Image: finding.Image{Repository: repo.Name, Digest: digest, Architecture: "amd64", Author: "me", Platform: "DEBIAN_12"},
	}
}

// cover stores the coverage of an image, with an inventory unless that is empty.
func cover(t testing.TB, s meta.Store, repo *registry.Repository, digest, inventory string) finding.Coverage {
	t.Helper()
	c := Covered(repo, digest)
	c.InventoryID = inventory
	stored, err := s.PutCoverage(t.Context(), &c, nil)
	must(t, err)
	if !stored || c.ID == 0 {
		t.Fatalf("not stored: %+v", c)
	}
	return c
}

func coverageOf(t testing.TB, s meta.Store, repo *registry.Repository, digest string) finding.Coverage {
	t.Helper()
	all, err := s.Coverage(t.Context(), repo.ID, []string{digest, DigestOf("none")})
	must(t, err)
	if len(all) > 1 {
		t.Errorf("coverage of others, too: %v", all)
	}
	return all[digest]
}

func deleteImage(t testing.TB, s meta.Store, repo *registry.Repository, digest string) {
	t.Helper()
	_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: repo.Account, Repository: repo.Name, ID: registry.ImageID{Digest: digest}})
	must(t, err)
}

// recent says whether a time was noted by the store itself.
func recent(at time.Time) bool { return time.Since(at).Abs() < time.Minute }

func coverageLife(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1", "v2")
	index(t, s, "inventory", Component("a", "1"))
	c := Covered(repo, a)
	c.Reason, c.ScanStatus, c.DueAt = finding.ReasonPendingInitialScan, "PENDING", base.Add(time.Hour)
	if stored := value(s.PutCoverage(ctx, &c, nil))(t); !stored || c.ID == 0 {
		t.Fatalf("not stored: %+v", c)
	}
	want := c
	want.Image.Tags, want.Image.PushedAt, want.Image.Status = []string{"v1", "v2"}, base, registry.ImageActive
	want.Image.MediaType = registry.MediaTypeOCIManifest
	wantSame(t, "new", want, coverageOf(t, s, repo, a))
	want.InventoryID, want.Layers, want.Reason, want.DueAt = "inventory", []byte("\x00\x01"), finding.ReasonSuccessful, time.Time{}
	want.FirstScannedAt, want.LastScannedAt, want.SourceUpdatedAt = base.Add(1), base.Add(time.Minute), base.Add(-time.Hour)
	want.FirstScannedAt = base.Add(time.Microsecond)
	want.Image.Platform, want.Frequency, want.Code = "ALPINE_3_20", registry.ScanOnPush, finding.NotCovered
	changed := want
	if stored := value(s.PutCoverage(ctx, &changed, nil))(t); !stored || changed.ID != c.ID {
		t.Errorf("not stored: %+v", changed)
	}
	wantSame(t, "changed", want, coverageOf(t, s, repo, a))
	wantSame(t, "by id", map[int64]finding.Coverage{c.ID: want}, value(s.CoverageByID(ctx, []int64{c.ID, 4711}))(t))
	_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}})
	must(t, err)
	gone := coverageOf(t, s, repo, a)
	if !recent(gone.GoneAt) || !gone.DueAt.Equal(gone.GoneAt) {
		t.Errorf("gone at %v, due at %v", gone.GoneAt, gone.DueAt)
	}
	want.Image.Status, want.GoneAt, want.DueAt = "", gone.GoneAt, gone.DueAt
	wantSame(t, "gone", want, gone)
	gone.Reason, gone.DueAt = finding.ReasonResourceTerminated, time.Time{}
	if stored := value(s.PutCoverage(ctx, &gone, nil))(t); !stored {
		t.Error("the coverage of a deleted image cannot be changed")
	}
	want.Reason, want.DueAt = finding.ReasonResourceTerminated, time.Time{}
	wantSame(t, "terminated", want, coverageOf(t, s, repo, a))
}

func coverageOfNothing(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	c := Covered(repo, DigestOf("none"))
	events := []meta.Event{{Account: account, At: base, Body: []byte("x")}}
	if value(s.PutCoverage(ctx, &c, events))(t) || c.ID != 0 {
		t.Errorf("stored: %+v", c)
	}
	other := Covered(&registry.Repository{ID: 4711, Account: account, Name: "none"}, put(t, s, "web", "a"))
	if value(s.PutCoverage(ctx, &other, events))(t) {
		t.Error("stored in another repository")
	}
	a := put(t, s, "web", "b")
	value(s.DeleteRepository(ctx, account, "web", true, nil))(t)
	c = Covered(repo, a)
	if value(s.PutCoverage(ctx, &c, events))(t) {
		t.Error("stored in a deleted repository")
	}
	if got := value(s.PendingEvents(ctx, 9, 1000))(t); len(got) != 0 {
		t.Errorf("events of nothing: %v", got)
	}
	if got := value(s.ListCoverage(ctx, account, meta.CoverageQuery{Limit: 9, Gone: true}))(t); len(got) != 0 {
		t.Errorf("coverage of nothing: %v", got)
	}
}

func coverageUnindexed(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	c := Covered(repo, put(t, s, "web", "a"))
	c.InventoryID = "unknown"
	if _, err := s.PutCoverage(t.Context(), &c, nil); err == nil {
		t.Error("stored: no change of a component would ever reach the image")
	}
}

func coverageEvents(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	c := Covered(repo, put(t, s, "web", "a"))
	event := meta.Event{Account: account, Lane: "l", At: base, Body: []byte("x")}
	value(s.PutCoverage(t.Context(), &c, []meta.Event{event}))(t)
	if got := value(s.PendingEvents(t.Context(), 9, 1000))(t); len(got) != 1 || string(got[0].Body) != "x" || got[0].Lane != "l" {
		t.Errorf("events: %+v", got)
	}
}

func coverageLive(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	b := put(t, s, "web", "b")
	c := cover(t, s, repo, a, "")
	put(t, s, "web", "a", "v2")
	must(t, s.RecordPulls(t.Context(), []meta.Pull{{RepositoryID: repo.ID, Digest: a, At: base.Add(time.Hour)}}))
	got := coverageOf(t, s, repo, a)
	if !slices.Equal(got.Image.Tags, []string{"v1", "v2"}) || !got.Image.PulledAt.Equal(base.Add(time.Hour)) || !got.DueAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	archive(t, s, a)
	if got := coverageOf(t, s, repo, a); got.Image.Status != registry.ImageArchived || len(got.Image.Tags) != 2 {
		t.Errorf("archived: %+v", got)
	}
	deleteImage(t, s, repo, a)
	got = coverageOf(t, s, repo, a)
	if !slices.Equal(got.Image.Tags, []string{"v1", "v2"}) || !got.Image.PulledAt.Equal(base.Add(time.Hour)) || got.Image.Status != "" || got.ID != c.ID {
		t.Errorf("as it was last: %+v", got)
	}
	if got := coverageOf(t, s, repo, b); got.ID != 0 {
		t.Errorf("coverage of another: %+v", got)
	}
}

func coverageRevived(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	before := cover(t, s, repo, a, "")
	deleteImage(t, s, repo, a)
	in := Push("web", Image(DigestOf("a")), "v9")
	in.Now = base.Add(time.Hour)
	value(s.PutImage(t.Context(), in))(t)
	after := cover(t, s, repo, a, "")
	got := coverageOf(t, s, repo, a)
	if after.ID != before.ID || !got.GoneAt.IsZero() || !got.Image.PushedAt.Equal(in.Now) || !slices.Equal(got.Image.Tags, []string{"v9"}) || got.Image.Status != registry.ImageActive {
		t.Errorf("revived: %+v, of %+v", got, before)
	}
	deleteImage(t, s, repo, a)
	if got := coverageOf(t, s, repo, a); got.GoneAt.IsZero() || !slices.Equal(got.Image.Tags, []string{"v9"}) {
		t.Errorf("deleted again: %+v", got)
	}
	// A repository of the same name is another.
	value(s.DeleteRepository(t.Context(), account, "web", true, nil))(t)
	other := Repo(t, s, "web")
	put(t, s, "web", "a")
	if c := cover(t, s, other, a, ""); c.ID == before.ID {
		t.Error("the coverage of another repository was revived")
	}
}

func coverageUntagged(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	cover(t, s, repo, a, "")
	value(s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Tag: "v1"}, Mode: meta.DeleteTagOnly}))(t)
	if c := coverageOf(t, s, repo, a); !c.GoneAt.IsZero() || !c.DueAt.IsZero() || len(c.Image.Tags) != 0 {
		t.Errorf("got %+v", c)
	}
}

func coverageRepository(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo, other := Repo(t, s, "web"), Repo(t, s, "other")
	a, b := put(t, s, "web", "a", "v1", "v2"), put(t, s, "web", "b")
	put(t, s, "other", "a")
	for _, d := range []string{a, b} {
		cover(t, s, repo, d, "")
	}
	cover(t, s, other, a, "")
	deleteImage(t, s, repo, b)
	before := coverageOf(t, s, repo, b)
	value(s.DeleteRepository(ctx, account, "web", true, nil))(t)
	got := coverageOf(t, s, repo, a)
	if !recent(got.GoneAt) || !got.DueAt.Equal(got.GoneAt) || !slices.Equal(got.Image.Tags, []string{"v1", "v2"}) || got.Image.Status != "" || got.Image.Repository != "web" {
		t.Errorf("got %+v", got)
	}
	wantSame(t, "gone before", before, coverageOf(t, s, repo, b))
	if c := coverageOf(t, s, other, a); !c.GoneAt.IsZero() {
		t.Errorf("the image of another repository is gone, too: %+v", c)
	}
	due := value(s.ListCoverage(ctx, "", meta.CoverageQuery{DueBefore: time.Now().Add(time.Minute), Gone: true, Limit: 9}))(t)
	if len(due) != 2 {
		t.Errorf("due: %+v", due)
	}
}

func coverageFollowers(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	subject := put(t, s, "web", "subject")
	m := Image(Blob(t, s, "web", "signature", 1))
	m.Subject = &registry.Descriptor{Digest: subject}
	in := Push("web", m)
	value(s.PutImage(t.Context(), in))(t)
	cover(t, s, repo, in.Digest, "")
	deleteImage(t, s, repo, subject)
	value(s.FollowSubject(t.Context(), meta.FollowSubject{RepositoryID: repo.ID, Subject: subject, At: base.Add(time.Hour), Limit: 9, Now: base}))(t)
	if c := coverageOf(t, s, repo, in.Digest); c.GoneAt.IsZero() {
		t.Errorf("got %+v", c)
	}
}

func coverageArchive(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	c := cover(t, s, repo, a, "")
	for n, status := range []registry.ImageStatus{registry.ImageArchived, registry.ImageActive} {
		at := base.Add(time.Duration(n) * time.Hour)
		value(become(t, s, a, status, at))(t)
		if c = coverageOf(t, s, repo, a); !c.DueAt.Equal(at) || c.Image.Status != status {
			t.Errorf("%s: %+v", status, c)
		}
		c.DueAt = time.Time{}
		value(s.PutCoverage(t.Context(), &c, nil))(t)
		if !c.DueAt.IsZero() {
			t.Errorf("%s: due at %v after it was looked at", status, c.DueAt)
		}
	}
	archive(t, s, a)
	put(t, s, "web", "a", "v2") // restores it at once
	if c = coverageOf(t, s, repo, a); !c.DueAt.Equal(base) || c.Image.Status != registry.ImageActive {
		t.Errorf("pushed again: %+v", c)
	}
}

func coveragePulls(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a, b := put(t, s, "web", "a"), put(t, s, "web", "b")
	c := cover(t, s, repo, a, "")
	cover(t, s, repo, b, "")
	c.Code, c.Reason = finding.NotCovered, finding.ReasonEligibilityExpired
	value(s.PutCoverage(t.Context(), &c, nil))(t)
	pulled := base.Add(24 * time.Hour)
	var pulls []meta.Pull
	for _, digest := range []string{b, DigestOf("none"), a, "\x00"} {
		pulls = append(pulls, meta.Pull{RepositoryID: repo.ID, Digest: digest, At: pulled})
	}
	must(t, s.RecordPulls(t.Context(), pulls))
	if got := coverageOf(t, s, repo, a); !got.DueAt.Equal(pulled) || !got.Image.PulledAt.Equal(pulled) {
		t.Errorf("expired: %+v", got)
	}
	if got := coverageOf(t, s, repo, b); !got.DueAt.IsZero() {
		t.Errorf("covered: %+v", got)
	}
	must(t, s.RecordPulls(t.Context(), []meta.Pull{{RepositoryID: repo.ID, Digest: a, At: pulled.Add(time.Hour)}}))
	if got := coverageOf(t, s, repo, a); !got.DueAt.Equal(pulled) {
		t.Errorf("a later pull put it off: %v", got.DueAt)
	}
}

func coverageOutdated(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	cover(t, s, repo, a, "")
	// put stores what somebody has decided by what they have read before.
	store := func(what string, seen finding.Coverage, due bool) {
		t.Helper()
		seen.DueAt = base.Add(1000 * time.Hour * 24)
		value(s.PutCoverage(ctx, &seen, nil))(t)
		if stored := coverageOf(t, s, repo, a); recent(stored.DueAt) != due || !stored.DueAt.Equal(seen.DueAt) {
			t.Errorf("%s: due at %v, want it at once: %v; told %v", what, stored.DueAt, due, seen.DueAt)
		}
	}
	seen := coverageOf(t, s, repo, a)
	store("nothing happened", seen, false)
	archive(t, s, a)
	store("archived meanwhile", seen, true)
	archivedSeen := coverageOf(t, s, repo, a)
	store("archived before", archivedSeen, false)
	value(become(t, s, a, registry.ImageActive, base))(t)
	store("restored meanwhile", archivedSeen, true)
	seen = coverageOf(t, s, repo, a)
	must(t, s.RecordPulls(ctx, []meta.Pull{{RepositoryID: repo.ID, Digest: a, At: base.Add(time.Minute)}}))
	store("pulled meanwhile", seen, false)
	seen.Reason = finding.ReasonEligibilityExpired
	store("pulled before it has expired", seen, true)
	seen.Image.Status = ""
	store("the caller has not looked", seen, false)
	deleteImage(t, s, repo, a)
	store("deleted meanwhile", seen, true)
	gone := coverageOf(t, s, repo, a)
	store("deleted before", gone, false)
	put(t, s, "web", "a")
	store("pushed again meanwhile", gone, true)
	if c := coverageOf(t, s, repo, a); !c.GoneAt.IsZero() {
		t.Errorf("got %+v", c)
	}
}

// idsOf walks all pages of coverage.
func idsOf(t *testing.T, s meta.Store, account string, q meta.CoverageQuery) (all []int64) {
	t.Helper()
	q.Limit = 3
	for {
		page := value(s.ListCoverage(t.Context(), account, q))(t)
		for _, c := range page {
			if c.ID <= q.After {
				t.Fatalf("%d comes after %d", c.ID, q.After)
			}
			q.After = c.ID
			all = append(all, c.ID)
		}
		if len(page) < q.Limit {
			return all
		}
	}
}

func coveragePages(t *testing.T, s meta.Store) {
	web, api := Repo(t, s, "web"), Repo(t, s, "api")
	foreign := &registry.Repository{Account: "111111111111", Name: "web", CreatedAt: base, TagMutability: registry.Mutable}
	must(t, s.CreateRepository(t.Context(), foreign, 0))
	var all, ofAPI, inactive, pending, due, gone []int64
	for n := range 10 {
		repo := []*registry.Repository{web, api}[n%2]
		digest := put(t, s, repo.Name, fmt.Sprint(n))
		c := Covered(repo, digest)
		if n%3 == 0 {
			c.Code, c.Reason = finding.NotCovered, finding.ReasonUnsupportedOS
		}
		if n%5 == 0 {
			c.Reason = finding.ReasonPendingInitialScan
		}
		if n > 5 {
			c.DueAt = base.Add(-time.Duration(n) * time.Minute)
		}
		value(s.PutCoverage(t.Context(), &c, nil))(t)
		if n == 8 {
			deleteImage(t, s, repo, digest)
			gone = append(gone, c.ID)
			continue
		}
		all = append(all, c.ID)
		if repo == api {
			ofAPI = append(ofAPI, c.ID)
		}
		if c.Code == finding.NotCovered {
			inactive = append(inactive, c.ID)
		}
		if c.Reason == finding.ReasonPendingInitialScan {
			pending = append(pending, c.ID)
		}
		if n > 6 {
			due = append(due, c.ID)
		}
	}
	wantSame(t, "of the account", all, idsOf(t, s, account, meta.CoverageQuery{}))
	wantSame(t, "of all", all, idsOf(t, s, "", meta.CoverageQuery{}))
	wantSame(t, "of a repository", ofAPI, idsOf(t, s, account, meta.CoverageQuery{RepositoryID: api.ID}))
	wantSame(t, "inactive", inactive, idsOf(t, s, account, meta.CoverageQuery{Code: finding.NotCovered}))
	wantSame(t, "pending", pending, idsOf(t, s, account, meta.CoverageQuery{Reason: finding.ReasonPendingInitialScan}))
	wantSame(t, "due", due, idsOf(t, s, "", meta.CoverageQuery{DueBefore: base.Add(-7 * time.Minute)}))
	wantSame(t, "gone", slices.Sorted(slices.Values(append(gone, all...))), idsOf(t, s, account, meta.CoverageQuery{Gone: true}))
	wantSame(t, "of another account", []int64(nil), idsOf(t, s, foreign.Account, meta.CoverageQuery{}))
	wantSame(t, "of an unknown account", []int64(nil), idsOf(t, s, "222222222222", meta.CoverageQuery{}))
	wantSame(t, "without limit", []finding.Coverage(nil), value(s.ListCoverage(t.Context(), account, meta.CoverageQuery{}))(t))
}

func coverageHolding(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	common := Component("libc", "1")
	// More inventories than are gone through one by one.
	const inventories, images = 250, 260
	var rare []int64
	held := make([][]int64, 3) // by each of three components
	for n := range inventories {
		components := []finding.Component{common, Component("app", fmt.Sprint(n))}
		if n%100 == 7 {
			components = append(components, Component("rare", "1"))
		}
		ids := index(t, s, fmt.Sprint("i", n), components...)
		held[0] = ids[:1]
		if len(ids) == 3 {
			rare = ids[2:]
		}
	}
	config := Blob(t, s, "web", "config", 1)
	var all, ofRare, covered []int64
	for n := range images {
		m := Image(config)
		m.Annotations = map[string]string{"n": fmt.Sprint(n)}
		in := Push("web", m)
		value(s.PutImage(t.Context(), in))(t)
		c := Covered(repo, in.Digest)
		c.InventoryID = fmt.Sprint("i", n%inventories)
		if n%2 == 1 {
			c.Code = finding.NotCovered
		}
		value(s.PutCoverage(t.Context(), &c, nil))(t)
		if n == 4 {
			deleteImage(t, s, repo, in.Digest)
			continue
		}
		all = append(all, c.ID)
		if c.Code == finding.Covered {
			covered = append(covered, c.ID)
		}
		if n%inventories%100 == 7 {
			ofRare = append(ofRare, c.ID)
		}
	}
	wantSame(t, "what many hold", all, idsOf(t, s, "", meta.CoverageQuery{Component: held[0][0]}))
	wantSame(t, "what many hold, covered", covered, idsOf(t, s, "", meta.CoverageQuery{Component: held[0][0], Code: finding.Covered}))
	wantSame(t, "what few hold", ofRare, idsOf(t, s, "", meta.CoverageQuery{Component: rare[0]}))
	wantSame(t, "what few hold, not covered", ofRare, idsOf(t, s, "", meta.CoverageQuery{Component: rare[0], Code: finding.NotCovered, RepositoryID: repo.ID}))
	wantSame(t, "what nobody holds", []int64(nil), idsOf(t, s, "", meta.CoverageQuery{Component: 4711}))
	if n := value(s.CountAffected(t.Context(), []int64{held[0][0], rare[0], 4711}))(t); n != len(covered) {
		t.Errorf("%d affected, want %d", n, len(covered))
	}
	if n := value(s.CountAffected(t.Context(), rare))(t); n != 0 {
		t.Errorf("%d affected, though none is covered", n)
	}
}

func coveragePurge(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	index(t, s, "one", Component("a", "1"))
	var images []finding.Coverage
	for _, name := range []string{"a", "b"} {
		images = append(images, cover(t, s, repo, put(t, s, "web", name), "one"))
	}
	closed := base
	settle(t, s, images[0], state("CVE-1"), closedState("CVE-2", closed), closedState("CVE-3", closed.Add(time.Hour)))
	settle(t, s, images[1], state("CVE-1"), state("CVE-2"))
	deleteImage(t, s, repo, images[1].Image.Digest)
	purge := func(gone, closed time.Time, limit int) int {
		return value(s.PurgeCoverage(ctx, gone, closed, limit))(t)
	}
	if n := purge(time.Now().Add(-time.Hour), closed, 100); n != 0 {
		t.Errorf("%d purged before their time", n)
	}
	if n := purge(base, closed.Add(time.Minute), 100); n != 1 {
		t.Errorf("%d closed findings purged, want 1", n)
	}
	wantSame(t, "left of the first", []string{"CVE-1", "CVE-3"}, vulnerabilitiesOf(t, s, images[0].ID))
	total := 0
	for n := -1; n != 0; total += n {
		if n = purge(time.Now().Add(time.Minute), base, 1); n > 2 {
			t.Errorf("%d purged in one step", n)
		}
	}
	if total != 3 {
		t.Errorf("%d purged of an image with two findings", total)
	}
	if c := coverageOf(t, s, repo, images[1].Image.Digest); c.ID != 0 {
		t.Errorf("still there: %+v", c)
	}
	wantSame(t, "left of all", []int64{images[0].ID}, idsOf(t, s, account, meta.CoverageQuery{Gone: true}))
	// What was purged is covered anew.
	put(t, s, "web", "b")
	if c := cover(t, s, repo, images[1].Image.Digest, "one"); c.ID == images[1].ID {
		t.Error("the id of purged coverage was used again")
	}
}
