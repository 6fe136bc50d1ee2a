package sql

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
)

const (
	// A job that waits already stays as it is, but becomes due when the newer
	// one would have been.
	qEnqueue = `INSERT INTO jobs (kind, key, payload, run_at, attempts, state, reason) VALUES (?, ?, ?, ?, 0, 'waiting', '')
		ON CONFLICT (kind, key) WHERE state = 'waiting' DO UPDATE SET run_at = excluded.run_at WHERE jobs.run_at > excluded.run_at`
	qAnyDue = `SELECT 1 FROM jobs WHERE state <> 'buried' AND run_at <= ? LIMIT 1`
	qClaim  = `SELECT id, kind, key, payload, run_at, attempts + 1 FROM jobs WHERE state <> 'buried' AND run_at <= ?
		ORDER BY run_at, id LIMIT ?{pg: FOR UPDATE SKIP LOCKED}`
	qTakeJobs = `UPDATE jobs SET state = 'claimed', run_at = ?, attempts = attempts + 1 WHERE id IN (SELECT value FROM {unnest})`

	qExtendLease = `UPDATE jobs SET run_at = ? WHERE id = ? AND state = 'claimed'`
	// A database that one process holds alone has no other's claims in it.
	qReleaseClaims = `UPDATE jobs SET run_at = 0 WHERE state = 'claimed'`

	qCompleteJob = `DELETE FROM jobs WHERE id = ?`
	// While the job ran another of its name may have begun to wait: then that
	// one is the job, and this one is dropped.
	qDropIfWaiting = `DELETE FROM jobs WHERE id = ? AND state = 'claimed'
		AND EXISTS (SELECT 1 FROM jobs o WHERE o.kind = jobs.kind AND o.key = jobs.key AND o.state = 'waiting')`
	qRetryJob = `UPDATE jobs SET state = 'waiting', run_at = ?, reason = ? WHERE id = ? AND state = 'claimed'`
	qBuryJob  = `UPDATE jobs SET state = 'buried', reason = ? WHERE id = ?`
)

// Enqueue is part of job.Queue.
func (s *Store) Enqueue(ctx context.Context, jobs ...job.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error { return enqueue(t, jobs) })
}

func enqueue(t *tx, jobs []job.Job) error {
	for _, j := range jobs {
		if _, err := t.exec(qEnqueue, j.Kind, j.Key, nonNil(j.Payload), micros(j.RunAt)); err != nil {
			return err
		}
	}
	return nil
}

// ClaimJobs is part of job.Queue. An idle worker costs no transaction.
func (s *Store) ClaimJobs(ctx context.Context, now time.Time, lease time.Duration, n int) ([]job.Job, error) {
	if n <= 0 {
		return nil, ctx.Err()
	}
	var one int
	if due, err := s.read.row(ctx, qAnyDue, []any{micros(now)}, &one); err != nil || !due {
		return nil, err
	}
	var claimed []job.Job
	err := s.write(ctx, func(t *tx) error {
		claimed = claimed[:0]
		err := each(t.ctx, t, func(rows *sql.Rows) error {
			var j job.Job
			var due int64
			err := rows.Scan(&j.ID, &j.Kind, &j.Key, &j.Payload, &due, &j.Attempts)
			j.RunAt = fromMicros(due)
			claimed = append(claimed, j)
			return err
		}, qClaim, micros(now), n)
		if err != nil || len(claimed) == 0 {
			return err
		}
		_, err = t.exec(qTakeJobs, micros(now.Add(lease)), t.d.intList(jobIDs(claimed)))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(claimed, func(a, b job.Job) int { return cmp.Or(a.RunAt.Compare(b.RunAt), cmp.Compare(a.ID, b.ID)) })
	return claimed, nil
}

func jobIDs(jobs []job.Job) []int64 {
	ids := make([]int64, len(jobs))
	for n, j := range jobs {
		ids[n] = j.ID
	}
	return ids
}

// ExtendLease is part of job.Queue.
func (s *Store) ExtendLease(ctx context.Context, id int64, until time.Time) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(qExtendLease, micros(until), id)
		if err == nil && n == 0 {
			err = fmt.Errorf("job %d is not claimed", id)
		}
		return err
	})
}

// CompleteJob is part of job.Queue.
func (s *Store) CompleteJob(ctx context.Context, id int64) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qCompleteJob, id)
		return err
	})
}

// RetryJob is part of job.Queue.
func (s *Store) RetryJob(ctx context.Context, id int64, at time.Time, reason string) error {
	return s.write(ctx, func(t *tx) error {
		if n, err := t.exec(qDropIfWaiting, id); err != nil || n > 0 {
			return err
		}
		_, err := t.exec(qRetryJob, micros(at), toText(reason), id)
		return err
	})
}

// BuryJob is part of job.Queue.
func (s *Store) BuryJob(ctx context.Context, id int64, reason string) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qBuryJob, toText(reason), id)
		return err
	})
}
