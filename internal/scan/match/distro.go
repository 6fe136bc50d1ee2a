package match

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// naming says which of a package's names a distribution's advisories use.
type naming int

const (
	bySource naming = iota // the source package, compared with the source's version
	byBinary               // the installed package
	byEither               // either, depending on the advisory
)

// distro is what matching needs to know about one release of a distribution.
type distro struct {
	vendor  string // as findings name it
	kind    string // of inventory packages
	scheme  string // ecosystem whose rules order the versions
	naming  naming
	exports []string // where its advisories are, in order of preference
	accepts func(ecosystem string) bool
	page    func(id string, r *advisory.Record) string
	// builds: several entries of one record for one package are builds that
	// all carry the fix, so reaching one of them is enough.
	builds bool
	// epochless: advisories are published without the epoch of the package.
	epochless bool
	// traceable: what is a vulnerability has a CVE (or GHSA) id. Errata
	// without one are regressions and new data files.
	traceable bool
}

// key tells releases apart that share an export.
func (d *distro) key() string { return d.exports[0] }

// Ecosystem names the advisories that images of this operating system need, as
// advisory.Updater takes it ("Alpine:v3.20"); false when none are known.
func Ecosystem(os inventory.OSRelease) (string, bool) {
	d := distroOf(os)
	if d == nil {
		return "", false
	}
	return d.exports[0], true
}

// distroOf finds the distribution, nil for one that has no advisories.
func distroOf(os inventory.OSRelease) *distro {
	switch os.ID {
	case "alpine":
		return alpine(os)
	case "debian":
		return debian(os)
	case "ubuntu":
		return ubuntu(os)
	case "wolfi":
		return chainguard("Wolfi")
	case "chainguard":
		return chainguard("Chainguard")
	case "minimos":
		return &distro{vendor: "MinimOS", kind: inventory.KindAPK, scheme: "Alpine", exports: []string{"MinimOS"},
			accepts: exactly("MinimOS"), page: recordPage("")}
	case "echo":
		return &distro{vendor: "Echo", kind: inventory.KindDeb, scheme: "Debian", exports: []string{"Echo"},
			accepts: exactly("Echo"), page: recordPage("")}
	}
	return rpmDistro(os)
}

func alpine(os inventory.OSRelease) *distro {
	d := &distro{vendor: "Alpine", kind: inventory.KindAPK, scheme: "Alpine",
		page: cvePage("https://security.alpinelinux.org/vuln/%s")}
	branch := "Alpine:v" + majorMinor(os.VersionID)
	if isAlpineEdge(os) {
		// Edge is where the next branch is made, so that branch's advisories
		// hold for it as soon as there are any.
		d.exports, d.accepts = []string{"Alpine"}, exactly("Alpine:edge", branch)
		return d
	}
	d.exports, d.accepts = []string{branch, "Alpine"}, exactly(branch)
	return d
}

// isAlpineEdge: edge calls itself "3.21.0_alpha20240923" or nothing at all.
func isAlpineEdge(os inventory.OSRelease) bool {
	return strings.Contains(os.VersionID, "_alpha") || os.VersionID == "" || os.VersionID == "edge"
}

func debian(os inventory.OSRelease) *distro {
	version := debianVersion(os)
	if version == "" {
		return nil
	}
	release := "Debian:" + version
	return &distro{vendor: "Debian", kind: inventory.KindDeb, scheme: "Debian", traceable: true,
		exports: []string{release, "Debian"}, accepts: exactly(release),
		page: cvePage("https://security-tracker.debian.org/tracker/%s")}
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

func ubuntu(os inventory.OSRelease) *distro {
	plain := "Ubuntu:" + os.VersionID
	lts := plain + ":LTS"
	first := plain
	if isUbuntuLTS(os.VersionID) {
		first = lts
	}
	return &distro{vendor: "Ubuntu", kind: inventory.KindDeb, scheme: "Ubuntu",
		exports: []string{first, "Ubuntu"}, accepts: exactly(plain, lts),
		page: cvePage("https://ubuntu.com/security/%s")}
}

// isUbuntuLTS: April of the even years.
func isUbuntuLTS(version string) bool {
	year, month, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(year)
	return err == nil && n%2 == 0 && strings.HasPrefix(month, "04")
}

func chainguard(name string) *distro {
	return &distro{vendor: name, kind: inventory.KindAPK, scheme: name, exports: []string{name}, accepts: exactly(name),
		page: func(id string, r *advisory.Record) string {
			if strings.HasPrefix(r.ID, "CGA-") {
				return "https://images.chainguard.dev/security/" + r.ID
			}
			return defaultPage(id, r)
		}}
}

// rpmDistro knows the distributions whose packages are RPMs.
func rpmDistro(os inventory.OSRelease) *distro {
	d := &distro{kind: inventory.KindRPM, scheme: "Red Hat"}
	switch os.ID {
	case "rhel":
		d.vendor, d.naming, d.exports = "Red Hat", byBinary, []string{"Red Hat"}
		d.accepts = redHatRelease(major(os.VersionID))
		d.page = cvePage("https://access.redhat.com/security/cve/%s")
	case "almalinux":
		d.released("AlmaLinux", "AlmaLinux:"+major(os.VersionID))
		d.naming, d.builds, d.page = byBinary, true, recordPage("https://errata.almalinux.org/")
	case "rocky":
		d.released("Rocky Linux", "Rocky Linux:"+major(os.VersionID))
		d.naming, d.builds, d.page = byEither, true, recordPage("https://errata.rockylinux.org/")
	case "azurelinux", "mariner": // CBL-Mariner was the name up to 2.0
		d.released("Azure Linux", "Azure Linux:"+major(os.VersionID))
		d.naming, d.epochless, d.page = byEither, true, cvePage("https://msrc.microsoft.com/update-guide/vulnerability/%s")
	case "sles":
		d.vendor, d.exports, d.accepts = "SUSE", []string{"SUSE"}, suseRelease(os.VersionID)
		d.page = cvePage("https://www.suse.com/security/cve/%s.html")
	case "opensuse-leap":
		d.released("openSUSE", "openSUSE:Leap "+os.VersionID)
		d.page = cvePage("https://www.suse.com/security/cve/%s.html")
	case "opensuse-tumbleweed":
		d.released("openSUSE", "openSUSE:Tumbleweed")
		d.page = cvePage("https://www.suse.com/security/cve/%s.html")
	case "mageia":
		d.released("Mageia", "Mageia:"+major(os.VersionID))
		d.page = recordPage("https://advisories.mageia.org/")
	case "photon":
		d.released("Photon OS", "Photon OS:"+os.VersionID)
		d.naming, d.page = byEither, recordPage("")
	case "fedora":
		d.released("Fedora", "Fedora:"+os.VersionID)
		d.naming, d.page = byBinary, recordPage("https://bodhi.fedoraproject.org/")
	case "amzn":
		d.released("Amazon Linux", "Amazon Linux:"+os.VersionID)
		d.naming, d.page = byBinary, cvePage("https://explore.alas.aws.amazon.com/%s.html")
	case "ol":
		d.released("Oracle Linux", "Oracle Linux:"+major(os.VersionID))
		d.naming, d.page = byBinary, cvePage("https://linux.oracle.com/cve/%s.html")
	default:
		return nil
	}
	return d
}

// released fills in a distribution with an export for each release.
func (d *distro) released(vendor, release string) {
	d.vendor, d.exports, d.accepts = vendor, []string{release, advisory.Parent(release)}, exactly(release)
}

func exactly(names ...string) func(string) bool {
	return func(ecosystem string) bool { return slices.Contains(names, ecosystem) }
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

// suseRelease accepts the server and the modules of a service pack:
// "SUSE:Linux Enterprise Module for Basesystem 15 SP3".
func suseRelease(version string) func(string) bool {
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

// major is "9" of "9.4".
func major(version string) string {
	v, _, _ := strings.Cut(version, ".")
	return v
}

// majorMinor is "3.20" of "3.20.3".
func majorMinor(version string) string {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	second, _, _ = strings.Cut(second, "_")
	if second == "" {
		return first
	}
	return first + "." + second
}
