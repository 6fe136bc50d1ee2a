package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// problems judges one component by all rules about it. Several records can speak
// of one CVE; the one that is named after it is the distribution's word about
// that CVE, and notices that merely list it count where there is none.
func (r *release) problems(c finding.Component, rules []*rule) (found []finding.Problem, undecided int) {
	in, err := r.install(c)
	if err != nil {
		in.version, in.bare = nil, nil // lists can still name it
	}
	var verdicts []verdict
	exact := map[string]bool{}   // CVEs that a record of their own decides
	cleared := map[string]bool{} // CVEs that the package's own stream has fixed
	for _, rule := range rules {
		v, err := rule.judge(r, &in)
		if err != nil || rule.undecided > 0 || in.version == nil && !v.affected {
			undecided++
		}
		if rule.clears(r, &in) {
			for _, name := range rule.names {
				cleared[name] = true
			}
		}
		if err != nil || !v.applies {
			continue
		}
		if rule.exact {
			exact[rule.names[0]] = true
		}
		if v.affected {
			verdicts = append(verdicts, v)
		}
	}
	byName := map[string][]verdict{}
	for _, v := range verdicts {
		for _, name := range v.rule.names {
			if !cleared[name] && (v.rule.exact || !exact[name]) {
				byName[name] = append(byName[name], v)
			}
		}
	}
	found = make([]finding.Problem, 0, len(byName))
	for name, group := range byName {
		found = append(found, r.problem(c, name, group))
	}
	slices.SortFunc(found, func(a, b finding.Problem) int { return compareIDs(a.VulnerabilityID, b.VulnerabilityID) })
	return found, undecided
}

// problem makes one of what all records say about a CVE.
func (r *release) problem(c finding.Component, name string, group []verdict) finding.Problem {
	slices.SortFunc(group, func(a, b verdict) int { return a.compare(b) })
	first := group[0]
	record := first.rule.record
	p := finding.Problem{
		VulnerabilityID: name, Package: first.rule.pkg, Version: c.Version,
		AdvisoryID: record.ID, URL: r.page(name, record), Source: r.sourceOf(record.ID),
		Title: firstText(group, func(r *advisory.Record) string { return r.Summary }),
		Description: cmp.Or(
			firstText(group, func(r *advisory.Record) string { return r.Details }),
			firstText(group, func(r *advisory.Record) string { return r.Summary }),
		),
		Published: record.Published, Modified: record.Modified,
		Aliases: aliases(name, group), References: references(group), CWEs: weaknesses(group),
	}
	worst := first
	for _, v := range group[1:] {
		if r.harder(v.fixed, worst.fixed) {
			worst = v
		}
	}
	if worst.fixed != nil {
		p.FixedVersion = worst.fixed.text
	}
	r.rate(&p, group)
	p.Reason = fmt.Sprintf("%s %s %s (%s, %s, versions ordered as %s does)",
		p.Package, c.Version, reasonVerb(worst.why), worst.rule.record.ID, worst.where, r.scheme)
	return p
}

// reasonVerb makes a sentence of "< 1.2" and leaves one that is.
func reasonVerb(why string) string {
	if strings.HasPrefix(why, "is ") {
		return why
	}
	return "is affected: " + why
}

// compare puts the record that speaks best about the CVE first.
func (v verdict) compare(w verdict) int {
	return cmp.Or(
		compareBool(w.rule.exact, v.rule.exact),
		compareBool(len(w.rule.names) == 1, len(v.rule.names) == 1),
		strings.Compare(v.rule.record.ID, w.rule.record.ID),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// rate sets severity and scores: the vendor's word first, then CVSS.
func (r *release) rate(p *finding.Problem, group []verdict) {
	p.Severity = registry.Undefined
	for _, v := range group {
		for _, c := range v.rule.scores {
			c.Source = r.scoreSource(v.rule.record.ID)
			p.CVSS = addScore(p.CVSS, c)
		}
		if v.rule.word == "" {
			continue
		}
		if p.VendorSeverity == "" {
			p.VendorSeverity = v.rule.word
		}
		if s := fromWord(v.rule.word); s != registry.Undefined && p.Severity == registry.Undefined {
			_, name := publisher(v.rule.record.ID)
			p.Severity, p.SeveritySource, p.VendorSeverity = s, cmp.Or(r.vendor, name), v.rule.word
		}
	}
	if isMalware(p.AdvisoryID) && p.Severity == registry.Undefined {
		p.Severity, p.SeveritySource = registry.Critical, "OpenSSF"
	}
	if p.Severity == registry.Undefined && len(p.CVSS) > 0 {
		p.Severity, p.SeveritySource = SeverityOf(p.CVSS[0].Score), "CVSS:"+p.CVSS[0].Version
	}
}

// firstText takes the first text there is.
func firstText(group []verdict, text func(*advisory.Record) string) string {
	for _, v := range group {
		if s := text(v.rule.record); s != "" {
			return s
		}
	}
	return ""
}

// references are the links of all records, each once.
func references(group []verdict) []string {
	var all []string
	for _, v := range group {
		for _, ref := range v.rule.record.References {
			if !slices.Contains(all, ref.URL) {
				all = append(all, ref.URL)
			}
		}
	}
	return all
}

// weaknesses are the CWEs that any record names.
func weaknesses(group []verdict) []string {
	var all []string
	for _, v := range group {
		all = append(all, v.rule.record.Database.CWEs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// aliases are the other ids of the same thing. The ids beside a notice of many
// CVEs are those of other things.
func aliases(name string, group []verdict) []string {
	var all []string
	for _, v := range group {
		r := v.rule.record
		all = append(all, r.ID)
		if len(v.rule.names) == 1 {
			all = append(all, r.Aliases...)
			all = append(all, r.Upstream...)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id string) bool { return id == name })
}

// dedupe keeps one finding of a vulnerability and an installed package. Where
// advisories use source and installed names side by side, both can find it: the
// one that stands for more packages stays.
func dedupe(all []Finding) []Finding {
	byID := map[string][]int{}
	for i := range all {
		byID[all[i].ID] = append(byID[all[i].ID], i)
	}
	var drop []bool
	for _, same := range byID {
		for _, i := range same {
			for _, j := range same {
				if i != j && (drop == nil || !drop[j]) && within(&all[i], &all[j]) {
					if drop == nil {
						drop = make([]bool, len(all))
					}
					drop[i] = true
				}
			}
		}
	}
	if drop == nil {
		return all
	}
	kept := all[:0]
	for i := range all {
		if !drop[i] {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// within reports whether all packages of f are among those of g.
func within(f, g *Finding) bool {
	if len(f.Packages) > len(g.Packages) {
		return false
	}
	for _, i := range f.Packages {
		if _, found := slices.BinarySearch(g.Packages, i); !found {
			return false
		}
	}
	return true
}
