package service

import (
	"context"
	"sync"
)

// maxLong is how many requests of one account go through all that it has at a
// time: others wait for their turn, those of other accounts do not.
const maxLong = 2

// longRequests lets the requests of each account that cost much have their turn,
// few at a time.
type longRequests struct {
	mu sync.Mutex
	of map[string]*longQueue
}

type longQueue struct {
	turns   chan struct{}
	holders int // that have, or wait for, a turn
}

// enter waits for a turn of an account; leave gives it back.
func (l *longRequests) enter(ctx context.Context, account string) (leave func(), err error) {
	q := l.join(account)
	select {
	case q.turns <- struct{}{}:
		return func() {
			<-q.turns
			l.part(account, q)
		}, nil
	case <-ctx.Done():
		l.part(account, q)
		return nil, ctx.Err()
	}
}

func (l *longRequests) join(account string) *longQueue {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.of[account]
	if q == nil {
		if l.of == nil {
			l.of = map[string]*longQueue{}
		}
		q = &longQueue{turns: make(chan struct{}, maxLong)}
		l.of[account] = q
	}
	q.holders++
	return q
}

func (l *longRequests) part(account string, q *longQueue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.holders--; q.holders == 0 {
		delete(l.of, account)
	}
}
