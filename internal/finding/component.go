package finding

import (
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Component is what advisories are looked up for: a package of one name and
// version, judged by the advisories of one release.
type Component struct {
	// Release names the advisories and the rules: "Alpine:v3.20", "Debian:12",
	// "Red Hat:9", "npm", "Go". It is package match's to make and to read.
	Release string `json:"release"`
	Name    string `json:"name"`    // as advisories call it: on Debian the source package
	Version string `json:"version"` // of what Name names
	Module  string `json:"module,omitempty"`
}

// Problem is a vulnerability of a component. All images that hold the component
// share it.
type Problem struct {
	// VulnerabilityID is the CVE where there is one, else the best id.
	VulnerabilityID string   `json:"vulnerabilityId"`
	Aliases         []string `json:"aliases,omitempty"` // other ids of the same thing, sorted
	Package         string   `json:"package"`           // as the advisory calls it
	Version         string   `json:"version"`
	// FixedVersion is empty while there is no fix.
	FixedVersion string `json:"fixedVersion,omitempty"`

	Severity       registry.Severity `json:"severity"` // Undefined where nobody has said
	SeveritySource string            `json:"severitySource,omitempty"`
	VendorSeverity string            `json:"vendorSeverity,omitempty"`
	CVSS           []CVSS            `json:"cvss,omitempty"` // the one that counts first

	Title       string    `json:"title,omitempty"`
	Description string    `json:"description,omitempty"`
	URL         string    `json:"url"`
	References  []string  `json:"references,omitempty"`
	CWEs        []string  `json:"cwes,omitempty"`
	Source      string    `json:"source"` // in Inspector's words: DEBIAN_CVE, REDHAT_CVE, GITHUB, …
	AdvisoryID  string    `json:"advisoryId"`
	Published   time.Time `json:"published,omitzero"`
	Modified    time.Time `json:"modified,omitzero"`

	// Reason says what was compared with what.
	Reason string `json:"reason"`
}

// CVSS is a scored vector.
type CVSS struct {
	Version string  `json:"version"` // "2.0", "3.0", "3.1", "4.0"
	Vector  string  `json:"vector"`
	Score   float64 `json:"score"`
	Source  string  `json:"source,omitempty"` // who gave it: "NVD", "DEBIAN_CVE", …
}

// Risk is what is known about a vulnerability beside its advisories.
type Risk struct {
	EPSS           float64   // probability of being exploited, 0 to 1
	Percentile     float64   // 0 to 1
	HasEPSS        bool      //
	KnownExploited bool      // it is in CISA's catalogue
	ExploitedAt    time.Time // the day on which it came there
}
