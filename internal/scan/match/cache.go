package match

import (
	"container/list"
	"sync"
)

// cacheKey names the compiled advisories of one package. A new import has a new
// generation, so nothing has to be invalidated.
type cacheKey struct {
	release    string
	export     string
	generation int64
	pkg        string
}

// ruleCache keeps the most recently used packages, at most limit rules in all.
// Packages without advisories are kept too and cost as much as one rule.
type ruleCache struct {
	mu    sync.Mutex
	limit int
	size  int
	order *list.List // of *cached, most recent first
	byKey map[cacheKey]*list.Element
}

type cached struct {
	key   cacheKey
	rules []*rule
}

func (c *cached) cost() int { return len(c.rules) + 1 }

func newRuleCache(limit int) *ruleCache {
	return &ruleCache{limit: limit, order: list.New(), byKey: map[cacheKey]*list.Element{}}
}

func (c *ruleCache) get(key cacheKey) ([]*rule, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, found := c.byKey[key]
	if !found {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).rules, true
}

func (c *ruleCache) put(key cacheKey, rules []*rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.byKey[key]; found {
		return
	}
	item := &cached{key, rules}
	if item.cost() > c.limit {
		return
	}
	c.byKey[key] = c.order.PushFront(item)
	c.size += item.cost()
	for c.size > c.limit {
		last := c.order.Back()
		old := last.Value.(*cached)
		c.order.Remove(last)
		delete(c.byKey, old.key)
		c.size -= old.cost()
	}
}
