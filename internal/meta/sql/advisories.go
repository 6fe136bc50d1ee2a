package sql

import (
	"context"
	"database/sql"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

const (
	// One statement, so that all it answers is of one generation.
	qAdvisories = `SELECT s.generation, e.package, e.id, e.modified, e.data FROM advisory_sources s
		LEFT JOIN advisory_entries e ON e.generation = s.generation AND e.package {in}
		WHERE s.ecosystem = ? ORDER BY e.package, e.id`
	qSources = `SELECT ecosystem, generation, location, etag, last_modified, digest, size, fetched_at, newest_modified, records, entries, last_attempt, last_error
		FROM advisory_sources WHERE generation <> 0 OR last_attempt <> 0 ORDER BY ecosystem`
	qRecordAttempt = `UPDATE advisory_sources SET last_attempt = ?, last_error = ? WHERE ecosystem = ?`
	qKnowSource    = `INSERT INTO advisory_sources (ecosystem, generation, importing, location, etag, last_modified, digest, size,
			fetched_at, newest_modified, records, entries, last_attempt, last_error)
		VALUES (?, 0, 0, '', '', '', '', 0, 0, 0, 0, 0, 0, '') ON CONFLICT (ecosystem) DO NOTHING`
)

// Advisories is part of advisory.Store.
func (s *Store) Advisories(ctx context.Context, ecosystem string, packages []string) (advisory.Batch, error) {
	var b advisory.Batch
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var pkg, id sql.NullString
		var modified sql.NullInt64
		var data []byte
		if err := rows.Scan(&b.Generation, &pkg, &id, &modified, &data); err != nil {
			return err
		}
		if pkg.Valid { // a source without entries of these packages is a row too
			b.Entries = append(b.Entries, advisory.Entry{Package: pkg.String, ID: id.String, Modified: fromMicros(modified.Int64), Data: data})
		}
		return nil
	}, qAdvisories, s.d.stringList(packages), ecosystem)
	if err != nil {
		return advisory.Batch{}, err
	}
	return b, nil
}

// Sources is part of advisory.Store.
func (s *Store) Sources(ctx context.Context) ([]advisory.Source, error) {
	var all []advisory.Source
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var a advisory.Source
		var fetched, newest, attempt int64
		err := rows.Scan(&a.Ecosystem, &a.Generation, &a.Location, &a.ETag, &a.LastModified, &a.Digest, &a.Size, &fetched, &newest,
			&a.Records, &a.Entries, &attempt, &a.LastError)
		a.FetchedAt, a.NewestModified, a.LastAttempt = fromMicros(fetched), fromMicros(newest), fromMicros(attempt)
		all = append(all, a)
		return err
	}, qSources)
	return all, err
}

// RecordAttempt is part of advisory.Store.
func (s *Store) RecordAttempt(ctx context.Context, ecosystem string, at time.Time, problem string) error {
	if !isText(ecosystem) {
		return registry.InvalidParameter("ecosystem", "must be text")
	}
	return s.write(ctx, func(t *tx) error {
		if _, err := t.exec(qKnowSource, ecosystem); err != nil {
			return err
		}
		_, err := t.exec(qRecordAttempt, micros(at), toText(problem), ecosystem)
		return err
	})
}
