package match

import (
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// languageOf names the release that judges a language package; "" for others.
func languageOf(p *inventory.Package) string {
	if p.OwnedBy != "" {
		return ""
	}
	switch p.Kind {
	case inventory.KindNPM:
		return "npm"
	case inventory.KindPyPI:
		return "PyPI"
	case inventory.KindMaven:
		return "Maven"
	case inventory.KindGolang:
		return "Go"
	case inventory.KindCargo:
		return "crates.io"
	case inventory.KindGem:
		return "RubyGems"
	case inventory.KindComposer:
		return "Packagist"
	case inventory.KindNuGet:
		return "NuGet"
	case inventory.KindHex:
		return "Hex"
	case inventory.KindPub:
		return "Pub"
	case inventory.KindSwift:
		return "SwiftURL"
	case inventory.KindHackage:
		return "Hackage"
	case inventory.KindCRAN:
		return "CRAN"
	case inventory.KindBitnami:
		return "Bitnami"
	case inventory.KindGitHub:
		return "GitHub Actions"
	}
	return ""
}

// languageNamed knows the registries of language packages; nil for others. They
// have no releases: every registry is its own.
func languageNamed(name string) *release {
	r := &release{name: name, scheme: name, language: true, exports: []string{name}, accepts: family(name), page: languagePage}
	switch name {
	case "npm":
		r.kind = inventory.KindNPM
	case "PyPI":
		r.kind = inventory.KindPyPI
	case "Maven":
		r.kind = inventory.KindMaven
	case "Go":
		r.kind = inventory.KindGolang
	case "crates.io":
		r.kind = inventory.KindCargo
	case "RubyGems":
		r.kind = inventory.KindGem
	case "Packagist":
		r.kind = inventory.KindComposer
	case "NuGet":
		r.kind = inventory.KindNuGet
	case "Hex":
		r.kind = inventory.KindHex
	case "Pub":
		r.kind = inventory.KindPub
	case "SwiftURL":
		r.kind = inventory.KindSwift
	case "Hackage":
		r.kind = inventory.KindHackage
	case "CRAN":
		r.kind = inventory.KindCRAN
	case "Bitnami":
		r.kind = inventory.KindBitnami
	case "GitHub Actions":
		r.kind = inventory.KindGitHub
	default:
		return nil
	}
	return r
}
