package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
)

const (
	firstRetry = 250 * time.Millisecond
	mostRetry  = 10 * time.Minute
	// tripAfter failures in a row a target is taken to be down.
	tripAfter  = 5
	firstProbe = 250 * time.Millisecond
	mostProbe  = time.Minute
	// mostPause bounds for how long one answer of a target keeps everything
	// from it; a delivery waits as long as it was told.
	mostPause = 10 * time.Minute
)

// breaker knows whether a target works. While it does not, one message at a
// time tries it, ever more seldom, and what waits is spared.
type breaker struct {
	failures int // in a row
	trips    int // probes of those
	until    time.Time
}

func (b *breaker) open() bool { return b.failures >= tripAfter }

func (b *breaker) works() {
	b.failures, b.trips = 0, 0
}

// failed notes a failure and says whether it was the one that opened the breaker.
func (b *breaker) failed(now time.Time, probe bool, after time.Duration) (opened bool) {
	b.failures++
	opened = b.failures == tripAfter
	switch {
	case opened:
		b.trips = 0
		b.pause(now, half(firstProbe))
	case b.open() && probe:
		b.trips++
		b.pause(now, half(doubled(firstProbe, b.trips, mostProbe)))
	}
	b.pause(now, min(after, mostPause))
	return opened
}

// pause leaves the target alone for at least that long.
func (b *breaker) pause(now time.Time, d time.Duration) {
	if until := now.Add(d); d > 0 && until.After(b.until) {
		b.until = until
	}
}

// doubled is first, doubled n times, but at most most.
func doubled(first time.Duration, n int, most time.Duration) time.Duration {
	d := first
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// half leaves half of a delay to chance.
func half(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// retryDelay is how long a delivery waits that has failed so many times. All of
// it is left to chance, so that what failed together does not come back
// together; only when it has stopped growing less is, since 185 retries are to
// last for a day.
func retryDelay(failures int) time.Duration {
	d := doubled(firstRetry, failures-1, mostRetry)
	if d == mostRetry {
		return d - rand.N(d/3)
	}
	return rand.N(d) + time.Millisecond
}

// policy is how long deliveries to a target are tried.
func policy(t *event.Target) event.RetryPolicy {
	if t != nil && t.Retry != nil {
		return *t.Retry
	}
	return event.RetryPolicy{MaxAge: event.DefaultMaxAge, MaxAttempts: event.DefaultMaxAttempts}
}
