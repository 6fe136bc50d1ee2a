package service

import (
	"context"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// replicationSetting is the name under which the replication configuration is
// kept.
const replicationSetting = "replication-configuration"

// Replication answers what a registry copies where.
func (s *Service) Replication(ctx context.Context, c Caller) (registry.Scope, registry.ReplicationConfiguration, error) {
	scope, err := s.allow(ctx, c, "ecr:DescribeRegistry")
	if err != nil {
		return scope, registry.ReplicationConfiguration{}, err
	}
	config, err := s.replication(ctx, scope.Account)
	return scope, config, err
}

func (s *Service) replication(ctx context.Context, account string) (config registry.ReplicationConfiguration, err error) {
	_, err = s.load(ctx, account, replicationSetting, &config)
	return config, err
}

// PutReplication replaces what the registry copies where. A rule that was
// there before goes on; the others begin now. Errors: InvalidParameter.
func (s *Service) PutReplication(ctx context.Context, c Caller, config registry.ReplicationConfiguration) error {
	scope, err := s.allow(ctx, c, "ecr:PutReplicationConfiguration")
	if err != nil {
		return err
	}
	limits := registry.ReplicationLimits{Rules: s.Limits.ReplicationRules, Destinations: s.Limits.ReplicationDestinations}
	if err := config.Validate(scope, limits); err != nil {
		return err
	}
	before, err := s.replication(ctx, scope.Account)
	if err != nil {
		return err
	}
	now := s.Now()
	for i := range config.Rules {
		config.Rules[i].Since = ruleSince(config.Rules[i], before, now)
	}
	return s.save(ctx, scope.Account, replicationSetting, config)
}

func ruleSince(rule registry.ReplicationRule, before registry.ReplicationConfiguration, now time.Time) time.Time {
	for _, old := range before.Rules {
		if slices.Equal(old.Destinations, rule.Destinations) && slices.Equal(old.Prefixes, rule.Prefixes) {
			return old.Since
		}
	}
	return now
}

// ImageReplication are the destinations that an image was to be copied to.
type ImageReplication struct {
	ID           registry.ImageID // as asked for, completed with the digest
	Destinations []registry.ReplicationDestination
}

// ImageReplication answers where an image was to be copied to when it was
// pushed. Errors: RepositoryNotFound, ImageNotFound.
func (s *Service) ImageReplication(ctx context.Context, c Caller, repository string, id registry.ImageID) (ImageReplication, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImageReplicationStatus", repository)
	if err != nil {
		return ImageReplication{}, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return ImageReplication{}, err
	}
	config, err := s.replication(ctx, scope.Account)
	return ImageReplication{
		ID:           registry.ImageID{Digest: image.Digest, Tag: id.Tag},
		Destinations: config.DestinationsOf(repository, lastArrival(image)),
	}, err
}

// lastArrival is when an image was pushed, or restored, which counts as much.
func lastArrival(image *registry.Image) time.Time {
	if image.ActivatedAt.After(image.PushedAt) {
		return image.ActivatedAt
	}
	return image.PushedAt
}

// StartReplicationBackfill copies to a destination what is there already.
// Errors: Validation, UnsupportedOperation.
func (s *Service) StartReplicationBackfill(ctx context.Context, c Caller, to registry.ReplicationDestination) error {
	scope, err := s.allow(ctx, c, "ecr:StartReplicationBackfill")
	if err != nil {
		return err
	}
	config, err := s.replication(ctx, scope.Account)
	if err != nil {
		return err
	}
	if !slices.Contains(config.Destinations(), to) {
		return registry.NotADestination(to)
	}
	return registry.Errorf(registry.CodeUnsupported, "Replication backfills do not run in this version of ecru yet.")
}

// StopReplicationBackfill ends a backfill. There is none, as none can be
// started. Errors: ReplicationBackfillNotFound.
func (s *Service) StopReplicationBackfill(ctx context.Context, c Caller, id string) error {
	return s.noBackfill(ctx, c, "ecr:StopReplicationBackfill", id)
}

// ReplicationBackfill answers how far a backfill is. There is none, as none
// can be started. Errors: ReplicationBackfillNotFound.
func (s *Service) ReplicationBackfill(ctx context.Context, c Caller, id string) error {
	return s.noBackfill(ctx, c, "ecr:DescribeReplicationBackfillResults", id)
}

func (s *Service) noBackfill(ctx context.Context, c Caller, action, id string) error {
	scope, err := s.allow(ctx, c, action)
	if err != nil {
		return err
	}
	return registry.BackfillNotFound(scope.Account, id)
}
