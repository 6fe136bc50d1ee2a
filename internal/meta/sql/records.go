package sql

import (
	"context"
	"database/sql"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const recordColumns = `account, kind, name, body, created_at, updated_at`

const (
	qRecord          = `SELECT ` + recordColumns + ` FROM records WHERE account = ? AND kind = ? AND name = ?`
	qRecordForUpdate = qRecord + `{pg: FOR UPDATE}`
	qListRecords     = `SELECT ` + recordColumns + ` FROM records WHERE account = ? AND kind = ? AND name > ? ORDER BY name LIMIT ?`
	qCountRecords    = `SELECT count(*) FROM records WHERE account = ? AND kind = ?`
	qInsertRecord    = `INSERT INTO records (` + recordColumns + `) VALUES (?, ?, ?, ?, ?, ?)`
	qUpdateRecord    = `UPDATE records SET body = ?, updated_at = ? WHERE account = ? AND kind = ? AND name = ?`
	qDeleteRecord    = `DELETE FROM records WHERE account = ? AND kind = ? AND name = ? RETURNING ` + recordColumns

	// Those who count before they insert take turns. SQLite has one writer.
	qTakeTurns = `SELECT pg_advisory_xact_lock(hashtext(?), hashtext(?))`
)

// CreateRecord is part of meta.Records.
func (s *Store) CreateRecord(ctx context.Context, r meta.Record, most int) error {
	if !isName(r.Account) || !isName(string(r.Kind)) || !isName(r.Name) {
		return registry.InvalidParameter("name", "must be text of at most 1024 bytes")
	}
	defer s.records.changed()
	return s.write(ctx, func(t *tx) error {
		if err := takeTurns(t, most, string(r.Kind), r.Account); err != nil {
			return err
		}
		var raw rawRecord
		switch found, err := t.find(qRecord, []any{r.Account, string(r.Kind), r.Name}, raw.fields()...); {
		case err != nil:
			return err
		case found:
			return meta.ErrExists
		}
		if err := checkRoom(t, most, qCountRecords, r.Account, string(r.Kind)); err != nil {
			return err
		}
		at := micros(r.CreatedAt)
		_, err := t.exec(qInsertRecord, r.Account, string(r.Kind), r.Name, nonNil(r.Body), at, at)
		return err
	})
}

// takeTurns makes transactions that count the same wait for each other, if
// there is a limit to what they count.
func takeTurns(t *tx, most int, what, whose string) error {
	if most <= 0 || !t.d.numbered {
		return nil
	}
	_, err := t.exec(qTakeTurns, what, whose)
	return err
}

// checkRoom answers ErrFull when a count has reached most.
func checkRoom(t *tx, most int, count string, args ...any) error {
	if most <= 0 {
		return nil
	}
	var n int64
	if _, err := t.find(count, args, &n); err != nil {
		return err
	}
	if n >= int64(most) {
		return meta.ErrFull
	}
	return nil
}

// knownRecord is a record or the knowledge that there is none.
type knownRecord struct {
	record meta.Record
	found  bool
}

type recordKey struct {
	account string
	kind    meta.RecordKind
	name    string
}

// Record is part of meta.Records.
func (s *Store) Record(ctx context.Context, account string, kind meta.RecordKind, name string) (meta.Record, error) {
	if !isText(name) {
		return meta.Record{}, meta.ErrNoRecord
	}
	key := recordKey{account, kind, name}
	k, ok, changes := s.records.get(key)
	if !ok {
		var raw rawRecord
		var err error
		if k.found, err = s.read.row(ctx, qRecord, []any{account, string(kind), name}, raw.fields()...); err != nil {
			return meta.Record{}, err
		}
		k.record = raw.record()
		s.records.put(key, k, changes)
	}
	if !k.found {
		return meta.Record{}, meta.ErrNoRecord
	}
	return k.record, nil
}

// rawRecord is a row of recordColumns.
type rawRecord struct {
	r                meta.Record
	created, updated int64
	kind             string
}

func (w *rawRecord) fields() []any {
	return []any{&w.r.Account, &w.kind, &w.r.Name, &w.r.Body, &w.created, &w.updated}
}

func (w *rawRecord) record() meta.Record {
	w.r.Kind = meta.RecordKind(w.kind)
	w.r.CreatedAt, w.r.UpdatedAt = fromMicros(w.created), fromMicros(w.updated)
	return w.r
}

// ListRecords is part of meta.Records.
func (s *Store) ListRecords(ctx context.Context, account string, kind meta.RecordKind, after string, limit int) ([]meta.Record, error) {
	var all []meta.Record
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var raw rawRecord
		err := rows.Scan(raw.fields()...)
		all = append(all, raw.record())
		return err
	}, qListRecords, account, string(kind), after, max(limit, 0))
	return all, err
}

// UpdateRecord is part of meta.Records.
func (s *Store) UpdateRecord(ctx context.Context, account string, kind meta.RecordKind, name string, now time.Time, change func(*meta.Record) error) (meta.Record, error) {
	if !isText(name) {
		return meta.Record{}, meta.ErrNoRecord
	}
	var updated meta.Record
	defer s.records.changed()
	err := s.write(ctx, func(t *tx) error {
		var raw rawRecord
		found, err := t.find(qRecordForUpdate, []any{account, string(kind), name}, raw.fields()...)
		if err != nil {
			return err
		}
		if !found {
			return meta.ErrNoRecord
		}
		before := raw.record()
		r := before
		if err := change(&r); err != nil {
			return err
		}
		// Only the body changes, whatever change did to the rest.
		updated = before
		updated.Body, updated.UpdatedAt = nonNil(r.Body), fromMicros(micros(now))
		_, err = t.exec(qUpdateRecord, updated.Body, micros(now), account, string(kind), name)
		return err
	})
	if err != nil {
		return meta.Record{}, err
	}
	return updated, nil
}

// DeleteRecord is part of meta.Records.
func (s *Store) DeleteRecord(ctx context.Context, account string, kind meta.RecordKind, name string) (meta.Record, error) {
	return s.DeleteRecordIf(ctx, account, kind, name, nil)
}

// DeleteRecordIf is part of meta.Records. Nil objects to nothing.
func (s *Store) DeleteRecordIf(ctx context.Context, account string, kind meta.RecordKind, name string, may func(meta.Record) error) (meta.Record, error) {
	if !isText(name) {
		return meta.Record{}, meta.ErrNoRecord
	}
	key := []any{account, string(kind), name}
	var raw rawRecord
	defer s.records.changed()
	err := s.write(ctx, func(t *tx) error {
		if err := mayDelete(t, key, may); err != nil {
			return err
		}
		found, err := t.returning(qDeleteRecord, key, raw.fields()...)
		if err == nil && !found {
			err = meta.ErrNoRecord
		}
		return err
	})
	if err != nil {
		return meta.Record{}, err
	}
	return raw.record(), nil
}

// mayDelete asks may about the record of a key, which nobody else changes until
// the transaction ends.
func mayDelete(t *tx, key []any, may func(meta.Record) error) error {
	if may == nil {
		return nil
	}
	var raw rawRecord
	switch found, err := t.find(qRecordForUpdate, key, raw.fields()...); {
	case err != nil:
		return err
	case !found:
		return meta.ErrNoRecord
	}
	return may(raw.record())
}
