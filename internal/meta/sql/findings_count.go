package sql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ecru-registry/ecru/internal/meta"
)

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
	statement, args, err := s.d.countFindings(account, &q, by)
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

func (d *dialect) countFindings(account string, q *meta.FindingQuery, group meta.FindingGroup) (statement string, args []any, err error) {
	var w clauses
	each := func(before, after string) {
		w.add(before)
		w.counted(d, account, q, countingIndex(q, byImage), countEach)
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
		w.counted(d, account, q, countingIndex(q, byVulnerability), countByName)
		w.add(` GROUP BY f.vulnerability, f.severity`)
	default:
		return "", nil, fmt.Errorf("sql: findings cannot be counted by %q", string(group))
	}
	return w.text.String(), w.args, nil
}

// countingIndex is the index that holds what is counted, in the order of the
// groups unless the query names fewer.
func countingIndex(q *meta.FindingQuery, by findingsBy) findingsBy {
	switch {
	case len(q.UIDs) > 0:
		return byUID
	case len(q.Coverage)+len(q.Digests) > 0:
		return byImage
	case len(q.Vulnerabilities) > 0:
		return byVulnerability
	case len(q.Repositories) > 0:
		return byImage
	}
	return by
}

// asksOfImages says whether conditions are left for coverage to answer when
// findings are found by an index.
func asksOfImages(q *meta.FindingQuery, by findingsBy) bool {
	asked := 0
	for _, n := range []int{len(q.Digests), len(q.Repositories)} {
		if n > 0 {
			asked++
		}
	}
	if by == byImage && len(q.Coverage) == 0 {
		asked--
	}
	return asked > 0
}

// counted adds a count of what a query selects. Coverage is only looked at when
// the query asks for something of it.
func (w *clauses) counted(d *dialect, account string, q *meta.FindingQuery, by findingsBy, count string) {
	w.add(count + by.from(asksOfImages(q, by)))
	w.findings(d, account, q, by)
}
