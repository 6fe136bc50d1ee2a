package awsapi

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/ecru-registry/ecru/internal/origin"
)

// smallBody is read without asking for room; only larger ones share a budget.
const smallBody = 1 << 20

// DefaultBodyBudget is how much of large bodies may be in memory at once.
const DefaultBodyBudget = 96 << 20

// bodies reads request bodies within a budget of memory for all of them. No
// address has more than a share of it: who sends a body is only known once it
// is there.
type bodies struct {
	budget *semaphore.Weighted
	share  int64

	mu      sync.Mutex
	sources map[string]*source // by address, while requests of it want room
}

// source is an address that bodies come from.
type source struct {
	share    *semaphore.Weighted
	requests int
}

func newBodies(size int64) *bodies {
	size = max(size, MaxLimit) // the largest body must fit
	return &bodies{budget: semaphore.NewWeighted(size), share: max(size*2/3, MaxLimit), sources: map[string]*source{}}
}

// room waits for room for a body and answers how to give it back.
func (b *bodies) room(r *http.Request, size int64) (release func(), err error) {
	from := origin.Of(r).IP
	of := b.enter(from)
	if err := of.share.Acquire(r.Context(), size); err != nil {
		b.leave(from)
		return nil, err
	}
	if err := b.budget.Acquire(r.Context(), size); err != nil {
		of.share.Release(size)
		b.leave(from)
		return nil, err
	}
	return func() {
		b.budget.Release(size)
		of.share.Release(size)
		b.leave(from)
	}, nil
}

func (b *bodies) enter(from string) *source {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.sources[from]
	if of == nil {
		of = &source{share: semaphore.NewWeighted(b.share)}
		b.sources[from] = of
	}
	of.requests++
	return of
}

func (b *bodies) leave(from string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.sources[from]
	if of.requests--; of.requests == 0 {
		delete(b.sources, from)
	}
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
		given, err := b.room(r, room)
		if err != nil {
			return nil, hash, release, err
		}
		release = given
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
