package service

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/ecru-registry/ecru/internal/lifecycle"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// LifecyclePolicy is the lifecycle policy of a repository.
type LifecyclePolicy struct {
	Account     string
	Repository  string
	Text        string    // without white space between its parts, as ECR answers it
	EvaluatedAt time.Time // zero: never
}

// PutLifecyclePolicy stores or replaces the lifecycle policy of a repository.
// Errors: InvalidParameter, RepositoryNotFound.
func (s *Service) PutLifecyclePolicy(ctx context.Context, c Caller, repository, text string) (LifecyclePolicy, error) {
	scope, err := s.allowOn(ctx, c, "ecr:PutLifecyclePolicy", repository)
	if err != nil {
		return LifecyclePolicy{}, err
	}
	if _, err := lifecycle.ParseUpTo(s.Limits.LifecycleRules, text); err != nil {
		return LifecyclePolicy{}, registry.InvalidLifecyclePolicy(err)
	}
	d := meta.Document{Text: compactJSON(text), UpdatedAt: s.Now()}
	err = s.Store.PutDocument(ctx, scope.Account, repository, meta.LifecycleDocument, d)
	return LifecyclePolicy{Account: scope.Account, Repository: repository, Text: d.Text}, err
}

// LifecyclePolicy answers the lifecycle policy of a repository.
// Errors: RepositoryNotFound, LifecyclePolicyNotFound.
func (s *Service) LifecyclePolicy(ctx context.Context, c Caller, repository string) (LifecyclePolicy, error) {
	scope, err := s.allowOn(ctx, c, "ecr:GetLifecyclePolicy", repository)
	if err != nil {
		return LifecyclePolicy{}, err
	}
	return s.lifecyclePolicy(ctx, scope.Account, repository)
}

func (s *Service) lifecyclePolicy(ctx context.Context, account, repository string) (LifecyclePolicy, error) {
	d, ok, err := s.Store.Document(ctx, account, repository, meta.LifecycleDocument)
	return lifecyclePolicyOf(account, repository, d, ok, err)
}

// DeleteLifecyclePolicy removes the lifecycle policy of a repository and
// answers it. Errors: RepositoryNotFound, LifecyclePolicyNotFound.
func (s *Service) DeleteLifecyclePolicy(ctx context.Context, c Caller, repository string) (LifecyclePolicy, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DeleteLifecyclePolicy", repository)
	if err != nil {
		return LifecyclePolicy{}, err
	}
	d, ok, err := s.Store.DeleteDocument(ctx, scope.Account, repository, meta.LifecycleDocument)
	return lifecyclePolicyOf(scope.Account, repository, d, ok, err)
}

func lifecyclePolicyOf(account, repository string, d meta.Document, ok bool, err error) (LifecyclePolicy, error) {
	if err == nil && !ok {
		err = registry.LifecyclePolicyNotFound(account, repository)
	}
	return LifecyclePolicy{Account: account, Repository: repository, Text: compactJSON(d.Text), EvaluatedAt: d.EvaluatedAt}, err
}

// StartLifecyclePreview checks what ECR checks before it begins a preview, of
// the given policy or, if that is empty, of the stored one, and refuses then:
// nothing evaluates policies yet. Errors: InvalidParameter, RepositoryNotFound,
// LifecyclePolicyNotFound, UnsupportedOperation.
func (s *Service) StartLifecyclePreview(ctx context.Context, c Caller, repository, text string) error {
	scope, err := s.allowOn(ctx, c, "ecr:StartLifecyclePolicyPreview", repository)
	if err != nil {
		return err
	}
	if text != "" {
		if _, err := lifecycle.ParseUpTo(s.Limits.LifecycleRules, text); err != nil {
			return registry.InvalidLifecyclePolicy(err)
		}
	}
	_, err = s.lifecyclePolicy(ctx, scope.Account, repository)
	if err != nil && (text == "" || registry.CodeOf(err) != registry.CodeLifecyclePolicyNotFound) {
		return err
	}
	return registry.Errorf(registry.CodeUnsupported, "Lifecycle policy previews are not evaluated by this version of ecru yet.")
}

// LifecyclePreview answers that there is no preview, because none can be
// started yet. Errors: RepositoryNotFound, LifecyclePolicyPreviewNotFound.
func (s *Service) LifecyclePreview(ctx context.Context, c Caller, repository string) error {
	scope, err := s.allowOn(ctx, c, "ecr:GetLifecyclePolicyPreview", repository)
	if err != nil {
		return err
	}
	if _, err := s.Store.Repository(ctx, scope.Account, repository); err != nil {
		return err
	}
	return registry.LifecyclePolicyPreviewNotFound(scope.Account, repository)
}

// compactJSON removes white space between the parts of a text.
func compactJSON(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text // "" of a policy that is not there
	}
	return b.String()
}
