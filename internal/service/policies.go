package service

import (
	"context"
	"errors"
	"strings"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Policy is a policy document of a repository or of a registry.
type Policy struct {
	Account    string
	Repository string // empty: of the registry
	Text       string // in ECR's layout
}

// SetRepositoryPolicy stores or replaces the policy of a repository. Without
// force a policy is refused after which the caller could not set it again.
// Errors: InvalidParameter, RepositoryNotFound.
func (s *Service) SetRepositoryPolicy(ctx context.Context, c Caller, repository, text string, force bool) (Policy, error) {
	const action = "ecr:SetRepositoryPolicy"
	scope, err := s.allowOn(ctx, c, action, repository)
	if err != nil {
		return Policy{}, err
	}
	text, compiled, err := s.checkPolicy(ctx, scope, iam.ResourcePolicy, text)
	if err != nil {
		return Policy{}, err
	}
	if !force {
		locked, err := s.locksOut(ctx, scope, c, question{action: action, repository: repository}, compiled)
		if err != nil {
			return Policy{}, err
		}
		if locked {
			return Policy{}, registry.RepositoryPolicyLocksOut()
		}
	}
	err = s.Store.PutDocument(ctx, scope.Account, repository, meta.PolicyDocument, meta.Document{Text: text, UpdatedAt: s.Now()})
	return Policy{scope.Account, repository, text}, err
}

// locksOut says whether a question that is allowed now would not be if
// candidate were the policy of the repository.
func (s *Service) locksOut(ctx context.Context, scope registry.Scope, c Caller, q question, candidate *iam.Policy) (bool, error) {
	request, policies, err := s.ask(ctx, scope, c, q)
	if err != nil {
		return false, err
	}
	policies.Resource = candidate
	if policies.Conditional() {
		texts, err := s.Store.AccessPolicies(ctx, scope.Account, q.repository)
		if err != nil {
			return false, err
		}
		request.Context = s.conditionContext(c, q, texts.Tags)
	}
	return !iam.Evaluate(request, policies).Allowed, nil
}

// RepositoryPolicy answers the policy of a repository.
// Errors: RepositoryNotFound, RepositoryPolicyNotFound.
func (s *Service) RepositoryPolicy(ctx context.Context, c Caller, repository string) (Policy, error) {
	scope, err := s.allowOn(ctx, c, "ecr:GetRepositoryPolicy", repository)
	if err != nil {
		return Policy{}, err
	}
	d, ok, err := s.Store.Document(ctx, scope.Account, repository, meta.PolicyDocument)
	return repositoryPolicy(scope.Account, repository, d, ok, err)
}

// DeleteRepositoryPolicy removes the policy of a repository and answers it.
// Errors: RepositoryNotFound, RepositoryPolicyNotFound.
func (s *Service) DeleteRepositoryPolicy(ctx context.Context, c Caller, repository string) (Policy, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DeleteRepositoryPolicy", repository)
	if err != nil {
		return Policy{}, err
	}
	return s.deleteRepositoryPolicy(ctx, scope.Account, repository)
}

func (s *Service) deleteRepositoryPolicy(ctx context.Context, account, repository string) (Policy, error) {
	d, ok, err := s.Store.DeleteDocument(ctx, account, repository, meta.PolicyDocument)
	return repositoryPolicy(account, repository, d, ok, err)
}

// repositoryPolicy is what the store answered. A policy that came from a
// template is as that has it, so it gets its layout here.
func repositoryPolicy(account, repository string, d meta.Document, ok bool, err error) (Policy, error) {
	if err != nil {
		return Policy{}, err
	}
	if !ok {
		return Policy{}, registry.RepositoryPolicyNotFound(account, repository)
	}
	text, err := rewritePolicy(d.Text)
	if err != nil {
		return Policy{}, registry.Internal("reading a stored policy", err)
	}
	return Policy{account, repository, text}, nil
}

// PutRegistryPolicy stores or replaces the policy of the registry. Nothing
// guards against locking oneself out: an operator has ClearPolicies.
// Errors: InvalidParameter.
func (s *Service) PutRegistryPolicy(ctx context.Context, c Caller, text string) (Policy, error) {
	scope, err := s.allow(ctx, c, "ecr:PutRegistryPolicy")
	if err != nil {
		return Policy{}, err
	}
	text, _, err = s.checkPolicy(ctx, scope, iam.RegistryPolicy, text)
	if err != nil {
		return Policy{}, err
	}
	err = s.Store.PutSetting(ctx, scope.Account, meta.SettingRegistryPolicy, text)
	return Policy{Account: scope.Account, Text: text}, err
}

// RegistryPolicy answers the policy of the registry.
// Errors: RegistryPolicyNotFound.
func (s *Service) RegistryPolicy(ctx context.Context, c Caller) (Policy, error) {
	scope, err := s.allow(ctx, c, "ecr:GetRegistryPolicy")
	if err != nil {
		return Policy{}, err
	}
	text, ok, err := s.Store.Setting(ctx, scope.Account, meta.SettingRegistryPolicy)
	return registryPolicy(scope.Account, text, ok, err)
}

// DeleteRegistryPolicy removes the policy of the registry and answers it.
// Errors: RegistryPolicyNotFound.
func (s *Service) DeleteRegistryPolicy(ctx context.Context, c Caller) (Policy, error) {
	scope, err := s.allow(ctx, c, "ecr:DeleteRegistryPolicy")
	if err != nil {
		return Policy{}, err
	}
	return s.deleteRegistryPolicy(ctx, scope.Account)
}

func (s *Service) deleteRegistryPolicy(ctx context.Context, account string) (Policy, error) {
	text, ok, err := s.Store.DeleteSetting(ctx, account, meta.SettingRegistryPolicy)
	return registryPolicy(account, text, ok, err)
}

func registryPolicy(account, text string, ok bool, err error) (Policy, error) {
	if err == nil && !ok {
		err = registry.NoRegistryPolicy(account)
	}
	return Policy{Account: account, Text: text}, err
}

// ClearPolicies removes the policy of a repository, or that of the registry
// when repository is empty, for an account whose owner is locked out by it. It
// asks nobody: whoever calls it must have made sure that an operator asks.
// Errors: RepositoryNotFound, RepositoryPolicyNotFound, RegistryPolicyNotFound.
func (s *Service) ClearPolicies(ctx context.Context, account, repository string) error {
	if repository == "" {
		_, err := s.deleteRegistryPolicy(ctx, account)
		return err
	}
	_, err := s.deleteRepositoryPolicy(ctx, account, repository)
	return err
}

// checkPolicy compiles a policy of a repository or a registry, and answers the
// text that is to be stored: what decides later is what was checked.
// Errors: InvalidParameter.
func (s *Service) checkPolicy(ctx context.Context, scope registry.Scope, g iam.Grammar, given string) (string, *iam.Policy, error) {
	kind := "repository"
	if g == iam.RegistryPolicy {
		kind = "registry"
	}
	text, err := rewritePolicy(given)
	if err != nil {
		return "", nil, registry.InvalidPolicyText(kind, err)
	}
	compiled, err := iam.Parse("", g, text)
	if err != nil {
		return "", nil, registry.InvalidPolicyText(kind, err)
	}
	for _, principal := range compiled.Principals() {
		exists, err := s.principalExists(ctx, scope, principal)
		if err != nil {
			return "", nil, err
		}
		if !exists {
			return "", nil, registry.InvalidPolicyText(kind, errors.New(principal+" does not exist"))
		}
	}
	return text, compiled, nil
}

// principalExists says whether somebody whom a policy names exists, in the
// account that the policy is of. Those of other accounts are taken to exist:
// whom these have is not to be found out from here, and policies that are
// copied from AWS must apply unchanged.
func (s *Service) principalExists(ctx context.Context, scope registry.Scope, principal string) (bool, error) {
	account, kind, name, ok := entityOf(principal)
	if !ok {
		return true, nil
	}
	if account != scope.Account {
		return true, nil
	}
	return s.recordExists(ctx, account, kind, name)
}

func (s *Service) recordExists(ctx context.Context, account string, kind meta.RecordKind, name string) (bool, error) {
	_, err := s.Store.Record(ctx, account, kind, name)
	if errors.Is(err, meta.ErrNoRecord) {
		return false, nil
	}
	return err == nil, err
}

// entityOf answers the user or role that an ARN names, and whether it names
// one. Sessions of a role come and go; it is the role that must exist.
func entityOf(arn string) (account string, kind meta.RecordKind, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !registry.ValidAccount(parts[4]) {
		return "", "", "", false
	}
	what, name, _ := strings.Cut(parts[5], "/")
	switch parts[2] + " " + what {
	case "iam user":
		return parts[4], meta.UserRecord, name, true
	case "iam role":
		return parts[4], meta.RoleRecord, name, true
	case "sts assumed-role":
		name, _, _ = strings.Cut(name, "/")
		return parts[4], meta.RoleRecord, name, true
	}
	return "", "", "", false
}
