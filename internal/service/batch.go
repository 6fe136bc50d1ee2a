package service

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Notes that may be late are written in batches, off the hot path.
const (
	batchFlush      = 5 * time.Second
	batchRemembered = 100_000 // notes that wait, and notes that are remembered
)

// batch keeps the newest note about each of many things until it is written. It
// remembers what it has been told: nearly every note says what was noted a
// moment ago, and then only reads.
type batch[K comparable, V any] struct {
	what  string // "pulls", for the log
	write func(ctx context.Context, notes map[K]V) error
	log   *slog.Logger

	mu      sync.RWMutex
	waiting map[K]V
	known   map[K]V

	quit chan struct{}
	done chan struct{}
}

func newBatch[K comparable, V any](what string, log *slog.Logger, write func(context.Context, map[K]V) error) *batch[K, V] {
	return &batch[K, V]{what: what, write: write, log: log, waiting: map[K]V{}, known: map[K]V{}}
}

// last answers the newest note about something.
func (b *batch[K, V]) last(key K) (V, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	v, ok := b.known[key]
	return v, ok
}

// add takes a note.
func (b *batch[K, V]) add(key K, note V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= batchRemembered {
		clear(b.known)
	}
	b.known[key] = note
	b.waiting[key] = note
}

// flush writes what waits; what could not be written waits on.
func (b *batch[K, V]) flush(ctx context.Context) error {
	b.mu.Lock()
	notes := b.waiting
	b.waiting = map[K]V{}
	b.mu.Unlock()
	if len(notes) == 0 {
		return nil
	}
	err := b.write(ctx, notes)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		for key, note := range notes {
			if _, newer := b.waiting[key]; !newer && len(b.waiting) < batchRemembered {
				b.waiting[key] = note
			}
		}
	}
	return err
}

func (b *batch[K, V]) start() {
	b.quit, b.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(b.done)
		tick := time.NewTicker(batchFlush)
		defer tick.Stop()
		for {
			select {
			case <-b.quit:
				return
			case <-tick.C:
				if err := b.flush(context.Background()); err != nil {
					b.log.Warn("recording notes", "of", b.what, "error", err)
				}
			}
		}
	}()
}

// stop ends what start began and writes what waits.
func (b *batch[K, V]) stop(ctx context.Context) error {
	if b.quit == nil {
		return nil
	}
	close(b.quit)
	<-b.done
	b.quit = nil
	return b.flush(ctx)
}
