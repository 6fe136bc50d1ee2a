package service

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// FollowJob is the kind of the jobs that have reference artifacts (signatures,
// bills of materials) follow an image that was deleted, archived or restored.
const FollowJob = "follow-subject"

const (
	// DefaultFollowAfter leaves a client that replaces an image by itself the
	// time to do so. ECR promises no more than 24 hours.
	DefaultFollowAfter = time.Hour
	// followAgain is how often referrers are looked at again that could not
	// follow, because an index needs them.
	followAgain = 4 * time.Hour
	// followStep bounds one transaction.
	followStep = 100
)

// followed is the payload of a FollowJob. What became of the subject is not in
// it: the job does what is right when it runs.
type followed struct {
	RepositoryID int64     `json:"repositoryId"`
	Subject      string    `json:"subject"`
	At           time.Time `json:"at"` // of the change that made the job
}

// followMaker makes FollowJobs that become due a time after their change.
type followMaker struct {
	s     *Service
	after time.Duration
	made  atomic.Bool
}

func (s *Service) followAfter(after time.Duration) *followMaker {
	return &followMaker{s: s, after: after}
}

// job is a meta.FollowJob. The clock is read within the transaction, so that no
// referrer that was pushed before it looks newer.
func (f *followMaker) job(repositoryID int64, subject string) job.Job {
	f.made.Store(true)
	now := f.s.Now()
	return followJob(followed{repositoryID, subject, now}, now.Add(f.after))
}

func followJob(f followed, at time.Time) job.Job {
	// Encoding a plain struct cannot fail.
	payload, _ := json.Marshal(f)
	return job.Job{Kind: FollowJob, Key: fmt.Sprintf("%d/%s", f.RepositoryID, f.Subject), Payload: payload, RunAt: at}
}

// wake announces a job that is due already. It is called after the transaction.
func (f *followMaker) wake(err error) {
	if err == nil && f.after <= 0 && f.made.Load() {
		f.s.Wake()
	}
}

// Follow does for the referrers of an image what became of it: they are
// deleted, archived or restored. Their own referrers get jobs of their own.
// What an index needs stays, and is looked at again later.
func (s *Service) Follow(ctx context.Context, j job.Job) error {
	var f followed
	if err := json.Unmarshal(j.Payload, &f); err != nil {
		return job.Permanent(registry.Internal("reading a job that has referrers follow", err))
	}
	for {
		round, err := s.followRound(ctx, f)
		if err != nil || round.Held == 0 {
			return err
		}
		// What went may have been what held others back.
		if round.Changed == 0 {
			return s.Store.Enqueue(ctx, followJob(f, s.Now().Add(max(followAgain, s.FollowAfter))))
		}
	}
}

// followRound looks at all referrers once, in steps between which others write.
func (s *Service) followRound(ctx context.Context, f followed) (all meta.Followed, err error) {
	follow, announce := s.followAfter(0), s.announcer() // they have waited with the subject
	defer func() { follow.wake(err) }()
	in := meta.FollowSubject{RepositoryID: f.RepositoryID, Subject: f.Subject, At: f.At, Limit: followStep, Follow: follow.job, Announce: announce.tell}
	for {
		in.Now = s.Now()
		step, err := s.Store.FollowSubject(ctx, in)
		announce.wake(err)
		if err != nil {
			return all, err
		}
		all.Changed, all.Held = all.Changed+step.Changed, all.Held+step.Held
		if step.Next == "" {
			break
		}
		in.After = step.Next
	}
	if all.Changed > 0 {
		s.Logger.Info("referrers followed their subject", "repository", f.RepositoryID, "subject", f.Subject, "count", all.Changed, "held", all.Held)
	}
	return all, nil
}
