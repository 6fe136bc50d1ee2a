package sql

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	selectHeld  = `SELECT h.inventory_id, p.id, p.component_id, p.print, p.modified FROM inventory_components h `
	ofHeld      = ` WHERE h.inventory_id {in}`
	orderOfHeld = ` ORDER BY h.inventory_id, h.component_id, p.vulnerability, p.place`
	// PostgreSQL is kept from reading all problems there are for those of a few
	// hundred components.
	qProblemsHeld     = selectHeld + `{lite:CROSS JOIN problems p ON p.component_id = h.component_id}{pg:CROSS JOIN LATERAL (SELECT * FROM problems o WHERE o.component_id = h.component_id OFFSET 0) p}` + ofHeld + orderOfHeld
	qProblemsHeldOf   = selectHeld + `{lite:CROSS }JOIN problems p ON p.component_id = h.component_id` + ofHeld + ` AND p.vulnerability {in}` + orderOfHeld
	qProblemsOfIDs    = `SELECT p.id, c.id, c.release, c.name, c.version, c.module, p.body FROM problems p JOIN components c ON c.id = p.component_id WHERE p.id {in}`
	qCountProblems    = `SELECT count(*) FROM (SELECT 1 FROM inventory_components h {lite:CROSS }JOIN problems p ON p.component_id = h.component_id WHERE h.inventory_id = ? LIMIT ?) n`
	qInventoryIndexed = `SELECT id FROM indexed_inventories WHERE name = ?`
)

// InventoryProblems is part of meta.Components.
func (s *Store) InventoryProblems(ctx context.Context, inventory string, vulnerabilities ...string) ([]meta.StoredProblem, error) {
	id, err := s.indexed(ctx, inventory)
	if err != nil || id == 0 {
		return nil, err
	}
	all, err := s.problems.of(ctx, s.read, []int64{id}, vulnerabilities)
	return all[id], err
}

// CountProblems is part of meta.Findings.
func (s *Store) CountProblems(ctx context.Context, inventory string, most int) (n int, err error) {
	id, err := s.indexed(ctx, inventory)
	if err != nil || id == 0 {
		return 0, err
	}
	_, err = s.read.row(ctx, qCountProblems, []any{id, max(most, 0)}, &n)
	return n, err
}

// indexed answers the row of an inventory, 0 if there is none.
func (s *Store) indexed(ctx context.Context, inventory string) (id int64, err error) {
	_, err = s.read.row(ctx, qInventoryIndexed, []any{inventory}, &id)
	return id, err
}

// problemReader reads problems, and remembers what it has decoded: many
// inventories hold the same.
type problemReader struct {
	d *dialect
	*packer

	mu     sync.Mutex
	known  rememberedProblems
	before rememberedProblems // known until known was full
}

// problemKey says what a problem is. It is no id of a row: on SQLite one that was
// read before its commit may come to name another when that fails.
type problemKey struct {
	component int64
	problemPrint
}

type rememberedProblems map[problemKey]*meta.StoredProblem

// rememberProblems is how many problems are remembered at least, some kilobytes
// each. Twice as many may be.
const rememberProblems = 4096

func newProblemReader(d *dialect, p *packer) *problemReader {
	return &problemReader{d: d, packer: p, known: rememberedProblems{}}
}

func (r *problemReader) get(key problemKey) *meta.StoredProblem {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.known[key]
	if p == nil {
		if p = r.before[key]; p != nil {
			r.remember(key, p)
		}
	}
	return p
}

func (r *problemReader) put(key problemKey, p *meta.StoredProblem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remember(key, p)
}

// remember is called with the lock held.
func (r *problemReader) remember(key problemKey, p *meta.StoredProblem) {
	if len(r.known) >= rememberProblems {
		r.before, r.known = r.known, make(rememberedProblems, rememberProblems)
	}
	r.known[key] = p
}

// readAgain is how often problems are asked for that were replaced between the
// two questions.
const readAgain = 10

// of answers the problems of inventories, of vulnerabilities if there are any.
func (r *problemReader) of(ctx context.Context, from statements, inventories []int64, vulnerabilities []string) (map[int64][]meta.StoredProblem, error) {
	for range readAgain {
		all, whole, err := r.once(ctx, from, inventories, vulnerabilities)
		if err != nil || whole {
			return all, err
		}
	}
	return nil, errRetry
}

func (r *problemReader) once(ctx context.Context, from statements, inventories []int64, vulnerabilities []string) (all map[int64][]meta.StoredProblem, whole bool, err error) {
	held, err := r.held(ctx, from, inventories, vulnerabilities)
	if err != nil {
		return nil, false, err
	}
	problems, err := r.problems(ctx, from, held)
	if err != nil {
		return nil, false, err
	}
	all = make(map[int64][]meta.StoredProblem, len(inventories))
	for _, h := range held {
		p := problems[h.problem]
		if p == nil {
			return nil, false, nil
		}
		all[h.inventory] = append(all[h.inventory], *p)
	}
	return all, true, nil
}

// heldProblem is a problem of an inventory.
type heldProblem struct {
	inventory, problem int64
	key                problemKey
}

func (r *problemReader) held(ctx context.Context, from statements, inventories []int64, vulnerabilities []string) (all []heldProblem, err error) {
	statement, args := qProblemsHeld, []any{r.d.intList(sortedIDs(inventories))}
	if len(vulnerabilities) > 0 {
		statement, args = qProblemsHeldOf, append(args, r.d.stringList(vulnerabilities))
	}
	err = each(ctx, from, func(rows *sql.Rows) error {
		var h heldProblem
		err := rows.Scan(&h.inventory, &h.problem, &h.key.component, &h.key.sum, &h.key.modified)
		all = append(all, h)
		return err
	}, statement, args...)
	return all, err
}

// problems answers those that are still there, by their rows.
func (r *problemReader) problems(ctx context.Context, from statements, held []heldProblem) (map[int64]*meta.StoredProblem, error) {
	all, unknown := make(map[int64]*meta.StoredProblem, len(held)), map[int64]problemKey{}
	for _, h := range held {
		if p := r.get(h.key); p != nil {
			all[h.problem] = p
		} else {
			unknown[h.problem] = h.key
		}
	}
	if len(unknown) == 0 {
		return all, nil
	}
	err := each(ctx, from, func(rows *sql.Rows) error {
		id, p, err := r.read(rows)
		if err == nil {
			all[id] = p
			r.put(unknown[id], p)
		}
		return err
	}, qProblemsOfIDs, r.d.intList(sortedKeys(unknown)))
	return all, err
}

func (r *problemReader) read(rows *sql.Rows) (int64, *meta.StoredProblem, error) {
	var id int64
	var body []byte
	p := &meta.StoredProblem{}
	if err := rows.Scan(&id, &p.Component, &p.Of.Release, &p.Of.Name, &p.Of.Version, &p.Of.Module, &body); err != nil {
		return 0, nil, err
	}
	return id, p, r.unpack(body, &p.Problem)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
