package match_test

import (
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// fuzzReleases is one release for every way of ordering versions and naming
// packages.
func fuzzReleases() map[string]string {
	return map[string]string{
		"Debian:12": "Debian:12", "Ubuntu:22.04:LTS": "Ubuntu:22.04:LTS", "Alpine:v3.20": "Alpine:v3.20", "Wolfi": "Wolfi",
		"AlmaLinux:9": "AlmaLinux:9", "Red Hat:9": "Red Hat:enterprise_linux:9::baseos", "Azure Linux:3": "Azure Linux:3",
		"SUSE:15.3": "SUSE:Linux Enterprise Server 15 SP3", "Amazon Linux:2": "Amazon Linux:2",
		"npm": "npm", "PyPI": "PyPI", "Maven": "Maven", "Go": "Go", "crates.io": "crates.io", "RubyGems": "RubyGems",
		"Packagist": "Packagist", "NuGet": "NuGet",
	}
}

// put stores a record as the last of the release's exports.
func put(t *testing.T, release string, r *advisory.Record) (*advisorytest.Memory, bool) {
	t.Helper()
	exports := match.Export(release)
	export := exports[len(exports)-1]
	entries, err := r.Split(export)
	if err != nil {
		return nil, false
	}
	s := advisorytest.NewMemory()
	imp, err := s.BeginImport(t.Context(), export)
	if err != nil {
		t.Fatal(err)
	}
	if err := imp.Add(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	if err := imp.Commit(t.Context(), advisory.Source{}); err != nil {
		t.Fatal(err)
	}
	return s, true
}

// FuzzVersions puts any two versions against each other under every scheme. What
// is found has to be below its fix, and explained as it was judged.
func FuzzVersions(f *testing.F) {
	for _, pair := range [][2]string{
		{"1:2.3-4~deb12u1", "2.3-4+b1"}, {"3.3.2_git20230717-r4", "3.3.2_p1~ab12-r0"}, {"0:1.1.1k-12.el8_9", "1.1.1k^2~rc"},
		{"1.0.0-alpha.10+b", "1.0.0-alpha.beta"}, {"1!2.0rc1.post2.dev3+local.4", "2.0c1"}, {"2.0-beta9.x1-SNAPSHOT", "2.0.0.Final"},
		{"v0.0.0-20220906165146-f3363e06e74c", "0.1.0+incompatible"}, {"1.15.4-x86_64-linux", "1.15.4.rc1"}, {"v2.3.x-dev", "2.3-RC1-dev"},
		{"1.22rc1", "1.22.0-0"}, {"1.0-1.module+el8.9.0+1", "1.0-1.module_el8"}, {"١.٢", "1.2"}, {"9.9.9.9.9.9.9.9.9", "-"}, {"0", "00000000"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, installed, fixed string) {
		if strings.HasPrefix(fixed, "=") {
			return // that would be another event, see affected
		}
		for release, ecosystem := range fuzzReleases() {
			for _, pkg := range []string{"p", "stdlib"} {
				r, err := advisory.DecodeRecord([]byte(record("A-CVE-2024-0001", "", affected(ecosystem, pkg, "", "0", "<"+fixed))))
				if err != nil {
					return
				}
				s, ok := put(t, release, r)
				if !ok {
					return
				}
				c := finding.Component{Release: release, Name: pkg, Version: installed}
				m := match.New(s, match.Options{})
				got, _, err := m.Judge(t.Context(), release, []finding.Component{c})
				if err != nil {
					t.Fatal(err)
				}
				if len(got[c]) > 1 || len(got[c]) == 1 && (got[c][0].FixedVersion != fixed || installed == fixed) {
					t.Errorf("%s: %q below %q: %+v", release, installed, fixed, got[c])
				}
			}
		}
	})
}

// FuzzRecords puts any record, of any release, against a package of its first
// name, and explains it.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(record("GHSA-a", `,"aliases":["CVE-2024-0001"],"related":["GHSA-a"]`, affected("npm", "p", `,"versions":["1.0.0"]`, "0", "<2"))), "npm", "1.0.0")
	f.Add([]byte(record("DSA-1", `,"upstream":["CVE-2024-0001","DEBIAN-CVE-2024-0002"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`,
		affected("Debian:12", "p", `,"ecosystem_specific":{"urgency":"low"}`, "<3", "2", "<=1", "|9"))), "Debian:12", "1:1.0-1")
	f.Add([]byte(record("ALSA-2024:1", `,"related":["CVE-2024-0001"],"summary":"Important: nodejs:16 update"`,
		affected("AlmaLinux:9", "p", "", "0", "<1.module_el9"), affected("AlmaLinux:9", "p", "", "0", "<2"))), "AlmaLinux:9", "1.module_el9")
	f.Add([]byte(record("RUSTSEC-1", `,"withdrawn":"2024-01-01T00:00:00Z"`, affected("crates.io", "p", `,"database_specific":{"informational":"unsound"}`, "0"))), "crates.io", "0.1.0")
	f.Fuzz(func(t *testing.T, data []byte, release, installed string) {
		r, err := advisory.DecodeRecord(data)
		if err != nil || match.Export(release) == nil || len(r.Affected) == 0 {
			return
		}
		s, ok := put(t, release, r)
		if !ok {
			return
		}
		m := match.New(s, match.Options{})
		name := advisory.LookupName(release, r.Affected[0].Package.Name)
		c := finding.Component{Release: release, Name: name, Version: installed}
		got, _, err := m.Judge(t.Context(), release, []finding.Component{c})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got[c] {
			if p.VulnerabilityID == "" || p.AdvisoryID != r.ID || p.Reason == "" || p.URL == "" || !r.Withdrawn.IsZero() {
				t.Errorf("incomplete: %+v", p)
			}
		}
		p := inventory.Package{Kind: inventory.KindNPM, Name: name, Version: installed, SourceName: name, SourceVersion: installed}
		if _, err := m.Explain(t.Context(), &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{p}}, r.ID); err != nil {
			t.Fatal(err)
		}
	})
}
