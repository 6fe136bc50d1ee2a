package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// judge decides what one record means for one installed version, and why.
func (s *Statement) judge(r *release, in *installed, record *advisory.Record, c *candidate) {
	switch {
	case !record.Withdrawn.IsZero():
		s.Outcome = Withdrawn
		return
	case !slices.ContainsFunc(s.Ecosystems, r.accepts):
		s.Outcome = OtherRelease
		return
	}
	copied := *record // compileRecord takes the record apart
	rule := compileRecord(r, &copied, c.Name)
	if rule == nil {
		s.Outcome = notARule(r, record)
		return
	}
	v, err := rule.judge(r, in)
	switch {
	case err != nil, rule.undecided > 0 && !v.affected:
		s.Outcome = Undecidable
	case !v.applies:
		s.Outcome = OtherStream
	case v.affected:
		s.Outcome, s.Rule = Affected, v.why
		if v.fixed != nil {
			s.Bound = v.fixed.text
		}
	default:
		s.miss(rule, in)
	}
}

// notARule says why a record about the release makes no rule.
func notARule(r *release, record *advisory.Record) Outcome {
	if r.traceable && len(findingNames(record)) == 0 {
		return Untraceable
	}
	if slices.ContainsFunc(record.Affected, func(a advisory.Affected) bool { return isNotice(record, &a) }) {
		return Informational
	}
	return Undecidable
}

// miss says why a version is in none of the ranges: the last event that it has
// passed ended the problem, or the first one to begin it is still ahead.
func (s *Statement) miss(rule *rule, in *installed) {
	s.Outcome, s.Rule = NotListed, "is not among the affected versions"
	for i := range rule.spans {
		ranges := rule.spans[i].rangesFor(in)
		for j := range ranges {
			for k := range ranges[j].events {
				s.passed(&ranges[j].events[k], in)
			}
		}
	}
	if s.Outcome == Fixed && isZero(s.Bound) {
		s.Outcome = NeverAffected
	}
}

// passed notes an event: of those that ended the problem the last that counts,
// of those that begin it the first, where none ended it.
func (s *Statement) passed(b *bound, in *installed) {
	if b.version == nil {
		return
	}
	order, err := in.compare(b)
	if err != nil {
		return
	}
	switch {
	case b.kind == fixed && order >= 0:
		s.Outcome, s.Bound, s.Rule = Fixed, b.text, ">= "+b.text
	case b.kind == lastAffected && order > 0 && s.Outcome != Fixed:
		s.Outcome, s.Bound, s.Rule = AboveLast, b.text, "> "+b.text
	case b.kind == introduced && order < 0 && s.Outcome == NotListed:
		s.Outcome, s.Bound, s.Rule = BelowIntroduced, b.text, "< "+b.text
	}
}

// isZero: distributions write a fix in version 0 for what they never had.
func isZero(version string) bool { return strings.Trim(version, "0:.-") == "" }

// sentence says to people what came of it.
func (s *Statement) sentence(c *candidate) string {
	who := fmt.Sprintf("%s %s", c.Name, s.Installed)
	by := fmt.Sprintf("(%s; versions ordered as %s does)", s.AdvisoryID, s.Order)
	switch s.Outcome {
	case Affected:
		return fmt.Sprintf("%s %s %s.", who, reasonVerb(s.Rule), by)
	case Fixed:
		return fmt.Sprintf("%s is not affected: it is at or above %s, which has the fix %s.", who, s.Bound, by)
	case BelowIntroduced:
		return fmt.Sprintf("%s is not affected: it is below %s, which introduced the problem %s.", who, s.Bound, by)
	case AboveLast:
		return fmt.Sprintf("%s is not affected: it is above %s, the last affected version %s.", who, s.Bound, by)
	case NotListed:
		return fmt.Sprintf("%s is not affected: it is not among the versions that the advisory lists %s.", who, by)
	case NeverAffected:
		return fmt.Sprintf("%s is not affected: the vendor says that no version of it ever was %s.", who, by)
	case Overruled:
		return fmt.Sprintf("%s is not affected: %s lists it, but a record about this very vulnerability says that it is not.", who, s.AdvisoryID)
	case OtherRelease:
		return fmt.Sprintf("%s is not about this release: it speaks of %s, the image is judged by %s.", s.AdvisoryID, strings.Join(s.Ecosystems, ", "), s.Release)
	case OtherStream:
		return fmt.Sprintf("%s is not about this build of %s: module streams differ (installed: %s).", s.AdvisoryID, who, streamOf(c.Module))
	case Withdrawn:
		return fmt.Sprintf("%s was withdrawn by its publisher, so it counts for nothing.", s.AdvisoryID)
	case Informational:
		return fmt.Sprintf("%s is a notice about %s, not a vulnerability.", s.AdvisoryID, c.Name)
	case Untraceable:
		return fmt.Sprintf("%s names no vulnerability: it is an update of %s for other reasons.", s.AdvisoryID, c.Name)
	case Owned:
		return fmt.Sprintf("%s would be affected, but its files belong to the operating system's package %s: the advisories of the distribution decide (%s).", who, c.ownedBy, s.AdvisoryID)
	case Undecidable:
		return fmt.Sprintf("%s cannot be compared: one of the versions is none by these rules %s.", who, by)
	case NoAdvisories, Unmentioned, UnknownSystem, NotInstalled, NotFound:
		// These are not about a component; whoever says them has the words.
	}
	return ""
}

// streamOf is "nodejs:18" of a modularity label.
func streamOf(module string) string {
	if module == "" {
		return "none"
	}
	parts := strings.SplitN(module, ":", 3)
	return strings.Join(parts[:min(2, len(parts))], ":")
}
