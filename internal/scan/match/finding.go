package match

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Finding is one vulnerability of one package.
type Finding struct {
	// ID is the CVE where there is one, else the best id of the advisory.
	ID string `json:"id"`
	// Package is the name that the advisory speaks of: the source package on
	// Debian, Ubuntu, Alpine, Wolfi and SUSE, the installed one on most others.
	Package string `json:"package"`
	// Binaries are the installed packages that it stands for, sorted.
	Binaries         []string `json:"binaries"`
	InstalledVersion string   `json:"installedVersion"`
	// FixedVersion is the version to update to, empty when there is none yet.
	FixedVersion string `json:"fixedVersion,omitempty"`

	Severity registry.Severity `json:"severity"`
	// SeveritySource is who said so: the vendor ("Ubuntu") or a CVSS version
	// ("CVSS:3.1"); empty when nobody did.
	SeveritySource string `json:"severitySource,omitempty"`
	// VendorSeverity is the vendor's own word ("not yet assigned", "Important").
	VendorSeverity string `json:"vendorSeverity,omitempty"`
	// CVSS holds at most one score of each version, newest version first.
	CVSS []CVSS `json:"cvss,omitempty"`

	Description string    `json:"description,omitempty"`
	URI         string    `json:"uri"`
	AdvisoryID  string    `json:"advisoryId"`
	Aliases     []string  `json:"aliases,omitempty"` // other ids of the same thing, sorted
	Published   time.Time `json:"published,omitzero"`
	Modified    time.Time `json:"modified,omitzero"`

	// Layer and Path are those of the first package.
	Layer string `json:"layer,omitempty"`
	Path  string `json:"path,omitempty"`
	// Reason says what was compared with what.
	Reason string `json:"reason"`
	// PURLs are the package URLs of the packages, where whoever stores the finding
	// has added them: statements name packages by them.
	PURLs []string `json:"purls,omitempty"`

	// Told is what only scanners of others tell; nil for our own findings.
	Told *Told `json:"told,omitempty"`

	// What follows is not part of what basic scanning stores.

	// Kind is that of the packages: "deb", "npm".
	Kind string `json:"-"`
	// Packages are the packages that it stands for, as indexes into the
	// inventory's, ascending.
	Packages []int           `json:"-"`
	Problem  finding.Problem `json:"-"`
}

// Told is what scanners of others tell of a vulnerability besides.
type Told struct {
	CWEs       []string          `json:"cwes,omitempty"`
	References []string          `json:"references,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"` // of their own making
}

// findingOf puts a problem and those who have it together.
func findingOf(inv *inventory.Inventory, s *Subject, p finding.Problem) Finding {
	first := &inv.Packages[s.Packages[0]]
	f := Finding{
		ID: p.VulnerabilityID, Package: p.Package, InstalledVersion: p.Version, FixedVersion: p.FixedVersion,
		Severity: p.Severity, SeveritySource: p.SeveritySource, VendorSeverity: p.VendorSeverity, CVSS: p.CVSS,
		Description: cmp.Or(p.Title, p.Description), URI: p.URL, AdvisoryID: p.AdvisoryID, Aliases: p.Aliases,
		Published: p.Published, Modified: p.Modified, Reason: p.Reason,
		Layer: first.Layer, Path: first.Path,
		Kind: first.Kind, Packages: s.Packages, Problem: p,
	}
	for _, i := range s.Packages {
		f.Binaries = append(f.Binaries, inv.Packages[i].Name)
	}
	slices.Sort(f.Binaries)
	f.Binaries = slices.Compact(f.Binaries)
	return f
}

// SortFindings puts the most severe first, then orders by id and package.
func SortFindings(all []Finding) {
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity.Rank(), b.Severity.Rank()),
			compareIDs(a.ID, b.ID),
			strings.Compare(a.Package, b.Package),
			strings.Compare(a.InstalledVersion, b.InstalledVersion),
		)
	})
}

// compareIDs puts CVE-2024-999 before CVE-2024-10000.
func compareIDs(a, b string) int {
	ap, an := splitNumber(a)
	bp, bn := splitNumber(b)
	if ap != bp {
		return strings.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(len(an), len(bn)), strings.Compare(an, bn))
}

// splitNumber cuts the digits off the end.
func splitNumber(id string) (prefix, number string) {
	i := len(id)
	for i > 0 && id[i-1] >= '0' && id[i-1] <= '9' {
		i--
	}
	return id[:i], id[i:]
}
