package advisory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of one record. Real ones stay far below; what exceeds them is not
// an advisory, and is refused whole rather than cut to something that lies.
const (
	maxAffected   = 50_000
	maxRanges     = 1_000
	maxEvents     = 10_000
	maxVersions   = 100_000
	maxLinks      = 20_000
	maxSeverities = 100
	maxID         = 256
	maxName       = 512
	maxVersion    = 256
)

// Bounds of prose, which may be cut: nothing is decided by it.
const (
	maxSummary    = 512
	maxDetails    = 1024
	maxReferences = 4
	maxURL        = 512
)

// Range types of OSV. Ranges of commits say nothing about packages and are
// dropped when a record is decoded.
const (
	RangeSemver    = "SEMVER"
	RangeEcosystem = "ECOSYSTEM"
)

// Record is one OSV record, reduced to what matching and findings need.
type Record struct {
	ID         string      `json:"id"`
	Aliases    []string    `json:"aliases,omitempty"`
	Related    []string    `json:"related,omitempty"`
	Upstream   []string    `json:"upstream,omitempty"`
	Summary    string      `json:"summary,omitempty"`
	Details    string      `json:"details,omitempty"`
	Modified   time.Time   `json:"modified,omitzero"`
	Published  time.Time   `json:"published,omitzero"`
	Withdrawn  time.Time   `json:"withdrawn,omitzero"`
	Severity   []Severity  `json:"severity,omitempty"`
	Affected   []Affected  `json:"affected,omitempty"`
	References []Reference `json:"references,omitempty"`
	Database   Specific    `json:"database_specific,omitzero"`
}

// Affected says which versions of one package are affected.
type Affected struct {
	Package   Package    `json:"package"`
	Severity  []Severity `json:"severity,omitempty"`
	Ranges    []Range    `json:"ranges,omitempty"`
	Versions  []string   `json:"versions,omitempty"`
	Ecosystem Specific   `json:"ecosystem_specific,omitzero"`
	Database  Specific   `json:"database_specific,omitzero"`
}

// Package names a package in an ecosystem ("Debian:12", "openssl").
type Package struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Purl      string `json:"purl,omitempty"`
}

// Range is a list of events on the ordered line of versions.
type Range struct {
	Type   string  `json:"type"`
	Events []Event `json:"events,omitempty"`
}

// Event sets exactly one of its members.
type Event struct {
	Introduced   string `json:"introduced,omitempty"`
	Fixed        string `json:"fixed,omitempty"`
	LastAffected string `json:"last_affected,omitempty"`
	Limit        string `json:"limit,omitempty"`
}

// Severity is a CVSS vector (type CVSS_V2, CVSS_V3, CVSS_V4) or a vendor's word
// (type Ubuntu).
type Severity struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// Reference is a link of the record.
type Reference struct {
	Type string `json:"type,omitempty"`
	URL  string `json:"url"`
}

// Specific holds what is of use here in the free-form members: the vendors' own
// words about severity, weaknesses, and RustSec's mark of notices that are not
// about a vulnerability. Everything else in them is dropped.
type Specific struct {
	Severity      string   `json:"severity,omitempty"`
	Urgency       string   `json:"urgency,omitempty"`         // Debian
	Priority      string   `json:"ubuntu_priority,omitempty"` // Ubuntu
	Score         float64  `json:"cvss_v3_score,omitempty"`   // RubyGems: a score without its vector
	CWEs          []string `json:"cwe_ids,omitempty"`         // GitHub
	Informational string   `json:"informational,omitempty"`   // RustSec: "unmaintained", "unsound", "notice"
	Ranges        []Range  `json:"custom_ranges,omitempty"`   // Go: of versions that are tags, but none of the module
}

// Word returns the first word that is set.
func (s Specific) Word() string {
	for _, w := range []string{s.Severity, s.Urgency, s.Priority} {
		if w != "" {
			return w
		}
	}
	return ""
}

// maxCWEs is more weaknesses than one vulnerability has.
const maxCWEs = 20

// UnmarshalJSON never fails on valid JSON: these members have no schema, and
// a number where a word was expected must not cost us the whole record.
func (s *Specific) UnmarshalJSON(data []byte) error {
	var free struct {
		Severity      any `json:"severity"`
		Urgency       any `json:"urgency"`
		Priority      any `json:"ubuntu_priority"`
		Score         any `json:"cvss_v3_score"`
		CWEs          any `json:"cwe_ids"`
		Informational any `json:"informational"`

		Ranges json.RawMessage `json:"custom_ranges"`
	}
	*s = Specific{}
	if json.Unmarshal(data, &free) != nil {
		return nil //nolint:nilerr // no schema, no fault; see above
	}
	s.Severity, s.Urgency, s.Priority = word(free.Severity), word(free.Urgency), word(free.Priority)
	s.Informational = word(free.Informational)
	if n, ok := free.Score.(float64); ok && n > 0 && n <= 10 {
		s.Score = n
	}
	list, _ := free.CWEs.([]any)
	for _, v := range list {
		if id := word(v); strings.HasPrefix(id, "CWE-") && len(s.CWEs) < maxCWEs {
			s.CWEs = append(s.CWEs, id)
		}
	}
	s.Ranges = customRanges(free.Ranges)
	return nil
}

// customRanges reads ranges where they are as elsewhere, and leaves out all of
// them where they are not.
func customRanges(data []byte) []Range {
	var all []Range
	if len(data) == 0 || json.Unmarshal(data, &all) != nil || checkRanges(all) != nil {
		return nil
	}
	return orderedRanges(all)
}

// word accepts a short string and nothing else.
func word(v any) string {
	if s, ok := v.(string); ok && len(s) <= 64 {
		return s
	}
	return ""
}

// DecodeRecord reads one OSV record.
func DecodeRecord(data []byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("advisory: not an OSV record: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("advisory: record %.64q: %w", r.ID, err)
	}
	r.reduce()
	return r, nil
}

// check refuses what cannot be an advisory.
func (r *Record) check() error {
	if !plain(r.ID, maxID) {
		return errors.New("no usable id")
	}
	if len(r.Affected) > maxAffected || len(r.Severity) > maxSeverities {
		return fmt.Errorf("%d affected packages, %d severities", len(r.Affected), len(r.Severity))
	}
	for _, list := range [][]string{r.Aliases, r.Related, r.Upstream} {
		if len(list) > maxLinks {
			return fmt.Errorf("%d linked ids", len(list))
		}
		for _, id := range list {
			if !plain(id, maxID) {
				return fmt.Errorf("bad linked id %.64q", id)
			}
		}
	}
	for i := range r.Affected {
		if err := r.Affected[i].check(); err != nil {
			return fmt.Errorf("affected[%d]: %w", i, err)
		}
	}
	return nil
}

func (a *Affected) check() error {
	if a.Package == (Package{}) { // allowed by the schema: the record is about commits
		return nil
	}
	if !plain(a.Package.Ecosystem, maxName) || !plain(a.Package.Name, maxName) {
		return fmt.Errorf("bad package %.64q of %.64q", a.Package.Name, a.Package.Ecosystem)
	}
	if len(a.Versions) > maxVersions || len(a.Severity) > maxSeverities {
		return fmt.Errorf("%d versions, %d severities", len(a.Versions), len(a.Severity))
	}
	for _, v := range a.Versions {
		if !plain(v, maxVersion) {
			return fmt.Errorf("bad version %.64q", v)
		}
	}
	return checkRanges(a.Ranges)
}

func checkRanges(all []Range) error {
	if len(all) > maxRanges {
		return fmt.Errorf("%d ranges", len(all))
	}
	for _, g := range all {
		if len(g.Events) > maxEvents {
			return fmt.Errorf("%d events", len(g.Events))
		}
		for _, e := range g.Events {
			if err := e.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e Event) check() error {
	for _, v := range []string{e.Introduced, e.Fixed, e.LastAffected, e.Limit} {
		if v != "" && !plain(v, maxVersion) {
			return fmt.Errorf("bad version %.64q", v)
		}
	}
	return nil
}

// plain reports whether s can serve as a name: not empty, not long, and free
// of control characters, which databases and logs take amiss.
func plain(s string, limit int) bool {
	if s == "" || len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, isControl) < 0
}

func isControl(c rune) bool { return c < 0x20 || c == 0x7f }

// reduce drops what nothing here reads and shortens prose.
func (r *Record) reduce() {
	r.Summary, r.Details = prose(r.Summary, maxSummary), prose(r.Details, maxDetails)
	if r.Details == r.Summary {
		r.Details = ""
	}
	r.Severity = usableSeverities(r.Severity)
	r.References = usableReferences(r.References)
	kept := r.Affected[:0]
	for _, a := range r.Affected {
		if a.Package == (Package{}) {
			continue
		}
		a.Severity, a.Ranges = usableSeverities(a.Severity), orderedRanges(a.Ranges)
		if len(a.Package.Purl) > maxName {
			a.Package.Purl = ""
		}
		kept = append(kept, a)
	}
	r.Affected = kept
}

// prose makes one line of s with at most limit bytes.
func prose(s string, limit int) string {
	s = strings.TrimSpace(s)
	cut := len(s) > limit
	if cut {
		s = strings.ToValidUTF8(s[:limit-len("…")], "")
	}
	if strings.IndexFunc(s, isControl) >= 0 {
		s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return isControl(c) || c == ' ' }), " ")
	}
	if cut {
		s += "…"
	}
	return s
}

func usableSeverities(all []Severity) []Severity {
	kept := all[:0]
	for _, s := range all {
		if plain(s.Type, 64) && plain(s.Score, maxVersion) {
			kept = append(kept, s)
		}
	}
	return kept
}

func orderedRanges(all []Range) []Range {
	kept := all[:0]
	for _, g := range all {
		if (g.Type == RangeEcosystem || g.Type == RangeSemver) && len(g.Events) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

// usableReferences keeps a few web links, advisories before the rest.
func usableReferences(all []Reference) []Reference {
	var kept []Reference
	for _, advisories := range []bool{true, false} {
		for _, ref := range all {
			if (ref.Type == "ADVISORY") == advisories && len(kept) < maxReferences && isWebLink(ref.URL) {
				if !plain(ref.Type, 64) {
					ref.Type = ""
				}
				kept = append(kept, ref)
			}
		}
	}
	return kept
}

func isWebLink(url string) bool {
	return plain(url, maxURL) && (strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://"))
}
