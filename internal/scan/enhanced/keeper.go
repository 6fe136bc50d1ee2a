package enhanced

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	// sweepEvery is how soon it is noticed that an image was deleted or archived.
	sweepEvery = 5 * time.Second
	purgeEvery = time.Hour
	// pageSize is how many images are settled in a transaction.
	pageSize = 100
	// goneKept and closedKept are how long findings are kept: of images that are
	// gone, and those that were closed.
	goneKept   = 3 * 24 * time.Hour
	closedKept = 30 * 24 * time.Hour
	purgeBatch = 500

	keeperLease = "enhanced-keeper"
	leaseFor    = time.Minute
)

// KeeperStore is what a keeper needs of the metadata.
type KeeperStore interface {
	ListCoverage(ctx context.Context, account string, q meta.CoverageQuery) ([]finding.Coverage, error)
	PurgeCoverage(ctx context.Context, goneBefore, closedBefore time.Time, limit int) (int, error)
	Enqueue(ctx context.Context, jobs ...job.Job) error
	meta.Leases
}

// NewKeeper completes a keeper; Start begins its work.
func NewKeeper(k *Keeper) *Keeper {
	k.woken = make(chan struct{}, 1)
	return k
}

// Keeper looks at images when their time has come: at the end of a window, after
// they were deleted or archived, and again where advisories were missing. One
// process at a time does.
type Keeper struct {
	*Settler
	Plans   Plans
	Kept    KeeperStore
	Changes Changes
	Queue   ProblemQueue
	// Owner names the process.
	Owner string
	// Wake is called after jobs were stored.
	Wake   func()
	Logger *slog.Logger

	cancel context.CancelFunc
	done   sync.WaitGroup
	woken  chan struct{}
	purged time.Time
}

// Changed has the keeper look at once, because advisories may have changed. It
// never waits. Others are noticed soon in any case, also those of another process.
func (k *Keeper) Changed() {
	select {
	case k.woken <- struct{}{}:
	default: // it will look, or is not started
	}
}

// Start begins to look.
func (k *Keeper) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.done.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := k.turn(ctx); err != nil && ctx.Err() == nil {
				k.Logger.Warn("looking after images under enhanced scanning", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-k.woken:
			case <-tick.C:
			}
		}
	})
}

// Stop ends the looking; another process may go on at once.
func (k *Keeper) Stop(ctx context.Context) error {
	if k.cancel == nil {
		return nil
	}
	k.cancel()
	k.done.Wait()
	return k.Kept.DropLease(ctx, keeperLease, k.Owner)
}

func (k *Keeper) turn(ctx context.Context) error {
	now := k.Now()
	mine, err := k.Kept.TakeLease(ctx, keeperLease, k.Owner, now, now.Add(leaseFor))
	if err != nil || !mine {
		return err
	}
	if err := errors.Join(k.follow(ctx), k.Sweep(ctx)); err != nil {
		return err
	}
	if now.Sub(k.purged) < purgeEvery {
		return nil
	}
	k.purged = now
	return k.Purge(ctx)
}

// follow sees to it that changes of the advisories are followed.
func (k *Keeper) follow(ctx context.Context) error {
	changes, err := k.Changes.Changes(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		problems, err := k.Queue.ProblemChanges(ctx, 1)
		if err != nil || len(problems) == 0 {
			return err
		}
	}
	if err := k.Kept.Enqueue(ctx, NewRematchJob(k.Now())); err != nil {
		return err
	}
	k.Wake()
	return nil
}

// Sweep looks at all that is due.
func (k *Keeper) Sweep(ctx context.Context) error {
	plans := map[string]Plan{}
	now := k.Now()
	q := meta.CoverageQuery{DueBefore: now, Limit: pageSize, Gone: true}
	for {
		due, err := k.Kept.ListCoverage(ctx, "", q)
		if err != nil || len(due) == 0 {
			return err
		}
		if err := k.sweep(ctx, due, plans, now); err != nil {
			return err
		}
		if len(due) < pageSize {
			return nil
		}
		q.After = due[len(due)-1].ID
	}
}

func (k *Keeper) sweep(ctx context.Context, due []finding.Coverage, plans map[string]Plan, now time.Time) error {
	var ids []int64
	var jobs []job.Job
	for _, c := range due {
		if _, ok := plans[c.Account]; !ok {
			plan, err := k.Plans.EnhancedPlan(ctx, c.Account)
			if err != nil {
				return err
			}
			plans[c.Account] = plan
		}
		if _, what := plans[c.Account].assess(c, Due, now); what == rescan {
			jobs = append(jobs, NewScanJob(Target{
				Account: c.Account, Repository: c.Image.Repository, RepositoryID: c.RepositoryID, Digest: c.Image.Digest, Cause: Due, At: now,
			}))
		} else {
			ids = append(ids, c.ID)
		}
	}
	if len(jobs) > 0 {
		if err := k.Kept.Enqueue(ctx, jobs...); err != nil {
			return err
		}
		k.Wake()
	}
	return k.settle(ctx, ids, settlement{purpose: toFollow, become: func(c finding.Coverage, now time.Time) *finding.Coverage {
		next, what := plans[c.Account].assess(c, Due, now)
		if what == rescan {
			return nil // it has become so in between: the next sweep sees it
		}
		if what == leave {
			next.DueAt = time.Time{} // somebody has looked
		}
		return &next
	}})
}

// Purge forgets what is kept no longer.
func (k *Keeper) Purge(ctx context.Context) error {
	for {
		now := k.Now()
		n, err := k.Kept.PurgeCoverage(ctx, now.Add(-goneKept), now.Add(-closedKept), purgeBatch)
		if err != nil || n == 0 {
			return err
		}
	}
}
