package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// Pulls are recorded in batches, off the hot path, and an image at most once
// an hour: ECR promises to refresh lastRecordedPullTime once in 24 hours.
const (
	pullFlush      = 5 * time.Second
	pullGranule    = time.Hour
	pullRemembered = 100_000
)

type pulledImage struct {
	repositoryID int64
	digest       string
}

// exclusionMemory is how long another process's change of the exclusions may
// go unnoticed here; changes of this process are noticed at once.
const (
	exclusionMemory     = time.Minute
	exclusionRemembered = 10_000
)

// puller is a principal that pulls from an account's registry.
type puller struct{ account, arn string }

type knownExclusion struct {
	excluded bool
	until    time.Time
}

type pullRecorder struct {
	store meta.ImageWriter
	now   func() time.Time
	log   *slog.Logger

	// Nearly every pull is of an image that was recorded a moment ago and only
	// reads.
	mu       sync.RWMutex
	waiting  map[pulledImage]time.Time
	recorded map[pulledImage]time.Time

	// exclusions are what is remembered of who is excluded, and changes how
	// often that was forgotten.
	exclusionsMu sync.Mutex
	exclusions   map[puller]knownExclusion
	changes      uint64

	quit chan struct{}
	done chan struct{}
}

func newPullRecorder(store meta.ImageWriter, now func() time.Time, log *slog.Logger) *pullRecorder {
	return &pullRecorder{
		store: store, now: now, log: log,
		waiting: map[pulledImage]time.Time{}, recorded: map[pulledImage]time.Time{}, exclusions: map[puller]knownExclusion{},
	}
}

// isRecent says whether a pull of an image was recorded so short ago that
// another one makes no difference.
func (p *pullRecorder) isRecent(image pulledImage) bool {
	p.mu.RLock()
	at, ok := p.recorded[image]
	p.mu.RUnlock()
	return ok && p.now().Sub(at) < pullGranule
}

func (p *pullRecorder) record(image pulledImage) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.recorded) >= pullRemembered {
		clear(p.recorded)
	}
	p.recorded[image] = now
	p.waiting[image] = now
}

// isExcluded answers whether a principal is excluded, whether that is known, and
// the number for learnExclusion.
func (p *pullRecorder) isExcluded(who puller) (excluded, known bool, changes uint64) {
	p.exclusionsMu.Lock()
	defer p.exclusionsMu.Unlock()
	k, ok := p.exclusions[who]
	return k.excluded, ok && p.now().Before(k.until), p.changes
}

// learnExclusion remembers what was read after isExcluded had answered that
// number.
func (p *pullRecorder) learnExclusion(who puller, excluded bool, changes uint64) {
	p.exclusionsMu.Lock()
	defer p.exclusionsMu.Unlock()
	if changes != p.changes {
		return
	}
	if len(p.exclusions) >= exclusionRemembered {
		clear(p.exclusions)
	}
	p.exclusions[who] = knownExclusion{excluded, p.now().Add(exclusionMemory)}
}

// forgetExclusions is called when they have changed.
func (p *pullRecorder) forgetExclusions() {
	p.exclusionsMu.Lock()
	defer p.exclusionsMu.Unlock()
	p.changes++
	clear(p.exclusions)
}

// flush writes what waits; what could not be written waits on.
func (p *pullRecorder) flush(ctx context.Context) error {
	p.mu.Lock()
	batch := p.waiting
	p.waiting = map[pulledImage]time.Time{}
	p.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	pulls := make([]meta.Pull, 0, len(batch))
	for image, at := range batch {
		pulls = append(pulls, meta.Pull{RepositoryID: image.repositoryID, Digest: image.digest, At: at})
	}
	err := p.store.RecordPulls(ctx, pulls)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		for image, at := range batch {
			if _, newer := p.waiting[image]; !newer && len(p.waiting) < pullRemembered {
				p.waiting[image] = at
			}
		}
	}
	return err
}

func (p *pullRecorder) start() {
	p.quit, p.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		tick := time.NewTicker(pullFlush)
		defer tick.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-tick.C:
				if err := p.flush(context.Background()); err != nil {
					p.log.Warn("recording pulls", "error", err)
				}
			}
		}
	}()
}

func (p *pullRecorder) stop(ctx context.Context) error {
	if p.quit == nil {
		return nil
	}
	close(p.quit)
	<-p.done
	p.quit = nil
	return p.flush(ctx)
}
