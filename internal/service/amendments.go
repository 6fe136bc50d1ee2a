package service

import (
	"context"
	"sync/atomic"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
)

// amendments makes the jobs by which findings follow what is pushed beside images,
// and what is not there any more: bills of materials and VEX documents.
type amendments struct {
	s          *Service
	account    string
	repository string
	enhanced   bool // nothing else looks beside images
	made       atomic.Bool
}

// amendments reads how an account scans, which is not asked again within the
// transaction.
func (s *Service) amendments(ctx context.Context, account, repository string) (*amendments, error) {
	config, err := s.scanningConfiguration(ctx, account)
	return &amendments{s: s, account: account, repository: repository, enhanced: config.Type == registry.ScanEnhanced}, err
}

// jobs are those of an artifact that came or went.
func (a *amendments) jobs(artifact registry.Image) []job.Job {
	jobs := a.of(artifact.RepositoryID, artifact.SubjectDigest, artifact.ArtifactType)
	if len(jobs) > 0 {
		a.made.Store(true)
	}
	return jobs
}

func (a *amendments) of(repositoryID int64, subject, artifactType string) []job.Job {
	now := a.s.Now()
	switch {
	case !a.enhanced || subject == "":
	case enhanced.BillArtifact(artifactType):
		// A scan asks what is suppressed as well.
		return []job.Job{enhanced.NewScanJob(enhanced.Target{
			Account: a.account, Repository: a.repository, RepositoryID: repositoryID, Digest: subject, Cause: enhanced.Amended, At: now,
		})}
	case vexArtifact(artifactType):
		return []job.Job{enhanced.NewResettleImageJob(a.account, a.repository, subject, now)}
	}
	return nil
}

// wake is called after the transaction.
func (a *amendments) wake(err error) {
	if err == nil && a.made.Load() {
		a.s.Wake()
	}
}

// amendOnPush completes a PutImage of what is no image with the jobs that bring the
// findings of its subject up to date. Errors: RepositoryNotFound.
func (s *Service) amendOnPush(ctx context.Context, put *meta.PutImage) error {
	if put.Manifest.Subject == nil {
		return nil
	}
	a, err := s.amendments(ctx, put.Account, put.Repository)
	if err != nil || !a.enhanced {
		return err
	}
	repo, err := s.Store.Repository(ctx, put.Account, put.Repository)
	if err != nil {
		return err
	}
	put.Jobs = append(put.Jobs, a.of(repo.ID, put.Manifest.Subject.Digest, put.Manifest.ArtifactType)...)
	return nil
}

// amendedBy has the findings of its subject follow an artifact that came to another
// storage class: what is archived says nothing.
func (s *Service) amendedBy(ctx context.Context, account, repository string, artifact *registry.Image) error {
	a, err := s.amendments(ctx, account, repository)
	if err != nil {
		return err
	}
	jobs := a.jobs(*artifact)
	if len(jobs) == 0 {
		return nil
	}
	return s.enqueue(ctx, jobs...)
}
