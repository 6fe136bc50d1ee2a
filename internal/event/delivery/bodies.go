package delivery

import (
	"runtime"
	"sync"
	"weak"
)

// sharedFrom is how large a body must be that targets share.
const sharedFrom = 8 << 10

// bodies has what waits for many targets in memory once: each reads it from the
// store by itself.
type bodies struct {
	mu      sync.Mutex
	byEvent map[int64]weak.Pointer[body]
}

// body is that of an event. It is there for as long as any item has it.
type body struct{ data []byte }

// share answers the body of an event as others have it, nil for a small one.
func (b *bodies) share(event int64, data []byte) *body {
	if len(data) < sharedFrom {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.byEvent[event].Value(); known != nil {
		return known
	}
	made := &body{data: data}
	b.byEvent[event] = weak.Make(made)
	runtime.AddCleanup(made, b.forget, event)
	return made
}

// forget drops an event that nobody has any more, unless somebody has it again.
func (b *bodies) forget(event int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byEvent[event].Value() == nil {
		delete(b.byEvent, event)
	}
}
