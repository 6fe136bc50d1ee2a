package awsapi

import (
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
type bodies struct{ budget *semaphore.Weighted }

func newBodies(size int64) *bodies {
	if size < MaxLimit {
		size = MaxLimit // the largest body must fit
	}
	return &bodies{budget: semaphore.NewWeighted(size)}
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
		if err := b.budget.Acquire(r.Context(), room); err != nil {
			return nil, hash, release, err
		}
		release = func() { b.budget.Release(room) }
	}
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
		if err == nil && int64(len(body)) > limit {
			err = errTooLarge
		}
	}
	if err != nil {
		return nil, hash, release, err
	}
	return body, sha256.Sum256(body), release, nil
}
