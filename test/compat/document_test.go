package compat

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// document is docs/compatibility.md as this run found things: the text of
// testdata, with what has passed in the place of its marks.
func document(t *testing.T, house *house, results []*result, shared int, others [][]*outcome) string {
	t.Helper()
	text, err := os.ReadFile("testdata/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(results, func(x, y *result) int { return strings.Compare(x.operation.name, y.operation.name) })
	var total int
	for _, r := range results {
		for _, n := range r.passed {
			total += n
		}
	}
	marks := []string{
		"{{table}}", table(house, results),
		"{{operations}}", fmt.Sprint(len(results)),
		"{{shared}}", fmt.Sprintf("✓ %d", shared),
		"{{checks}}", fmt.Sprint(total + shared),
	}
	for i, s := range apis() {
		rows, checks := tableOf(others[i])
		marks = append(marks,
			"{{"+s.name+" table}}", rows,
			"{{"+s.name+" operations}}", fmt.Sprint(len(others[i])),
			"{{"+s.name+" served}}", fmt.Sprint(len(s.rows)),
			"{{"+s.name+" checks}}", fmt.Sprint(checks))
	}
	return strings.NewReplacer(marks...).Replace(string(text))
}

func table(house *house, results []*result) string {
	var b strings.Builder
	b.WriteString("| operation | shape | errors | pagination | side effects | what does not run yet |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s |", r.operation.name)
		for c := range columns {
			fmt.Fprintf(&b, " %s |", r.cell(c))
		}
		fmt.Fprintf(&b, " %s |\n", house.told(r.operation.name))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// cell is green only where every check of a column ran and passed.
func (r *result) cell(c column) string {
	op := r.operation
	n := op.count(c)
	switch {
	case r.ran[c] != n || r.passed[c] != n, n == 0 && !op.later[c] && !op.none[c]:
		return fmt.Sprintf("✗ %d of %d", r.passed[c], n)
	case op.later[c] && n == 0:
		return "not yet"
	case op.later[c]:
		return fmt.Sprintf("part ✓ %d", n)
	case op.none[c]:
		return "–"
	}
	return fmt.Sprintf("✓ %d", n)
}

// told are the different sentences of the notices that an operation answered.
func (h *house) told(operation string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	sentences := slices.Clone(h.notices[operation])
	slices.Sort(sentences)
	return strings.Join(slices.Compact(sentences), " ")
}

// TestCellsAreGreenForWhatPassed: nothing but checks that ran and passed makes
// a cell green.
func TestCellsAreGreenForWhatPassed(t *testing.T) {
	two := []check{{column: inErrors}, {column: inErrors}}
	errors := map[column]bool{inErrors: true}
	for want, r := range map[string]result{
		"✓ 2":      {operation: &operation{checks: two}, ran: [columns]int{inErrors: 2}, passed: [columns]int{inErrors: 2}},
		"✗ 1 of 2": {operation: &operation{checks: two}, ran: [columns]int{inErrors: 2}, passed: [columns]int{inErrors: 1}},
		"✗ 0 of 2": {operation: &operation{checks: two}},
		"part ✓ 2": {operation: &operation{checks: two, later: errors}, ran: [columns]int{inErrors: 2}, passed: [columns]int{inErrors: 2}},
		"not yet":  {operation: &operation{later: errors}},
		"–":        {operation: &operation{none: errors}},
		"✗ 0 of 0": {operation: &operation{}},
	} {
		if got := r.cell(inErrors); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
