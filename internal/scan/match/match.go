package match

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Lookup is the part of advisory.Store that matching reads.
type Lookup interface {
	Sources(ctx context.Context) ([]advisory.Source, error)
	Advisories(ctx context.Context, ecosystem string, packages []string) (advisory.Batch, error)
}

// ErrUnknownSystem says that no advisories exist for the operating system of the image.
var ErrUnknownSystem = errors.New("match: no advisories are published for this operating system")

// NoAdvisoriesError says that the advisories that the image needs are not loaded yet. An
// answer without them would read as "nothing found".
type NoAdvisoriesError struct {
	Ecosystem string // for advisory.Updater
}

func (e *NoAdvisoriesError) Error() string {
	return fmt.Sprintf("no advisories of %s are loaded", e.Ecosystem)
}

// Options tune a Matcher; zero values mean the defaults.
type Options struct {
	// CacheRules bounds the compiled advisories kept between images (about
	// 1 KB each); default 20,000.
	CacheRules int
}

// Matcher matches inventories. It is safe for concurrent use.
type Matcher struct {
	lookup Lookup
	cache  *ruleCache
}

// New makes a Matcher.
func New(lookup Lookup, opts Options) *Matcher {
	if opts.CacheRules <= 0 {
		opts.CacheRules = 20_000
	}
	return &Matcher{lookup: lookup, cache: newRuleCache(opts.CacheRules)}
}

// Result is the answer about one inventory.
type Result struct {
	Findings []Finding
	// Source is where the advisories of the operating system came from and how
	// old they are; zero where none are published for it.
	Source advisory.Source
	// Sources are those of all releases that were looked at, by ecosystem.
	Sources []advisory.Source
	// Missing are the ecosystems that the inventory needs and that are not
	// loaded, as advisory.Updater takes them. Nothing was looked up there.
	Missing []string
	// Undecided counts pairs of advisory and package that could not be
	// compared because a version makes no sense.
	Undecided int
	// Unmentioned: the advisories say nothing at all about this release. That
	// is right for one that has just come out, and a gap for an old one.
	Unmentioned bool
}

// Match finds the vulnerabilities of the packages in scope. The findings are in
// order: most severe first, then by id, package and version. Errors:
// *NoAdvisoriesError, those of the Lookup, and ErrUnknownSystem, the last in
// scope OSPackages only: an image without an operating system can hold packages
// of languages. In scope AllPackages only the operating system's advisories have
// to be there; others that are not are in Missing.
func (m *Matcher) Match(ctx context.Context, inv *inventory.Inventory, scope Scope) (Result, error) {
	os := distroName(inv.OS)
	if os == "" && scope == OSPackages {
		return Result{}, ErrUnknownSystem
	}
	subjects := map[string][]*Subject{}
	all := Components(inv, scope)
	for i := range all {
		s := &all[i]
		subjects[s.Release] = append(subjects[s.Release], s)
	}
	res := Result{Findings: []Finding{}}
	for _, name := range Releases(inv, scope) {
		if err := m.matchRelease(ctx, inv, name, subjects[name], name == os, &res); err != nil {
			return Result{}, err
		}
	}
	res.Findings = dedupe(res.Findings)
	SortFindings(res.Findings)
	return res, nil
}

// matchRelease adds to res what one release says about its subjects.
func (m *Matcher) matchRelease(ctx context.Context, inv *inventory.Inventory, name string, subjects []*Subject, isOS bool, res *Result) error {
	r := releaseNamed(name)
	components := make([]finding.Component, len(subjects))
	for i, s := range subjects {
		components[i] = s.Component
	}
	v, err := m.judge(ctx, r, components)
	var none *NoAdvisoriesError
	if !isOS && errors.As(err, &none) {
		res.Missing = append(res.Missing, none.Ecosystem)
		return nil
	}
	if err != nil {
		return err
	}
	if isOS {
		res.Source, res.Unmentioned = v.source, v.unmentioned
	}
	if !slices.ContainsFunc(res.Sources, func(s advisory.Source) bool { return s.Ecosystem == v.source.Ecosystem }) {
		res.Sources = append(res.Sources, v.source)
	}
	res.Undecided += v.undecided
	for _, s := range subjects {
		for _, p := range v.problems[s.Component] {
			res.Findings = append(res.Findings, findingOf(inv, s, p))
		}
	}
	return nil
}
