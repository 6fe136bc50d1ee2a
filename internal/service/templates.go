package service

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/lifecycle"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// CreateTemplate stores a creation template, all of whose members the caller
// gives but its times.
// Errors: TemplateAlreadyExists, InvalidParameter, InvalidTagParameter,
// TooManyTags, AccessDenied also where the caller may not put the policies.
func (s *Service) CreateTemplate(ctx context.Context, c Caller, t registry.CreationTemplate) (registry.Scope, *registry.CreationTemplate, error) {
	scope, err := s.allow(ctx, c, "ecr:CreateRepositoryCreationTemplate")
	if err != nil {
		return scope, nil, err
	}
	t.Prefix = registry.NormalPrefix(t.Prefix)
	if err := s.allowTemplatePolicies(ctx, c, t.Prefix, t.RepositoryPolicy, t.LifecyclePolicy); err != nil {
		return scope, nil, err
	}
	if err := s.completeTemplate(scope, &t); err != nil {
		return scope, nil, err
	}
	body, err := encodeRecord(t)
	if err != nil {
		return scope, nil, err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.TemplateRecord, Name: t.Prefix, Body: body, CreatedAt: s.Now()}
	switch err := s.Store.CreateRecord(ctx, record, 0); {
	case errors.Is(err, meta.ErrExists):
		return scope, nil, registry.TemplateAlreadyExists()
	case err != nil:
		return scope, nil, err
	}
	t.CreatedAt, t.UpdatedAt = record.CreatedAt, record.CreatedAt
	return scope, &t, nil
}

// TemplateChange holds what a template is to have instead; nil members stay.
type TemplateChange struct {
	Description       *string
	AppliedFor        []registry.CreationReason
	TagMutability     *registry.TagMutability
	MutabilityFilters []string
	Encryption        *registry.Encryption
	Tags              []registry.ResourceTag
	RepositoryPolicy  *string
	LifecyclePolicy   *string
	CustomRoleARN     *string
}

// UpdateTemplate changes a creation template. Repositories that were created by
// it stay as they are.
// Errors: TemplateNotFound, InvalidParameter, InvalidTagParameter, TooManyTags.
func (s *Service) UpdateTemplate(ctx context.Context, c Caller, prefix string, change TemplateChange) (registry.Scope, *registry.CreationTemplate, error) {
	scope, err := s.allow(ctx, c, "ecr:UpdateRepositoryCreationTemplate")
	if err != nil {
		return scope, nil, err
	}
	prefix = registry.NormalPrefix(prefix)
	if err := s.allowTemplatePolicies(ctx, c, prefix, given(change.RepositoryPolicy), given(change.LifecyclePolicy)); err != nil {
		return scope, nil, err
	}
	updated, err := s.Store.UpdateRecord(ctx, scope.Account, meta.TemplateRecord, prefix, s.Now(), func(r *meta.Record) error {
		t, err := templateOf(*r)
		if err != nil {
			return err
		}
		change.apply(t)
		if err := s.completeTemplate(scope, t); err != nil {
			return err
		}
		r.Body, err = encodeRecord(t)
		return err
	})
	return foundTemplate(scope, updated, err)
}

func (change *TemplateChange) apply(t *registry.CreationTemplate) {
	replace(&t.Description, change.Description)
	replace(&t.TagMutability, change.TagMutability)
	replace(&t.Encryption, change.Encryption)
	replace(&t.RepositoryPolicy, change.RepositoryPolicy)
	replace(&t.LifecyclePolicy, change.LifecyclePolicy)
	replace(&t.CustomRoleARN, change.CustomRoleARN)
	if change.AppliedFor != nil {
		t.AppliedFor = change.AppliedFor
	}
	if change.Tags != nil {
		t.Tags = change.Tags
	}
	switch {
	case change.MutabilityFilters != nil:
		t.MutabilityFilters = change.MutabilityFilters
	case !t.TagMutability.Excluding():
		// They go with the mode that they were of.
		t.MutabilityFilters = nil
	}
}

func replace[T any](old, with *T) {
	if with != nil {
		*old = *with
	}
}

func given(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Templates answers those of the prefixes that have a template, in their order.
func (s *Service) Templates(ctx context.Context, c Caller, prefixes []string) (registry.Scope, []registry.CreationTemplate, error) {
	scope, err := s.allow(ctx, c, "ecr:DescribeRepositoryCreationTemplates")
	if err != nil {
		return scope, nil, err
	}
	var all []registry.CreationTemplate
	for _, prefix := range normalPrefixes(prefixes) {
		record, err := s.Store.Record(ctx, scope.Account, meta.TemplateRecord, prefix)
		if errors.Is(err, meta.ErrNoRecord) {
			continue
		}
		if err != nil {
			return scope, nil, err
		}
		t, err := templateOf(record)
		if err != nil {
			return scope, nil, err
		}
		all = append(all, *t)
	}
	return scope, all, nil
}

// ListTemplates answers up to limit templates by prefix, after a prefix.
func (s *Service) ListTemplates(ctx context.Context, c Caller, after string, limit int) (registry.Scope, []registry.CreationTemplate, error) {
	scope, err := s.allow(ctx, c, "ecr:DescribeRepositoryCreationTemplates")
	if err != nil {
		return scope, nil, err
	}
	records, err := s.Store.ListRecords(ctx, scope.Account, meta.TemplateRecord, after, limit)
	if err != nil {
		return scope, nil, err
	}
	all := make([]registry.CreationTemplate, 0, len(records))
	for _, record := range records {
		t, err := templateOf(record)
		if err != nil {
			return scope, nil, err
		}
		all = append(all, *t)
	}
	return scope, all, nil
}

// DeleteTemplate removes a creation template and answers it as it was.
// Errors: TemplateNotFound.
func (s *Service) DeleteTemplate(ctx context.Context, c Caller, prefix string) (registry.Scope, *registry.CreationTemplate, error) {
	scope, err := s.allow(ctx, c, "ecr:DeleteRepositoryCreationTemplate")
	if err != nil {
		return scope, nil, err
	}
	deleted, err := s.Store.DeleteRecord(ctx, scope.Account, meta.TemplateRecord, registry.NormalPrefix(prefix))
	return foundTemplate(scope, deleted, err)
}

func foundTemplate(scope registry.Scope, r meta.Record, err error) (registry.Scope, *registry.CreationTemplate, error) {
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.TemplateNotFound()
	}
	if err != nil {
		return scope, nil, err
	}
	t, err := templateOf(r)
	return scope, t, err
}

func templateOf(r meta.Record) (*registry.CreationTemplate, error) {
	t := &registry.CreationTemplate{}
	if err := decodeRecord(r, t); err != nil {
		return nil, err
	}
	t.Prefix, t.CreatedAt, t.UpdatedAt = r.Name, r.CreatedAt, r.UpdatedAt
	return t, nil
}

// completeTemplate checks a template, all but its policies, and fills in what
// ECR echoes. What passes makes a repository whenever one is wanted.
func (s *Service) completeTemplate(scope registry.Scope, t *registry.CreationTemplate) error {
	if t.TagMutability == "" {
		t.TagMutability = registry.Mutable
	}
	if t.Encryption.Type == "" {
		t.Encryption.Type = "AES256"
	}
	if err := validMutability(t.TagMutability, t.MutabilityFilters); err != nil {
		return err
	}
	// A key that is left to ECR is chosen when a repository is created.
	_, err := s.encryption(scope, t.Encryption)
	if registry.CodeOf(err) == registry.CodeKms {
		// Operations on templates have no such exception.
		return registry.InvalidParameter("encryptionConfiguration", clientText(err))
	}
	if err != nil {
		return err
	}
	if t.Tags, err = mergeTags(nil, t.Tags); err != nil {
		return err
	}
	t.AppliedFor = distinct(t.AppliedFor)
	if t.CustomRoleARN != "" && !registry.RoleOf(scope.Account, t.CustomRoleARN) {
		return registry.RoleElsewhere()
	}
	return nil
}

// allowTemplatePolicies checks the policies that a template gives, as those of
// a repository are, and that the caller may put them where the template does;
// empty ones are none. Who may do no more than make templates gives nobody
// access by them.
func (s *Service) allowTemplatePolicies(ctx context.Context, c Caller, prefix, repositoryPolicy, lifecyclePolicy string) error {
	below := prefix + "/*"
	if prefix == registry.RootPrefix {
		below = everyRepository
	}
	if repositoryPolicy != "" {
		scope, err := s.allowOn(ctx, c, "ecr:SetRepositoryPolicy", below)
		if err != nil {
			return err
		}
		if _, _, err := s.checkPolicy(ctx, scope, iam.ResourcePolicy, repositoryPolicy); err != nil {
			return err
		}
	}
	if lifecyclePolicy != "" {
		if _, err := s.allowOn(ctx, c, "ecr:PutLifecyclePolicy", below); err != nil {
			return err
		}
		if _, err := lifecycle.ParseUpTo(s.Limits.LifecycleRules, lifecyclePolicy); err != nil {
			return registry.InvalidLifecyclePolicy(err)
		}
	}
	return nil
}

// normalPrefixes are prefixes as records are named by them, each once.
func normalPrefixes(prefixes []string) []string {
	all := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		all[i] = registry.NormalPrefix(prefix)
	}
	return distinct(all)
}

// distinct keeps the first of what is there more than once.
func distinct[T comparable](all []T) []T {
	seen := map[T]bool{}
	var out []T
	for _, one := range all {
		if !seen[one] {
			seen[one] = true
			out = append(out, one)
		}
	}
	return out
}

// encodeRecord makes the body of a record.
func encodeRecord(value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, registry.Internal("encoding a record", err)
	}
	return body, nil
}

// decodeRecord reads the body of a record.
func decodeRecord(r meta.Record, into any) error {
	if err := json.Unmarshal(r.Body, into); err != nil {
		return registry.Internal("reading the "+string(r.Kind)+" "+r.Name, err)
	}
	return nil
}
