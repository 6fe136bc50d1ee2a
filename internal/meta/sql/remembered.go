package sql

import (
	"sync"
	"sync/atomic"

	"github.com/ecru-registry/ecru/internal/registry"
)

// maxRemembered bounds a memory; one that is full is emptied.
const maxRemembered = 10_000

// remembered keeps answers about things that are asked for with every request
// and hardly ever change: repositories and settings. It is only right where
// this process alone writes; elsewhere it is nil and remembers nothing.
//
// An answer is kept with the number of changes that was read before the
// database was asked, and a change is counted before it is acknowledged: who
// asks after an acknowledgement never gets what was true before it.
type remembered[K comparable, V any] struct {
	changes atomic.Uint64

	mu    sync.RWMutex
	known map[K]answerOf[V]
}

type answerOf[V any] struct {
	value   V
	changes uint64
}

func newRemembered[K comparable, V any]() *remembered[K, V] {
	return &remembered[K, V]{known: map[K]answerOf[V]{}}
}

// get answers what is known, and the number for put.
func (m *remembered[K, V]) get(key K) (value V, known bool, changes uint64) {
	if m == nil {
		return value, false, 0
	}
	changes = m.changes.Load()
	m.mu.RLock()
	a, ok := m.known[key]
	m.mu.RUnlock()
	if !ok || a.changes != changes {
		return value, false, changes
	}
	return a.value, true, changes
}

// put remembers what was read after get had answered that number.
func (m *remembered[K, V]) put(key K, value V, changes uint64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxRemembered {
		clear(m.known)
	}
	m.known[key] = answerOf[V]{value, changes}
}

// changed makes all that is known stale. It is called after the change is
// durable and before anybody is told so.
func (m *remembered[K, V]) changed() {
	if m != nil {
		m.changes.Add(1)
	}
}

// nameOf is what repositories and settings are asked for by.
type nameOf struct{ account, name string }

// knownSetting is a setting or the knowledge that there is none.
type knownSetting struct {
	value string
	found bool
}

// memories are what a store that writes alone remembers.
type memories struct {
	repositories *remembered[nameOf, registry.Repository]
	settings     *remembered[nameOf, knownSetting]
}

func newMemories() memories {
	return memories{repositories: newRemembered[nameOf, registry.Repository](), settings: newRemembered[nameOf, knownSetting]()}
}
