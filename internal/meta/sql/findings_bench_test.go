package sql

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// benchImagesEnv sets how many images the benchmarks of findings cover; there
// is an inventory for every fifth, and six components for every ten images.
const benchImagesEnv = "ECRU_BENCH_IMAGES"

// landscape is a registry whose images are covered. An inventory holds one
// component that all hold, 89 that its base image brings, and 60 of its own.
type landscape struct {
	s           *Store
	repo        *registry.Repository
	images      int
	inventories int
	bases       int
	own         int
	random      *rand.Rand

	common    int64
	coverage  []int64
	problemOf []finding.Component // with problems
	ids       map[finding.Component]int64
}

const (
	benchBase = 89
	benchOwn  = 60
)

func newLandscape(b *testing.B, s *Store) *landscape {
	images := 2_000
	if n, err := strconv.Atoi(os.Getenv(benchImagesEnv)); err == nil && n > 0 {
		images = n
	}
	l := &landscape{s: s, images: images, inventories: max(images/5, 1), bases: max(images/333, 1), random: rand.New(rand.NewPCG(1, 2)), ids: map[finding.Component]int64{}}
	l.own = max(images*6/10-l.bases*benchBase, benchOwn)
	l.repo = metatest.Repo(b, s, "bench")
	return l
}

// timed logs what a step of the preparation took.
func timed(b *testing.B, what string, n int, unit string, f func()) {
	start := time.Now()
	f()
	took := time.Since(start)
	b.Logf("%s: %d %s in %v, %.0f/s", what, n, unit, took.Round(time.Millisecond), float64(n)/took.Seconds())
}

func (l *landscape) inventory(n int) []finding.Component {
	all := []finding.Component{metatest.Component("ca-certificates", "1")}
	base := n % l.bases
	for i := range benchBase {
		all = append(all, metatest.Component(fmt.Sprintf("libbase%03d", i), fmt.Sprintf("%d.%d-1+deb12u%d", base, i, base%7)))
	}
	for range benchOwn {
		i := l.random.IntN(l.own)
		all = append(all, finding.Component{Release: "npm", Name: fmt.Sprintf("@scope/package-%d", i/7), Version: fmt.Sprintf("1.%d.0", i%7)})
	}
	return all
}

// benchProblem is as large as problems are.
func benchProblem(c finding.Component, n int) finding.Problem {
	id := fmt.Sprintf("CVE-20%02d-%d", 15+n%10, 10000+(len(c.Name)*7919+n*104729+int(c.Version[0])*31)%30000)
	return finding.Problem{
		VulnerabilityID: id, Aliases: []string{"GHSA-aaaa-bbbb-" + fmt.Sprint(n)}, Package: c.Name, Version: c.Version, FixedVersion: "9", Severity: severitiesKept()[n%7],
		SeveritySource: "NVD", VendorSeverity: "medium", CVSS: []finding.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: float64(n%100) / 10, Source: "NVD"}},
		Title: id + " - " + c.Name, Description: strings.Repeat(fmt.Sprintf("A flaw %d of %s lets remote attackers do what they should not be able to do. ", n, c.Name), 12),
		URL: "https://nvd.nist.gov/vuln/detail/" + id, References: []string{"https://example.com/a/" + id, "https://example.com/b/" + id, "https://example.com/c/" + id},
		CWEs: []string{"CWE-79", "CWE-787"}, Source: "NVD", AdvisoryID: "DSA-" + id, Published: time.Unix(1.6e9, 0).UTC(), Modified: time.Unix(1.7e9, 0).UTC(), Reason: c.Version + " < 9",
	}
}

func benchProblems(c finding.Component, seed int) []finding.Problem {
	if seed%9 != 0 {
		return nil
	}
	all := make([]finding.Problem, 1+seed%2)
	for n := range all {
		all[n] = benchProblem(c, seed+n)
	}
	return all
}

// decideAll makes findings of all problems, as a first scan does.
func decideAll(now time.Time) func(meta.Settling) (meta.Settled, error) {
	return func(i meta.Settling) (meta.Settled, error) {
		var out meta.Settled
		seen := map[string]bool{}
		for _, p := range i.Problems {
			if seen[p.VulnerabilityID] {
				continue
			}
			seen[p.VulnerabilityID] = true
			out.Findings = append(out.Findings, finding.State{
				VulnerabilityID: p.VulnerabilityID, Status: finding.Active, Severity: p.Severity, Score: p.CVSS[0].Score, EPSS: 0.00043, Fix: finding.Fixable, Vendor: p.VendorSeverity,
				FirstObservedAt: now, LastObservedAt: now, UpdatedAt: now, Revision: "0123456789abcdef",
			})
		}
		return out, nil
	}
}

func (l *landscape) prepare(b *testing.B) {
	ctx, s := context.Background(), l.s
	inventories := make([][]finding.Component, l.inventories)
	for n := range inventories {
		inventories[n] = l.inventory(n)
	}
	indexed := make([][]meta.IndexedComponent, l.inventories)
	timed(b, "IndexInventory, new", l.inventories, "inventories", func() {
		parallel(l.inventories, 4, func(n int) {
			var err error
			indexed[n], err = s.IndexInventory(ctx, metatest.DigestOf(fmt.Sprint("inventory", n)), inventories[n])
			check(b, err)
		})
	})
	var all []meta.ComponentProblems
	for _, inventory := range indexed {
		for _, c := range inventory {
			if _, known := l.ids[c.Component]; !known {
				l.ids[c.Component] = c.ID
				problems := benchProblems(c.Component, len(l.ids))
				if c.Name == "ca-certificates" {
					l.common, problems = c.ID, []finding.Problem{benchProblem(c.Component, 1)}
				}
				if len(problems) > 0 {
					l.problemOf = append(l.problemOf, c.Component)
				}
				all = append(all, meta.ComponentProblems{Component: c.ID, Problems: problems})
			}
		}
	}
	timed(b, "PutProblems, first", len(all), "components", func() {
		for len(all) > 0 {
			n := min(len(all), 200)
			_, err := s.PutProblems(ctx, all[:n])
			check(b, err)
			all = all[n:]
		}
	})
	l.cover(b)
}

func (l *landscape) cover(b *testing.B) {
	ctx, s := context.Background(), l.s
	config := metatest.Blob(b, s, "bench", "config", 1)
	digests := make([]string, l.images)
	timed(b, "PutImage", l.images, "images", func() {
		parallel(l.images, 16, func(n int) {
			m := metatest.Image(config)
			m.Annotations = map[string]string{"n": fmt.Sprint(n)}
			in := metatest.Push("bench", m, fmt.Sprintf("v%06d", n))
			in.Now = in.Now.Add(time.Duration(n) * time.Second)
			digests[n] = in.Digest
			_, err := s.PutImage(ctx, in)
			check(b, err)
		})
	})
	before := l.size(b)
	l.coverage = make([]int64, l.images)
	timed(b, "PutCoverage, new", l.images, "images", func() {
		parallel(l.images, 16, func(n int) {
			c := metatest.Covered(l.repo, digests[n])
			c.InventoryID, c.Layers = metatest.DigestOf(fmt.Sprint("inventory", n%l.inventories)), make([]byte, 150)
			_, err := s.PutCoverage(ctx, &c, nil)
			check(b, err)
			l.coverage[n] = c.ID
		})
	})
	covered := l.size(b)
	now := time.Now()
	timed(b, "SettleFindings, new, 100 images at a time", l.images, "images", func() {
		for n := 0; n < l.images; n += 100 {
			check(b, s.SettleFindings(ctx, l.coverage[n:min(n+100, l.images)], nil, decideAll(now)))
		}
	})
	counts, err := s.CountFindings(ctx, benchAccount, meta.FindingQuery{}, meta.GroupByAccount)
	check(b, err)
	findings := 0
	for _, c := range counts {
		findings += c.Findings
	}
	settled := l.size(b)
	b.Logf("%d findings, %.1f an image; bytes an image: %d of coverage, %d of findings (%d a finding); whole database %d MB",
		findings, float64(findings)/float64(l.images), (covered-before)/int64(l.images), (settled-covered)/int64(l.images), (settled-covered)/int64(findings), settled>>20)
	l.sizes(b)
}

func (l *landscape) size(b *testing.B) int64 {
	var n int64
	_, err := l.s.read.row(context.Background(), `SELECT {lite:page_count * page_size FROM pragma_page_count, pragma_page_size}{pg:pg_database_size(current_database())}`, nil, &n)
	check(b, err)
	return n
}

// sizes logs what the tables take, with their indexes.
func (l *landscape) sizes(b *testing.B) {
	if !l.s.d.numbered {
		return
	}
	for _, table := range []string{"components", "inventory_components", "problems", "coverage", "findings"} {
		var whole, heap int64
		_, err := l.s.read.row(context.Background(), `SELECT pg_total_relation_size(?::text::regclass), pg_relation_size(?::text::regclass)`, []any{table, table}, &whole, &heap)
		check(b, err)
		b.Logf("%s: %d MB, %d MB of it rows", table, whole>>20, heap>>20)
	}
}

// BenchmarkFindings measures what enhanced scanning does all day, in a registry
// of 2,000 covered images or as many as ECRU_BENCH_IMAGES says.
func BenchmarkFindings(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		l := newLandscape(b, s)
		l.prepare(b)
		b.Run("Components", l.components)
		b.Run("Coverage", l.coverages)
		b.Run("Settle", l.settling)
		b.Run("List", l.lists)
		b.Run("Count", l.counts)
		b.Run("DeleteRepository", l.deletion)
	})
}

func (l *landscape) components(b *testing.B) {
	ctx, s := context.Background(), l.s
	b.Run("IndexKnown", func(b *testing.B) {
		known := l.inventory(0)
		name := fmt.Sprint("known", time.Now())
		for range b.N {
			_, err := s.IndexInventory(ctx, name, known)
			check(b, err)
		}
	})
	b.Run("IndexNew", func(b *testing.B) {
		for n := range b.N {
			_, err := s.IndexInventory(ctx, fmt.Sprint("new", time.Now(), n), l.inventory(n))
			check(b, err)
		}
	})
	b.Run("InventoryProblems", func(b *testing.B) {
		for n := range b.N {
			_, err := s.InventoryProblems(ctx, metatest.DigestOf(fmt.Sprint("inventory", n%l.inventories)))
			check(b, err)
		}
	})
	b.Run("ComponentsNamed", func(b *testing.B) {
		for n := range b.N {
			_, err := s.ComponentsNamed(ctx, []string{"Debian:12", "Debian:11"}, fmt.Sprintf("libbase%03d", n%benchBase), 0, 100)
			check(b, err)
		}
	})
	put := func(b *testing.B, seed func(n int) int) {
		for n := range b.N {
			all := make([]meta.ComponentProblems, 100)
			for i := range all {
				c := l.problemOf[(n*100+i)%len(l.problemOf)]
				all[i] = meta.ComponentProblems{Component: l.ids[c], Problems: []finding.Problem{benchProblem(c, seed(n*100+i))}}
			}
			_, err := s.PutProblems(ctx, all)
			check(b, err)
		}
		b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "components/s")
	}
	b.Run("PutProblemsChanged", func(b *testing.B) { put(b, func(n int) int { return n + 1 }) })
	b.Run("PutProblemsSame", func(b *testing.B) {
		put(b, func(int) int { return 3 })
		put(b, func(int) int { return 3 })
	})
}

func (l *landscape) coverages(b *testing.B) {
	ctx, s := context.Background(), l.s
	page := func(name string, q meta.CoverageQuery, account string) {
		q.Limit = 100
		b.Run(name+"/First", func(b *testing.B) {
			for range b.N {
				_, err := s.ListCoverage(ctx, account, q)
				check(b, err)
			}
		})
		q.After = l.coverage[0] + int64(l.images)/2
		b.Run(name+"/Deep", func(b *testing.B) {
			for range b.N {
				_, err := s.ListCoverage(ctx, account, q)
				check(b, err)
			}
		})
	}
	page("HeldByAll", meta.CoverageQuery{Component: l.common, Code: finding.Covered}, "")
	page("HeldBySome", meta.CoverageQuery{Component: l.ids[metatest.Component("libbase007", "0.7-1+deb12u0")], Code: finding.Covered}, "")
	page("OfRepository", meta.CoverageQuery{RepositoryID: l.repo.ID}, benchAccount)
	page("OfAccount", meta.CoverageQuery{}, benchAccount)
	page("Due", meta.CoverageQuery{DueBefore: time.Now()}, "")
	b.Run("CountAffected/All", func(b *testing.B) {
		for range b.N {
			_, err := s.CountAffected(ctx, []int64{l.common})
			check(b, err)
		}
	})
	b.Run("CountAffected/Some", func(b *testing.B) {
		ids := make([]int64, 0, 100)
		for _, c := range l.problemOf[:min(100, len(l.problemOf))] {
			ids = append(ids, l.ids[c])
		}
		for range b.N {
			_, err := s.CountAffected(ctx, ids)
			check(b, err)
		}
	})
	b.Run("PutCoverage", func(b *testing.B) {
		all, err := s.CoverageByID(ctx, l.coverage[:100])
		check(b, err)
		parallel(b.N, 4, func(n int) {
			c := all[l.coverage[n%100]]
			_, err := s.PutCoverage(ctx, &c, nil)
			check(b, err)
		})
	})
}

func (l *landscape) settling(b *testing.B) {
	ctx, s := context.Background(), l.s
	id := benchProblem(metatest.Component("ca-certificates", "1"), 1).VulnerabilityID
	settle := func(name string, vulnerabilities []string, decide func(n int) func(meta.Settling) (meta.Settled, error)) {
		b.Run(name, func(b *testing.B) {
			batches := max(l.images/100, 1)
			for n := range b.N {
				from := n % batches * 100
				check(b, s.SettleFindings(ctx, l.coverage[from:min(from+100, l.images)], vulnerabilities, decide(n)))
			}
			b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "images/s")
		})
	}
	nothing := func(int) func(meta.Settling) (meta.Settled, error) {
		return func(meta.Settling) (meta.Settled, error) { return meta.Settled{}, nil }
	}
	settle("LookAtOne", []string{id}, nothing)
	settle("LookAtAll", nil, nothing)
	settle("ChangeOne", []string{id}, func(n int) func(meta.Settling) (meta.Settled, error) {
		return func(i meta.Settling) (meta.Settled, error) {
			out := meta.Settled{Findings: i.Findings}
			for k := range out.Findings {
				f := &out.Findings[k]
				f.UpdatedAt, f.Severity = f.UpdatedAt.Add(time.Second), severitiesKept()[n%7]
				out.Events = append(out.Events, meta.Event{Account: f.Account, Lane: f.Digest, At: f.UpdatedAt, Body: make([]byte, 2000)})
			}
			return out, nil
		}
	})
	settle("ChangeAll", nil, func(int) func(meta.Settling) (meta.Settled, error) {
		return func(i meta.Settling) (meta.Settled, error) {
			for k := range i.Findings {
				i.Findings[k].LastObservedAt = i.Findings[k].LastObservedAt.Add(time.Second)
			}
			return meta.Settled{Findings: i.Findings}, nil
		}
	})
}

func (l *landscape) lists(b *testing.B) {
	ctx, s := context.Background(), l.s
	list := func(b *testing.B, q meta.FindingQuery) (last []finding.State) {
		q.Limit = 100
		for range b.N {
			var err error
			last, err = s.ListFindings(ctx, benchAccount, q)
			check(b, err)
		}
		return last
	}
	sorts := []meta.FindingSort{meta.SortByID, meta.SortBySeverity, meta.SortByVulnerability, meta.SortByScore, meta.SortByPushed, meta.SortByRepository}
	for _, sort := range sorts {
		name := string(sort)
		if name == "" {
			name = "ID"
		}
		q := meta.FindingQuery{Sort: sort, Descending: true}
		b.Run(name+"/First", func(b *testing.B) { list(b, q) })
		deep, err := s.ListFindings(ctx, benchAccount, meta.FindingQuery{Coverage: l.coverage[l.images/2 : l.images/2+1], Severities: []registry.Severity{registry.Low}, Limit: 1})
		check(b, err)
		if q.After = nil; len(deep) > 0 {
			q.After = &deep[0]
		}
		b.Run(name+"/Deep", func(b *testing.B) { list(b, q) })
	}
	b.Run("SEVERITY/Active", func(b *testing.B) {
		list(b, meta.FindingQuery{Sort: meta.SortBySeverity, Descending: true, Statuses: []finding.Status{finding.Active}})
	})
	b.Run("SEVERITY/NoneSuppressed", func(b *testing.B) {
		list(b, meta.FindingQuery{Sort: meta.SortBySeverity, Descending: true, Statuses: []finding.Status{finding.Suppressed}})
	})
	b.Run("SEVERITY/OfRepository", func(b *testing.B) {
		list(b, meta.FindingQuery{Sort: meta.SortBySeverity, Descending: true, Repositories: []string{"bench"}})
	})
	b.Run("SEVERITY/OfImage", func(b *testing.B) {
		list(b, meta.FindingQuery{Sort: meta.SortBySeverity, Descending: true, Coverage: l.coverage[:1]})
	})
	b.Run("SEVERITY/OfVulnerability", func(b *testing.B) {
		id := benchProblem(metatest.Component("ca-certificates", "1"), 1).VulnerabilityID
		list(b, meta.FindingQuery{Sort: meta.SortBySeverity, Descending: true, Vulnerabilities: []string{id}})
	})
	b.Run("UID", func(b *testing.B) {
		some, err := s.ListFindings(ctx, benchAccount, meta.FindingQuery{Limit: 100})
		check(b, err)
		q := meta.FindingQuery{}
		for _, f := range some {
			q.UIDs = append(q.UIDs, f.UID)
		}
		list(b, q)
	})
}

func (l *landscape) counts(b *testing.B) {
	for _, by := range []meta.FindingGroup{meta.GroupByImage, meta.GroupByRepository, meta.GroupByVulnerability, meta.GroupByAccount} {
		for name, q := range map[string]meta.FindingQuery{"All": {}, "Active": {Statuses: []finding.Status{finding.Active}}, "Of100": {Coverage: l.coverage[:100]}} {
			b.Run(string(by)+"/"+name, func(b *testing.B) {
				for range b.N {
					_, err := l.s.CountFindings(context.Background(), benchAccount, q, by)
					check(b, err)
				}
			})
		}
	}
}

// deletion is measured once: there is one repository.
func (l *landscape) deletion(b *testing.B) {
	start := time.Now()
	_, err := l.s.DeleteRepository(context.Background(), benchAccount, "bench", true, nil)
	check(b, err)
	b.Logf("deleting a repository of %d covered images: %v", l.images, time.Since(start))
	purged := 0
	start = time.Now()
	for n := -1; n != 0; purged += n {
		n, err = l.s.PurgeCoverage(context.Background(), time.Now().Add(time.Minute), time.Time{}, 1000)
		check(b, err)
	}
	b.Logf("purging %d rows of them: %v", purged, time.Since(start))
}
