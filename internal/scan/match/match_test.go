package match_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// storeOf loads records into a store as the export of an ecosystem.
func storeOf(t testing.TB, export string, records ...string) *advisorytest.Memory {
	t.Helper()
	s := advisorytest.NewMemory()
	putRecords(t, s, export, records...)
	return s
}

func putRecords(t testing.TB, s advisory.Store, export string, records ...string) {
	t.Helper()
	imp, err := s.BeginImport(t.Context(), export)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range records {
		r, err := advisory.DecodeRecord([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := r.Split(export)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Affected {
			if advisory.Within(a.Package.Ecosystem, export) {
				entries = append(entries, advisory.Entry{Package: advisory.Contents, ID: a.Package.Ecosystem})
			}
		}
		if err := imp.Add(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	if err := imp.Commit(t.Context(), advisory.Source{}); err != nil {
		t.Fatal(err)
	}
}

// affected is one affected entry: events are "0", "<fixed", "<=last" or "introduced".
func affected(ecosystem, pkg, extra string, events ...string) string {
	var list []string
	for _, e := range events {
		kind, version := "introduced", e
		if rest, ok := strings.CutPrefix(e, "<="); ok {
			kind, version = "last_affected", rest
		} else if rest, ok := strings.CutPrefix(e, "<"); ok {
			kind, version = "fixed", rest
		} else if rest, ok := strings.CutPrefix(e, "|"); ok {
			kind, version = "limit", rest
		}
		list = append(list, fmt.Sprintf(`{"%s":%q}`, kind, version))
	}
	ranges := ""
	if len(list) > 0 {
		ranges = `,"ranges":[{"type":"GIT","events":[{"introduced":"0"}]},{"type":"ECOSYSTEM","events":[` + strings.Join(list, ",") + `]}]`
	}
	return fmt.Sprintf(`{"package":{"ecosystem":%q,"name":%q}%s%s}`, ecosystem, pkg, ranges, extra)
}

func record(id, extra string, affected ...string) string {
	return fmt.Sprintf(`{"id":%q,"modified":"2026-01-01T00:00:00Z"%s,"affected":[%s]}`, id, extra, strings.Join(affected, ","))
}

func debianOS() inventory.OSRelease { return inventory.OSRelease{ID: "debian", VersionID: "12"} }

func deb(name, version, source, sourceVersion string) inventory.Package {
	return inventory.Package{Kind: inventory.KindDeb, Name: name, Version: version, SourceName: source, SourceVersion: sourceVersion,
		Path: "var/lib/dpkg/status", Layer: "sha256:l"}
}

func rpm(name, version, source string) inventory.Package {
	p := inventory.Package{Kind: inventory.KindRPM, Name: name, Version: version, SourceName: source, SourceVersion: version}
	if epoch, rest, found := strings.Cut(version, ":"); found {
		_, _ = fmt.Sscan(epoch, &p.Epoch)
		p.SourceVersion = rest
	}
	return p
}

func run(t testing.TB, s match.Lookup, os inventory.OSRelease, packages ...inventory.Package) []match.Finding {
	t.Helper()
	res, err := match.New(s, match.Options{}).Match(t.Context(), &inventory.Inventory{OS: os, Packages: packages}, match.OSPackages)
	if err != nil {
		t.Fatal(err)
	}
	return res.Findings
}

// brief is "id package fixed" of every finding.
func brief(findings []match.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, strings.TrimSpace(f.ID+" "+f.Package+" "+f.FixedVersion))
	}
	return strings.Join(all, "; ")
}

// TestTraps: each is a mistake that some scanner makes.
func TestTraps(t *testing.T) {
	openssl := deb("libssl3", "1:3.0.14-1+b2", "openssl", "3.0.14-1")
	for _, c := range []struct {
		name    string
		export  string
		records []string
		os      inventory.OSRelease
		pkg     inventory.Package
		want    string
	}{
		{"the source's version, not the binary's with its epoch and rebuild", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "<3.0.15-1"))},
			debianOS(), openssl, "CVE-2024-0001 openssl 3.0.15-1"},
		{"the fix itself is not affected", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "<3.0.14-1"))},
			debianOS(), openssl, ""},
		{"another release of the same record", "Debian",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:11", "openssl", "", "0"), affected("Debian:12", "openssl", "", "0", "<1"))},
			debianOS(), openssl, ""},
		{"no fix yet", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0"))},
			debianOS(), openssl, "CVE-2024-0001 openssl"},
		{"withdrawn", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", `,"withdrawn":"2025-01-01T00:00:00Z"`, affected("Debian:12", "openssl", "", "0"))},
			debianOS(), openssl, ""},
		{"a tilde sorts before the release", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "<3.0.14-1~deb12u1"))},
			debianOS(), openssl, ""},
		{"events out of order", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "<3.1", "3.0.1", "<2.0", "0"))},
			debianOS(), openssl, "CVE-2024-0001 openssl 3.1"},
		{"between two ranges", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "<2.0", "3.1"))},
			debianOS(), openssl, ""},
		{"last affected", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "<=3.0.14-1")),
				record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "openssl", "", "0", "<=3.0.13-1"))},
			debianOS(), openssl, "CVE-2024-0001 openssl"},
		{"a limit", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "|3.0")),
				record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "openssl", "", "0", "|*")),
				record("DEBIAN-CVE-2024-0003", "", affected("Debian:12", "openssl", "", "0", "|3.0", "|3.1"))},
			debianOS(), openssl, "CVE-2024-0002 openssl; CVE-2024-0003 openssl"},
		{"a list of versions without ranges", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", `,"versions":["3.0.14-1"]`)),
				record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "openssl", `,"versions":["1:3.0.14-1+b2"]`))},
			debianOS(), openssl, "CVE-2024-0001 openssl"},
		{"the CVE's own record decides, not the notice", "Debian:12",
			[]string{record("DSA-1-1", `,"upstream":["CVE-2024-0001","CVE-2024-0002"]`, affected("Debian:12", "openssl", "", "0", "<9")),
				record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0", "<1"))},
			debianOS(), openssl, "CVE-2024-0002 openssl 9"},
		{"several records of one CVE are one finding", "Debian:12",
			[]string{record("DSA-1-1", `,"upstream":["CVE-2024-0001"]`, affected("Debian:12", "openssl", "", "0", "<9")),
				record("DSA-2-1", `,"upstream":["DEBIAN-CVE-2024-0001"]`, affected("Debian:12", "openssl", "", "0", "<9.1"))},
			debianOS(), openssl, "CVE-2024-0001 openssl 9.1"},
		{"a Debian notice without a vulnerability", "Debian:12",
			[]string{record("DLA-1-1", `,"summary":"tzdata - new timezone database"`, affected("Debian:12", "openssl", "", "0", "<9"))},
			debianOS(), openssl, ""},
		{"an LTS release goes by two names", "Ubuntu",
			[]string{record("UBUNTU-CVE-2024-0001", "", affected("Ubuntu:22.04:LTS", "openssl", "", "0")),
				record("UBUNTU-CVE-2024-0002", "", affected("Ubuntu:22.04", "openssl", "", "0")),
				record("UBUNTU-CVE-2024-0003", "", affected("Ubuntu:Pro:22.04:LTS", "openssl", "", "0")),
				record("UBUNTU-CVE-2024-0004", "", affected("Ubuntu:22.10", "openssl", "", "0"))},
			inventory.OSRelease{ID: "ubuntu", VersionID: "22.04"}, openssl, "CVE-2024-0001 openssl; CVE-2024-0002 openssl"},
		{"a package of another manager", "Debian:12",
			[]string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "openssl", "", "0"))},
			debianOS(), rpm("openssl", "3", "openssl"), ""},
		{"a local id is not shown when there is a CVE", "Debian:12",
			[]string{record("x_DEB-77", `,"aliases":["CVE-2024-0001"]`, affected("Debian:12", "openssl", "", "0"))},
			debianOS(), openssl, "CVE-2024-0001 openssl"},

		{"binary names on AlmaLinux", "AlmaLinux:9",
			[]string{record("ALSA-2024:1", `,"related":["CVE-2024-0001","CVE-2024-0002"],"summary":"Important: openssl security update"`,
				affected("AlmaLinux:9", "openssl-libs", "", "0", "<1:3.0.7-27.el9")),
				record("ALSA-2024:2", `,"related":["CVE-2024-0003"]`, affected("AlmaLinux:9", "openssl", "", "0"))},
			inventory.OSRelease{ID: "almalinux", VersionID: "9.4"}, rpm("openssl-libs", "1:3.0.7-6.el9_2", "openssl"),
			"CVE-2024-0001 openssl-libs 1:3.0.7-27.el9; CVE-2024-0002 openssl-libs 1:3.0.7-27.el9"},
		{"source names with the epoch of the package on Rocky Linux", "Rocky Linux",
			[]string{record("RLSA-2024:1", `,"related":["CVE-2024-0001"]`, affected("Rocky Linux:9", "openssl", "", "0", "<1:3.0.7-27.el9")),
				record("RLSA-2024:2", `,"related":["CVE-2024-0002"]`, affected("Rocky Linux:9", "openssl", "", "0", "<1:3.0.7-5.el9"))},
			inventory.OSRelease{ID: "rocky", VersionID: "9.2"}, rpm("openssl-libs", "1:3.0.7-6.el9_2", "openssl"),
			"CVE-2024-0001 openssl 1:3.0.7-27.el9"},
		{"the repositories of a major release, not the extended streams", "Red Hat",
			[]string{record("RHSA-2024:1", `,"upstream":["CVE-2024-0001"]`, affected("Red Hat:enterprise_linux:9::baseos", "glibc", "", "0", "<2.34-100.el9_4.2")),
				record("RHSA-2024:2", `,"upstream":["CVE-2024-0002"]`, affected("Red Hat:rhel_eus:9.2::baseos", "glibc", "", "0")),
				record("RHSA-2024:3", `,"upstream":["CVE-2024-0003"]`, affected("Red Hat:enterprise_linux:8::baseos", "glibc", "", "0"))},
			inventory.OSRelease{ID: "rhel", VersionID: "9.3"}, rpm("glibc", "2.34-83.el9", "glibc"),
			"CVE-2024-0001 glibc 2.34-100.el9_4.2"},
		{"a plain package and a notice about a module", "AlmaLinux:8",
			[]string{record("ALSA-2024:1", `,"related":["CVE-2024-0001"]`, affected("AlmaLinux:8", "nodejs", "", "0", "<1:18.20.4-1.module_el8.10.0+3886+eb8b6d58"))},
			inventory.OSRelease{ID: "almalinux", VersionID: "8.9"}, rpm("nodejs", "1:10.0-1.el8", "nodejs"), ""},
		{"builds of one notice all carry the fix", "AlmaLinux:8",
			[]string{record("ALSA-2024:1", `,"related":["CVE-2024-0001"]`,
				affected("AlmaLinux:8", "runc", "", "0", "<1.0-5.module_el8.5.0+119"), affected("AlmaLinux:8", "runc", "", "0", "<1.0-5.module_el8.3.0+20"))},
			inventory.OSRelease{ID: "almalinux", VersionID: "8.4"}, rpm("runc", "1.0-5.module_el8.4.0+77", "runc"), ""},
		{"Azure Linux writes no epochs", "Azure Linux:3",
			[]string{record("AZL-1", `,"upstream":["CVE-2024-0001"]`, affected("Azure Linux:3", "vim", "", "0", "<9.1.0-2")),
				record("AZL-2", `,"upstream":["CVE-2024-0002"]`, affected("Azure Linux:3", "vim", "", "0", "<9.1.0-1"))},
			inventory.OSRelease{ID: "azurelinux", VersionID: "3.0"}, rpm("vim", "1:9.1.0-1.azl3", "vim"), "CVE-2024-0001 vim 9.1.0-2"},
		{"SUSE names a service pack in many products", "SUSE",
			[]string{record("SUSE-SU-2024:1-1", `,"upstream":["CVE-2024-0001"]`, affected("SUSE:Linux Enterprise Module for Basesystem 15 SP3", "glibc", "", "0", "<2.31-150300.89.2")),
				record("SUSE-SU-2024:2-1", `,"upstream":["CVE-2024-0002"]`, affected("SUSE:Linux Enterprise Server 15 SP3-LTSS", "glibc", "", "0")),
				record("SUSE-SU-2024:3-1", `,"upstream":["CVE-2024-0003"]`, affected("SUSE:Linux Enterprise Server 15 SP5", "glibc", "", "0")),
				record("SUSE-SU-2024:4-1", `,"upstream":["CVE-2024-0004"]`, affected("SUSE:Manager Server 15 SP3", "glibc", "", "0"))},
			inventory.OSRelease{ID: "sles", VersionID: "15.3"}, rpm("glibc", "2.31-150300.9.12.1", "glibc"),
			"CVE-2024-0001 glibc 2.31-150300.89.2; CVE-2024-0002 glibc"},
		{"Chainguard's records name Wolfi too", "Chainguard",
			[]string{record("CGA-1", `,"upstream":["CVE-2024-0001","GHSA-aaaa-bbbb-cccc"]`, affected("Wolfi", "redis-7.0", "", "0"), affected("Chainguard", "redis-7.0", "", "0", "<7.0.13-r0")),
				record("CGA-2", `,"upstream":["GHSA-dddd-eeee-ffff"]`, affected("Chainguard", "redis-7.0", "", "0", "<7.0.13-r0"))},
			inventory.OSRelease{ID: "chainguard"}, inventory.Package{Kind: inventory.KindAPK, Name: "redis-cli-7.0", Version: "7.0.12-r3", SourceName: "redis-7.0", SourceVersion: "7.0.12-r3"},
			"CVE-2024-0001 redis-7.0 7.0.13-r0; GHSA-dddd-eeee-ffff redis-7.0 7.0.13-r0"},
		{"alpha before release, p after", "Alpine:v3.20",
			[]string{record("ALPINE-CVE-2024-0001", "", affected("Alpine:v3.20", "a", "", "0", "<1.0_rc2-r0")),
				record("ALPINE-CVE-2024-0002", "", affected("Alpine:v3.20", "a", "", "0", "<1.0-r0")),
				record("ALPINE-CVE-2024-0003", "", affected("Alpine:v3.20", "a", "", "0", "<1.0_p1-r0"))},
			inventory.OSRelease{ID: "alpine", VersionID: "3.20.3"}, inventory.Package{Kind: inventory.KindAPK, Name: "a", Version: "1.0_rc2-r1", SourceName: "a", SourceVersion: "1.0_rc2-r1"},
			"CVE-2024-0002 a 1.0-r0; CVE-2024-0003 a 1.0_p1-r0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := brief(run(t, storeOf(t, c.export, c.records...), c.os, c.pkg)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestSourceAndInstalledNamesFindOnce(t *testing.T) {
	s := storeOf(t, "Rocky Linux:9", record("RLSA-2024:1", `,"related":["CVE-2024-0001"]`,
		affected("Rocky Linux:9", "openssl", "", "0", "<1:3.0.7-27.el9"), affected("Rocky Linux:9", "openssl-libs", "", "0", "<1:3.0.7-27.el9")),
		record("RLSA-2024:2", `,"related":["CVE-2024-0002"]`, affected("Rocky Linux:9", "openssl-libs", "", "0", "<1:3.0.7-27.el9")))
	got := run(t, s, inventory.OSRelease{ID: "rocky", VersionID: "9.2"},
		rpm("openssl", "1:3.0.7-6.el9_2", "openssl"), rpm("openssl-libs", "1:3.0.7-6.el9_2", "openssl"))
	if want := "CVE-2024-0001 openssl 1:3.0.7-27.el9; CVE-2024-0002 openssl-libs 1:3.0.7-27.el9"; brief(got) != want || len(got[0].Binaries) != 2 {
		t.Errorf("got %q", brief(got))
	}
}

func TestModuleStreams(t *testing.T) {
	s := storeOf(t, "AlmaLinux:8",
		record("ALSA-2024:1", `,"related":["CVE-2024-0001"],"summary":"Important: nodejs:16 security update"`,
			affected("AlmaLinux:8", "nodejs", "", "0", "<1:16.20-1.module_el8.10.0+1")),
		record("ALSA-2024:2", `,"related":["CVE-2024-0002"],"summary":"Important: nodejs:18 security update"`,
			affected("AlmaLinux:8", "nodejs", "", "0", "<1:18.20-1.module_el8.10.0+1")),
		record("ALSA-2024:3", `,"related":["CVE-2024-0003"]`, affected("AlmaLinux:8", "nodejs", "", "0", "<1:20")))
	p := rpm("nodejs", "1:16.19-1.module_el8.7.0+1", "nodejs")
	p.Module = "nodejs:16:8070020230101:abcd"
	if got := brief(run(t, s, inventory.OSRelease{ID: "almalinux", VersionID: "8.7"}, p)); got != "CVE-2024-0001 nodejs 1:16.20-1.module_el8.10.0+1" {
		t.Errorf("stream 16: %q", got)
	}
}

func TestAFindingSaysAllItKnows(t *testing.T) {
	s := storeOf(t, "Ubuntu:22.04:LTS", record("UBUNTU-CVE-2024-0001",
		`,"published":"2024-01-01T00:00:00Z","summary":"overflow","aliases":["GHSA-x"],"severity":[
		  {"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
		  {"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"},
		  {"type":"CVSS_V2","score":"AV:N/AC:L/Au:N/C:P/I:P/A:P"},{"type":"CVSS_V3","score":"nonsense"}]`,
		affected("Ubuntu:22.04:LTS", "openssl", `,"ecosystem_specific":{"ubuntu_priority":"low"}`, "0", "<3.0.2-0ubuntu1.12")))
	got := run(t, s, inventory.OSRelease{ID: "ubuntu", VersionID: "22.04"},
		deb("openssl", "3.0.2-0ubuntu1.6", "openssl", "3.0.2-0ubuntu1.6"), deb("libssl3", "3.0.2-0ubuntu1.6", "openssl", "3.0.2-0ubuntu1.6"))
	want := []match.Finding{{
		ID: "CVE-2024-0001", Package: "openssl", Binaries: []string{"libssl3", "openssl"},
		InstalledVersion: "3.0.2-0ubuntu1.6", FixedVersion: "3.0.2-0ubuntu1.12",
		Severity: registry.Low, SeveritySource: "Ubuntu", VendorSeverity: "low",
		CVSS: []match.CVSS{
			{Version: "4.0", Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Score: 9.3, Source: "NVD"},
			{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8, Source: "NVD"},
			{Version: "2.0", Vector: "AV:N/AC:L/Au:N/C:P/I:P/A:P", Score: 7.5, Source: "NVD"},
		},
		Description: "overflow", URI: "https://ubuntu.com/security/CVE-2024-0001",
		AdvisoryID: "UBUNTU-CVE-2024-0001", Aliases: []string{"GHSA-x", "UBUNTU-CVE-2024-0001"},
		Published: got[0].Published, Modified: got[0].Modified,
		Layer: "sha256:l", Path: "var/lib/dpkg/status",
		Reason: "openssl 3.0.2-0ubuntu1.6 is affected: < 3.0.2-0ubuntu1.12 (UBUNTU-CVE-2024-0001, Ubuntu:22.04:LTS, versions ordered as Ubuntu does)",
	}}
	stored := cmpopts.IgnoreFields(match.Finding{}, "Kind", "Packages", "Problem")
	if diff := gocmp.Diff(want, got, stored); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[0].Kind != inventory.KindDeb || !slices.Equal(got[0].Packages, []int{0, 1}) || got[0].Problem.Source != "UBUNTU_CVE" {
		t.Errorf("beside what is stored: %+v", got[0])
	}
}

func TestSeverity(t *testing.T) {
	vector := `,"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`
	for _, c := range []struct {
		name, head, beside string
		want               registry.Severity
		source             string
	}{
		{"the vendor before CVSS", vector, `,"ecosystem_specific":{"urgency":"low**"}`, registry.Low, "Debian"},
		{"a vendor that has not decided", vector, `,"ecosystem_specific":{"urgency":"not yet assigned"}`, registry.Critical, "CVSS:3.1"},
		{"unimportant", vector, `,"ecosystem_specific":{"urgency":"unimportant"}`, registry.Informational, "Debian"},
		{"a word of the record", `,"database_specific":{"severity":"MODERATE"}`, "", registry.Medium, "Debian"},
		{"a typed word", `,"severity":[{"type":"Ubuntu","score":"negligible"}]`, "", registry.Informational, "Debian"},
		{"a word in the title", `,"summary":"Critical: x security update"`, "", registry.Critical, "Debian"},
		{"a title that only looks like it", `,"summary":"openssl: x"`, "", registry.Undefined, ""},
		{"nothing", "", "", registry.Undefined, ""},
		{"CVSS beside the package", "", vector, registry.Critical, "CVSS:3.1"},
		{"no impact", `,"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"}]`, "", registry.Informational, "CVSS:3.1"},
	} {
		s := storeOf(t, "Debian:12", record("DEBIAN-CVE-2024-0001", c.head, affected("Debian:12", "p", c.beside, "0")))
		got := run(t, s, debianOS(), deb("p", "1", "p", "1"))[0]
		if got.Severity != c.want || got.SeveritySource != c.source {
			t.Errorf("%s: %s by %q, want %s by %q", c.name, got.Severity, got.SeveritySource, c.want, c.source)
		}
	}
}

func TestOrder(t *testing.T) {
	word := func(w string) string { return fmt.Sprintf(`,"ecosystem_specific":{"urgency":%q}`, w) }
	s := storeOf(t, "Debian:12",
		record("DEBIAN-CVE-2024-10000", "", affected("Debian:12", "b", word("high"), "0"), affected("Debian:12", "a", word("high"), "0")),
		record("DEBIAN-CVE-2024-9999", "", affected("Debian:12", "b", word("high"), "0")),
		record("DEBIAN-CVE-2020-0001", "", affected("Debian:12", "a", word("low"), "0")),
		record("DEBIAN-CVE-2020-0002", "", affected("Debian:12", "a", "", "0")))
	packages := []inventory.Package{deb("b", "1", "b", "1"), deb("a", "1", "a", "1")}
	want := "CVE-2024-9999 b; CVE-2024-10000 a; CVE-2024-10000 b; CVE-2020-0001 a; CVE-2020-0002 a"
	for range 5 {
		if got := brief(run(t, s, debianOS(), packages...)); got != want {
			t.Fatalf("got %q", got)
		}
		slices.Reverse(packages)
	}
}

func TestWithoutAdvisoriesThereIsNoAnswer(t *testing.T) {
	m := match.New(storeOf(t, "Debian", record("DEBIAN-CVE-2024-0001", "", affected("Debian:11", "p", "", "0"))), match.Options{})
	var missing *match.NoAdvisoriesError
	_, err := m.Match(t.Context(), &inventory.Inventory{OS: inventory.OSRelease{ID: "alpine", VersionID: "3.20.1"}}, match.OSPackages)
	if !errors.As(err, &missing) || missing.Ecosystem != "Alpine:v3.20" {
		t.Errorf("no export of Alpine: %v", err)
	}
	// The export speaks of Debian 11 only: an answer, and a word about it.
	res, err := m.Match(t.Context(), &inventory.Inventory{OS: debianOS()}, match.OSPackages)
	if err != nil || len(res.Findings) != 0 || !res.Unmentioned {
		t.Errorf("an export of another release: %+v, %v", res, err)
	}
	res, err = m.Match(t.Context(), &inventory.Inventory{OS: inventory.OSRelease{ID: "debian", VersionID: "11"}}, match.OSPackages)
	if err != nil || res.Unmentioned {
		t.Errorf("an export of this release: %+v, %v", res, err)
	}
	if _, err := m.Match(t.Context(), &inventory.Inventory{OS: inventory.OSRelease{ID: "plan9"}}, match.OSPackages); !errors.Is(err, match.ErrUnknownSystem) {
		t.Errorf("plan9: %v", err)
	}
}

func TestTheFresherExportIsUsed(t *testing.T) {
	s := storeOf(t, "Debian:12", record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0")))
	putRecords(t, s, "Debian", record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "p", "", "0")))
	m := match.New(s, match.Options{})
	inv := &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("p", "1", "p", "1")}}
	ask := func() string {
		res, err := m.Match(t.Context(), inv, match.OSPackages)
		if err != nil {
			t.Fatal(err)
		}
		return brief(res.Findings)
	}
	if got := ask(); got != "CVE-2024-0001 p" {
		t.Errorf("as old as each other: %q, want the release's own export", got)
	}
	all, err := s.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecordAttempt(t.Context(), "Debian", all[0].FetchedAt.AddDate(3000, 0, 0), ""); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "CVE-2024-0002 p" {
		t.Errorf("after a later look at the parent: %q", got)
	}
}

// switching is a store that imports between the two reads of a match.
type switching struct {
	*advisorytest.Memory
	before func()
	once   sync.Once
}

func (s *switching) Advisories(ctx context.Context, ecosystem string, packages []string) (advisory.Batch, error) {
	s.once.Do(s.before)
	return s.Memory.Advisories(ctx, ecosystem, packages)
}

func TestAnAnswerIsOfOneImport(t *testing.T) {
	store := storeOf(t, "Debian:12", record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0")))
	s := &switching{Memory: store, before: func() {
		putRecords(t, store, "Debian:12", record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "p", "", "0")))
	}}
	res, err := match.New(s, match.Options{}).Match(t.Context(), &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("p", "1", "p", "1")}}, match.OSPackages)
	if err != nil || brief(res.Findings) != "CVE-2024-0002 p" {
		t.Fatal(res, err)
	}
	if src, _ := store.Sources(t.Context()); res.Source.Generation != src[0].Generation {
		t.Errorf("source of another generation: %+v", res.Source)
	}
}

func TestManyMatchAtOnceWhileImportsHappen(t *testing.T) {
	store := storeOf(t, "Debian:12", record("DEBIAN-CVE-2024-0000", "", affected("Debian:12", "p", "", "0"), affected("Debian:12", "q", "", "0")))
	m := match.New(store, match.Options{CacheRules: 3}) // so small that it is always evicting
	inv := &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("p", "1", "p", "1"), deb("q", "1", "q", "1")}}
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				res, err := m.Match(t.Context(), inv, match.OSPackages)
				if err != nil || len(res.Findings) != 2 || res.Findings[0].ID != res.Findings[1].ID {
					t.Errorf("%+v, %v", res, err)
					return
				}
			}
		})
	}
	for i := range 50 {
		putRecords(t, store, "Debian:12", record(fmt.Sprintf("DEBIAN-CVE-2024-%04d", i), "", affected("Debian:12", "p", "", "0"), affected("Debian:12", "q", "", "0")))
	}
	stop()
	readers.Wait()
}

func TestVersionsThatMakeNoSense(t *testing.T) {
	s := storeOf(t, "Debian:12",
		record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", "0", "<1:x:2")),
		record("DEBIAN-CVE-2024-0002", "", affected("Debian:12", "p", "", "0", "<a:2")),
		record("DEBIAN-CVE-2024-0003", "", affected("Debian:12", "p", "", "0", "<2")))
	m := match.New(s, match.Options{})
	for version, want := range map[string]int{"1": 1, "b:1": 3, "": 3, strings.Repeat("9", 10_000): 3} {
		res, err := m.Match(t.Context(), &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("p", version, "p", version)}}, match.OSPackages)
		if err != nil || res.Undecided != want {
			t.Errorf("version %.20q: undecided %d, want %d (%v, %s)", version, res.Undecided, want, err, brief(res.Findings))
		}
	}
}

// TestRangesProperty compares random ranges over versions 0…19 with sets of
// those versions.
func TestRangesProperty(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 500 {
		var events []string
		in := map[int]bool{}
		at := random.IntN(4)
		for at < 20 {
			start := at
			end := start + 1 + random.IntN(4)
			events = append(events, fmt.Sprint(start))
			switch random.IntN(3) {
			case 0:
				events = append(events, fmt.Sprintf("<%d", end))
				mark(in, start, end)
			case 1:
				events = append(events, fmt.Sprintf("<=%d", end))
				mark(in, start, end+1)
			default: // open: to the end
				mark(in, start, 20)
				at = 20
			}
			at = max(at, end+1) + random.IntN(3)
		}
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		s := storeOf(t, "Debian:12", record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "p", "", events...)))
		m := match.New(s, match.Options{})
		for v := range 20 {
			version := fmt.Sprint(v)
			res, err := m.Match(t.Context(), &inventory.Inventory{OS: debianOS(), Packages: []inventory.Package{deb("p", version, "p", version)}}, match.OSPackages)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(res.Findings) == 1; got != in[v] {
				t.Fatalf("case %d: version %d in %q: %v, want %v", n, v, events, got, in[v])
			}
		}
	}
}

func mark(set map[int]bool, from, to int) {
	for v := from; v < to; v++ {
		set[v] = true
	}
}
