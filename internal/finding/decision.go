package finding

import (
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Decision is ecru's own way to say that a vulnerability does not count: somebody
// has decided so, for a reason, and for a time.
type Decision struct {
	ID string `json:"id"`
	// Repository is a name, or a pattern with '*'; empty means every one. Digest
	// is an image of it; empty means all.
	Repository string `json:"repository,omitempty"`
	Digest     string `json:"digest,omitempty"`
	// Vulnerability is the id of the vulnerability or one of its aliases.
	Vulnerability string `json:"vulnerability"`
	// Package is the name of a package, or of the source package that it was built
	// of; empty means all that have the vulnerability.
	Package   string    `json:"package,omitempty"`
	Author    string    `json:"author"` // ARN of the principal that decided
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // zero: never
}

// Excuses says whether the decision is about a finding, all of it, at a time. A
// decision about one package does not hide that another has the vulnerability,
// too.
func (d Decision) Excuses(f Finding, now time.Time) bool {
	switch {
	case !d.ExpiresAt.IsZero() && !now.Before(d.ExpiresAt):
		return false
	case d.Repository != "" && !registry.WildcardMatch(d.Repository, f.Image.Repository):
		return false
	case d.Digest != "" && d.Digest != f.Image.Digest:
		return false
	case !f.Is(d.Vulnerability):
		return false
	}
	return d.Package == "" || len(f.Packages) > 0 && f.MorePackages == 0 && !slices.ContainsFunc(f.Packages, func(p Package) bool { return p.Name != d.Package && p.Source != d.Package })
}

// Is says whether an id is that of the vulnerability or one of its aliases.
func (f *Finding) Is(id string) bool {
	return strings.EqualFold(id, f.VulnerabilityID) || slices.ContainsFunc(f.Aliases, func(alias string) bool { return strings.EqualFold(alias, id) })
}
