package sql

import (
	"context"
	"database/sql"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	qUnlinkedBlobs  = `SELECT digest, size, key FROM blobs WHERE unlinked_at IS NOT NULL AND unlinked_at < ? ORDER BY unlinked_at LIMIT ?`
	qBlobForForget  = `SELECT id FROM blobs WHERE digest = ? AND key = ?{pg: FOR UPDATE}`
	qForgetBlob     = `DELETE FROM blobs WHERE id = ? AND NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.blob_id = blobs.id)`
	qForgetLayer    = `DELETE FROM layer_records WHERE digest = ?`
	qKnownBlobKeys  = `SELECT key FROM blobs WHERE key {in}`
	qKnownUploadIDs = `SELECT id FROM uploads WHERE id {in}`
)

// UnlinkedBlobs is part of meta.Garbage.
func (s *Store) UnlinkedBlobs(ctx context.Context, before time.Time, limit int) ([]meta.Blob, error) {
	var all []meta.Blob
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var b meta.Blob
		err := rows.Scan(&b.Digest, &b.Size, &b.Key)
		all = append(all, b)
		return err
	}, qUnlinkedBlobs, micros(before), max(limit, 0))
	return all, err
}

// ForgetBlob is part of meta.Garbage. What was read out of the blob goes too.
func (s *Store) ForgetBlob(ctx context.Context, b meta.Blob) (bool, error) {
	var forgotten bool
	err := s.write(ctx, func(t *tx) error {
		forgotten = false
		var id int64
		found, err := t.find(qBlobForForget, []any{b.Digest, b.Key}, &id)
		if err != nil || !found {
			return err
		}
		n, err := t.exec(qForgetBlob, id)
		if err != nil || n == 0 {
			return err
		}
		forgotten = true
		_, err = t.exec(qForgetLayer, b.Digest)
		return err
	})
	return forgotten && err == nil, err
}

// KnownKeys is part of meta.Garbage. An upload that becomes a blob while this
// looks is found as one or the other: uploads are looked at first.
func (s *Store) KnownKeys(ctx context.Context, keys []string) (map[string]bool, error) {
	known := make(map[string]bool, len(keys))
	list := s.d.stringList(keys)
	for _, statement := range []string{qKnownUploadIDs, qKnownBlobKeys} {
		found, err := column[string](ctx, s.read, statement, list)
		if err != nil {
			return nil, err
		}
		for _, key := range found {
			known[key] = true
		}
	}
	return known, nil
}
