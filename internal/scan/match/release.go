package match

import (
	"slices"
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

// release is what matching needs to know about the advisories that judge a
// component: those of one release of a distribution, or of one registry of
// language packages. Everything in it follows from its name.
type release struct {
	name    string // "Debian:12", "npm": what Component.Release holds
	vendor  string // as findings name it; empty for a language
	kind    string // of inventory packages
	scheme  string // ecosystem whose rules order the versions
	naming  naming
	exports []string // where its advisories are, in order of preference
	accepts func(ecosystem string) bool
	// relief names the part of a version by which a package of an extended
	// stream of support is known, for ecosystems of such streams; nil where there
	// are none. What those streams fix does not count against other packages.
	relief func(ecosystem string) string
	page   func(id string, r *advisory.Record) string
	// language: the packages of a language, not of a distribution.
	language bool
	// builds: several entries of one record for one package are builds that
	// all carry the fix, so reaching one of them is enough.
	builds bool
	// epochless: advisories are published without the epoch of the package.
	epochless bool
	// traceable: what is a vulnerability has a CVE (or GHSA) id. Errata
	// without one are regressions and new data files.
	traceable bool
}

// extended is relief for releases that have none, too.
func (r *release) extended(ecosystem string) string {
	if r.relief == nil {
		return ""
	}
	return r.relief(ecosystem)
}

// releaseNamed is the inverse of release.name: nil for what no inventory leads to.
func releaseNamed(name string) *release {
	if r := languageNamed(name); r != nil {
		return r
	}
	return distroNamed(name)
}

// Export lists the exports of advisories that judge a release, in order of
// preference. The first is what advisory.Updater wants. Nothing for a release
// that is not known.
func Export(release string) []string {
	r := releaseNamed(release)
	if r == nil {
		return nil
	}
	return slices.Clone(r.exports)
}

// ReleasesOf picks of the known releases those that the advisories of an
// ecosystem (an export) decide: they have to be judged again after it changed.
func ReleasesOf(ecosystem string, known []string) []string {
	var out []string
	for _, name := range known {
		if slices.Contains(Export(name), ecosystem) {
			out = append(out, name)
		}
	}
	return out
}

// Releases lists what the components of an inventory are judged by, sorted.
func Releases(inv *inventory.Inventory, scope Scope) []string {
	var out []string
	if name := distroName(inv.OS); name != "" {
		out = append(out, name) // also where no package is installed: it was asked about
	}
	if scope == AllPackages {
		for i := range inv.Packages {
			if name := languageOf(&inv.Packages[i]); name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Ecosystem names the advisories that images of this operating system need, as
// advisory.Updater takes it ("Alpine:v3.20"); false when none are known.
func Ecosystem(os inventory.OSRelease) (string, bool) {
	exports := Export(distroName(os))
	if len(exports) == 0 {
		return "", false
	}
	return exports[0], true
}

func exactly(names ...string) func(string) bool {
	return func(ecosystem string) bool { return slices.Contains(names, ecosystem) }
}

// family accepts an ecosystem with any suffix: "Packagist:https://packages.drupal.org/8".
func family(name string) func(string) bool {
	return func(ecosystem string) bool { return advisory.Within(ecosystem, name) }
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
