package match_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// TestStreams: packages that exist in several series beside each other.
func TestStreams(t *testing.T) {
	labelled := func(version, module string) inventory.Package {
		p := rpm("nodejs", version, "nodejs")
		p.Module = module
		return p
	}
	nodejs := []string{
		record("ALSA-2024:16", `,"related":["CVE-2024-0016"],"summary":"Important: nodejs:16 security update"`,
			affected("AlmaLinux:8", "nodejs", "", "0", "<1:16.20-1.module_el8.10.0+1")),
		record("ALSA-2024:18", `,"related":["CVE-2024-0018"],"summary":"Important: nodejs:18 security update"`,
			affected("AlmaLinux:8", "nodejs", "", "0", "<1:18.20-1.module_el8.10.0+1")),
	}
	// ALSA-2024:1786 and ALSA-2024:4197 name packages of the stream.
	httpd := []string{
		record("ALSA-2024:1786", `,"related":["CVE-2024-0024"],"summary":"Important: httpd:2.4/mod_http2 security update"`,
			affected("AlmaLinux:8", "nodejs", "", "0", "<2.4.37-62.module_el8.9.0+3646")),
	}
	amazon := []string{
		record("ALAS2-2024-1", `,"upstream":["CVE-2024-0001"]`, affected("Amazon Linux:2", "php-cli", "", "0", "<5.4.16-46.amzn2.0.3")),
		record("ALAS2PHP8.1-2024-1", `,"upstream":["CVE-2024-0081"]`, affected("Amazon Linux:2", "php-cli", "", "0", "<8.1.14-1.amzn2")),
		record("ALAS2PHP8.2-2024-1", `,"upstream":["CVE-2024-0082"]`, affected("Amazon Linux:2", "php-cli", "", "0", "<8.2.7-1.amzn2")),
		record("ALAS2DOCKER-2024-1", `,"upstream":["CVE-2024-0090"]`, affected("Amazon Linux:2", "docker", "", "0", "<25.0.3-1.amzn2")),
	}
	redHat := []string{
		record("RHSA-2024:1", `,"upstream":["CVE-2024-0001"]`, affected("Red Hat:enterprise_linux:9::baseos", "p", "", "0", "<2-9.el9_4")),
		record("RHSA-2024:2", `,"upstream":["CVE-2024-0001"]`, affected("Red Hat:rhel_eus:9.2::baseos", "p", "", "0", "<2-7.el9_2")),
	}
	ubuntu := []string{record("UBUNTU-CVE-2024-0001", "", affected("Ubuntu:22.04:LTS", "p", "", "0"), affected("Ubuntu:Pro:22.04:LTS", "p", "", "0", "<1.0-1ubuntu2+esm1"))}
	alma, al2 := inventory.OSRelease{ID: "almalinux", VersionID: "8.7"}, inventory.OSRelease{ID: "amzn", VersionID: "2"}
	rhel, jammy := inventory.OSRelease{ID: "rhel", VersionID: "9.2"}, inventory.OSRelease{ID: "ubuntu", VersionID: "22.04"}
	for _, c := range []struct {
		name, export string
		records      []string
		os           inventory.OSRelease
		pkg          inventory.Package
		want         string
	}{
		{"a module by its label", "AlmaLinux:8", nodejs, alma, labelled("1:16.19-1.module_el8.7.0+1", "nodejs:16:8070:abcd"), "CVE-2024-0016 nodejs 1:16.20-1.module_el8.10.0+1"},
		{"a module by its version", "AlmaLinux:8", nodejs, alma, labelled("1:18.19-1.module_el8.7.0+1", ""), "CVE-2024-0018 nodejs 1:18.20-1.module_el8.10.0+1"},
		{"a module named with its package", "AlmaLinux:8", httpd, alma, labelled("2.4.37-60.module_el8.9.0+1", "httpd:2.4:8090:abcd"), "CVE-2024-0024 nodejs 2.4.37-62.module_el8.9.0+3646"},
		{"another stream of a module named with its package", "AlmaLinux:8", httpd, alma, labelled("2.4.36-60.module_el8.9.0+1", "httpd:2.6:8090:abcd"), ""},
		{"a module and a problem without a fix", "AlmaLinux:8", []string{record("ALSA-1", `,"related":["CVE-2024-0001"]`, affected("AlmaLinux:8", "nodejs", "", "0"))},
			alma, labelled("1:16.19-1.module_el8.7.0+1", "nodejs:16:8070:abcd"), "CVE-2024-0001 nodejs"},
		{"Amazon's core", "Amazon Linux:2", amazon, al2, rpm("php-cli", "5.4.16-46.amzn2.0.2", "php"), "CVE-2024-0001 php-cli 5.4.16-46.amzn2.0.3"},
		{"Amazon's topic", "Amazon Linux:2", amazon, al2, rpm("php-cli", "8.1.2-1.amzn2", "php"), "CVE-2024-0081 php-cli 8.1.14-1.amzn2"},
		{"Amazon's topic without a number", "Amazon Linux:2", amazon, al2, rpm("docker", "20.10.25-1.amzn2", "docker"), "CVE-2024-0090 docker 25.0.3-1.amzn2"},
		{"the main stream of Red Hat", "Red Hat", redHat, rhel, rpm("p", "2-5.el9", "p"), "CVE-2024-0001 p 2-9.el9_4"},
		{"fixed in the extended stream that it came from", "Red Hat", redHat, rhel, rpm("p", "2-7.el9_2", "p"), ""},
		{"not fixed in the extended stream", "Red Hat", redHat, rhel, rpm("p", "2-6.el9_2", "p"), "CVE-2024-0001 p 2-9.el9_4"},
		{"of another extended stream", "Red Hat", redHat, rhel, rpm("p", "2-8.el9_20", "p"), "CVE-2024-0001 p 2-9.el9_4"},
		{"what subscribers get is no fix for others", "Ubuntu:22.04:LTS", ubuntu, jammy, deb("p", "1.0-1ubuntu2", "p", "1.0-1ubuntu2"), "CVE-2024-0001 p"},
		{"subscribers have it", "Ubuntu:22.04:LTS", ubuntu, jammy, deb("p", "1.0-1ubuntu2+esm1", "p", "1.0-1ubuntu2+esm1"), ""},
		{"in the whole export, too", "Ubuntu", ubuntu, jammy, deb("p", "1.0-1ubuntu2+esm1", "p", "1.0-1ubuntu2+esm1"), ""},
		{"a signed kernel has the problems of the kernel", "Debian:12", []string{record("DEBIAN-CVE-2024-0001", "", affected("Debian:12", "linux", "", "0", "<6.1.115-1"))},
			debianOS(), deb("linux-image-amd64", "6.1.112-1", "linux-signed-amd64", "6.1.112+1"), "CVE-2024-0001 linux 6.1.115-1"},
		{"SUSE's Micro is its own product", "SUSE", []string{record("SUSE-SU-1", `,"upstream":["CVE-2024-0001"]`, affected("SUSE:Linux Enterprise Micro 5.5", "p", "", "0")),
			record("SUSE-SU-2", `,"upstream":["CVE-2024-0002"]`, affected("SUSE:Linux Enterprise Server 15 SP5", "p", "", "0"))},
			inventory.OSRelease{ID: "sle-micro", VersionID: "5.5"}, rpm("p", "1-1", "p"), "CVE-2024-0001 p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := brief(run(t, storeOf(t, c.export, c.records...), c.os, c.pkg)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestNeverAffected: a fix in version 0 says that the distribution never had it.
func TestNeverAffected(t *testing.T) {
	apk := inventory.Package{Kind: inventory.KindAPK, Name: "p", Version: "1.0-r3", SourceName: "p", SourceVersion: "1.0-r3"}
	for os, release := range map[string]string{"alpine": "Alpine:v3.20", "wolfi": "Wolfi", "chainguard": "Chainguard"} {
		for _, zero := range []string{"0", "0-r0"} {
			s := storeOf(t, release, record("A-CVE-2024-0001", "", affected(release, "p", "", "0", "<"+zero)),
				record("A-CVE-2024-0002", "", affected(release, "p", "", "0", "<1.0-r4")))
			if got := brief(run(t, s, inventory.OSRelease{ID: os, VersionID: "3.20.1"}, apk)); got != "CVE-2024-0002 p 1.0-r4" {
				t.Errorf("%s %s: %q", os, zero, got)
			}
		}
	}
}

// TestDistributionsWithoutAdvisories: databases of distributions without advisories in the
// shared data are matched all the same, with nothing found and that said.
func TestDistributionsWithoutAdvisories(t *testing.T) {
	for file, export := range map[string]string{
		"opensuse-leap-15.5-rpmdb-ndb.tar.gz": "openSUSE:Leap 15.5", "sle-bci-minimal-15.3-rpmdb-ndb.tar.gz": "SUSE",
		"fedora-35-rpmdb-sqlite.tar.gz": "Fedora:35", "cbl-mariner-2.0-rpmdb-sqlite.tar.gz": "Azure Linux:2", "rocky-9-rpmdb-sqlite.tar.gz": "Rocky Linux:9",
	} {
		inv := realInventory(t, file)
		res, err := match.New(storeOf(t, export, record("A-CVE-2024-0001", "", affected("Elsewhere", "p", "", "0"))), match.Options{}).Match(t.Context(), inv, match.AllPackages)
		if err != nil || !res.Unmentioned || len(res.Findings) > 0 || len(match.Components(inv, match.OSPackages)) < 20 {
			t.Errorf("%s: %+v, %v", file, res, err)
		}
	}
}
