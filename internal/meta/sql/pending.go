package sql

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

var errPending = errors.New("sql: not written yet")

func (s *Store) DeleteSetting(ctx context.Context, account, name string) (string, bool, error) {
	return "", false, errPending
}
func (s *Store) CreateAccessKey(ctx context.Context, k meta.AccessKey, most int) error { return errPending }
func (s *Store) ListAccessKeys(ctx context.Context, account, principal string) ([]meta.AccessKey, error) {
	return nil, errPending
}
func (s *Store) SetAccessKeyActive(ctx context.Context, account, id string, active bool) error {
	return errPending
}
func (s *Store) DeleteAccessKey(ctx context.Context, account, id string) error { return errPending }
func (s *Store) RecordKeyUses(ctx context.Context, uses []meta.KeyUse) error    { return errPending }
func (s *Store) RewriteSecrets(ctx context.Context, rewrite func(sealed []byte) ([]byte, error)) error {
	return errPending
}
func (s *Store) CreateRecord(ctx context.Context, r meta.Record, most int) error { return errPending }
func (s *Store) Record(ctx context.Context, account string, kind meta.RecordKind, name string) (meta.Record, error) {
	return meta.Record{}, errPending
}
func (s *Store) ListRecords(ctx context.Context, account string, kind meta.RecordKind, after string, limit int) ([]meta.Record, error) {
	return nil, errPending
}
func (s *Store) UpdateRecord(ctx context.Context, account string, kind meta.RecordKind, name string, now time.Time, change func(*meta.Record) error) (meta.Record, error) {
	return meta.Record{}, errPending
}
func (s *Store) DeleteRecord(ctx context.Context, account string, kind meta.RecordKind, name string) (meta.Record, error) {
	return meta.Record{}, errPending
}
func (s *Store) PutDocument(ctx context.Context, account, repository string, kind meta.DocumentKind, d meta.Document) error {
	return errPending
}
func (s *Store) Document(ctx context.Context, account, repository string, kind meta.DocumentKind) (meta.Document, bool, error) {
	return meta.Document{}, false, errPending
}
func (s *Store) DeleteDocument(ctx context.Context, account, repository string, kind meta.DocumentKind) (meta.Document, bool, error) {
	return meta.Document{}, false, errPending
}
func (s *Store) AccessPolicies(ctx context.Context, account, repository string) (meta.AccessPolicies, error) {
	return meta.AccessPolicies{}, nil
}
func (s *Store) SetStorageClass(ctx context.Context, in meta.SetStorageClass) (registry.Image, error) {
	return registry.Image{}, errPending
}
