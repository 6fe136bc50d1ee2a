package sql

import (
	"context"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	qSetting       = `SELECT value FROM settings WHERE account = ? AND name = ?`
	qPutSetting    = `INSERT INTO settings (account, name, value) VALUES (?, ?, ?) ON CONFLICT (account, name) DO UPDATE SET value = excluded.value`
	qDeleteSetting = `DELETE FROM settings WHERE account = ? AND name = ? RETURNING value`

	keyColumns = `k.id, k.secret, k.account, k.principal, k.user_id, k.active, k.created_at`
	qAccessKey = `SELECT ` + keyColumns + ` FROM access_keys k WHERE k.id = ?`
	qInstance  = `SELECT i.secret, i.created_at, ` + keyColumns + ` FROM instance i JOIN access_keys k ON k.id = i.root_key WHERE i.id = 1`
	qInsertKey = `INSERT INTO access_keys (id, secret, account, principal, user_id, active, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`
	// Of two replicas that start at once one violates the primary key, and
	// finds the other's instance when it tries again.
	qInsertInstance = `INSERT INTO instance (id, secret, created_at, root_key) VALUES (1, ?, ?, ?)`
)

// Setting is part of meta.Settings.
func (s *Store) Setting(ctx context.Context, account, name string) (string, bool, error) {
	key := nameOf{account, name}
	k, ok, changes := s.settings.get(key)
	if ok {
		return k.value, k.found, nil
	}
	var err error
	if k.found, err = s.read.row(ctx, qSetting, []any{account, name}, &k.value); err != nil {
		return "", false, err
	}
	s.settings.put(key, k, changes)
	return k.value, k.found, nil
}

// PutSetting is part of meta.Settings.
func (s *Store) PutSetting(ctx context.Context, account, name, value string) error {
	if !isText(account) || !isText(name) || !isText(value) {
		return registry.InvalidParameter("value", "must be text")
	}
	defer s.settingsChanged()
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qPutSetting, account, name, value)
		return err
	})
}

// DeleteSetting is part of meta.Settings.
func (s *Store) DeleteSetting(ctx context.Context, account, name string) (string, bool, error) {
	var k knownSetting
	defer s.settingsChanged()
	err := s.write(ctx, func(t *tx) (err error) {
		k = knownSetting{}
		k.found, err = t.returning(qDeleteSetting, []any{account, name}, &k.value)
		return err
	})
	if err != nil {
		return "", false, err
	}
	return k.value, k.found, nil
}

// AccessKey is part of meta.Keys.
func (s *Store) AccessKey(ctx context.Context, id string) (meta.AccessKey, bool, error) {
	var k meta.AccessKey
	var created int64
	found, err := s.read.row(ctx, qAccessKey, []any{id}, keyFields(&k, &created)...)
	if err != nil || !found {
		return meta.AccessKey{}, false, err
	}
	k.CreatedAt = fromMicros(created)
	return k, true, nil
}

func keyFields(k *meta.AccessKey, created *int64) []any {
	return []any{&k.ID, &k.Secret, &k.Account, &k.Principal, &k.UserID, &k.Active, created}
}

// EnsureInstance is part of meta.Keys.
func (s *Store) EnsureInstance(ctx context.Context, instance meta.Instance, root meta.AccessKey) (meta.Instance, meta.AccessKey, bool, error) {
	var i meta.Instance
	var k meta.AccessKey
	var created bool
	err := s.write(ctx, func(t *tx) error {
		found, err := findInstance(t, &i, &k)
		if created = !found; err != nil || found {
			return err
		}
		if _, err := t.exec(qInsertKey, root.ID, root.Secret, root.Account, root.Principal, root.UserID, root.Active, micros(root.CreatedAt)); err != nil {
			return err
		}
		if _, err := t.exec(qInsertInstance, nonNil(instance.Secret), micros(instance.CreatedAt), root.ID); err != nil {
			return err
		}
		_, err = findInstance(t, &i, &k)
		return err
	})
	if err != nil {
		return meta.Instance{}, meta.AccessKey{}, false, err
	}
	return i, k, created, nil
}

func findInstance(t *tx, i *meta.Instance, k *meta.AccessKey) (bool, error) {
	var made, keyMade int64
	found, err := t.find(qInstance, nil, append([]any{&i.Secret, &made}, keyFields(k, &keyMade)...)...)
	i.CreatedAt, k.CreatedAt = fromMicros(made), fromMicros(keyMade)
	return found, err
}
