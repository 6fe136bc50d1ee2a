package match

import (
	"cmp"
	"slices"
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// CVSS is a scored vector.
type CVSS = finding.CVSS

// ScoreCVSS computes the base score of a vector (version 4: the score of what
// it holds). False when it is none.
func ScoreCVSS(vector string) (CVSS, bool) {
	c := CVSS{Vector: vector}
	var err error
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		var v *cvss40.CVSS40
		if v, err = cvss40.ParseVector(vector); err == nil {
			c.Version, c.Score = "4.0", v.Score()
		}
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		var v *cvss31.CVSS31
		if v, err = cvss31.ParseVector(vector); err == nil {
			c.Version, c.Score = "3.1", v.BaseScore()
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		var v *cvss30.CVSS30
		if v, err = cvss30.ParseVector(vector); err == nil {
			c.Version, c.Score = "3.0", v.BaseScore()
		}
	default:
		var v *cvss20.CVSS20
		c.Vector = strings.TrimSuffix(strings.TrimPrefix(vector, "("), ")")
		if v, err = cvss20.ParseVector(c.Vector); err == nil {
			c.Version, c.Score = "2.0", v.BaseScore()
		}
	}
	return c, err == nil
}

// scores reads the vectors of the lists, the earlier list first; of each
// version it keeps the first.
func scores(lists ...[]advisory.Severity) []CVSS {
	var all []CVSS
	for _, list := range lists {
		for _, s := range list {
			if !strings.HasPrefix(s.Type, "CVSS_") {
				continue
			}
			if c, ok := ScoreCVSS(s.Score); ok {
				all = addScore(all, c)
			}
		}
	}
	return all
}

// addScore keeps the newest version first and one of each.
func addScore(all []CVSS, c CVSS) []CVSS {
	if slices.ContainsFunc(all, func(have CVSS) bool { return have.Version == c.Version }) {
		return all
	}
	all = append(all, c)
	slices.SortStableFunc(all, func(a, b CVSS) int { return cmp.Compare(b.Version, a.Version) })
	return all
}

// SeverityOf is the qualitative rating of a score.
func SeverityOf(score float64) registry.Severity {
	switch {
	case score >= 9:
		return registry.Critical
	case score >= 7:
		return registry.High
	case score >= 4:
		return registry.Medium
	case score > 0:
		return registry.Low
	}
	return registry.Informational
}

// fromWord translates what vendors call it; Undefined for what says nothing
// ("not yet assigned", "end-of-life", "untriaged").
func fromWord(word string) registry.Severity {
	switch strings.ToLower(strings.TrimRight(strings.TrimSpace(word), "*")) {
	case "critical":
		return registry.Critical
	case "high", "important":
		return registry.High
	case "medium", "moderate":
		return registry.Medium
	case "low", "minor":
		return registry.Low
	case "negligible", "unimportant", "informational", "none":
		return registry.Informational
	}
	return registry.Undefined
}

// vendorWord finds the vendor's own rating: beside the package, then in the
// record, then where the makers of errata put it, in the title.
func vendorWord(r *advisory.Record, a *advisory.Affected) string {
	for _, w := range []string{a.Ecosystem.Word(), a.Database.Word(), typedWord(a.Severity), typedWord(r.Severity), r.Database.Word()} {
		if w != "" {
			return w
		}
	}
	if title, _, found := strings.Cut(r.Summary, ": "); found && fromWord(title) != registry.Undefined {
		return title
	}
	return ""
}

// typedWord is a severity whose type is a vendor: {"type":"Ubuntu","score":"low"}.
func typedWord(list []advisory.Severity) string {
	for _, s := range list {
		if !strings.HasPrefix(s.Type, "CVSS_") {
			return s.Score
		}
	}
	return ""
}
