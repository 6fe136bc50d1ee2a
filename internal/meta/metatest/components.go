package metatest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func componentCases() []testCase {
	return []testCase{
		{"components of inventories, in the order given", componentIndex},
		{"indexing again answers the same, and others replace them", componentIndexAgain},
		{"problems are counted, and read of some vulnerabilities", componentProblemsCounted},
		{"components that no advisory can name are not kept", componentHostile},
		{"components by name, page by page", componentNamed},
		{"the releases of all components", componentReleases},
		{"the first judgement changes nothing, later ones what is different", problemChanges},
		{"a first judgement that comes late is dropped", problemLate},
		{"one change of a component and vulnerability, the newest", problemChangeReplaced},
		{"changes are settled in steps", problemChangeSteps},
		{"problems come back as they were", problemContent},
		{"several problems of one vulnerability", problemTwins},
		{"problems of what is not there", problemUnknown},
	}
}

// Component is a component of Debian 12.
func Component(name, version string) finding.Component {
	return finding.Component{Release: "Debian:12", Name: name, Version: version}
}

// problem is a problem with a name.
func problem(vulnerability, pkg string) finding.Problem {
	return finding.Problem{
		VulnerabilityID: vulnerability, Package: pkg, Version: "1", Severity: registry.High, Source: "DEBIAN_CVE",
		AdvisoryID: "DSA-" + vulnerability, URL: "https://example.com/" + vulnerability, Reason: "1 < 2",
	}
}

// index stores an inventory and answers the ids of its components.
func index(t testing.TB, s meta.Store, inventory string, components ...finding.Component) []int64 {
	t.Helper()
	indexed, err := s.IndexInventory(t.Context(), inventory, components)
	must(t, err)
	ids := make([]int64, len(indexed))
	for n, c := range indexed {
		ids[n] = c.ID
	}
	return ids
}

// judge replaces the problems of a component and answers how many changes that
// made.
func judge(t testing.TB, s meta.Store, component int64, problems ...finding.Problem) int {
	t.Helper()
	n, err := s.PutProblems(t.Context(), []meta.ComponentProblems{{Component: component, Problems: problems}})
	must(t, err)
	return n
}

func componentIndex(t *testing.T, s meta.Store) {
	ctx := t.Context()
	a, b, c := Component("a", "1"), Component("b", "1"), finding.Component{Release: "Red Hat:9", Name: "a", Version: "1", Module: "nodejs:18"}
	first := value(s.IndexInventory(ctx, "one", []finding.Component{c, a, b, a}))(t)
	for n, want := range []finding.Component{c, a, b, a} {
		if first[n].Component != want || first[n].ID == 0 || first[n].Judged {
			t.Errorf("%d: got %+v, want %+v", n, first[n], want)
		}
	}
	if first[1].ID != first[3].ID || first[0].ID == first[1].ID || first[1].ID == first[2].ID {
		t.Errorf("ids: %+v", first)
	}
	other := value(s.IndexInventory(ctx, "two", []finding.Component{b, Component("b", "2")}))(t)
	if other[0].ID != first[2].ID || other[1].ID == first[2].ID {
		t.Errorf("the same component has one id: %+v, %+v", first, other)
	}
	judge(t, s, first[2].ID)
	other = value(s.IndexInventory(ctx, "two", []finding.Component{b, Component("b", "2")}))(t)
	if !other[0].Judged || other[1].Judged {
		t.Errorf("judged: %+v", other)
	}
	if empty := value(s.IndexInventory(ctx, "none", nil))(t); len(empty) != 0 {
		t.Errorf("of an empty inventory: %+v", empty)
	}
	wantSame(t, "problems", []meta.StoredProblem(nil), value(s.InventoryProblems(ctx, "none"))(t))
}

func componentIndexAgain(t *testing.T, s meta.Store) {
	a, b, c := Component("a", "1"), Component("b", "1"), Component("c", "1")
	first := index(t, s, "one", a, b)
	wantSame(t, "again", first, index(t, s, "one", a, b))
	wantSame(t, "in another order", []int64{first[1], first[0]}, index(t, s, "one", b, a))
	for n, id := range first {
		judge(t, s, id, problem(fmt.Sprint("CVE-", n), "p"))
	}
	others := index(t, s, "one", b, c)
	if others[0] != first[1] || slices.Contains(first, others[1]) {
		t.Errorf("ids %v after %v", others, first)
	}
	got := value(s.InventoryProblems(t.Context(), "one"))(t)
	if len(got) != 1 || got[0].Component != first[1] {
		t.Errorf("problems of what it holds now: %+v", got)
	}
}

func componentProblemsCounted(t *testing.T, s meta.Store) {
	ids := index(t, s, "one", Component("a", "1"), Component("b", "1"))
	judge(t, s, ids[0], problem("CVE-1", "a"), problem("CVE-2", "a"))
	judge(t, s, ids[1], problem("CVE-1", "b"))
	for most, want := range map[int]int{10: 3, 2: 2, 0: 0, -1: 0} {
		if n := value(s.CountProblems(t.Context(), "one", most))(t); n != want {
			t.Errorf("up to %d there are %d, want %d", most, n, want)
		}
	}
	if n := value(s.CountProblems(t.Context(), "none", 10))(t); n != 0 {
		t.Errorf("an inventory that is not there has %d", n)
	}
	got := value(s.InventoryProblems(t.Context(), "one", "CVE-1", "CVE-3"))(t)
	if len(got) != 2 || got[0].VulnerabilityID != "CVE-1" || got[1].VulnerabilityID != "CVE-1" {
		t.Errorf("of one vulnerability: %+v", got)
	}
}

func componentHostile(t *testing.T, s meta.Store) {
	huge := Component(strings.Repeat("x", 1<<20), "1")
	given := []finding.Component{Component("a", "1"), huge, Component("n\x00l", "1"), Component("b\xff", "1"), Component("", ""), Component("ü'\"", "1\n")}
	got := index(t, s, "one", given...)
	for n, id := range got {
		if kept := n == 0 || n > 3; kept != (id != 0) {
			t.Errorf("%d: id %d", n, id)
		}
	}
	wantSame(t, "again", got, index(t, s, "one", given...))
	if n := judge(t, s, 0, problem("CVE-1", "x")); n != 0 {
		t.Errorf("%d changes of nothing", n)
	}
	long := problem("CVE-"+strings.Repeat("9", 5000), "a")
	text := problem("CVE-\x00", "a")
	broken := problem("CVE-2", "a\x00\xff")
	broken.Description = strings.Repeat("\x00", 100_000)
	judge(t, s, got[0], long, text, broken)
	problems := value(s.InventoryProblems(t.Context(), "one"))(t)
	if len(problems) != 1 || problems[0].VulnerabilityID != "CVE-2" || len(problems[0].Description) != 100_000 {
		t.Errorf("%d problems", len(problems))
	}
}

func componentNamed(t *testing.T, s meta.Store) {
	ctx := t.Context()
	var want []meta.IndexedComponent
	for n := range 5 {
		c := Component("openssl", fmt.Sprint(n))
		other := c
		other.Release = []string{"Alpine:v3.20", "npm"}[n%2]
		ids := index(t, s, fmt.Sprint(n), c, other, Component("openssl-dev", "1"))
		want = append(want, meta.IndexedComponent{ID: ids[0], Component: c})
		if n%2 == 0 {
			want = append(want, meta.IndexedComponent{ID: ids[1], Component: other})
		}
	}
	slices.SortFunc(want, func(a, b meta.IndexedComponent) int { return int(a.ID - b.ID) })
	var got []meta.IndexedComponent
	for after := int64(0); ; after = got[len(got)-1].ID {
		page := value(s.ComponentsNamed(ctx, []string{"Debian:12", "Alpine:v3.20", "none"}, "openssl", after, 3))(t)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	wantSame(t, "named", want, got)
	if got := value(s.ComponentsNamed(ctx, []string{"Debian:12"}, "none", 0, 3))(t); len(got) != 0 {
		t.Errorf("of no name: %+v", got)
	}
	if got := value(s.ComponentsNamed(ctx, nil, "openssl", 0, 3))(t); len(got) != 0 {
		t.Errorf("of no release: %+v", got)
	}
}

func componentReleases(t *testing.T, s meta.Store) {
	if got := value(s.Releases(t.Context()))(t); len(got) != 0 {
		t.Errorf("none yet: %v", got)
	}
	var all []finding.Component
	for n, release := range []string{"npm", "Debian:12", "npm", "Alpine:v3.20", "Debian:12"} {
		all = append(all, finding.Component{Release: release, Name: fmt.Sprint(n)})
	}
	index(t, s, "one", all...)
	wantSame(t, "releases", []string{"Alpine:v3.20", "Debian:12", "npm"}, value(s.Releases(t.Context()))(t))
}

// changesOf lists what waits, without its numbers.
func changesOf(t *testing.T, s meta.Store) []string {
	t.Helper()
	var all []string
	for _, c := range value(s.ProblemChanges(t.Context(), 100))(t) {
		all = append(all, fmt.Sprint(c.Component, " ", c.VulnerabilityID))
	}
	slices.Sort(all)
	return all
}

func problemChanges(t *testing.T, s meta.Store) {
	ids := index(t, s, "one", Component("a", "1"), Component("b", "1"))
	a, b := ids[0], ids[1]
	one, two := problem("CVE-1", "a"), problem("CVE-2", "a")
	if n := judge(t, s, a, one, two); n != 0 {
		t.Errorf("the first judgement made %d changes", n)
	}
	if n := judge(t, s, b); n != 0 {
		t.Errorf("the first judgement without problems made %d changes", n)
	}
	if n := judge(t, s, a, two, one); n != 0 {
		t.Errorf("the same in another order made %d changes", n)
	}
	later := one
	later.Modified = base
	if n := judge(t, s, a, later, two); n != 0 {
		t.Errorf("another time of modification made %d changes", n)
	}
	if got := value(s.InventoryProblems(t.Context(), "one"))(t); len(got) != 2 || !got[0].Modified.Equal(base) {
		t.Errorf("the new time was not stored: %+v", got)
	}
	fixed, three := two, problem("CVE-3", "a")
	fixed.FixedVersion = "2"
	if n := judge(t, s, a, fixed, three); n != 3 {
		t.Errorf("%d changes: one is gone, one is other, one is new", n)
	}
	wantSame(t, "changes", []string{fmt.Sprint(a, " CVE-1"), fmt.Sprint(a, " CVE-2"), fmt.Sprint(a, " CVE-3")}, changesOf(t, s))
	if n := judge(t, s, b, three); n != 1 {
		t.Errorf("%d changes of what had no problem before", n)
	}
	if n := judge(t, s, b); n != 1 {
		t.Errorf("%d changes of what has no problem any more", n)
	}
	got := value(s.InventoryProblems(t.Context(), "one"))(t)
	if len(got) != 2 || got[0].FixedVersion != "2" || got[1].VulnerabilityID != "CVE-3" || got[0].Of != Component("a", "1") {
		t.Errorf("problems: %+v", got)
	}
}

func problemLate(t *testing.T, s meta.Store) {
	a := index(t, s, "one", Component("a", "1"))[0]
	put := func(first bool, problems ...finding.Problem) int {
		return value(s.PutProblems(t.Context(), []meta.ComponentProblems{{Component: a, Problems: problems, IfUnjudged: first}}))(t)
	}
	put(true, problem("CVE-1", "a"))
	if n := put(true, problem("CVE-2", "a")); n != 0 {
		t.Errorf("%d changes", n)
	}
	if got := value(s.InventoryProblems(t.Context(), "one"))(t); len(got) != 1 || got[0].VulnerabilityID != "CVE-1" {
		t.Errorf("a late first judgement was stored: %+v", got)
	}
	if n := put(false, problem("CVE-2", "a")); n != 2 {
		t.Errorf("%d changes", n)
	}
}

func problemChangeReplaced(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ids := index(t, s, "one", Component("a", "1"), Component("b", "1"))
	for _, id := range ids {
		judge(t, s, id)
		judge(t, s, id, problem("CVE-1", "p"))
	}
	old := value(s.ProblemChanges(ctx, 10))(t)
	if len(old) != 2 || old[0].Component != ids[0] || old[0].Seq >= old[1].Seq || old[0].Done != 0 {
		t.Fatalf("changes: %+v", old)
	}
	old[0].Done = 17
	must(t, s.SettleProblemChanges(ctx, old[:1]))
	judge(t, s, ids[0])
	now := value(s.ProblemChanges(ctx, 10))(t)
	if len(now) != 2 || now[0].Seq != old[1].Seq || now[1].Component != ids[0] || now[1].Done != 0 {
		t.Errorf("the newer comes last and begins anew: %+v", now)
	}
	old[0].Done = -1
	must(t, s.SettleProblemChanges(ctx, old[:1]))
	wantSame(t, "after the replaced one was finished", now, value(s.ProblemChanges(ctx, 10))(t))
}

func problemChangeSteps(t *testing.T, s meta.Store) {
	ctx := t.Context()
	a := index(t, s, "one", Component("a", "1"))[0]
	judge(t, s, a)
	judge(t, s, a, problem("CVE-1", "p"), problem("CVE-2", "p"), problem("CVE-3", "p"))
	all := value(s.ProblemChanges(ctx, 2))(t)
	if len(all) != 2 {
		t.Fatalf("changes: %+v", all)
	}
	all[0].Done, all[1].Done = 100, -1
	must(t, s.SettleProblemChanges(ctx, all))
	must(t, s.SettleProblemChanges(ctx, nil))
	left := value(s.ProblemChanges(ctx, 10))(t)
	if len(left) != 2 || left[0] != all[0] || left[1].Done != 0 {
		t.Errorf("left: %+v", left)
	}
}

func problemContent(t *testing.T, s meta.Store) {
	a := index(t, s, "one", Component("a", "1"))[0]
	want := finding.Problem{
		VulnerabilityID: "CVE-2024-1", Aliases: []string{"GHSA-1"}, Package: "a", Version: "1", FixedVersion: "2", Severity: registry.Critical,
		SeveritySource: "NVD", VendorSeverity: "high", CVSS: []finding.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N", Score: 9.8, Source: "NVD"}},
		Title: "t", Description: strings.Repeat("long ", 1000), URL: "u", References: []string{"r1", "r2"}, CWEs: []string{"CWE-79"},
		Source: "NVD", AdvisoryID: "A", Published: base, Modified: base.Add(time.Hour), Reason: "1 < 2",
	}
	small := finding.Problem{VulnerabilityID: "CVE-2024-2", Package: "a", Version: "1", Severity: registry.Undefined}
	judge(t, s, a, small, want)
	for range 2 { // the second time it may be remembered
		got := value(s.InventoryProblems(t.Context(), "one"))(t)
		wantSame(t, "problems", []meta.StoredProblem{
			{Component: a, Of: Component("a", "1"), Problem: want}, {Component: a, Of: Component("a", "1"), Problem: small},
		}, got)
	}
}

func problemTwins(t *testing.T, s meta.Store) {
	a := index(t, s, "one", Component("a", "1"))[0]
	one, two := problem("CVE-1", "a"), problem("CVE-1", "a-libs")
	judge(t, s, a, one, two)
	if n := judge(t, s, a, two, one); n != 0 {
		t.Errorf("%d changes for another order", n)
	}
	if got := value(s.InventoryProblems(t.Context(), "one"))(t); len(got) != 2 {
		t.Errorf("problems: %+v", got)
	}
	if n := judge(t, s, a, two); n != 1 {
		t.Errorf("%d changes for one of two that is gone", n)
	}
	if got := value(s.InventoryProblems(t.Context(), "one"))(t); len(got) != 1 || got[0].Package != "a-libs" {
		t.Errorf("problems: %+v", got)
	}
}

func problemUnknown(t *testing.T, s meta.Store) {
	if n := judge(t, s, 4711, problem("CVE-1", "a")); n != 0 {
		t.Errorf("%d changes of an unknown component", n)
	}
	if got := value(s.InventoryProblems(t.Context(), "none"))(t); len(got) != 0 {
		t.Errorf("of an unknown inventory: %+v", got)
	}
	if got := value(s.ProblemChanges(t.Context(), 10))(t); len(got) != 0 {
		t.Errorf("changes: %+v", got)
	}
	must(t, s.SettleProblemChanges(t.Context(), []meta.ProblemChange{{Seq: 5, Done: 3}, {Seq: 6, Done: -1}}))
	if n := value(s.CountAffected(t.Context(), []int64{4711}))(t); n != 0 {
		t.Errorf("%d affected", n)
	}
}
