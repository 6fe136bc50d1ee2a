package match_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

func explain(t *testing.T, s match.Lookup, inv *inventory.Inventory, id string) match.Explanation {
	t.Helper()
	e, err := match.New(s, match.Options{}).Explain(t.Context(), inv, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	for _, st := range e.Statements {
		if st.Sentence == "" || strings.Contains(st.Sentence, "%!") {
			t.Errorf("%s: no sentence: %+v", id, st)
		}
	}
	return e
}

// outcomes is "OUTCOME advisory bound" of every statement.
func outcomes(e match.Explanation) string {
	var all []string
	for _, s := range e.Statements {
		all = append(all, strings.Join(strings.Fields(string(s.Outcome)+" "+s.AdvisoryID+" "+s.Bound), " "))
	}
	return strings.Join(all, "; ")
}

func TestExplainSaysWhyNot(t *testing.T) {
	withModule := rpm("nodejs", "1:16.19-1.module_el8.7.0+1", "nodejs")
	withModule.Module = "nodejs:16:8070020230101:abcd"
	owned := lang("pypi", "x", "1.0")
	owned.OwnedBy = "python3-x"
	alma := inventory.OSRelease{ID: "almalinux", VersionID: "8.7"}
	for _, c := range []struct {
		name, export string
		records      []string
		os           inventory.OSRelease
		pkg          inventory.Package
		want, word   string // outcomes, and a part of the first sentence
	}{
		{"affected", "Debian:12", []string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0", "<2"))},
			debianOS(), deb("libp", "1", "p", "1"), "AFFECTED DEBIAN-CVE-2024-0001 2", "p 1 is affected: < 2 (DEBIAN-CVE-2024-0001"},
		{"fixed", "Debian:12", []string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0", "<2"))},
			debianOS(), deb("libp", "2", "p", "2"), "FIXED DEBIAN-CVE-2024-0001 2", "p 2 is not affected: it is at or above 2, which has the fix"},
		{"the fix of its own branch", "npm", []string{record("GHSA-a", `,"aliases":["CVE-2024-0001"]`, affected("npm", "p", "", "0", "<1.5.0"), affected("npm", "p", "", "2.0.0", "<2.5.0"))},
			inventory.OSRelease{}, lang("npm", "p", "2.6.0"), "FIXED GHSA-a 2.5.0", ""},
		{"below the problem", "npm", []string{record("GHSA-a", `,"aliases":["CVE-2024-0001"]`, affected("npm", "p", "", "2.0.0", "<2.5.0"))},
			inventory.OSRelease{}, lang("npm", "p", "1.0.0"), "BELOW_INTRODUCED GHSA-a 2.0.0", "it is below 2.0.0, which introduced the problem"},
		{"above the last", "npm", []string{record("GHSA-a", `,"aliases":["CVE-2024-0001"]`, affected("npm", "p", "", "0", "<=2.5.0"))},
			inventory.OSRelease{}, lang("npm", "p", "3.0.0"), "ABOVE_LAST GHSA-a 2.5.0", "above 2.5.0, the last affected version"},
		{"withdrawn", "npm", []string{record("GHSA-a", `,"withdrawn":"2025-01-01T00:00:00Z","aliases":["CVE-2024-0001"]`, affected("npm", "p", "", "0"))},
			inventory.OSRelease{}, lang("npm", "p", "1.0.0"), "WITHDRAWN GHSA-a", "GHSA-a was withdrawn by its publisher"},
		{"not listed", "PyPI", []string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "p", `,"versions":["1.1"]`))},
			inventory.OSRelease{}, lang("pypi", "p", "1.2"), "NOT_LISTED PYSEC-1", "not among the versions that the advisory lists"},
		{"never affected", "Alpine:v3.20", []string{record("ALPINE-CVE-2024-0001", "", affected("Alpine:v3.20", "p", "", "0", "<0"))},
			inventory.OSRelease{ID: "alpine", VersionID: "3.20.1"}, inventory.Package{Kind: "apk", Name: "p", Version: "1.0-r0", SourceName: "p", SourceVersion: "1.0-r0"},
			"NEVER_AFFECTED ALPINE-CVE-2024-0001 0", "the vendor says that no version of it ever was"},
		{"a notice against the record of the CVE", "Debian:12", []string{
			record("DSA-1-1", `,"upstream":["CVE-2024-0001"]`, affected("Debian:12", "p", "", "0", "<9")),
			record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0", "<1"))},
			debianOS(), deb("p", "2", "p", "2"), "FIXED DEBIAN-CVE-2024-0001 1; OVERRULED DSA-1-1 9", ""},
		{"an update for other reasons", "Debian:12", []string{record("DLA-1-1", "", affected("Debian:12", "p", "", "0", "<9"))},
			debianOS(), deb("p", "2", "p", "2"), "", ""},
		{"another release", "Debian", []string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:11", "p", "", "0")), record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "p", "", "0"))},
			debianOS(), deb("p", "2", "p", "2"), "OTHER_RELEASE DEBIAN-CVE-2024-0001", "it speaks of Debian:11, the image is judged by Debian:12"},
		{"another module stream", "AlmaLinux:8", []string{record("ALSA-1", `,"related":["CVE-2024-0001"],"summary":"Important: nodejs:18 security update"`,
			affected("AlmaLinux:8", "nodejs", "", "0", "<1:18.20-1.module_el8.10.0+1"))},
			alma, withModule, "OTHER_STREAM ALSA-1", "module streams differ (installed: nodejs:16)"},
		{"a version that is none", "Debian:12", []string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0", "<2"))},
			debianOS(), deb("p", "b:1", "p", "b:1"), "UNDECIDABLE DEBIAN-CVE-2024-0001", "cannot be compared"},
		{"owned", "PyPI", []string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", "", "0"))},
			inventory.OSRelease{}, owned, "OWNED PYSEC-1", "belong to the operating system's package python3-x"},
		{"a notice", "crates.io", []string{record("RUSTSEC-1", `,"aliases":["x_CVE-2024-0001"]`, affected("crates.io", "x", `,"database_specific":{"informational":"unmaintained"}`, "0"))},
			inventory.OSRelease{}, lang("cargo", "x", "1.0.0"), "", ""},
		{"another package", "Maven", []string{record("GHSA-a", `,"aliases":["CVE-2024-0001"]`, affected("Maven", "org.apache.logging.log4j:log4j-core", "", "0"))},
			inventory.OSRelease{}, lang("maven", "org.apache.logging.log4j:log4j-api", "2.14.1"), "NOT_INSTALLED GHSA-a", "is about org.apache.logging.log4j:log4j-core, which is not installed"},
		{"unknown", "npm", []string{record("GHSA-a", "", affected("npm", "p", "", "0"))},
			inventory.OSRelease{}, lang("npm", "p", "1.0.0"), "NOT_FOUND", "None of the advisories for npm"},
		{"no advisories", "npm", nil, inventory.OSRelease{}, lang("pypi", "p", "1.0.0"), "NOT_FOUND; NO_ADVISORIES", ""},
		{"an unknown system", "npm", nil, inventory.OSRelease{ID: "plan9", VersionID: "4"}, lang("npm", "p", "1.0.0"), "NOT_FOUND; UNKNOWN_SYSTEM", ""},
		{"a release that is not spoken of", "Debian", []string{record("DEBIAN-CVE-2023-0001", "", affected("Debian:11", "p", "", "0"))},
			debianOS(), deb("q", "1", "q", "1"), "NOT_FOUND; UNMENTIONED", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explain(t, storeOf(t, c.export, c.records...), &inventory.Inventory{OS: c.os, Packages: []inventory.Package{c.pkg}}, "CVE-2024-0001")
			if c.want != "" && (outcomes(e) != c.want || e.Found != strings.Contains(c.want, "AFFECTED DEBIAN")) {
				t.Errorf("got  %q (%v)\nwant %q", outcomes(e), e.Found, c.want)
			}
			if !strings.Contains(e.Statements[0].Sentence, c.word) {
				t.Errorf("sentence %q, want %q", e.Statements[0].Sentence, c.word)
			}
		})
	}
}

func TestExplainByAnyId(t *testing.T) {
	s := storeOf(t, "PyPI",
		record("PYSEC-1", `,"aliases":["GHSA-aaaa"]`, affected("PyPI", "x", "", "0", "<2")),
		record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", "", "0", "<2")),
		record("GHSA-bbbb", `,"aliases":["CVE-2024-0002"]`, affected("PyPI", "x", "", "0", "<2")))
	inv := &inventory.Inventory{Packages: []inventory.Package{lang("pypi", "x", "1.0"), lang("pypi", "x", "3.0")}}
	for _, id := range []string{"CVE-2024-0001", "GHSA-aaaa", "PYSEC-1"} {
		e := explain(t, s, inv, id)
		if !e.Found || len(e.Aliases) != 2 || len(e.Statements) != 4 {
			t.Fatalf("%s: %+v", id, e)
		}
		first := e.Statements[0]
		if first.Outcome != match.Affected || first.Problem == nil || first.Problem.VulnerabilityID != "CVE-2024-0001" ||
			first.Packages[0].Path != "app/x" || first.Packages[0].Layer != "sha256:app" || first.Installed != "1.0" || first.Bound != "2" {
			t.Errorf("%s: %+v", id, first)
		}
		if last := e.Statements[3]; last.Outcome != match.Fixed || last.Installed != "3.0" {
			t.Errorf("%s: %+v", id, last)
		}
	}
}

func TestExplainANoticeAndAnErratum(t *testing.T) {
	s := storeOf(t, "crates.io", record("RUSTSEC-1", "", affected("crates.io", "x", `,"database_specific":{"informational":"unmaintained"}`, "0")))
	putRecords(t, s, "Debian:12", record("DLA-1-1", "", affected("Debian:12", "p", "", "0", "<9")))
	inv := &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("p", "2", "p", "2"), lang("cargo", "x", "1.0.0")}}
	if got := outcomes(explain(t, s, inv, "RUSTSEC-1")); got != "INFORMATIONAL RUSTSEC-1" {
		t.Errorf("got %q", got)
	}
	if got := outcomes(explain(t, s, inv, "DLA-1-1")); got != "UNTRACEABLE DLA-1-1" {
		t.Errorf("got %q", got)
	}
}

func TestExplainARealImage(t *testing.T) {
	s := loadReal(t, "Debian:12")
	inv := realInventory(t, "debian-12-slim-dpkg.tar.gz")
	e := explain(t, s, inv, "CVE-2023-29383")
	if !e.Found || e.Statements[0].Bound != "1:4.13+dfsg1-1+deb12u1" || len(e.Statements[0].Packages) < 2 {
		t.Errorf("%+v", e)
	}
	e = explain(t, s, inv, "CVE-2024-28834")
	if e.Found || e.Statements[0].Outcome != match.Fixed {
		t.Errorf("%+v", e)
	}
	// Every finding can be explained, and by the advisory that it names.
	res, err := match.New(s, match.Options{}).Match(t.Context(), inv, match.AllPackages)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range res.Findings {
		if i%20 != 0 {
			continue
		}
		e := explain(t, s, inv, f.ID)
		if !e.Found || e.Statements[0].Problem == nil {
			t.Errorf("%s: %+v", f.ID, e)
		}
	}
}
