package job

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// settleTimeout bounds how long noting an outcome may take. It does not
	// depend on the job's context, which may have ended.
	settleTimeout = 10 * time.Second
	maxReason     = 1000 // bytes of an error that are kept with a job
)

// permanentError marks a failure that another attempt would only repeat.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error of a handler as one that no retry can mend; the job
// is buried. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// settle notes the outcome of a job. If that fails the job's lease runs out and
// the job is done again.
func (r *Runner) settle(ctx context.Context, j Job, failure error) Outcome {
	interrupted := failure != nil && ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	outcome, err := r.note(ctx, j, failure, interrupted)
	log := r.options.Logger.With("kind", j.Kind, "key", j.Key, "attempt", j.Attempts)
	switch outcome {
	case Done:
	case Retried:
		log.Warn("job failed and will be retried", "error", failure)
	case Buried:
		log.Error("job failed for good", "error", failure)
	}
	if err != nil {
		log.Error("noting the outcome of a job", "outcome", outcome, "error", err)
	}
	return outcome
}

func (r *Runner) note(ctx context.Context, j Job, failure error, interrupted bool) (Outcome, error) {
	var permanent permanentError
	switch {
	case failure == nil:
		return Done, r.queue.CompleteJob(ctx, j.ID)
	case errors.As(failure, &permanent):
		return Buried, r.queue.BuryJob(ctx, j.ID, reason(failure))
	case interrupted:
		return Retried, r.queue.RetryJob(ctx, j.ID, r.options.Now(), "interrupted by a stop")
	case j.Attempts >= r.options.MaxAttempts:
		return Buried, r.queue.BuryJob(ctx, j.ID, reason(failure))
	default:
		at := r.options.Now().Add(r.delay(j.Attempts))
		return Retried, r.queue.RetryJob(ctx, j.ID, at, reason(failure))
	}
}

// delay doubles with each attempt. Half of it is left to chance, so that jobs
// that failed together do not come back together.
func (r *Runner) delay(attempts int) time.Duration {
	d := r.options.Backoff
	for i := 1; i < attempts && d < r.options.MaxBackoff; i++ {
		d *= 2
	}
	d = min(d, r.options.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// reason is the text of an error as it can be stored.
func reason(err error) string {
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "\uFFFD")
	if len(text) <= maxReason {
		return text
	}
	text = text[:maxReason]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}
