package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Report is what one run has found.
type Report struct {
	Tool    sbom.Tool
	Created time.Time
	Targets []Target
}

// Target is one image, or what else was looked at.
type Target struct {
	Image     sbom.Image
	ImageID   string // what docker calls the image id
	Kind      string // where it came from: "oci", "registry", "rootfs"
	Inventory *inventory.Inventory
	// Findings are in the order of package match, and point into the inventory.
	Findings []match.Finding
	// Suppressed are findings that do not count. No format leaves them out without
	// a word.
	Suppressed []Suppressed
	// Sources are the advisories by which it was judged.
	Sources []advisory.Source
	// Notes say what was not looked at, and why.
	Notes []string
}

// Format names a form of report.
type Format string

// The formats, beside those of package sbom: CycloneDX comes with the
// vulnerabilities, SPDX without, because it has no place for them.
const (
	Table Format = "table"
	JSON  Format = "json"
	SARIF Format = "sarif"
)

// Formats lists what Write can make.
func Formats() []Format {
	all := []Format{Table, JSON, SARIF}
	for _, f := range sbom.Formats() {
		all = append(all, Format(f))
	}
	return all
}

// Options say how a report looks; zero values mean the defaults.
type Options struct {
	Width int // of a table, in characters; 0: as wide as it gets
	// ShowSuppressed lists what does not count in tables, too.
	ShowSuppressed bool
}

// ErrSeveralTargets is why several images are no bill of materials.
var ErrSeveralTargets = errors.New("a bill of materials is of one image: pick a platform")

// Write writes a report.
func Write(w io.Writer, r *Report, f Format, o Options) error {
	switch f {
	case Table:
		return writeTable(w, r, o)
	case JSON:
		return writeJSON(w, r)
	case SARIF:
		return writeSARIF(w, r)
	}
	if !slices.Contains(sbom.Formats(), sbom.Format(f)) {
		return fmt.Errorf("%q is no format of a report", f)
	}
	if len(r.Targets) != 1 {
		return ErrSeveralTargets
	}
	document := r.Document(0)
	if f == Format(sbom.SPDX) {
		return sbom.Write(w, document, sbom.SPDX)
	}
	return sbom.EncodeCycloneDX(w, r.cycloneDX(0), sbom.Format(f))
}

// Document is the bill of materials of a target.
func (r *Report) Document(target int) sbom.Document {
	t := &r.Targets[target]
	return sbom.Document{Inventory: t.Inventory, Image: t.Image, Tool: r.Tool, Created: r.Created}
}

// Filter says which findings are shown. The zero value shows all.
type Filter struct {
	Severities []registry.Severity // empty: all
	Fixable    bool                // only those for which there is a fix
}

// Apply answers the findings that are shown.
func (f Filter) Apply(findings []match.Finding) []match.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(one match.Finding) bool {
		return f.Fixable && one.FixedVersion == "" || len(f.Severities) > 0 && !slices.Contains(f.Severities, one.Severity)
	})
}

// ApplyTo answers the suppressed findings that are shown.
func (f Filter) ApplyTo(suppressed []Suppressed) []Suppressed {
	return slices.DeleteFunc(slices.Clone(suppressed), func(one Suppressed) bool {
		return len(f.Apply([]match.Finding{one.Finding})) == 0
	})
}

// Severities are the severities, most severe first.
func Severities() []registry.Severity {
	return []registry.Severity{registry.Critical, registry.High, registry.Medium, registry.Low, registry.Informational, registry.Undefined}
}

// ParseSeverity reads the name of a severity in any case.
func ParseSeverity(text string) (registry.Severity, error) {
	severity := registry.Severity(strings.ToUpper(strings.TrimSpace(text)))
	if !slices.Contains(Severities(), severity) {
		return "", fmt.Errorf("%q is no severity: there are CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL and UNDEFINED", text)
	}
	return severity, nil
}

// AtLeast counts the findings that are as severe as a severity, or more.
func (r *Report) AtLeast(severity registry.Severity) (n int) {
	for i := range r.Targets {
		for _, f := range r.Targets[i].Findings {
			if f.Severity.Rank() <= severity.Rank() {
				n++
			}
		}
	}
	return n
}

// counts are the findings of a target by severity.
func (t *Target) counts() map[registry.Severity]int {
	n := map[registry.Severity]int{}
	for _, f := range t.Findings {
		n[f.Severity]++
	}
	return n
}

// judged are the packages that were looked at: what an OS package has brought
// counts as a part of that.
func (t *Target) judged() (n int) {
	for i := range t.Inventory.Packages {
		if t.Inventory.Packages[i].OwnedBy == "" {
			n++
		}
	}
	return n
}

// packages are those that a finding is about.
func (t *Target) packages(f *match.Finding) []inventory.Package {
	var all []inventory.Package
	for _, i := range f.Packages {
		if i >= 0 && i < len(t.Inventory.Packages) {
			all = append(all, t.Inventory.Packages[i])
		}
	}
	return all
}

// layerNumber is the place of a layer in the image, 1 being the base; 0 for one
// that is not known.
func (t *Target) layerNumber(digest string) int { return slices.Index(t.Image.Layers, digest) + 1 }

// system is the operating system in words.
func (t *Target) system() string {
	os := t.Inventory.OS
	return cmp.Or(strings.TrimSpace(os.ID+" "+cmp.Or(os.VersionID, os.VersionCodename)), "no operating system")
}
