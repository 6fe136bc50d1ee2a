package service

import (
	"context"
	"regexp"
	"strings"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// entityName is how users and roles may be called, as in IAM.
var entityName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// CreateUser is a user to be made.
type CreateUser struct {
	Account string // empty: the caller's
	Name    string
	Managed []string          // managed policies, by name or ARN
	Inline  map[string]string // documents by the policy's name
}

// CreateUser makes a user without keys. Errors: AccessDenied, InvalidParameter,
// NoSuchEntity (account, policy), EntityAlreadyExists, MalformedPolicyDocument,
// LimitExceeded.
func (s *Service) CreateUser(ctx context.Context, c Caller, in CreateUser) (User, error) {
	account, err := s.allowIdentities(ctx, c, in.Account, "CreateUser")
	if err != nil {
		return User{}, err
	}
	policies, err := newAttachments(in.Managed, in.Inline)
	if err != nil {
		return User{}, err
	}
	body := marshalRecord(storedUser{storedIdentity{ID: newEntityID("AIDA"), Policies: policies}})
	record, err := s.createEntity(ctx, account, meta.UserRecord, in.Name, body)
	if err != nil {
		return User{}, err
	}
	return userOf(record)
}

// createEntity stores a new user or role.
func (s *Service) createEntity(ctx context.Context, account string, kind meta.RecordKind, name string, body []byte) (meta.Record, error) {
	if !entityName.MatchString(name) {
		return meta.Record{}, registry.InvalidParameter("name", `Member must satisfy regular expression pattern: [\w+=,.@-]{1,64}`)
	}
	if err := s.nameIsFree(ctx, account, kind, name); err != nil {
		return meta.Record{}, err
	}
	now := s.Now()
	record := meta.Record{Account: account, Kind: kind, Name: name, Body: body, CreatedAt: now, UpdatedAt: now}
	if err := s.Store.CreateRecord(ctx, record, mostRecords(kind)); err != nil {
		return meta.Record{}, entityError(kind, name, err)
	}
	return record, nil
}

// nameIsFree refuses a name that differs from another only in case, as IAM
// does: people would take the one for the other. Two such names that are made
// at the same moment do no harm beyond that.
func (s *Service) nameIsFree(ctx context.Context, account string, kind meta.RecordKind, name string) error {
	const page = 1000
	for after := ""; ; {
		records, err := s.Store.ListRecords(ctx, account, kind, after, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			if strings.EqualFold(r.Name, name) {
				return entityError(kind, r.Name, meta.ErrExists)
			}
			after = r.Name
		}
		if len(records) < page {
			return nil
		}
	}
}

// ListUsers answers up to limit users whose names sort after after.
func (s *Service) ListUsers(ctx context.Context, c Caller, account, after string, limit int) ([]User, error) {
	account, err := s.allowIdentities(ctx, c, account, "ListUsers")
	if err != nil {
		return nil, err
	}
	return listRecords(ctx, s, account, meta.UserRecord, after, limit, userOf)
}

// User answers a user. Errors: AccessDenied, NoSuchEntity.
func (s *Service) User(ctx context.Context, c Caller, account, name string) (User, error) {
	account, err := s.allowIdentities(ctx, c, account, "GetUser")
	if err != nil {
		return User{}, err
	}
	return s.user(ctx, account, name)
}

func (s *Service) user(ctx context.Context, account, name string) (User, error) {
	r, err := s.Store.Record(ctx, account, meta.UserRecord, name)
	if err != nil {
		return User{}, entityError(meta.UserRecord, name, err)
	}
	return userOf(r)
}

// DeleteUser removes a user with its keys. Errors: AccessDenied, NoSuchEntity.
func (s *Service) DeleteUser(ctx context.Context, c Caller, account, name string) error {
	account, err := s.allowIdentities(ctx, c, account, "DeleteUser")
	if err != nil {
		return err
	}
	if _, err := s.user(ctx, account, name); err != nil {
		return err
	}
	// Keys go first: a key must not outlive its user, whatever happens between.
	if err := s.deleteKeysOf(ctx, account, iam.UserARN(account, name)); err != nil {
		return err
	}
	if _, err := s.Store.DeleteRecord(ctx, account, meta.UserRecord, name); err != nil {
		return entityError(meta.UserRecord, name, err)
	}
	// And so does one that was made meanwhile; see CreateKey.
	return s.deleteKeysOf(ctx, account, iam.UserARN(account, name))
}
