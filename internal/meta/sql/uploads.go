package sql

import (
	"context"
	"database/sql"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	uploadColumns = `id, repository_id, size, hash_state, blob_state, last_part, short_part, parts, cancelled, updated_at`

	qUpload       = `SELECT ` + uploadColumns + ` FROM uploads WHERE id = ?`
	insertUpload  = `INSERT INTO uploads (` + uploadColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, {lite:0}{pg:FALSE}, ?)`
	qInsertUpload = insertUpload + ` ON CONFLICT (id) DO UPDATE SET repository_id = excluded.repository_id, size = excluded.size,
		hash_state = excluded.hash_state, blob_state = excluded.blob_state, last_part = excluded.last_part, short_part = excluded.short_part,
		parts = excluded.parts, updated_at = excluded.updated_at WHERE uploads.size = 0 AND NOT uploads.cancelled`
	qAppendUpload = `UPDATE uploads SET size = ?, hash_state = ?, blob_state = ?, last_part = ?, short_part = ?, parts = ?, updated_at = ?
		WHERE id = ? AND size = ? AND NOT cancelled`
	qCancelUpload = `INSERT INTO uploads (` + uploadColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, {lite:1}{pg:TRUE}, ?)
		ON CONFLICT (id) DO UPDATE SET cancelled = excluded.cancelled, updated_at = excluded.updated_at`
	qDeleteUpload = `DELETE FROM uploads WHERE id = ?`
	qStaleUploads = `SELECT ` + uploadColumns + ` FROM uploads WHERE updated_at < ? ORDER BY updated_at, id LIMIT ?`
)

// Upload is part of meta.Uploads.
func (s *Store) Upload(ctx context.Context, id string) (meta.Upload, bool, error) {
	var u meta.Upload
	var updated int64
	found, err := s.read.row(ctx, qUpload, []any{id}, uploadFields(&u, &updated)...)
	if err != nil || !found {
		return meta.Upload{}, false, err
	}
	u.UpdatedAt = fromMicros(updated)
	return u, true, nil
}

func uploadFields(u *meta.Upload, updated *int64) []any {
	return []any{&u.ID, &u.RepositoryID, &u.Offset, &u.HashState, &u.BlobState, &u.LastPart, &u.ShortPart, &u.Parts, &u.Cancelled, updated}
}

// SaveUpload is part of meta.Uploads. A cancelled session is never saved.
func (s *Store) SaveUpload(ctx context.Context, u meta.Upload, previous int64) (bool, error) {
	if !isText(u.ID) {
		return false, registry.InvalidParameter("uploadId", "must be text")
	}
	var saved bool
	err := s.write(ctx, func(t *tx) error {
		var n int64
		var err error
		if previous == 0 {
			n, err = t.exec(qInsertUpload, newUploadRow(u)...)
		} else {
			n, err = t.exec(qAppendUpload, u.Offset, nonNil(u.HashState), nonNil(u.BlobState), u.LastPart, u.ShortPart, u.Parts, micros(u.UpdatedAt), u.ID, previous)
		}
		saved = n == 1
		return err
	})
	return saved && err == nil, err
}

func newUploadRow(u meta.Upload) []any {
	return []any{u.ID, u.RepositoryID, u.Offset, nonNil(u.HashState), nonNil(u.BlobState), u.LastPart, u.ShortPart, u.Parts, micros(u.UpdatedAt)}
}

// DeleteUpload is part of meta.Uploads.
func (s *Store) DeleteUpload(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qDeleteUpload, id)
		return err
	})
}

// CancelUpload is part of meta.Uploads. What a row knows of the blob store is
// newer than what the caller has read and is kept.
func (s *Store) CancelUpload(ctx context.Context, u meta.Upload) error {
	if !isText(u.ID) {
		return registry.InvalidParameter("uploadId", "must be text")
	}
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qCancelUpload, newUploadRow(u)...)
		return err
	})
}

// StaleUploads is part of meta.Garbage.
func (s *Store) StaleUploads(ctx context.Context, before time.Time, limit int) ([]meta.Upload, error) {
	var all []meta.Upload
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var u meta.Upload
		var updated int64
		err := rows.Scan(uploadFields(&u, &updated)...)
		u.UpdatedAt = fromMicros(updated)
		all = append(all, u)
		return err
	}, qStaleUploads, micros(before), max(limit, 0))
	return all, err
}
