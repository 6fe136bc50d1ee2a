package sql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	qCoverageToSettle = `SELECT id FROM coverage WHERE id {in} ORDER BY repository_id, digest FOR UPDATE`
	// What is told of the image is known.
	findingsToSettle    = `SELECT f.id, f.uid, f.coverage_id, '', '', '', ` + findingOwn + ` FROM findings f WHERE f.coverage_id {in}`
	orderOfSettle       = ` ORDER BY f.coverage_id, f.vulnerability`
	qFindingsToSettle   = findingsToSettle + orderOfSettle
	qFindingsToSettleOf = findingsToSettle + ` AND f.vulnerability {in}` + orderOfSettle

	qPutFindings = `INSERT INTO findings (coverage_id, account_id, vulnerability, uid, status, severity, fix, score, epss, exploit, vendor,
			first_observed_at, last_observed_at, updated_at, closed_at, revision, suppression)
		{lite:VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}{pg:SELECT * FROM unnest(?::bigint[], ?::integer[], ?::text[], ?::bytea[], ?::smallint[], ?::smallint[], ?::smallint[],
			?::float8[], ?::float8[], ?::boolean[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::text[])}
		ON CONFLICT (uid) DO UPDATE SET status = excluded.status, severity = excluded.severity, fix = excluded.fix, score = excluded.score, epss = excluded.epss,
			exploit = excluded.exploit, vendor = excluded.vendor, first_observed_at = excluded.first_observed_at, last_observed_at = excluded.last_observed_at,
			updated_at = excluded.updated_at, closed_at = excluded.closed_at, revision = excluded.revision, suppression = excluded.suppression`
	// What no index holds: SQLite writes anew all indexes of which a column is
	// named, be it the same as before.
	qTouchFinding = `UPDATE findings SET fix = ?, score = ?, epss = ?, exploit = ?, vendor = ?, first_observed_at = ?, last_observed_at = ?, updated_at = ?,
		revision = ?, suppression = ? WHERE id = ?`
)

// SettleFindings is part of meta.Findings. Coverage is held until its events are
// committed, and who deletes, archives or restores an image takes its coverage
// before telling of that: so events of findings, too, have ids in the order of
// their commits, for those of one image.
func (s *Store) SettleFindings(ctx context.Context, coverage []int64, vulnerabilities []string, decide func(meta.Settling) (meta.Settled, error)) error {
	if len(coverage) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, func(t *tx) error {
		w := settling{t: t, problems: s.problems, vulnerabilities: vulnerabilities}
		return w.run(coverage, decide)
	})
}

// settling is one SettleFindings in its transaction.
type settling struct {
	t               *tx
	problems        *problemReader
	vulnerabilities []string

	changed []finding.Coverage
	rows    []findingRow
	events  []meta.Event
}

// settledImage is an image whose findings are settled.
type settledImage struct {
	finding.Coverage
	inventory, account int64
}

func (w *settling) run(coverage []int64, decide func(meta.Settling) (meta.Settled, error)) error {
	images, err := w.images(coverage)
	if err != nil || len(images) == 0 {
		return err
	}
	problems, err := w.problemsOf(images)
	if err != nil {
		return err
	}
	findings, err := w.findings(images)
	if err != nil {
		return err
	}
	for _, i := range images {
		settled, err := decide(meta.Settling{Coverage: i.Coverage, Problems: problems[i.inventory], Findings: findings[i.ID]})
		if err == nil {
			err = w.take(i, findings[i.ID], settled)
		}
		if err != nil {
			return err
		}
	}
	return w.store()
}

// images holds coverage and answers it in the order given. On PostgreSQL what
// is read after the locks are held is the newest.
func (w *settling) images(coverage []int64) ([]*settledImage, error) {
	list := w.t.d.intList(coverage)
	if w.t.d.numbered {
		if _, err := column[int64](w.t.ctx, w.t, qCoverageToSettle, list); err != nil {
			return nil, err
		}
	}
	there, accounts := make(map[int64]*settledImage, len(coverage)), map[string]int64{}
	err := eachCoverage(w.t.ctx, w.t, func(c finding.Coverage, inventory int64) {
		there[c.ID] = &settledImage{Coverage: c, inventory: inventory}
		accounts[c.Account] = 0
	}, qCoverageOfIDs, list)
	if err != nil {
		return nil, err
	}
	for name := range accounts {
		if accounts[name], err = accountNumber(w.t, name); err != nil {
			return nil, err
		}
	}
	images := make([]*settledImage, 0, len(there))
	for _, id := range coverage {
		if i := there[id]; i != nil {
			i.account = accounts[i.Account]
			images = append(images, i)
			delete(there, id)
		}
	}
	return images, nil
}

func (w *settling) problemsOf(images []*settledImage) (map[int64][]meta.StoredProblem, error) {
	var inventories []int64
	for _, i := range images {
		if i.inventory != 0 {
			inventories = append(inventories, i.inventory)
		}
	}
	if len(inventories) == 0 {
		return nil, nil
	}
	return w.problems.of(w.t.ctx, w.t, inventories, w.vulnerabilities)
}

func (w *settling) findings(images []*settledImage) (map[int64][]finding.State, error) {
	ids := make([]int64, len(images))
	for n, i := range images {
		ids[n] = i.ID
	}
	statement, args := qFindingsToSettle, []any{w.t.d.intList(ids)}
	if len(w.vulnerabilities) > 0 {
		statement, args = qFindingsToSettleOf, append(args, w.t.d.stringList(w.vulnerabilities))
	}
	all, of := make(map[int64][]finding.State, len(images)), make(map[int64]*settledImage, len(images))
	for _, i := range images {
		of[i.ID] = i
	}
	err := each(w.t.ctx, w.t, func(rows *sql.Rows) error {
		f, err := readFinding(rows)
		if i := of[f.Coverage]; i != nil {
			f.Account, f.Repository, f.Digest = i.Account, i.Image.Repository, i.Image.Digest
		}
		all[f.Coverage] = append(all[f.Coverage], f)
		return err
	}, statement, args...)
	return all, err
}

// take notes what was decided of an image.
func (w *settling) take(i *settledImage, before []finding.State, settled meta.Settled) error {
	if c := settled.Coverage; c != nil {
		if c.ID != i.ID {
			return fmt.Errorf("sql: the coverage %d of another image was settled with %d", c.ID, i.ID)
		}
		w.changed = append(w.changed, *c)
	}
	w.events = append(w.events, settled.Events...)
	was, at := make(map[string]finding.State, len(before)), make(map[string]int, len(settled.Findings))
	for _, f := range before {
		was[f.VulnerabilityID] = f
	}
	for n := range settled.Findings {
		f := &settled.Findings[n]
		row, err := rowOf(f, i)
		if err != nil {
			return err
		}
		if b := was[f.VulnerabilityID]; b.Status == f.Status && b.Severity == f.Severity && b.ClosedAt.Equal(f.ClosedAt) {
			row.touched = b.ID
		}
		if earlier, twice := at[row.vulnerability]; twice {
			w.rows[earlier] = row
			continue
		}
		at[row.vulnerability] = len(w.rows)
		w.rows = append(w.rows, row)
	}
	return nil
}

func (w *settling) store() error {
	for n := range w.changed {
		if err := updateCoverage(w.t, &w.changed[n]); err != nil {
			return err
		}
	}
	if err := putFindings(w.t, w.rows); err != nil {
		return err
	}
	return appendEvents(w.t, w.events)
}

func putFindings(t *tx, rows []findingRow) error {
	if len(rows) == 0 {
		return nil
	}
	if t.d.numbered {
		_, err := t.exec(qPutFindings, findingArrays(rows)...)
		return err
	}
	for n := range rows {
		if err := putFinding(t, &rows[n]); err != nil {
			return err
		}
	}
	return nil
}

func putFinding(t *tx, r *findingRow) (err error) {
	if r.touched != 0 {
		_, err = t.exec(qTouchFinding, r.fix, r.score, r.epss, r.exploit, r.vendor, r.first, r.last, r.updated, r.revision, r.suppression, r.touched)
	} else {
		_, err = t.exec(qPutFindings, r.coverage, r.account, r.vulnerability, r.uid, r.status, r.severity, r.fix, r.score, r.epss, r.exploit, r.vendor,
			r.first, r.last, r.updated, r.closed, r.revision, r.suppression)
	}
	return err
}

// findingArrays makes the arguments of qPutFindings on PostgreSQL.
func findingArrays(rows []findingRow) []any {
	return []any{
		listOf(rows, func(r *findingRow) int64 { return r.coverage }), listOf(rows, func(r *findingRow) int64 { return r.account }),
		listOf(rows, func(r *findingRow) string { return r.vulnerability }), listOf(rows, func(r *findingRow) []byte { return r.uid }),
		listOf(rows, func(r *findingRow) int { return r.status }), listOf(rows, func(r *findingRow) int { return r.severity }), listOf(rows, func(r *findingRow) int { return r.fix }),
		listOf(rows, func(r *findingRow) float64 { return r.score }), listOf(rows, func(r *findingRow) float64 { return r.epss }),
		listOf(rows, func(r *findingRow) bool { return r.exploit }), listOf(rows, func(r *findingRow) string { return r.vendor }),
		listOf(rows, func(r *findingRow) int64 { return r.first }), listOf(rows, func(r *findingRow) int64 { return r.last }),
		listOf(rows, func(r *findingRow) int64 { return r.updated }), listOf(rows, func(r *findingRow) int64 { return r.closed }),
		listOf(rows, func(r *findingRow) string { return r.revision }), listOf(rows, func(r *findingRow) string { return r.suppression }),
	}
}

func listOf[R, V any](rows []R, of func(*R) V) []V {
	all := make([]V, len(rows))
	for n := range rows {
		all[n] = of(&rows[n])
	}
	return all
}
