package sql

import (
	"math"
	"sync"
	"time"
)

// purgeAgain is how often a purge of events begins at the first one: what
// another process has let go, or what has a time out of order.
const purgeAgain = time.Hour

// purgeMark remembers up to which event everything that is old is held, by dead
// letters mostly, so that the next purge need not look at it again. What lets
// events go says so.
type purgeMark struct {
	one sync.Mutex // held while events are purged

	mu    sync.Mutex
	after int64
	since time.Time
	freed int64 // the lowest that was let go since the purge began
}

func (m *purgeMark) begin(now time.Time) (after int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.since) >= purgeAgain || now.Before(m.since) {
		m.after, m.since = 0, now
	}
	m.freed = math.MaxInt64
	return m.after
}

func (m *purgeMark) end(after int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.after = min(after, m.freed-1)
}

// letGo notes events that a delivery held which is gone. It is called after the
// commit.
func (m *purgeMark) letGo(events []int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range events {
		m.after, m.freed = min(m.after, id-1), min(m.freed, id)
	}
}
