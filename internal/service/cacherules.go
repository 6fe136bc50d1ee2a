package service

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// CreateCacheRule stores a pull-through cache rule. Of its kind it is enough
// what the client says, which may be nothing.
// Errors: PullThroughCacheRuleAlreadyExists, LimitExceeded,
// UnsupportedUpstreamRegistry, Validation, InvalidParameter, SecretNotFound,
// UnableToAccessSecret.
func (s *Service) CreateCacheRule(ctx context.Context, c Caller, r registry.CacheRule) (registry.Scope, *registry.CacheRule, error) {
	scope, err := s.allow(ctx, c, "ecr:CreatePullThroughCacheRule")
	if err != nil {
		return scope, nil, err
	}
	r.Prefix, r.UpstreamPrefix = registry.NormalPrefix(r.Prefix), registry.NormalPrefix(r.UpstreamPrefix)
	if err := r.Validate(scope); err != nil {
		return scope, nil, err
	}
	if err := s.checkCredential(ctx, scope, r.CredentialARN); err != nil {
		return scope, nil, err
	}
	body, err := encodeRecord(r)
	if err != nil {
		return scope, nil, err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.CacheRuleRecord, Name: r.Prefix, Body: body, CreatedAt: s.Now()}
	switch err := s.Store.CreateRecord(ctx, record, s.Limits.PullThroughCacheRules); {
	case errors.Is(err, meta.ErrExists):
		return scope, nil, registry.CacheRuleAlreadyExists()
	case errors.Is(err, meta.ErrFull):
		return scope, nil, registry.TooManyCacheRules(scope.Account, s.Limits.PullThroughCacheRules)
	case err != nil:
		return scope, nil, err
	}
	r.CreatedAt, r.UpdatedAt = record.CreatedAt, record.CreatedAt
	return scope, &r, nil
}

// CacheRules answers the rules of the prefixes; an unknown one fails the whole
// call. Errors: PullThroughCacheRuleNotFound.
func (s *Service) CacheRules(ctx context.Context, c Caller, prefixes []string) (registry.Scope, []registry.CacheRule, error) {
	scope, err := s.allow(ctx, c, "ecr:DescribePullThroughCacheRules")
	if err != nil {
		return scope, nil, err
	}
	var all []registry.CacheRule
	for _, prefix := range normalPrefixes(prefixes) {
		record, err := s.Store.Record(ctx, scope.Account, meta.CacheRuleRecord, prefix)
		_, rule, err := foundRule(scope, record, err)
		if err != nil {
			return scope, nil, err
		}
		all = append(all, *rule)
	}
	return scope, all, nil
}

// ListCacheRules answers up to limit rules by prefix, after a prefix.
func (s *Service) ListCacheRules(ctx context.Context, c Caller, after string, limit int) (registry.Scope, []registry.CacheRule, error) {
	scope, err := s.allow(ctx, c, "ecr:DescribePullThroughCacheRules")
	if err != nil {
		return scope, nil, err
	}
	records, err := s.Store.ListRecords(ctx, scope.Account, meta.CacheRuleRecord, after, limit)
	if err != nil {
		return scope, nil, err
	}
	all := make([]registry.CacheRule, 0, len(records))
	for _, record := range records {
		rule, err := ruleOf(record)
		if err != nil {
			return scope, nil, err
		}
		all = append(all, *rule)
	}
	return scope, all, nil
}

// UpdateCacheRule changes how a rule gets into its upstream registry; what is
// empty stays.
// Errors: PullThroughCacheRuleNotFound and those of CreateCacheRule about
// credentials.
func (s *Service) UpdateCacheRule(ctx context.Context, c Caller, prefix, credentialARN, customRoleARN string) (registry.Scope, *registry.CacheRule, error) {
	scope, err := s.allow(ctx, c, "ecr:UpdatePullThroughCacheRule")
	if err != nil {
		return scope, nil, err
	}
	before, err := s.Store.Record(ctx, scope.Account, meta.CacheRuleRecord, registry.NormalPrefix(prefix))
	if _, _, err = foundRule(scope, before, err); err != nil {
		return scope, nil, err
	}
	// The rule may refuse any secret; one that it would take must be there.
	missing := s.checkCredential(ctx, scope, credentialARN)
	if registry.CodeOf(missing) == registry.CodeInternal {
		return scope, nil, missing
	}
	updated, err := s.Store.UpdateRecord(ctx, scope.Account, meta.CacheRuleRecord, registry.NormalPrefix(prefix), s.Now(), func(record *meta.Record) error {
		r, err := ruleOf(*record)
		if err != nil {
			return err
		}
		if credentialARN != "" {
			r.CredentialARN = credentialARN
		}
		if customRoleARN != "" {
			r.CustomRoleARN = customRoleARN
		}
		if err := r.Validate(scope); err != nil {
			return err
		}
		if missing != nil {
			return missing
		}
		record.Body, err = encodeRecord(r)
		return err
	})
	return foundRule(scope, updated, err)
}

// DeleteCacheRule removes a rule and answers it as it was.
// Errors: PullThroughCacheRuleNotFound.
func (s *Service) DeleteCacheRule(ctx context.Context, c Caller, prefix string) (registry.Scope, *registry.CacheRule, error) {
	scope, err := s.allow(ctx, c, "ecr:DeletePullThroughCacheRule")
	if err != nil {
		return scope, nil, err
	}
	deleted, err := s.Store.DeleteRecord(ctx, scope.Account, meta.CacheRuleRecord, registry.NormalPrefix(prefix))
	return foundRule(scope, deleted, err)
}

// ValidateCacheRule answers a rule and why its credentials are not known to be
// good; empty for a rule that needs none, and for one whose secret has the form
// of credentials. The upstream registry is not asked.
// Errors: PullThroughCacheRuleNotFound.
func (s *Service) ValidateCacheRule(ctx context.Context, c Caller, prefix string) (registry.Scope, *registry.CacheRule, string, error) {
	scope, err := s.allow(ctx, c, "ecr:ValidatePullThroughCacheRule")
	if err != nil {
		return scope, nil, "", err
	}
	record, err := s.Store.Record(ctx, scope.Account, meta.CacheRuleRecord, registry.NormalPrefix(prefix))
	_, rule, err := foundRule(scope, record, err)
	if err != nil {
		return scope, nil, "", err
	}
	switch rule.Kind.Access() {
	case registry.OpenAccess:
		return scope, rule, "", nil
	case registry.RoleAccess:
		return scope, rule, "This version of ecru cannot check the credentials of upstream registries yet.", nil
	case registry.SecretAccess:
	}
	failure := ""
	_, err = s.UpstreamCredential(ctx, scope, rule.CredentialARN)
	switch registry.CodeOf(err) {
	case registry.CodeSecretNotFound, registry.CodeUnableToAccessSecret, registry.CodeValidation:
		failure, err = clientText(err), nil
	}
	return scope, rule, failure, err
}

// UpstreamCredential is what gets one into an upstream registry.
type UpstreamCredential struct {
	Username string `json:"username"`
	Token    string `json:"accessToken"`
}

// String hides the token.
func (c UpstreamCredential) String() string { return c.Username }

// UpstreamCredential opens the secret of a cache rule. It asks nobody for
// permission: it is for who pulls by the rule.
// Errors: SecretNotFound, UnableToAccessSecret, Validation.
func (s *Service) UpstreamCredential(ctx context.Context, scope registry.Scope, arn string) (UpstreamCredential, error) {
	found, err := s.credentialSecret(ctx, scope, arn)
	if err != nil {
		return UpstreamCredential{}, err
	}
	v, err := found.pick("", "")
	if err != nil {
		return UpstreamCredential{}, registry.SecretInaccessible()
	}
	var out UpstreamCredential
	if json.Unmarshal(v.Data, &out) != nil || out.Username == "" || out.Token == "" {
		return UpstreamCredential{}, registry.SecretNoCredential()
	}
	return out, nil
}

// checkCredential refuses a secret that is not there; none is fine.
func (s *Service) checkCredential(ctx context.Context, scope registry.Scope, arn string) error {
	if arn == "" {
		return nil
	}
	_, err := s.credentialSecret(ctx, scope, arn)
	return err
}

func (s *Service) credentialSecret(ctx context.Context, scope registry.Scope, arn string) (*foundSecret, error) {
	found, err := s.lookSecret(ctx, scope, parseSecretRef(arn))
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, registry.SecretElsewhere()
	case !found.DeletedAt.IsZero():
		return nil, registry.SecretInaccessible()
	}
	return found, nil
}

func foundRule(scope registry.Scope, record meta.Record, err error) (registry.Scope, *registry.CacheRule, error) {
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.CacheRuleNotFound()
	}
	if err != nil {
		return scope, nil, err
	}
	rule, err := ruleOf(record)
	return scope, rule, err
}

func ruleOf(record meta.Record) (*registry.CacheRule, error) {
	r := &registry.CacheRule{}
	if err := decodeRecord(record, r); err != nil {
		return nil, err
	}
	r.Prefix, r.CreatedAt, r.UpdatedAt = record.Name, record.CreatedAt, record.UpdatedAt
	return r, nil
}
