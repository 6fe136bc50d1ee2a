package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// The part of SARIF 2.1.0 that we write. The library for it writes every empty
// list that the format knows; it checks what we write in our tests.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		Results    []sarifResult `json:"results"`
		ColumnKind string        `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		Name             string          `json:"name"`
		ShortDescription sarifText       `json:"shortDescription"`
		FullDescription  sarifText       `json:"fullDescription"`
		HelpURI          string          `json:"helpUri,omitempty"`
		Help             sarifHelp       `json:"help"`
		Configuration    sarifLevel      `json:"defaultConfiguration"`
		Properties       sarifProperties `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Precision        string   `json:"precision"`
		SecuritySeverity string   `json:"security-severity,omitempty"`
		Tags             []string `json:"tags"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		// Suppressions is there where the result does not count.
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
		Message  sarifText      `json:"message"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/ecru-registry/ecru"
)

func writeSARIF(w io.Writer, r *Report) error {
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: cmp.Or(r.Tool.Name, "ecru"), Version: r.Tool.Version, InformationURI: homepage, Rules: []sarifRule{}}},
		Results:    []sarifResult{},
		ColumnKind: "utf16CodeUnits",
	}
	rules := map[string]int{}
	add := func(t *Target, f *match.Finding, suppressions []sarifSuppression) {
		rule, known := rules[f.ID]
		if !known {
			rule = len(run.Tool.Driver.Rules)
			rules[f.ID] = rule
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(f))
		}
		result := t.result(f, rule)
		result.Suppressions = suppressions
		run.Results = append(run.Results, result)
	}
	for i := range r.Targets {
		t := &r.Targets[i]
		for j := range t.Findings {
			add(t, &t.Findings[j], nil)
		}
		for j := range t.Suppressed {
			add(t, &t.Suppressed[j].Finding, t.Suppressed[j].Excuse.sarif())
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// ruleOf describes a vulnerability, in the words of the first finding of it.
func ruleOf(f *match.Finding) sarifRule {
	title := cmp.Or(f.Problem.Title, firstLine(f.Description), f.ID+" in "+f.Package)
	details := cmp.Or(f.Problem.Description, f.Description, title)
	help := fmt.Sprintf("%s\n\nSeverity: %s\nAdvisory: %s\n%s", details, f.Severity, f.AdvisoryID, f.URI)
	rule := sarifRule{
		ID: f.ID, Name: "VulnerablePackage", ShortDescription: sarifText{cutTo(title, 1024)}, FullDescription: sarifText{cutTo(details, 1024)},
		Help: sarifHelp{Text: cutTo(help, 8192), Markdown: fmt.Sprintf("%s\n\n| severity | advisory |\n|---|---|\n| %s | [%s](%s) |\n",
			cutTo(details, 8192), f.Severity, f.AdvisoryID, f.URI)},
		Configuration: sarifLevel{level(f.Severity)},
		Properties: sarifProperties{
			Precision: "very-high", SecuritySeverity: securitySeverity(f),
			Tags: []string{"security", "vulnerability", strings.ToLower(string(f.Severity))},
		},
	}
	if u, err := url.Parse(f.URI); err == nil && u.IsAbs() {
		rule.HelpURI = f.URI
	}
	return rule
}

func (t *Target) result(f *match.Finding, rule int) sarifResult {
	text := fmt.Sprintf("%s %s in %s is affected by %s (%s).", f.Package, f.InstalledVersion, t.Image.Name, f.ID, strings.ToLower(string(f.Severity)))
	if f.FixedVersion != "" {
		text += fmt.Sprintf(" Update to %s.", f.FixedVersion)
	} else {
		text += " There is no fix yet."
	}
	result := sarifResult{RuleID: f.ID, RuleIndex: rule, Level: level(f.Severity), Message: sarifText{text}}
	packages := t.packages(f)
	if len(packages) == 0 { // SARIF wants a place for everything
		packages = []inventory.Package{{Name: f.Package, Version: f.InstalledVersion, Path: f.Path}}
	}
	for _, p := range packages[:min(len(packages), maxLocations)] {
		result.Locations = append(result.Locations, sarifLocation{
			Physical: sarifPhysical{sarifArtifact{artifactURI(cmp.Or(p.Path, t.Image.Name))}, sarifRegion{1, 1, 1, 1}},
			Logical:  []sarifLogical{{Name: p.Name, FullyQualifiedName: t.Image.Name + "/" + p.Path + "#" + p.Name + "@" + p.Version, Kind: "package"}},
			Message:  sarifText{fmt.Sprintf("%s: %s %s", t.Image.Name, p.Name, p.Version)},
		})
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{t.Image.Repository, t.Image.Platform, f.ID, f.Kind, f.Package, f.Path}, "\x00")))
	fingerprint := hex.EncodeToString(sum[:16])
	// The first is what GitHub looks at. The versions are no part of it: an
	// update that does not mend anything is no new alert.
	result.PartialFingerprints = map[string]string{"primaryLocationLineHash": fingerprint + ":1", "ecruFinding/v1": fingerprint}
	return result
}

// maxLocations is where GitHub stops to read.
const maxLocations = 100

// artifactURI is a path as a relative URI: a colon or a slash at its beginning
// would mean something else.
func artifactURI(path string) string {
	return strings.ReplaceAll((&url.URL{Path: strings.TrimLeft(path, "/")}).EscapedPath(), ":", "%3A")
}

func level(s registry.Severity) string {
	switch s {
	case registry.Critical, registry.High:
		return "error"
	case registry.Medium:
		return "warning"
	case registry.Low, registry.Informational, registry.Undefined:
	}
	return "note"
}

// securitySeverity is the number by which GitHub calls an alert critical (from
// 9.0), high (7.0), medium (4.0) or low. The score counts where it says the same
// as the severity, which can be the vendor's own.
func securitySeverity(f *match.Finding) string {
	bands := map[registry.Severity][3]float64{ // least, most, and what stands for it
		registry.Critical: {9, 10, 9.5}, registry.High: {7, 8.9, 8}, registry.Medium: {4, 6.9, 5.5},
		registry.Low: {0.1, 3.9, 2}, registry.Informational: {0, 0, 0.1},
	}
	band, ok := bands[f.Severity]
	if !ok {
		return ""
	}
	score := band[2]
	if len(f.CVSS) > 0 && f.CVSS[0].Score >= band[0] && f.CVSS[0].Score <= band[1] {
		score = f.CVSS[0].Score
	}
	return strconv.FormatFloat(score, 'f', 1, 64)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// cutTo cuts a text at a number of characters.
func cutTo(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
