package sql

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// coveredInventory indexes an inventory, and covers an image that holds it.
func coveredInventory(t *testing.T, s *Store, repo *registry.Repository, name string, components ...finding.Component) (finding.Coverage, []meta.IndexedComponent) {
	t.Helper()
	indexed, err := s.IndexInventory(t.Context(), name, components)
	if err != nil {
		t.Fatal(err)
	}
	in := metatest.Push(repo.Name, metatest.Image(metatest.Blob(t, s, repo.Name, name, 1)), name)
	if _, err := s.PutImage(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	c := metatest.Covered(repo, in.Digest)
	c.InventoryID = name
	if stored, err := s.PutCoverage(t.Context(), &c, nil); err != nil || !stored {
		t.Fatal(stored, err)
	}
	return c, indexed
}

// TestWhatNothingNeedsIsSwept: inventories that no coverage needs go with their
// components and problems, but not before their time.
func TestWhatNothingNeedsIsSwept(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ctx := t.Context()
			repo := metatest.Repo(t, s, "web")
			shared, own, lost := metatest.Component("shared", "1"), metatest.Component("own", "1"), metatest.Component("lost", "1")
			needed, _ := coveredInventory(t, s, repo, "needed", shared, own)
			indexed, err := s.IndexInventory(ctx, "unneeded", []finding.Component{shared, lost})
			if err != nil {
				t.Fatal(err)
			}
			for n := range 3 * sweepPage { // more than a page
				if _, err := s.IndexInventory(ctx, fmt.Sprint("more", n), []finding.Component{metatest.Component("more", fmt.Sprint(n))}); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range indexed {
				for v := range 2 {
					problem := finding.Problem{VulnerabilityID: "CVE-1", FixedVersion: fmt.Sprint(v)}
					if _, err := s.PutProblems(ctx, []meta.ComponentProblems{{Component: c.ID, Problems: []finding.Problem{problem}}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			count := func() (rows [5]int) {
				for n, table := range []string{"indexed_inventories", "inventory_components", "components", "problems", "problem_changes"} {
					if _, err := s.read.row(ctx, `SELECT count(*) FROM `+table, nil, &rows[n]); err != nil {
						t.Fatal(err)
					}
				}
				return rows
			}
			sweep := func(before time.Time, want [5]int) {
				t.Helper()
				if err := s.sweepComponents(ctx, before); err != nil {
					t.Fatal(err)
				}
				if got := count(); got != want {
					t.Errorf("%v rows are left, want %v", got, want)
				}
			}
			sweep(time.Now().Add(-time.Hour), [5]int{302, 304, 303, 2, 2})
			sweep(time.Now().Add(time.Minute), [5]int{1, 2, 2, 1, 1})
			if problems, err := s.InventoryProblems(ctx, "needed"); err != nil || len(problems) != 1 {
				t.Errorf("%v, %v", problems, err)
			}
			if _, err := s.DeleteImage(ctx, meta.DeleteImage{Account: repo.Account, Repository: "web", ID: registry.ImageID{Digest: needed.Image.Digest}}); err != nil {
				t.Fatal(err)
			}
			sweep(time.Now().Add(time.Minute), [5]int{1, 2, 2, 1, 1}) // its closed findings are still told of
			if _, err := s.PurgeCoverage(ctx, time.Now().Add(time.Minute), time.Time{}, 9); err != nil {
				t.Fatal(err)
			}
			sweep(time.Now().Add(time.Minute), [5]int{})
			checkInvariants(t, s)
		})
	}
}

// TestSweepingAndIndexingAtOnce: whatever is swept meanwhile, an inventory has
// its components when it was indexed.
func TestSweepingAndIndexingAtOnce(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			repo := metatest.Repo(t, s, "web")
			ctx, cancel := context.WithCancel(t.Context())
			swept := make(chan struct{})
			go func() {
				defer close(swept)
				for ctx.Err() == nil {
					if err := s.sweepComponents(t.Context(), time.Now().Add(-10*time.Millisecond)); err != nil {
						t.Error(err)
					}
				}
			}()
			parallel(60, 4, func(n int) {
				components := []finding.Component{metatest.Component("a", "1"), metatest.Component("b", fmt.Sprint(n%5)), metatest.Component("c", fmt.Sprint(n))}
				indexed, err := s.IndexInventory(t.Context(), fmt.Sprint("i", n%20), components[:2+n/40])
				if err != nil {
					t.Error(err)
					return
				}
				for _, c := range indexed {
					if _, err := s.PutProblems(t.Context(), []meta.ComponentProblems{{Component: c.ID, Problems: []finding.Problem{{VulnerabilityID: "CVE-1"}}, IfUnjudged: true}}); err != nil {
						t.Error(err)
					}
				}
			})
			cancel()
			<-swept
			c, indexed := coveredInventory(t, s, repo, "kept", metatest.Component("a", "1"), metatest.Component("kept", "1"))
			if err := s.sweepComponents(t.Context(), time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			for _, component := range indexed {
				page, err := s.ListCoverage(t.Context(), "", meta.CoverageQuery{Component: component.ID, Limit: 9})
				if err != nil || len(page) != 1 || page[0].ID != c.ID {
					t.Errorf("%+v: %v, %v", component, page, err)
				}
			}
			checkInvariants(t, s)
		})
	}
}

// TestRememberedProblemsAreBounded fills the memory of decoded problems several
// times over.
func TestRememberedProblemsAreBounded(t *testing.T) {
	packer, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	r := newProblemReader(sqliteDialect(), packer)
	for n := range int64(5 * rememberProblems) {
		r.put(problemKey{component: n}, &meta.StoredProblem{Component: n})
		if p := r.get(problemKey{component: 0}); p == nil || p.Component != 0 {
			t.Fatalf("what is used all the time was forgotten after %d", n)
		}
	}
	if n := len(r.known) + len(r.before); n > 2*rememberProblems {
		t.Errorf("%d are remembered", n)
	}
}

// TestDamagedProblemsAreErrors: what cannot be decoded is told, not skipped.
func TestDamagedProblemsAreErrors(t *testing.T) {
	packer, err := newPacker()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "{", "x", "\x28\xb5\x2f\xfd\x00", `{"severity":7}`} {
		if err := packer.unpack([]byte(body), &finding.Problem{}); err == nil {
			t.Errorf("%q was decoded", body)
		}
	}
	huge := packer.pack(toJSON(string(make([]byte, maxUnpacked))))
	if err := packer.unpack(huge, new(string)); err == nil {
		t.Errorf("%d bytes became more than %d", len(huge), maxUnpacked)
	}
}
