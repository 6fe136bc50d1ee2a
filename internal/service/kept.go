package service

import (
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
)

// kept remembers what texts were made into, the ones used last: so many of
// them, and of texts that are so long together. What a text is made into may
// take thirty times its room, and strangers write these texts.
type kept[K comparable, V any] struct {
	cache *lru.Cache[K, V]
	size  func(K) int
	most  int64
	held  atomic.Int64
}

func newKept[K comparable, V any](entries int, most int64, size func(K) int) *kept[K, V] {
	k := &kept[K, V]{size: size, most: most}
	// It fails for a size below one only.
	cache, err := lru.NewWithEvict(entries, func(key K, _ V) { k.held.Add(-int64(size(key))) })
	if err != nil {
		panic(err)
	}
	k.cache = cache
	return k
}

// Get answers what is remembered.
func (k *kept[K, V]) Get(key K) (V, bool) { return k.cache.Get(key) }

// Add remembers something, and forgets for it what was not used longest.
func (k *kept[K, V]) Add(key K, value V) {
	if there, _ := k.cache.ContainsOrAdd(key, value); there {
		return
	}
	k.held.Add(int64(k.size(key)))
	for k.held.Load() > k.most {
		if _, _, ok := k.cache.RemoveOldest(); !ok {
			return
		}
	}
}
