package finding

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// ReportWriter writes findings one after the other.
type ReportWriter interface {
	Write(f *Finding) error
	// Close ends the report; what it is written to stays open.
	Close() error
}

// reportTime is how reports write times.
func reportTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// jsonReport is {"findings": [...]}.
type jsonReport struct {
	to     io.Writer
	region string
	count  int
}

// NewJSONReport writes findings as Inspector's reports in JSON have them.
func NewJSONReport(to io.Writer, region string) ReportWriter {
	return &jsonReport{to: to, region: region}
}

func (r *jsonReport) Write(f *Finding) error {
	before := ",\n"
	if r.count == 0 {
		before = "{\"findings\":[\n"
	}
	r.count++
	body, err := json.Marshal(NewReported(f, r.region))
	if err != nil {
		return err
	}
	_, err = r.to.Write(append([]byte(before), body...))
	return err
}

func (r *jsonReport) Close() error {
	end := "\n]}\n"
	if r.count == 0 {
		end = "{\"findings\":[]}\n"
	}
	_, err := io.WriteString(r.to, end)
	return err
}

// column is a column of a report in CSV.
type column struct {
	name string
	of   func(f *Finding, p *Package) string
}

// csvReport has a line for each package of each finding.
type csvReport struct {
	to      *csv.Writer
	columns []column
	line    []string
	begun   bool
}

// NewCSVReport writes findings as Inspector's reports in CSV have them.
func NewCSVReport(to io.Writer, region string, now time.Time) ReportWriter {
	columns := csvColumns(region, now)
	return &csvReport{to: csv.NewWriter(to), columns: columns, line: make([]string, len(columns))}
}

func (r *csvReport) head() error {
	if r.begun {
		return nil
	}
	r.begun = true
	for i, c := range r.columns {
		r.line[i] = c.name
	}
	return r.to.Write(r.line)
}

func (r *csvReport) Write(f *Finding) error {
	if err := r.head(); err != nil {
		return err
	}
	packages := f.Packages
	if len(packages) == 0 {
		packages = []Package{{}}
	}
	for i := range packages {
		for j, c := range r.columns {
			r.line[j] = harmless(c.of(f, &packages[i]))
		}
		if err := r.to.Write(r.line); err != nil {
			return err
		}
	}
	return nil
}

func (r *csvReport) Close() error {
	if err := r.head(); err != nil {
		return err
	}
	r.to.Flush()
	return r.to.Error()
}

// harmless keeps spreadsheets from taking what images contain for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		if _, err := strconv.ParseFloat(cell, 64); err != nil {
			return "'" + cell
		}
	}
	return cell
}

// csvColumns are those of Inspector's reports, in its order. What only other
// resources than images have stays empty.
func csvColumns(region string, now time.Time) []column {
	none := func(*Finding, *Package) string { return "" }
	columns := []column{
		{"AWS Account Id", func(f *Finding, _ *Package) string { return f.Account }},
		{"Severity", func(f *Finding, _ *Package) string { return string(f.Severity) }},
		{"Fix Available", func(f *Finding, _ *Package) string { return string(f.Fix) }},
		{"Finding Type", func(*Finding, *Package) string { return TypePackageVulnerability }},
		{"Title", func(f *Finding, _ *Package) string { return f.Title }},
		{"Description", func(f *Finding, _ *Package) string { return f.Description }},
		{"Finding ARN", func(f *Finding, _ *Package) string { return f.ARN(region) }},
		{"First Seen", func(f *Finding, _ *Package) string { return reportTime(f.FirstObservedAt) }},
		{"Last Seen", func(f *Finding, _ *Package) string { return reportTime(f.LastObservedAt) }},
		{"Last Updated", func(f *Finding, _ *Package) string { return reportTime(f.UpdatedAt) }},
		{"Resource ID", func(f *Finding, _ *Package) string { return f.ResourceID(region) }},
		{"Container Image Tags", func(f *Finding, _ *Package) string { return strings.Join(f.Image.Tags, ",") }},
		{"Region", func(*Finding, *Package) string { return region }},
		{"Platform", func(f *Finding, _ *Package) string { return f.Image.Platform }},
		{"Resource Tags", none},
		{"Affected Packages", func(_ *Finding, p *Package) string { return p.Name }},
		{"Package Installed Version", func(_ *Finding, p *Package) string { return p.Installed() }},
		{"Fixed in Version", func(_ *Finding, p *Package) string { return p.FixedIn }},
		{"Package Remediation", none},
		{"File Path", func(_ *Finding, p *Package) string { return p.Path }},
		{"Network Paths", none},
		{"Age (Days)", func(f *Finding, _ *Package) string { return AgeInDays(f.FirstObservedAt, now) }},
		{"Remediation", func(f *Finding, _ *Package) string { return f.Remediation }},
		{"Inspector Score", func(f *Finding, _ *Package) string { return scoreText(f.Score) }},
		{"Inspector Score Vector", func(f *Finding, _ *Package) string { return f.counting().Vector }},
		{"Status", func(f *Finding, _ *Package) string { return string(f.Status) }},
		{"Vulnerability Id", func(f *Finding, _ *Package) string { return f.VulnerabilityID }},
		{"Vendor", func(f *Finding, _ *Package) string { return f.Source }},
		{"Vendor Severity", func(f *Finding, _ *Package) string { return f.Vendor }},
		{"Vendor Advisory", func(f *Finding, _ *Package) string { return f.SourceURL }},
		{"Vendor Advisory Published", func(f *Finding, _ *Package) string { return reportTime(f.CreatedAt) }},
	}
	for _, by := range []string{"NVD", "Vendor"} {
		for _, version := range []string{"3", "2"} {
			columns = append(columns, cvssColumns(by, version)...)
		}
	}
	columns = append(columns, column{"Resource Type", func(*Finding, *Package) string { return ImageResource }})
	for _, name := range []string{"Ami", "Resource Public Ipv4", "Resource Private Ipv4", "Resource Ipv6", "Resource Vpc", "Port Range"} {
		columns = append(columns, column{name, none})
	}
	return append(columns,
		column{"Epss Score", func(f *Finding, _ *Package) string { return scoreText(f.EPSS) }},
		column{"Exploit Available", func(f *Finding, _ *Package) string { return f.Exploitable() }},
		column{"Last Exploited At", func(f *Finding, _ *Package) string { return reportTime(f.Risk.ExploitedAt) }},
		column{"Lambda Layers", none}, column{"Lambda Package Type", none}, column{"Lambda Last Updated At", none},
		column{"Reference Urls", func(f *Finding, _ *Package) string { return strings.Join(f.References, ",") }},
	)
}

// cvssColumns are the scores that somebody gave, of one major version of CVSS.
func cvssColumns(by, version string) []column {
	of := func(f *Finding) CVSS {
		for _, c := range f.CVSS {
			if (c.Source == "NVD") == (by == "NVD") && strings.HasPrefix(c.Version, version) {
				return c
			}
		}
		return CVSS{Score: -1}
	}
	name := by + " CVSS" + version
	return []column{
		{name + " Score", func(f *Finding, _ *Package) string { return scoreText(of(f).Score) }},
		{name + " Vector", func(f *Finding, _ *Package) string { return of(f).Vector }},
		{name + " Severity", func(f *Finding, _ *Package) string { return SeverityOfScore(of(f).Score) }},
	}
}

// counting is the score that a finding has its own from.
func (f *Finding) counting() CVSS {
	if len(f.CVSS) == 0 {
		return CVSS{}
	}
	return f.CVSS[0]
}

// Installed is a version with epoch and release.
func (p *Package) Installed() string {
	v := p.Version
	if p.Epoch > 0 {
		v = strconv.Itoa(p.Epoch) + ":" + v
	}
	if p.Release != "" {
		v += "-" + p.Release
	}
	return v
}

func scoreText(score float64) string {
	if score < 0 {
		return ""
	}
	return strconv.FormatFloat(score, 'f', -1, 64)
}

// SeverityOfScore is what Inspector makes of a score; empty for none.
func SeverityOfScore(score float64) string {
	switch {
	case score < 0:
		return ""
	case score == 0:
		return string(registry.Informational)
	case score < 4:
		return string(registry.Low)
	case score < 7:
		return string(registry.Medium)
	case score < 9:
		return string(registry.High)
	}
	return string(registry.Critical)
}
