package match

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Outcome is what came of one advisory and one package.
type Outcome string

// What can come of an advisory.
const (
	Affected        Outcome = "AFFECTED"         // it is a finding
	Fixed           Outcome = "FIXED"            // at or above the version that fixes it
	BelowIntroduced Outcome = "BELOW_INTRODUCED" // older than the problem
	AboveLast       Outcome = "ABOVE_LAST"       // newer than the last affected version
	NotListed       Outcome = "NOT_LISTED"       // not among the affected versions
	NeverAffected   Outcome = "NEVER_AFFECTED"   // the vendor says that no version of the package was
	Overruled       Outcome = "OVERRULED"        // a record about this very vulnerability says otherwise
	OtherRelease    Outcome = "OTHER_RELEASE"    // it speaks of other releases only
	OtherStream     Outcome = "OTHER_STREAM"     // it speaks of another module stream
	Withdrawn       Outcome = "WITHDRAWN"        // its publisher took it back
	Informational   Outcome = "INFORMATIONAL"    // a notice, not a vulnerability
	Untraceable     Outcome = "UNTRACEABLE"      // an erratum without a vulnerability
	Owned           Outcome = "OWNED"            // an operating system package brought the file
	Undecidable     Outcome = "UNDECIDABLE"      // a version cannot be compared
	NoAdvisories    Outcome = "NO_ADVISORIES"    // none are loaded
	Unmentioned     Outcome = "UNMENTIONED"      // those that are loaded do not know the release
	UnknownSystem   Outcome = "UNKNOWN_SYSTEM"   // none are published
	NotInstalled    Outcome = "NOT_INSTALLED"    // the package that it is about is not in the image
	NotFound        Outcome = "NOT_FOUND"        // no advisory has the id
)

// Explanation says why a vulnerability is, or is not, among the findings of an
// inventory.
type Explanation struct {
	ID      string   `json:"id"`                // as it was asked for
	Aliases []string `json:"aliases,omitempty"` // other ids of the same thing, sorted
	Found   bool     `json:"found"`             // at least one package is affected
	// Statements are what led to it: those that are findings first.
	Statements []Statement `json:"statements"`
}

// Statement is what one advisory, or the lack of them, means for one package.
type Statement struct {
	Outcome Outcome `json:"outcome"`
	// Sentence says it to people.
	Sentence string `json:"sentence"`

	Release string `json:"release,omitempty"` // by whose advisories: "Debian:12", "npm"
	// Component is what was looked up, Packages are those that it stands for.
	Component *finding.Component `json:"component,omitempty"`
	Packages  []PackageRef       `json:"packages,omitempty"`

	AdvisoryID string   `json:"advisoryId,omitempty"`
	URL        string   `json:"url,omitempty"`
	Ecosystems []string `json:"ecosystems,omitempty"` // of which the advisory speaks
	// Installed and Bound are the versions that were compared, in Order, the
	// rules of a distribution or language; Rule is the part that held or did not.
	Installed string `json:"installed,omitempty"`
	Bound     string `json:"bound,omitempty"`
	Rule      string `json:"rule,omitempty"`
	Order     string `json:"order,omitempty"`
	// Problem is the finding, where it is one.
	Problem *finding.Problem `json:"problem,omitempty"`
}

// PackageRef says where an installed package is.
type PackageRef struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
	Layer   string `json:"layer,omitempty"`
	OwnedBy string `json:"ownedBy,omitempty"`
}

// Explain says what the advisories with an id (a CVE or any alias) mean for the
// packages of an inventory, of operating system and languages. Advisories about
// packages that are not installed are looked for only where no other has the id,
// and only if the Lookup can page through all (an advisory.Store can). Errors:
// those of the Lookup.
func (m *Matcher) Explain(ctx context.Context, inv *inventory.Inventory, id string) (Explanation, error) {
	e := &explainer{id: id, inv: inv, ids: map[string]bool{id: true}}
	os := distroName(inv.OS)
	if os == "" && !inv.OS.IsZero() {
		e.say(Statement{Outcome: UnknownSystem, Sentence: fmt.Sprintf(
			"No advisories are published for the operating system %q, version %q: its packages were not looked at.", inv.OS.ID, inv.OS.VersionID)})
	}
	for _, name := range explained(inv) {
		if err := e.release(ctx, m, name, name == os); err != nil {
			return Explanation{}, err
		}
	}
	if !e.spoken() {
		if err := e.elsewhere(ctx, m); err != nil {
			return Explanation{}, err
		}
	}
	return e.finish(), nil
}

// explained are the releases of an inventory, those of packages that belong to
// others among them.
func explained(inv *inventory.Inventory) []string {
	all := Releases(inv, AllPackages)
	for i := range inv.Packages {
		p := inv.Packages[i]
		p.OwnedBy = ""
		if name := languageOf(&p); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// explainer collects statements.
type explainer struct {
	id     string
	inv    *inventory.Inventory
	ids    map[string]bool // all ids of what was asked for
	out    []Statement
	looked []look
}

// look is a release whose advisories were read.
type look struct {
	release *release
	source  advisory.Source
	names   []string // of the installed packages
}

func (e *explainer) say(s Statement) { e.out = append(e.out, s) }

// candidate is a component and what is stored about its name.
type candidate struct {
	Subject
	ownedBy string
	records []*advisory.Record
	rules   []*rule
}

// release explains by the advisories of one release.
func (e *explainer) release(ctx context.Context, m *Matcher, name string, isOS bool) error {
	r := releaseNamed(name)
	candidates := e.candidates(name)
	source, mentioned, err := m.read(ctx, r, candidates)
	var none *NoAdvisoriesError
	switch {
	case errors.As(err, &none):
		e.say(Statement{Outcome: NoAdvisories, Release: name, Sentence: fmt.Sprintf(
			"No advisories of %s are loaded: %s not looked at.", none.Ecosystem, packagesOf(r, isOS))})
		return nil
	case err != nil:
		return err
	}
	if !mentioned && isOS {
		e.say(Statement{Outcome: Unmentioned, Release: name, Sentence: fmt.Sprintf(
			"The advisories of %s that are loaded do not speak of the release %s at all.", source.Ecosystem, name)})
	}
	l := look{release: r, source: source}
	for _, c := range candidates {
		l.names = append(l.names, c.Name)
	}
	e.looked = append(e.looked, l)
	e.widen(candidates)
	for _, c := range candidates {
		e.component(r, c)
	}
	return nil
}

func packagesOf(r *release, isOS bool) string {
	if isOS {
		return "the packages of the operating system were"
	}
	return "the " + r.kind + " packages were"
}

// candidates are the components of a release, with those whose files belong to
// packages of the operating system.
func (e *explainer) candidates(name string) []*candidate {
	var all []*candidate
	for _, s := range Components(e.inv, AllPackages) {
		if s.Release == name {
			all = append(all, &candidate{Subject: s})
		}
	}
	for i := range e.inv.Packages {
		p := e.inv.Packages[i]
		owner := p.OwnedBy
		p.OwnedBy = ""
		if owner != "" && languageOf(&p) == name {
			c := finding.Component{Release: name, Name: advisory.LookupName(name, p.Name), Version: p.Version}
			all = append(all, &candidate{Subject: Subject{Component: c, Packages: []int{i}}, ownedBy: owner})
		}
	}
	return all
}

// read fills in what is stored about the candidates, and says whether the
// release is spoken of.
func (m *Matcher) read(ctx context.Context, r *release, candidates []*candidate) (source advisory.Source, mentioned bool, err error) {
	names := []string{advisory.Contents}
	for _, c := range candidates {
		names = append(names, c.Name)
	}
	for range 10 {
		if source, err = m.source(ctx, r); err != nil {
			return source, false, err
		}
		byName, current, err := m.entries(ctx, source, slices.Clone(names))
		if err != nil {
			return source, false, err
		}
		if !current {
			continue
		}
		for _, c := range candidates {
			if c.records, err = decodeAll(byName[c.Name]); err == nil {
				c.rules, err = compile(r, byName[c.Name])
			}
			if err != nil {
				return source, false, err
			}
		}
		contents, err := compile(r, byName[advisory.Contents])
		return source, len(contents) > 0, err
	}
	return source, false, fmt.Errorf("match: the advisories of %s change all the time", r.exports[0])
}

func decodeAll(entries []advisory.Entry) ([]*advisory.Record, error) {
	var all []*advisory.Record
	for _, e := range entries {
		record, err := e.Record()
		if err != nil {
			return nil, fmt.Errorf("match: stored advisory %s of %s: %w", e.ID, e.Package, err)
		}
		all = append(all, record)
	}
	return all, nil
}

// widen adds the other ids of what was asked for, as long as records tie new
// ones to it. A notice of many vulnerabilities ties nothing.
func (e *explainer) widen(candidates []*candidate) {
	for grown := true; grown; {
		grown = false
		for _, c := range candidates {
			for _, r := range c.records {
				if !e.about(r) || len(findingNames(r)) > 1 {
					continue
				}
				for _, id := range sameThing(r) {
					if !e.ids[id] {
						e.ids[id], grown = true, true
					}
				}
			}
		}
	}
}

// about reports whether a record is about what was asked for.
func (e *explainer) about(r *advisory.Record) bool {
	return slices.ContainsFunc(sameThing(r), func(id string) bool { return e.ids[id] })
}

// component explains what the records say about one component.
func (e *explainer) component(r *release, c *candidate) {
	in, parseErr := r.install(c.Component)
	problems, _ := r.problems(c.Component, c.rules)
	for _, record := range c.records {
		if !e.about(record) {
			continue
		}
		s := e.statement(r, c, record)
		if parseErr != nil {
			s.Outcome = Undecidable
		} else {
			s.judge(r, &in, record, c)
		}
		if s.Outcome == Affected {
			e.affected(&s, c, record, problems)
		}
		s.Sentence = s.sentence(c)
		e.say(s)
	}
}

func (e *explainer) statement(r *release, c *candidate, record *advisory.Record) Statement {
	component := c.Component
	s := Statement{
		Release: r.name, Component: &component, AdvisoryID: record.ID, Installed: c.Version, Order: r.scheme,
		URL: r.page(e.id, record),
	}
	for _, a := range record.Affected {
		if !slices.Contains(s.Ecosystems, a.Package.Ecosystem) {
			s.Ecosystems = append(s.Ecosystems, a.Package.Ecosystem)
		}
	}
	for _, i := range c.Packages {
		p := &e.inv.Packages[i]
		s.Packages = append(s.Packages, PackageRef{Kind: p.Kind, Name: p.Name, Version: p.Version, Path: p.Path, Layer: p.Layer, OwnedBy: p.OwnedBy})
	}
	return s
}

// affected turns what one record says into what became of it: a finding, unless
// the file is not judged here or a better record overrules this one.
func (e *explainer) affected(s *Statement, c *candidate, record *advisory.Record, problems []finding.Problem) {
	if c.ownedBy != "" {
		s.Outcome = Owned
		return
	}
	for i := range problems {
		p := &problems[i]
		if (e.ids[p.VulnerabilityID] || slices.ContainsFunc(p.Aliases, func(id string) bool { return e.ids[id] })) &&
			(p.AdvisoryID == record.ID || slices.Contains(p.Aliases, record.ID)) {
			s.Problem = p
			return
		}
	}
	s.Outcome = Overruled
}

// finish orders the statements and says so when there are none.
func (e *explainer) finish() Explanation {
	out := Explanation{ID: e.id, Statements: e.out}
	for id := range e.ids {
		if id != e.id {
			out.Aliases = append(out.Aliases, id)
		}
	}
	slices.Sort(out.Aliases)
	for _, s := range e.out {
		out.Found = out.Found || s.Outcome == Affected
	}
	if !e.spoken() {
		out.Statements = append(out.Statements, Statement{Outcome: NotFound, Sentence: e.notFound()})
	}
	slices.SortStableFunc(out.Statements, func(a, b Statement) int {
		return cmp.Compare(a.rank(), b.rank())
	})
	return out
}

// spoken: at least one advisory has the id.
func (e *explainer) spoken() bool {
	return slices.ContainsFunc(e.out, func(s Statement) bool { return s.AdvisoryID != "" })
}

func (e *explainer) notFound() string {
	if len(e.looked) == 0 {
		return fmt.Sprintf("Nothing was looked up about %s.", e.id)
	}
	var names []string
	for _, l := range e.looked {
		names = append(names, l.release.name)
	}
	return fmt.Sprintf("None of the advisories for %s that were looked at has the id %s.", strings.Join(names, ", "), e.id)
}

// rank puts findings first and what was not looked at last.
func (s *Statement) rank() int {
	if s.Outcome == Affected {
		return 0
	}
	if s.Outcome == NoAdvisories || s.Outcome == UnknownSystem || s.Outcome == Unmentioned {
		return 2
	}
	return 1
}
