package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// What Inspector says where there is nothing to say.
const (
	NoRemediation  = "None Provided"
	NoFixedVersion = "NotAvailable"
)

// maxNamed is how many packages the title of a finding names.
const maxNamed = 5

// Bounds of what one finding tells, whatever an image holds: somebody may have made
// it to be told of.
const (
	// MaxPackages is how many packages of a finding are listed; the others are
	// counted.
	MaxPackages   = 250
	maxReasons    = 50
	maxReferences = 100
	maxAliases    = 100
)

// LocatedProblem is a problem and the packages of an image that have it.
type LocatedProblem struct {
	Problem
	Packages []Package // FixedIn is Compose's to fill in
	More     int       // packages beside
}

// Rating is what the problems behind a finding come to.
type Rating struct {
	Severity registry.Severity
	Score    float64 // -1 when nobody has scored it
	Fix      Fix
	Vendor   string
}

// Rate rates a vulnerability by all its problems in an image: the most severe one
// counts.
func Rate(problems []Problem) Rating {
	if len(problems) == 0 {
		return Rating{Severity: Untriaged, Score: -1, Fix: NotFixed}
	}
	worst := slices.MinFunc(problems, compareWeight)
	r := Rating{Severity: severityOf(worst), Score: scoreOf(worst), Fix: PartFixed, Vendor: worst.VendorSeverity}
	fixed := 0
	for _, p := range problems {
		if p.FixedVersion != "" {
			fixed++
		}
	}
	switch fixed {
	case 0:
		r.Fix = NotFixed
	case len(problems):
		r.Fix = Fixable
	}
	return r
}

// Apply writes the rating into a state.
func (r Rating) Apply(s *State) {
	s.Severity, s.Score, s.Fix, s.Vendor = r.Severity, r.Score, r.Fix, r.Vendor
}

// compareWeight puts the problem that counts most first: the most severe, then
// the one with the highest score, then by what never changes.
func compareWeight(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(severityOf(a).Rank(), severityOf(b).Rank()),
		cmp.Compare(scoreOf(b), scoreOf(a)),
		cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.AdvisoryID, b.AdvisoryID),
	)
}

func severityOf(p Problem) registry.Severity {
	if p.Severity == registry.Undefined || p.Severity == "" {
		return Untriaged
	}
	return p.Severity
}

func scoreOf(p Problem) float64 {
	if len(p.CVSS) == 0 {
		return -1
	}
	return p.CVSS[0].Score
}

// Compose makes a finding of its state and of the problems that it consists of. Of
// a finding that was closed because its problems are gone there is little to tell.
func Compose(s State, i Image, problems []LocatedProblem) Finding {
	f := Finding{State: s, Image: i, Title: s.VulnerabilityID, Remediation: NoRemediation}
	if len(problems) == 0 {
		return f
	}
	problems = slices.Clone(problems)
	slices.SortStableFunc(problems, func(a, b LocatedProblem) int { return compareWeight(a.Problem, b.Problem) })
	worst := problems[0]
	f.Source, f.SourceURL, f.CreatedAt, f.ChangedAt = worst.Source, worst.URL, worst.Published, worst.Modified
	var references, reasons listing[string]
	var scores listing[CVSS]
	for _, p := range problems {
		f.Description = cmp.Or(f.Description, p.Description)
		if len(f.Aliases) < maxAliases {
			f.Aliases = append(f.Aliases, p.Aliases...)
			f.CWEs = append(f.CWEs, p.CWEs...)
		}
		references.add(p.References, maxReferences)
		scores.add(p.CVSS, maxReferences)
		reasons.add([]string{p.Reason}, maxReasons)
		f.MorePackages += p.More
		for _, pkg := range p.Packages {
			// One that two problems are about is listed once, so that more are
			// gathered than are listed.
			if len(f.Packages) >= 4*MaxPackages {
				f.MorePackages++
				continue
			}
			pkg.FixedIn = cmp.Or(p.FixedVersion, NoFixedVersion)
			f.Packages = append(f.Packages, pkg)
		}
	}
	f.References, f.CVSS, f.Reasons = references.list, scores.list, reasons.list
	f.Description = cmp.Or(f.Description, worst.Title)
	f.Aliases = slices.DeleteFunc(distinct(f.Aliases), func(id string) bool { return id == s.VulnerabilityID })
	f.CWEs = distinct(f.CWEs)
	f.listPackages()
	f.Title = title(s.VulnerabilityID, f.Packages, worst.Package, f.MorePackages > 0)
	f.Remediation = remediation(f.Packages)
	if n := f.MorePackages; n > 0 {
		f.Remediation += fmt.Sprintf(" %d more of the image's packages have the vulnerability than are listed.", n)
	}
	return f
}

// listPackages orders the packages, and counts those that are more than fit.
func (f *Finding) listPackages() {
	slices.SortStableFunc(f.Packages, comparePackages)
	f.Packages = slices.CompactFunc(f.Packages, func(a, b Package) bool { return comparePackages(a, b) == 0 })
	if more := len(f.Packages) - MaxPackages; more > 0 {
		f.MorePackages += more
		f.Packages = slices.Clip(f.Packages[:MaxPackages])
	}
}

// listing is a list without repetitions.
type listing[T comparable] struct{ list []T }

func (l *listing[T]) add(more []T, most int) {
	for _, v := range more {
		if len(l.list) < most {
			l.list = appendNew(l.list, []T{v})
		}
	}
}

func appendNew[T comparable](list, more []T) []T {
	for _, v := range more {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// comparePackages orders the packages of a finding. The same package twice, fixed
// or not, is one: it can be named by its source and by itself.
func comparePackages(a, b Package) int {
	return cmp.Or(
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Release, b.Release),
		cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Path, b.Path),
	)
}

// title names the vulnerability and the packages that have it.
func title(id string, packages []Package, otherwise string, unlisted bool) string {
	var names []string
	for _, p := range packages {
		names = appendNew(names, []string{p.Name})
	}
	if len(names) == 0 {
		names = []string{otherwise}
	}
	more := ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	if unlisted {
		more = " and more"
	}
	return id + " - " + strings.Join(names, ", ") + more
}

// remediation says what to update to what.
func remediation(packages []Package) string {
	var steps []string
	for _, p := range packages {
		if p.FixedIn != NoFixedVersion {
			steps = appendNew(steps, []string{p.Name + " to " + p.FixedIn})
		}
	}
	switch n := len(steps) - maxNamed; {
	case len(steps) == 0:
		return NoRemediation
	case n > 0:
		steps = append(steps[:maxNamed], fmt.Sprintf("and %d more as their fixedInVersion says", n))
	}
	return "Update the packages to the versions that fix the vulnerability: " + strings.Join(steps, ", ") + "."
}
