package sql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	selectFindings = `SELECT ` + findingColumns
	fromFindings   = ` FROM findings f{lite: INDEXED BY `
	joinCoverage   = ` {lite:CROSS }JOIN coverage c ON c.id = f.coverage_id`
	fromCoverage   = ` FROM coverage c{lite: INDEXED BY `
	joinFindings   = ` {lite:CROSS }JOIN findings f{lite: INDEXED BY findings_image} ON f.coverage_id = c.id`
	joinAccount    = ` {lite:CROSS }JOIN covered_accounts a ON a.id = f.account_id`
	accountOf      = `(SELECT n.id FROM covered_accounts n WHERE n.name = ?)`

	qCoverageNamed = `SELECT count(*) FROM (SELECT 1 FROM coverage c WHERE c.account_id = ` + accountOf + ` AND c.repository {in} LIMIT ?) h`
)

// fewListed is up to how many images repositories are listed image by image.
// Beyond, a page is soon found among all findings.
const fewImages = 500

// findingsBy is what findings are found by; the other conditions are kept from
// choosing an index. SQLite is told, for it knows nothing of how many there are.
type findingsBy string

const (
	byUID           findingsBy = "findings_uid"
	byImage         findingsBy = "findings_image"
	byVulnerability findingsBy = "findings_vulnerability"
	bySeverity      findingsBy = "findings_severity"
	byFindingID     findingsBy = "findings_account"
	// Image by image, in the order of what is told of images.
	byRepositoryName findingsBy = "coverage_named"
	byPushed         findingsBy = "coverage_pushed"
)

// source is the tables that findings are read from.
func (by findingsBy) source() string {
	if by == byRepositoryName || by == byPushed {
		return fromCoverage + string(by) + `}` + joinFindings
	}
	return fromFindings + string(by) + `}` + joinCoverage
}

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
	case sort == meta.SortByRepository:
		return byRepositoryName
	case sort == meta.SortByPushed:
		return byPushed
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
	parts, err := s.d.selectFindings(account, &q, few)
	if err != nil {
		return nil, err
	}
	var all []finding.State
	for n := range parts {
		limit := max(q.Limit, 0) - len(all)
		if limit == 0 {
			break
		}
		err := each(ctx, s.composed, func(rows *sql.Rows) error {
			f, err := readFinding(rows)
			all = append(all, f)
			return err
		}, parts[n].text, append(parts[n].args, limit)...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// question is a statement and its arguments but for the limit.
type question struct {
	text string
	args []any
}

// selectFindings answers questions whose answers are a page, one after the
// other.
func (d *dialect) selectFindings(account string, q *meta.FindingQuery, fewImages bool) ([]question, error) {
	key, err := keyOf(q)
	if err != nil {
		return nil, err
	}
	by := findingsIndex(q, q.Sort, fewImages)
	var all []question
	for _, part := range partsOfPage(q, key, by) {
		var w clauses
		w.add(selectFindings + by.source() + joinAccount)
		w.findings(d, account, q, by)
		part(&w)
		w.order(key, q.Descending)
		all = append(all, question{w.text.String(), w.args})
	}
	return all, nil
}

// partsOfPage answers conditions on what follows the finding after which a page
// begins: one after the other, together they are the page.
func partsOfPage(q *meta.FindingQuery, key sortKey, by findingsBy) []func(*clauses) {
	than, notBefore := ` > `, ` >= `
	if q.Descending {
		than, notBefore = ` < `, ` <= `
	}
	a := q.After
	switch {
	case a == nil:
		return []func(*clauses){func(*clauses) {}}
	case key.column == "":
		return []func(*clauses){func(w *clauses) { w.add(` AND f.id`+than+`?`, a.ID) }}
	case by == bySeverity, by == byVulnerability && q.Sort == meta.SortByVulnerability && len(q.Vulnerabilities) == 0:
		// SQLite takes no more than the first of two columns as the beginning of
		// a range, and would walk past all that are as severe.
		return []func(*clauses){
			func(w *clauses) { w.add(` AND `+key.column+` = `+key.is+` AND f.id`+than+`?`, key.after, a.ID) },
			func(w *clauses) { w.add(` AND `+key.column+than+key.is, key.after) },
		}
	}
	return []func(*clauses){func(w *clauses) {
		w.add(` AND (`+key.column+`, f.id)`+than+`(`+key.is+`, ?)`, key.after, a.ID)
		w.add(` AND `+key.column+notBefore+key.is, key.after) // of which an index may begin
	}}
}

func (w *clauses) order(key sortKey, descending bool) {
	direction := ``
	if descending {
		direction = ` DESC`
	}
	w.add(` ORDER BY `)
	if key.column != "" {
		w.add(key.column + direction + `, `)
	}
	w.add(`f.id` + direction + ` LIMIT ?`)
}

// sortKey is what a list is ordered by, before the id: a column, and how its
// value in the finding after which the page begins is written.
type sortKey struct {
	column, is string
	after      any
}

func keyOf(q *meta.FindingQuery) (k sortKey, err error) {
	a := q.After
	if a == nil {
		a = &finding.State{Severity: finding.Untriaged, Status: finding.Active}
	}
	k.is = `?`
	switch q.Sort {
	case meta.SortByID:
	case meta.SortBySeverity:
		k.column = `f.severity`
		k.after, err = numberOf(severitiesKept(), a.Severity)
	case meta.SortByStatus:
		k.column = `f.status`
		k.after, err = numberOf(statusesKept(), a.Status)
	case meta.SortByScore:
		k.column, k.after = `f.score`, a.Score
	case meta.SortByEPSS:
		k.column, k.after = `f.epss`, a.EPSS
	case meta.SortByFirstObserved:
		k.column, k.after = `f.first_observed_at`, micros(a.FirstObservedAt)
	case meta.SortByLastObserved:
		k.column, k.after = `f.last_observed_at`, micros(a.LastObservedAt)
	case meta.SortByVulnerability:
		k.column, k.after = `f.vulnerability`, a.VulnerabilityID
	case meta.SortByRepository:
		k.column, k.after = `c.repository`, a.Repository
	case meta.SortByVendor:
		k.column, k.after = `f.vendor`, a.Vendor
	case meta.SortByPushed: // the finding does not tell, its coverage does
		k.column, k.is, k.after = `c.pushed_at`, `coalesce((SELECT o.pushed_at FROM coverage o WHERE o.id = ?), 0)`, a.Coverage
	default:
		err = fmt.Errorf("sql: findings cannot be ordered by %q", string(q.Sort))
	}
	return k, err
}
