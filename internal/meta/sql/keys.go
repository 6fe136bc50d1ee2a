package sql

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	keyColumns   = `k.id, k.secret, k.account, k.principal, k.user_id, k.active, k.created_at`
	useColumns   = `k.last_used_at, k.last_used_for, k.last_used_region`
	qAccessKey   = `SELECT ` + keyColumns + ` FROM access_keys k WHERE k.id = ?`
	qKeysOf      = `SELECT ` + keyColumns + `, ` + useColumns + ` FROM access_keys k WHERE k.account = ? AND k.principal = ? ORDER BY k.id`
	qKeysOfAll   = `SELECT ` + keyColumns + `, ` + useColumns + ` FROM access_keys k WHERE k.account = ? ORDER BY k.id`
	qCountKeys   = `SELECT count(*) FROM access_keys WHERE account = ? AND principal = ?`
	qInsertKey   = `INSERT INTO access_keys (id, secret, account, principal, user_id, active, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`
	qActivateKey = `UPDATE access_keys SET active = ? WHERE id = ? AND account = ?`
	// The key is locked first: EnsureInstance may be about to point to it.
	qKeyForDelete = `SELECT id FROM access_keys WHERE id = ? AND account = ?{pg: FOR UPDATE}`
	qIsRootKey    = `SELECT 1 FROM instance WHERE root_key = ?`
	qDeleteKey    = `DELETE FROM access_keys WHERE id = ?`
	qRecordUse    = `UPDATE access_keys SET last_used_at = ?, last_used_for = ?, last_used_region = ? WHERE id = ? AND last_used_at < ?`

	qInstance = `SELECT i.secret, i.created_at, ` + keyColumns + ` FROM instance i JOIN access_keys k ON k.id = i.root_key WHERE i.id = 1`
	// Of two replicas that start at once one violates the primary key, and
	// finds the other's instance when it tries again.
	qInsertInstance = `INSERT INTO instance (id, secret, created_at, root_key) VALUES (1, ?, ?, ?)`

	// While secrets are rewritten nobody adds one. SQLite has one writer.
	qLockSealed      = `LOCK TABLE access_keys, instance, records IN SHARE ROW EXCLUSIVE MODE`
	qInstanceSecret  = `SELECT secret FROM instance WHERE id = 1`
	qSealedKeys      = `SELECT id, secret FROM access_keys`
	qRewriteInstance = `UPDATE instance SET secret = ? WHERE id = 1`
	qRewriteKey      = `UPDATE access_keys SET secret = ? WHERE id = ?`
	qSealedRecords   = `SELECT account, name, body FROM records WHERE kind = ?`
	qRewriteRecord   = `UPDATE records SET body = ? WHERE account = ? AND kind = ? AND name = ?`
)

// AccessKey is part of meta.Keys. Keys that there are not are not remembered:
// anybody may make them up.
func (s *Store) AccessKey(ctx context.Context, id string) (meta.AccessKey, bool, error) {
	if !isText(id) {
		return meta.AccessKey{}, false, ctx.Err()
	}
	k, ok, changes := s.keys.get(id)
	if ok {
		return k, true, nil
	}
	var raw rawKey
	found, err := s.read.row(ctx, qAccessKey, []any{id}, raw.fields()...)
	if err != nil || !found {
		return meta.AccessKey{}, false, err
	}
	k = raw.key()
	s.keys.put(id, k, changes)
	return k, true, nil
}

// rawKey is a row of keyColumns, perhaps with useColumns.
type rawKey struct {
	k               meta.AccessKey
	created, used   int64
	service, region string
}

func (w *rawKey) fields() []any {
	return []any{&w.k.ID, &w.k.Secret, &w.k.Account, &w.k.Principal, &w.k.UserID, &w.k.Active, &w.created}
}

func (w *rawKey) fieldsWithUse() []any { return append(w.fields(), &w.used, &w.service, &w.region) }

func (w *rawKey) key() meta.AccessKey {
	w.k.CreatedAt = fromMicros(w.created)
	if w.used != 0 {
		w.k.LastUsed = meta.KeyUse{ID: w.k.ID, At: fromMicros(w.used), Service: w.service, Region: w.region}
	}
	return w.k
}

// ListAccessKeys is part of meta.KeyRing.
func (s *Store) ListAccessKeys(ctx context.Context, account, principal string) ([]meta.AccessKey, error) {
	statement, args := qKeysOfAll, []any{account}
	if principal != "" {
		statement, args = qKeysOf, []any{account, principal}
	}
	var all []meta.AccessKey
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var raw rawKey
		err := rows.Scan(raw.fieldsWithUse()...)
		all = append(all, raw.key())
		return err
	}, statement, args...)
	return all, err
}

// CreateAccessKey is part of meta.KeyRing.
func (s *Store) CreateAccessKey(ctx context.Context, k meta.AccessKey, most int) error {
	for _, text := range []string{k.ID, k.Account, k.Principal, k.UserID} {
		if !isName(text) {
			return registry.InvalidParameter("accessKeyId", "must be text of at most 1024 bytes")
		}
	}
	defer s.keys.changed()
	return s.write(ctx, func(t *tx) error {
		if err := takeTurns(t, most, "access-key", k.Principal); err != nil {
			return err
		}
		var raw rawKey
		switch found, err := t.find(qAccessKey, []any{k.ID}, raw.fields()...); {
		case err != nil:
			return err
		case found:
			return meta.ErrExists
		}
		if err := checkRoom(t, most, qCountKeys, k.Account, k.Principal); err != nil {
			return err
		}
		return insertKey(t, k)
	})
}

func insertKey(t *tx, k meta.AccessKey) error {
	_, err := t.exec(qInsertKey, k.ID, nonNil(k.Secret), k.Account, k.Principal, k.UserID, k.Active, micros(k.CreatedAt))
	return err
}

// SetAccessKeyActive is part of meta.KeyRing.
func (s *Store) SetAccessKeyActive(ctx context.Context, account, id string, active bool) error {
	if !isText(id) {
		return meta.ErrNoRecord
	}
	defer s.keys.changed()
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(qActivateKey, active, id, account)
		if err == nil && n == 0 {
			err = meta.ErrNoRecord
		}
		return err
	})
}

// DeleteAccessKey is part of meta.KeyRing.
func (s *Store) DeleteAccessKey(ctx context.Context, account, id string) error {
	if !isText(id) {
		return meta.ErrNoRecord
	}
	defer s.keys.changed()
	return s.write(ctx, func(t *tx) error {
		var one int
		switch found, err := t.find(qKeyForDelete, []any{id, account}, new(string)); {
		case err != nil:
			return err
		case !found:
			return meta.ErrNoRecord
		}
		switch isRoot, err := t.find(qIsRootKey, []any{id}, &one); {
		case err != nil:
			return err
		case isRoot:
			return meta.ErrExists
		}
		_, err := t.exec(qDeleteKey, id)
		return err
	})
}

// RecordKeyUses is part of meta.KeyRing. What is remembered of keys has no uses
// in it, so it stays right.
func (s *Store) RecordKeyUses(ctx context.Context, uses []meta.KeyUse) error {
	latest := map[string]meta.KeyUse{}
	for _, u := range uses {
		if isText(u.ID) && u.At.After(latest[u.ID].At) {
			latest[u.ID] = u
		}
	}
	if len(latest) == 0 {
		return nil
	}
	// All writers have one order, in which they cannot lock each other out.
	order := slices.Sorted(maps.Keys(latest))
	return s.write(ctx, func(t *tx) error {
		for _, id := range order {
			u := latest[id]
			at := micros(u.At)
			if _, err := t.exec(qRecordUse, at, toText(u.Service), toText(u.Region), id, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// RewriteSecrets is part of meta.KeyRing.
func (s *Store) RewriteSecrets(ctx context.Context, rewrite func(sealed []byte) ([]byte, error)) error {
	defer s.keys.changed()
	defer s.records.changed()
	return s.write(ctx, func(t *tx) error {
		if t.d.numbered {
			if _, err := t.exec(qLockSealed); err != nil {
				return err
			}
		}
		changes, err := rewrittenSecrets(t, rewrite)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if _, err := t.exec(c.statement, c.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// secretChange is a statement that stores a rewritten secret.
type secretChange struct {
	statement string
	args      []any
}

// rewrittenSecrets asks for all new secrets before any is stored.
func rewrittenSecrets(t *tx, rewrite func([]byte) ([]byte, error)) ([]secretChange, error) {
	var changes []secretChange
	add := func(statement string, sealed []byte, args ...any) error {
		secret, err := rewrite(sealed)
		changes = append(changes, secretChange{statement, append([]any{nonNil(secret)}, args...)})
		return err
	}
	var secret []byte
	found, err := t.find(qInstanceSecret, nil, &secret)
	if err != nil {
		return nil, err
	}
	if found {
		if err := add(qRewriteInstance, secret); err != nil {
			return nil, err
		}
	}
	err = each(t.ctx, t, func(rows *sql.Rows) error {
		var id string
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			return err
		}
		return add(qRewriteKey, sealed, id)
	}, qSealedKeys)
	if err != nil {
		return nil, err
	}
	kind := string(meta.SecretRecord)
	err = each(t.ctx, t, func(rows *sql.Rows) error {
		var account, name string
		var sealed []byte
		if err := rows.Scan(&account, &name, &sealed); err != nil {
			return err
		}
		return add(qRewriteRecord, sealed, account, kind, name)
	}, qSealedRecords, kind)
	return changes, err
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
		if err := insertKey(t, root); err != nil {
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
	var made int64
	var raw rawKey
	found, err := t.find(qInstance, nil, append([]any{&i.Secret, &made}, raw.fields()...)...)
	i.CreatedAt = fromMicros(made)
	*k = raw.key()
	return found, err
}
