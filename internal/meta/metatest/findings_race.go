package metatest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func findingRaceCases() []testCase {
	return []testCase{
		{"many index inventories of the same components", raceIndex},
		{"many cover one image", raceCover},
		{"of coverage and the deletion of its image both or neither happen", raceCoverDelete},
		{"settlers do not overwrite each other", raceSettlers},
		{"no change of problems passes by an image that is scanned for the first time", raceFirstScan},
		{"problems that change while an image is settled", raceWithin},
		{"everything at once leaves no loose end", findingStorm},
	}
}

func raceIndex(t *testing.T, s meta.Store) {
	var all sync.WaitGroup
	var known sync.Map
	for w := range 6 {
		all.Go(func() {
			for n := range 12 {
				inventory := n%6*2 + w%2
				components := make([]finding.Component, 40)
				for i, v := range rand.New(rand.NewPCG(uint64(inventory), 2)).Perm(60)[:40] {
					components[i] = Component("c", fmt.Sprint(v))
				}
				indexed, err := s.IndexInventory(t.Context(), fmt.Sprint(inventory), components)
				if err != nil {
					t.Error(err)
					return
				}
				for i, c := range indexed {
					if before, there := known.LoadOrStore(c.Component, c.ID); c.Component != components[i] || there && before != c.ID {
						t.Errorf("%+v is %d, was %v", components[i], c.ID, before)
					}
				}
			}
		})
	}
	all.Wait()
}

func raceCover(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	index(t, s, "one", Component("a", "1"))
	var all sync.WaitGroup
	var ids sync.Map
	for range 8 {
		all.Go(func() {
			c := Covered(repo, a)
			c.InventoryID = "one"
			if stored, err := s.PutCoverage(t.Context(), &c, []meta.Event{{Account: account, At: base}}); err != nil || !stored {
				t.Error(stored, err)
			}
			ids.Store(c.ID, true)
		})
	}
	all.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if events := value(s.PendingEvents(t.Context(), 99, 1000))(t); n != 1 || len(events) != 8 {
		t.Errorf("%d ids, %d events", n, len(events))
	}
}

func raceCoverDelete(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	for n := range 20 {
		name := fmt.Sprint(n)
		a := put(t, s, "web", name)
		var all sync.WaitGroup
		var stored atomic.Bool
		all.Go(func() {
			c := Covered(repo, a)
			there, err := s.PutCoverage(t.Context(), &c, nil)
			if err != nil {
				t.Error(err)
			}
			stored.Store(there)
		})
		all.Go(func() { deleteImage(t, s, repo, a) })
		all.Wait()
		if c := coverageOf(t, s, repo, a); (c.ID != 0) != stored.Load() || c.ID != 0 && (c.GoneAt.IsZero() || c.DueAt.IsZero()) {
			t.Errorf("stored: %v, there: %+v", stored.Load(), c)
		}
	}
}

func raceSettlers(t *testing.T, s meta.Store) {
	images, _ := coveredImages(t, s, Repo(t, s, "web"), 6)
	const settlers, rounds = 6, 15
	var all sync.WaitGroup
	for w := range settlers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 3))
			for range rounds {
				ids := make([]int64, len(images))
				for n, i := range random.Perm(len(images)) {
					ids[n] = images[i].ID
				}
				err := s.SettleFindings(t.Context(), ids, nil, func(i meta.Settling) (meta.Settled, error) {
					f := state("CVE-1")
					if len(i.Findings) > 0 {
						f = i.Findings[0]
					}
					n, _ := strconv.Atoi(f.Revision)
					f.Revision = strconv.Itoa(n + 1)
					c := i.Coverage
					c.Description += "x"
					return meta.Settled{Coverage: &c, Findings: []finding.State{f}, Events: []meta.Event{{Account: account, Lane: c.Image.Digest, At: base}}}, nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, f := range listFindings(t, s, meta.FindingQuery{}) {
		if f.Revision != strconv.Itoa(settlers*rounds) {
			t.Errorf("%s of %d", f.Revision, settlers*rounds)
		}
	}
	for _, c := range value(s.ListCoverage(t.Context(), account, meta.CoverageQuery{Limit: 99}))(t) {
		if n := len(c.Description) - len(images[0].Description); n != settlers*rounds {
			t.Errorf("coverage was changed %d times", n)
		}
	}
	if events := value(s.PendingEvents(t.Context(), 10_000, 1<<20))(t); len(events) != settlers*rounds*len(images) {
		t.Errorf("%d events", len(events))
	}
}

// asProblems makes findings what the problems say: their revision is the fixed
// version, and what is no problem any more is closed.
func asProblems(i meta.Settling) (meta.Settled, error) {
	var out meta.Settled
	there := map[string]bool{}
	for _, p := range i.Problems {
		f := state(p.VulnerabilityID)
		f.Revision, there[p.VulnerabilityID] = p.FixedVersion, true
		out.Findings = append(out.Findings, f)
	}
	for _, f := range i.Findings {
		if !there[f.VulnerabilityID] {
			f.Status, f.ClosedAt = finding.Closed, base
			out.Findings = append(out.Findings, f)
		}
	}
	return out, nil
}

// settleChanges settles what is queued, as the worker does that follows
// advisories, and answers how many changes that were.
func settleChanges(t *testing.T, s meta.Store) int {
	ctx := t.Context()
	changes, err := s.ProblemChanges(ctx, 10)
	if err != nil {
		t.Error(err)
	}
	for n := range changes {
		c := &changes[n]
		for more := true; more; {
			page, err := s.ListCoverage(ctx, "", meta.CoverageQuery{Component: c.Component, Code: finding.Covered, After: c.Done, Limit: 3})
			if err != nil {
				t.Error(err)
			}
			var ids []int64
			for _, image := range page {
				ids = append(ids, image.ID)
				c.Done = image.ID
			}
			if err := s.SettleFindings(ctx, ids, []string{c.VulnerabilityID}, asProblems); err != nil {
				t.Error(err)
			}
			if more = len(page) == 3; !more {
				c.Done = -1
			}
			if err := s.SettleProblemChanges(ctx, []meta.ProblemChange{*c}); err != nil {
				t.Error(err)
			}
		}
	}
	return len(changes)
}

func settleAllChanges(t *testing.T, s meta.Store) {
	for settleChanges(t, s) > 0 {
		continue
	}
}

func raceFirstScan(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	common := Component("common", "1")
	component := index(t, s, "first", common)[0]
	judge(t, s, component)
	const versions, scanners, images = 40, 3, 12
	var work, follow sync.WaitGroup
	var done atomic.Bool
	work.Go(func() {
		for v := 1; v <= versions; v++ {
			p := problem("CVE-1", "common")
			p.FixedVersion = strconv.Itoa(v)
			if _, err := s.PutProblems(t.Context(), []meta.ComponentProblems{{Component: component, Problems: []finding.Problem{p}}}); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range scanners {
		work.Go(func() {
			for n := range images {
				name := fmt.Sprint(w, "-", n)
				c := Covered(repo, put(t, s, "web", name))
				indexed, err := s.IndexInventory(t.Context(), name, []finding.Component{common, Component("own", name)})
				if err != nil || !indexed[0].Judged {
					t.Error(indexed, err)
				}
				c.InventoryID = name
				if _, err := s.PutCoverage(t.Context(), &c, nil); err != nil {
					t.Error(err)
				}
				if err := s.SettleFindings(t.Context(), []int64{c.ID}, nil, asProblems); err != nil {
					t.Error(err)
				}
			}
		})
	}
	follow.Go(func() {
		for !done.Load() {
			settleChanges(t, s)
		}
	})
	work.Wait()
	done.Store(true)
	follow.Wait()
	settleAllChanges(t, s)
	all := listFindings(t, s, meta.FindingQuery{})
	for _, f := range all {
		if f.Revision != strconv.Itoa(versions) || f.Status != finding.Active {
			t.Errorf("a finding is as of version %s of %d: %+v", f.Revision, versions, f)
		}
	}
	if len(all) != scanners*images {
		t.Errorf("%d findings of %d images", len(all), scanners*images)
	}
}

// raceWithin changes problems, and has the change settled, while the first scan of
// an image is in the middle of its transaction: where the store lets them go on,
// they find the image all the same.
func raceWithin(t *testing.T, s meta.Store) {
	images, component := coveredImages(t, s, Repo(t, s, "web"), 1)
	judge(t, s, component, problem("CVE-1", "common"))
	fixed := problem("CVE-1", "common")
	fixed.FixedVersion = "2"
	var others sync.WaitGroup
	begun, put := false, make(chan struct{})
	must(t, s.SettleFindings(t.Context(), []int64{images[0].ID}, nil, func(i meta.Settling) (meta.Settled, error) {
		if begun {
			return asProblems(i)
		}
		begun = true
		others.Go(func() {
			judge(t, s, component, fixed)
			close(put)
			settleChanges(t, s)
		})
		select { // SQLite has one writer, this one
		case <-put:
		case <-time.After(100 * time.Millisecond):
		}
		return asProblems(i)
	}))
	others.Wait()
	if got := listFindings(t, s, meta.FindingQuery{}); len(got) != 1 || got[0].Revision != "2" {
		t.Errorf("got %+v", got)
	}
}

// findingStorm lets workers do everything to the same few images.
func findingStorm(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	digests := map[string]string{}
	for _, name := range numbered("n%d", 5) {
		digests[name] = put(t, s, "web", name)
	}
	var components []finding.Component
	for n := range 6 {
		components = append(components, Component("c", fmt.Sprint(n)))
	}
	ids := index(t, s, "all", components...)
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 4))
			for n := range 50 {
				name := fmt.Sprint("n", random.IntN(5))
				err := findingStormStep(t, s, random, repo, name, digests[name], components, ids)
				if err != nil && registry.CodeOf(err) == registry.CodeInternal {
					t.Errorf("worker %d, round %d: %v", w, n, err)
				}
			}
		})
	}
	all.Wait()
	settleAllChanges(t, s)
	checkRepository(t, s, "web")
}

func findingStormStep(t *testing.T, s meta.Store, random *rand.Rand, repo *registry.Repository, name, digest string, components []finding.Component, ids []int64) error {
	ctx := t.Context()
	var coverage []int64
	listed, err := s.ListCoverage(ctx, "", meta.CoverageQuery{Limit: 9, Gone: true})
	if err != nil {
		return err
	}
	for _, i := range random.Perm(len(listed)) {
		coverage = append(coverage, listed[i].ID)
	}
	switch random.IntN(12) {
	case 0, 1:
		_, err = s.PutImage(ctx, Push("web", Image(DigestOf(name)), fmt.Sprint("t", random.IntN(3))))
	case 2:
		_, err = s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: digest}, Mode: meta.DeleteTagOnly})
	case 3, 4:
		c := Covered(repo, digest)
		n := random.IntN(3)
		if _, err = s.IndexInventory(ctx, fmt.Sprint("i", n), components[n:n+3]); err == nil {
			c.InventoryID = fmt.Sprint("i", n)
			_, err = s.PutCoverage(ctx, &c, []meta.Event{{Account: account, Lane: digest, At: base}})
		}
	case 5, 6:
		err = s.SettleFindings(ctx, coverage, nil, asProblems)
	case 7:
		p := problem("CVE-1", "c")
		p.FixedVersion = fmt.Sprint(random.IntN(5))
		i, k := random.IntN(len(ids)), random.IntN(len(ids))
		_, err = s.PutProblems(ctx, []meta.ComponentProblems{{Component: ids[i], Problems: []finding.Problem{p}}, {Component: ids[k]}})
	case 8:
		settleChanges(t, s)
	case 9:
		_, err = s.PurgeCoverage(ctx, time.Now().Add(time.Hour), base.Add(time.Hour), 2)
	case 10:
		status := []registry.ImageStatus{registry.ImageArchived, registry.ImageActive}[random.IntN(2)]
		_, err = become(t, s, digest, status, base)
	default:
		var pulls []meta.Pull
		for _, c := range listed {
			pulls = append(pulls, meta.Pull{RepositoryID: repo.ID, Digest: c.Image.Digest, At: base.Add(time.Duration(random.IntN(1000)) * time.Second)})
		}
		err = s.RecordPulls(ctx, pulls)
	}
	return err
}
