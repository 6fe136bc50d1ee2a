package service

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Quotas of an identity's policies, IAM's for roles.
const (
	maxManaged   = 10
	maxInline    = 10_240 // bytes of all documents
	maxTrustSize = 4_096
)

// policyName is how inline policies may be called, as in IAM.
var policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

// awsPolicies begins the ARNs of managed policies.
const awsPolicies = "arn:aws:iam::aws:policy/"

// AttachUserPolicy gives a user a managed policy, by name or ARN; one that it
// has already changes nothing. Errors: AccessDenied, NoSuchEntity,
// LimitExceeded.
func (s *Service) AttachUserPolicy(ctx context.Context, c Caller, account, user, policy string) error {
	return s.changePolicies(ctx, c, "AttachUserPolicy", identity{account, meta.UserRecord, user}, attach(policy))
}

// DetachUserPolicy takes a managed policy away from a user.
// Errors: AccessDenied, NoSuchEntity.
func (s *Service) DetachUserPolicy(ctx context.Context, c Caller, account, user, policy string) error {
	return s.changePolicies(ctx, c, "DetachUserPolicy", identity{account, meta.UserRecord, user}, detach(policy))
}

// PutUserPolicy stores or replaces an inline policy of a user.
// Errors: AccessDenied, NoSuchEntity, InvalidParameter,
// MalformedPolicyDocument, LimitExceeded.
func (s *Service) PutUserPolicy(ctx context.Context, c Caller, account, user, name, document string) error {
	return s.changePolicies(ctx, c, "PutUserPolicy", identity{account, meta.UserRecord, user}, put(name, document))
}

// DeleteUserPolicy removes an inline policy of a user.
// Errors: AccessDenied, NoSuchEntity.
func (s *Service) DeleteUserPolicy(ctx context.Context, c Caller, account, user, name string) error {
	return s.changePolicies(ctx, c, "DeleteUserPolicy", identity{account, meta.UserRecord, user}, remove(name))
}

// AttachRolePolicy is AttachUserPolicy for a role.
func (s *Service) AttachRolePolicy(ctx context.Context, c Caller, account, role, policy string) error {
	return s.changePolicies(ctx, c, "AttachRolePolicy", identity{account, meta.RoleRecord, role}, attach(policy))
}

// DetachRolePolicy is DetachUserPolicy for a role.
func (s *Service) DetachRolePolicy(ctx context.Context, c Caller, account, role, policy string) error {
	return s.changePolicies(ctx, c, "DetachRolePolicy", identity{account, meta.RoleRecord, role}, detach(policy))
}

// PutRolePolicy is PutUserPolicy for a role.
func (s *Service) PutRolePolicy(ctx context.Context, c Caller, account, role, name, document string) error {
	return s.changePolicies(ctx, c, "PutRolePolicy", identity{account, meta.RoleRecord, role}, put(name, document))
}

// DeleteRolePolicy is DeleteUserPolicy for a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, c Caller, account, role, name string) error {
	return s.changePolicies(ctx, c, "DeleteRolePolicy", identity{account, meta.RoleRecord, role}, remove(name))
}

// identity names a user or a role.
type identity struct {
	account string
	kind    meta.RecordKind
	name    string
}

// changePolicies authorises and changes the policies of a user or a role.
func (s *Service) changePolicies(ctx context.Context, c Caller, operation string, of identity, change func(*attachments) error) error {
	account, err := s.allowIdentities(ctx, c, of.account, operation)
	if err != nil {
		return err
	}
	return s.changeRecord(ctx, account, of.kind, of.name, func(members map[string]json.RawMessage) error {
		var policies attachments
		if err := json.Unmarshal(members["policies"], &policies); err != nil {
			return registry.Internal("reading policies", err)
		}
		if err := change(&policies); err != nil {
			return err
		}
		members["policies"] = marshalRecord(policies)
		return nil
	})
}

// changeRecord changes some members of a record and leaves the others as they
// are.
func (s *Service) changeRecord(ctx context.Context, account string, kind meta.RecordKind, name string, change func(map[string]json.RawMessage) error) error {
	_, err := s.Store.UpdateRecord(ctx, account, kind, name, s.Now(), func(r *meta.Record) error {
		var members map[string]json.RawMessage
		if err := unmarshalRecord(*r, &members); err != nil {
			return err
		}
		if err := change(members); err != nil {
			return err
		}
		r.Body = marshalRecord(members)
		return nil
	})
	if errors.Is(err, meta.ErrNoRecord) {
		return entityError(kind, name, err)
	}
	return err
}

// newAttachments checks the policies that an identity begins with.
func newAttachments(managed []string, inline map[string]string) (attachments, error) {
	var out attachments
	for _, policy := range managed {
		if err := attach(policy)(&out); err != nil {
			return out, err
		}
	}
	for _, name := range sortedNames(inline) {
		if err := put(name, inline[name])(&out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func attach(policy string) func(*attachments) error {
	return func(a *attachments) error {
		name, err := managedName(policy)
		if err != nil {
			return err
		}
		if slices.Contains(a.Managed, name) {
			return nil
		}
		if len(a.Managed) >= maxManaged {
			return registry.Errorf(registry.CodeLimitExceeded, "Cannot exceed quota for PoliciesPerIdentity: %d", maxManaged)
		}
		a.Managed = append(a.Managed, name)
		slices.Sort(a.Managed)
		return nil
	}
}

func detach(policy string) func(*attachments) error {
	return func(a *attachments) error {
		at := slices.Index(a.Managed, strings.TrimPrefix(policy, awsPolicies))
		if at < 0 {
			return registry.Errorf(registry.CodeNoSuchEntity, "Policy %s was not found.", policy)
		}
		a.Managed = slices.Delete(a.Managed, at, at+1)
		return nil
	}
}

// managedName is the name of a managed policy that is given by name or ARN.
func managedName(policy string) (string, error) {
	name := strings.TrimPrefix(policy, awsPolicies)
	if !slices.Contains(iam.ManagedNames(), name) {
		return "", registry.Errorf(registry.CodeNoSuchEntity, "Policy %s does not exist or is not attachable.", policy)
	}
	return name, nil
}

func put(name, document string) func(*attachments) error {
	return func(a *attachments) error {
		if !policyName.MatchString(name) {
			return registry.InvalidParameter("policyName", `Member must satisfy regular expression pattern: [\w+=,.@-]{1,128}`)
		}
		size := len(document)
		for other, text := range a.Inline {
			if other != name {
				size += len(text)
			}
		}
		if size > maxInline {
			return registry.Errorf(registry.CodeLimitExceeded, "Maximum policy size of %d bytes exceeded", maxInline)
		}
		if err := validDocument(name, iam.IdentityPolicy, document); err != nil {
			return err
		}
		if a.Inline == nil {
			a.Inline = map[string]string{}
		}
		a.Inline[name] = document
		return nil
	}
}

func validDocument(name string, grammar iam.Grammar, document string) error {
	if _, err := iam.Parse(name, grammar, document); err != nil {
		return registry.Errorf(registry.CodeMalformedPolicyDocument, "%s", err)
	}
	return nil
}

func remove(name string) func(*attachments) error {
	return func(a *attachments) error {
		if _, ok := a.Inline[name]; !ok {
			return registry.Errorf(registry.CodeNoSuchEntity, "The policy with name %s cannot be found.", name)
		}
		delete(a.Inline, name)
		return nil
	}
}
