package sql

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Words that are kept as numbers sort like what they stand for: severities with
// the most severe last, states of findings like their words.
func severitiesKept() []registry.Severity {
	return []registry.Severity{finding.Untriaged, registry.Undefined, registry.Informational, registry.Low, registry.Medium, registry.High, registry.Critical}
}

func statusesKept() []finding.Status {
	return []finding.Status{finding.Active, finding.Closed, finding.Suppressed}
}

func fixesKept() []finding.Fix {
	return []finding.Fix{"", finding.NotFixed, finding.PartFixed, finding.Fixable}
}

// numberOf answers the number under which a word is kept.
func numberOf[W ~string](words []W, word W) (int, error) {
	if n := slices.Index(words, word); n >= 0 {
		return n, nil
	}
	return 0, fmt.Errorf("sql: a finding cannot be %q", string(word))
}

func wordOf[W ~string](words []W, number int) (w W, err error) {
	if number < 0 || number >= len(words) {
		return w, fmt.Errorf("a stored value is damaged: no word is number %d", number)
	}
	return words[number], nil
}

// numbersOf answers the numbers of words, without those that are none: nothing
// is stored under them.
func numbersOf[W ~string](words, some []W) []int64 {
	all := make([]int64, 0, len(some))
	for _, w := range some {
		if n := slices.Index(words, w); n >= 0 {
			all = append(all, int64(n))
		}
	}
	return all
}

// findingColumns are of a finding f, its coverage c and its account a.
const (
	findingColumns = `f.id, f.uid, f.coverage_id, a.name, c.repository, c.digest, ` + findingOwn
	findingOwn     = `f.vulnerability, f.status, f.severity, f.score, f.epss, f.fix, f.exploit, f.vendor,
		f.first_observed_at, f.last_observed_at, f.updated_at, f.closed_at, f.revision, f.suppression`
)

// rawFinding is a row of findingColumns.
type rawFinding struct {
	f                            finding.State
	uid                          []byte
	status, severity, fix        int
	first, last, updated, closed int64
	suppression                  string
}

func (w *rawFinding) fields() []any {
	f := &w.f
	return []any{&f.ID, &w.uid, &f.Coverage, &f.Account, &f.Repository, &f.Digest, &f.VulnerabilityID, &w.status, &w.severity, &f.Score, &f.EPSS, &w.fix, &f.Exploit, &f.Vendor,
		&w.first, &w.last, &w.updated, &w.closed, &f.Revision, &w.suppression}
}

func (w *rawFinding) finding() (f finding.State, err error) {
	f = w.f
	f.UID = hex.EncodeToString(w.uid)
	f.FirstObservedAt, f.LastObservedAt = fromMicros(w.first), fromMicros(w.last)
	f.UpdatedAt, f.ClosedAt = fromMicros(w.updated), fromMicros(w.closed)
	if f.Status, err = wordOf(statusesKept(), w.status); err != nil {
		return f, err
	}
	if f.Severity, err = wordOf(severitiesKept(), w.severity); err != nil {
		return f, err
	}
	if f.Fix, err = wordOf(fixesKept(), w.fix); err != nil || w.suppression == "" {
		return f, err
	}
	f.Suppression = &finding.Suppression{}
	return f, fromJSON(w.suppression, f.Suppression)
}

func readFinding(rows *sql.Rows) (finding.State, error) {
	var raw rawFinding
	if err := rows.Scan(raw.fields()...); err != nil {
		return finding.State{}, err
	}
	return raw.finding()
}

// findingRow is a finding as it is written.
type findingRow struct {
	coverage, account            int64
	vulnerability                string
	uid                          []byte
	status, severity, fix        int
	score, epss                  float64
	exploit                      bool
	vendor                       string
	first, last, updated, closed int64
	revision, suppression        string
	// touched is the row that is there, if nothing changes that an index holds.
	touched int64
}

// rowOf makes the row of a finding of an image.
func rowOf(f *finding.State, of *settledImage) (r findingRow, err error) {
	if !isVulnerability(f.VulnerabilityID) {
		return r, fmt.Errorf("sql: a finding cannot be of the vulnerability %q", f.VulnerabilityID)
	}
	uid, err := hex.DecodeString(finding.UID(of.RepositoryID, of.Image.Digest, f.VulnerabilityID))
	if err != nil {
		return r, err
	}
	r = findingRow{
		coverage: of.ID, account: of.account, vulnerability: f.VulnerabilityID, uid: uid, score: f.Score, epss: f.EPSS, exploit: f.Exploit, vendor: toText(f.Vendor),
		first: micros(f.FirstObservedAt), last: micros(f.LastObservedAt), updated: micros(f.UpdatedAt), closed: micros(f.ClosedAt), revision: toText(f.Revision),
	}
	if f.Suppression != nil {
		r.suppression = toText(toJSON(f.Suppression))
	}
	if r.status, err = numberOf(statusesKept(), f.Status); err != nil {
		return r, err
	}
	if r.severity, err = numberOf(severitiesKept(), f.Severity); err != nil {
		return r, err
	}
	r.fix, err = numberOf(fixesKept(), f.Fix)
	return r, err
}
