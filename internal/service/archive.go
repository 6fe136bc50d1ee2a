package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
)

// StorageClass is how an image is kept.
type StorageClass string

// The storage classes. What is archived can neither be pulled nor scanned.
const (
	StorageStandard StorageClass = "STANDARD"
	StorageArchive  StorageClass = "ARCHIVE"
)

// RestoreJob is the kind of the jobs that end the restoration of an image.
const RestoreJob = "restore"

// UpdateStorageClass archives an image or begins to restore it, and answers it
// as it is then. Errors: RepositoryNotFound, ImageNotFound,
// ImageStorageClassUpdateNotSupported.
func (s *Service) UpdateStorageClass(ctx context.Context, c Caller, repository string, id registry.ImageID, to StorageClass) (*registry.Image, error) {
	scope, err := s.allowOn(ctx, c, "ecr:UpdateImageStorageClass", repository)
	if err != nil {
		return nil, err
	}
	follow := s.followAfter(s.FollowAfter)
	change := meta.SetStorageClass{Account: scope.Account, Repository: repository, ID: id, Status: registry.ImageArchived, Now: s.Now(), Follow: follow.job}
	if to == StorageStandard {
		image, err := s.oneImage(ctx, scope, repository, id)
		if err != nil || image.Status != registry.ImageArchived {
			return image, err // it is there, or on its way
		}
		change.Status = registry.ImageActivating
		change.Jobs = []job.Job{restoreJob(change, image)}
	}
	image, err := s.setStorageClass(ctx, change)
	follow.wake(err)
	if err != nil {
		return nil, err
	}
	if len(change.Jobs) > 0 {
		s.Wake()
	}
	return &image, s.amendedBy(ctx, scope.Account, repository, &image)
}

// restoration is the payload of a RestoreJob.
type restoration struct {
	Account    string `json:"account"`
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
}

func restoreJob(change meta.SetStorageClass, image *registry.Image) job.Job {
	// Encoding a plain struct of strings cannot fail.
	payload, _ := json.Marshal(restoration{change.Account, change.Repository, image.Digest})
	return job.Job{Kind: RestoreJob, Key: fmt.Sprintf("%d/%s", image.RepositoryID, image.Digest), Payload: payload, RunAt: change.Now}
}

// Restore ends the restoration that a job was made for. All content is where
// it always was, so that there is nothing to wait for; the image counts as
// pushed again from then on.
func (s *Service) Restore(ctx context.Context, j job.Job) error {
	var r restoration
	if err := json.Unmarshal(j.Payload, &r); err != nil {
		return job.Permanent(registry.Internal("reading a job that restores an image", err))
	}
	err := s.restore(ctx, registry.Scope{Account: r.Account, Region: s.Default.Region}, r)
	switch registry.CodeOf(err) {
	case registry.CodeRepositoryNotFound, registry.CodeImageNotFound:
		return nil // deleted in the meantime
	}
	return err
}

func (s *Service) restore(ctx context.Context, scope registry.Scope, r restoration) error {
	id := registry.ImageID{Digest: r.Digest}
	image, err := s.oneImage(ctx, scope, r.Repository, id)
	if err != nil {
		return err
	}
	if image.Status == registry.ImageArchived {
		return nil // again, since
	}
	if image.Status == registry.ImageActivating {
		follow := s.followAfter(0)
		_, err = s.setStorageClass(ctx, meta.SetStorageClass{
			Account: r.Account, Repository: r.Repository, ID: id, Status: registry.ImageActive, Now: s.Now(), Follow: follow.job,
		})
		follow.wake(err)
		if err != nil {
			return err
		}
	}
	// A job that is done twice, because it broke off here, asks for the scan
	// again: the quota of one a day answers that.
	return s.scanRestored(ctx, r, image)
}

// scanRestored scans an image as if it had been pushed, unless it has used up
// its scans of the day.
func (s *Service) scanRestored(ctx context.Context, r restoration, image *registry.Image) error {
	if !image.Scannable() {
		return s.amendedBy(ctx, r.Account, r.Repository, image)
	}
	repo, config, err := s.scanningOf(ctx, r.Account, r.Repository)
	if err != nil || !wantsPushes(config, repo) {
		return err
	}
	if config.Type == registry.ScanEnhanced {
		return s.enqueue(ctx, enhancedJob(repo, image.Digest, enhanced.Restored, s.Now()))
	}
	if err = s.startScan(ctx, repo, image.Digest); registry.CodeOf(err) == registry.CodeLimitExceeded {
		return nil
	}
	return err
}
