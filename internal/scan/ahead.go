package scan

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

const (
	aheadQueue = 256
	// leastLayer is smaller than any archive with a package database.
	leastLayer = 1 << 10
	// decisionAge is how long the answer whether a repository is scanned on
	// push is good enough for work that is only ever early.
	decisionAge  = 5 * time.Second
	maxDecisions = 10_000
)

// Ahead reads layers as soon as they have arrived, so that they are known when
// the manifest comes that needs them. It is only ever early: what it does not
// get to, the scan does itself.
type Ahead struct {
	Indexer *Indexer
	// Wanted says whether images of a repository are scanned on push.
	Wanted func(ctx context.Context, account, repository string) (bool, error)
	Logger *slog.Logger

	queue  chan offered
	cancel context.CancelFunc
	done   sync.WaitGroup
	recent map[string]decision
}

type offered struct {
	account, repository string
	blob                meta.Blob
}

type decision struct {
	wanted bool
	until  time.Time
}

// Start begins to read what is offered.
func (a *Ahead) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.queue = make(chan offered, aheadQueue)
	a.recent = map[string]decision{}
	a.done.Go(func() { a.run(ctx) })
}

// Stop ends the reading, in the middle of a layer if need be.
func (a *Ahead) Stop() {
	if a.cancel != nil {
		a.cancel()
		a.done.Wait()
	}
}

// Offer hands a stored blob over; when there is too much to do it is dropped.
func (a *Ahead) Offer(account, repository string, b meta.Blob) {
	if b.Size < leastLayer || a.queue == nil {
		return
	}
	select {
	case a.queue <- offered{account, repository, b}:
	default:
	}
}

func (a *Ahead) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-a.queue:
			a.read(ctx, o)
		}
	}
}

func (a *Ahead) read(ctx context.Context, o offered) {
	if !a.wanted(ctx, o) {
		return
	}
	_, err := a.Indexer.Read(ctx, o.blob)
	var fault *inventory.Error
	if err != nil && !errors.As(err, &fault) && ctx.Err() == nil {
		a.Logger.Debug("reading a layer ahead of its image", "digest", o.blob.Digest, "error", err)
	}
}

func (a *Ahead) wanted(ctx context.Context, o offered) bool {
	key, now := o.account+"/"+o.repository, time.Now()
	if d, ok := a.recent[key]; ok && now.Before(d.until) {
		return d.wanted
	}
	wanted, err := a.Wanted(ctx, o.account, o.repository)
	if err != nil {
		return false
	}
	if len(a.recent) >= maxDecisions {
		clear(a.recent)
	}
	a.recent[key] = decision{wanted: wanted, until: now.Add(decisionAge)}
	return wanted
}
