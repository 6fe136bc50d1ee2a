package sql

import (
	"context"
	"errors"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

var errPending = errors.New("sql: not written yet")

func (s *Store) CreateAccessKey(ctx context.Context, k meta.AccessKey, most int) error {
	return errPending
}
func (s *Store) ListAccessKeys(ctx context.Context, account, principal string) ([]meta.AccessKey, error) {
	return nil, errPending
}
func (s *Store) SetAccessKeyActive(ctx context.Context, account, id string, active bool) error {
	return errPending
}
func (s *Store) DeleteAccessKey(ctx context.Context, account, id string) error { return errPending }
func (s *Store) RecordKeyUses(ctx context.Context, uses []meta.KeyUse) error   { return errPending }
func (s *Store) RewriteSecrets(ctx context.Context, rewrite func(sealed []byte) ([]byte, error)) error {
	return errPending
}
func (s *Store) SetStorageClass(ctx context.Context, in meta.SetStorageClass) (registry.Image, error) {
	return registry.Image{}, errPending
}
