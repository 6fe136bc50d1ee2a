package match_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

func lang(kind, name, version string) inventory.Package {
	return inventory.Package{Kind: kind, Name: name, Version: version, SourceName: name, SourceVersion: version,
		Path: "app/" + name, Layer: "sha256:app"}
}

// runAll matches packages of an image without an operating system.
func runAll(t testing.TB, s match.Lookup, packages ...inventory.Package) []match.Finding {
	t.Helper()
	res, err := match.New(s, match.Options{}).Match(t.Context(), &inventory.Inventory{Packages: packages}, match.AllPackages)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Missing) > 0 {
		t.Fatalf("missing %q", res.Missing)
	}
	return res.Findings
}

func TestLanguageTraps(t *testing.T) {
	for _, c := range []struct {
		name    string
		export  string
		records []string
		pkg     inventory.Package
		want    string
	}{
		{"a pre-release of the fix is affected", "npm",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("npm", "x", "", "1.0.0", "<2.0.0"))},
			lang("npm", "x", "2.0.0-rc.1"), "CVE-2024-0001 x 2.0.0"},
		{"scoped names are whole names", "npm",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("npm", "core", "", "0"))},
			lang("npm", "@babel/core", "1.0.0"), ""},
		{"a list says more than the ranges", "PyPI",
			[]string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", `,"versions":["0.9","1.0"]`, "2.0", "<2.1"))},
			lang("pypi", "x", "1.0.0"), "CVE-2024-0001 x 2.1"},
		{"a list beside a range keeps the fix of the range", "PyPI",
			[]string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", `,"versions":["1.0","1.1"]`, "0", "<1.2"))},
			lang("pypi", "x", "1.1"), "CVE-2024-0001 x 1.2"},
		{"a version that is none can be listed", "PyPI",
			[]string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", `,"versions":["odd release"]`))},
			lang("pypi", "x", "odd release"), "CVE-2024-0001 x"},
		{"names of PyPI have many spellings", "PyPI",
			[]string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "zope-interface", "", "0"))},
			lang("pypi", "Zope.Interface", "1.0"), "CVE-2024-0001 zope-interface"},
		{"a local build is the version that it was built from", "PyPI",
			[]string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "torch", "", "0", "<=2.0.1")),
				record("PYSEC-2", `,"aliases":["CVE-2024-0002"]`, affected("PyPI", "torch", "", "0", "<2.0.1"))},
			lang("pypi", "torch", "2.0.1+cu118"), "CVE-2024-0001 torch"},
		{"epochs", "PyPI",
			[]string{record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", "", "0", "<2024.1"))},
			lang("pypi", "x", "1!0.1"), ""},
		{"another artifact of the group", "Maven",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("Maven", "g:a", "", "0"), affected("Maven", "g:b", "", "0", "<1.0"))},
			lang("maven", "g:b", "1.0"), ""},
		{"qualifiers", "Maven",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("Maven", "g:a", "", "2.0-beta9", "<2.15.0"))},
			lang("maven", "g:a", "2.0-rc1"), "CVE-2024-0001 g:a 2.15.0"},
		{"a module and its second major version are two", "Go",
			[]string{record("GO-2024-0001", `,"aliases":["CVE-2024-0001"]`, affected("Go", "a.b/c", "", "0")),
				record("GO-2024-0002", `,"aliases":["CVE-2024-0002"]`, affected("Go", "a.b/c/v2", "", "0", "<2.3.0"))},
			lang("golang", "a.b/c/v2", "v2.2.9"), "CVE-2024-0002 a.b/c/v2 2.3.0"},
		{"hosts of modules do not tell cases apart", "Go",
			[]string{record("GO-2024-0001", `,"aliases":["CVE-2024-0001"]`, affected("Go", "github.com/Sirupsen/logrus", "", "0"))},
			lang("golang", "github.com/sirupsen/logrus", "v1.0.0"), "CVE-2024-0001 github.com/Sirupsen/logrus"},
		{"the standard library", "Go",
			[]string{record("GO-2024-0001", `,"aliases":["CVE-2024-0001"]`, affected("Go", "stdlib", "", "0", "<1.21.11", "1.22.0-0", "<1.22.4")),
				record("GO-2024-0002", `,"aliases":["CVE-2024-0002"]`, affected("Go", "toolchain", "", "0"))},
			lang("golang", "stdlib", "1.22.3"), "CVE-2024-0001 stdlib 1.22.4"},
		{"a package without a maintainer is no vulnerability", "crates.io",
			[]string{record("RUSTSEC-2024-0001", "", affected("crates.io", "atty", `,"database_specific":{"informational":"unmaintained"}`, "0.0.0-0")),
				record("RUSTSEC-2024-0002", "", affected("crates.io", "atty", `,"database_specific":{"informational":"unsound"}`, "0.0.0-0")),
				record("RUSTSEC-2024-0003", `,"aliases":["CVE-2024-0003"]`, affected("crates.io", "atty", `,"database_specific":{"informational":"notice"}`, "0.0.0-0"))},
			lang("cargo", "atty", "0.2.14"), "CVE-2024-0003 atty; RUSTSEC-2024-0002 atty"},
		{"gems for a platform", "RubyGems",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("RubyGems", "nokogiri", "", "0", "<1.15.4"))},
			lang("gem", "nokogiri", "1.15.4-x86_64-linux"), ""},
		{"versions with a v and short ones", "Packagist",
			[]string{record("x_FOP-CVE-2024-0001", `,"aliases":["CVE-2024-0001"]`, affected("Packagist", "twig/twig", "", "2", "<2.14.0"))},
			lang("composer", "Twig/twig", "v2.14"), ""},
		{"records of other repositories of Packagist", "Packagist",
			[]string{record("DRUPAL-1", `,"aliases":["CVE-2024-0001"]`, affected("Packagist:https://packages.drupal.org/8", "drupal/webform", "", "0", "<6.2.9"))},
			lang("composer", "drupal/webform", "6.2.8"), "CVE-2024-0001 drupal/webform 6.2.9"},
		{"names of NuGet have no case", "NuGet",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("NuGet", "Newtonsoft.Json", "", "0", "<13.0.1"))},
			lang("nuget", "newtonsoft.json", "12.0.3.0"), "CVE-2024-0001 Newtonsoft.Json 13.0.1"},
		{"withdrawn", "npm",
			[]string{record("GHSA-aaaa", `,"withdrawn":"2025-01-01T00:00:00Z","aliases":["CVE-2024-0001"]`, affected("npm", "x", "", "0"))},
			lang("npm", "x", "1.0.0"), ""},
		{"another language's package of the same name", "npm",
			[]string{record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", "", "0"), affected("npm", "y", "", "0"))},
			lang("npm", "x", "1.0.0"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := brief(runAll(t, storeOf(t, c.export, c.records...), c.pkg)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestOneFindingOfOneProblem: what several publishers say of one thing.
func TestOneFindingOfOneProblem(t *testing.T) {
	x := func(events ...string) string { return affected("PyPI", "x", "", events...) }
	for _, c := range []struct {
		name    string
		records []string
		want    string
	}{
		{"by a CVE", []string{
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
			record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
		}, "CVE-2024-0001 x 2"},
		{"by a GHSA that has the CVE", []string{
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
			record("PYSEC-1", `,"aliases":["GHSA-aaaa"]`, x("0", "<2")),
		}, "CVE-2024-0001 x 2"},
		{"by a chain of two", []string{
			record("OSV-1", `,"aliases":["PYSEC-1"]`, x("0", "<2")),
			record("PYSEC-1", `,"aliases":["GHSA-aaaa"]`, x("0", "<2")),
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
		}, "CVE-2024-0001 x 2"},
		{"without a CVE by the GHSA", []string{
			record("PYSEC-1", `,"aliases":["GHSA-aaaa"]`, x("0", "<2")),
			record("OSV-1", `,"aliases":["PYSEC-1"]`, x("0", "<2")),
		}, "GHSA-aaaa x 2"},
		{"without either by the best id", []string{
			record("x_LOCAL-1", `,"aliases":["PYSEC-1"]`, x("0", "<2")),
			record("PYSEC-1", "", x("0", "<2")),
		}, "PYSEC-1 x 2"},
		{"by what is related, where nobody gave it another id", []string{
			record("PYSEC-1", `,"related":["CVE-2024-0001"]`, x("0", "<2")),
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
		}, "CVE-2024-0001 x 2"},
		{"what is only related stays apart", []string{
			record("GHSA-bbbb", `,"aliases":["CVE-2024-0002"],"related":["CVE-2024-0001"]`, x("0", "<3")),
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
		}, "CVE-2024-0001 x 2; CVE-2024-0002 x 3"},
		{"joined aliases are told apart by the references", []string{
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001","CVE-2024-0002","GHSA-bbbb"],"references":[{"type":"ADVISORY","url":"https://nvd.nist.gov/vuln/detail/CVE-2024-0001"}]`, x("0", "<1")),
			record("GHSA-bbbb", `,"aliases":["CVE-2024-0001","CVE-2024-0002","GHSA-aaaa"],"references":[{"type":"ADVISORY","url":"https://nvd.nist.gov/vuln/detail/CVE-2024-0002"}]`, x("0", "<2")),
		}, "CVE-2024-0002 x 2"},
		{"one record of two CVEs is two", []string{
			record("GO-1", `,"aliases":["CVE-2024-0001","CVE-2024-0002"]`, x("0", "<2")),
		}, "CVE-2024-0001 x 2; CVE-2024-0002 x 2"},
		{"one knows of a fix and one does not", []string{
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
			record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, x("0")),
		}, "CVE-2024-0001 x 2"},
		{"they differ about the fix", []string{
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
			record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, x("0", "<3")),
		}, "CVE-2024-0001 x 3"},
		{"a local record named after the CVE rules nobody out", []string{
			record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, x("0", "<2")),
			record("x_PY-CVE-2024-0001", `,"aliases":["CVE-2024-0001"]`, x("0", "<0.5")),
		}, "CVE-2024-0001 x 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				if got := brief(runAll(t, storeOf(t, "PyPI", c.records...), lang("pypi", "x", "1.0"))); got != c.want {
					t.Errorf("got  %q\nwant %q", got, c.want)
				}
				slices.Reverse(c.records)
			}
		})
	}
}

func TestAProblemOfALanguageSaysAllItKnows(t *testing.T) {
	s := storeOf(t, "PyPI",
		record("PYSEC-2024-1", `,"aliases":["CVE-2024-0001","GHSA-aaaa"],"details":"Long.","references":[{"type":"FIX","url":"https://a.test/fix"}]`,
			affected("PyPI", "pillow", `,"versions":["1.0"]`, "0", "<2.0")),
		record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"],"summary":"Short","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
		  "references":[{"type":"ADVISORY","url":"https://nvd.nist.gov/vuln/detail/CVE-2024-0001"}],"database_specific":{"severity":"CRITICAL","cwe_ids":["CWE-79","CWE-20"]}`,
			affected("PyPI", "Pillow", "", "0", "<2.0")))
	c := finding.Component{Release: "PyPI", Name: "pillow", Version: "1.0"}
	got, source, err := match.New(s, match.Options{}).Judge(t.Context(), "PyPI", []finding.Component{c, c})
	if err != nil || source.Ecosystem != "PyPI" {
		t.Fatal(source, err)
	}
	want := []finding.Problem{{
		VulnerabilityID: "CVE-2024-0001", Aliases: []string{"GHSA-aaaa", "PYSEC-2024-1"}, Package: "Pillow", Version: "1.0", FixedVersion: "2.0",
		Severity: registry.Critical, SeveritySource: "GitHub", VendorSeverity: "CRITICAL",
		CVSS:  []finding.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8, Source: "GITHUB"}},
		Title: "Short", Description: "Long.", URL: "https://github.com/advisories/GHSA-aaaa",
		References: []string{"https://nvd.nist.gov/vuln/detail/CVE-2024-0001", "https://a.test/fix"}, CWEs: []string{"CWE-20", "CWE-79"},
		Source: "GITHUB", AdvisoryID: "GHSA-aaaa", Modified: got[c][0].Modified,
		Reason: "Pillow 1.0 is affected: < 2.0 (GHSA-aaaa, PyPI, versions ordered as PyPI does)",
	}}
	if diff := gocmp.Diff(want, got[c]); diff != "" || len(got) != 1 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScoresWithoutWordsOrVectors(t *testing.T) {
	for _, c := range []struct {
		export, id, head string
		want             registry.Severity
		source           string
	}{
		{"RubyGems", "GHSA-aaaa", `,"database_specific":{"cvss_v3_score":7.5}`, registry.High, "CVSS:3.1"},
		{"npm", "MAL-2024-1", "", registry.Critical, "OpenSSF"},
		{"Go", "GO-2024-0001", "", registry.Undefined, ""},
		{"crates.io", "RUSTSEC-2024-0001", `,"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}]`, registry.Medium, "CVSS:3.1"},
	} {
		kind := map[string]string{"RubyGems": "gem", "npm": "npm", "Go": "golang", "crates.io": "cargo"}[c.export]
		got := runAll(t, storeOf(t, c.export, record(c.id, c.head, affected(c.export, "x", "", "0"))), lang(kind, "x", "1.0.0"))[0]
		if got.Severity != c.want || got.SeveritySource != c.source {
			t.Errorf("%s: %s by %q, want %s by %q", c.id, got.Severity, got.SeveritySource, c.want, c.source)
		}
	}
}

func TestFilesOfTheDistributionAreItsBusiness(t *testing.T) {
	s := storeOf(t, "PyPI", record("PYSEC-1", `,"aliases":["CVE-2024-0001"]`, affected("PyPI", "x", "", "0")))
	putRecords(t, s, "Debian:12", record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "python-x", "", "0", "<1.0-2")))
	owned, own := lang("pypi", "x", "1.0"), lang("pypi", "x", "1.0")
	owned.OwnedBy, owned.Path = "python3-x", "usr/lib/python3/dist-packages/x.egg-info"
	inv := &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("python3-x", "1.0-2", "python-x", "1.0-2"), owned, own}}
	res, err := match.New(s, match.Options{}).Match(t.Context(), inv, match.AllPackages)
	if err != nil || brief(res.Findings) != "CVE-2024-0001 x" || !slices.Equal(res.Findings[0].Packages, []int{2}) {
		t.Errorf("%+v, %v", res, err)
	}
	if len(res.Sources) != 2 || res.Source.Ecosystem != "Debian:12" {
		t.Errorf("sources %+v", res.Sources)
	}
	res, err = match.New(s, match.Options{}).Match(t.Context(), inv, match.OSPackages)
	if err != nil || len(res.Findings) != 0 || len(res.Sources) != 1 {
		t.Errorf("the distribution's packages only: %+v, %v", res, err)
	}
}

func TestWhatIsNotLoadedIsNamed(t *testing.T) {
	s := storeOf(t, "npm", record("GHSA-aaaa", "", affected("npm", "x", "", "0")))
	m := match.New(s, match.Options{})
	inv := &inventory.Inventory{Packages: []inventory.Package{lang("npm", "x", "1.0.0"), lang("pypi", "y", "1.0"), lang("gem", "z", "1.0")}}
	res, err := m.Match(t.Context(), inv, match.AllPackages)
	if err != nil || brief(res.Findings) != "GHSA-aaaa x" || !slices.Equal(res.Missing, []string{"PyPI", "RubyGems"}) {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := m.Match(t.Context(), inv, match.OSPackages); !errors.Is(err, match.ErrUnknownSystem) {
		t.Errorf("no operating system: %v", err)
	}
	inv.OS = debianOS()
	var none *match.NoAdvisoriesError
	if _, err := m.Match(t.Context(), inv, match.AllPackages); !errors.As(err, &none) || none.Ecosystem != "Debian:12" {
		t.Errorf("the advisories of the operating system have to be there: %v", err)
	}
	if _, _, err := m.Judge(t.Context(), "Plan 9:4", nil); !errors.Is(err, match.ErrUnknownSystem) {
		t.Errorf("a release that nobody knows: %v", err)
	}
}

// TestReleasesComeBackFromTheirNames: a component holds nothing but the name.
func TestReleasesComeBackFromTheirNames(t *testing.T) {
	for _, c := range []struct {
		os      inventory.OSRelease
		release string
		exports string
		accepts string
	}{
		{inventory.OSRelease{ID: "alpine", VersionID: "3.20.3"}, "Alpine:v3.20", "Alpine:v3.20,Alpine", "Alpine:v3.20"},
		{inventory.OSRelease{ID: "alpine", VersionID: "3.21.0_alpha20240923"}, "Alpine:edge:v3.21", "Alpine", "Alpine:v3.21"},
		{inventory.OSRelease{ID: "alpine", VersionID: "edge"}, "Alpine:edge", "Alpine", "Alpine:edge"},
		{inventory.OSRelease{ID: "debian", VersionID: "12"}, "Debian:12", "Debian:12,Debian", "Debian:12"},
		{inventory.OSRelease{ID: "ubuntu", VersionID: "22.04"}, "Ubuntu:22.04:LTS", "Ubuntu:22.04:LTS,Ubuntu", "Ubuntu:22.04"},
		{inventory.OSRelease{ID: "ubuntu", VersionID: "24.10"}, "Ubuntu:24.10", "Ubuntu:24.10,Ubuntu", "Ubuntu:24.10"},
		{inventory.OSRelease{ID: "rhel", VersionID: "9.3"}, "Red Hat:9", "Red Hat", "Red Hat:enterprise_linux:9::baseos"},
		{inventory.OSRelease{ID: "almalinux", VersionID: "8.9"}, "AlmaLinux:8", "AlmaLinux:8,AlmaLinux", "AlmaLinux:8"},
		{inventory.OSRelease{ID: "rocky", VersionID: "9.3"}, "Rocky Linux:9", "Rocky Linux:9,Rocky Linux", "Rocky Linux:9"},
		{inventory.OSRelease{ID: "azurelinux", VersionID: "3.0"}, "Azure Linux:3", "Azure Linux:3,Azure Linux", "Azure Linux:3"},
		{inventory.OSRelease{ID: "sles", VersionID: "15.3"}, "SUSE:15.3", "SUSE", "SUSE:Linux Enterprise Server 15 SP3"},
		{inventory.OSRelease{ID: "opensuse-leap", VersionID: "15.5"}, "openSUSE:Leap 15.5", "openSUSE:Leap 15.5,openSUSE", "openSUSE:Leap 15.5"},
		{inventory.OSRelease{ID: "opensuse-tumbleweed", VersionID: "20260101"}, "openSUSE:Tumbleweed", "openSUSE:Tumbleweed,openSUSE", "openSUSE:Tumbleweed"},
		{inventory.OSRelease{ID: "amzn", VersionID: "2023"}, "Amazon Linux:2023", "Amazon Linux:2023,Amazon Linux", "Amazon Linux:2023"},
		{inventory.OSRelease{ID: "amzn", VersionID: "2018.03"}, "Amazon Linux:1", "Amazon Linux:1,Amazon Linux", "Amazon Linux:1"},
		{inventory.OSRelease{ID: "fedora", VersionID: "44"}, "Fedora:44", "Fedora:44,Fedora", "Fedora:44"},
		{inventory.OSRelease{ID: "mageia", VersionID: "9"}, "Mageia:9", "Mageia:9,Mageia", "Mageia:9"},
		{inventory.OSRelease{ID: "photon", VersionID: "5.0"}, "Photon OS:5.0", "Photon OS:5.0,Photon OS", "Photon OS:5.0"},
		{inventory.OSRelease{ID: "ol", VersionID: "8.9"}, "Oracle Linux:8", "Oracle Linux:8,Oracle Linux", "Oracle Linux:8"},
		{inventory.OSRelease{ID: "wolfi", VersionID: "20230201"}, "Wolfi", "Wolfi", "Wolfi"},
		{inventory.OSRelease{ID: "chainguard"}, "Chainguard", "Chainguard", "Chainguard"},
		{inventory.OSRelease{ID: "minimos"}, "MinimOS", "MinimOS", "MinimOS"},
		{inventory.OSRelease{ID: "echo", VersionID: "1"}, "Echo", "Echo", "Echo"},
	} {
		inv := &inventory.Inventory{OS: c.os}
		if got := match.Releases(inv, match.AllPackages); !slices.Equal(got, []string{c.release}) {
			t.Errorf("%+v: releases %q, want %q", c.os, got, c.release)
		}
		exports := match.Export(c.release)
		if strings.Join(exports, ",") != c.exports {
			t.Errorf("%s: exports %q, want %q", c.release, exports, c.exports)
		}
		for _, kind := range []string{inventory.KindAPK, inventory.KindDeb, inventory.KindRPM} {
			p := inventory.Package{Kind: kind, Name: "p", Version: "1-r0", SourceName: "p", SourceVersion: "1-r0"}
			inv.Packages = append(inv.Packages, p)
		}
		subjects := match.Components(inv, match.OSPackages)
		if len(subjects) != 1 || subjects[0].Release != c.release {
			t.Errorf("%s: components %+v", c.release, subjects)
			continue
		}
		s := storeOf(t, exports[len(exports)-1], record("X-CVE-2024-0001", "", affected(c.accepts, "p", "", "0")))
		got, _, err := match.New(s, match.Options{}).Judge(t.Context(), c.release, []finding.Component{subjects[0].Component})
		if err != nil || len(got) != 1 {
			t.Errorf("%s does not accept %s: %v, %v", c.release, c.accepts, got, err)
		}
	}
}

func TestWhatAChangeOfAdvisoriesConcerns(t *testing.T) {
	known := []string{"Alpine:edge:v3.21", "Alpine:v3.20", "Debian:11", "Debian:12", "Go", "Red Hat:8", "Red Hat:9", "SUSE:15.3", "npm"}
	for ecosystem, want := range map[string]string{
		"Alpine": "Alpine:edge:v3.21,Alpine:v3.20", "Alpine:v3.20": "Alpine:v3.20", "Debian:12": "Debian:12",
		"Debian": "Debian:11,Debian:12", "Red Hat": "Red Hat:8,Red Hat:9", "npm": "npm", "PyPI": "", "SUSE": "SUSE:15.3",
	} {
		if got := strings.Join(match.ReleasesOf(ecosystem, known), ","); got != want {
			t.Errorf("%s: %q, want %q", ecosystem, got, want)
		}
	}
	if match.Export("Plan 9:4") != nil || match.Export("Red Hat") != nil {
		t.Error("exports of what nobody knows")
	}
}

func TestReleasesThatShareAnExportAreToldApart(t *testing.T) {
	s := storeOf(t, "Red Hat", record("RHSA-2024:1", `,"upstream":["CVE-2024-0001"]`,
		affected("Red Hat:enterprise_linux:8::baseos", "p", "", "0", "<2.el8"), affected("Red Hat:enterprise_linux:9::baseos", "p", "", "0", "<3.el9")))
	m := match.New(s, match.Options{})
	for release, want := range map[string]string{"Red Hat:8": "2.el8", "Red Hat:9": "3.el9"} {
		c := finding.Component{Release: release, Name: "p", Version: "1"}
		got, _, err := m.Judge(t.Context(), release, []finding.Component{c})
		if err != nil || len(got[c]) != 1 || got[c][0].FixedVersion != want {
			t.Errorf("%s: %+v, %v", release, got, err)
		}
	}
}

func TestComponents(t *testing.T) {
	other := lang("npm", "lodash", "4.17.20")
	other.Path = "app/b/lodash"
	subjects := match.Components(&inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{
		deb("libssl3", "3.0.14-1", "openssl", "3.0.14-1"), deb("openssl", "3.0.14-1", "openssl", "3.0.14-1"),
		lang("npm", "lodash", "4.17.20"), other, lang("npm", "lodash", "4.17.21"), lang("pypi", "Pillow", "9.0"), rpm("x", "1", "x"),
	}}, match.AllPackages)
	want := []match.Subject{
		{Component: finding.Component{Release: "Debian:12", Name: "openssl", Version: "3.0.14-1"}, Packages: []int{0, 1}},
		{Component: finding.Component{Release: "npm", Name: "lodash", Version: "4.17.20"}, Packages: []int{2, 3}},
		{Component: finding.Component{Release: "npm", Name: "lodash", Version: "4.17.21"}, Packages: []int{4}},
		{Component: finding.Component{Release: "PyPI", Name: "pillow", Version: "9.0"}, Packages: []int{5}},
	}
	if diff := gocmp.Diff(want, subjects); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKnownLanguageFacts are facts of the publishers' pages, on either side of
// the fix.
func TestKnownLanguageFacts(t *testing.T) {
	s := loadReal(t, "npm", "PyPI", "Maven", "Go", "crates.io", "RubyGems", "Packagist", "NuGet")
	for _, c := range []struct{ kind, name, version, id, fixed string }{ // fixed "": not affected; "-": no fix
		{"npm", "lodash", "4.17.20", "CVE-2021-23337", "4.17.21"},
		{"npm", "lodash", "4.17.21", "CVE-2021-23337", ""},
		{"npm", "minimist", "0.2.1", "CVE-2020-7598", ""},
		{"npm", "minimist", "1.2.5", "CVE-2021-44906", "1.2.6"},
		{"maven", "org.apache.logging.log4j:log4j-core", "2.14.1", "CVE-2021-44228", "2.15.0"},
		{"maven", "org.apache.logging.log4j:log4j-core", "2.0-beta9", "CVE-2021-44228", "2.3.1"},
		{"maven", "org.apache.logging.log4j:log4j-core", "2.12.2", "CVE-2021-44228", ""},
		{"maven", "org.apache.logging.log4j:log4j-core", "2.3.1", "CVE-2021-44228", ""},
		{"pypi", "Django", "3.2.14", "CVE-2022-36359", "3.2.15"},
		{"pypi", "Django", "3.2.14", "CVE-2022-45442", ""}, // of another project, joined to it by aliases
		{"pypi", "django", "4.0.7", "CVE-2022-36359", ""},
		{"golang", "golang.org/x/crypto", "v0.0.0-20200120000000-000000000000", "CVE-2020-9283", "0.0.0-20200220183623-bac4c82f6975"},
		{"golang", "golang.org/x/crypto", "v0.17.0", "CVE-2020-9283", ""},
		{"golang", "gopkg.in/yaml.v3", "v3.0.0-20200313102051-9f266ea9e77c", "CVE-2022-28948", "3.0.0-20220521103104-8f96da9f5d5e"},
		{"golang", "gopkg.in/yaml.v3", "v3.0.1", "CVE-2022-28948", ""},
		{"cargo", "time", "0.1.45", "CVE-2020-26235", "0.2.0"},
		{"cargo", "time", "0.2.23", "CVE-2020-26235", ""},
		{"cargo", "atty", "0.2.14", "RUSTSEC-2024-0375", ""}, // unmaintained
		{"cargo", "atty", "0.2.14", "GHSA-g98v-hv3f-hcfr", "-"},
		{"gem", "nokogiri", "1.11.3-x86_64-linux", "CVE-2021-3537", "1.11.4"},
		{"gem", "nokogiri", "1.11.4-x86_64-linux", "CVE-2021-3537", ""},
		{"gem", "rails", "2.3", "CVE-2009-4214", "2.3.5"},
		{"gem", "rails", "2.2.3", "CVE-2009-4214", ""},
		{"composer", "guzzlehttp/psr7", "1.8.5", "CVE-2022-24775", ""},
		{"composer", "guzzlehttp/psr7", "1.8.5", "CVE-2023-29197", "1.9.1"},
		{"composer", "twig/twig", "v2.14.11", "CVE-2022-23614", ""},
		{"composer", "twig/twig", "v2.14.10", "CVE-2022-23614", "2.14.11"},
		{"nuget", "jquery", "3.4.1", "CVE-2020-11023", "3.5.0"},
		{"nuget", "jQuery", "3.0.0-rc1", "CVE-2016-10707", "3.0.0"},
		{"nuget", "jQuery", "3.5.0", "CVE-2020-11023", ""},
	} {
		var got string
		for _, f := range runAll(t, s, lang(c.kind, c.name, c.version)) {
			if f.ID == c.id {
				got = f.FixedVersion
				if got == "" {
					got = "-"
				}
			}
		}
		if got != c.fixed {
			t.Errorf("%s %s %s %s: %q, want %q", c.id, c.kind, c.name, c.version, got, c.fixed)
		}
	}
}
