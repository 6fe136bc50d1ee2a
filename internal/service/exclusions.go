package service

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// maxExclusions is how many principals a registry may exclude.
const maxExclusions = 100

// ExcludePullTime lets the pulls of a user or a role count no more as uses of
// images, and answers since when.
// Errors: ExclusionAlreadyExists, LimitExceeded.
func (s *Service) ExcludePullTime(ctx context.Context, c Caller, principalARN string) (time.Time, error) {
	scope, err := s.allow(ctx, c, "ecr:CreatePullTimeUpdateExclusion")
	if err != nil {
		return time.Time{}, err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.ExclusionRecord, Name: principalARN, Body: []byte("{}"), CreatedAt: s.Now()}
	switch err := s.Store.CreateRecord(ctx, record, maxExclusions); {
	case errors.Is(err, meta.ErrExists):
		return time.Time{}, registry.ExclusionAlreadyExists()
	case errors.Is(err, meta.ErrFull):
		return time.Time{}, registry.TooManyExclusions(scope.Account, maxExclusions)
	case err != nil:
		return time.Time{}, err
	}
	s.pulls.forgetExclusions()
	return record.CreatedAt, nil
}

// IncludePullTime lets the pulls of a principal count again.
// Errors: ExclusionNotFound.
func (s *Service) IncludePullTime(ctx context.Context, c Caller, principalARN string) error {
	scope, err := s.allow(ctx, c, "ecr:DeletePullTimeUpdateExclusion")
	if err != nil {
		return err
	}
	_, err = s.Store.DeleteRecord(ctx, scope.Account, meta.ExclusionRecord, principalARN)
	if errors.Is(err, meta.ErrNoRecord) {
		return registry.ExclusionNotFound()
	}
	s.pulls.forgetExclusions()
	return err
}

// PullTimeExclusions answers up to limit principals whose pulls do not count,
// after one, in order of their ARNs.
func (s *Service) PullTimeExclusions(ctx context.Context, c Caller, after string, limit int) ([]string, error) {
	scope, err := s.allow(ctx, c, "ecr:ListPullTimeUpdateExclusions")
	if err != nil {
		return nil, err
	}
	records, err := s.Store.ListRecords(ctx, scope.Account, meta.ExclusionRecord, after, limit)
	if err != nil {
		return nil, err
	}
	arns := make([]string, 0, len(records))
	for _, record := range records {
		arns = append(arns, record.Name)
	}
	return arns, nil
}

// pulled records a pull of an image, unless the caller's do not count.
func (s *Service) pulled(ctx context.Context, c Caller, account string, m *registry.StoredManifest) {
	image := pulledImage{m.RepositoryID, m.Digest}
	if s.pulls.isRecent(image) || s.excluded(ctx, c, account) {
		return
	}
	s.pulls.record(image)
}

// excluded says whether the pulls of a caller do not count in an account. It
// is asked of images that nobody has pulled for a while, so it is hardly ever
// the store that is asked.
func (s *Service) excluded(ctx context.Context, c Caller, account string) bool {
	if c.Kind == iam.Scanner {
		return true // to be scanned is not to be used
	}
	if c.Kind != iam.User && c.Kind != iam.AssumedRole {
		return false // no other principal can be excluded
	}
	who := puller{account, c.IdentityARN()}
	excluded, known, changes := s.pulls.isExcluded(who)
	if known {
		return excluded
	}
	_, err := s.Store.Record(ctx, account, meta.ExclusionRecord, who.arn)
	if err != nil && !errors.Is(err, meta.ErrNoRecord) {
		// A pull that counts without need keeps an image longer; one that is
		// forgotten may cost it.
		s.Logger.WarnContext(ctx, "looking for a pull-time exclusion", "principal", who.arn, "error", err)
		return false
	}
	s.pulls.learnExclusion(who, err == nil, changes)
	return err == nil
}
