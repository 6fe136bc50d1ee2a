package match

import (
	"context"
	"fmt"
	"slices"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Judge answers what is wrong with components of one release, in the order of
// findings, and by which advisories. Components without problems have no entry;
// those of another release are not looked at. Errors: ErrUnknownSystem for a
// release that is not known, *NoAdvisoriesError, those of the Lookup.
func (m *Matcher) Judge(ctx context.Context, release string, components []finding.Component) (map[finding.Component][]finding.Problem, advisory.Source, error) {
	r := releaseNamed(release)
	if r == nil {
		return nil, advisory.Source{}, fmt.Errorf("%w: %.64q", ErrUnknownSystem, release)
	}
	v, err := m.judge(ctx, r, components)
	return v.problems, v.source, err
}

// judgement is an answer of one release.
type judgement struct {
	problems    map[finding.Component][]finding.Problem
	source      advisory.Source
	undecided   int
	unmentioned bool
}

func (m *Matcher) judge(ctx context.Context, r *release, components []finding.Component) (judgement, error) {
	rules, source, err := m.rules(ctx, r, components)
	if err != nil {
		return judgement{}, err
	}
	out := judgement{
		problems: map[finding.Component][]finding.Problem{}, source: source,
		unmentioned: len(rules[advisory.Contents]) == 0,
	}
	for _, c := range components {
		if c.Release != r.name || len(rules[c.Name]) == 0 || c.Name == advisory.Contents {
			continue
		}
		if _, again := out.problems[c]; again {
			continue
		}
		found, undecided := r.problems(c, rules[c.Name])
		if len(found) > 0 {
			out.problems[c] = found
		}
		out.undecided += undecided
	}
	return out, nil
}

// rules gets the compiled advisories of the components, by name, from the cache
// where it has them.
func (m *Matcher) rules(ctx context.Context, r *release, components []finding.Component) (map[string][]*rule, advisory.Source, error) {
	for range 10 {
		source, err := m.source(ctx, r)
		if err != nil {
			return nil, source, err
		}
		found, missing := m.cached(r, source, components)
		current := true
		if len(missing) > 0 {
			// An import can be committed meanwhile: one answer must not be
			// made of two generations.
			current, err = m.fetch(ctx, r, source, missing, found)
		}
		switch {
		case err != nil:
			return nil, source, err
		case current:
			return found, source, nil
		}
	}
	return nil, advisory.Source{}, fmt.Errorf("match: the advisories of %s change all the time", r.exports[0])
}

// cached answers what the cache has of the components and the table of contents,
// and the names that it has not.
func (m *Matcher) cached(r *release, source advisory.Source, components []finding.Component) (found map[string][]*rule, missing []string) {
	found = make(map[string][]*rule, len(components)+1)
	look := func(name string) {
		if _, known := found[name]; known {
			return
		}
		rules, ok := m.cache.get(r.cacheKey(source, name))
		if ok {
			found[name] = rules
		} else {
			missing = append(missing, name)
		}
	}
	look(advisory.Contents)
	for _, c := range components {
		look(c.Name)
	}
	return found, missing
}

func (r *release) cacheKey(s advisory.Source, pkg string) cacheKey {
	return cacheKey{release: r.name, export: s.Ecosystem, generation: s.Generation, pkg: pkg}
}

// fetch compiles what is missing into found; false when the store has moved on.
func (m *Matcher) fetch(ctx context.Context, r *release, source advisory.Source, missing []string, found map[string][]*rule) (bool, error) {
	byName, current, err := m.entries(ctx, source, missing)
	if err != nil || !current {
		return false, err
	}
	for _, name := range missing {
		rules, err := compile(r, byName[name])
		if err != nil {
			return false, err
		}
		found[name] = rules
		m.cache.put(r.cacheKey(source, name), rules)
	}
	return true, nil
}

// entries reads what is stored about packages; false when the store has moved on.
func (m *Matcher) entries(ctx context.Context, source advisory.Source, names []string) (map[string][]advisory.Entry, bool, error) {
	slices.Sort(names)
	batch, err := m.lookup.Advisories(ctx, source.Ecosystem, slices.Compact(names))
	if err != nil {
		return nil, false, fmt.Errorf("match: read advisories: %w", err)
	}
	if batch.Generation != source.Generation {
		return nil, false, ctx.Err()
	}
	byName := map[string][]advisory.Entry{}
	for _, e := range batch.Entries {
		byName[e.Package] = append(byName[e.Package], e)
	}
	return byName, true, nil
}

// source picks the freshest loaded export; the preferred one among equals.
func (m *Matcher) source(ctx context.Context, r *release) (advisory.Source, error) {
	all, err := m.lookup.Sources(ctx)
	if err != nil {
		return advisory.Source{}, fmt.Errorf("match: read sources: %w", err)
	}
	var best advisory.Source
	for _, export := range r.exports {
		for _, s := range all {
			if s.Ecosystem == export && s.Loaded() && (!best.Loaded() || s.Checked().After(best.Checked())) {
				best = s
			}
		}
	}
	if !best.Loaded() {
		return best, &NoAdvisoriesError{Ecosystem: r.exports[0]}
	}
	return best, nil
}
