package service

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// signingSetting is the name under which the signing configuration is kept.
const signingSetting = "signing-configuration"

// SigningConfiguration answers what the registry signs.
// Errors: SigningConfigurationNotFound.
func (s *Service) SigningConfiguration(ctx context.Context, c Caller) (registry.Scope, registry.SigningConfiguration, error) {
	var config registry.SigningConfiguration
	scope, err := s.allow(ctx, c, "ecr:GetSigningConfiguration")
	if err != nil {
		return scope, config, err
	}
	found, err := s.load(ctx, scope.Account, signingSetting, &config)
	if err == nil && !found {
		err = registry.SigningConfigurationNotFound(scope.Account)
	}
	return scope, config, err
}

// PutSigningConfiguration replaces what the registry signs. A rule that was
// there before goes on; the others begin now. Errors: InvalidParameter.
func (s *Service) PutSigningConfiguration(ctx context.Context, c Caller, config registry.SigningConfiguration) error {
	scope, err := s.allow(ctx, c, "ecr:PutSigningConfiguration")
	if err != nil {
		return err
	}
	if err := config.Validate(scope.Region); err != nil {
		return err
	}
	var before registry.SigningConfiguration
	if _, err := s.load(ctx, scope.Account, signingSetting, &before); err != nil {
		return err
	}
	now := s.Now()
	for i := range config.Rules {
		config.Rules[i].Since = signingSince(config.Rules[i], before, now)
	}
	return s.save(ctx, scope.Account, signingSetting, config)
}

func signingSince(rule registry.SigningRule, before registry.SigningConfiguration, now time.Time) time.Time {
	for _, old := range before.Rules {
		if old.ProfileARN == rule.ProfileARN && slices.Equal(old.Filters, rule.Filters) {
			return old.Since
		}
	}
	return now
}

// DeleteSigningConfiguration ends signing and answers what was signed.
// Errors: SigningConfigurationNotFound.
func (s *Service) DeleteSigningConfiguration(ctx context.Context, c Caller) (registry.Scope, registry.SigningConfiguration, error) {
	var config registry.SigningConfiguration
	scope, err := s.allow(ctx, c, "ecr:DeleteSigningConfiguration")
	if err != nil {
		return scope, config, err
	}
	stored, found, err := s.Store.DeleteSetting(ctx, scope.Account, signingSetting)
	if err != nil {
		return scope, config, err
	}
	if !found {
		return scope, config, registry.SigningConfigurationNotFound(scope.Account)
	}
	if err := json.Unmarshal([]byte(stored), &config); err != nil {
		return scope, config, registry.Internal("reading the setting "+signingSetting, err)
	}
	return scope, config, nil
}

// ImageSigning are the rules by which an image was to be signed.
type ImageSigning struct {
	ID    registry.ImageID // as asked for, completed with the digest
	Rules []registry.SigningRule
}

// ImageSigning answers by which rules an image was to be signed when it was
// pushed. Errors: RepositoryNotFound, ImageNotFound.
func (s *Service) ImageSigning(ctx context.Context, c Caller, repository string, id registry.ImageID) (ImageSigning, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImageSigningStatus", repository)
	if err != nil {
		return ImageSigning{}, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return ImageSigning{}, err
	}
	var config registry.SigningConfiguration
	_, err = s.load(ctx, scope.Account, signingSetting, &config)
	return ImageSigning{
		ID:    registry.ImageID{Digest: image.Digest, Tag: id.Tag},
		Rules: config.RulesOf(repository, image),
	}, err
}
