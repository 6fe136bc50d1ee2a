package metatest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func followCases() []testCase {
	return []testCase{
		{"a change of an image with referrers makes one job", followJobs},
		{"the newest change has the job", followNewest},
		{"a change that is refused makes no job", followRefused},
		{"referrers go with their subject", followDeleted},
		{"referrers of a subject that is there stay", followThere},
		{"referrers that an index needs stay until it goes", followHeld},
		{"referrers are archived with their subject", followArchived},
		{"what was archived with its subject comes back with it", followRestored},
		{"pages", followPages},
		{"a repository that is gone", followNowhere},
		{"a subject that comes and goes meanwhile", followStorm},
	}
}

// follows is a meta.FollowJob whose jobs are due at a time.
func follows(at time.Time) meta.FollowJob {
	return func(repository int64, subject string) job.Job {
		return job.Job{Kind: "follow", Key: fmt.Sprint(repository, " ", subject), Payload: []byte(at.String()), RunAt: at}
	}
}

// putReferrer stores an artifact of a subject that was pushed at a time.
func putReferrer(t testing.TB, s meta.Store, subject, name string, at time.Time, tags ...string) string {
	t.Helper()
	m := Image(Blob(t, s, "web", name, 10))
	m.Subject = &registry.Descriptor{MediaType: registry.MediaTypeOCIManifest, Digest: subject, Size: 1}
	in := Push("web", m, tags...)
	in.Now = at
	value(s.PutImage(t.Context(), in))(t)
	return in.Digest
}

// drop deletes an image by digest, and its referrers are to follow.
func drop(t *testing.T, s meta.Store, digest string) {
	t.Helper()
	value(s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: digest}, Follow: follows(base)}))(t)
}

// store gives an image a storage class, and its referrers are to follow.
func store(t *testing.T, s meta.Store, digest string, status registry.ImageStatus, at time.Time) {
	t.Helper()
	value(s.SetStorageClass(t.Context(), meta.SetStorageClass{
		Account: account, Repository: "web", ID: registry.ImageID{Digest: digest}, Status: status, Now: at, Follow: follows(at),
	}))(t)
}

func followOnce(t *testing.T, s meta.Store, repo int64, subject string, at time.Time) meta.Followed {
	t.Helper()
	return value(s.FollowSubject(t.Context(), meta.FollowSubject{RepositoryID: repo, Subject: subject, At: at, Limit: 100, Now: at.Add(time.Minute), Follow: follows(at)}))(t)
}

// jobsDue takes the jobs that are due in a year, as "subject at".
func jobsDue(t *testing.T, s meta.Store) (all []string) {
	t.Helper()
	for _, j := range value(s.ClaimJobs(t.Context(), base.Add(365*24*time.Hour), 1000*time.Hour, 100))(t) {
		if string(j.Payload) != j.RunAt.String() {
			t.Errorf("job %s is due at %v and says %s", j.Key, j.RunAt, j.Payload)
		}
		all = append(all, fmt.Sprint(j.Key, " +", int(j.RunAt.Sub(base).Hours())))
		must(t, s.CompleteJob(t.Context(), j.ID))
	}
	slices.Sort(all)
	return all
}

func hours(n int) time.Time { return base.Add(time.Duration(n) * time.Hour) }

func followJobs(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	Repo(t, s, "other")
	a, alone := put(t, s, "web", "a", "v1", "v2"), put(t, s, "web", "alone")
	putReferrer(t, s, a, "signature", base)
	want := func(hour int) []string { return []string{fmt.Sprint(repo.ID, " ", a, " +", hour)} }
	expect := func(what string, want []string) {
		t.Helper()
		wantSame(t, what, want, jobsDue(t, s))
	}
	remove := func(id registry.ImageID, mode meta.DeleteMode, hour int) {
		t.Helper()
		value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: mode, Follow: follows(hours(hour))}))(t)
	}
	push := func(hour int) {
		t.Helper()
		in := Push("web", Image(DigestOf("a")), "v1", "v2")
		in.Now, in.Follow = hours(hour), follows(hours(hour))
		value(s.PutImage(ctx, in))(t)
	}

	store(t, s, alone, registry.ImageArchived, base)
	drop(t, s, alone)
	expect("an image without referrers", nil)
	remove(registry.ImageID{Tag: "v1"}, meta.DeleteLastTagDeletesImage, 1)
	expect("a tag that is not the last", nil)
	remove(registry.ImageID{Tag: "v2"}, meta.DeleteLastTagDeletesImage, 2)
	expect("the last tag", want(2))
	push(3)
	expect("pushed again", nil)
	remove(registry.ImageID{Tag: "v1"}, meta.DeleteTagOnly, 4)
	remove(registry.ImageID{Tag: "v2"}, meta.DeleteTagOnly, 4)
	expect("untagged", nil)
	remove(registry.ImageID{Digest: a}, meta.DeleteTagOnly, 5)
	expect("by digest", want(5))
	push(6)
	store(t, s, a, registry.ImageArchived, hours(7))
	expect("archived", want(7))
	store(t, s, a, registry.ImageArchived, hours(8))
	store(t, s, a, registry.ImageActivating, hours(8))
	expect("on its way", nil)
	store(t, s, a, registry.ImageActive, hours(9))
	expect("restored", want(9))
	archive(t, s, a)
	push(10)
	expect("restored by a push", want(10))
	value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}}))(t)
	expect("nobody asked", nil)
}

func followNewest(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	putReferrer(t, s, a, "signature", base)
	for hour := 1; hour < 4; hour++ {
		value(s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}, Follow: follows(hours(hour))}))(t)
		put(t, s, "web", "a")
	}
	wantSame(t, "jobs", []string{fmt.Sprint(repo.ID, " ", a, " +3")}, jobsDue(t, s))
}

func followRefused(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a := put(t, s, "web", "a")
	putReferrer(t, s, a, "signature", base)
	putIndex(t, s, "web", []string{a})
	_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}, Follow: follows(base)})
	wantCode(t, err, registry.CodeImageReferenced)
	_, err = s.SetStorageClass(t.Context(), meta.SetStorageClass{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}, Status: registry.ImageArchived, Now: base, Follow: follows(base)})
	wantCode(t, err, registry.CodeImageStorageClassUpdateNotSupported)
	wantSame(t, "jobs", []string(nil), jobsDue(t, s))
}

func followDeleted(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a, other := put(t, s, "web", "a"), put(t, s, "web", "other", "kept")
	early, late := putReferrer(t, s, a, "early", base, "sig", "sig2"), putReferrer(t, s, a, "late", hours(2), "late")
	nested := putReferrer(t, s, early, "nested", base)
	elsewhere := putReferrer(t, s, other, "elsewhere", base)
	orphan := putReferrer(t, s, DigestOf("never there"), "orphan", base)
	asleep := putReferrer(t, s, a, "asleep", base)
	archive(t, s, asleep)
	drop(t, s, a)
	wantSame(t, "jobs", []string{fmt.Sprint(repo.ID, " ", a, " +0")}, jobsDue(t, s))

	got := followOnce(t, s, repo.ID, a, hours(1))
	next := slices.Max([]string{early, late, asleep})
	wantSame(t, "first", meta.Followed{Changed: 2, Next: next}, got)
	wantSame(t, "again", meta.Followed{Next: late}, followOnce(t, s, repo.ID, a, hours(1)))
	left := slices.Sorted(slices.Values([]string{other, late, nested, elsewhere, orphan}))
	wantSame(t, "left", left, digestsOf(t, s, anyImage))
	wantSame(t, "tags", map[string]string{"kept": other, "late": late}, tagsOf(t, s, "web"))
	wantSame(t, "jobs for their own referrers", []string{fmt.Sprint(repo.ID, " ", early, " +1")}, jobsDue(t, s))
	wantSame(t, "theirs", meta.Followed{Changed: 1, Next: nested}, followOnce(t, s, repo.ID, early, hours(1)))
	// One that was restored since is wanted.
	archive(t, s, late)
	value(become(t, s, late, registry.ImageActive, hours(4)))(t)
	wantSame(t, "later", meta.Followed{Next: late}, followOnce(t, s, repo.ID, a, hours(3)))
	wantSame(t, "last", meta.Followed{Changed: 1, Next: late}, followOnce(t, s, repo.ID, a, hours(4)))
	wantSame(t, "nothing is left", meta.Followed{}, followOnce(t, s, repo.ID, a, hours(4)))
}

func followThere(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	r := putReferrer(t, s, a, "signature", base)
	drop(t, s, a)
	put(t, s, "web", "a")
	wantSame(t, "pushed again", meta.Followed{Subject: registry.ImageActive, Next: r}, followOnce(t, s, repo.ID, a, hours(9)))
	archive(t, s, a)
	value(become(t, s, a, registry.ImageActivating, base))(t)
	wantSame(t, "on its way", meta.Followed{Subject: registry.ImageActivating}, followOnce(t, s, repo.ID, a, hours(9)))
	if !exists(t, s, "web", r) {
		t.Error("the referrer is gone")
	}
}

func followHeld(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	one, two := putReferrer(t, s, a, "one", base), putReferrer(t, s, a, "two", base)
	index := putIndex(t, s, "web", []string{one}, "list")
	store(t, s, a, registry.ImageArchived, base)
	next := max(one, two)
	wantSame(t, "archived", meta.Followed{Subject: registry.ImageArchived, Changed: 1, Held: 1, Next: next}, followOnce(t, s, repo.ID, a, base))
	wantSame(t, "active", slices.Sorted(slices.Values([]string{one, index})), digestsOf(t, s, active))
	drop(t, s, a)
	wantSame(t, "deleted", meta.Followed{Changed: 1, Held: 1, Next: next}, followOnce(t, s, repo.ID, a, base))
	wantSame(t, "again", meta.Followed{Held: 1, Next: one}, followOnce(t, s, repo.ID, a, base))
	wantSame(t, "left", slices.Sorted(slices.Values([]string{one, index})), digestsOf(t, s, anyImage))
	drop(t, s, index)
	wantSame(t, "free", meta.Followed{Changed: 1, Next: one}, followOnce(t, s, repo.ID, a, base))
	wantSame(t, "nothing is left", []string(nil), digestsOf(t, s, anyImage))
}

func followArchived(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	early, late, waking := putReferrer(t, s, a, "early", base, "sig"), putReferrer(t, s, a, "late", hours(2)), putReferrer(t, s, a, "waking", base)
	putReferrer(t, s, early, "nested", base)
	archive(t, s, waking)
	value(become(t, s, waking, registry.ImageActivating, base))(t)
	store(t, s, a, registry.ImageArchived, hours(1))
	jobsDue(t, s)
	next := slices.Max([]string{early, late, waking})
	wantSame(t, "first", meta.Followed{Subject: registry.ImageArchived, Changed: 1, Held: 1, Next: next}, followOnce(t, s, repo.ID, a, hours(1)))
	wantSame(t, "again", meta.Followed{Subject: registry.ImageArchived, Held: 1, Next: next}, followOnce(t, s, repo.ID, a, hours(1)))
	wantSame(t, "archived", slices.Sorted(slices.Values([]string{a, early})), digestsOf(t, s, archived))
	wantSame(t, "jobs for their own referrers", []string{fmt.Sprint(repo.ID, " ", early, " +1")}, jobsDue(t, s))
	wantSame(t, "tags", []string(nil), value(s.ListTags(t.Context(), account, "web", "", 9))(t))
	i := value(s.Images(t.Context(), account, "web", []registry.ImageID{{Digest: early}}))(t)[0]
	if !i.ArchivedAt.Equal(hours(1).Add(time.Minute)) {
		t.Errorf("archived at %v", i.ArchivedAt)
	}
}

func followRestored(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	with, before, after := putReferrer(t, s, a, "with", base, "sig"), putReferrer(t, s, a, "before", base), putReferrer(t, s, a, "after", base)
	putReferrer(t, s, with, "nested", base)
	archive(t, s, before)
	store(t, s, a, registry.ImageArchived, base)
	followOnce(t, s, repo.ID, a, base)
	value(become(t, s, after, registry.ImageActive, base))(t)
	archive(t, s, after) // by itself, this time
	store(t, s, a, registry.ImageActive, hours(1))
	jobsDue(t, s)
	next := slices.Max([]string{with, before, after})
	wantSame(t, "first", meta.Followed{Subject: registry.ImageActive, Changed: 1, Next: next}, followOnce(t, s, repo.ID, a, hours(1)))
	wantSame(t, "again", meta.Followed{Subject: registry.ImageActive, Next: next}, followOnce(t, s, repo.ID, a, hours(1)))
	wantSame(t, "archived", slices.Sorted(slices.Values([]string{before, after})), digestsOf(t, s, archived))
	wantSame(t, "tags", map[string]string{"sig": with}, tagsOf(t, s, "web"))
	wantSame(t, "jobs for their own referrers", []string{fmt.Sprint(repo.ID, " ", with, " +1")}, jobsDue(t, s))
}

func followPages(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	var all []string
	for _, name := range numbered("referrer %d", 10) {
		all = append(all, putReferrer(t, s, a, name, base))
	}
	slices.Sort(all)
	drop(t, s, a)
	in := meta.FollowSubject{RepositoryID: repo.ID, Subject: a, At: base, Limit: 4, Now: base}
	for n, want := range []meta.Followed{{Changed: 4, Next: all[3]}, {Changed: 4, Next: all[7]}, {Changed: 2, Next: all[9]}, {}} {
		got := value(s.FollowSubject(t.Context(), in))(t)
		wantSame(t, fmt.Sprint("page ", n), want, got)
		in.After = got.Next
	}
	wantSame(t, "left", []string(nil), digestsOf(t, s, anyImage))
}

func followNowhere(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	putReferrer(t, s, a, "signature", base)
	drop(t, s, a)
	value(s.DeleteRepository(t.Context(), account, "web", true, nil))(t)
	Repo(t, s, "web")
	r := putReferrer(t, s, a, "signature", base)
	for _, id := range []int64{repo.ID, 0, -1, 4711} {
		wantSame(t, "nothing", meta.Followed{}, followOnce(t, s, id, a, hours(9)))
	}
	for _, subject := range []string{"", "'", "a\x00", "\xff", long(100_000)} {
		wantSame(t, "nothing", meta.Followed{}, followOnce(t, s, repo.ID+1, subject, hours(9)))
	}
	if !exists(t, s, "web", r) {
		t.Error("the referrer in another repository is gone")
	}
}

// followStorm: whatever happens at once, in the end the referrers are as their
// subject is.
func followStorm(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	names := numbered("referrer %d", 6)
	for _, name := range names {
		putReferrer(t, s, a, name, base, "tag of "+name)
	}
	subject := Push("web", Image(DigestOf("a")), "v1")
	subject.Follow = follows(base)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for n := range 25 {
				var err error
				switch w {
				case 0, 1:
					_, err = s.PutImage(ctx, subject)
				case 2:
					_, err = s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: a}, Follow: follows(base)})
				case 3:
					_, err = become(t, s, a, registry.ImageArchived, base)
				case 4:
					_, err = become(t, s, a, registry.ImageActive, base)
				case 5:
					m := Image(DigestOf(names[n%len(names)]))
					m.Subject = &registry.Descriptor{MediaType: registry.MediaTypeOCIManifest, Digest: a, Size: 1}
					_, err = s.PutImage(ctx, Push("web", m, "tag of "+names[(n+1)%len(names)]))
				default:
					_, err = s.FollowSubject(ctx, meta.FollowSubject{RepositoryID: repo.ID, Subject: a, At: base, Limit: 4, Now: base, Follow: follows(base)})
				}
				if err != nil && registry.CodeOf(err) == registry.CodeInternal {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	checkRepository(t, s, "web")
	remove(t, s, registry.ImageID{Digest: putReferrer(t, s, a, "last", base)}, meta.DeleteTagOnly)
	for n, status := range []registry.ImageStatus{registry.ImageActive, registry.ImageArchived} {
		value(s.PutImage(ctx, subject))(t)
		value(become(t, s, a, status, base))(t)
		got := followOnce(t, s, repo.ID, a, hours(9+n))
		if got.Subject != status || got.Held > 0 {
			t.Errorf("%s: %+v", status, got)
		}
	}
	wantSame(t, "active", []string(nil), digestsOf(t, s, active))
}
