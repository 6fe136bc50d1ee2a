package sql

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	cachedManifests     = 32 << 10
	cachedManifestBytes = 24 << 20
	cachedManifestMax   = 64 << 10 // a larger one is rare and would displace many
	// cachedManifestExtra is about what an entry costs beside its payload.
	cachedManifestExtra = 400
)

// manifestCache remembers answers of Store.Manifest, the hottest question there
// is, until anything at all has been committed. That is only known where this
// process alone writes, so PostgreSQL has none: there it is nil.
//
// An answer is kept with the number of commits that was read before the
// database was asked. A commit in between makes it stale at once, and one is
// counted before its change is acknowledged: whoever asks after an
// acknowledgement never gets what was true before it.
type manifestCache struct {
	commits atomic.Uint64

	mu    sync.Mutex
	known *simplelru.LRU[manifestKey, knownManifest]
	bytes int
}

type manifestKey struct{ account, repository, name string }

type knownManifest struct {
	manifest *registry.StoredManifest
	commits  uint64
}

func (k knownManifest) size() int { return len(k.manifest.Payload) + cachedManifestExtra }

func newManifestCache() *manifestCache {
	c := &manifestCache{}
	// NewLRU fails for a size below one only.
	known, err := simplelru.NewLRU(cachedManifests, func(_ manifestKey, k knownManifest) { c.bytes -= k.size() })
	if err != nil {
		panic(err)
	}
	c.known = known
	return c
}

// committed makes all that is known stale.
func (c *manifestCache) committed() { c.commits.Add(1) }

// get answers nil when nothing fresh is known, and the number for put.
func (c *manifestCache) get(key manifestKey) (*registry.StoredManifest, uint64) {
	if c == nil {
		return nil, 0
	}
	now := c.commits.Load()
	c.mu.Lock()
	k, ok := c.known.Get(key)
	c.mu.Unlock()
	if !ok || k.commits != now {
		return nil, now
	}
	m := *k.manifest
	return &m, now
}

// put remembers what was read after get had answered that number.
func (c *manifestCache) put(key manifestKey, m *registry.StoredManifest, commits uint64) {
	if c == nil || len(m.Payload) > cachedManifestMax {
		return
	}
	kept := *m
	k := knownManifest{&kept, commits}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Remove(key)
	c.known.Add(key, k)
	for c.bytes += k.size(); c.bytes > cachedManifestBytes; {
		c.known.RemoveOldest()
	}
}
