package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// Uses of keys are recorded in batches, off the hot path, and the same use of a
// key at most once a minute.
const (
	keyUseFlush      = 5 * time.Second
	keyUseGranule    = time.Minute
	keyUseRemembered = 100_000
)

// KeyUsed notes that a request was signed with a long-lived access key. It must
// only be called once the signature was found good, and does not block.
func (s *Service) KeyUsed(id, service, region string) { s.keyUses.record(id, service, region) }

// keyUseRecorder is to keys what pullRecorder is to images.
type keyUseRecorder struct {
	ring meta.KeyRing
	now  func() time.Time
	log  *slog.Logger

	mu       sync.RWMutex
	waiting  map[string]meta.KeyUse
	recorded map[string]meta.KeyUse

	quit chan struct{}
	done chan struct{}
}

func newKeyUseRecorder(ring meta.KeyRing, now func() time.Time, log *slog.Logger) *keyUseRecorder {
	return &keyUseRecorder{ring: ring, now: now, log: log, waiting: map[string]meta.KeyUse{}, recorded: map[string]meta.KeyUse{}}
}

func (k *keyUseRecorder) record(id, service, region string) {
	use := meta.KeyUse{ID: id, At: k.now(), Service: service, Region: region}
	k.mu.RLock()
	last, ok := k.recorded[id]
	k.mu.RUnlock()
	if ok && last.Service == service && last.Region == region && use.At.Sub(last.At) < keyUseGranule {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.recorded) >= keyUseRemembered {
		clear(k.recorded)
	}
	k.recorded[id] = use
	k.waiting[id] = use
}

// flush writes what waits; what could not be written waits on.
func (k *keyUseRecorder) flush(ctx context.Context) error {
	k.mu.Lock()
	batch := k.waiting
	k.waiting = map[string]meta.KeyUse{}
	k.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	uses := make([]meta.KeyUse, 0, len(batch))
	for _, use := range batch {
		uses = append(uses, use)
	}
	err := k.ring.RecordKeyUses(ctx, uses)
	if err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		for id, use := range batch {
			if _, newer := k.waiting[id]; !newer && len(k.waiting) < keyUseRemembered {
				k.waiting[id] = use
			}
		}
	}
	return err
}

func (k *keyUseRecorder) start() {
	k.quit, k.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(k.done)
		tick := time.NewTicker(keyUseFlush)
		defer tick.Stop()
		for {
			select {
			case <-k.quit:
				return
			case <-tick.C:
				if err := k.flush(context.Background()); err != nil {
					k.log.Warn("recording uses of keys", "error", err)
				}
			}
		}
	}()
}

func (k *keyUseRecorder) stop(ctx context.Context) error {
	if k.quit == nil {
		return nil
	}
	close(k.quit)
	<-k.done
	k.quit = nil
	return k.flush(ctx)
}
