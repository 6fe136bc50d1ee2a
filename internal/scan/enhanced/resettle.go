package enhanced

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// WalkerStore is what a walker needs of the metadata.
type WalkerStore interface {
	Repository(ctx context.Context, account, name string) (*registry.Repository, error)
	ListCoverage(ctx context.Context, account string, q meta.CoverageQuery) ([]finding.Coverage, error)
	Coverage(ctx context.Context, repositoryID int64, digests []string) (map[string]finding.Coverage, error)
	Enqueue(ctx context.Context, jobs ...job.Job) error
}

// Walker goes through the images of an account when something has changed that is
// not about one of them.
type Walker struct {
	*Settler
	Plans Plans
	All   WalkerStore
}

// Resettle does a ResettleJob: it asks again which findings do not count.
func (w *Walker) Resettle(ctx context.Context, j job.Job) error {
	return w.walk(ctx, j, func(walk) (settlement, error) { return settlement{purpose: toSuppress}, nil })
}

// Windows does a WindowsJob: it computes again when images are not looked at any
// more. Those whose time is over by now are left to the keeper.
func (w *Walker) Windows(ctx context.Context, j job.Job) error {
	return w.walk(ctx, j, func(on walk) (settlement, error) {
		plan, err := w.Plans.EnhancedPlan(ctx, on.Account)
		return settlement{purpose: toFollow, become: func(c finding.Coverage, _ time.Time) *finding.Coverage {
			end := plan.Windows.End(c)
			// What is due before, because something was missing, stays due then.
			if c.Code != finding.Covered || c.DueAt.Equal(end) || !c.DueAt.IsZero() && c.DueAt.Before(end) && len(c.Description) > len(textContinuous) {
				return nil
			}
			c.DueAt = end
			return &c
		}}, err
	})
}

// walk settles a page after the other, and lets others have their turn in between.
func (w *Walker) walk(ctx context.Context, j job.Job, how func(walk) (settlement, error)) error {
	on, err := decode[walk](j)
	if err != nil {
		return err
	}
	q := meta.CoverageQuery{After: on.After, Limit: pageSize}
	if on.Repository != "" {
		repo, err := w.All.Repository(ctx, on.Account, on.Repository)
		if isGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		q.RepositoryID = repo.ID
	}
	s, err := how(on)
	if err != nil {
		return err
	}
	if on.Digest != "" {
		known, err := w.All.Coverage(ctx, q.RepositoryID, []string{on.Digest})
		if c, ok := known[on.Digest]; ok && err == nil {
			return w.settle(ctx, []int64{c.ID}, s)
		}
		return err
	}
	for until := time.Now().Add(slice); ; {
		page, err := w.All.ListCoverage(ctx, on.Account, q)
		if err != nil || len(page) == 0 {
			return err
		}
		ids := make([]int64, len(page))
		for i, c := range page {
			ids[i] = c.ID
		}
		if err := w.settle(ctx, ids, s); err != nil {
			return err
		}
		q.After = ids[len(ids)-1]
		if time.Now().After(until) {
			on.After = q.After
			// A name of its own: whoever wants all to be looked at anew must not be
			// put off with the rest of these.
			return w.All.Enqueue(ctx, newJob(j.Kind, on.Account+"/"+on.Repository+"/rest", on, w.Now()))
		}
	}
}
