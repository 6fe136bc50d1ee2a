package match

import (
	"fmt"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Scope says which packages of an inventory are looked up.
type Scope int

const (
	// OSPackages are those of the distribution: what basic scanning looks at.
	OSPackages Scope = iota
	// AllPackages are those of languages, too: enhanced scanning.
	AllPackages
)

// Subject is a component of an inventory and the packages that it stands for.
type Subject struct {
	finding.Component
	Packages []int // indexes into Inventory.Packages, ascending
}

// Components groups the packages of an inventory by what they are looked up as.
// One package can be in two of them where advisories use source and installed
// names side by side. Packages of files that an operating system package brought
// are left out: they are the distribution's to judge, and to patch.
func Components(inv *inventory.Inventory, scope Scope) []Subject {
	var os *release
	if name := distroName(inv.OS); name != "" {
		os = distroNamed(name)
	}
	at := map[finding.Component]int{}
	var all []Subject
	add := func(c finding.Component, pkg int) {
		i, known := at[c]
		if !known {
			i = len(all)
			at[c] = i
			all = append(all, Subject{Component: c})
		}
		if list := all[i].Packages; len(list) == 0 || list[len(list)-1] != pkg {
			all[i].Packages = append(list, pkg)
		}
	}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		switch {
		case p.OwnedBy != "":
		case os != nil && p.Kind == os.kind:
			for _, c := range os.components(p) {
				add(c, i)
			}
		case scope == AllPackages:
			if lang := languageOf(p); lang != "" {
				add(finding.Component{Release: lang, Name: advisory.LookupName(lang, p.Name), Version: p.Version}, i)
			}
		}
	}
	return all
}

// components are the one or two names that a package of the distribution is
// looked up by.
func (r *release) components(p *inventory.Package) []finding.Component {
	var out []finding.Component
	if r.naming != byBinary {
		name, version := unsigned(p.SourceName, sourceVersion(p))
		out = append(out, finding.Component{Release: r.name, Name: name, Version: version, Module: p.Module})
	}
	if r.naming == byBinary || r.naming == byEither && p.Name != p.SourceName {
		out = append(out, finding.Component{Release: r.name, Name: p.Name, Version: p.Version, Module: p.Module})
	}
	return out
}

// unsigned: Debian's signed kernels have sources of their own, made from those
// that its advisories speak of: linux-signed-amd64 6.1.112+1 of linux 6.1.112-1.
func unsigned(name, version string) (string, string) {
	if !strings.HasPrefix(name, "linux-signed-") {
		return name, version
	}
	if i := strings.LastIndexByte(version, '+'); i >= 0 {
		version = version[:i] + "-" + version[i+1:]
	}
	return "linux", version
}

// sourceVersion is the version of the source package. That of an RPM is
// recorded without its epoch, which is the package's own.
func sourceVersion(p *inventory.Package) string {
	if p.Kind == inventory.KindRPM && p.Epoch != 0 && !strings.Contains(p.SourceVersion, ":") {
		return fmt.Sprintf("%d:%s", p.Epoch, p.SourceVersion)
	}
	return p.SourceVersion
}
