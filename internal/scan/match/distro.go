package match

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// distroName names the release of a distribution by whose advisories images of
// this operating system are judged; "" for one that has none. It holds all that
// distroNamed needs to know.
func distroName(os inventory.OSRelease) string {
	version := os.VersionID
	switch os.ID {
	case "alpine":
		return alpineName(os)
	case "debian":
		return versioned("Debian", debianVersion(os))
	case "ubuntu":
		return ubuntuName(version)
	case "wolfi":
		return "Wolfi"
	case "chainguard":
		return "Chainguard"
	case "minimos":
		return "MinimOS"
	case "echo":
		return "Echo"
	case "rhel":
		return versioned("Red Hat", major(version))
	case "almalinux":
		return versioned("AlmaLinux", major(version))
	case "rocky":
		return versioned("Rocky Linux", major(version))
	case "azurelinux", "mariner": // CBL-Mariner was the name up to 2.0
		return versioned("Azure Linux", major(version))
	case "sles", "sle-micro", "sl-micro":
		return suseName(os.ID, version)
	case "opensuse-leap":
		return versioned("openSUSE:Leap ", version)
	case "opensuse-tumbleweed":
		return "openSUSE:Tumbleweed"
	case "mageia":
		return versioned("Mageia", major(version))
	case "photon":
		return versioned("Photon OS", version)
	case "fedora":
		return versioned("Fedora", version)
	case "amzn":
		return versioned("Amazon Linux", amazonVersion(version))
	case "ol":
		return versioned("Oracle Linux", major(version))
	}
	return ""
}

// suseName tells SUSE's products apart: "SUSE:15.3" is Linux Enterprise Server,
// "SUSE:Micro 5.5" is Linux Enterprise Micro.
func suseName(id, version string) string {
	if id == "sles" {
		return versioned("SUSE", version)
	}
	return versioned("SUSE:Micro ", version)
}

// versioned joins family and version; without a version there is no release.
func versioned(family, version string) string {
	switch {
	case version == "":
		return ""
	case strings.HasSuffix(family, " "):
		return family + version
	}
	return family + ":" + version
}

// amazonVersion: Amazon Linux 1 went by dates.
func amazonVersion(version string) string {
	if strings.HasPrefix(version, "201") {
		return "1"
	}
	return version
}

// alpineName is "Alpine:v3.20". Edge is where the next branch is made, so that
// branch's advisories hold for it as soon as there are any: "Alpine:edge:v3.21".
func alpineName(os inventory.OSRelease) string {
	branch := majorMinor(os.VersionID)
	switch {
	case !isAlpineEdge(os):
		return "Alpine:v" + branch
	case strings.Contains(branch, "."):
		return "Alpine:edge:v" + branch
	}
	return "Alpine:edge"
}

// isAlpineEdge: edge calls itself "3.21.0_alpha20240923" or nothing at all.
func isAlpineEdge(os inventory.OSRelease) bool {
	return strings.Contains(os.VersionID, "_alpha") || os.VersionID == "" || os.VersionID == "edge"
}

// debianVersion is the major version; testing has only a code name.
func debianVersion(os inventory.OSRelease) string {
	if v := major(os.VersionID); v != "" {
		return v
	}
	codename := os.VersionCodename
	if codename == "" {
		_, codename, _ = strings.Cut(os.PrettyName, "GNU/Linux ")
	}
	codename, _, _ = strings.Cut(codename, "/") // "forky/sid"
	names := []string{"jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke"}
	if i := slices.Index(names, codename); i >= 0 {
		return strconv.Itoa(i + 8)
	}
	return ""
}

// ubuntuName: OSV calls a release of April of an even year "Ubuntu:22.04:LTS".
func ubuntuName(version string) string {
	year, month, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(year)
	if err == nil && n%2 == 0 && strings.HasPrefix(month, "04") {
		return versioned("Ubuntu", version+":LTS")
	}
	return versioned("Ubuntu", version)
}

// distroNamed knows the distributions by the names that distroName gives.
func distroNamed(name string) *release {
	family, version, _ := strings.Cut(name, ":")
	r := &release{name: name, vendor: family, scheme: family, exports: []string{name, family}, accepts: exactly(name)}
	switch family {
	case "Alpine":
		r.kind, r.page = inventory.KindAPK, cvePage("https://security.alpinelinux.org/vuln/%s")
		if branch, edge := strings.CutPrefix(version, "edge"); edge {
			r.exports, r.accepts = []string{family}, exactly("Alpine:edge", "Alpine"+branch)
		}
	case "Debian":
		r.kind, r.traceable, r.page = inventory.KindDeb, true, cvePage("https://security-tracker.debian.org/tracker/%s")
	case "Ubuntu":
		plain := strings.TrimSuffix(name, ":LTS")
		r.kind, r.accepts, r.page = inventory.KindDeb, exactly(plain, plain+":LTS"), cvePage("https://ubuntu.com/security/%s")
		r.relief = ubuntuPro(version)
	case "Wolfi", "Chainguard", "MinimOS":
		r.kind, r.page = inventory.KindAPK, chainguardPage
	case "Echo":
		r.kind, r.scheme, r.page = inventory.KindDeb, "Debian", recordPage("")
	default:
		r.kind, r.scheme = inventory.KindRPM, "Red Hat"
		if !r.rpmFamily(family, version) {
			return nil
		}
	}
	if rolling := name == family; rolling {
		r.exports = []string{family}
	}
	return r
}

// rpmFamily fills in what is particular to a distribution whose packages are
// RPMs; false for one that is not known.
func (r *release) rpmFamily(family, version string) bool {
	switch family {
	case "Red Hat":
		r.naming, r.exports, r.accepts, r.relief = byBinary, []string{family}, redHatRelease(version), redHatExtended(version)
		r.page = cvePage("https://access.redhat.com/security/cve/%s")
	case "AlmaLinux":
		r.naming, r.builds, r.page = byBinary, true, recordPage("https://errata.almalinux.org/")
	case "Rocky Linux":
		r.naming, r.builds, r.page = byEither, true, recordPage("https://errata.rockylinux.org/")
	case "Azure Linux":
		r.naming, r.epochless, r.page = byEither, true, cvePage("https://msrc.microsoft.com/update-guide/vulnerability/%s")
	case "SUSE":
		r.exports, r.accepts = []string{family}, suseRelease(version)
		r.page = cvePage("https://www.suse.com/security/cve/%s.html")
	case "openSUSE":
		r.page = cvePage("https://www.suse.com/security/cve/%s.html")
	case "Mageia":
		r.page = recordPage("https://advisories.mageia.org/")
	case "Photon OS":
		r.naming, r.page = byEither, recordPage("")
	case "Fedora":
		r.naming, r.page = byBinary, recordPage("https://bodhi.fedoraproject.org/")
	case "Amazon Linux":
		r.naming, r.page = byBinary, cvePage("https://explore.alas.aws.amazon.com/%s.html")
	case "Oracle Linux":
		r.naming, r.page = byBinary, cvePage("https://linux.oracle.com/cve/%s.html")
	default:
		return false
	}
	return version != ""
}

// redHatRelease accepts the main stream of a major release, in any repository:
// "Red Hat:enterprise_linux:9::baseos", "Red Hat:enterprise_linux:10.0". The
// extended streams (rhel_eus, rhel_aus, …) are not what images are built from.
func redHatRelease(version string) func(string) bool {
	return func(ecosystem string) bool {
		rest, found := strings.CutPrefix(ecosystem, "Red Hat:enterprise_linux:")
		release, _, _ := strings.Cut(rest, ":")
		return found && version != "" && major(release) == version
	}
}

// redHatExtended knows packages of the extended streams of a minor release by
// their versions: what "Red Hat:rhel_eus:9.2::baseos" fixes has ".el9_2" in it.
func redHatExtended(version string) func(string) string {
	return func(ecosystem string) string {
		rest, found := strings.CutPrefix(ecosystem, "Red Hat:rhel_")
		parts := strings.Split(rest, ":")
		if !found || len(parts) < 2 || major(parts[1]) != version || !strings.Contains(parts[1], ".") {
			return ""
		}
		return ".el" + strings.ReplaceAll(parts[1], ".", "_")
	}
}

// ubuntuPro knows packages of Ubuntu Pro by their versions: they have "esm" in
// them. An image that has them has a subscription; other images cannot get them,
// so for those they are no fixes.
func ubuntuPro(version string) func(string) string {
	return func(ecosystem string) string {
		if ecosystem == "Ubuntu:Pro:"+version {
			return "esm"
		}
		return ""
	}
}

// suseRelease accepts the server and the modules of a service pack:
// "SUSE:Linux Enterprise Module for Basesystem 15 SP3".
func suseRelease(version string) func(string) bool {
	if micro, found := strings.CutPrefix(version, "Micro "); found {
		return exactly("SUSE:Linux Enterprise Micro "+micro, "SUSE:Linux Micro "+micro)
	}
	release, pack, found := strings.Cut(version, ".")
	if found && len(release) == 2 && release < "16" { // 15.3 is "15 SP3", 16.0 stays
		release += " SP" + pack
	} else {
		release = version
	}
	return func(ecosystem string) bool {
		rest, found := strings.CutPrefix(ecosystem, "SUSE:Linux Enterprise ")
		if !found || !(strings.HasPrefix(rest, "Server ") || strings.HasPrefix(rest, "Module for ")) {
			return false
		}
		return strings.HasSuffix(rest, " "+release) || strings.HasSuffix(rest, " "+release+"-LTSS")
	}
}
