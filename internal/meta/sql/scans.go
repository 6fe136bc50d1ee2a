package sql

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	qImageForScan = `SELECT i.id, i.status, coalesce(s.engine, ''), coalesce(s.requested_at, 0) FROM images i JOIN repositories r ON r.id = i.repository_id
		LEFT JOIN scans s ON s.image_id = i.id WHERE i.repository_id = ? AND i.digest = ? AND r.account IS NOT NULL{pg: FOR NO KEY UPDATE OF i}`
	qRepositoryName = `SELECT coalesce(account, ''), name FROM repositories WHERE id = ?`
	qImageForFinish = `SELECT i.id, i.status, ` + toldOfImage + ` FROM images i WHERE i.repository_id = ? AND i.digest = ?{pg: FOR NO KEY UPDATE}`
	qStartScan      = `INSERT INTO scans (image_id, engine, status, description, requested_at, completed_at, source_updated_at, inventory_id, counts, findings)
		VALUES (?, ?, ?, '', ?, 0, 0, '', '{}', NULL)
		ON CONFLICT (image_id) DO UPDATE SET engine = excluded.engine, status = excluded.status, description = '', requested_at = excluded.requested_at,
			completed_at = 0, source_updated_at = 0, inventory_id = '', counts = '{}', findings = NULL`
	qFinishScan = `UPDATE scans SET engine = ?, status = ?, description = ?, completed_at = ?, source_updated_at = ?, inventory_id = ?, counts = ?, findings = ?
		WHERE image_id = (SELECT id FROM images WHERE repository_id = ? AND digest = ?) AND requested_at = ?`
	qScans = `SELECT i.repository_id, i.digest, s.engine, s.status, s.description, s.requested_at, s.completed_at, s.source_updated_at, s.inventory_id, s.counts
		FROM images i JOIN scans s ON s.image_id = i.id WHERE i.repository_id = ? AND i.digest {in}`
	qScanFindings = `SELECT s.findings FROM images i JOIN scans s ON s.image_id = i.id WHERE i.repository_id = ? AND i.digest = ?`

	qCountScans = `SELECT coalesce(sum(scans), 0){pg:::bigint} FROM scan_counts WHERE account = ? AND bucket > ?`
	qAddScan    = `INSERT INTO scan_counts (account, bucket, shard, scans) VALUES (?, ?, ?, 1)
		ON CONFLICT (account, bucket, shard) DO UPDATE SET scans = scan_counts.scans + 1`
	qPurgeScanCounts = `DELETE FROM scan_counts WHERE bucket < (SELECT max(bucket) FROM scan_counts) - 300`
)

// scanBucket is the grain in which scans are counted: the last 24 hours are
// known up to ten minutes.
const scanBucket = 10 * time.Minute

func bucketOf(t time.Time) int64 { return micros(t) / scanBucket.Microseconds() }

// StartScan is part of meta.Scans.
func (s *Store) StartScan(ctx context.Context, account string, repositoryID int64, digest string, in meta.StartScan, interval time.Duration, perDay int, jobs []job.Job) error {
	return s.write(ctx, func(t *tx) error {
		var image, requested int64
		var engine, status string
		found, err := t.find(qImageForScan, []any{repositoryID, digest}, &image, &status, &engine, &requested)
		if err != nil {
			return err
		}
		if !found || status != string(registry.ImageActive) {
			return noImageToScan(t, repositoryID, digest, found)
		}
		if engine == in.Engine && requested != 0 && in.Now.Sub(fromMicros(requested)) < interval {
			return registry.Errorf(registry.CodeLimitExceeded, "The scan quota per image has been exceeded. Wait and try again.")
		}
		if err := checkScansPerDay(t, account, in.Now, perDay); err != nil {
			return err
		}
		if err := startScan(t, account, image, in); err != nil {
			return err
		}
		return enqueue(t, jobs)
	})
}

func noImageToScan(t *tx, repositoryID int64, digest string, archived bool) error {
	account, name := "", strconv.FormatInt(repositoryID, 10)
	if _, err := t.find(qRepositoryName, []any{repositoryID}, &account, &name); err != nil {
		return err
	}
	if archived {
		return registry.ImageIsArchived(account, name, registry.ImageID{Digest: digest})
	}
	return registry.ImageNotFound(account, name, registry.ImageID{Digest: digest})
}

func checkScansPerDay(t *tx, account string, now time.Time, limit int) error {
	if limit <= 0 {
		return nil
	}
	var scans int64
	if _, err := t.find(qCountScans, []any{account, bucketOf(now.Add(-24 * time.Hour))}, &scans); err != nil {
		return err
	}
	if scans >= int64(limit) {
		return registry.Errorf(registry.CodeLimitExceeded, "The scan quota per registry has been exceeded: %d scans in 24 hours. Wait and try again.", limit)
	}
	return nil
}

// startScan replaces the scan of an image by one that runs.
func startScan(t *tx, account string, image int64, in meta.StartScan) error {
	if _, err := t.exec(qStartScan, image, in.Engine, string(meta.ScanInProgress), micros(in.Now)); err != nil {
		return err
	}
	_, err := t.exec(qAddScan, account, bucketOf(in.Now), rand.IntN(t.d.shards))
	return err
}

// FinishScan is part of meta.Scans.
func (s *Store) FinishScan(ctx context.Context, scan meta.Scan, findings []byte, announce meta.Announce) error {
	return s.write(ctx, func(t *tx) error {
		told, there, err := finishingScan(t, scan, announce != nil)
		if err != nil || !there {
			return err
		}
		n, err := t.exec(qFinishScan, scan.Engine, string(scan.Status), toText(scan.Description), micros(scan.CompletedAt), micros(scan.SourceUpdatedAt),
			scan.InventoryID, encodeCounts(scan.Counts), findings, scan.RepositoryID, scan.Digest, micros(scan.RequestedAt))
		if err != nil || n == 0 {
			return err
		}
		return storeAnnounced(t, announce, told)
	})
}

// finishingScan holds an image of which the end of a scan is to be told, and
// its repository, so that nothing else is told of it meanwhile; it says whether
// they are there.
func finishingScan(t *tx, scan meta.Scan, tell bool) (c meta.Change, there bool, err error) {
	if !tell {
		return c, true, nil
	}
	var account, name, status string
	if there, err = t.find(qRepositoryToShare, []any{scan.RepositoryID}, &account, &name); err != nil || !there {
		return c, false, err
	}
	i := lockedImage{repository: scan.RepositoryID, digest: scan.Digest}
	there, err = t.find(qImageForFinish, []any{scan.RepositoryID, scan.Digest}, append([]any{&i.id, &status}, i.told.fields()...)...)
	if err != nil || !there {
		return c, false, err
	}
	i.status = registry.ImageStatus(status)
	c = i.change(meta.ScanEnded, account, name, nil)
	c.Scan = &scan
	// Not in the question before, which on PostgreSQL may have waited for the
	// image and sees tags as they were when it was asked.
	c.Image.Tags, err = column[string](t.ctx, t, qTagsOfImage, i.id)
	return c, true, err
}

func encodeCounts(counts map[registry.Severity]int) string {
	if len(counts) == 0 {
		return "{}"
	}
	return toJSON(counts)
}

// Scans is part of meta.Scans.
func (s *Store) Scans(ctx context.Context, repositoryID int64, digests []string) (map[string]meta.Scan, error) {
	all := make(map[string]meta.Scan, len(digests))
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		scan, err := readScan(rows)
		all[scan.Digest] = scan
		return err
	}, qScans, repositoryID, s.d.stringList(digests))
	return all, err
}

func readScan(rows *sql.Rows) (meta.Scan, error) {
	var scan meta.Scan
	var requested, completed, updated int64
	var status, counts string
	if err := rows.Scan(&scan.RepositoryID, &scan.Digest, &scan.Engine, &status, &scan.Description, &requested, &completed, &updated, &scan.InventoryID, &counts); err != nil {
		return scan, err
	}
	scan.Status = meta.ScanStatus(status)
	scan.RequestedAt, scan.CompletedAt, scan.SourceUpdatedAt = fromMicros(requested), fromMicros(completed), fromMicros(updated)
	if counts == "{}" {
		return scan, nil
	}
	return scan, fromJSON(counts, &scan.Counts)
}

// ScanFindings is part of meta.Scans.
func (s *Store) ScanFindings(ctx context.Context, repositoryID int64, digest string) ([]byte, error) {
	var findings []byte
	_, err := s.read.row(ctx, qScanFindings, []any{repositoryID, digest}, &findings)
	return findings, err
}

// purgeScanCounts removes counts that no limit looks at any more: those more
// than 24 hours before the newest.
func (s *Store) purgeScanCounts(ctx context.Context) (more bool, err error) {
	return false, s.write(ctx, func(t *tx) error {
		_, err := t.exec(qPurgeScanCounts)
		return err
	})
}
