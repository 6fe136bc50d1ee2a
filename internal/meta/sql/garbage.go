package sql

import (
	"context"
	"database/sql"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	qUnlinkedBlobs = `SELECT digest, size, key FROM blobs WHERE unlinked_at IS NOT NULL AND unlinked_at < ? ORDER BY unlinked_at LIMIT ?`
	qIdleLinks     = `SELECT l.repository_id, b.digest FROM repository_blobs l JOIN blobs b ON b.id = l.blob_id
		WHERE l.touched_at < ? AND NOT EXISTS (SELECT 1 FROM image_blobs n WHERE n.repository_id = l.repository_id AND n.blob_id = l.blob_id) LIMIT ?`
	qIsIdle = `SELECT b.id FROM blobs b JOIN repository_blobs l ON l.blob_id = b.id WHERE b.digest = ? AND l.repository_id = ? AND l.touched_at < ?
		AND NOT EXISTS (SELECT 1 FROM image_blobs n WHERE n.repository_id = l.repository_id AND n.blob_id = l.blob_id){pg: FOR UPDATE OF b}`
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

// UnlinkIdleBlobs is part of meta.Garbage. The search walks all links, so it is
// made beside the writer; each link is looked at again before it goes.
func (s *Store) UnlinkIdleBlobs(ctx context.Context, before, now time.Time, limit int) (int, error) {
	type idle struct {
		repository int64
		digest     string
	}
	var found []idle
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var l idle
		err := rows.Scan(&l.repository, &l.digest)
		found = append(found, l)
		return err
	}, qIdleLinks, micros(before), max(limit, 0))
	if err != nil {
		return 0, err
	}
	gone := 0
	for _, l := range found {
		var unlinked int64
		err := s.write(ctx, func(t *tx) error {
			unlinked = 0
			var id int64
			still, err := t.find(qIsIdle, []any{l.digest, l.repository, micros(before)}, &id)
			if err != nil || !still {
				return err
			}
			unlinked, err = unlinkBlobs(t, l.repository, []int64{id}, now)
			return err
		})
		if err != nil {
			return gone, err
		}
		gone += int(unlinked)
	}
	return gone, nil
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
