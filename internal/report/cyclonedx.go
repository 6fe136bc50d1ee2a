package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// cycloneDX is the bill of materials of a target with its vulnerabilities.
func (r *Report) cycloneDX(target int) *cdx.BOM {
	t := &r.Targets[target]
	document := r.Document(target)
	bom := document.CycloneDX()
	refs := document.References()
	at := map[string]int{}
	all := []cdx.Vulnerability{}
	add := func(f *match.Finding, ref string, analysis *cdx.VulnerabilityAnalysis) {
		n, known := at[ref]
		if !known {
			n = len(all)
			at[ref] = n
			all = append(all, vulnerability(f))
			all[n].BOMRef, all[n].Analysis = "vulnerability-"+ref, analysis
		}
		v := &all[n]
		for _, pkg := range f.Packages {
			affected := cdx.Affects{Ref: refs[pkg], Range: &[]cdx.AffectedVersions{{Version: t.Inventory.Packages[pkg].Version, Status: cdx.VulnerabilityStatusAffected}}}
			if analysis != nil {
				affected.Range = nil // the analysis says whether it is
			}
			if !slices.ContainsFunc(*v.Affects, func(a cdx.Affects) bool { return a.Ref == affected.Ref }) {
				*v.Affects = append(*v.Affects, affected)
			}
		}
		recommend(v, f)
	}
	for i := range t.Findings {
		add(&t.Findings[i], t.Findings[i].ID, nil)
	}
	for i := range t.Suppressed {
		s := &t.Suppressed[i]
		add(&s.Finding, s.ID+"-"+s.Excuse.ref(), s.Excuse.analysis())
	}
	bom.Vulnerabilities = &all
	return bom
}

func vulnerability(f *match.Finding) cdx.Vulnerability {
	v := cdx.Vulnerability{
		ID: f.ID, Source: &cdx.Source{Name: f.Problem.Source, URL: f.URI},
		Description: f.Description, Detail: f.Problem.Description, Affects: &[]cdx.Affects{},
		Published: timestamp(f.Published), Updated: timestamp(f.Modified),
	}
	if v.Detail == v.Description {
		v.Detail = ""
	}
	ratings := []cdx.VulnerabilityRating{{Source: &cdx.Source{Name: f.SeveritySource}, Severity: severity(f.Severity)}}
	for _, c := range f.CVSS {
		score := c.Score
		ratings = append(ratings, cdx.VulnerabilityRating{Score: &score, Method: method(c.Version), Vector: c.Vector, Severity: severityOfScore(c.Score)})
	}
	v.Ratings = &ratings
	var cwes []int
	for _, cwe := range f.Problem.CWEs {
		if n, err := strconv.Atoi(strings.TrimPrefix(cwe, "CWE-")); err == nil && n > 0 {
			cwes = append(cwes, n)
		}
	}
	if len(cwes) > 0 {
		v.CWEs = &cwes
	}
	advisories := []cdx.Advisory{}
	for _, link := range slices.Concat([]string{f.URI}, f.Problem.References) {
		if link != "" && !slices.ContainsFunc(advisories, func(a cdx.Advisory) bool { return a.URL == link }) {
			advisories = append(advisories, cdx.Advisory{URL: link})
		}
	}
	v.Advisories = &advisories
	return v
}

// recommend adds what there is to do about one package.
func recommend(v *cdx.Vulnerability, f *match.Finding) {
	if f.FixedVersion == "" {
		return
	}
	sentence := fmt.Sprintf("Update %s to %s.", f.Package, f.FixedVersion)
	switch {
	case v.Recommendation == "":
		v.Recommendation = sentence
	case !strings.Contains(v.Recommendation, sentence):
		v.Recommendation += " " + sentence
	}
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func severity(s registry.Severity) cdx.Severity {
	switch s {
	case registry.Critical:
		return cdx.SeverityCritical
	case registry.High:
		return cdx.SeverityHigh
	case registry.Medium:
		return cdx.SeverityMedium
	case registry.Low:
		return cdx.SeverityLow
	case registry.Informational:
		return cdx.SeverityInfo
	case registry.Undefined:
	}
	return cdx.SeverityUnknown
}

func severityOfScore(score float64) cdx.Severity {
	switch {
	case score >= 9:
		return cdx.SeverityCritical
	case score >= 7:
		return cdx.SeverityHigh
	case score >= 4:
		return cdx.SeverityMedium
	case score > 0:
		return cdx.SeverityLow
	}
	return cdx.SeverityNone
}

func method(version string) cdx.ScoringMethod {
	switch version {
	case "4.0":
		return cdx.ScoringMethodCVSSv4
	case "3.1":
		return cdx.ScoringMethodCVSSv31
	case "3.0":
		return cdx.ScoringMethodCVSSv3
	case "2.0":
		return cdx.ScoringMethodCVSSv2
	}
	return cdx.ScoringMethodOther
}
