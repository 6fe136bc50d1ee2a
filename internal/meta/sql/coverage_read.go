package sql

import (
	"context"
	"database/sql"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	selectCoverage = `SELECT c.id, a.name, c.repository_id, c.repository, c.digest, c.frequency, c.code, c.reason, c.scan_status, c.description,
			c.inventory_id, coalesce(n.name, ''), c.layers, c.architecture, c.author, c.platform,
			c.enrolled_at, c.first_scanned_at, c.last_scanned_at, c.source_updated_at, c.due_at, c.gone_at,
			c.media_type, c.pushed_at, coalesce(i.last_pulled_at, c.pulled_at), coalesce(i.status, ''),
			CASE WHEN i.id IS NULL THEN c.tags WHEN i.tag_count = 0 THEN '[]' ELSE {tags} END
		FROM coverage c {lite:CROSS }JOIN covered_accounts a ON a.id = c.account_id LEFT JOIN indexed_inventories n ON n.id = c.inventory_id
			LEFT JOIN images i ON i.repository_id = c.repository_id AND i.digest = c.digest AND c.gone_at = 0 `
	qCoverageOfImages = selectCoverage + `WHERE c.digest {in} AND c.repository_id = ?`
	qCoverageOfIDs    = selectCoverage + `WHERE c.id {in}`

	// A page is chosen by what the indexes tell, and then read.
	coveragePage = selectCoverage + `WHERE c.id IN (`
	endOfPage    = ` ORDER BY c.id LIMIT ?) ORDER BY c.id`
	anyCoverage  = `SELECT c.id FROM coverage c WHERE c.id > ?`
	dueCoverage  = `SELECT c.id FROM coverage c WHERE c.due_at > 0 AND c.due_at <= ? AND +c.id > ?`
	// It is no EXISTS, which PostgreSQL may turn into a hash of all that hold it.
	holdComponent = ` AND (SELECT h.inventory_id FROM inventory_components h WHERE h.component_id = ? AND h.inventory_id = c.inventory_id) IS NOT NULL`
	// Of each inventory that holds a component no more than a page.
	heldFrom     = `SELECT c.id FROM inventory_components h {lite:CROSS JOIN coverage c ON c.id IN (}{pg:CROSS JOIN LATERAL (}`
	heldPage     = `SELECT c.id FROM coverage c WHERE c.inventory_id = h.inventory_id AND c.id > ?`
	endOfHeld    = ` ORDER BY c.id LIMIT ?){pg: c} WHERE h.component_id = ?`
	qHowManyHold = `SELECT count(*) FROM (SELECT 1 FROM inventory_components WHERE component_id = ? LIMIT ?) h`

	qCountAffected = `SELECT count(*) FROM coverage c WHERE c.inventory_id IN (SELECT h.inventory_id FROM inventory_components h WHERE h.component_id {in})
		AND c.gone_at = 0 AND c.code = '` + string(finding.Covered) + `'`
)

// rawCoverage is a row of coverage as it is stored.
type rawCoverage struct {
	c                                                         finding.Coverage
	inventory                                                 sql.NullInt64
	enrolled, first, last, sources, due, gone, pushed, pulled int64
	frequency, code, status, tags                             string
}

func (w *rawCoverage) fields() []any {
	c := &w.c
	return []any{&c.ID, &c.Account, &c.RepositoryID, &c.Image.Repository, &c.Image.Digest, &w.frequency, &w.code, &c.Reason, &c.ScanStatus, &c.Description,
		&w.inventory, &c.InventoryID, &c.Layers, &c.Image.Architecture, &c.Image.Author, &c.Image.Platform,
		&w.enrolled, &w.first, &w.last, &w.sources, &w.due, &w.gone,
		&c.Image.MediaType, &w.pushed, &w.pulled, &w.status, &w.tags}
}

func (w *rawCoverage) coverage() (finding.Coverage, error) {
	c := w.c
	c.Frequency, c.Code, c.Image.Status = registry.ScanFrequency(w.frequency), finding.CoverageCode(w.code), registry.ImageStatus(w.status)
	c.EnrolledAt, c.FirstScannedAt, c.LastScannedAt = fromMicros(w.enrolled), fromMicros(w.first), fromMicros(w.last)
	c.SourceUpdatedAt, c.DueAt, c.GoneAt = fromMicros(w.sources), fromMicros(w.due), fromMicros(w.gone)
	c.Image.PushedAt, c.Image.PulledAt = fromMicros(w.pushed), fromMicros(w.pulled)
	if len(c.Layers) == 0 {
		c.Layers = nil
	}
	if w.tags == "[]" {
		return c, nil
	}
	return c, fromJSON(w.tags, &c.Image.Tags)
}

// eachCoverage calls use for every row of selectCoverage, with the number of its
// inventory.
func eachCoverage(ctx context.Context, from statements, use func(c finding.Coverage, inventory int64), statement string, args ...any) error {
	return each(ctx, from, func(rows *sql.Rows) error {
		var raw rawCoverage
		if err := rows.Scan(raw.fields()...); err != nil {
			return err
		}
		c, err := raw.coverage()
		if err == nil {
			use(c, raw.inventory.Int64)
		}
		return err
	}, statement, args...)
}

// Coverage is part of meta.Coverages.
func (s *Store) Coverage(ctx context.Context, repositoryID int64, digests []string) (map[string]finding.Coverage, error) {
	all := make(map[string]finding.Coverage, len(digests))
	err := eachCoverage(ctx, s.read, func(c finding.Coverage, _ int64) { all[c.Image.Digest] = c }, qCoverageOfImages, s.d.stringList(digests), repositoryID)
	return all, err
}

// CoverageByID is part of meta.Coverages.
func (s *Store) CoverageByID(ctx context.Context, ids []int64) (map[int64]finding.Coverage, error) {
	all := make(map[int64]finding.Coverage, len(ids))
	err := eachCoverage(ctx, s.read, func(c finding.Coverage, _ int64) { all[c.ID] = c }, qCoverageOfIDs, s.d.intList(ids))
	return all, err
}

// fewInventories is up to how many inventories of a component are gone through
// one by one. Beyond, so many images hold it that a page is soon found among
// all.
const fewInventories = 200

// ListCoverage is part of meta.Coverages.
func (s *Store) ListCoverage(ctx context.Context, account string, q meta.CoverageQuery) ([]finding.Coverage, error) {
	few := false
	if q.Component != 0 {
		var n int
		if _, err := s.read.row(ctx, qHowManyHold, []any{q.Component, fewInventories + 1}, &n); err != nil || n == 0 {
			return nil, err
		}
		few = n <= fewInventories
	}
	statement, args := selectCoveragePage(account, q, few)
	var all []finding.Coverage
	err := eachCoverage(ctx, s.composed, func(c finding.Coverage, _ int64) { all = append(all, c) }, statement, args...)
	return all, err
}

// clauses collects the conditions of a question.
type clauses struct {
	text strings.Builder
	args []any
}

func (w *clauses) add(condition string, args ...any) {
	w.text.WriteString(condition)
	w.args = append(w.args, args...)
}

// coverageBy is what a page of coverage is found by; the other conditions are
// kept from choosing an index.
type coverageBy int

const (
	byID coverageBy = iota
	byAccount
	byRepository
	byDue
	byFewInventories
)

func coverageIndex(account string, q meta.CoverageQuery, fewInventories bool) coverageBy {
	switch {
	case q.Component != 0 && fewInventories:
		return byFewInventories
	case q.Component != 0:
		return byID
	case !q.DueBefore.IsZero():
		return byDue
	case q.RepositoryID != 0:
		return byRepository
	case account != "":
		return byAccount
	}
	return byID
}

func selectCoveragePage(account string, q meta.CoverageQuery, fewInventories bool) (statement string, args []any) {
	var w clauses
	by, limit := coverageIndex(account, q, fewInventories), max(q.Limit, 0)
	w.add(coveragePage)
	switch by {
	case byFewInventories:
		w.add(heldFrom)
		w.add(heldPage, q.After)
	case byDue:
		w.add(dueCoverage, micros(q.DueBefore), q.After)
	default:
		w.add(anyCoverage, q.After)
	}
	w.coverage(account, q, by)
	if by == byFewInventories {
		w.add(endOfHeld, limit, q.Component)
	}
	w.add(endOfPage, limit)
	return w.text.String(), w.args
}

// coverage adds the conditions by which no page is found.
func (w *clauses) coverage(account string, q meta.CoverageQuery, by coverageBy) {
	plus := map[bool]string{true: ` AND c.`, false: ` AND +c.`}
	if account != "" {
		w.add(plus[by == byAccount]+`account_id = (SELECT a.id FROM covered_accounts a WHERE a.name = ?)`, account)
	}
	if q.RepositoryID != 0 {
		w.add(plus[by == byRepository]+`repository_id = ?`, q.RepositoryID)
	}
	if q.Component != 0 && by != byFewInventories {
		w.add(holdComponent, q.Component)
	}
	if !q.DueBefore.IsZero() && by != byDue {
		w.add(` AND +c.due_at > 0 AND +c.due_at <= ?`, micros(q.DueBefore))
	}
	if q.Code != "" {
		w.add(` AND c.code = ?`, string(q.Code))
	}
	if q.Reason != "" {
		w.add(` AND c.reason = ?`, q.Reason)
	}
	if !q.Gone {
		w.add(` AND +c.gone_at = 0`)
	}
}

// CountAffected is part of meta.Coverages.
func (s *Store) CountAffected(ctx context.Context, components []int64) (int, error) {
	var n int
	_, err := s.read.row(ctx, qCountAffected, []any{s.d.intList(components)}, &n)
	return n, err
}
