package service

import (
	"context"
	"sync"
)

// sessionLocks serialises the requests of one process that touch the same
// upload. Between processes the compare-and-set on the session's offset does.
// It also remembers sessions that ended a short while ago, which have no row.
type sessionLocks struct {
	mu    sync.Mutex
	held  map[string]*sessionLock
	ended map[string]struct{}
	order []string // of ended, oldest first, a ring
	next  int
}

type sessionLock struct {
	turn    chan struct{}
	waiting int
}

const rememberEnded = 4096

func newSessionLocks() *sessionLocks {
	return &sessionLocks{held: map[string]*sessionLock{}, ended: map[string]struct{}{}, order: make([]string, rememberEnded)}
}

// lock waits for the session's turn and answers how to give it back.
func (l *sessionLocks) lock(ctx context.Context, id string) (unlock func(), err error) {
	l.mu.Lock()
	one := l.held[id]
	if one == nil {
		one = &sessionLock{turn: make(chan struct{}, 1)}
		l.held[id] = one
	}
	one.waiting++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.waiting--; one.waiting == 0 {
			delete(l.held, id)
		}
	}
	select {
	case one.turn <- struct{}{}:
		return func() { <-one.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// end remembers that a session is over.
func (l *sessionLocks) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.ended[id]; ok {
		return
	}
	delete(l.ended, l.order[l.next])
	l.order[l.next] = id
	l.ended[id] = struct{}{}
	l.next = (l.next + 1) % len(l.order)
}

// hasEnded says whether a session is remembered as over.
func (l *sessionLocks) hasEnded(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.ended[id]
	return ok
}
