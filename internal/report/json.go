package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// schemaVersion goes up when a member changes its meaning or goes away. New
// members may come without it.
const schemaVersion = 1

// The form of a report as JSON. It is written down in docs/scanning.md.
type (
	reportJSON struct {
		SchemaVersion int          `json:"schemaVersion"`
		Tool          toolJSON     `json:"tool"`
		CreatedAt     time.Time    `json:"createdAt"`
		Targets       []targetJSON `json:"targets"`
	}
	toolJSON struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	targetJSON struct {
		Name      string    `json:"name"`
		Kind      string    `json:"kind"`
		Digest    string    `json:"digest,omitempty"`
		ImageID   string    `json:"imageId,omitempty"`
		Platform  string    `json:"platform,omitempty"`
		CreatedAt time.Time `json:"createdAt,omitzero"`
		Layers    []string  `json:"layers,omitempty"`
		OS        *osJSON   `json:"os,omitempty"`

		Packages   int                       `json:"packages"`
		Counts     map[registry.Severity]int `json:"counts"`
		Advisories []sourceJSON              `json:"advisories"`
		Notes      []string                  `json:"notes"`
		Findings   []findingJSON             `json:"findings"`
		Suppressed []suppressedJSON          `json:"suppressed,omitempty"` // not among the counts
	}
	osJSON struct {
		ID      string `json:"id"`
		Version string `json:"version,omitempty"`
		Name    string `json:"name,omitempty"`
	}
	sourceJSON struct {
		Ecosystem string    `json:"ecosystem"`
		Location  string    `json:"location"`
		CheckedAt time.Time `json:"checkedAt,omitzero"`
		Newest    time.Time `json:"newestModified,omitzero"`
		Records   int64     `json:"records"`
	}
	findingJSON struct {
		ID               string            `json:"id"`
		Aliases          []string          `json:"aliases,omitempty"`
		Severity         registry.Severity `json:"severity"`
		SeveritySource   string            `json:"severitySource,omitempty"`
		VendorSeverity   string            `json:"vendorSeverity,omitempty"`
		CVSS             []finding.CVSS    `json:"cvss,omitempty"`
		Title            string            `json:"title,omitempty"`
		Description      string            `json:"description,omitempty"`
		URL              string            `json:"url"`
		References       []string          `json:"references,omitempty"`
		CWEs             []string          `json:"cwes,omitempty"`
		Advisory         string            `json:"advisory"`
		Source           string            `json:"source,omitempty"`
		Published        time.Time         `json:"published,omitzero"`
		Modified         time.Time         `json:"modified,omitzero"`
		Package          string            `json:"package"`
		InstalledVersion string            `json:"installedVersion"`
		FixedVersion     string            `json:"fixedVersion,omitempty"`
		Reason           string            `json:"reason"`
		Packages         []packageJSON     `json:"packages"`
	}
	packageJSON struct {
		Kind    string `json:"kind"`
		Name    string `json:"name"`
		Version string `json:"version"`
		Arch    string `json:"arch,omitempty"`
		PURL    string `json:"purl"`
		Path    string `json:"path,omitempty"`
		Layer   string `json:"layer,omitempty"`
	}
)

func writeJSON(w io.Writer, r *Report) error {
	out := reportJSON{
		SchemaVersion: schemaVersion, Tool: toolJSON{r.Tool.Name, r.Tool.Version}, CreatedAt: r.Created.UTC().Truncate(time.Second),
		Targets: make([]targetJSON, len(r.Targets)),
	}
	for i := range r.Targets {
		out.Targets[i] = r.Targets[i].json()
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}

func (t *Target) json() targetJSON {
	out := targetJSON{
		Name: t.Image.Name, Kind: t.Kind, Digest: t.Image.Digest, ImageID: t.ImageID, Platform: t.Image.Platform,
		CreatedAt: t.Image.Created.UTC(), Layers: t.Image.Layers, Packages: t.judged(), Counts: t.counts(),
		Advisories: []sourceJSON{}, Notes: append([]string{}, t.Notes...), Findings: []findingJSON{},
	}
	if t.Image.Created.IsZero() {
		out.CreatedAt = time.Time{}
	}
	if os := t.Inventory.OS; os.ID != "" {
		out.OS = &osJSON{ID: os.ID, Version: os.VersionID, Name: os.PrettyName}
	}
	for _, s := range t.Sources {
		out.Advisories = append(out.Advisories, sourceJSON{
			Ecosystem: s.Ecosystem, Location: s.Location, CheckedAt: s.Checked(), Newest: s.NewestModified, Records: s.Records,
		})
	}
	for i := range t.Findings {
		out.Findings = append(out.Findings, t.findingJSON(&t.Findings[i]))
	}
	out.Suppressed = t.suppressedJSON()
	return out
}

func (t *Target) findingJSON(f *match.Finding) findingJSON {
	p := f.Problem
	out := findingJSON{
		ID: f.ID, Aliases: f.Aliases, Severity: f.Severity, SeveritySource: f.SeveritySource, VendorSeverity: f.VendorSeverity, CVSS: f.CVSS,
		Title: p.Title, Description: p.Description, URL: f.URI, References: p.References, CWEs: p.CWEs,
		Advisory: f.AdvisoryID, Source: p.Source, Published: f.Published, Modified: f.Modified,
		Package: f.Package, InstalledVersion: f.InstalledVersion, FixedVersion: f.FixedVersion, Reason: f.Reason,
		Packages: []packageJSON{},
	}
	for _, pkg := range t.packages(f) {
		out.Packages = append(out.Packages, packageJSON{
			Kind: pkg.Kind, Name: pkg.Name, Version: pkg.Version, Arch: pkg.Arch, PURL: sbom.PackageURL(&pkg, t.Inventory.OS), Path: pkg.Path, Layer: pkg.Layer,
		})
	}
	return out
}
