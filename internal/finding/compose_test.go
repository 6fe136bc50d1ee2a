package finding_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
)

func problem(severity registry.Severity, score float64, fixed string) finding.Problem {
	p := finding.Problem{VulnerabilityID: "CVE-2024-1", Package: "openssl", Version: "3.3.2-r0", Severity: severity, FixedVersion: fixed, Source: "ALPINE_CVE", AdvisoryID: "A-1"}
	if score >= 0 {
		p.CVSS = []finding.CVSS{{Version: "3.1", Vector: fmt.Sprint("V", score), Score: score}}
	}
	return p
}

func TestTheWorstProblemRatesAFinding(t *testing.T) {
	for name, c := range map[string]struct {
		problems []finding.Problem
		want     finding.Rating
	}{
		"none":                         {nil, finding.Rating{Severity: finding.Untriaged, Score: -1, Fix: finding.NotFixed}},
		"nobody has said":              {[]finding.Problem{problem(registry.Undefined, -1, "")}, finding.Rating{Severity: finding.Untriaged, Score: -1, Fix: finding.NotFixed}},
		"severity before score":        {[]finding.Problem{problem(registry.Low, 9.8, "1"), problem(registry.High, 7.1, "1")}, finding.Rating{Severity: registry.High, Score: 7.1, Fix: finding.Fixable}},
		"then the score":               {[]finding.Problem{problem(registry.High, 7.1, ""), problem(registry.High, 8.8, "")}, finding.Rating{Severity: registry.High, Score: 8.8, Fix: finding.NotFixed}},
		"a fix for one of two":         {[]finding.Problem{problem(registry.High, 7.1, "2"), problem(registry.High, 7.1, "")}, finding.Rating{Severity: registry.High, Score: 7.1, Fix: finding.PartFixed}},
		"a score without a known word": {[]finding.Problem{problem(registry.Undefined, -1, ""), problem(registry.Informational, 0, "")}, finding.Rating{Severity: registry.Informational, Score: 0, Fix: finding.NotFixed}},
	} {
		if got := finding.Rate(c.problems); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		slices.Reverse(c.problems)
		if got := finding.Rate(c.problems); got != c.want {
			t.Errorf("%s, the other way round: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestAFindingIsComposedOfAllItsProblems(t *testing.T) {
	low, high := problem(registry.Low, 3.1, ""), problem(registry.High, 8.1, "3.3.6-r0")
	low.Aliases, high.Aliases = []string{"GHSA-b", "CVE-2024-1"}, []string{"GHSA-a", "GHSA-b"}
	low.Description, low.Source, low.URL = "of the low one", "OTHER", "https://low"
	high.URL, high.Reason = "https://high", "3.3.2-r0 < 3.3.6-r0"
	low.References, high.References = []string{"https://x", "https://y"}, []string{"https://y"}
	crypto := finding.Package{Name: "libcrypto3", Version: "3.3.2", Manager: "OS"}
	ssl := finding.Package{Name: "libssl3", Version: "3.3.2", Manager: "OS"}
	node := finding.Package{Name: "openssl", Version: "1.0.0", Manager: "NODEPKG", Path: "app/node_modules/openssl/package.json"}
	f := finding.Compose(finding.State{VulnerabilityID: "CVE-2024-1", Status: finding.Active}, finding.Image{Repository: "web"}, []finding.LocatedProblem{
		{Problem: low, Packages: []finding.Package{node}},
		{Problem: high, Packages: []finding.Package{ssl, crypto, ssl}},
	})
	if f.Title != "CVE-2024-1 - libcrypto3, libssl3, openssl" {
		t.Errorf("title %q", f.Title)
	}
	if f.Source != "ALPINE_CVE" || f.SourceURL != "https://high" || f.Description != "of the low one" {
		t.Errorf("source %q %q, description %q", f.Source, f.SourceURL, f.Description)
	}
	if !slices.Equal(f.Aliases, []string{"GHSA-a", "GHSA-b"}) || !slices.Equal(f.References, []string{"https://y", "https://x"}) {
		t.Errorf("aliases %q, references %q", f.Aliases, f.References)
	}
	if len(f.Packages) != 3 || f.Packages[0].FixedIn != "3.3.6-r0" || f.Packages[2].FixedIn != finding.NoFixedVersion {
		t.Errorf("packages %+v", f.Packages)
	}
	if f.Remediation != "Update the packages to the versions that fix the vulnerability: libcrypto3 to 3.3.6-r0, libssl3 to 3.3.6-r0." {
		t.Errorf("remediation %q", f.Remediation)
	}
	if len(f.CVSS) != 2 || f.CVSS[0].Score != 8.1 {
		t.Errorf("cvss %+v", f.CVSS)
	}
}

func TestAFindingWhoseProblemsAreGoneStillSaysWhichItWas(t *testing.T) {
	f := finding.Compose(finding.State{VulnerabilityID: "CVE-2024-1", Status: finding.Closed}, finding.Image{}, nil)
	if f.Title != "CVE-2024-1" || f.Remediation != finding.NoRemediation || f.Status != finding.Closed {
		t.Errorf("%+v", f)
	}
}

func TestTitlesAndRemediationsOfManyPackagesStayShort(t *testing.T) {
	var packages []finding.Package
	for i := range 200 {
		packages = append(packages, finding.Package{Name: fmt.Sprintf("package-%03d", i), Manager: "OS"})
	}
	f := finding.Compose(finding.State{VulnerabilityID: "CVE-1"}, finding.Image{}, []finding.LocatedProblem{{Problem: problem(registry.Low, 1, "2"), Packages: packages}})
	if !strings.HasSuffix(f.Title, "package-004 and 195 more") || len(f.Remediation) > 300 || len(f.Packages) != 200 {
		t.Errorf("%q, %q", f.Title, f.Remediation)
	}
}

// TestAFindingOfAnyNumberOfPackagesStaysSmall: an image may be made to have
// findings that nobody can store, send or read.
func TestAFindingOfAnyNumberOfPackagesStaysSmall(t *testing.T) {
	const components, copies, more = 20_000, 3, 5
	problems := make([]finding.LocatedProblem, components)
	for i := range problems {
		p := problem(registry.Low, 1, "2")
		p.Reason = fmt.Sprintf("1.%d is below 2", i)
		p.References = []string{fmt.Sprintf("https://example.com/%d", i)}
		p.Aliases = []string{fmt.Sprintf("GHSA-%d", i)}
		problems[i] = finding.LocatedProblem{Problem: p, More: more}
		for c := range copies {
			problems[i].Packages = append(problems[i].Packages, finding.Package{Name: fmt.Sprintf("package-%05d", i), Path: fmt.Sprint(c), Manager: "NODEPKG"})
		}
	}
	f := finding.Compose(finding.State{VulnerabilityID: "CVE-1"}, finding.Image{}, problems)
	if len(f.Packages) != finding.MaxPackages || f.MorePackages != components*(copies+more)-finding.MaxPackages {
		t.Errorf("%d packages and %d more, want all of %d", len(f.Packages), f.MorePackages, components*(copies+more))
	}
	if !strings.Contains(f.Remediation, "159750 more") || !strings.HasSuffix(f.Title, " and more") {
		t.Errorf("%q, %q do not say that there are more", f.Title, f.Remediation)
	}
	if n := len(f.Reasons) + len(f.References) + len(f.Aliases); n > 500 {
		t.Errorf("%d reasons, references and aliases", n)
	}
}

// TestADecisionAboutAPackageExcusesNoPackageThatIsNotListed: it may be another.
func TestADecisionAboutAPackageExcusesNoPackageThatIsNotListed(t *testing.T) {
	f := finding.Finding{State: finding.State{VulnerabilityID: "CVE-1"}, Packages: []finding.Package{{Name: "lodash"}}}
	d := finding.Decision{Vulnerability: "CVE-1", Package: "lodash"}
	if !d.Excuses(f, time.Time{}) {
		t.Error("the only package is not excused")
	}
	if f.MorePackages = 1; d.Excuses(f, time.Time{}) {
		t.Error("a package that nobody has looked at is excused")
	}
}
