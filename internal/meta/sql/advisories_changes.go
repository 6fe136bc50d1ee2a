package sql

import (
	"bytes"
	"context"
	"database/sql"
	"math"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

const (
	qVisibleGeneration = `SELECT generation FROM advisory_sources WHERE ecosystem = ?`
	qGenerationPage    = `SELECT package, id, content FROM advisory_entries WHERE generation = ? AND (package, id) > (?, ?) ORDER BY package, id LIMIT ?`
	qAddChange         = `INSERT INTO advisory_changes (generation, number, package) VALUES (?, ?, ?)
		ON CONFLICT (generation, number) DO UPDATE SET package = excluded.package`
	qAddChanges = `INSERT INTO advisory_changes (generation, number, package)
		SELECT ?::bigint, * FROM unnest(?::bigint[], ?::text[]) ON CONFLICT (generation, number) DO UPDATE SET package = excluded.package`
	// The row stays locked until the commit: sequence numbers are seen in order.
	qTakeSequence = `UPDATE advisory_clock SET last = last + ? WHERE id = 1 RETURNING last`
	qAddCommit    = `INSERT INTO advisory_commits (base, last, generation, ecosystem) VALUES (?, ?, ?, ?)`

	qChanges = `SELECT c.base + d.number, c.ecosystem, d.package FROM advisory_commits c
		{lite:CROSS }JOIN advisory_changes d ON d.generation = c.generation AND d.number > ? - c.base AND d.number <= c.last - c.base
		WHERE c.last > ? ORDER BY c.base, d.number LIMIT ?`
	qFirstCommit  = `SELECT base, last, generation FROM advisory_commits WHERE base < ? ORDER BY base LIMIT 1{pg: FOR UPDATE}`
	qDropChanges  = `DELETE FROM advisory_changes WHERE (generation, number) IN (SELECT generation, number FROM advisory_changes WHERE generation = ? AND number <= ? LIMIT ?)`
	qDropCommit   = `DELETE FROM advisory_commits WHERE base = ?`
	qDropUntaken  = `DELETE FROM advisory_changes WHERE (generation, number) IN (SELECT generation, number FROM advisory_changes WHERE generation = ? LIMIT ?)`
	qCommitExists = `SELECT 1 FROM advisory_commits WHERE generation = ?`

	qEntriesPage = `SELECT e.package, e.id, e.modified, e.data FROM advisory_sources s
		LEFT JOIN advisory_entries e ON e.generation = s.generation AND (e.package, e.id) > (?, ?)
		WHERE s.ecosystem = ? AND s.generation = ? ORDER BY e.package, e.id LIMIT ?`
)

// Changes is part of advisory.Store.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]advisory.Change, error) {
	var all []advisory.Change
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var c advisory.Change
		err := rows.Scan(&c.Seq, &c.Ecosystem, &c.Package)
		all = append(all, c)
		return err
	}, qChanges, after, after, limit)
	return all, err
}

// DropChanges is part of advisory.Store. It goes in steps, for the sake of
// others who want to write.
func (s *Store) DropChanges(ctx context.Context, upTo int64) error {
	return untilDone(ctx, func(ctx context.Context) (more bool, err error) {
		err = s.write(ctx, func(t *tx) (err error) {
			more, err = dropChangesStep(t, upTo)
			return err
		})
		return more, err
	})
}

func dropChangesStep(t *tx, upTo int64) (more bool, err error) {
	var base, last, generation int64
	if found, err := t.find(qFirstCommit, []any{upTo}, &base, &last, &generation); err != nil || !found {
		return false, err
	}
	number := upTo - base
	if last <= upTo {
		number = math.MaxInt64
	}
	if n, err := t.exec(qDropChanges, generation, number, purgeStep); err != nil || n >= purgeStep {
		return true, err
	}
	if last > upTo {
		return false, nil
	}
	_, err = t.exec(qDropCommit, base)
	return true, err
}

// Page is part of advisory.Store.
func (s *Store) Page(ctx context.Context, ecosystem string, generation int64, after advisory.Key, limit int) ([]advisory.Entry, error) {
	var all []advisory.Entry
	visible := false
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		visible = true
		var pkg, id sql.NullString
		var modified sql.NullInt64
		var data []byte
		if err := rows.Scan(&pkg, &id, &modified, &data); err != nil || !pkg.Valid {
			return err
		}
		all = append(all, advisory.Entry{Package: pkg.String, ID: id.String, Modified: fromMicros(modified.Int64), Data: data})
		return nil
	}, qEntriesPage, after.Package, after.ID, ecosystem, generation, limit)
	if err == nil && !visible {
		err = advisory.ErrReplaced
	}
	return all, err
}

// Risks answers what is known about vulnerabilities beside their advisories.
func (s *Store) Risks(ctx context.Context, ids []string) (map[string]finding.Risk, error) {
	return advisory.ReadRisks(ctx, s, ids)
}

// comparePage is how many entries of a generation are read at a time.
const comparePage = 2000

// generation reads what entries of a generation are called and say, in order.
type generation struct {
	store *Store
	id    int64
	page  []compared
	last  advisory.Key
	ended bool
}

type compared struct {
	advisory.Key
	content []byte
}

// head answers the entry at which the reader stands, nil at the end.
func (g *generation) head(ctx context.Context) (*compared, error) {
	if len(g.page) == 0 && !g.ended {
		err := each(ctx, g.store.read, func(rows *sql.Rows) error {
			var c compared
			err := rows.Scan(&c.Package, &c.ID, &c.content)
			g.page = append(g.page, c)
			return err
		}, qGenerationPage, g.id, g.last.Package, g.last.ID, comparePage)
		if err != nil {
			return nil, err
		}
		if g.ended = len(g.page) < comparePage; len(g.page) > 0 {
			g.last = g.page[len(g.page)-1].Key
		}
	}
	if len(g.page) == 0 {
		return nil, nil
	}
	return &g.page[0], nil
}

func (g *generation) advance() { g.page = g.page[1:] }

// differences writes which packages of the import differ from the visible ones,
// and says how many. Both generations stand still meanwhile: the visible one can
// only be replaced by a newer import, and then this one is not committed.
func (i *advisoryImport) differences(ctx context.Context) (int64, error) {
	before, after := generation{store: i.store}, generation{store: i.store, id: i.generation}
	if _, err := i.store.read.row(ctx, qVisibleGeneration, []any{i.ecosystem}, &before.id); err != nil {
		return 0, err
	}
	before.ended = before.id == 0
	changed := changedPackages{add: i.addChanges}
	for {
		x, err := before.head(ctx)
		if err != nil {
			return 0, err
		}
		y, err := after.head(ctx)
		if err != nil {
			return 0, err
		}
		if x == nil && y == nil {
			return changed.finish(ctx)
		}
		order := compareKeys(x, y)
		switch {
		case order < 0:
			err = changed.note(ctx, x.Package)
		case order > 0:
			err = changed.note(ctx, y.Package)
		case !bytes.Equal(x.content, y.content):
			err = changed.note(ctx, y.Package)
		}
		if err != nil {
			return 0, err
		}
		if order <= 0 {
			before.advance()
		}
		if order >= 0 {
			after.advance()
		}
	}
}

// compareKeys orders as the database does, byte by byte; the end comes last.
func compareKeys(x, y *compared) int {
	switch {
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	return x.Compare(y.Key)
}

// changedPackages collects names that come in order, each once.
type changedPackages struct {
	add   func(ctx context.Context, first int64, packages []string) error
	batch []string
	last  string
	count int64
}

func (c *changedPackages) note(ctx context.Context, pkg string) error {
	if c.count > 0 && pkg == c.last {
		return nil
	}
	c.last = pkg
	c.count++
	if c.batch = append(c.batch, pkg); len(c.batch) < purgeStep {
		return nil
	}
	return c.flush(ctx)
}

func (c *changedPackages) flush(ctx context.Context) error {
	if len(c.batch) == 0 {
		return nil
	}
	err := c.add(ctx, c.count-int64(len(c.batch))+1, c.batch)
	c.batch = c.batch[:0]
	return err
}

func (c *changedPackages) finish(ctx context.Context) (int64, error) { return c.count, c.flush(ctx) }

func (i *advisoryImport) addChanges(ctx context.Context, first int64, packages []string) error {
	return i.write(ctx, func(t *tx) error {
		if t.d.numbered {
			numbers := make([]int64, len(packages))
			for n := range numbers {
				numbers[n] = first + int64(n)
			}
			_, err := t.exec(qAddChanges, i.generation, numbers, packages)
			return err
		}
		for n, pkg := range packages {
			if _, err := t.exec(qAddChange, i.generation, first+int64(n), pkg); err != nil {
				return err
			}
		}
		return nil
	})
}

// publishChanges gives the differences their sequence numbers.
func (i *advisoryImport) publishChanges(t *tx, n int64) error {
	if n == 0 {
		return nil
	}
	var last int64
	if _, err := t.returning(qTakeSequence, []any{n}, &last); err != nil {
		return err
	}
	_, err := t.exec(qAddCommit, last-n, last, i.generation, i.ecosystem)
	return err
}

// dropUntaken removes some differences of an import that was never committed
// and says whether there may be more.
func dropUntaken(t *tx, generation int64) (more bool, err error) {
	var one int
	if committed, err := t.find(qCommitExists, []any{generation}, &one); err != nil || committed {
		return false, err
	}
	n, err := t.exec(qDropUntaken, generation, purgeStep)
	return n >= purgeStep, err
}
