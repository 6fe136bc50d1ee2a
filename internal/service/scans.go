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
	if config.Type != registry.ScanBasic {
		return repo, false, nil
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
	if mediaType, ok := scannable(image); !ok {
		return id, unsupportedImageType(mediaType)
	}
	if err := s.startScan(ctx, repo, image.Digest); err != nil {
		return id, err
	}
	return registry.ImageID{Digest: image.Digest, Tag: id.Tag}, nil
}

// basicOnly refuses what there is only under basic scanning.
func (s *Service) basicOnly(ctx context.Context, account string) error {
	config, err := s.scanningConfiguration(ctx, account)
	if err == nil && config.Type != registry.ScanBasic {
		return registry.FeatureDisabled()
	}
	return err
}

// scannable says whether an image is of a kind that scanners read, and
// otherwise which media type it is that they do not.
func scannable(image *registry.Image) (mediaType string, ok bool) {
	if image.MediaType != registry.MediaTypeOCIManifest && image.MediaType != registry.MediaTypeDockerManifest {
		return image.MediaType, false
	}
	return image.ArtifactType, registry.ScannableArtifact(image.ArtifactType)
}

// startScan begins a basic scan within the quotas. Errors: LimitExceeded.
func (s *Service) startScan(ctx context.Context, repo *registry.Repository, digest string) error {
	engine, err := s.setting(ctx, repo.Account, registry.SettingBasicScanVersion)
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

// ScanReport is the outcome of an image's newest scan.
type ScanReport struct {
	ID       registry.ImageID // as asked for, completed with the digest
	Scan     meta.Scan
	Findings []match.Finding // most severe first; only of a completed scan
}

// States that scans are told to be in without there being one.
const (
	ScanImageArchived       ScanStatus = "IMAGE_ARCHIVED"
	ScanUnsupportedImage    ScanStatus = "UNSUPPORTED_IMAGE"
	ScanFindingsUnavailable ScanStatus = "FINDINGS_UNAVAILABLE"
)

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
	id.Digest = image.Digest
	if image.Status != registry.ImageActive {
		return ScanReport{ID: id, Scan: meta.Scan{Status: ScanImageArchived, Description: "The image is archived."}}, nil
	}
	config, err := s.scanningConfiguration(ctx, scope.Account)
	if err != nil {
		return ScanReport{}, err
	}
	if config.Type == registry.ScanEnhanced {
		return s.enhancedFindings(ctx, scope, repository, id, image, config)
	}
	return s.basicFindings(ctx, scope, repository, id, image)
}

// enhancedFindings tells why there are none: what the configuration leaves out
// is not scanned, some images cannot be, and the others are not yet.
func (s *Service) enhancedFindings(ctx context.Context, scope registry.Scope, repository string, id registry.ImageID, image *registry.Image, config registry.ScanningConfiguration) (ScanReport, error) {
	repo, err := s.Store.Repository(ctx, scope.Account, repository)
	if err != nil {
		return ScanReport{}, err
	}
	if frequency, _ := config.FrequencyFor(repo); frequency == registry.ScanManual {
		return ScanReport{}, registry.ScanNotFound(scope.Account, repository, id)
	}
	if mediaType, ok := scannable(image); !ok {
		return ScanReport{ID: id, Scan: meta.Scan{Status: ScanUnsupportedImage, Description: clientText(unsupportedImageType(mediaType))}}, nil
	}
	return ScanReport{ID: id, Scan: meta.Scan{Status: ScanFindingsUnavailable, Description: "Enhanced scanning does not run in this version of ecru yet."}}, nil
}

func (s *Service) basicFindings(ctx context.Context, scope registry.Scope, repository string, id registry.ImageID, image *registry.Image) (ScanReport, error) {
	scans, err := s.Store.Scans(ctx, image.RepositoryID, []string{image.Digest})
	if err != nil {
		return ScanReport{}, err
	}
	newest, ok := scans[image.Digest]
	if !ok {
		return ScanReport{}, registry.ScanNotFound(scope.Account, repository, id)
	}
	report := ScanReport{ID: id, Scan: newest}
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
