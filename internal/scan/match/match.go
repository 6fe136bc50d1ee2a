package match

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/osv-scalibr/semantic"

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
	// Source is where the advisories came from and how old they are.
	Source advisory.Source
	// Undecided counts pairs of advisory and package that could not be
	// compared because a version makes no sense.
	Undecided int
	// Unmentioned: the advisories say nothing at all about this release. That
	// is right for one that has just come out, and a gap for an old one.
	Unmentioned bool
}

// Match finds the vulnerabilities of the operating system's packages. The
// findings are in order: most severe first, then by id, package and version.
// Errors: ErrUnknownSystem, *NoAdvisoriesError, those of the Lookup.
func (m *Matcher) Match(ctx context.Context, inv *inventory.Inventory) (Result, error) {
	d := distroOf(inv.OS)
	if d == nil {
		return Result{}, ErrUnknownSystem
	}
	targets := targetsOf(d, inv.Packages)
	rules, source, err := m.rules(ctx, d, targets)
	if err != nil {
		return Result{}, err
	}
	res := Result{Source: source, Findings: []Finding{}, Unmentioned: len(rules[advisory.Contents]) == 0}
	for _, t := range targets {
		found, undecided := t.findings(d, rules[t.name])
		res.Findings = append(res.Findings, found...)
		res.Undecided += undecided
	}
	res.Findings = dedupe(res.Findings)
	sortFindings(res.Findings)
	return res, nil
}

// target is something to look up: a name, a version and who carries it.
type target struct {
	name     string
	in       installed
	err      error // the version cannot be parsed
	binaries []string
	layer    string
	path     string
}

// targetsOf groups the packages by the names that advisories use.
func targetsOf(d *distro, packages []inventory.Package) []*target {
	type key struct{ name, version, module string }
	byKey := map[key]*target{}
	var all []*target
	add := func(p *inventory.Package, name, version string) {
		k := key{name, version, p.Module}
		t := byKey[k]
		if t == nil {
			t = &target{name: name, layer: p.Layer, path: p.Path}
			t.in, t.err = parseInstalled(d, version, p.Module)
			byKey[k] = t
			all = append(all, t)
		}
		if !slices.Contains(t.binaries, p.Name) {
			t.binaries = append(t.binaries, p.Name)
		}
	}
	for i := range packages {
		p := &packages[i]
		if p.Kind != d.kind {
			continue
		}
		if d.naming != byBinary {
			add(p, p.SourceName, sourceVersion(p))
		}
		if d.naming != bySource && (d.naming == byBinary || p.Name != p.SourceName) {
			add(p, p.Name, p.Version)
		}
	}
	return all
}

// sourceVersion is the version of the source package. That of an RPM is
// recorded without its epoch, which is the package's own.
func sourceVersion(p *inventory.Package) string {
	if p.Kind == inventory.KindRPM && p.Epoch != 0 && !strings.Contains(p.SourceVersion, ":") {
		return fmt.Sprintf("%d:%s", p.Epoch, p.SourceVersion)
	}
	return p.SourceVersion
}

// maxVersion is longer than any version that a package database should hold;
// parsing costs time that grows with the length.
const maxVersion = 256

func parseInstalled(d *distro, text, module string) (installed, error) {
	in := installed{text: text, module: module, modular: module != "" || isModular(text)}
	if text == "" || len(text) > maxVersion {
		return in, fmt.Errorf("match: %.40q is not a version", text)
	}
	var err error
	if in.version, err = semantic.Parse(text, d.scheme); err != nil {
		return in, err
	}
	if _, bare, found := strings.Cut(text, ":"); found && d.epochless {
		in.bare, err = semantic.Parse(bare, d.scheme)
	}
	return in, err
}

// rules gets the compiled advisories of the targets, by name, from the cache
// where it has them.
func (m *Matcher) rules(ctx context.Context, d *distro, targets []*target) (map[string][]*rule, advisory.Source, error) {
	for range 10 {
		source, err := m.source(ctx, d)
		if err != nil {
			return nil, source, err
		}
		found, missing := m.cached(d, source, targets)
		current := true
		if len(missing) > 0 {
			// An import can be committed meanwhile: one answer must not be
			// made of two generations.
			current, err = m.fetch(ctx, d, source, missing, found)
		}
		switch {
		case err != nil:
			return nil, source, err
		case current:
			return found, source, nil
		}
	}
	return nil, advisory.Source{}, fmt.Errorf("match: the advisories of %s change all the time", d.exports[0])
}

// cached answers what the cache has of the targets and the table of contents,
// and the names that it has not.
func (m *Matcher) cached(d *distro, source advisory.Source, targets []*target) (found map[string][]*rule, missing []string) {
	found = make(map[string][]*rule, len(targets)+1)
	look := func(name string) {
		rules, ok := m.cache.get(d.cacheKey(source, name))
		if ok {
			found[name] = rules
		} else {
			missing = append(missing, name)
		}
	}
	look(advisory.Contents)
	for _, t := range targets {
		look(t.name)
	}
	return found, missing
}

func (d *distro) cacheKey(s advisory.Source, pkg string) cacheKey {
	return cacheKey{release: d.key(), export: s.Ecosystem, generation: s.Generation, pkg: pkg}
}

// fetch compiles what is missing into found; false when the store has moved on.
func (m *Matcher) fetch(ctx context.Context, d *distro, source advisory.Source, missing []string, found map[string][]*rule) (bool, error) {
	slices.Sort(missing)
	missing = slices.Compact(missing)
	batch, err := m.lookup.Advisories(ctx, source.Ecosystem, missing)
	if err != nil {
		return false, fmt.Errorf("match: read advisories: %w", err)
	}
	if batch.Generation != source.Generation {
		return false, ctx.Err()
	}
	byName := map[string][]advisory.Entry{}
	for _, e := range batch.Entries {
		byName[e.Package] = append(byName[e.Package], e)
	}
	for _, name := range missing {
		rules, err := compile(d, byName[name])
		if err != nil {
			return false, err
		}
		found[name] = rules
		m.cache.put(d.cacheKey(source, name), rules)
	}
	return true, nil
}

// source picks the freshest loaded export; the preferred one among equals.
func (m *Matcher) source(ctx context.Context, d *distro) (advisory.Source, error) {
	all, err := m.lookup.Sources(ctx)
	if err != nil {
		return advisory.Source{}, fmt.Errorf("match: read sources: %w", err)
	}
	var best advisory.Source
	for _, export := range d.exports {
		for _, s := range all {
			if s.Ecosystem == export && s.Loaded() && (!best.Loaded() || s.Checked().After(best.Checked())) {
				best = s
			}
		}
	}
	if !best.Loaded() {
		return best, &NoAdvisoriesError{Ecosystem: d.exports[0]}
	}
	return best, nil
}
