// Package job runs durable background work. A job is a row that is written in
// the transaction of the change that wants it, claimed under a lease by one
// process, and retried with growing delays until it succeeds or is buried.
//
// The package knows nothing of what jobs do: handlers are registered by kind.
// It must not import a store; Queue is the port that one implements.
package job

import (
	"context"
	"time"
)

// Job is one piece of work.
type Job struct {
	ID      int64
	Kind    string
	Key     string // jobs of one kind and key are one job until claimed
	Payload []byte
	RunAt   time.Time
	// Attempts counts the claims so far, this one included.
	Attempts int
}

// Queue keeps jobs. Delivery is at least once: a job whose lease runs out is
// claimed again.
type Queue interface {
	// Enqueue stores jobs. A job whose kind and key wait already is dropped.
	Enqueue(ctx context.Context, jobs ...Job) error
	// ClaimJobs takes up to n due jobs, oldest first, and hides them for lease.
	ClaimJobs(ctx context.Context, now time.Time, lease time.Duration, n int) ([]Job, error)
	// ExtendLease hides a claimed job until a later time. It is an error when
	// the job is gone or was claimed by nobody.
	ExtendLease(ctx context.Context, id int64, until time.Time) error
	// CompleteJob removes a job that has been done.
	CompleteJob(ctx context.Context, id int64) error
	// RetryJob makes a claimed job due again at a time, noting why.
	RetryJob(ctx context.Context, id int64, at time.Time, reason string) error
	// BuryJob keeps a job that will not be tried again, noting why.
	BuryJob(ctx context.Context, id int64, reason string) error
}
