package service

import (
	"context"
	"sync"
)

// sessionLocks serialises the requests of one process that touch the same
// upload. Between processes the compare-and-set on the session's offset does.
// It also remembers sessions that nobody has used yet, and those that ended a
// short while ago: neither has a row.
type sessionLocks struct {
	mu    sync.Mutex
	held  map[string]*sessionLock
	fresh map[string]struct{}
	ended map[string]struct{}
	order []string // of ended, oldest first, a ring
	next  int
}

type sessionLock struct {
	turn    chan struct{}
	waiting int
}

const (
	rememberEnded = 4096
	rememberFresh = 65536 // emptied when full: it only saves questions
)

func newSessionLocks() *sessionLocks {
	return &sessionLocks{held: map[string]*sessionLock{}, fresh: map[string]struct{}{}, ended: map[string]struct{}{}, order: make([]string, rememberEnded)}
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

// begin remembers that a session has just been made.
func (l *sessionLocks) begin(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fresh) >= rememberFresh {
		clear(l.fresh)
	}
	l.fresh[id] = struct{}{}
}

// isFresh says whether a session was made here and not used since.
func (l *sessionLocks) isFresh(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.fresh[id]
	return ok
}

// use forgets that a session was fresh.
func (l *sessionLocks) use(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.fresh, id)
}

// end remembers that a session is over.
func (l *sessionLocks) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.fresh, id)
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
