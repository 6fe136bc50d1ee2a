package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// score counts over all cases.
type score struct {
	cases      int
	by         map[string]*tally // by ecosystem
	deviations []string
}

type tally struct {
	expected, found, right int
	absent                 int
}

// of parts is a percentage; all of nothing is all.
func (t *tally) of(whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(t.right) / float64(whole)
}

func (s *score) tally(ecosystem string) *tally {
	if s.by == nil {
		s.by = map[string]*tally{}
	}
	if s.by[ecosystem] == nil {
		s.by[ecosystem] = &tally{}
	}
	return s.by[ecosystem]
}

// add compares what was found in a case with what is right. A finding with
// another fixed version is there, and still a deviation.
func (s *score) add(c *testCase, found []expectation) {
	s.cases++
	deviate := func(what string, e expectation, why string) {
		s.deviations = append(s.deviations, fmt.Sprintf("%s: %s %s%s", c.file, what, e, why))
	}
	expected, _ := c.expected() // readCorpus has seen to it
	absent, _ := c.absent()
	missing := map[expectation]expectation{} // without the fix → with it
	for _, e := range expected {
		s.tally(e.ecosystem).expected++
		missing[e.bare()] = e
	}
	for _, a := range absent {
		s.tally(a.ecosystem).absent++
	}
	for _, f := range found {
		t := s.tally(f.ecosystem)
		t.found++
		e, right := missing[f.bare()]
		delete(missing, f.bare())
		switch {
		case right:
			t.right++
			if e.fixed != f.fixed {
				deviate("fix", f, ", but it is fixed in "+e.fixed)
			}
		default:
			deviate("surplus", f, reasonAgainst(f, absent))
		}
	}
	for _, e := range missing {
		deviate("miss", e, "")
	}
}

func (e expectation) bare() expectation {
	e.fixed = ""
	return e
}

// reasonAgainst is what the corpus says against a finding.
func reasonAgainst(f expectation, absent []absence) string {
	for _, a := range absent {
		if a.forbids(f) {
			return ": " + a.reason
		}
	}
	return ""
}

// print writes the table and what is wrong.
func (s *score) print(w io.Writer) {
	slices.Sort(s.deviations)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "ecosystem\texpected\tfound\trecall\tprecision\texpected not\t")
	var all tally
	for _, name := range slices.SortedFunc(maps.Keys(s.by), cmp.Compare) {
		t := s.by[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%.2f %%\t%.2f %%\t%d\t\n", name, t.expected, t.found, t.of(t.expected), t.of(t.found), t.absent)
		all.expected, all.found, all.right, all.absent = all.expected+t.expected, all.found+t.found, all.right+t.right, all.absent+t.absent
	}
	fmt.Fprintf(table, "all of %d images\t%d\t%d\t%.2f %%\t%.2f %%\t%d\t\n", s.cases, all.expected, all.found, all.of(all.expected), all.of(all.found), all.absent)
	table.Flush()
	for _, d := range s.deviations {
		fmt.Fprintln(w, d)
	}
}
