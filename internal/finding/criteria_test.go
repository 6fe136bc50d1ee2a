package finding_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
)

const home = "us-east-1"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456789, time.UTC)

// leaky is a finding with a bit of everything.
func leaky() finding.Finding {
	return finding.Finding{
		State: finding.State{
			UID: "abc", Account: "123456789012", Repository: "team/web", Digest: "sha256:1", VulnerabilityID: "CVE-2024-0001",
			Status: finding.Active, Severity: "HIGH", Score: 7.5, EPSS: 0.25, Fix: finding.Fixable, Exploit: true, Vendor: "important",
			FirstObservedAt: noon, LastObservedAt: noon.Add(time.Hour), UpdatedAt: noon.Add(2 * time.Hour),
		},
		Title: "CVE-2024-0001 - openssl, zlib", Source: "DEBIAN_CVE", Aliases: []string{"GHSA-1", "DSA-1"},
		Packages: []finding.Package{
			{Name: "openssl", Version: "3.0", Release: "1", Epoch: 1, Arch: "AMD64", Manager: "OS", Layer: "sha256:a"},
			{Name: "zlib", Version: "1.2", Arch: "AMD64", Manager: "JAR", Path: "app.jar", Layer: "sha256:b"},
		},
		Image: finding.Image{Repository: "team/web", Digest: "sha256:1", Tags: []string{"1", "latest"}, Architecture: "amd64", PushedAt: noon},
	}
}

func is(v string) finding.TextFilter { return finding.TextFilter{Comparison: finding.Equals, Value: v} }
func isNot(v string) finding.TextFilter {
	return finding.TextFilter{Comparison: finding.NotEquals, Value: v}
}
func begins(v string) finding.TextFilter {
	return finding.TextFilter{Comparison: finding.Prefix, Value: v}
}

func texts(name string, filters ...finding.TextFilter) finding.Criteria {
	return finding.Criteria{Texts: map[string][]finding.TextFilter{name: filters}}
}

func numbers(name string, lower, upper float64) finding.Criteria {
	return finding.Criteria{Numbers: map[string][]finding.NumberFilter{name: {{Lower: &lower, Upper: &upper}}}}
}

func dates(name string, from, to time.Time) finding.Criteria {
	return finding.Criteria{Dates: map[string][]finding.DateFilter{name: {{From: &from, To: &to}}}}
}

func packages(filters ...finding.PackageFilter) finding.Criteria {
	return finding.Criteria{Packages: filters}
}

func TestCriteria(t *testing.T) {
	text := func(f finding.TextFilter) *finding.TextFilter { return &f }
	one, two := 1.0, 2.0
	told := noon.Truncate(time.Millisecond) // as clients see it
	for _, row := range []struct {
		name string
		c    finding.Criteria
		want bool
	}{
		{"nothing asked", finding.Criteria{}, true},
		{"an empty list", texts("severity"), true},
		{"ARN", texts("findingArn", is("arn:aws:inspector2:us-east-1:123456789012:finding/abc")), true},
		{"account", texts("awsAccountId", is("123456789012")), true},
		{"another account", texts("awsAccountId", is("210987654321")), false},
		{"type", texts("findingType", is("PACKAGE_VULNERABILITY")), true},
		{"severity, one of", texts("severity", is("LOW"), is("HIGH")), true},
		{"severity, none of", texts("severity", is("LOW"), is("MEDIUM")), false},
		{"all that it must not be", texts("severity", isNot("LOW"), isNot("MEDIUM")), true},
		{"one that it must not be", texts("severity", isNot("LOW"), isNot("HIGH")), false},
		{"both sorts", texts("severity", is("HIGH"), isNot("LOW")), true},
		{"both sorts, refused", texts("severity", begins("H"), isNot("HIGH")), false},
		{"case counts", texts("severity", is("high")), false},
		{"status", texts("findingStatus", is("ACTIVE")), true},
		{"title", texts("title", begins("CVE-2024-0001 - ")), true},
		{"resource", texts("resourceId", is("arn:aws:ecr:us-east-1:123456789012:repository/team/web/sha256:1")), true},
		{"resource type", texts("resourceType", is("AWS_ECR_CONTAINER_IMAGE")), true},
		{"architecture", texts("ecrImageArchitecture", is("amd64")), true},
		{"registry", texts("ecrImageRegistry", is("123456789012")), true},
		{"repository", texts("ecrImageRepositoryName", begins("team/")), true},
		{"digest", texts("ecrImageHash", is("sha256:1")), true},
		{"one of the tags", texts("ecrImageTags", is("latest")), true},
		{"none of the tags", texts("ecrImageTags", isNot("latest")), false},
		{"component type", texts("componentType", is("JAR")), true},
		{"vulnerability", texts("vulnerabilityId", is("CVE-2024-0001")), true},
		{"source", texts("vulnerabilitySource", is("DEBIAN_CVE")), true},
		{"vendor", texts("vendorSeverity", is("important")), true},
		{"related", texts("relatedVulnerabilities", begins("DSA")), true},
		{"fix", texts("fixAvailable", is("YES")), true},
		{"exploit", texts("exploitAvailable", is("YES")), true},
		{"what only functions have", texts("lambdaFunctionName", isNot("f")), false},
		{"what nobody knows", texts("componentId", is("x")), false},
		{"tags of resources", finding.Criteria{Tags: map[string][]finding.TagFilter{"resourceTags": {{Key: "k"}}}}, false},
		{"ports", finding.Criteria{Ports: map[string][]finding.PortFilter{"portRange": {{}}}}, false},
		{"score", numbers("inspectorScore", 7.5, 7.5), true},
		{"less", numbers("inspectorScore", 8, 10), false},
		{"EPSS", numbers("epssScore", 0, 0.25), true},
		{"uses", numbers("ecrImageInUseCount", 0, 0), true},
		{"more uses", numbers("ecrImageInUseCount", 1, 9), false},
		{"first seen, to the millisecond", dates("firstObservedAt", told, told), true},
		{"last seen", dates("lastObservedAt", noon, noon), false},
		{"pushed", dates("ecrImagePushedAt", told.Add(-time.Second), told.Add(time.Second)), true},
		{"last used", dates("ecrImageLastInUseAt", time.Time{}, noon), false},
		{"a date of functions", dates("lambdaFunctionLastModifiedAt", time.Time{}, noon), false},
		{"package", packages(finding.PackageFilter{Name: text(is("zlib")), Path: text(is("app.jar"))}), true},
		{"parts of two packages", packages(finding.PackageFilter{Name: text(is("zlib")), Version: text(is("3.0"))}), false},
		{"either package", packages(finding.PackageFilter{Name: text(is("xz"))}, finding.PackageFilter{Release: text(is("1")), Architecture: text(is("AMD64"))}), true},
		{"epoch", packages(finding.PackageFilter{Epoch: &finding.NumberFilter{Lower: &one, Upper: &one}}), true},
		{"no such epoch", packages(finding.PackageFilter{Epoch: &finding.NumberFilter{Lower: &two}}), false},
		{"layer", packages(finding.PackageFilter{Layer: text(begins("sha256:b"))}), true},
		{"a layer of functions", packages(finding.PackageFilter{LambdaLayer: text(begins("arn"))}), false},
	} {
		f := leaky()
		if got := row.c.NewMatcher(home).Matches(&f); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
		// A finding that has both parts of criteria has them, and no other.
		state, whole := row.c.Split()
		if got := state.NewMatcher(home).Matches(&finding.Finding{State: f.State}) && whole.NewMatcher(home).Matches(&f); got != row.want {
			t.Errorf("%s in two parts: %v", row.name, got)
		}
	}
}

func TestWhatIsNotKnownIsInNoRange(t *testing.T) {
	f := leaky()
	f.Score, f.EPSS = -1, -1
	for _, name := range []string{"inspectorScore", "epssScore"} {
		c := finding.Criteria{Numbers: map[string][]finding.NumberFilter{name: {{}}}}
		if c.NewMatcher(home).Matches(&f) {
			t.Errorf("%s: what nobody has scored has a score", name)
		}
	}
}

// slowly judges a few names in the words of the documentation, filter by filter.
func slowly(c finding.Criteria, f finding.Finding) bool {
	values := map[string][]string{
		"severity": {string(f.Severity)}, "ecrImageTags": f.Image.Tags, "vulnerabilityId": {f.VulnerabilityID}, "title": {f.Title},
	}
	for name, filters := range c.Texts {
		have := values[name]
		positive, found := 0, false
		for _, filter := range filters {
			matching := 0
			for _, v := range have {
				if filter.Comparison == finding.Prefix && strings.HasPrefix(v, filter.Value) || filter.Comparison != finding.Prefix && v == filter.Value {
					matching++
				}
			}
			if filter.Comparison == finding.NotEquals {
				if matching > 0 {
					return false
				}
				continue
			}
			positive++
			found = found || matching > 0
		}
		if positive > 0 && !found {
			return false
		}
	}
	for _, filter := range c.Numbers["inspectorScore"] {
		if f.Score >= 0 && (filter.Lower == nil || *filter.Lower <= f.Score) && (filter.Upper == nil || *filter.Upper >= f.Score) {
			return true
		}
	}
	return len(c.Numbers["inspectorScore"]) == 0
}

func TestCriteriaAreJudgedAsASlowReaderWould(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"a", "ab", "abc", "b", "HIGH", "LOW"}
	word := func() string { return words[r.IntN(len(words))] }
	comparisons := []finding.Comparison{finding.Equals, finding.Prefix, finding.NotEquals}
	matched := 0
	for range 20_000 {
		f := finding.Finding{
			State: finding.State{Severity: "HIGH", VulnerabilityID: word(), Score: float64(r.IntN(12)) - 1}, Title: word(),
		}
		for range r.IntN(3) {
			f.Image.Tags = append(f.Image.Tags, word())
		}
		c := finding.Criteria{Texts: map[string][]finding.TextFilter{}, Numbers: map[string][]finding.NumberFilter{}}
		for _, name := range []string{"severity", "ecrImageTags", "vulnerabilityId", "title"} {
			for range max(r.IntN(5)-2, 0) {
				c.Texts[name] = append(c.Texts[name], finding.TextFilter{Comparison: comparisons[r.IntN(3)], Value: word()})
			}
		}
		for range max(r.IntN(4)-2, 0) {
			lower, upper := float64(r.IntN(11)), float64(r.IntN(11))
			c.Numbers["inspectorScore"] = append(c.Numbers["inspectorScore"], finding.NumberFilter{Lower: &lower, Upper: &upper})
		}
		want := slowly(c, f)
		if got := c.NewMatcher(home).Matches(&f); got != want {
			t.Fatalf("%+v of %+v: %v", c, f, got)
		}
		if want {
			matched++
		}
	}
	if matched < 1000 || matched > 19_000 {
		t.Errorf("%d of 20000 match: the test says nothing", matched)
	}
}

func TestTheBestGroupsOfManyAreKept(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var all []finding.Group
	for i := range 500 {
		g := finding.Group{Key: fmt.Sprintf("g%03d", i)}
		g.Critical = int64(r.IntN(20))
		all = append(all, g)
	}
	for _, ascending := range []bool{false, true} {
		seen, last := map[string]bool{}, int64(-1)
		var after *finding.Place
		for {
			b := finding.NewBest(finding.ByCritical, ascending, after, 7)
			for _, i := range r.Perm(len(all)) {
				b.Add(all[i])
			}
			page := b.Groups()
			if len(page) == 0 {
				break
			}
			for _, g := range page {
				if seen[g.Key] || last >= 0 && (g.Critical < last) == ascending && g.Critical != last {
					t.Fatalf("%s with %d comes after %d (ascending %v)", g.Key, g.Critical, last, ascending)
				}
				seen[g.Key], last = true, g.Critical
			}
			place := b.PlaceOf(page[len(page)-1])
			after = &place
		}
		if len(seen) != len(all) {
			t.Errorf("%d of %d groups were on a page", len(seen), len(all))
		}
	}
}

func TestCellsAreNoFormulas(t *testing.T) {
	f := leaky()
	f.Title = `=HYPERLINK("http://example.com")`
	var out strings.Builder
	w := finding.NewCSVReport(&out, home, noon)
	if err := w.Write(&f); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, `"'=HYPERLINK`) || strings.Count(text, "\n") != 3 {
		t.Errorf("%s", text)
	}
}

func BenchmarkMatcher(b *testing.B) {
	c := texts("severity", is("HIGH"), is("CRITICAL"))
	c.Packages = []finding.PackageFilter{{Name: &finding.TextFilter{Comparison: finding.Prefix, Value: "zl"}}}
	m, f := c.NewMatcher(home), leaky()
	b.ReportAllocs()
	for b.Loop() {
		if !m.Matches(&f) {
			b.Fatal("it matches")
		}
	}
}
