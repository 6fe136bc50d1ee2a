package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// pullGranule is how often the pull of an image is recorded at most: ECR
// promises to refresh lastRecordedPullTime once in 24 hours.
const pullGranule = time.Hour

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
	*batch[pulledImage, time.Time]
	now func() time.Time

	// exclusions are what is remembered of who is excluded, and changes how
	// often that was forgotten.
	exclusionsMu sync.Mutex
	exclusions   map[puller]knownExclusion
	changes      uint64
}

func newPullRecorder(store meta.ImageWriter, now func() time.Time, log *slog.Logger) *pullRecorder {
	write := func(ctx context.Context, at map[pulledImage]time.Time) error {
		pulls := make([]meta.Pull, 0, len(at))
		for image, t := range at {
			pulls = append(pulls, meta.Pull{RepositoryID: image.repositoryID, Digest: image.digest, At: t})
		}
		return store.RecordPulls(ctx, pulls)
	}
	return &pullRecorder{batch: newBatch("pulls", log, write), now: now, exclusions: map[puller]knownExclusion{}}
}

// isRecent says whether a pull of an image was recorded so short ago that
// another one makes no difference.
func (p *pullRecorder) isRecent(image pulledImage) bool {
	at, ok := p.last(image)
	return ok && p.now().Sub(at) < pullGranule
}

func (p *pullRecorder) record(image pulledImage) { p.add(image, p.now()) }

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
