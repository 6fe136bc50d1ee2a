package service

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Removal is rows first, bytes later: a repository loses a blob that none of
// its images has needed for a day, a blob that no repository has had for the
// grace time is forgotten in one transaction, then its bytes go. A crash in
// between leaves bytes that no row knows; the orphan sweep finds those.
const (
	sweepEvery  = 10 * time.Minute
	blobGrace   = time.Hour
	idleGrace   = 24 * time.Hour
	idleEvery   = time.Hour
	orphanGrace = 24 * time.Hour
	orphanEvery = 24 * time.Hour
	sweepBatch  = 500
)

// sweeper removes what nothing needs any more.
type sweeper struct {
	s    *Service
	quit context.CancelFunc
	done chan struct{}
}

func newSweeper(s *Service) *sweeper { return &sweeper{s: s} }

func (w *sweeper) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.quit, w.done = cancel, make(chan struct{})
	go func() {
		defer close(w.done)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		lastOrphans, lastIdle := w.s.Now(), w.s.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := w.s.Sweep(ctx)
			if now := w.s.Now(); now.Sub(lastIdle) >= idleEvery {
				lastIdle = now
				err = errors.Join(err, w.s.SweepIdle(ctx), w.s.SweepSecrets(ctx), w.s.SweepReports(ctx))
			}
			if now := w.s.Now(); now.Sub(lastOrphans) >= orphanEvery {
				lastOrphans = now
				err = errors.Join(err, w.s.SweepOrphans(ctx))
			}
			if err != nil && ctx.Err() == nil {
				w.s.Logger.Warn("removing what nothing needs", "error", err)
			}
		}
	}()
}

func (w *sweeper) stop() {
	if w.quit == nil {
		return
	}
	w.quit()
	<-w.done
	w.quit = nil
}

// Sweep removes stale upload sessions and blobs that no repository has had for
// the grace time.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.sweepUploads(ctx), s.sweepBlobs(ctx))
}

// SweepIdle takes blobs away from repositories none of whose images has needed
// them for a day: what deleted images and abandoned pushes leave. Their bytes
// go with Sweep, once no repository has them.
func (s *Service) SweepIdle(ctx context.Context) error {
	for {
		now := s.Now()
		n, err := s.Store.UnlinkIdleBlobs(ctx, now.Add(-idleGrace), now, sweepBatch)
		if err != nil || n == 0 {
			return err
		}
		s.Logger.Info("let go of blobs that no image needs", "count", n)
	}
}

func (s *Service) sweepUploads(ctx context.Context) error {
	for {
		stale, err := s.Store.StaleUploads(ctx, s.Now().Add(-uploadLifetime), sweepBatch)
		if err != nil || len(stale) == 0 {
			return err
		}
		for _, u := range stale {
			if err := s.Content.Abort(ctx, u.ID, blob.State{Size: u.Offset, Backend: u.BlobState}); err != nil {
				return registry.Internal("dropping a stale upload", err)
			}
			if err := s.Store.DeleteUpload(ctx, u.ID); err != nil {
				return err
			}
		}
	}
}

func (s *Service) sweepBlobs(ctx context.Context) error {
	for {
		unlinked, err := s.Store.UnlinkedBlobs(ctx, s.Now().Add(-blobGrace), sweepBatch)
		if err != nil {
			return err
		}
		removed := 0
		for _, b := range unlinked {
			forgotten, err := s.Store.ForgetBlob(ctx, b)
			if err != nil {
				return err
			}
			if !forgotten {
				continue
			}
			removed++
			if err := s.Content.Delete(ctx, b.Key); err != nil {
				return registry.Internal("removing a blob", err)
			}
		}
		if removed == 0 {
			return nil
		}
		s.Logger.Info("removed blobs that no repository has", "count", removed)
	}
}

// SweepOrphans removes bytes that no row knows: what a crash left between the
// two steps of a commit or a removal.
func (s *Service) SweepOrphans(ctx context.Context) error {
	// What is newer than this moment is too young to be an orphan.
	reports, err := s.reportKeys(ctx)
	if err != nil {
		return err
	}
	var batch []blob.Info
	flush := func() error {
		keys := make([]string, len(batch))
		for i, info := range batch {
			keys[i] = info.Key
		}
		known, err := s.Store.KnownKeys(ctx, keys)
		if err != nil {
			return err
		}
		for _, info := range batch {
			if known[info.Key] || reports[info.Key] {
				continue
			}
			err := s.removeOrphan(ctx, info)
			if err != nil {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	err = s.Content.List(ctx, func(info blob.Info) error {
		if s.Now().Sub(info.ModTime) < orphanGrace {
			return nil
		}
		if batch = append(batch, info); len(batch) < sweepBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func (s *Service) removeOrphan(ctx context.Context, info blob.Info) error {
	s.Logger.Info("removing bytes that nothing knows", "key", info.Key, "size", info.Size)
	if info.Committed {
		return s.Content.Delete(ctx, info.Key)
	}
	return s.Content.Abort(ctx, info.Key, blob.State{Size: info.Size})
}
