package service

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// repositoryForPush answers the repository that a push goes to. One that does
// not exist is created if a template says so for pushes and the caller may
// create it; then the caller must still be allowed the actions of the push,
// because the template may have given the repository a policy.
// Errors: RepositoryNotFound, AccessDenied, LimitExceeded.
func (s *Service) repositoryForPush(ctx context.Context, c Caller, scope registry.Scope, name string, actions ...string) (*registry.Repository, error) {
	repo, err := s.Store.Repository(ctx, scope.Account, name)
	if registry.CodeOf(err) != registry.CodeRepositoryNotFound {
		return repo, err
	}
	created, createErr := s.createByTemplate(ctx, c, scope, name, registry.CreateOnPush)
	if createErr != nil {
		return nil, createErr
	}
	if created == nil {
		return nil, err
	}
	_, err = s.allowAllOn(ctx, c, name, actions...)
	return created, err
}

// createByTemplate creates a repository that is needed for a reason, as the
// template says that matches best; nil if there is none. It does not matter
// who of several creates it. Errors: AccessDenied, LimitExceeded.
func (s *Service) createByTemplate(ctx context.Context, c Caller, scope registry.Scope, name string, reason registry.CreationReason) (*registry.Repository, error) {
	t, err := s.templateFor(ctx, scope.Account, name, reason)
	if t == nil || err != nil {
		return nil, err
	}
	if _, err := s.decide(ctx, c, question{action: "ecr:CreateRepository", repository: name, tags: t.Tags}); err != nil {
		return nil, err
	}
	repo := &registry.Repository{
		Account: scope.Account, Name: name, CreatedAt: s.Now(),
		TagMutability: t.TagMutability, MutabilityFilters: t.MutabilityFilters, Tags: t.Tags,
	}
	if repo.Encryption, err = s.encryption(scope, t.Encryption); err != nil {
		return nil, err
	}
	documents, err := templateDocuments(t, repo.CreatedAt)
	if err != nil {
		return nil, err
	}
	err = s.Store.CreateRepository(ctx, repo, s.Limits.Repositories, documents...)
	if registry.CodeOf(err) == registry.CodeRepositoryAlreadyExists {
		return s.Store.Repository(ctx, scope.Account, name)
	}
	if err != nil {
		return nil, err
	}
	return repo, s.tellFrequency(ctx, repo)
}

// templateFor answers the template that decides about a repository that is to
// come to be for a reason, nil if there is none.
func (s *Service) templateFor(ctx context.Context, account, name string, reason registry.CreationReason) (*registry.CreationTemplate, error) {
	for _, prefix := range registry.PrefixesOf(name) {
		record, err := s.Store.Record(ctx, account, meta.TemplateRecord, prefix)
		if errors.Is(err, meta.ErrNoRecord) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := templateOf(record)
		if err != nil || t.AppliesFor(reason) {
			return t, err
		}
	}
	return nil, nil
}

// templateDocuments are the policies that a template gives a repository, in the
// form that they would have if somebody had put them.
func templateDocuments(t *registry.CreationTemplate, now time.Time) ([]meta.RepositoryDocument, error) {
	var all []meta.RepositoryDocument
	if t.RepositoryPolicy != "" {
		text, err := rewritePolicy(t.RepositoryPolicy)
		if err != nil {
			return nil, registry.Internal("reading the policy of a template", err)
		}
		all = append(all, meta.RepositoryDocument{Kind: meta.PolicyDocument, Document: meta.Document{Text: text, UpdatedAt: now}})
	}
	if t.LifecyclePolicy != "" {
		text := compactJSON(t.LifecyclePolicy)
		all = append(all, meta.RepositoryDocument{Kind: meta.LifecycleDocument, Document: meta.Document{Text: text, UpdatedAt: now}})
	}
	return all, nil
}
