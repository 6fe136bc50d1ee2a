package sql

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Whoever links a blob holds a key share of its row, whoever takes it away from
// a repository or forgets it holds the row for himself: the last unlinking and
// a new link cannot miss each other.
const (
	qBlob = `SELECT b.size, b.key FROM repositories r JOIN repository_blobs l ON l.repository_id = r.id JOIN blobs b ON b.id = l.blob_id
		WHERE b.digest = ? AND r.account = ? AND r.name = ?`
	qBlobOfID     = `SELECT b.size, b.key FROM blobs b {lite:CROSS }JOIN repository_blobs l ON l.blob_id = b.id WHERE b.digest = ? AND l.repository_id = ?`
	qBlobsPresent = `SELECT b.digest, b.size, b.key FROM blobs b {lite:CROSS }JOIN repository_blobs l ON l.blob_id = b.id WHERE l.repository_id = ? AND b.digest {in}`

	qInsertBlob    = `INSERT INTO blobs (digest, size, key) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING RETURNING id`
	qBlobForLink   = `SELECT id, size, key, unlinked_at FROM blobs WHERE digest = ?{pg: FOR KEY SHARE}`
	qSourceForLink = `SELECT b.id, b.size, b.key, b.unlinked_at FROM blobs b JOIN repository_blobs l ON l.blob_id = b.id
		JOIN repositories r ON r.id = l.repository_id WHERE b.digest = ? AND r.account = ? AND r.name = ?{pg: FOR KEY SHARE OF b, l}`
	qLinkBlob = `INSERT INTO repository_blobs (repository_id, blob_id, touched_at) VALUES (?, ?, ?)
		ON CONFLICT (repository_id, blob_id) DO UPDATE SET touched_at = excluded.touched_at WHERE repository_blobs.touched_at < excluded.touched_at`
	qBlobIsLinked = `UPDATE blobs SET unlinked_at = NULL WHERE id = ?`

	qBlobForUnlink = `SELECT b.id FROM blobs b WHERE b.digest = ? AND EXISTS (SELECT 1 FROM repository_blobs l WHERE l.blob_id = b.id AND l.repository_id = ?){pg: FOR UPDATE}`
	qBlobNeeded    = `SELECT 1 FROM blobs b JOIN image_blobs n ON n.blob_id = b.id WHERE n.repository_id = ? AND b.digest = ? LIMIT 1`
	qNeededBy      = `SELECT i.digest FROM image_blobs n JOIN images i ON i.id = n.image_id WHERE n.repository_id = ? AND n.blob_id = ? LIMIT 100`
)

// BlobNeeded is part of meta.Blobs.
func (s *Store) BlobNeeded(ctx context.Context, account, repository, digest string) (bool, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return false, err
	}
	var one int
	return s.read.row(ctx, qBlobNeeded, []any{id, digest}, &one)
}

// Blob is part of meta.Blobs.
func (s *Store) Blob(ctx context.Context, account, repository, digest string) (meta.Blob, error) {
	if s.repositories == nil {
		return s.blobByName(ctx, account, repository, digest)
	}
	// The repository is remembered, which makes the question a smaller one.
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return meta.Blob{}, err
	}
	b := meta.Blob{Digest: digest}
	found, err := s.read.row(ctx, qBlobOfID, []any{digest, id}, &b.Size, &b.Key)
	if err == nil && !found {
		err = registry.LayerNotFound(account, repository, digest)
	}
	return b, err
}

// blobByName asks for repository and blob at once.
func (s *Store) blobByName(ctx context.Context, account, repository, digest string) (meta.Blob, error) {
	b := meta.Blob{Digest: digest}
	found, err := s.read.row(ctx, qBlob, []any{digest, account, repository}, &b.Size, &b.Key)
	if err != nil || found {
		return b, err
	}
	if _, err := s.repositoryID(ctx, account, repository); err != nil {
		return b, err
	}
	return b, registry.LayerNotFound(account, repository, digest)
}

// BlobsPresent is part of meta.Blobs.
func (s *Store) BlobsPresent(ctx context.Context, account, repository string, digests []string) (map[string]meta.Blob, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return nil, err
	}
	present := make(map[string]meta.Blob, len(digests))
	err = each(ctx, s.read, func(rows *sql.Rows) error {
		var b meta.Blob
		err := rows.Scan(&b.Digest, &b.Size, &b.Key)
		present[b.Digest] = b
		return err
	}, qBlobsPresent, id, s.d.stringList(digests))
	return present, err
}

// CommitBlob is part of meta.Blobs.
func (s *Store) CommitBlob(ctx context.Context, in meta.CommitBlob) (meta.Blob, error) {
	if !isText(in.Digest) || !isText(in.Key) {
		return meta.Blob{}, registry.InvalidParameter("layerDigest", "must be text")
	}
	var stored meta.Blob
	err := s.write(ctx, func(t *tx) error {
		repo, err := sharedRepositoryID(t, in.Account, in.Repository)
		if err != nil {
			return err
		}
		stored = in.Blob
		var id int64
		inserted, err := t.returning(qInsertBlob, []any{in.Digest, in.Size, in.Key}, &id)
		if err != nil {
			return err
		}
		if inserted {
			_, err = t.exec(qLinkBlob, repo, id, micros(in.Now))
		} else {
			err = linkStored(t, repo, &stored, in.Now)
		}
		if err != nil || in.UploadID == "" {
			return err
		}
		_, err = t.exec(qDeleteUpload, in.UploadID)
		return err
	})
	return stored, err
}

// linkStored links a blob that was there before.
func linkStored(t *tx, repository int64, b *meta.Blob, now time.Time) error {
	var id int64
	var unlinked sql.NullInt64
	found, err := t.find(qBlobForLink, []any{b.Digest}, &id, &b.Size, &b.Key, &unlinked)
	if err != nil {
		return err
	}
	if !found {
		return errRetry // forgotten since the insertion met it
	}
	return link(t, repository, id, unlinked.Valid, now)
}

func link(t *tx, repository, blob int64, wasUnlinked bool, now time.Time) error {
	if wasUnlinked {
		if _, err := t.exec(qBlobIsLinked, blob); err != nil {
			return err
		}
	}
	_, err := t.exec(qLinkBlob, repository, blob, micros(now))
	return err
}

// MountBlob is part of meta.Blobs.
func (s *Store) MountBlob(ctx context.Context, account, from, to, digest string, now time.Time) (meta.Blob, bool, error) {
	var b meta.Blob
	var mounted bool
	err := s.write(ctx, func(t *tx) error {
		target, err := sharedRepositoryID(t, account, to)
		if err != nil {
			return err
		}
		b = meta.Blob{Digest: digest}
		var id int64
		var unlinked sql.NullInt64
		mounted, err = t.find(qSourceForLink, []any{digest, account, from}, &id, &b.Size, &b.Key, &unlinked)
		if err != nil || !mounted {
			return err
		}
		return link(t, target, id, unlinked.Valid, now)
	})
	if err != nil || !mounted {
		return meta.Blob{}, false, err
	}
	return b, true, nil
}

// UnlinkBlob is part of meta.Blobs.
func (s *Store) UnlinkBlob(ctx context.Context, account, repository, digest string, now time.Time) error {
	return s.write(ctx, func(t *tx) error {
		repo, err := sharedRepositoryID(t, account, repository)
		if err != nil {
			return err
		}
		var id int64
		found, err := t.find(qBlobForUnlink, []any{digest, repo}, &id)
		if err != nil {
			return err
		}
		if !found {
			return registry.LayerNotFound(account, repository, digest)
		}
		needed, err := column[string](t.ctx, t, qNeededBy, repo, id)
		if err != nil {
			return err
		}
		if len(needed) > 0 {
			return registry.ImageReferenced(slices.Sorted(slices.Values(needed)))
		}
		n, err := unlinkBlobs(t, repo, []int64{id}, now)
		if err == nil && n == 0 {
			err = errRetry // somebody else was faster
		}
		return err
	})
}
