package sql

import (
	"sync"
	"sync/atomic"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// A memory is bounded in number and in bytes; one that is full is emptied. What
// is asked for need not exist, and strangers may choose its name.
const (
	maxRemembered      = 10_000
	maxRememberedBytes = 16 << 20
)

// remembered keeps answers about things that are asked for with every request
// and hardly ever change: repositories and settings. It is only right where
// this process alone writes; elsewhere it is nil and remembers nothing.
//
// An answer is kept with the number of changes that was read before the
// database was asked, and a change is counted before it is acknowledged: who
// asks after an acknowledgement never gets what was true before it.
type remembered[K comparable, V any] struct {
	changes atomic.Uint64

	// size is about how many bytes an answer holds on to; nil: hardly any.
	size func(K, V) int

	mu    sync.RWMutex
	known map[K]answerOf[V]
	bytes int
}

type answerOf[V any] struct {
	value   V
	changes uint64
}

func newRemembered[K comparable, V any](size func(K, V) int) *remembered[K, V] {
	return &remembered[K, V]{size: size, known: map[K]answerOf[V]{}}
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
	size := 0
	if m.size != nil {
		size = m.size(key, value)
	}
	if size > maxRememberedBytes/100 {
		return // it would displace many
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// What is replaced is counted until the memory is emptied.
	if m.bytes += size; len(m.known) >= maxRemembered || m.bytes > maxRememberedBytes {
		clear(m.known)
		m.bytes = size
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
	policies     *remembered[nameOf, meta.AccessPolicies]
	records      *remembered[recordKey, knownRecord]
	keys         *remembered[string, meta.AccessKey]
}

func newMemories() memories {
	return memories{
		repositories: newRemembered[nameOf, registry.Repository](nil),
		settings:     newRemembered[nameOf, knownSetting](nil),
		policies: newRemembered(func(k nameOf, p meta.AccessPolicies) int {
			return len(k.name) + len(p.Repository) + len(p.Registry) + 100*len(p.Tags)
		}),
		records: newRemembered(func(k recordKey, r knownRecord) int { return len(k.name) + len(r.record.Body) }),
		keys:    newRemembered[string, meta.AccessKey](nil),
	}
}

// repositoriesChanged forgets what is known about repositories.
func (m *memories) repositoriesChanged() {
	m.repositories.changed()
	m.policies.changed()
}

// settingsChanged forgets what is known about settings.
func (m *memories) settingsChanged() {
	m.settings.changed()
	m.policies.changed()
}
