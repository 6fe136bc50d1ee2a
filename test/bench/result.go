package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one line of the table before it is measured.
type row struct {
	what string
	unit string
	// reference names the other side; missing says why there is none.
	reference string
	missing   string
	// goal is the least ratio of ecru to the reference, counted so that more is
	// better. less says that the figures themselves are better when smaller.
	goal float64
	less bool
}

// result is one line of the table.
type result struct {
	what      string
	ours      string
	reference string
	ratio     string
	goal      string
	met       string
}

const notMeasured = "not measured"

// compare measures a row against its reference, or alone where there is none.
func (b *bench) compare(ctx context.Context, r row, ours, theirs measurement) error {
	if theirs == nil {
		values, err := repeat(ctx, b.rounds, ours)
		if err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
		b.add(result{
			what: r.what, ours: amount(median(values), r.unit), reference: r.reference + ": " + notMeasured,
			ratio: "–", goal: ratioGoal(r.goal), met: notMeasured + " (" + r.missing + ")",
		})
		return nil
	}
	p, err := alternate(ctx, b.rounds, ours, theirs)
	if err != nil {
		return fmt.Errorf("%s: %w", r.what, err)
	}
	ratio := func(ours, theirs float64) float64 {
		if r.less {
			ours, theirs = theirs, ours
		}
		if theirs == 0 {
			return 0
		}
		return ours / theirs
	}
	var each []float64
	for i := range p.ours {
		each = append(each, ratio(p.ours[i], p.theirs[i]))
	}
	reached := ratio(median(p.ours), median(p.theirs))
	b.add(result{
		what: r.what, ours: amount(median(p.ours), r.unit), reference: r.reference + ": " + amount(median(p.theirs), r.unit),
		ratio: fmt.Sprintf("%s (%s to %s)", factor(reached), factor(slices.Min(each)), factor(slices.Max(each))),
		goal:  ratioGoal(r.goal), met: yesNo(reached >= r.goal),
	})
	return nil
}

// limit adds a row without a reference: a figure that must not be exceeded.
func (b *bench) limit(what string, value float64, unit string, most float64) {
	b.add(result{what: what, ours: amount(value, unit), reference: "–", ratio: "–", goal: "≤ " + amount(most, unit), met: yesNo(value <= most)})
}

// inform adds a row without a goal.
func (b *bench) inform(what string, value float64, unit string) {
	b.add(result{what: what, ours: amount(value, unit), reference: "–", ratio: "–", goal: "–", met: "–"})
}

func (b *bench) add(r result) {
	b.results = append(b.results, r)
	say("  %s: %s | %s | %s | goal %s: %s", r.what, r.ours, r.reference, r.ratio, r.goal, r.met)
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func ratioGoal(goal float64) string {
	if goal == 0 {
		return "–"
	}
	return "≥ " + factor(goal)
}

// factor has two digits behind the point where they mean something.
func factor(f float64) string {
	if f >= 10 {
		return fmt.Sprintf("%.0f×", f)
	}
	return fmt.Sprintf("%.2f×", f)
}

func amount(v float64, unit string) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}

func (b *bench) printTable(w io.Writer, m machine) {
	fmt.Fprintf(w, "\n%s, %d cores, %s, %s, %s, data on %s; commit %s; load %s before, %s after\n\n",
		m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.FileSystem, m.Commit, m.LoadBefore, m.LoadAfter)
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join([]string{"WHAT", "ECRU", "REFERENCE", "RATIO (ROUNDS)", "GOAL", "MET"}, "\t"))
	for _, r := range b.results {
		fmt.Fprintln(table, strings.Join([]string{r.what, r.ours, r.reference, r.ratio, r.goal, r.met}, "\t"))
	}
	table.Flush()
	for _, n := range b.notes {
		fmt.Fprintln(w, "- "+n)
	}
}
