package sql

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	componentsGiven = `{lite:(SELECT value ->> 0 AS release, value ->> 1 AS name, value ->> 2 AS version, value ->> 3 AS module, key AS place FROM json_each(?)) n}{pg:
		unnest(?::text[], ?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS n(release, name, version, module, place)}`
	qComponentsGiven = `SELECT c.id, c.release, c.name, c.version, c.module, c.judged FROM ` + componentsGiven + ` {lite:CROSS }JOIN components c
		ON c.release = n.release AND c.name = n.name AND c.version = n.version AND c.module = n.module`
	// In the order given, which is the same for all, so that two inventories do
	// not wait for each other.
	qInsertComponents = `INSERT INTO components (release, name, version, module, judged) SELECT n.release, n.name, n.version, n.module, {lite:0}{pg:FALSE}
		FROM ` + componentsGiven + ` WHERE TRUE ORDER BY n.place ON CONFLICT (release, name, version, module) DO NOTHING`

	qIndexedInventory      = `SELECT id, used_at FROM indexed_inventories WHERE name = ?`
	qTouchInventory        = `UPDATE indexed_inventories SET used_at = ? WHERE name = ? AND used_at < ?`
	qIndexInventory        = `INSERT INTO indexed_inventories (name, used_at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET used_at = excluded.used_at RETURNING id`
	qComponentsOfInventory = `SELECT c.id, c.release, c.name, c.version, c.module, c.judged FROM inventory_components h {lite:CROSS }JOIN components c ON c.id = h.component_id
		WHERE h.inventory_id = ?`
	qHolds        = `SELECT component_id FROM inventory_components WHERE inventory_id = ?`
	qHoldNoMore   = `DELETE FROM inventory_components WHERE inventory_id = ? AND component_id {in}`
	qHold         = `INSERT INTO inventory_components (inventory_id, component_id) SELECT ?{pg:::bigint}, value FROM {unnest}`
	qComponents   = `SELECT id, release, name, version, module, judged FROM components WHERE release {in} AND name = ? AND id > ? ORDER BY id LIMIT ?`
	qReleasesKept = `WITH RECURSIVE e (v) AS (
			SELECT min(release) FROM components
			UNION ALL SELECT (SELECT min(release) FROM components WHERE release > e.v) FROM e WHERE e.v IS NOT NULL
		) SELECT v FROM e WHERE v IS NOT NULL ORDER BY v`
)

// maxComponent bounds the texts of a component together: see maxName.
const maxComponent = 2000

// isComponent says whether the database can hold a component.
func isComponent(c finding.Component) bool {
	all := []string{c.Release, c.Name, c.Version, c.Module}
	size := 0
	for _, s := range all {
		if size += len(s); !isText(s) {
			return false
		}
	}
	return size < maxComponent
}

func compareComponents(a, b finding.Component) int {
	return cmp.Or(cmp.Compare(a.Release, b.Release), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Module, b.Module))
}

// knownComponents are components by what they are.
type knownComponents map[finding.Component]meta.IndexedComponent

func (k knownComponents) read(rows *sql.Rows) error {
	var c meta.IndexedComponent
	err := rows.Scan(&c.ID, &c.Release, &c.Name, &c.Version, &c.Module, &c.Judged)
	k[c.Component] = c
	return err
}

// missing answers those that are not known, which can be.
func (k knownComponents) missing(components []finding.Component) []finding.Component {
	var none []finding.Component
	for _, c := range components {
		if _, known := k[c]; !known {
			none = append(none, c)
		}
	}
	return none
}

// answer puts them in the order given.
func (k knownComponents) answer(components []finding.Component) []meta.IndexedComponent {
	all := make([]meta.IndexedComponent, len(components))
	for n, c := range components {
		all[n] = k[c]
		all[n].Component = c
	}
	return all
}

// distinctComponents are those that can be kept, in order, once each.
func distinctComponents(components []finding.Component) []finding.Component {
	all := make([]finding.Component, 0, len(components))
	for _, c := range components {
		if isComponent(c) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, compareComponents)
	return slices.Compact(all)
}

// componentsAtATime is how many components one transaction makes before that which
// indexes them: on SQLite all others wait for it.
const componentsAtATime = 2000

// makeComponents makes components in small transactions. Until an inventory holds
// them they may be swept again.
func (s *Store) makeComponents(ctx context.Context, distinct []finding.Component) error {
	for part := range slices.Chunk(distinct, componentsAtATime) {
		if err := s.write(ctx, func(t *tx) error {
			_, err := storeComponents(t, part)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// touchInventory is how often it is noted that an inventory is in use.
const touchInventory = time.Hour

// IndexInventory is part of meta.Components. What is known is read without the
// writer.
func (s *Store) IndexInventory(ctx context.Context, inventory string, components []finding.Component) ([]meta.IndexedComponent, error) {
	distinct, now := distinctComponents(components), time.Now()
	known, used, err := s.componentsOf(ctx, inventory)
	if err != nil {
		return nil, err
	}
	same := !used.IsZero() && len(known) == len(distinct) && len(known.missing(distinct)) == 0
	if same && now.Sub(used) < touchInventory {
		return known.answer(components), nil
	}
	if missing := known.missing(distinct); len(missing) > componentsAtATime {
		if err := s.makeComponents(ctx, missing); err != nil {
			return nil, err
		}
	}
	err = s.write(ctx, func(t *tx) error {
		if same {
			n, err := t.exec(qTouchInventory, micros(now), inventory, micros(now))
			if err != nil || n > 0 {
				return err
			}
		}
		known, err = index(t, inventory, distinct, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return known.answer(components), nil
}

// componentsOf answers what an inventory holds, and when it was last used; zero
// when it was never indexed.
func (s *Store) componentsOf(ctx context.Context, inventory string) (knownComponents, time.Time, error) {
	var id, used int64
	if found, err := s.read.row(ctx, qIndexedInventory, []any{inventory}, &id, &used); err != nil || !found {
		return nil, time.Time{}, err
	}
	known := knownComponents{}
	err := each(ctx, s.read, known.read, qComponentsOfInventory, id)
	return known, fromMicros(used), err
}

// index stores an inventory with exactly these components.
func index(t *tx, inventory string, distinct []finding.Component, now time.Time) (knownComponents, error) {
	var id int64
	if _, err := t.returning(qIndexInventory, []any{inventory, micros(now)}, &id); err != nil {
		return nil, err
	}
	known, err := storeComponents(t, distinct)
	if err != nil {
		return nil, err
	}
	return known, hold(t, id, known)
}

// hold has an inventory hold these components and no others.
func hold(t *tx, inventory int64, known knownComponents) error {
	before, err := column[int64](t.ctx, t, qHolds, inventory)
	if err != nil {
		return err
	}
	gone := idSet(before)
	var fresh []int64
	for _, c := range known {
		if !gone[c.ID] {
			fresh = append(fresh, c.ID)
		}
		delete(gone, c.ID)
	}
	if len(gone) > 0 {
		if _, err := t.exec(qHoldNoMore, inventory, t.d.intList(sortedKeys(gone))); err != nil {
			return err
		}
	}
	if len(fresh) > 0 {
		_, err = t.exec(qHold, inventory, t.d.intList(sortedIDs(fresh)))
	}
	return err
}

// storeComponents finds components, and inserts those that are new.
func storeComponents(t *tx, distinct []finding.Component) (knownComponents, error) {
	known := make(knownComponents, len(distinct))
	if err := findComponents(t, known, distinct); err != nil {
		return nil, err
	}
	fresh := known.missing(distinct)
	if len(fresh) == 0 {
		return known, nil
	}
	if _, err := t.exec(qInsertComponents, componentArguments(t.d, fresh)...); err != nil {
		return nil, err
	}
	if err := findComponents(t, known, fresh); err != nil {
		return nil, err
	}
	if len(known.missing(fresh)) > 0 {
		return nil, errRetry // swept in between
	}
	return known, nil
}

func findComponents(t *tx, known knownComponents, components []finding.Component) error {
	if len(components) == 0 {
		return nil
	}
	return each(t.ctx, t, known.read, qComponentsGiven, componentArguments(t.d, components)...)
}

// componentArguments makes the arguments of componentsGiven.
func componentArguments(d *dialect, components []finding.Component) []any {
	if !d.numbered {
		rows := make([][4]string, len(components))
		for n, c := range components {
			rows[n] = [4]string{c.Release, c.Name, c.Version, c.Module}
		}
		return []any{toJSON(rows)}
	}
	var lists [4][]string
	for n := range lists {
		lists[n] = make([]string, len(components))
	}
	for n, c := range components {
		lists[0][n], lists[1][n], lists[2][n], lists[3][n] = c.Release, c.Name, c.Version, c.Module
	}
	return []any{lists[0], lists[1], lists[2], lists[3]}
}

// ComponentsNamed is part of meta.Components.
func (s *Store) ComponentsNamed(ctx context.Context, releases []string, name string, after int64, limit int) ([]meta.IndexedComponent, error) {
	var all []meta.IndexedComponent
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var c meta.IndexedComponent
		err := rows.Scan(&c.ID, &c.Release, &c.Name, &c.Version, &c.Module, &c.Judged)
		all = append(all, c)
		return err
	}, qComponents, s.d.stringList(releases), name, after, max(limit, 0))
	return all, err
}

// Releases is part of meta.Components.
func (s *Store) Releases(ctx context.Context) ([]string, error) {
	return column[string](ctx, s.read, qReleasesKept)
}
