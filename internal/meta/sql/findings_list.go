package sql

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	selectFindings = `SELECT ` + findingColumns
	fromFindings   = ` FROM findings f{lite: INDEXED BY `
	joinCoverage   = ` {lite:CROSS }JOIN coverage c ON c.id = f.coverage_id`
	joinAccount    = ` {lite:CROSS }JOIN covered_accounts a ON a.id = f.account_id`
	accountOf      = `(SELECT n.id FROM covered_accounts n WHERE n.name = ?)`

	qCoverageNamed = `SELECT count(*) FROM (SELECT 1 FROM coverage c WHERE c.account_id = ` + accountOf + ` AND c.repository {in} LIMIT ?) h`
)

// fewImages is up to how many images repositories are gone through image by
// image. Beyond, a page is soon found among all findings.
const fewImages = 2000

// findingsBy is what findings are found by; the other conditions are kept from
// choosing an index. SQLite is told, for it knows nothing of how many there are.
type findingsBy string

const (
	byUID           findingsBy = "findings_uid"
	byImage         findingsBy = "findings_image"
	byVulnerability findingsBy = "findings_vulnerability"
	bySeverity      findingsBy = "findings_severity"
	byFindingID     findingsBy = "findings_account"
)

func findingsIndex(q *meta.FindingQuery, sort meta.FindingSort, fewImages bool) findingsBy {
	switch {
	case len(q.UIDs) > 0:
		return byUID
	case len(q.Coverage) > 0, len(q.Digests) > 0, fewImages:
		return byImage
	case len(q.Vulnerabilities) > 0, sort == meta.SortByVulnerability:
		return byVulnerability
	case sort == meta.SortBySeverity:
		return bySeverity
	}
	return byFindingID
}

// fewNamed says whether the repositories of a query have few images.
func (s *Store) fewNamed(ctx context.Context, account string, q *meta.FindingQuery) (bool, error) {
	if len(q.Repositories) == 0 {
		return false, nil
	}
	var n int
	_, err := s.read.row(ctx, qCoverageNamed, []any{account, s.d.stringList(q.Repositories), fewImages + 1}, &n)
	return n <= fewImages, err
}

// ListFindings is part of meta.Findings.
func (s *Store) ListFindings(ctx context.Context, account string, q meta.FindingQuery) ([]finding.State, error) {
	few, err := s.fewNamed(ctx, account, &q)
	if err != nil {
		return nil, err
	}
	statement, args, err := s.d.selectFindings(account, &q, few)
	if err != nil {
		return nil, err
	}
	var all []finding.State
	err = each(ctx, s.composed, func(rows *sql.Rows) error {
		f, err := readFinding(rows)
		all = append(all, f)
		return err
	}, statement, args...)
	return all, err
}

func (d *dialect) selectFindings(account string, q *meta.FindingQuery, fewImages bool) (statement string, args []any, err error) {
	key, after, err := sortKey(q)
	if err != nil {
		return "", nil, err
	}
	by := findingsIndex(q, q.Sort, fewImages)
	var w clauses
	w.add(selectFindings + fromFindings + string(by) + `}` + joinCoverage + joinAccount)
	w.findings(d, account, q, by)
	than, direction := ` > `, ` ASC`
	if q.Descending {
		than, direction = ` < `, ` DESC`
	}
	switch {
	case q.After == nil:
	case key == "":
		w.add(` AND f.id`+than+`?`, q.After.ID)
	case q.Sort == meta.SortByPushed:
		w.add(` AND (`+key+`, f.id)`+than+`(coalesce((SELECT o.pushed_at FROM coverage o WHERE o.id = ?), 0), ?)`, after, q.After.ID)
	default:
		w.add(` AND (`+key+`, f.id)`+than+`(?, ?)`, after, q.After.ID)
	}
	w.add(` ORDER BY `)
	if key != "" {
		w.add(key + direction + `, `)
	}
	w.add(`f.id`+direction+` LIMIT ?`, max(q.Limit, 0))
	return w.text.String(), w.args, nil
}

// sortKey answers the column that a list is ordered by, none for the id, and
// its value in the finding after which the page begins: of the time of the push
// the coverage that knows it.
func sortKey(q *meta.FindingQuery) (column string, after any, err error) {
	a := q.After
	if a == nil {
		a = &finding.State{Severity: finding.Untriaged, Status: finding.Active}
	}
	switch q.Sort {
	case meta.SortByID:
		return "", nil, nil
	case meta.SortBySeverity:
		after, err = numberOf(severitiesKept(), a.Severity)
		return "f.severity", after, err
	case meta.SortByStatus:
		after, err = numberOf(statusesKept(), a.Status)
		return "f.status", after, err
	case meta.SortByScore:
		return "f.score", a.Score, nil
	case meta.SortByEPSS:
		return "f.epss", a.EPSS, nil
	case meta.SortByFirstObserved:
		return "f.first_observed_at", micros(a.FirstObservedAt), nil
	case meta.SortByLastObserved:
		return "f.last_observed_at", micros(a.LastObservedAt), nil
	case meta.SortByVulnerability:
		return "f.vulnerability", a.VulnerabilityID, nil
	case meta.SortByRepository:
		return "c.repository", a.Repository, nil
	case meta.SortByVendor:
		return "f.vendor", a.Vendor, nil
	case meta.SortByPushed:
		return "c.pushed_at", a.Coverage, nil
	}
	return "", nil, fmt.Errorf("sql: findings cannot be ordered by %q", string(q.Sort))
}

// findings adds the conditions of a query.
func (w *clauses) findings(d *dialect, account string, q *meta.FindingQuery, by findingsBy) {
	w.add(` WHERE f.account_id = `+accountOf, account)
	if len(q.UIDs) > 0 {
		w.add(` AND f.uid {lite:IN (SELECT unhex(value) FROM json_each(?))}{pg:= ANY(?::bytea[])}`, d.uidList(q.UIDs))
	}
	w.images(d, account, q, by)
	if len(q.Vulnerabilities) > 0 {
		w.add(` AND f.vulnerability {in}`, d.stringList(q.Vulnerabilities))
	}
	if len(q.Statuses) > 0 {
		w.add(` AND f.status {in}`, d.intList(numbersOf(statusesKept(), q.Statuses)))
	}
	if len(q.Severities) > 0 {
		w.add(` AND f.severity {in}`, d.intList(numbersOf(severitiesKept(), q.Severities)))
	}
	if !q.UpdatedFrom.IsZero() {
		w.add(` AND f.updated_at >= ?`, micros(q.UpdatedFrom))
	}
	if !q.UpdatedTo.IsZero() {
		w.add(` AND f.updated_at <= ?`, micros(q.UpdatedTo))
	}
}

// images adds the conditions on images; by image they come first that name
// fewest.
func (w *clauses) images(d *dialect, account string, q *meta.FindingQuery, by findingsBy) {
	found := by != byImage
	if len(q.Coverage) > 0 {
		w.add(` AND f.coverage_id {in}`, d.intList(q.Coverage))
		found = true
	}
	if len(q.Digests) > 0 {
		if !found {
			w.add(` AND f.coverage_id IN (SELECT c.id FROM coverage c WHERE c.digest {in})`, d.stringList(q.Digests))
			found = true
		} else {
			w.add(` AND c.digest {in}`, d.stringList(q.Digests))
		}
	}
	switch {
	case len(q.Repositories) == 0:
	case !found:
		w.add(` AND f.coverage_id IN (SELECT c.id FROM coverage c WHERE c.account_id = `+accountOf+` AND c.repository {in})`, account, d.stringList(q.Repositories))
	default:
		w.add(` AND c.repository {in}`, d.stringList(q.Repositories))
	}
}

// uidList makes the argument of a list of UIDs. What is none is left out.
func (d *dialect) uidList(uids []string) any {
	kept, raw := make([]string, 0, len(uids)), make([][]byte, 0, len(uids))
	for _, uid := range uids {
		if b, err := hex.DecodeString(uid); err == nil && strings.ToLower(uid) == uid {
			kept, raw = append(kept, uid), append(raw, b)
		}
	}
	if d.numbered {
		return raw
	}
	return toJSON(kept)
}

const (
	countEach   = `SELECT f.coverage_id AS image, f.severity AS severity, count(*) AS findings`
	groupEach   = ` GROUP BY f.coverage_id, f.severity`
	ofEach      = `) e {lite:CROSS }JOIN coverage o ON o.id = e.image`
	sumsOfEach  = `e.severity, sum(e.findings){pg:::bigint}, count(*) FROM (`
	countByName = `SELECT f.vulnerability, f.severity, count(*), count(*)`
)

// CountFindings is part of meta.Findings. An image has one finding of a
// vulnerability, so that only groups of images count them apart.
func (s *Store) CountFindings(ctx context.Context, account string, q meta.FindingQuery, by meta.FindingGroup) ([]meta.FindingCount, error) {
	few, err := s.fewNamed(ctx, account, &q)
	if err != nil {
		return nil, err
	}
	statement, args, err := s.d.countFindings(account, &q, by, few)
	if err != nil {
		return nil, err
	}
	var all []meta.FindingCount
	err = each(ctx, s.composed, func(rows *sql.Rows) error {
		var c meta.FindingCount
		var severity int
		if err := rows.Scan(&c.Key, &severity, &c.Findings, &c.Images); err != nil {
			return err
		}
		c.Severity, err = wordOf(severitiesKept(), severity)
		all = append(all, c)
		return err
	}, statement, args...)
	return all, err
}

func (d *dialect) countFindings(account string, q *meta.FindingQuery, group meta.FindingGroup, fewImages bool) (statement string, args []any, err error) {
	var w clauses
	each := func(before, after string) {
		w.add(before)
		w.counted(d, account, q, findingsIndex(q, meta.SortBySeverity, fewImages), countEach)
		w.add(groupEach + after)
	}
	switch group {
	case meta.GroupByImage:
		each(`SELECT {lite:e.image || ''}{pg:e.image::text}, e.severity, e.findings, 1 FROM (`, `) e`)
	case meta.GroupByRepository:
		each(`SELECT o.repository, `+sumsOfEach, ofEach+` GROUP BY o.repository, e.severity`)
	case meta.GroupByAccount:
		w.add(`SELECT ?{pg:::text}, `, account)
		each(sumsOfEach, `) e GROUP BY e.severity`)
	case meta.GroupByVulnerability:
		w.counted(d, account, q, findingsIndex(q, meta.SortByVulnerability, fewImages), countByName)
		w.add(` GROUP BY f.vulnerability, f.severity`)
	default:
		return "", nil, fmt.Errorf("sql: findings cannot be counted by %q", string(group))
	}
	return w.text.String(), w.args, nil
}

// counted adds a count of what a query selects. Coverage is only looked at when
// the query asks for something of it.
func (w *clauses) counted(d *dialect, account string, q *meta.FindingQuery, by findingsBy, count string) {
	w.add(count + fromFindings + string(by) + `}`)
	if len(q.Digests) > 0 || len(q.Repositories) > 0 {
		w.add(joinCoverage)
	}
	w.findings(d, account, q, by)
}
