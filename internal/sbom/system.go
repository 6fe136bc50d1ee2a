package sbom

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// systemFacts are what a document says about the operating system: in a
// component of its own, and with every package.
type systemFacts struct {
	own    inventory.OSRelease
	others map[distroName]int
}

// distroName is the operating system as a package URL names it.
type distroName struct{ namespace, distro string }

// component takes the component of the operating system; the first counts.
func (s *systemFacts) component(e *entry, version string) {
	if s.own.ID != "" || len(e.name) > maxField || len(version) > maxField {
		return
	}
	e.bound()
	field := func(names ...string) string {
		for _, name := range names {
			if v := e.system[name]; v != "" && len(v) <= maxField {
				return v
			}
		}
		return ""
	}
	s.own = systemOf(cmp.Or(field("id"), e.name), cmp.Or(field("versionID"), version))
	s.own.VersionCodename = cmp.Or(field("codename", "versionCodename"), s.own.VersionCodename)
	s.own.Name, s.own.CPEName, s.own.SupportEnd = field("name"), field("cpe"), field("support-end")
	if like := field("id-like", "idLike:0"); like != "" {
		s.own.IDLike = strings.Fields(like)
	}
	if len(e.description) <= maxField {
		s.own.PrettyName = cmp.Or(e.description, field("prettyName"))
	}
}

// maxSystems is more operating systems than a document can be about.
const maxSystems = 1000

// distro counts the operating system that a package is of.
func (s *systemFacts) distro(from distroName) {
	if from == (distroName{}) {
		return
	}
	if s.others == nil {
		s.others = map[distroName]int{}
	}
	if _, known := s.others[from]; known || len(s.others) < maxSystems {
		s.others[from]++
	}
}

// release is the one operating system of the document. Judging packages of one
// by the advisories of another would be wrong, so several are an error.
func (s *systemFacts) release() (inventory.OSRelease, error) {
	ids := map[string]int{}
	best, most, precise := s.own, 0, false
	names := slices.SortedFunc(maps.Keys(s.others), func(a, b distroName) int {
		return cmp.Or(strings.Compare(a.distro, b.distro), strings.Compare(a.namespace, b.namespace))
	})
	for _, name := range names {
		os, count := name.system(), s.others[name]
		ids[os.ID] += count
		if s.own.ID != "" {
			continue
		}
		// Packages that only say whose they are know less than those that say of which release.
		if says := name.distro != ""; says && !precise || says == precise && count > most {
			best, most, precise = os, count, says
		}
	}
	if s.own.ID != "" {
		ids[s.own.ID]++
	}
	delete(ids, "")
	if len(ids) > 1 {
		return best, fmt.Errorf("it lists packages of several operating systems (%s): scan them one by one", strings.Join(slices.Sorted(maps.Keys(ids)), ", "))
	}
	return best, nil
}

// system reads "debian-12", "opensuse-leap-15.5", "3.20.3" (trivy, for Alpine)
// and "bookworm"; without any of it, the namespace is all there is.
func (d distroName) system() inventory.OSRelease {
	text, _, _ := strings.Cut(d.distro, " (") // "amazon-2 (Karoo)"
	if text == "" || startsWithDigit(text) {
		return systemOf(d.namespace, text)
	}
	if at := strings.LastIndexByte(text, '-'); at > 0 {
		if id, version := text[:at], text[at+1:]; startsWithDigit(version) || osID(id) == osID(d.namespace) {
			return systemOf(id, version)
		}
	}
	if osID(text) == osID(d.namespace) || d.namespace == "" {
		return systemOf(text, "")
	}
	return systemOf(d.namespace, text)
}

// systemOf is the os-release of a name and a version as tools write them.
func systemOf(name, version string) inventory.OSRelease {
	os := inventory.OSRelease{ID: osID(name)}
	version, _, _ = strings.Cut(version, " (")
	switch {
	case version == "":
	case startsWithDigit(version):
		os.VersionID = version
	case os.ID == "ubuntu" && ubuntuVersion(version) != "":
		os.VersionID, os.VersionCodename = ubuntuVersion(version), version
	default:
		os.VersionCodename, _, _ = strings.Cut(version, "/") // "forky/sid"
	}
	if os.ID == "amzn" { // trivy writes 2023.3.20240108, os-release 2023
		os.VersionID, _, _ = strings.Cut(os.VersionID, ".")
	}
	return os
}

// osID is the ID of os-release for what tools call a distribution.
func osID(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "redhat", "red hat", "red hat enterprise linux":
		return "rhel"
	case "amazon", "amazonlinux":
		return "amzn"
	case "alma":
		return "almalinux"
	case "oracle", "oraclelinux":
		return "ol"
	case "rockylinux":
		return "rocky"
	case "opensuse.leap", "opensuse":
		return "opensuse-leap"
	case "opensuse.tumbleweed":
		return "opensuse-tumbleweed"
	case "suse linux enterprise server", "suse", "sles_sap":
		return "sles"
	case "cbl-mariner":
		return "mariner"
	case "azure":
		return "azurelinux"
	}
	return name
}

// ubuntuVersion knows the releases by which package URLs may call Ubuntu.
func ubuntuVersion(codename string) string {
	return map[string]string{
		"trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "noble": "24.04", "resolute": "26.04",
	}[codename]
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
