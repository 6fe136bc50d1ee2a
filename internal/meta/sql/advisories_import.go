package sql

import (
	"context"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

const (
	qNewGeneration = `INSERT INTO advisory_generations (ecosystem) VALUES (?) RETURNING id`
	qSetImporting  = `UPDATE advisory_sources SET importing = ? WHERE ecosystem = ?`
	qIsImporting   = `SELECT 1 FROM advisory_sources WHERE ecosystem = ? AND importing = ?{pg: FOR SHARE}`
	qAddEntry      = `INSERT INTO advisory_entries (generation, package, id, modified, content, data) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (generation, package, id) DO UPDATE SET modified = excluded.modified, content = excluded.content, data = excluded.data`
	qAddEntries = `INSERT INTO advisory_entries (generation, package, id, modified, content, data)
		SELECT ?::bigint, * FROM unnest(?::text[], ?::text[], ?::bigint[], ?::bytea[], ?::bytea[])
		ON CONFLICT (generation, package, id) DO UPDATE SET modified = excluded.modified, content = excluded.content, data = excluded.data`
	qCommitImport = `UPDATE advisory_sources SET generation = importing, importing = 0, location = ?, etag = ?, last_modified = ?, digest = ?, size = ?,
			fetched_at = ?, newest_modified = ?, records = ?, entries = ?, last_attempt = ?, last_error = ?
		WHERE ecosystem = ? AND importing = ?`
	qAbortImport = `UPDATE advisory_sources SET importing = 0 WHERE ecosystem = ? AND importing = ?`

	qDeadGeneration = `SELECT g.id FROM advisory_generations g
		WHERE NOT EXISTS (SELECT 1 FROM advisory_sources s WHERE s.ecosystem = g.ecosystem AND (s.generation = g.id OR s.importing = g.id))
		ORDER BY g.id LIMIT 1`
	qLockGeneration  = `SELECT id FROM advisory_generations WHERE id = ?{pg: FOR UPDATE SKIP LOCKED}`
	qDropEntries     = `DELETE FROM advisory_entries WHERE (generation, package, id) IN (SELECT generation, package, id FROM advisory_entries WHERE generation = ? LIMIT ?)`
	qDropGeneration  = `DELETE FROM advisory_generations WHERE id = ?`
	maxAdvisoryNames = 2000 // bytes of package and id together: what PostgreSQL can index
)

// BeginImport is part of advisory.Store. A new import makes the generation of
// an unfinished one dead, and the purger clears it away.
func (s *Store) BeginImport(ctx context.Context, ecosystem string) (advisory.Import, error) {
	if !isText(ecosystem) {
		return nil, registry.InvalidParameter("ecosystem", "must be text")
	}
	i := &advisoryImport{store: s, ecosystem: ecosystem}
	err := s.write(ctx, func(t *tx) error {
		if _, err := t.exec(qKnowSource, ecosystem); err != nil {
			return err
		}
		if _, err := t.returning(qNewGeneration, []any{ecosystem}, &i.generation); err != nil {
			return err
		}
		_, err := t.exec(qSetImporting, i.generation, ecosystem)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.purge.wake()
	return i, nil
}

type advisoryImport struct {
	store      *Store
	ecosystem  string
	generation int64
	closed     bool
}

// Add is part of advisory.Import.
func (i *advisoryImport) Add(ctx context.Context, batch []advisory.Entry) error {
	if i.closed {
		return advisory.ErrImportClosed
	}
	batch = storable(batch)
	return i.write(ctx, func(t *tx) error {
		if t.d.numbered {
			return i.addTogether(t, batch)
		}
		for _, e := range batch {
			if _, err := t.exec(qAddEntry, i.generation, e.Package, e.ID, micros(e.Modified), e.Content[:], nonNil(e.Data)); err != nil {
				return err
			}
		}
		return nil
	})
}

// write changes what belongs to the import, unless a newer one has begun.
func (i *advisoryImport) write(ctx context.Context, change func(*tx) error) error {
	return i.store.write(ctx, func(t *tx) error {
		var one int
		if current, err := t.find(qIsImporting, []any{i.ecosystem, i.generation}, &one); err != nil || !current {
			if err == nil {
				err = advisory.ErrSuperseded
			}
			return err
		}
		return change(t)
	})
}

// addTogether spares PostgreSQL a round trip per entry.
func (i *advisoryImport) addTogether(t *tx, batch []advisory.Entry) error {
	packages, ids := make([]string, len(batch)), make([]string, len(batch))
	modified, contents, data := make([]int64, len(batch)), make([][]byte, len(batch)), make([][]byte, len(batch))
	for n := range batch {
		e := &batch[n]
		packages[n], ids[n], modified[n], contents[n], data[n] = e.Package, e.ID, micros(e.Modified), e.Content[:], nonNil(e.Data)
	}
	_, err := t.exec(qAddEntries, i.generation, packages, ids, modified, contents, data)
	return err
}

// storable leaves out what no package can be called, and all but the last of
// entries with one name.
func storable(batch []advisory.Entry) []advisory.Entry {
	type name struct{ pkg, id string }
	at := make(map[name]int, len(batch))
	kept := make([]advisory.Entry, 0, len(batch))
	for _, e := range batch {
		if !isText(e.Package) || !isText(e.ID) || len(e.Package)+len(e.ID) > maxAdvisoryNames {
			continue
		}
		if n, again := at[name{e.Package, e.ID}]; again {
			kept[n] = e
			continue
		}
		at[name{e.Package, e.ID}] = len(kept)
		kept = append(kept, e)
	}
	return kept
}

// Commit is part of advisory.Import. What differs is found out before, in steps:
// the last transaction only moves marks.
func (i *advisoryImport) Commit(ctx context.Context, a advisory.Source) error {
	if i.closed {
		return advisory.ErrImportClosed
	}
	changes, err := i.differences(ctx)
	if err != nil {
		return err
	}
	err = i.store.write(ctx, func(t *tx) error {
		n, err := t.exec(qCommitImport, toText(a.Location), toText(a.ETag), toText(a.LastModified), a.Digest, a.Size, micros(a.FetchedAt),
			micros(a.NewestModified), a.Records, a.Entries, micros(a.LastAttempt), toText(a.LastError), i.ecosystem, i.generation)
		switch {
		case err != nil:
			return err
		case n == 0:
			return advisory.ErrSuperseded
		}
		return i.publishChanges(t, changes)
	})
	if err == nil {
		i.closed = true
		i.store.purge.wake()
	}
	return err
}

// Abort is part of advisory.Import.
func (i *advisoryImport) Abort(ctx context.Context) error {
	if i.closed {
		return nil
	}
	err := i.store.write(ctx, func(t *tx) error {
		_, err := t.exec(qAbortImport, i.ecosystem, i.generation)
		return err
	})
	if err == nil {
		i.closed = true
		i.store.purge.wake()
	}
	return err
}

// purgeAdvisoriesStep removes some entries of a generation that nobody sees
// and says whether there may be more.
func (s *Store) purgeAdvisoriesStep(ctx context.Context) (more bool, err error) {
	var id int64
	found, err := s.read.row(ctx, qDeadGeneration, nil, &id)
	if err != nil || !found {
		return false, err
	}
	err = s.write(ctx, func(t *tx) error {
		mine, err := t.find(qLockGeneration, []any{id}, &id)
		if more = mine; err != nil || !mine {
			return err
		}
		if n, err := t.exec(qDropEntries, id, purgeStep); err != nil || n >= purgeStep {
			return err
		}
		if unfinished, err := dropUntaken(t, id); err != nil || unfinished {
			return err
		}
		_, err = t.exec(qDropGeneration, id)
		return err
	})
	return more, err
}
