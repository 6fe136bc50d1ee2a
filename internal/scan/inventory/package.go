package inventory

import (
	"cmp"
	"strings"
)

// IndexerVersion goes up whenever ReadLayer would find something else in the same bytes. Records of another version are
// to be thrown away and read again.
const IndexerVersion = 2

// Kinds of packages, named after the format of the database that lists them.
const (
	KindAPK = "apk" // Alpine, Wolfi, Chainguard
	KindDeb = "deb" // Debian, Ubuntu, distroless
	KindRPM = "rpm" // Red Hat and relatives, Fedora, SUSE, Amazon, Azure Linux, Photon
)

// Kinds of language packages, named after the type of their package URLs.
const (
	KindNPM      = "npm"      // name "@scope/name" or "name"
	KindPyPI     = "pypi"     // name as the distribution writes it
	KindMaven    = "maven"    // name "group:artifact"
	KindGolang   = "golang"   // name is the module path or "stdlib", whose version has no "v"
	KindCargo    = "cargo"    //
	KindGem      = "gem"      //
	KindComposer = "composer" // name "vendor/name"
	KindNuGet    = "nuget"    //
)

// KindBinary is the kind of a File that is a program. Its packages have kinds of their own.
const KindBinary = "binary"

// KindList is the kind of a File that only says which files a package owns.
const KindList = "list"

// isLanguage says whether files or packages of a kind are those of programming languages.
func isLanguage(kind string) bool { return !isDatabase(kind) && kind != KindList }

// isDatabase says whether files of a kind are package databases of operating systems.
func isDatabase(kind string) bool { return kind == KindAPK || kind == KindDeb || kind == KindRPM }

// Package is one installed package.
type Package struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Version is the full version as the distribution writes it: "3.3.2-r0" (apk), "1:1.2.13.dfsg-1" (deb),
	// "1:3.0.7-6.el9_2" (rpm: [epoch:]version-release, an epoch of zero is left out).
	Version string `json:"version"`
	// Epoch and Release are parts of Version that reports show on their own: "1" and "6.el9_2" above, the Debian
	// revision for deb, "r0" for apk.
	Epoch   int    `json:"epoch,omitempty"`
	Release string `json:"release,omitempty"`
	Arch    string `json:"arch,omitempty"`
	// SourceName is the source package that this one was built from: apk origin, deb Source, rpm SOURCERPM. It is the
	// package's own name where the database names none, so it is never empty.
	SourceName string `json:"sourceName"`
	// SourceVersion is the version of the source package: for deb the one in brackets in the Source field, which can
	// differ from Version by more than an epoch; for rpm version-release without an epoch, because SOURCERPM has
	// none. It equals Version where the database says nothing else.
	SourceVersion string `json:"sourceVersion"`
	// Module is the modularity label of an rpm: "nodejs:18:8080020230718:63b34585".
	Module string `json:"module,omitempty"`
	// Maintainer is the maintainer (apk, deb) or the vendor (rpm) as written in the database.
	Maintainer string `json:"maintainer,omitempty"`
	// Path is the package database file, or the file that is or describes the language package, without a leading
	// slash: "var/lib/dpkg/status", "app/node_modules/lodash/package.json", "app/app.war!/WEB-INF/lib/x.jar".
	Path string `json:"path"`
	// OwnedBy names the OS package that brought the file at Path. Such a package is the distribution's business: it is
	// neither matched nor counted beside the OS package. Only Merge sets it.
	OwnedBy string `json:"ownedBy,omitempty"`
	// Layer is the digest of the layer that brought the package: the lowest one since which it has been there
	// unchanged. Only Merge sets it, and Inventory.ID leaves it out.
	Layer string `json:"layer,omitempty"`
}

// Upstream is Version without its epoch and release: "3.0.7".
func (p *Package) Upstream() string {
	v := p.Version
	if p.Kind != KindAPK {
		if i := strings.IndexByte(v, ':'); i >= 0 {
			v = v[i+1:]
		}
	}
	if p.Release != "" {
		v = strings.TrimSuffix(v, "-"+p.Release)
	}
	return v
}

// comparePackages orders by everything but the layer, so that the order of equal package lists is the same whatever
// layers they came in.
func comparePackages(a, b Package) int {
	// Not cmp.Or, which would compare all of them each time.
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	if c := strings.Compare(a.Version, b.Version); c != 0 {
		return c
	}
	if c := strings.Compare(a.Arch, b.Arch); c != 0 {
		return c
	}
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	return cmp.Or(
		strings.Compare(a.SourceName, b.SourceName), strings.Compare(a.SourceVersion, b.SourceVersion),
		strings.Compare(a.Module, b.Module), strings.Compare(a.Maintainer, b.Maintainer),
	)
}
