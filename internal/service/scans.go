package service

import (
	"context"
	"errors"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/match"
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
		return nil
	}
	repo, wanted, err := s.onPush(ctx, put.Account, put.Repository)
	if err != nil || !wanted {
		return err
	}
	engine, err := s.setting(ctx, put.Account, registry.SettingBasicScanVersion)
	if err != nil {
		return err
	}
	put.Scan = &meta.StartScan{Engine: engine, Now: put.Now}
	put.Jobs = append(put.Jobs, scanJob(put.Account, repo, put.Digest, *put.Scan))
	return nil
}

// ScansOnPush says whether images of a repository are scanned when they are
// pushed. Errors: RepositoryNotFound.
func (s *Service) ScansOnPush(ctx context.Context, account, repository string) (bool, error) {
	_, wanted, err := s.onPush(ctx, account, repository)
	return wanted, err
}

func (s *Service) onPush(ctx context.Context, account, repository string) (*registry.Repository, bool, error) {
	repo, err := s.Store.Repository(ctx, account, repository)
	if err != nil {
		return nil, false, err
	}
	config, err := s.scanningConfiguration(ctx, account)
	if err != nil {
		return nil, false, err
	}
	frequency, _ := config.FrequencyFor(repo)
	return repo, frequency == registry.ScanOnPush, nil
}

func scanJob(account string, repo *registry.Repository, digest string, start meta.StartScan) job.Job {
	return scan.NewJob(scan.Target{
		Account: account, Repository: repo.Name, RepositoryID: repo.ID, Digest: digest,
		Engine: start.Engine, RequestedAt: start.Now,
	})
}

// StartImageScan asks for a scan of an image and answers the image's id as it
// was found. Errors: RepositoryNotFound, ImageNotFound, UnsupportedImageType,
// LimitExceeded.
func (s *Service) StartImageScan(ctx context.Context, c Caller, repository string, id registry.ImageID) (registry.ImageID, error) {
	scope, err := s.allowOn(ctx, c, "ecr:StartImageScan", repository)
	if err != nil {
		return id, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return id, err
	}
	if image.MediaType != registry.MediaTypeOCIManifest && image.MediaType != registry.MediaTypeDockerManifest {
		return id, unsupportedImageType(image.MediaType)
	}
	if !registry.ScannableArtifact(image.ArtifactType) {
		return id, unsupportedImageType(image.ArtifactType)
	}
	repo, err := s.Store.Repository(ctx, scope.Account, repository)
	if err != nil {
		return id, err
	}
	engine, err := s.setting(ctx, scope.Account, registry.SettingBasicScanVersion)
	if err != nil {
		return id, err
	}
	start := meta.StartScan{Engine: engine, Now: s.Now()}
	err = s.Store.StartScan(ctx, scope.Account, repo.ID, image.Digest, start, s.Limits.ScanInterval, s.Limits.ScansPerDay,
		[]job.Job{scanJob(scope.Account, repo, image.Digest, start)})
	if err != nil {
		return id, err
	}
	s.Wake()
	return registry.ImageID{Digest: image.Digest, Tag: id.Tag}, nil
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

// ScanReport is the outcome of an image's newest scan.
type ScanReport struct {
	ID       registry.ImageID // as asked for, completed with the digest
	Scan     meta.Scan
	Findings []match.Finding // most severe first; only of a completed scan
}

// ScanFindings answers the newest scan of an image.
// Errors: RepositoryNotFound, ImageNotFound, ScanNotFound.
func (s *Service) ScanFindings(ctx context.Context, c Caller, repository string, id registry.ImageID) (ScanReport, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImageScanFindings", repository)
	if err != nil {
		return ScanReport{}, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return ScanReport{}, err
	}
	scans, err := s.Store.Scans(ctx, image.RepositoryID, []string{image.Digest})
	if err != nil {
		return ScanReport{}, err
	}
	newest, ok := scans[image.Digest]
	if !ok {
		return ScanReport{}, registry.ScanNotFound(scope.Account, repository, registry.ImageID{Digest: image.Digest, Tag: id.Tag})
	}
	report := ScanReport{ID: registry.ImageID{Digest: image.Digest, Tag: id.Tag}, Scan: newest}
	if newest.Status != meta.ScanComplete {
		return report, nil
	}
	encoded, err := s.Store.ScanFindings(ctx, image.RepositoryID, image.Digest)
	if err != nil {
		return ScanReport{}, err
	}
	report.Findings, err = scan.DecodeFindings(encoded)
	return report, err
}
