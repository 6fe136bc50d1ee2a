package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

func writeTable(w io.Writer, r *Report, o Options) error {
	out := bufio.NewWriter(w)
	for i := range r.Targets {
		if i > 0 {
			fmt.Fprintln(out)
		}
		writeTarget(out, &r.Targets[i], o)
	}
	return out.Flush()
}

func writeTarget(out io.Writer, t *Target, o Options) {
	facts := []string{printable(t.system())}
	if t.Image.Platform != "" {
		facts = append(facts, printable(t.Image.Platform))
	}
	facts = append(facts, plural(t.judged(), "package"))
	fmt.Fprintf(out, "%s (%s)\n", printable(t.Image.Name), strings.Join(facts, ", "))
	for _, group := range groups(t.Findings) {
		fmt.Fprintf(out, "\n%s\n", printable(groupTitle(t, group)))
		writeRows(out, t.rows(group), o.Width)
	}
	fmt.Fprintf(out, "\n%s\n", t.summary())
	writeSuppressed(out, t, o)
	for _, note := range t.Notes {
		fmt.Fprintf(out, "Note: %s.\n", printable(note))
	}
}

// groups puts the findings of a kind of package together, those of the
// operating system first; within a group the order stays.
func groups(findings []match.Finding) [][]match.Finding {
	byKind := map[string][]match.Finding{}
	var kinds []string
	for _, f := range findings {
		if byKind[f.Kind] == nil {
			kinds = append(kinds, f.Kind)
		}
		byKind[f.Kind] = append(byKind[f.Kind], f)
	}
	slices.SortFunc(kinds, func(a, b string) int {
		if isSystem(a) != isSystem(b) {
			if isSystem(a) {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	all := make([][]match.Finding, len(kinds))
	for i, kind := range kinds {
		all[i] = byKind[kind]
	}
	return all
}

func isSystem(kind string) bool {
	return kind == inventory.KindAPK || kind == inventory.KindDeb || kind == inventory.KindRPM
}

func groupTitle(t *Target, group []match.Finding) string {
	if isSystem(group[0].Kind) {
		return t.system()
	}
	return map[string]string{
		inventory.KindNPM: "Node.js", inventory.KindPyPI: "Python", inventory.KindMaven: "Java", inventory.KindGolang: "Go",
		inventory.KindCargo: "Rust", inventory.KindGem: "Ruby", inventory.KindComposer: "PHP", inventory.KindNuGet: ".NET",
		inventory.KindHex: "Elixir and Erlang", inventory.KindPub: "Dart", inventory.KindSwift: "Swift", inventory.KindHackage: "Haskell",
		inventory.KindCRAN: "R", inventory.KindBitnami: "Bitnami", inventory.KindGitHub: "GitHub Actions",
	}[group[0].Kind]
}

// rows are the cells of a table, the head first. A column in which nobody has
// anything is left out.
func (t *Target) rows(group []match.Finding) [][]string {
	rows := [][]string{{"SEVERITY", "VULNERABILITY", "PACKAGE", "INSTALLED", "FIXED IN", "LAYER", "WHERE"}}
	for i := range group {
		f := &group[i]
		layer := ""
		if n := t.layerNumber(f.Layer); n > 0 && len(t.Image.Layers) > 1 {
			layer = strconv.Itoa(n)
		}
		where := f.Path
		if isSystem(f.Kind) {
			where = "" // the package database, which everybody knows
		} else if more := len(f.Packages) - 1; more > 0 {
			where = fmt.Sprintf("%s and %d more", where, more)
		}
		rows = append(rows, []string{string(f.Severity), f.ID, packageCell(f), f.InstalledVersion, fixedCell(f), layer, where})
	}
	for column := len(rows[0]) - 1; column >= 0; column-- {
		if slices.ContainsFunc(rows[1:], func(row []string) bool { return row[column] != "" }) {
			continue
		}
		for i := range rows {
			rows[i] = slices.Delete(rows[i], column, column+1)
		}
	}
	return rows
}

// packageCell names what the advisory speaks of, and what is installed of it
// where that is called something else.
func packageCell(f *match.Finding) string {
	others := slices.DeleteFunc(slices.Clone(f.Binaries), func(name string) bool { return name == f.Package })
	if len(others) == 0 || !isSystem(f.Kind) {
		return f.Package
	}
	return fmt.Sprintf("%s (%s)", f.Package, strings.Join(others, ", "))
}

func fixedCell(f *match.Finding) string {
	if f.FixedVersion == "" {
		return "-"
	}
	return f.FixedVersion
}

const (
	gap        = 2
	leastWidth = 12 // of a column that is cut
)

// writeRows aligns the columns, and cuts the widest ones until they fit. Of the
// id of a vulnerability nothing is cut: it is what people copy.
func writeRows(out io.Writer, rows [][]string, width int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	fit(widths, width)
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = cut(cell, widths[i])
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}

// fit takes from the widest columns what is too much.
func fit(widths []int, width int) {
	if width <= 0 {
		return
	}
	total := -gap
	for _, w := range widths {
		total += w + gap
	}
	for ; total > width; total-- {
		widest := -1
		for i := 2; i < len(widths); i++ {
			if widths[i] > leastWidth && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// cut leaves out the middle: the end of a path says more than what comes before.
func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	head := (width - 1) / 2
	tail := width - 1 - head
	return string(runes[:head]) + "…" + string(runes[len(runes)-tail:])
}

// printable takes away what a terminal would obey: names come from images.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}

func (t *Target) summary() string {
	switch {
	case len(t.Findings) == 0 && len(t.Suppressed) > 0:
		return "No vulnerabilities found that count."
	case len(t.Findings) == 0:
		return "No vulnerabilities found."
	}
	counts, fixable := t.counts(), 0
	for _, f := range t.Findings {
		if f.FixedVersion != "" {
			fixable++
		}
	}
	var parts []string
	for _, s := range Severities() {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(string(s))))
		}
	}
	n := "vulnerabilities"
	if len(t.Findings) == 1 {
		n = "vulnerability"
	}
	return fmt.Sprintf("%d %s: %s; %d with a fix.", len(t.Findings), n, strings.Join(parts, ", "), fixable)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
