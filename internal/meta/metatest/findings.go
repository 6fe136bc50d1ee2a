package metatest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func findingCases() []testCase {
	return []testCase{
		{"findings come back as they were", findingContent},
		{"what is settled is told of what there is", findingSettling},
		{"only the vulnerabilities asked for are looked at", findingVulnerabilities},
		{"what is not named stays", findingStays},
		{"an error of the decision changes nothing", findingRefused},
		{"what cannot be kept is refused", findingInvalid},
		{"coverage changes with its findings", findingCoverage},
		{"findings of deleted images are settled, too", findingOfGone},
		{"a finding that comes again is the same", findingAgain},
		{"lists by every filter", findingFilters},
		{"pages in every order", findingOrders},
		{"counts by every group", findingCounts},
		{"findings of accounts are apart", findingAccounts},
	}
}

// state is a finding that is active.
func state(vulnerability string) finding.State {
	return finding.State{
		VulnerabilityID: vulnerability, Status: finding.Active, Severity: registry.High, Score: 7.5, EPSS: -1, Fix: finding.NotFixed,
		FirstObservedAt: base, LastObservedAt: base, UpdatedAt: base,
	}
}

func closedState(vulnerability string, at time.Time) finding.State {
	f := state(vulnerability)
	f.Status, f.ClosedAt = finding.Closed, at
	return f
}

// settle gives an image findings.
func settle(t testing.TB, s meta.Store, c finding.Coverage, findings ...finding.State) {
	t.Helper()
	must(t, s.SettleFindings(t.Context(), []int64{c.ID}, nil, func(meta.Settling) (meta.Settled, error) {
		return meta.Settled{Findings: findings}, nil
	}))
}

func listFindings(t testing.TB, s meta.Store, q meta.FindingQuery) []finding.State {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	all, err := s.ListFindings(t.Context(), account, q)
	must(t, err)
	return all
}

func vulnerabilitiesOf(t testing.TB, s meta.Store, coverage int64) []string {
	t.Helper()
	var all []string
	for _, f := range listFindings(t, s, meta.FindingQuery{Coverage: []int64{coverage}, Sort: meta.SortByVulnerability}) {
		all = append(all, f.VulnerabilityID)
	}
	return all
}

// coveredImages makes images that are covered, with an inventory each of the
// same component.
func coveredImages(t testing.TB, s meta.Store, repo *registry.Repository, n int) (images []finding.Coverage, component int64) {
	t.Helper()
	for i := range n {
		inventory := fmt.Sprint(repo.Name, i)
		component = index(t, s, inventory, Component("common", "1"), Component("own", inventory))[0]
		in := Push(repo.Name, Image(Blob(t, s, repo.Name, inventory, 10)), fmt.Sprint("v", i))
		in.Now = base.Add(time.Duration(i%2) * time.Hour)
		_, err := s.PutImage(t.Context(), in)
		must(t, err)
		images = append(images, cover(t, s, repo, in.Digest, inventory))
	}
	return images, component
}

func findingContent(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	images, _ := coveredImages(t, s, repo, 1)
	whole := finding.State{
		VulnerabilityID: "CVE-2024-1", Status: finding.Suppressed, Severity: registry.Critical, Score: 9.8, Fix: finding.PartFixed, Exploit: true, EPSS: 0.94466,
		Vendor: "important", FirstObservedAt: base, LastObservedAt: base.Add(time.Hour), UpdatedAt: base.Add(time.Minute), Revision: "r1",
		Suppression: &finding.Suppression{Kind: finding.SuppressedByDecision, ID: "d", Author: "me", Reason: "no \x00 way", Until: base.Add(time.Hour), Statement: "not_affected"},
	}
	other := finding.State{VulnerabilityID: "CVE-2024-2", Status: finding.Closed, Severity: finding.Untriaged, Score: -1, Fix: finding.Fixable, EPSS: -1, FirstObservedAt: base, LastObservedAt: base, UpdatedAt: base, ClosedAt: base}
	settle(t, s, images[0], whole, other)
	got := listFindings(t, s, meta.FindingQuery{Sort: meta.SortByVulnerability})
	if len(got) != 2 || got[0].ID == 0 || got[0].ID == got[1].ID {
		t.Fatalf("got %+v", got)
	}
	want := []finding.State{whole, other}
	for n := range want {
		want[n].ID, want[n].Coverage, want[n].Account, want[n].Repository, want[n].Digest = got[n].ID, images[0].ID, account, "web", images[0].Image.Digest
		want[n].UID = finding.UID(repo.ID, images[0].Image.Digest, want[n].VulnerabilityID)
	}
	wantSame(t, "findings", want, got)
	wantSame(t, "by uid", want[:1], listFindings(t, s, meta.FindingQuery{UIDs: []string{want[0].UID, "", "zz", DigestOf("x")}}))
}

func findingSettling(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	images, component := coveredImages(t, s, repo, 3)
	bare := cover(t, s, repo, put(t, s, "web", "bare"), "")
	judge(t, s, component, problem("CVE-1", "common"), problem("CVE-2", "common"))
	settle(t, s, images[1], state("CVE-2"), closedState("CVE-9", base))
	var told []int64
	ids := []int64{images[2].ID, 4711, bare.ID, images[1].ID, images[2].ID}
	must(t, s.SettleFindings(ctx, ids, nil, func(i meta.Settling) (meta.Settled, error) {
		told = append(told, i.Coverage.ID)
		wantSame(t, "coverage", coverageOf(t, s, repo, i.Coverage.Image.Digest), i.Coverage)
		problems, findings := 2, 0
		if i.Coverage.ID == bare.ID {
			problems = 0
		}
		if i.Coverage.ID == images[1].ID {
			findings = 2
		}
		if len(i.Problems) != problems || len(i.Findings) != findings {
			t.Errorf("%d: %d problems, %d findings, want %d and %d", i.Coverage.ID, len(i.Problems), len(i.Findings), problems, findings)
		}
		for n, p := range i.Problems {
			if p.VulnerabilityID != fmt.Sprint("CVE-", n+1) || p.Of != Component("common", "1") || p.Component != component {
				t.Errorf("problem %+v", p)
			}
		}
		for n, f := range i.Findings {
			wantSame(t, "finding", listFindings(t, s, meta.FindingQuery{Coverage: []int64{i.Coverage.ID}})[n], f)
		}
		return meta.Settled{Findings: []finding.State{state("CVE-1")}, Events: []meta.Event{{Account: account, Lane: i.Coverage.Image.Digest, At: base, Body: fmt.Append(nil, i.Coverage.ID)}}}, nil
	}))
	wantSame(t, "told", []int64{images[2].ID, bare.ID, images[1].ID}, told)
	wantSame(t, "findings", []string{"CVE-1", "CVE-2", "CVE-9"}, vulnerabilitiesOf(t, s, images[1].ID))
	var events []int64
	for _, e := range value(s.PendingEvents(ctx, 9, 1000))(t) {
		var id int64
		if _, err := fmt.Sscan(string(e.Body), &id); err != nil || e.Lane == "" {
			t.Errorf("event %+v", e)
		}
		events = append(events, id)
	}
	wantSame(t, "events", told, events)
	must(t, s.SettleFindings(ctx, nil, nil, nil))
	must(t, s.SettleFindings(ctx, []int64{4711}, nil, nil))
}

func findingVulnerabilities(t *testing.T, s meta.Store) {
	images, component := coveredImages(t, s, Repo(t, s, "web"), 2)
	judge(t, s, component, problem("CVE-1", "common"), problem("CVE-2", "common"), problem("CVE-3", "common"))
	settle(t, s, images[0], state("CVE-1"), state("CVE-2"), state("CVE-4"))
	must(t, s.SettleFindings(t.Context(), []int64{images[0].ID, images[1].ID}, []string{"CVE-2", "CVE-4", "CVE-5", "\x00"}, func(i meta.Settling) (meta.Settled, error) {
		if len(i.Problems) != 1 || i.Problems[0].VulnerabilityID != "CVE-2" {
			t.Errorf("problems %+v", i.Problems)
		}
		if i.Coverage.ID == images[0].ID && (len(i.Findings) != 2 || i.Findings[0].VulnerabilityID != "CVE-2" || i.Findings[1].VulnerabilityID != "CVE-4") {
			t.Errorf("findings %+v", i.Findings)
		}
		return meta.Settled{}, nil
	}))
}

func findingStays(t *testing.T, s meta.Store) {
	images, _ := coveredImages(t, s, Repo(t, s, "web"), 1)
	settle(t, s, images[0], state("CVE-1"), state("CVE-2"))
	before := listFindings(t, s, meta.FindingQuery{})
	changed := before[1]
	changed.Severity, changed.UpdatedAt = registry.Low, base.Add(time.Hour)
	settle(t, s, images[0], changed)
	before[1] = changed
	wantSame(t, "findings", before, listFindings(t, s, meta.FindingQuery{}))
	last := state("CVE-2")
	settle(t, s, images[0], changed, last) // named twice: the last counts
	if got := listFindings(t, s, meta.FindingQuery{}); len(got) != 2 || got[1].ID != before[1].ID || got[1].Severity != registry.High {
		t.Errorf("got %+v", got)
	}
}

func findingRefused(t *testing.T, s meta.Store) {
	images, _ := coveredImages(t, s, Repo(t, s, "web"), 2)
	refused := errors.New("no")
	err := s.SettleFindings(t.Context(), []int64{images[0].ID, images[1].ID}, nil, func(i meta.Settling) (meta.Settled, error) {
		if i.Coverage.ID == images[1].ID {
			return meta.Settled{}, refused
		}
		c := i.Coverage
		c.Reason = "changed"
		return meta.Settled{Coverage: &c, Findings: []finding.State{state("CVE-1")}, Events: []meta.Event{{Account: account, At: base, Body: []byte("x")}}}, nil
	})
	if err != refused {
		t.Errorf("got %v", err)
	}
	if got := listFindings(t, s, meta.FindingQuery{}); len(got) != 0 {
		t.Errorf("findings: %+v", got)
	}
	if got := value(s.PendingEvents(t.Context(), 9, 1000))(t); len(got) != 0 {
		t.Errorf("events: %+v", got)
	}
	if c := value(s.CoverageByID(t.Context(), []int64{images[0].ID}))(t)[images[0].ID]; c.Reason == "changed" {
		t.Error("the coverage has changed")
	}
}

func findingInvalid(t *testing.T, s meta.Store) {
	images, _ := coveredImages(t, s, Repo(t, s, "web"), 2)
	wrong := map[string]func(*meta.Settled){
		"status":         func(s *meta.Settled) { s.Findings[0].Status = "OPEN" },
		"severity":       func(s *meta.Settled) { s.Findings[0].Severity = "" },
		"fix":            func(s *meta.Settled) { s.Findings[0].Fix = "MAYBE" },
		"no id":          func(s *meta.Settled) { s.Findings[0].VulnerabilityID = "" },
		"no text":        func(s *meta.Settled) { s.Findings[0].VulnerabilityID = "CVE\x00" },
		"long id":        func(s *meta.Settled) { s.Findings[0].VulnerabilityID = long(5000) },
		"other coverage": func(s *meta.Settled) { s.Coverage = &images[1] },
	}
	for name, spoil := range wrong {
		err := s.SettleFindings(t.Context(), []int64{images[0].ID}, nil, func(meta.Settling) (meta.Settled, error) {
			settled := meta.Settled{Findings: []finding.State{state("CVE-1")}}
			spoil(&settled)
			return settled, nil
		})
		if err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	if _, err := s.ListFindings(t.Context(), account, meta.FindingQuery{Sort: "COLOUR", Limit: 9}); err == nil {
		t.Error("an unknown order was answered")
	}
	if _, err := s.CountFindings(t.Context(), account, meta.FindingQuery{}, "colour"); err == nil {
		t.Error("an unknown group was answered")
	}
	none := meta.FindingQuery{Statuses: []finding.Status{"OPEN"}}
	if got := listFindings(t, s, none); len(got) != 0 {
		t.Errorf("of an unknown status: %+v", got)
	}
}

func findingCoverage(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	images, _ := coveredImages(t, s, repo, 1)
	must(t, s.SettleFindings(t.Context(), []int64{images[0].ID}, nil, func(i meta.Settling) (meta.Settled, error) {
		c := i.Coverage
		c.Reason, c.DueAt, c.LastScannedAt, c.Layers, c.InventoryID = finding.ReasonScanInProgress, base.Add(time.Hour), base, []byte("x"), ""
		return meta.Settled{Coverage: &c}, nil
	}))
	got := coverageOf(t, s, repo, images[0].Image.Digest)
	if got.Reason != finding.ReasonScanInProgress || !got.DueAt.Equal(base.Add(time.Hour)) || !got.LastScannedAt.Equal(base) || string(got.Layers) != "x" || got.InventoryID != "" {
		t.Errorf("got %+v", got)
	}
}

func findingOfGone(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	images, _ := coveredImages(t, s, repo, 1)
	settle(t, s, images[0], state("CVE-1"))
	deleteImage(t, s, repo, images[0].Image.Digest)
	must(t, s.SettleFindings(t.Context(), []int64{images[0].ID}, nil, func(i meta.Settling) (meta.Settled, error) {
		if i.Coverage.GoneAt.IsZero() || len(i.Findings) != 1 {
			t.Errorf("told %+v", i)
		}
		c := i.Coverage
		c.Code, c.Reason, c.DueAt = finding.NotCovered, finding.ReasonResourceTerminated, time.Time{}
		return meta.Settled{Coverage: &c, Findings: []finding.State{closedState("CVE-1", base)}}, nil
	}))
	got := listFindings(t, s, meta.FindingQuery{})
	if len(got) != 1 || got[0].Status != finding.Closed || got[0].Digest != images[0].Image.Digest || got[0].Repository != "web" {
		t.Errorf("got %+v", got)
	}
	if c := coverageOf(t, s, repo, images[0].Image.Digest); c.Code != finding.NotCovered || c.GoneAt.IsZero() || !c.DueAt.IsZero() {
		t.Errorf("coverage %+v", c)
	}
}

func findingAgain(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	images, _ := coveredImages(t, s, repo, 1)
	settle(t, s, images[0], closedState("CVE-1", base))
	before := listFindings(t, s, meta.FindingQuery{})[0]
	deleteImage(t, s, repo, images[0].Image.Digest)
	put(t, s, "web", "web0")
	images[0] = cover(t, s, repo, images[0].Image.Digest, images[0].InventoryID)
	settle(t, s, images[0], state("CVE-1"))
	after := listFindings(t, s, meta.FindingQuery{})
	if len(after) != 1 || after[0].ID != before.ID || after[0].UID != before.UID || after[0].Status != finding.Active || !after[0].ClosedAt.IsZero() {
		t.Errorf("got %+v after %+v", after, before)
	}
}

// manyFindings makes findings that differ in all that lists are made by.
func manyFindings(t *testing.T, s meta.Store) (images []finding.Coverage, all []finding.State) {
	web, _ := coveredImages(t, s, Repo(t, s, "web"), 3)
	api, _ := coveredImages(t, s, Repo(t, s, "api"), 2)
	images = append(web, api...)
	severities := []registry.Severity{registry.Critical, registry.High, registry.Medium, registry.Low, registry.Informational, registry.Undefined, finding.Untriaged}
	statuses := []finding.Status{finding.Active, finding.Suppressed, finding.Closed}
	n := 0
	for _, i := range images {
		var findings []finding.State
		for v := range 8 {
			f := state(fmt.Sprint("CVE-", v))
			f.Severity, f.Status, f.Score, f.EPSS = severities[n%7], statuses[n%3], float64(n%5)-1, float64(n%4)/10
			f.FirstObservedAt, f.LastObservedAt = base.Add(time.Duration(n%6)*time.Hour), base.Add(time.Duration(n%9)*time.Minute)
			f.UpdatedAt, f.Vendor = base.Add(time.Duration(n)*time.Second), []string{"", "high", "low"}[n%3]
			findings, n = append(findings, f), n+1
		}
		settle(t, s, i, findings...)
	}
	all = listFindings(t, s, meta.FindingQuery{})
	if len(all) != n {
		t.Fatalf("%d findings, want %d", len(all), n)
	}
	return images, all
}

// findingFilterCases are queries, and what they select.
func findingFilterCases(images []finding.Coverage, all []finding.State) map[string]struct {
	query   meta.FindingQuery
	selects func(f finding.State) bool
} {
	type c = struct {
		query   meta.FindingQuery
		selects func(f finding.State) bool
	}
	return map[string]c{
		"all":                   {meta.FindingQuery{}, func(finding.State) bool { return true }},
		"status":                {meta.FindingQuery{Statuses: []finding.Status{finding.Active, finding.Closed}}, func(f finding.State) bool { return f.Status != finding.Suppressed }},
		"severity":              {meta.FindingQuery{Severities: []registry.Severity{registry.Critical, finding.Untriaged}}, func(f finding.State) bool { return f.Severity == registry.Critical || f.Severity == finding.Untriaged }},
		"vulnerability":         {meta.FindingQuery{Vulnerabilities: []string{"CVE-1", "CVE-3", "none"}}, func(f finding.State) bool { return f.VulnerabilityID == "CVE-1" || f.VulnerabilityID == "CVE-3" }},
		"repository":            {meta.FindingQuery{Repositories: []string{"api", "none"}}, func(f finding.State) bool { return f.Repository == "api" }},
		"digest":                {meta.FindingQuery{Digests: []string{images[1].Image.Digest}}, func(f finding.State) bool { return f.Coverage == images[1].ID }},
		"digest and repository": {meta.FindingQuery{Digests: []string{images[1].Image.Digest, images[4].Image.Digest}, Repositories: []string{"api"}}, func(f finding.State) bool { return f.Coverage == images[4].ID }},
		"coverage":              {meta.FindingQuery{Coverage: []int64{images[0].ID, images[4].ID}}, func(f finding.State) bool { return f.Coverage == images[0].ID || f.Coverage == images[4].ID }},
		"coverage and all else": {meta.FindingQuery{Coverage: []int64{images[0].ID, images[1].ID}, Digests: []string{images[1].Image.Digest}, Repositories: []string{"web"}, Vulnerabilities: []string{"CVE-2"}, Statuses: []finding.Status{finding.Active, finding.Closed, finding.Suppressed}},
			func(f finding.State) bool { return f.Coverage == images[1].ID && f.VulnerabilityID == "CVE-2" }},
		"uid":                       {meta.FindingQuery{UIDs: []string{all[3].UID, all[30].UID}}, func(f finding.State) bool { return f.ID == all[3].ID || f.ID == all[30].ID }},
		"uid of another repository": {meta.FindingQuery{UIDs: []string{all[3].UID, all[39].UID}, Repositories: []string{"api"}}, func(f finding.State) bool { return f.ID == all[39].ID }},
		"updated from":              {meta.FindingQuery{UpdatedFrom: base.Add(10 * time.Second)}, func(f finding.State) bool { return !f.UpdatedAt.Before(base.Add(10 * time.Second)) }},
		"updated between": {meta.FindingQuery{UpdatedFrom: base.Add(10 * time.Second), UpdatedTo: base.Add(20 * time.Second)}, func(f finding.State) bool {
			return !f.UpdatedAt.Before(base.Add(10*time.Second)) && !f.UpdatedAt.After(base.Add(20*time.Second))
		}},
		"nothing": {meta.FindingQuery{Vulnerabilities: []string{"none", "\x00"}}, func(finding.State) bool { return false }},
	}
}

func findingFilters(t *testing.T, s meta.Store) {
	images, all := manyFindings(t, s)
	for name, c := range findingFilterCases(images, all) {
		var want []finding.State
		for _, f := range all {
			if c.selects(f) {
				want = append(want, f)
			}
		}
		wantSame(t, name, want, listFindings(t, s, c.query))
		for _, sort := range []meta.FindingSort{meta.SortBySeverity, meta.SortByRepository, meta.SortByVulnerability} {
			c.query.Sort = sort
			if got := walkFindings(t, s, c.query); len(got) != len(want) {
				t.Errorf("%s by %s: %d findings, want %d", name, sort, len(got), len(want))
			}
		}
	}
}

// walkFindings collects all pages.
func walkFindings(t *testing.T, s meta.Store, q meta.FindingQuery) (all []finding.State) {
	t.Helper()
	for q.Limit = 7; ; {
		page := listFindings(t, s, q)
		if all = append(all, page...); len(page) < q.Limit {
			return all
		}
		q.After = &page[len(page)-1]
	}
}

func findingOrders(t *testing.T, s meta.Store) {
	images, all := manyFindings(t, s)
	rank := map[registry.Severity]float64{finding.Untriaged: 0, registry.Undefined: 1, registry.Informational: 2, registry.Low: 3, registry.Medium: 4, registry.High: 5, registry.Critical: 6}
	number := map[meta.FindingSort]func(f finding.State) float64{
		meta.SortByID:            func(finding.State) float64 { return 0 },
		meta.SortBySeverity:      func(f finding.State) float64 { return rank[f.Severity] },
		meta.SortByScore:         func(f finding.State) float64 { return f.Score },
		meta.SortByEPSS:          func(f finding.State) float64 { return f.EPSS },
		meta.SortByFirstObserved: func(f finding.State) float64 { return f.FirstObservedAt.Sub(base).Seconds() },
		meta.SortByLastObserved:  func(f finding.State) float64 { return f.LastObservedAt.Sub(base).Seconds() },
		meta.SortByPushed: func(f finding.State) float64 {
			i := slices.IndexFunc(images, func(c finding.Coverage) bool { return c.ID == f.Coverage })
			return coverageOf(t, s, &registry.Repository{ID: images[i].RepositoryID}, f.Digest).Image.PushedAt.Sub(base).Seconds()
		},
	}
	word := map[meta.FindingSort]func(f finding.State) string{
		meta.SortByStatus:        func(f finding.State) string { return string(f.Status) },
		meta.SortByVulnerability: func(f finding.State) string { return f.VulnerabilityID },
		meta.SortByRepository:    func(f finding.State) string { return f.Repository },
		meta.SortByVendor:        func(f finding.State) string { return f.Vendor },
	}
	check := func(sort meta.FindingSort, compare func(a, b finding.State) int) {
		t.Helper()
		want := slices.Clone(all)
		slices.SortStableFunc(want, compare)
		wantSame(t, "by "+string(sort), want, walkFindings(t, s, meta.FindingQuery{Sort: sort}))
		slices.Reverse(want)
		wantSame(t, "descending by "+string(sort), want, walkFindings(t, s, meta.FindingQuery{Sort: sort, Descending: true}))
	}
	for sort, key := range number {
		check(sort, func(a, b finding.State) int { return cmp.Compare(key(a), key(b)) })
	}
	for sort, key := range word {
		check(sort, func(a, b finding.State) int { return cmp.Compare(key(a), key(b)) })
	}
}

func findingCounts(t *testing.T, s meta.Store) {
	images, all := manyFindings(t, s)
	type group struct {
		key      string
		severity registry.Severity
	}
	keys := map[meta.FindingGroup]func(f finding.State) string{
		meta.GroupByImage:         func(f finding.State) string { return fmt.Sprint(f.Coverage) },
		meta.GroupByRepository:    func(f finding.State) string { return f.Repository },
		meta.GroupByVulnerability: func(f finding.State) string { return f.VulnerabilityID },
		meta.GroupByAccount:       func(f finding.State) string { return f.Account },
	}
	for name, c := range findingFilterCases(images, all) {
		for by, key := range keys {
			want, holders := map[group]meta.FindingCount{}, map[group]map[int64]bool{}
			for _, f := range all {
				if !c.selects(f) {
					continue
				}
				g := group{key(f), f.Severity}
				if holders[g] == nil {
					holders[g] = map[int64]bool{}
				}
				holders[g][f.Coverage] = true
				want[g] = meta.FindingCount{Key: g.key, Severity: g.severity, Findings: want[g].Findings + 1, Images: len(holders[g])}
			}
			got := map[group]meta.FindingCount{}
			for _, n := range value(s.CountFindings(t.Context(), account, c.query, by))(t) {
				got[group{n.Key, n.Severity}] = n
			}
			wantSame(t, name+" by "+string(by), want, got)
		}
	}
}

func findingAccounts(t *testing.T, s meta.Store) {
	images, all := manyFindings(t, s)
	q := meta.FindingQuery{Limit: 100, UIDs: []string{all[0].UID}, Coverage: []int64{images[0].ID}}
	for _, other := range []string{"111111111111", ""} {
		if got := value(s.ListFindings(t.Context(), other, q))(t); len(got) != 0 {
			t.Errorf("of %q: %+v", other, got)
		}
		for _, by := range []meta.FindingGroup{meta.GroupByImage, meta.GroupByAccount, meta.GroupByVulnerability} {
			if got := value(s.CountFindings(t.Context(), other, meta.FindingQuery{}, by))(t); len(got) != 0 {
				t.Errorf("of %q: %+v", other, got)
			}
		}
	}
}
