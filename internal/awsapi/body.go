package awsapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"

	"golang.org/x/sync/semaphore"
)

// smallBody is read without asking for room; only larger ones share a budget.
const smallBody = 1 << 20

// DefaultBodyBudget is how much of large bodies may be in memory at once.
const DefaultBodyBudget = 96 << 20

// bodies reads request bodies within a budget of memory for all of them.
type bodies struct {
	budget *semaphore.Weighted
	size   int64
}

func newBodies(size int64) *bodies {
	if size < MaxLimit {
		size = MaxLimit // the largest body must fit
	}
	return &bodies{budget: semaphore.NewWeighted(size), size: size}
}

// errTooLarge is a body above the limit of its operation.
var errTooLarge = errors.New("body too large")

// read answers the body of r, up to limit bytes, and its hash. Release gives
// its room back when the body is no longer used; it is never nil.
func (b *bodies) read(r *http.Request, limit int64) (body []byte, hash [sha256.Size]byte, release func(), err error) {
	release = func() {}
	if r.ContentLength > limit {
		return nil, hash, release, errTooLarge
	}
	room := limit
	if r.ContentLength >= 0 {
		room = r.ContentLength
	}
	if room > smallBody {
		if err := b.acquire(r.Context(), room); err != nil {
			return nil, hash, release, err
		}
		release = func() { b.budget.Release(room) }
	}
	h := sha256.New()
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		// One more than announced, so that reading the end needs no growth.
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := io.Copy(io.MultiWriter(&buf, h), io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
	case n > limit:
		err = errTooLarge
	case r.ContentLength >= 0 && n != r.ContentLength:
		err = io.ErrUnexpectedEOF
	}
	h.Sum(hash[:0])
	return buf.Bytes(), hash, release, err
}

func (b *bodies) acquire(ctx context.Context, n int64) error { return b.budget.Acquire(ctx, n) }
