package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// rule is one record, as far as it speaks about one package of one release,
// with its versions parsed.
type rule struct {
	record    *advisory.Record // without Affected: that is in spans
	pkg       string           // the package as the record spells it
	names     []string         // what its findings are called: CVEs or one best id
	exact     bool             // the distribution's record about a single CVE, named after it
	spans     []span
	relief    []span // of other streams of support: they can only clear a package
	word      string // vendor's severity
	scores    []CVSS
	streams   []string // "nodejs:16" when the title names module streams
	undecided int      // affected ranges that could not be read
}

// span is one entry of affected: an alternative set of versions.
type span struct {
	ecosystem string
	ranges    []versionRange
	tags      []versionRange // of Go: see judgedByTag
	versions  []string       // sorted, as release.listed writes them
	fixes     bool           // it has fixes, and so it is known:
	modular   bool           // they were built for a module
	series    string         // they are of a series that exists beside others: "8.1"
	mark      string         // part of the versions that a stream of support has: ".el9_2"
}

// versionRange is a list of events in the order of their versions.
type versionRange struct {
	events []bound
	limits []bound
}

type eventKind int

const (
	introduced eventKind = iota
	fixed
	lastAffected
	limit
)

type bound struct {
	kind    eventKind
	text    string
	version semantic.Version // nil when open
}

// compile reads the entries of one package for one release. Entries that are
// not about it, or that cannot be read, give no rule.
func compile(rel *release, entries []advisory.Entry) ([]*rule, error) {
	var rules []*rule
	for _, e := range entries {
		if e.Package == advisory.Contents {
			// A release in the table of contents becomes a rule about nothing:
			// that there is one says that the export knows the release.
			if rel.accepts(e.ID) {
				rules = append(rules, &rule{})
			}
			continue
		}
		record, err := e.Record()
		if err != nil {
			return nil, fmt.Errorf("match: stored advisory %s of %s: %w", e.ID, e.Package, err)
		}
		if r := compileRecord(rel, record, e.Package); r != nil {
			rules = append(rules, r)
		}
	}
	nameRules(rules)
	return rules, nil
}

func compileRecord(rel *release, record *advisory.Record, pkg string) *rule {
	if !record.Withdrawn.IsZero() {
		return nil
	}
	r := &rule{record: record, names: findingNames(record)}
	if len(r.names) == 0 && rel.traceable {
		return nil
	}
	r.exact = !rel.language && len(r.names) == 1 && (record.ID == r.names[0] || strings.HasSuffix(record.ID, "-"+r.names[0]))
	r.streams = moduleStreams(record.Summary)
	for i := range record.Affected {
		a := &record.Affected[i]
		mark := rel.extended(a.Package.Ecosystem)
		if mark == "" && !rel.accepts(a.Package.Ecosystem) || advisory.LookupName(a.Package.Ecosystem, a.Package.Name) != pkg || isNotice(record, a) {
			continue
		}
		r.pkg = a.Package.Name
		s, ok := r.span(rel, a)
		switch {
		case !ok:
		case mark != "":
			s.mark = mark
			r.relief = append(r.relief, s)
		default:
			r.rate(a)
			r.spans = append(r.spans, s)
		}
	}
	if len(r.spans) == 0 && len(r.relief) == 0 && r.undecided == 0 {
		return nil
	}
	record.Affected = nil
	return r
}

// span reads one entry of affected; false when it says nothing about versions.
func (r *rule) span(rel *release, a *advisory.Affected) (span, bool) {
	s := span{ecosystem: a.Package.Ecosystem}
	for _, v := range a.Versions {
		s.versions = append(s.versions, rel.listed(v))
	}
	slices.Sort(s.versions)
	s.versions = slices.Clip(slices.Compact(s.versions))
	for _, g := range a.Ranges {
		vr, err := parseRange(rel, r.pkg, g)
		if err != nil {
			r.undecided++ // half a range would be another range
			continue
		}
		s.ranges = append(s.ranges, vr)
	}
	switch {
	case rel.kind == inventory.KindRPM:
		s.place(r.record.ID, r.streams)
	case rel.scheme == "Go":
		s.tags = tagRanges(rel, r.pkg, a.Ecosystem.Ranges)
	}
	return s, len(s.ranges) > 0 || len(s.versions) > 0
}

// rate notes what the record says of severity beside the package or as a whole.
func (r *rule) rate(a *advisory.Affected) {
	if r.word == "" {
		r.word = vendorWord(r.record, a)
	}
	if len(r.scores) == 0 {
		r.scores = scores(a.Severity, r.record.Severity)
	}
	if len(r.scores) == 0 && r.record.Database.Score > 0 {
		r.scores = []CVSS{{Version: "3.1", Score: r.record.Database.Score}}
	}
}

// parseRange parses and sorts the events of a range.
func parseRange(rel *release, pkg string, g advisory.Range) (versionRange, error) {
	var vr versionRange
	for _, e := range g.Events {
		b, known := eventBound(e)
		if !known {
			continue
		}
		if !b.open() {
			v, err := rel.parse(pkg, b.text)
			if err != nil {
				return vr, err
			}
			b.version = v
		}
		if b.kind == limit {
			vr.limits = append(vr.limits, b)
		} else {
			vr.events = append(vr.events, b)
		}
	}
	return vr, vr.sort()
}

// eventBound reads the member that is set; false when none is.
func eventBound(e advisory.Event) (bound, bool) {
	switch {
	case e.Introduced != "":
		return bound{kind: introduced, text: e.Introduced}, true
	case e.Fixed != "":
		return bound{kind: fixed, text: e.Fixed}, true
	case e.LastAffected != "":
		return bound{kind: lastAffected, text: e.LastAffected}, true
	case e.Limit != "":
		return bound{kind: limit, text: e.Limit}, true
	}
	return bound{}, false
}

// open: introduced "0" is before every version, limit "*" after.
func (b *bound) open() bool {
	return (b.kind == introduced && b.text == "0") || (b.kind == limit && b.text == "*")
}

func (vr *versionRange) sort() error {
	var failed error
	slices.SortStableFunc(vr.events, func(a, b bound) int {
		switch {
		case a.version == nil && b.version == nil:
			return 0
		case a.version == nil:
			return -1
		case b.version == nil:
			return 1
		}
		c, err := a.version.Compare(b.version)
		if err != nil {
			failed = err
		}
		return c
	})
	return failed
}

// verdict is what a rule says about an installed version.
type verdict struct {
	rule     *rule
	applies  bool   // the rule is about this package here
	affected bool   //
	fixed    *bound // the version that fixes it, nil when none does
	why      string // the part of the rule that held, for people
	where    string // the ecosystem of the record that it is in
}

// judge evaluates the spans as OSV defines it: affected when any of them holds.
func (r *rule) judge(rel *release, in *installed) (verdict, error) {
	out := verdict{rule: r}
	reached := false
	for i := range r.spans {
		s := &r.spans[i]
		if !r.sameStream(s, in) {
			continue
		}
		out.applies = true
		hit, err := s.holds(rel, in, &out)
		if err != nil {
			return out, err
		}
		reached = reached || !hit
	}
	if rel.builds && reached {
		out.affected = false
	}
	if rel.language && out.affected {
		r.settle(rel, in, &out)
	}
	return out, nil
}

// settle looks for a fix that the record does not contradict: of ranges that
// overlap one can end where another goes on, and a list can name what a range
// calls fixed. Without such a fix the first one stays.
func (r *rule) settle(rel *release, in *installed, out *verdict) {
	fix := out.fixed
	for range maxFixes {
		if fix == nil {
			return
		}
		there, err := rel.install(finding.Component{Name: r.pkg, Version: fix.text, Module: in.module})
		if err != nil {
			return
		}
		var v verdict
		for i := range r.spans {
			if _, err := r.spans[i].holds(rel, &there, &v); err != nil {
				return
			}
		}
		if !v.affected {
			out.fixed = fix
			return
		}
		fix = v.fixed
	}
}

// maxFixes is how many fixes in a row can be none.
const maxFixes = 64

// holds reports whether the version is in the span and notes why in out; of
// several spans the one with the highest fix is kept.
func (s *span) holds(rel *release, in *installed, out *verdict) (bool, error) {
	hit := false
	ranges := s.rangesFor(in)
	for i := range ranges {
		if in.version == nil {
			break // only a list can tell
		}
		from, to, err := ranges[i].around(in)
		if err != nil {
			return hit, err
		}
		if from == nil {
			continue
		}
		hit = true
		var fix *bound
		if to != nil && to.kind == fixed {
			fix = to
		}
		out.add(rel, fix, describe(from, to), s.ecosystem)
	}
	if !hit && s.lists(in) {
		hit = true
		out.add(rel, s.nextFix(in), "is listed among the affected versions", s.ecosystem)
	}
	return hit, nil
}

// clears reports whether another stream of support, from which the installed
// package came by its version, has fixed what the record is about.
func (r *rule) clears(rel *release, in *installed) bool {
	if in.version == nil {
		return false
	}
	came := false
	for i := range r.relief {
		s := &r.relief[i]
		if !hasMark(in.text, s.mark) || !r.sameStream(s, in) {
			continue
		}
		came = true
		if hit, err := s.holds(rel, in, &verdict{rule: r}); hit || err != nil {
			return false
		}
	}
	return came
}

// lists reports whether the version is in the list of affected ones.
func (s *span) lists(in *installed) bool {
	_, found := slices.BinarySearch(s.versions, in.listed)
	return found
}

// nextFix is the lowest fix above a version that is listed without being in a
// range; nil when there is none.
func (s *span) nextFix(in *installed) *bound {
	var next *bound
	ranges := s.rangesFor(in)
	for i := range ranges {
		for j := range ranges[i].events {
			b := &ranges[i].events[j]
			if b.kind != fixed || in.version == nil {
				continue
			}
			if c, err := in.compare(b); err == nil && c < 0 && (next == nil || higher(next, b)) {
				next = b
			}
		}
	}
	return next
}

// add notes one more reason to be affected, of which the one that is hardest to
// get rid of is kept.
func (v *verdict) add(rel *release, fix *bound, why, where string) {
	if !v.affected || rel.harder(fix, v.fixed) {
		v.affected, v.fixed, v.why, v.where = true, fix, why, where
	}
}

// harder reports whether a fix is the one to name beside another. The higher one
// is: with less the problem stays. A distribution that has none has none. In
// languages a record without a fix often only does not know of it, as another
// one does.
func (r *release) harder(fix, than *bound) bool {
	switch {
	case fix == nil:
		return than != nil && !r.language
	case than == nil:
		return r.language
	}
	return higher(fix, than)
}

func higher(a, b *bound) bool {
	c, err := a.version.Compare(b.version)
	return err == nil && c > 0
}

// around finds the events that enclose the version: the one that introduced the
// problem and the next one, nil when there is none. No introduction: the
// version is not in the range.
func (vr *versionRange) around(in *installed) (from, to *bound, err error) {
	below, err := vr.belowLimits(in)
	if err != nil || !below {
		return nil, nil, err
	}
	for i := range vr.events {
		b := &vr.events[i]
		c := 1
		if b.version != nil {
			if c, err = in.compare(b); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case b.kind == introduced && c >= 0:
			if from == nil {
				from = b
			}
		case b.kind == fixed && c >= 0, b.kind == lastAffected && c > 0:
			from = nil
		default:
			if from != nil && b.kind != introduced {
				return from, b, nil
			}
		}
	}
	return from, nil, nil
}

func (vr *versionRange) belowLimits(in *installed) (bool, error) {
	for i := range vr.limits {
		b := &vr.limits[i]
		if b.version == nil {
			return true, nil
		}
		c, err := in.compare(b)
		if err != nil {
			return false, err
		}
		if c < 0 {
			return true, nil
		}
	}
	return len(vr.limits) == 0, nil
}

// describe writes a range as people do: "< 3.3.2-r1", ">= 1.0, no fix yet".
func describe(from, to *bound) string {
	var parts []string
	if from.version != nil {
		parts = append(parts, ">= "+from.text)
	}
	switch {
	case to == nil:
		parts = append(parts, "no fixed version yet")
	case to.kind == fixed:
		parts = append(parts, "< "+to.text)
	default:
		parts = append(parts, "<= "+to.text)
	}
	return strings.Join(parts, ", ")
}
