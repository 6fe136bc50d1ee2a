package sql

import (
	"context"
	"time"
)

const (
	qPurgeClosed = `DELETE FROM findings WHERE id IN (SELECT id FROM findings WHERE closed_at > 0 AND closed_at < ? ORDER BY closed_at LIMIT ?{pg: FOR UPDATE SKIP LOCKED})`
	qGoneToPurge = `SELECT id FROM coverage WHERE gone_at > 0 AND gone_at < ? ORDER BY gone_at LIMIT ?{pg: FOR UPDATE SKIP LOCKED}`
	qPurgeOfGone = `DELETE FROM findings WHERE id IN (SELECT id FROM findings WHERE coverage_id {in} LIMIT ?)`
	qPurgeGone   = `DELETE FROM coverage WHERE id {in}`
)

// PurgeCoverage is part of meta.Coverages.
func (s *Store) PurgeCoverage(ctx context.Context, goneBefore, closedBefore time.Time, limit int) (int, error) {
	var purged int64
	err := s.write(ctx, func(t *tx) (err error) {
		if purged, err = t.exec(qPurgeClosed, micros(closedBefore), max(limit, 0)); err != nil {
			return err
		}
		n, err := purgeGone(t, goneBefore, max(limit, 0))
		purged += n
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(purged), nil
}

// purgeGone forgets images with their findings. Those of which not all findings
// went in one step wait for the next.
func purgeGone(t *tx, before time.Time, limit int) (int64, error) {
	ids, err := column[int64](t.ctx, t, qGoneToPurge, micros(before), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	findings, err := t.exec(qPurgeOfGone, t.d.intList(ids), limit)
	if err != nil || findings >= int64(limit) {
		return findings, err
	}
	images, err := t.exec(qPurgeGone, t.d.intList(ids))
	return findings + images, err
}
