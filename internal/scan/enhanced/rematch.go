package enhanced

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

const (
	// changesAtATime bounds the advisory changes that are judged together, and
	// componentsAtATime those that are asked for and judged at a time.
	changesAtATime    = 500
	componentsAtATime = 500
	// problemChangesAtATime bounds what is settled between two looks at what has
	// changed meanwhile.
	problemChangesAtATime = 1000
)

// Changes tells which advisories have changed.
type Changes interface {
	Changes(ctx context.Context, after int64, limit int) ([]advisory.Change, error)
	DropChanges(ctx context.Context, upTo int64) error
}

// Affected is where a follower looks for what changes are about.
type Affected interface {
	ComponentsNamed(ctx context.Context, releases []string, name string, after int64, limit int) ([]meta.IndexedComponent, error)
	Releases(ctx context.Context) ([]string, error)
	ListCoverage(ctx context.Context, account string, q meta.CoverageQuery) ([]finding.Coverage, error)
	CountAffected(ctx context.Context, components []int64) (int, error)
	ListFindings(ctx context.Context, account string, q meta.FindingQuery) ([]finding.State, error)
}

// ProblemQueue keeps which problems have changed until all findings follow.
type ProblemQueue interface {
	Problems
	ProblemChanges(ctx context.Context, limit int) ([]meta.ProblemChange, error)
	SettleProblemChanges(ctx context.Context, all []meta.ProblemChange) error
	Enqueue(ctx context.Context, jobs ...job.Job) error
}

// Observer is told how following the advisories goes on.
type Observer interface {
	// Judged tells how many changed advisories were judged, how many images they
	// affect, and how long it took to know that.
	Judged(changes, images int, took time.Duration)
	// Settled tells of how many images findings were settled.
	Settled(images int, took time.Duration)
}

// Follower has findings follow the advisories. What changes costs as much as it
// affects, whatever else there is. A process that is killed loses nothing: changes
// are forgotten when all that follows from them is stored.
type Follower struct {
	*Settler
	Changes  Changes
	Affected Affected
	Queue    ProblemQueue
	Judge    Judge
	// Accounts lists all accounts.
	Accounts func(ctx context.Context) ([]string, error)
	Observer Observer
	Logger   *slog.Logger

	turn sync.Mutex // held while one follows
}

// Handle does a RematchJob: it judges what has changed, then settles images, in
// slices between which others have their turn.
func (f *Follower) Handle(ctx context.Context, _ job.Job) error {
	if !f.turn.TryLock() {
		return nil // whoever has the turn goes on as long as there is something
	}
	defer f.turn.Unlock()
	for until := time.Now().Add(slice); ; {
		// What is new comes first: all changes are known before any is written out.
		judged, err := f.judgeChanges(ctx)
		if err != nil {
			return err
		}
		more := judged
		if !judged {
			if more, err = f.settleChanges(ctx, until); err != nil {
				return err
			}
		}
		switch {
		case !more:
			return nil
		case time.Now().After(until):
			return f.Queue.Enqueue(ctx, NewRematchJob(f.Now()))
		}
	}
}

// judgeChanges judges again what some changes are about; false says that there are
// none.
func (f *Follower) judgeChanges(ctx context.Context) (bool, error) {
	changes, err := f.Changes.Changes(ctx, 0, changesAtATime)
	if err != nil || len(changes) == 0 {
		return false, err
	}
	begin := time.Now()
	releases, err := f.Affected.Releases(ctx)
	if err != nil {
		return false, err
	}
	j := rejudging{Follower: f, known: releases, byRelease: map[string][]meta.IndexedComponent{}}
	if err := j.run(ctx, changes); err != nil {
		return false, err
	}
	images, err := f.countAffected(ctx, j.queued)
	if err != nil {
		return false, err
	}
	took := time.Since(begin)
	f.Observer.Judged(len(changes), images, took)
	if j.judged > 0 {
		f.Logger.InfoContext(ctx, "advisories have changed", "changes", len(changes), "components", j.judged, "problems", j.queued, "images", images, "took", took)
	}
	return true, f.Changes.DropChanges(ctx, changes[len(changes)-1].Seq)
}

// countAffected counts the images that hold components whose problems have changed.
func (f *Follower) countAffected(ctx context.Context, queued int) (int, error) {
	if queued == 0 {
		return 0, nil
	}
	changes, err := f.Queue.ProblemChanges(ctx, problemChangesAtATime)
	if err != nil {
		return 0, err
	}
	var components []int64
	for _, c := range changes {
		components = append(components, c.Component)
	}
	slices.Sort(components)
	return f.Affected.CountAffected(ctx, slices.Compact(components))
}

// rejudging judges the components that changes are about.
type rejudging struct {
	*Follower
	known     []string // releases
	byRelease map[string][]meta.IndexedComponent
	waiting   int // in byRelease
	judged    int
	queued    int
}

func (j *rejudging) run(ctx context.Context, changes []advisory.Change) error {
	var risks []string
	for _, c := range changes {
		switch {
		case advisory.IsRisk(c.Ecosystem):
			risks = append(risks, c.Package)
		case c.Package == advisory.Contents: // which releases an export speaks of is not about a package
		default:
			if err := j.collect(ctx, match.ReleasesOf(c.Ecosystem, j.known), c.Package); err != nil {
				return err
			}
		}
	}
	if err := j.judgeWaiting(ctx); err != nil {
		return err
	}
	return j.settleRisks(ctx, distinct(risks))
}

func (j *rejudging) collect(ctx context.Context, releases []string, name string) error {
	if len(releases) == 0 {
		return nil
	}
	for after := int64(0); ; {
		page, err := j.Affected.ComponentsNamed(ctx, releases, name, after, componentsAtATime)
		if err != nil {
			return err
		}
		for _, c := range page {
			j.byRelease[c.Release] = append(j.byRelease[c.Release], c)
			after = c.ID
		}
		if j.waiting += len(page); j.waiting >= componentsAtATime {
			if err := j.judgeWaiting(ctx); err != nil {
				return err
			}
		}
		if len(page) < componentsAtATime {
			return nil
		}
	}
}

func (j *rejudging) judgeWaiting(ctx context.Context) error {
	for release, components := range j.byRelease {
		n, err := j.judge(ctx, release, components)
		var none *match.NoAdvisoriesError
		if errors.As(err, &none) || errors.Is(err, match.ErrUnknownSystem) {
			continue // they are judged when somebody scans them
		}
		if err != nil {
			return err
		}
		j.queued, j.judged = j.queued+n, j.judged+len(components)
	}
	clear(j.byRelease)
	j.waiting = 0
	return nil
}

func (j *rejudging) judge(ctx context.Context, release string, components []meta.IndexedComponent) (int, error) {
	answer, err := judgeAll(ctx, j.Judge, j.Queue, release, components, false)
	if err != nil {
		return 0, err
	}
	for _, c := range components {
		if !c.Judged {
			if err := j.catchUp(ctx, c, answer.problems[c.Component]); err != nil {
				return answer.queued, err
			}
		}
	}
	return answer.queued, nil
}

// catchUp is about a component whose advisories were missing until now. That is no
// change that anybody has waited for, but images may have for the judgement.
func (j *rejudging) catchUp(ctx context.Context, c meta.IndexedComponent, problems []finding.Problem) error {
	var ids []string
	for _, p := range problems {
		ids = append(ids, p.VulnerabilityID)
	}
	if len(ids) > 0 {
		if err := j.settleHolders(ctx, c.ID, distinct(ids)); err != nil {
			return err
		}
	}
	q := meta.CoverageQuery{Component: c.ID, Reason: finding.ReasonInternalError, Limit: pageSize}
	for {
		page, err := j.Affected.ListCoverage(ctx, "", q)
		if err != nil || len(page) == 0 {
			return err
		}
		var jobs []job.Job
		for _, c := range page {
			jobs = append(jobs, NewScanJob(Target{
				Account: c.Account, Repository: c.Image.Repository, RepositoryID: c.RepositoryID, Digest: c.Image.Digest, Cause: Enrolled, At: j.Now(),
			}))
		}
		if err := j.Queue.Enqueue(ctx, jobs...); err != nil {
			return err
		}
		q.After = page[len(page)-1].ID
	}
}

// settleRisks settles the findings of vulnerabilities of which something else is
// known.
func (f *Follower) settleRisks(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	accounts, err := f.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		for part := range slices.Chunk(ids, pageSize) {
			if err := f.settleVulnerabilities(ctx, account, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Follower) settleVulnerabilities(ctx context.Context, account string, ids []string) error {
	q := meta.FindingQuery{Vulnerabilities: ids, Statuses: []finding.Status{finding.Active, finding.Suppressed}, Limit: pageSize}
	for {
		page, err := f.Affected.ListFindings(ctx, account, q)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := f.settle(ctx, distinctCoverage(page), settlement{purpose: toFollow, vulnerabilities: distinctVulnerabilities(page)}); err != nil {
			return err
		}
		if len(page) < pageSize {
			return nil
		}
		q.After = &page[len(page)-1]
	}
}

// settleChanges settles the images that some changes of problems are about; false
// says that there are none.
func (f *Follower) settleChanges(ctx context.Context, until time.Time) (bool, error) {
	changes, err := f.Queue.ProblemChanges(ctx, problemChangesAtATime)
	if err != nil || len(changes) == 0 {
		return false, err
	}
	s := &stepping{Follower: f, until: until, ids: map[int64]bool{}, changes: map[int64]meta.ProblemChange{}}
	defer func(begin time.Time) { f.Observer.Settled(s.images, time.Since(begin)) }(time.Now())
	// Those of one component that have come equally far go on together.
	type group struct{ component, done int64 }
	var order []group
	byGroup := map[group][]meta.ProblemChange{}
	for _, c := range changes {
		g := group{c.Component, c.Done}
		if len(byGroup[g]) == 0 {
			order = append(order, g)
		}
		byGroup[g] = append(byGroup[g], c)
	}
	for _, g := range order {
		if err := s.add(ctx, g.component, g.done, byGroup[g]); err != nil {
			return true, err
		}
		if time.Now().After(until) {
			break
		}
	}
	return true, s.settle(ctx)
}

// stepping settles images of several components together: advisories mostly affect
// few images each. What is not another than before costs a look.
type stepping struct {
	*Follower
	until   time.Time
	ids     map[int64]bool // coverage
	vulns   []string
	changes map[int64]meta.ProblemChange // by Seq: how far they have come with that
	images  int
}

// add takes the next images that hold a component, as many as fit, and settles
// what has come together when there are enough.
func (s *stepping) add(ctx context.Context, component, done int64, changes []meta.ProblemChange) error {
	for done >= 0 && time.Now().Before(s.until) {
		limit := pageSize - len(s.ids)
		page, err := s.Affected.ListCoverage(ctx, "", meta.CoverageQuery{After: done, Limit: limit, Code: finding.Covered, Component: component})
		if err != nil {
			return err
		}
		for _, c := range page {
			s.ids[c.ID] = true
			done = c.ID
		}
		if len(page) < limit {
			done = -1
		}
		for _, c := range changes {
			c.Done = done
			s.changes[c.Seq] = c
			s.vulns = append(s.vulns, c.VulnerabilityID)
		}
		if len(s.ids) < pageSize {
			continue
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stepping) settle(ctx context.Context) error {
	if len(s.changes) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(s.ids))
	if err := s.Follower.settle(ctx, ids, settlement{purpose: toFollow, vulnerabilities: distinct(s.vulns)}); err != nil {
		return err
	}
	changes := slices.Collect(maps.Values(s.changes))
	if err := s.Queue.SettleProblemChanges(ctx, changes); err != nil {
		return err
	}
	s.images += len(ids)
	clear(s.ids)
	clear(s.changes)
	s.vulns = nil
	return nil
}

// settleHolders settles vulnerabilities of all images that hold a component.
func (f *Follower) settleHolders(ctx context.Context, component int64, ids []string) error {
	q := meta.CoverageQuery{Limit: pageSize, Code: finding.Covered, Component: component}
	for {
		page, err := f.Affected.ListCoverage(ctx, "", q)
		if err != nil || len(page) == 0 {
			return err
		}
		holders := make([]int64, len(page))
		for i, c := range page {
			holders[i] = c.ID
		}
		if err := f.settle(ctx, holders, settlement{purpose: toFollow, vulnerabilities: ids}); err != nil {
			return err
		}
		q.After = holders[len(holders)-1]
	}
}
