package sql

import (
	"context"

	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	qSetting       = `SELECT value FROM settings WHERE account = ? AND name = ?`
	qPutSetting    = `INSERT INTO settings (account, name, value) VALUES (?, ?, ?) ON CONFLICT (account, name) DO UPDATE SET value = excluded.value`
	qDeleteSetting = `DELETE FROM settings WHERE account = ? AND name = ? RETURNING value`
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
