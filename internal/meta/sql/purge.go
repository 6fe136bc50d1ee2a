package sql

import (
	"context"
	"sync"
	"time"
)

// purgeStep is how many rows of a table one transaction of the purger removes.
const purgeStep = 500

const (
	// An index goes before its children, and takes its references with it.
	qPurgeImages = `DELETE FROM images WHERE id IN (SELECT i.id FROM images i WHERE i.repository_id = ?
		AND NOT EXISTS (SELECT 1 FROM image_children c WHERE c.child_id = i.id) LIMIT ?)`
	qPurgeLinks   = `DELETE FROM repository_blobs WHERE repository_id = ? AND blob_id IN (SELECT value FROM {unnest})`
	qLinksOf      = `SELECT b.id FROM repository_blobs l JOIN blobs b ON b.id = l.blob_id WHERE l.repository_id = ? ORDER BY l.blob_id LIMIT ?{pg: FOR UPDATE OF b}`
	qNoteUnlinked = `UPDATE blobs SET unlinked_at = ? WHERE id IN (SELECT value FROM {unnest})
		AND NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.blob_id = blobs.id)`
	qPurgeCounts     = `DELETE FROM image_counts WHERE repository_id = ?`
	qPurgeDocuments  = `DELETE FROM repository_documents WHERE repository_id = ?`
	qPurgeRepository = `DELETE FROM repositories WHERE id = ?`

	qDeletedRepository = `SELECT id FROM repositories WHERE account IS NULL ORDER BY id LIMIT 1{pg: FOR UPDATE SKIP LOCKED}`
)

// purgeRepositoryStep removes a part of a deleted repository and says whether
// nothing is left of it. The repository's row is locked.
func purgeRepositoryStep(t *tx, id int64, now time.Time) (finished bool, err error) {
	for removed := int64(0); ; {
		n, err := t.exec(qPurgeImages, id, purgeStep)
		if err != nil {
			return false, err
		}
		if n == 0 {
			break
		}
		if removed += n; removed >= purgeStep {
			return false, nil
		}
	}
	blobs, err := column[int64](t.ctx, t, qLinksOf, id, purgeStep)
	if err != nil {
		return false, err
	}
	if len(blobs) > 0 {
		if _, err := unlinkBlobs(t, id, blobs, now); err != nil || len(blobs) == purgeStep {
			return false, err
		}
	}
	for _, q := range []string{qPurgeCounts, qPurgeDocuments, qPurgeRepository} {
		if _, err := t.exec(q, id); err != nil {
			return false, err
		}
	}
	return true, nil
}

// unlinkBlobs takes blobs, whose rows are locked, away from a repository and
// says how many it had.
func unlinkBlobs(t *tx, repository int64, blobs []int64, now time.Time) (int64, error) {
	list := t.d.intList(blobs)
	n, err := t.exec(qPurgeLinks, repository, list)
	if err != nil {
		return 0, err
	}
	_, err = t.exec(qNoteUnlinked, micros(now), list)
	return n, err
}

// purger removes in the background what is gone already for everybody: the
// content of deleted repositories and replaced advisories.
type purger struct {
	store  *Store
	poke   chan struct{}
	cancel context.CancelFunc
	ended  sync.WaitGroup
	swept  time.Time // when components were looked at last
}

// purgeEvery is how often the purger looks by itself: what another replica or
// a process before this one has left.
const purgeEvery = time.Minute

func startPurger(s *Store) *purger {
	ctx, cancel := context.WithCancel(context.Background())
	p := &purger{store: s, poke: make(chan struct{}, 1), cancel: cancel}
	p.ended.Go(func() { p.loop(ctx) })
	p.wake()
	return p
}

func (p *purger) stop() {
	p.cancel()
	p.ended.Wait()
}

func (p *purger) wake() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

func (p *purger) loop(ctx context.Context) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.poke:
		case <-ticker.C:
		}
		for _, step := range []func(context.Context) (bool, error){p.repositoryStep, p.store.purgeAdvisoriesStep, p.store.purgeScanCounts, p.sweepStep} {
			if err := untilDone(ctx, step); err != nil && ctx.Err() == nil {
				p.store.log.Warn("removing deleted content", "error", err)
			}
		}
	}
}

func untilDone(ctx context.Context, step func(context.Context) (more bool, err error)) error {
	for {
		if more, err := step(ctx); err != nil || !more {
			return err
		}
	}
}

// repositoryStep goes on with a deleted repository and says whether there is
// more to do.
func (p *purger) repositoryStep(ctx context.Context) (more bool, err error) {
	var id int64
	s := p.store
	if found, err := s.read.row(ctx, `SELECT id FROM repositories WHERE account IS NULL ORDER BY id LIMIT 1`, nil, &id); err != nil || !found {
		return false, err
	}
	err = s.write(ctx, func(t *tx) error {
		found, err := t.find(qDeletedRepository, nil, &id)
		more = found
		if err != nil || !found {
			return err
		}
		_, err = purgeRepositoryStep(t, id, time.Now())
		return err
	})
	return more, err
}

// sweepStep forgets components that nothing needs, now and then.
func (p *purger) sweepStep(ctx context.Context) (more bool, err error) {
	now := time.Now()
	if now.Sub(p.swept) < sweepEvery {
		return false, nil
	}
	p.swept = now
	return false, p.store.sweepComponents(ctx, now.Add(-sweepAfter))
}
