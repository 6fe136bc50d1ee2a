package match_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

const noSystem = "The operating system and/or package manager are not supported."

func refusal(id, version string) string {
	return "The operating system '" + id + "' version '" + version + "' is not supported."
}

func TestSupported(t *testing.T) {
	for _, c := range []struct {
		id, version   string
		clair, native string // the refusal; empty: supported
	}{
		{"alpine", "3.20.3", "", ""},
		{"alpine", "3.19.0", "", ""},
		{"alpine", "3.18.9", refusal("alpine", "v3.18"), ""},
		{"alpine", "3.21.0", refusal("alpine", "v3.21"), ""},
		{"alpine", "3.24.1", refusal("alpine", "v3.24"), ""},
		{"alpine", "3.25.0", refusal("alpine", "v3.25"), refusal("alpine", "v3.25")},
		{"alpine", "3.10.9", refusal("alpine", "v3.10"), ""},
		{"alpine", "3.21.0_alpha20240923", refusal("alpine", "edge"), ""},
		{"amzn", "2", "", ""},
		{"amzn", "2023", "", ""},
		{"amzn", "2022", refusal("amzn", "2022"), refusal("amzn", "2022")},
		{"almalinux", "9.4", refusal("almalinux", "9.4"), ""},
		{"almalinux", "11", refusal("almalinux", "11"), refusal("almalinux", "11")},
		{"azurelinux", "3.0", refusal("azurelinux", "3.0"), ""},
		{"mariner", "2.0", refusal("mariner", "2.0"), ""},
		{"centos", "7", refusal("centos", "7"), refusal("centos", "7")},
		{"chainguard", "20230214", refusal("chainguard", "20230214"), ""},
		{"debian", "12", "", ""},
		{"debian", "11", "", ""},
		{"debian", "10", refusal("debian", "10"), ""},
		{"debian", "13", refusal("debian", "13"), ""},
		{"debian", "14", refusal("debian", "14"), refusal("debian", "14")},
		{"fedora", "44", refusal("fedora", "44"), ""},
		{"fedora", "45", refusal("fedora", "45"), refusal("fedora", "45")},
		{"ol", "8.9", "", ""},
		{"opensuse-leap", "15.6", refusal("opensuse-leap", "15.6"), ""},
		{"opensuse-tumbleweed", "20260101", refusal("opensuse-tumbleweed", "20260101"), refusal("opensuse-tumbleweed", "20260101")},
		{"photon", "5.0", refusal("photon", "5.0"), ""},
		{"rhel", "9.3", "", ""},
		{"rhel", "10.1", refusal("rhel", "10.1"), ""},
		{"rhel", "7.9", refusal("rhel", "7.9"), ""},
		{"rocky", "9.2", refusal("rocky", "9.2"), ""},
		{"sles", "15.3", refusal("sles", "15.3"), ""},
		{"sles", "16.0", refusal("sles", "16.0"), ""},
		{"sles", "16.1", refusal("sles", "16.1"), refusal("sles", "16.1")},
		{"ubuntu", "22.04", "", ""},
		{"ubuntu", "24.04", refusal("ubuntu", "24.04"), ""},
		{"ubuntu", "26.04", refusal("ubuntu", "26.04"), ""},
		{"ubuntu", "26.10", refusal("ubuntu", "26.10"), refusal("ubuntu", "26.10")},
		{"wolfi", "20230201", refusal("wolfi", "20230201"), ""},
		{"plan9", "4", refusal("plan9", "4"), refusal("plan9", "4")},
		{"", "", noSystem, noSystem},
		{"alpine", "3.x", refusal("alpine", "v3.x"), refusal("alpine", "v3.x")},
	} {
		os := inventory.OSRelease{ID: c.id, VersionID: c.version}
		for engine, want := range map[string]string{registry.EngineClair: c.clair, registry.EngineNative: c.native} {
			got := ""
			if err := match.Supported(engine, os); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s, %s %s: %q, want %q", engine, c.id, c.version, got, want)
			}
			if _, known := match.Ecosystem(os); got == "" && !known {
				t.Errorf("%s %s is supported but nothing can be looked up", c.id, c.version)
			}
		}
	}
}

func TestEcosystem(t *testing.T) {
	for _, c := range []struct {
		os   inventory.OSRelease
		want string
	}{
		{inventory.OSRelease{ID: "alpine", VersionID: "3.20.3"}, "Alpine:v3.20"},
		{inventory.OSRelease{ID: "alpine", VersionID: "3.21.0_alpha20240923"}, "Alpine"},
		{inventory.OSRelease{ID: "debian", VersionID: "12"}, "Debian:12"},
		{inventory.OSRelease{ID: "debian", VersionCodename: "trixie"}, "Debian:13"},
		{inventory.OSRelease{ID: "debian", PrettyName: "Debian GNU/Linux forky/sid"}, "Debian:14"},
		{inventory.OSRelease{ID: "ubuntu", VersionID: "22.04"}, "Ubuntu:22.04:LTS"},
		{inventory.OSRelease{ID: "ubuntu", VersionID: "24.10"}, "Ubuntu:24.10"},
		{inventory.OSRelease{ID: "ubuntu", VersionID: "23.04"}, "Ubuntu:23.04"},
		{inventory.OSRelease{ID: "rhel", VersionID: "9.3"}, "Red Hat"},
		{inventory.OSRelease{ID: "almalinux", VersionID: "9.3"}, "AlmaLinux:9"},
		{inventory.OSRelease{ID: "rocky", VersionID: "9.3"}, "Rocky Linux:9"},
		{inventory.OSRelease{ID: "azurelinux", VersionID: "3.0"}, "Azure Linux:3"},
		{inventory.OSRelease{ID: "mariner", VersionID: "2.0"}, "Azure Linux:2"},
		{inventory.OSRelease{ID: "opensuse-leap", VersionID: "15.5"}, "openSUSE:Leap 15.5"},
		{inventory.OSRelease{ID: "sles", VersionID: "15.3"}, "SUSE"},
		{inventory.OSRelease{ID: "wolfi"}, "Wolfi"},
		{inventory.OSRelease{ID: "debian"}, ""},
		{inventory.OSRelease{ID: "centos", VersionID: "7"}, ""},
		{inventory.OSRelease{}, ""},
	} {
		got, ok := match.Ecosystem(c.os)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%+v: %q, want %q", c.os, got, c.want)
		}
	}
}
