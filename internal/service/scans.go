package service

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/scan/external"
)

func clientText(err error) string {
	var e *registry.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}

// scanOnPush completes a PutImage with the scan that the registry's
// configuration asks for. It is read outside the transaction: a configuration
// that changes in the same moment applies to this push or to the next one.
func (s *Service) scanOnPush(ctx context.Context, put *meta.PutImage) error {
	if !put.Manifest.Scannable() {
		return s.amendOnPush(ctx, put)
	}
	repo, config, err := s.scanningOf(ctx, put.Account, put.Repository)
	if err != nil || !wantsPushes(config, repo) {
		return err
	}
	if config.Type == registry.ScanEnhanced {
		put.Jobs = append(put.Jobs, enhancedJob(repo, put.Digest, enhanced.Pushed, put.Now))
		return nil
	}
	engine, err := s.basicEngine(ctx, put.Account)
	if err != nil {
		return err
	}
	put.Scan = &meta.StartScan{Engine: engine, Now: put.Now}
	put.Jobs = append(put.Jobs, scanJob(put.Account, repo, put.Digest, *put.Scan))
	return nil
}

// pushedAgain has enhanced scanning look at an image that was there when it was
// pushed: its windows begin again.
func (s *Service) pushedAgain(ctx context.Context, put meta.PutImage, result meta.PutImageResult) error {
	var jobs []job.Job
	for _, j := range put.Jobs {
		if put.Manifest.Scannable() && j.Kind == enhanced.ScanJob && !result.Created && !result.Restored {
			jobs = append(jobs, j)
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	return s.enqueue(ctx, jobs...)
}

// ScansOnPush says whether images of a repository are scanned when they are
// pushed. Errors: RepositoryNotFound.
func (s *Service) ScansOnPush(ctx context.Context, account, repository string) (bool, error) {
	repo, config, err := s.scanningOf(ctx, account, repository)
	return err == nil && wantsPushes(config, repo), err
}

// scanningOf answers a repository and how its registry scans.
// Errors: RepositoryNotFound.
func (s *Service) scanningOf(ctx context.Context, account, repository string) (*registry.Repository, registry.ScanningConfiguration, error) {
	repo, err := s.Store.Repository(ctx, account, repository)
	if err != nil {
		return nil, registry.ScanningConfiguration{}, err
	}
	config, err := s.scanningConfiguration(ctx, account)
	return repo, config, err
}

// wantsPushes says whether pushes to a repository are scanned.
func wantsPushes(config registry.ScanningConfiguration, repo *registry.Repository) bool {
	frequency, _ := config.FrequencyFor(repo)
	return frequency != registry.ScanManual
}

// tellFrequency says of a repository that is new when its images are scanned,
// where enhanced scanning is on.
func (s *Service) tellFrequency(ctx context.Context, repo *registry.Repository) error {
	config, err := s.scanningConfiguration(ctx, repo.Account)
	if err != nil || config.Type != registry.ScanEnhanced {
		return err
	}
	frequency, _ := config.FrequencyFor(repo)
	origin := event.Origin{Scope: registry.Scope{Account: repo.Account, Region: s.Default.Region}, At: s.Now()}
	told := event.ScanFrequencyChanged(origin, []event.FrequencyChange{{Repository: repo.Name, Frequency: frequency}})
	err = s.Store.AppendEvents(ctx, []meta.Event{{Account: repo.Account, At: origin.At, Body: told.Encode()}})
	if err == nil {
		s.EventsStored()
	}
	return err
}

func enhancedJob(repo *registry.Repository, digest string, cause enhanced.Cause, now time.Time) job.Job {
	return enhanced.NewScanJob(enhanced.Target{
		Account: repo.Account, Repository: repo.Name, RepositoryID: repo.ID, Digest: digest, Cause: cause, At: now,
	})
}

func scanJob(account string, repo *registry.Repository, digest string, start meta.StartScan) job.Job {
	t := scan.Target{
		Account: account, Repository: repo.Name, RepositoryID: repo.ID, Digest: digest,
		Engine: start.Engine, RequestedAt: start.Now,
	}
	if _, is := external.ScannerOf(t.Engine); is {
		return external.NewJob(t)
	}
	return scan.NewJob(t)
}

// StartImageScan asks for a scan of an image and answers the image's id as it
// was found. Errors: RepositoryNotFound, Validation (ENHANCED), ImageNotFound,
// ImageArchived, UnsupportedImageType, LimitExceeded.
func (s *Service) StartImageScan(ctx context.Context, c Caller, repository string, id registry.ImageID) (registry.ImageID, error) {
	scope, err := s.allowOn(ctx, c, "ecr:StartImageScan", repository)
	if err != nil {
		return id, err
	}
	repo, err := s.Store.Repository(ctx, scope.Account, repository)
	if err != nil {
		return id, err
	}
	if err := s.basicOnly(ctx, scope.Account); err != nil {
		return id, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return id, err
	}
	if image.Status != registry.ImageActive {
		return id, registry.ImageIsArchived(scope.Account, repository, id)
	}
	digests, err := s.scannedFor(ctx, scope, repository, image)
	if err != nil {
		return id, err
	}
	return registry.ImageID{Digest: image.Digest, Tag: id.Tag}, s.startScans(ctx, repo, digests)
}

// basicOnly refuses what there is only under basic scanning.
func (s *Service) basicOnly(ctx context.Context, account string) error {
	config, err := s.scanningConfiguration(ctx, account)
	if err == nil && config.Type != registry.ScanBasic {
		return registry.FeatureDisabled()
	}
	return err
}

// scannedFor answers what is scanned where an image is to be: itself, or the
// images of an index. Errors: UnsupportedImageType.
func (s *Service) scannedFor(ctx context.Context, scope registry.Scope, repository string, image *registry.Image) ([]string, error) {
	if image.Scannable() {
		return []string{image.Digest}, nil
	}
	children, err := s.childrenOf(ctx, scope, repository, image)
	if err != nil {
		return nil, err
	}
	if len(children) == 0 {
		return nil, unsupportedImageType(notScannable(image))
	}
	digests := make([]string, len(children))
	for i, c := range children {
		digests[i] = c.Digest
	}
	return digests, nil
}

// notScannable is the media type that makes an image one that scanners do not
// read.
func notScannable(image *registry.Image) string {
	if image.MediaType == registry.MediaTypeOCIManifest || image.MediaType == registry.MediaTypeDockerManifest {
		return image.ArtifactType
	}
	return image.MediaType
}

// startScans begins scans, of which some may be over the quota if not all are.
func (s *Service) startScans(ctx context.Context, repo *registry.Repository, digests []string) error {
	var limited error
	started := 0
	for _, digest := range digests {
		err := s.startScan(ctx, repo, digest)
		switch {
		case err == nil:
			started++
		case registry.CodeOf(err) == registry.CodeLimitExceeded:
			limited = err
		default:
			return err
		}
	}
	if started > 0 {
		return nil
	}
	return limited
}

// startScan begins a basic scan within the quotas. Errors: LimitExceeded.
func (s *Service) startScan(ctx context.Context, repo *registry.Repository, digest string) error {
	engine, err := s.basicEngine(ctx, repo.Account)
	if err != nil {
		return err
	}
	start := meta.StartScan{Engine: engine, Now: s.Now()}
	err = s.Store.StartScan(ctx, repo.Account, repo.ID, digest, start, s.Limits.ScanInterval, s.Limits.ScansPerDay,
		[]job.Job{scanJob(repo.Account, repo, digest, start)})
	if err == nil {
		s.Wake()
	}
	return err
}

func unsupportedImageType(mediaType string) error {
	return registry.Errorf(registry.CodeUnsupportedImageType, "An artifact with media type '%s' cannot be scanned. For more information, see the Amazon ECR documentation.", mediaType)
}

func (s *Service) oneImage(ctx context.Context, scope registry.Scope, repository string, id registry.ImageID) (*registry.Image, error) {
	found, err := s.Store.Images(ctx, scope.Account, repository, []registry.ImageID{id})
	if err != nil {
		return nil, err
	}
	if found[0] == nil {
		return nil, registry.ImageNotFound(scope.Account, repository, id)
	}
	return found[0], nil
}
