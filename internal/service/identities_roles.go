package service

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// How long the sessions of a role may be, as in IAM.
const (
	minMaxSession     = 15 * time.Minute
	maxMaxSession     = 12 * time.Hour
	defaultMaxSession = time.Hour
)

// CreateRole is a role to be made.
type CreateRole struct {
	Account    string // empty: the caller's
	Name       string
	Trust      string        // policy document
	MaxSession time.Duration // 0: an hour
	Managed    []string
	Inline     map[string]string
}

// CreateRole makes a role. Errors: AccessDenied, InvalidParameter, NoSuchEntity
// (account, policy), EntityAlreadyExists, MalformedPolicyDocument,
// LimitExceeded.
func (s *Service) CreateRole(ctx context.Context, c Caller, in CreateRole) (Role, error) {
	account, err := s.allowIdentities(ctx, c, in.Account, "CreateRole")
	if err != nil {
		return Role{}, err
	}
	policies, err := newAttachments(in.Managed, in.Inline)
	if err != nil {
		return Role{}, err
	}
	if err := validTrust(in.Trust); err != nil {
		return Role{}, err
	}
	session := in.MaxSession
	if session == 0 {
		session = defaultMaxSession
	}
	if session < minMaxSession || session > maxMaxSession || session%time.Second != 0 {
		return Role{}, registry.InvalidParameter("maxSessionDuration", "Member must be between 900 and 43200 seconds")
	}
	record, err := s.createEntity(ctx, account, meta.RoleRecord, in.Name, marshalRecord(storedRole{
		storedIdentity: storedIdentity{ID: newEntityID("AROA"), Policies: policies},
		Trust:          in.Trust, MaxSession: int64(session / time.Second),
	}))
	if err != nil {
		return Role{}, err
	}
	return roleOf(record)
}

func validTrust(document string) error {
	if len(document) > maxTrustSize {
		return registry.Errorf(registry.CodeLimitExceeded, "Cannot exceed quota for ACLSizePerRole: %d", maxTrustSize)
	}
	return validDocument("trust policy", iam.TrustPolicy, document)
}

// ListRoles answers up to limit roles whose names sort after after.
func (s *Service) ListRoles(ctx context.Context, c Caller, account, after string, limit int) ([]Role, error) {
	account, err := s.allowIdentities(ctx, c, account, "ListRoles")
	if err != nil {
		return nil, err
	}
	return listRecords(ctx, s, account, meta.RoleRecord, after, limit, roleOf)
}

// Role answers a role. Errors: AccessDenied, NoSuchEntity.
func (s *Service) Role(ctx context.Context, c Caller, account, name string) (Role, error) {
	account, err := s.allowIdentities(ctx, c, account, "GetRole")
	if err != nil {
		return Role{}, err
	}
	return s.role(ctx, account, name)
}

// DeleteRole removes a role; its sessions may do nothing any more.
// Errors: AccessDenied, NoSuchEntity.
func (s *Service) DeleteRole(ctx context.Context, c Caller, account, name string) error {
	account, err := s.allowIdentities(ctx, c, account, "DeleteRole")
	if err != nil {
		return err
	}
	if _, err := s.Store.DeleteRecord(ctx, account, meta.RoleRecord, name); err != nil {
		return entityError(meta.RoleRecord, name, err)
	}
	return nil
}

// UpdateTrust replaces the policy that says who may assume a role.
// Errors: AccessDenied, NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
func (s *Service) UpdateTrust(ctx context.Context, c Caller, account, name, document string) error {
	account, err := s.allowIdentities(ctx, c, account, "UpdateAssumeRolePolicy")
	if err != nil {
		return err
	}
	if err := validTrust(document); err != nil {
		return err
	}
	return s.changeRecord(ctx, account, meta.RoleRecord, name, func(members map[string]json.RawMessage) error {
		members["trust"] = marshalRecord(document)
		return nil
	})
}
