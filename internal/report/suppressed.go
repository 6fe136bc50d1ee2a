package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Suppressed is a finding that does not count, because somebody has said why.
type Suppressed struct {
	match.Finding
	Excuse Excuse
}

// Excuse is what a VEX document says of a finding.
type Excuse struct {
	Status        string    `json:"status"` // not_affected or fixed
	Justification string    `json:"justification,omitempty"`
	Note          string    `json:"note,omitempty"`
	Document      string    `json:"document,omitempty"` // its id
	Author        string    `json:"author,omitempty"`   // as it says itself
	Source        string    `json:"source"`             // where it was read: a file, or a reference
	At            time.Time `json:"at,omitzero"`
}

// suppressedJSON is the form of a finding that does not count: as others, and why.
type suppressedJSON struct {
	findingJSON
	Suppression Excuse `json:"suppression"`
}

func (t *Target) suppressedJSON() []suppressedJSON {
	all := make([]suppressedJSON, len(t.Suppressed))
	for i := range t.Suppressed {
		s := &t.Suppressed[i]
		all[i] = suppressedJSON{t.findingJSON(&s.Finding), s.Excuse}
	}
	return all
}

// reason says why a finding does not count, in one line.
func (e *Excuse) reason() string {
	text := e.Status
	if e.Justification != "" {
		text += " (" + e.Justification + ")"
	}
	if note := firstLine(e.Note); note != "" {
		text += ": " + note
	}
	return text
}

// who says where that is said, and by whom.
func (e *Excuse) who() string {
	return strings.TrimPrefix(strings.TrimSpace(e.Author+", "+e.Source), ", ")
}

// writeSuppressed shows what does not count, or says at least how much that is.
func writeSuppressed(out io.Writer, t *Target, o Options) {
	if len(t.Suppressed) == 0 {
		return
	}
	if !o.ShowSuppressed {
		fmt.Fprintf(out, "%s suppressed by VEX documents; --show-suppressed lists them.\n", plural(len(t.Suppressed), "finding"))
		return
	}
	fmt.Fprintf(out, "\nSuppressed\n")
	rows := [][]string{{"SEVERITY", "VULNERABILITY", "PACKAGE", "INSTALLED", "REASON", "BY"}}
	for i := range t.Suppressed {
		s := &t.Suppressed[i]
		rows = append(rows, []string{string(s.Severity), s.ID, packageCell(&s.Finding), s.InstalledVersion, s.Excuse.reason(), s.Excuse.who()})
	}
	writeRows(out, rows, o.Width)
	fmt.Fprintf(out, "\n%s suppressed by VEX documents.\n", plural(len(t.Suppressed), "finding"))
}

// sarifSuppression is why a result does not count.
type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

func (e *Excuse) sarif() []sarifSuppression {
	return []sarifSuppression{{Kind: "external", Status: "accepted", Justification: fmt.Sprintf("%s [%s]", e.reason(), e.who())}}
}

// analysis is what CycloneDX calls it.
func (e *Excuse) analysis() *cdx.VulnerabilityAnalysis {
	a := &cdx.VulnerabilityAnalysis{State: cdx.IASNotAffected, Justification: justification(e.Justification), Detail: e.reason() + " [" + e.who() + "]", LastUpdated: timestamp(e.At)}
	switch {
	case e.Status == "fixed":
		a.State, a.Justification = cdx.IASResolved, ""
	case e.Justification == string(cdx.IASFalsePositive):
		a.State = cdx.IASFalsePositive
	}
	return a
}

// justification is the word of CycloneDX for one of OpenVEX and CSAF, which agree.
func justification(word string) cdx.ImpactAnalysisJustification {
	known := map[string]cdx.ImpactAnalysisJustification{
		"component_not_present": cdx.IAJCodeNotPresent, "vulnerable_code_not_present": cdx.IAJCodeNotPresent,
		"vulnerable_code_not_in_execute_path":               cdx.IAJCodeNotReachable,
		"vulnerable_code_cannot_be_controlled_by_adversary": cdx.IAJRequiresEnvironment,
		"inline_mitigations_already_exist":                  cdx.IAJProtectedByMitigatingControl,
	}
	for _, own := range []cdx.ImpactAnalysisJustification{
		cdx.IAJCodeNotPresent, cdx.IAJCodeNotReachable, cdx.IAJRequiresConfiguration, cdx.IAJRequiresDependency, cdx.IAJRequiresEnvironment,
		cdx.IAJProtectedByCompiler, cdx.IAJProtectedAtRuntime, cdx.IAJProtectedAtPerimeter, cdx.IAJProtectedByMitigatingControl,
	} {
		known[string(own)] = own
	}
	return known[word]
}

// ref tells the entry of a vulnerability that counts from one that does not.
func (e *Excuse) ref() string { return cmp.Or(e.Status, "suppressed") + "-" + e.Document }
