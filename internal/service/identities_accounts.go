package service

import (
	"context"
	"errors"
	"unicode"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// maxAccountName is AWS's.
const maxAccountName = 50

// CreateAccount makes an account with a root key of its own. Only the operator
// may. Errors: AccessDenied, InvalidParameter, EntityAlreadyExists,
// LimitExceeded.
func (s *Service) CreateAccount(ctx context.Context, c Caller, id, name string) (Account, NewAccessKey, error) {
	if err := s.allowOperating(ctx, c, "CreateAccount"); err != nil {
		return Account{}, NewAccessKey{}, err
	}
	if err := validAccount(id, name); err != nil {
		return Account{}, NewAccessKey{}, err
	}
	now := s.Now()
	record := meta.Record{Kind: meta.AccountRecord, Name: id, Body: marshalRecord(storedAccount{Name: name}), CreatedAt: now, UpdatedAt: now}
	if err := s.Store.CreateRecord(ctx, record, mostRecords(meta.AccountRecord)); err != nil {
		return Account{}, NewAccessKey{}, entityError(meta.AccountRecord, id, err)
	}
	key, err := s.makeKey(ctx, rootOwner(id), maxOwnerKeys)
	return Account{ID: id, Name: name, CreatedAt: now}, key, err
}

func validAccount(id, name string) error {
	if !registry.ValidAccount(id) {
		return registry.InvalidParameter("account", "must be 12 digits")
	}
	if len(name) > maxAccountName {
		return registry.InvalidParameter("name", "Member must have length less than or equal to 50")
	}
	for _, r := range name {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return registry.InvalidParameter("name", "must be printable text")
		}
	}
	return nil
}

// ListAccounts answers up to limit accounts whose ids sort after after. Only
// the operator may.
func (s *Service) ListAccounts(ctx context.Context, c Caller, after string, limit int) ([]Account, error) {
	if err := s.allowOperating(ctx, c, "ListAccounts"); err != nil {
		return nil, err
	}
	return listRecords(ctx, s, "", meta.AccountRecord, after, limit, accountOf)
}

func listRecords[T any](ctx context.Context, s *Service, account string, kind meta.RecordKind, after string, limit int, read func(meta.Record) (T, error)) ([]T, error) {
	records, err := s.Store.ListRecords(ctx, account, kind, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(records))
	for i, r := range records {
		if out[i], err = read(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// EnsureAccount makes an account known that the instance was started with. It
// asks nobody: it is for the start of a server and for no transport.
func (s *Service) EnsureAccount(ctx context.Context, id string) error {
	if err := validAccount(id, ""); err != nil {
		return err
	}
	now := s.Now()
	record := meta.Record{Kind: meta.AccountRecord, Name: id, Body: marshalRecord(storedAccount{}), CreatedAt: now, UpdatedAt: now}
	err := s.Store.CreateRecord(ctx, record, 0)
	if errors.Is(err, meta.ErrExists) {
		return nil
	}
	return err
}
