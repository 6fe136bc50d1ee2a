package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// findings judges one target by all rules about it. Several records can speak
// of one CVE; the one that is named after it is the distribution's word about
// that CVE, and notices that merely list it count where there is none.
func (t *target) findings(d *distro, rules []*rule) (found []Finding, undecided int) {
	if len(rules) == 0 {
		return nil, 0
	}
	if t.err != nil {
		return nil, len(rules)
	}
	var verdicts []verdict
	exact := map[string]bool{} // CVEs that a record of their own decides
	for _, r := range rules {
		v, err := r.judge(d, &t.in)
		if err != nil || r.undecided > 0 {
			undecided++
		}
		if err != nil || !v.applies {
			continue
		}
		if r.exact {
			exact[r.names[0]] = true
		}
		if v.affected {
			verdicts = append(verdicts, v)
		}
	}
	byName := map[string][]verdict{}
	for _, v := range verdicts {
		for _, name := range v.rule.names {
			if v.rule.exact || !exact[name] {
				byName[name] = append(byName[name], v)
			}
		}
	}
	for name, group := range byName {
		found = append(found, t.finding(d, name, group))
	}
	return found, undecided
}

// finding makes one of what all records say about a CVE.
func (t *target) finding(d *distro, name string, group []verdict) Finding {
	slices.SortFunc(group, func(a, b verdict) int { return a.compare(b) })
	first := group[0]
	record := first.rule.record
	slices.Sort(t.binaries)
	f := Finding{
		ID: name, Package: t.name, Binaries: slices.Clone(t.binaries), InstalledVersion: t.in.text,
		AdvisoryID: record.ID, URI: d.page(name, record), Description: describeRecord(group),
		Published: record.Published, Modified: record.Modified,
		Layer: t.layer, Path: t.path,
	}
	worst := first
	for _, v := range group {
		if v.outweighs(worst) {
			worst = v
		}
	}
	if worst.fixed != nil {
		f.FixedVersion = worst.fixed.text
	}
	f.rate(d, group)
	f.Aliases = aliases(name, group)
	f.Reason = fmt.Sprintf("%s %s %s (%s, %s, versions ordered as %s does)",
		t.name, t.in.text, reasonVerb(worst.why), worst.rule.record.ID, worst.where, d.scheme)
	return f
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

// outweighs: no fix before any fix, then the higher one.
func (v verdict) outweighs(w verdict) bool {
	switch {
	case w.fixed == nil:
		return false
	case v.fixed == nil:
		return true
	}
	return higher(v.fixed, w.fixed)
}

// rate sets severity and scores: the vendor's word first, then CVSS.
func (f *Finding) rate(d *distro, group []verdict) {
	f.Severity = registry.Undefined
	for _, v := range group {
		for _, c := range v.rule.scores {
			f.CVSS = addScore(f.CVSS, c)
		}
		if v.rule.word == "" {
			continue
		}
		if f.VendorSeverity == "" {
			f.VendorSeverity = v.rule.word
		}
		if s := fromWord(v.rule.word); s != registry.Undefined && f.Severity == registry.Undefined {
			f.Severity, f.SeveritySource, f.VendorSeverity = s, d.vendor, v.rule.word
		}
	}
	if f.Severity == registry.Undefined && len(f.CVSS) > 0 {
		f.Severity, f.SeveritySource = fromScore(f.CVSS[0].Score), "CVSS:"+f.CVSS[0].Version
	}
}

// describeRecord takes the first text there is.
func describeRecord(group []verdict) string {
	for _, v := range group {
		if text := cmp.Or(v.rule.record.Summary, v.rule.record.Details); text != "" {
			return text
		}
	}
	return ""
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

// dedupe keeps one finding of an id and a package version; it can come twice
// where advisories use source and installed names side by side.
func dedupe(all []Finding) []Finding {
	type key struct{ id, pkg, version string }
	at := map[key]int{}
	kept := all[:0]
	for _, f := range all {
		k := key{f.ID, f.Package, f.InstalledVersion}
		i, twice := at[k]
		if !twice {
			at[k] = len(kept)
			kept = append(kept, f)
			continue
		}
		merged := append(slices.Clone(kept[i].Binaries), f.Binaries...)
		slices.Sort(merged)
		kept[i].Binaries = slices.Compact(merged)
	}
	return kept
}
