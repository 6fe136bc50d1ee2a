package sql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

// A page is chosen by its ids, without looking at what is told of its findings.
const (
	selectFindings = `SELECT ` + findingColumns + ` FROM (`
	ofFindings     = `) p {lite:CROSS }JOIN findings f ON f.id = p.id` + joinCoverage + joinAccount
	findingIDs     = `SELECT f.id AS id`
	fromFindings   = ` FROM findings f{lite: INDEXED BY `
	joinCoverage   = ` {lite:CROSS }JOIN coverage c ON c.id = f.coverage_id`
	fromCoverage   = ` FROM coverage c{lite: INDEXED BY `
	joinFindings   = ` {lite:CROSS }JOIN findings f{lite: INDEXED BY findings_image} ON f.coverage_id = c.id`
	joinAccount    = ` {lite:CROSS }JOIN covered_accounts a ON a.id = f.account_id`
	accountOf      = `(SELECT n.id FROM covered_accounts n WHERE n.name = ?)`

	qNextName     = `SELECT min(c.repository) FROM coverage c WHERE c.account_id = ` + accountOf + ` AND c.repository > ?`
	qPreviousName = `SELECT max(c.repository) FROM coverage c WHERE c.account_id = ` + accountOf + ` AND c.repository < ?`
	qFirstName    = `SELECT min(c.repository) FROM coverage c WHERE c.account_id = ` + accountOf
	qLastName     = `SELECT max(c.repository) FROM coverage c WHERE c.account_id = ` + accountOf

	qCoverageNamed = `SELECT count(*) FROM (SELECT 1 FROM coverage c WHERE c.account_id = ` + accountOf + ` AND c.repository {in} LIMIT ?) h`
)

// fewImages is up to how many images repositories are listed image by image.
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
	byPushed        findingsBy = "coverage_pushed" // image by image
)

// from is the tables that findings are found in, with coverage where something
// is asked of it.
func (by findingsBy) from(coverage bool) string {
	switch {
	case by == byPushed:
		return fromCoverage + string(by) + `}` + joinFindings
	case coverage:
		return fromFindings + string(by) + `}` + joinCoverage
	}
	return fromFindings + string(by) + `}`
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
	if q.Sort == meta.SortByRepository && findingsIndex(&q, q.Sort, false) == byFindingID {
		return s.listByRepository(ctx, account, q)
	}
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
		}, parts[n].whole(), append(parts[n].args, limit)...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// listByRepository lists one repository after the other.
func (s *Store) listByRepository(ctx context.Context, account string, q meta.FindingQuery) ([]finding.State, error) {
	one := q
	one.Sort = meta.SortByID
	name, found, err := s.firstName(ctx, account, &q)
	var all []finding.State
	for ; err == nil && found && len(all) < q.Limit; name, found, err = s.nextName(ctx, account, q.Descending, name) {
		if len(q.Repositories) > 0 && !slices.Contains(q.Repositories, name) {
			continue
		}
		one.Repositories, one.Limit = []string{name}, q.Limit-len(all)
		page, err := s.ListFindings(ctx, account, one)
		if err != nil {
			return nil, err
		}
		all, one.After = append(all, page...), nil
	}
	return all, err
}

func (s *Store) firstName(ctx context.Context, account string, q *meta.FindingQuery) (name string, found bool, err error) {
	switch {
	case q.After != nil:
		return q.After.Repository, true, nil
	case q.Descending:
		return s.oneName(ctx, qLastName, account)
	}
	return s.oneName(ctx, qFirstName, account)
}

func (s *Store) nextName(ctx context.Context, account string, descending bool, after string) (name string, found bool, err error) {
	if descending {
		return s.oneName(ctx, qPreviousName, account, after)
	}
	return s.oneName(ctx, qNextName, account, after)
}

func (s *Store) oneName(ctx context.Context, statement string, args ...any) (string, bool, error) {
	var name sql.NullString
	_, err := s.read.row(ctx, statement, args, &name)
	return name.String, name.Valid, err
}

// question chooses a page of findings. The limit is its last argument, and not
// among them.
type question struct {
	ids, order string
	args       []any
}

func (q question) whole() string { return selectFindings + q.ids + ofFindings + q.order }

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
		w.add(findingIDs + by.from(asksOfImages(q, by) || strings.HasPrefix(key.column, `c.`)))
		w.findings(d, account, q, by)
		part(&w)
		w.add(key.order(q.Descending) + ` LIMIT ?`)
		all = append(all, question{w.text.String(), key.order(q.Descending), w.args})
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

// sortKey is what a list is ordered by, before the id: a column, and how its
// value in the finding after which the page begins is written.
type sortKey struct {
	column, is string
	after      any
}

func (k sortKey) order(descending bool) string {
	direction := ``
	if descending {
		direction = ` DESC`
	}
	if k.column == "" {
		return ` ORDER BY f.id` + direction
	}
	return ` ORDER BY ` + k.column + direction + `, f.id` + direction
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
