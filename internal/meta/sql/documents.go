package sql

import (
	"context"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	qDocument    = `SELECT text, updated_at, evaluated_at FROM repository_documents WHERE repository_id = ? AND kind = ?`
	qPutDocument = `INSERT INTO repository_documents (repository_id, kind, text, updated_at, evaluated_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (repository_id, kind) DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at, evaluated_at = excluded.evaluated_at`
	qDeleteDocument = `DELETE FROM repository_documents WHERE repository_id = ? AND kind = ? RETURNING text, updated_at, evaluated_at`

	// One row, whatever there is of it.
	qAccessPolicies = `SELECT
		coalesce((SELECT d.text FROM repositories r JOIN repository_documents d ON d.repository_id = r.id WHERE r.account = ? AND r.name = ? AND d.kind = '` + string(meta.PolicyDocument) + `'), ''),
		coalesce((SELECT tags FROM repositories WHERE account = ? AND name = ?), '[]'),
		coalesce((SELECT value FROM settings WHERE account = ? AND name = '` + meta.SettingRegistryPolicy + `'), ''),
		coalesce((SELECT value FROM settings WHERE account = ? AND name = '` + registry.SettingPolicyScope + `'), '')`
)

// rawDocument is a row of repository_documents.
type rawDocument struct {
	text               string
	updated, evaluated int64
}

func (w *rawDocument) fields() []any { return []any{&w.text, &w.updated, &w.evaluated} }

func (w *rawDocument) document() meta.Document {
	return meta.Document{Text: w.text, UpdatedAt: fromMicros(w.updated), EvaluatedAt: fromMicros(w.evaluated)}
}

// PutDocument is part of meta.Documents.
func (s *Store) PutDocument(ctx context.Context, account, repository string, kind meta.DocumentKind, d meta.Document) error {
	if !isText(string(kind)) || !isText(d.Text) {
		return registry.InvalidParameter("policyText", "must be text")
	}
	defer s.policies.changed()
	return s.write(ctx, func(t *tx) error {
		id, err := sharedRepositoryID(t, account, repository)
		if err != nil {
			return err
		}
		_, err = t.exec(qPutDocument, id, string(kind), d.Text, micros(d.UpdatedAt), micros(d.EvaluatedAt))
		return err
	})
}

// Document is part of meta.Documents.
func (s *Store) Document(ctx context.Context, account, repository string, kind meta.DocumentKind) (meta.Document, bool, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return meta.Document{}, false, err
	}
	var raw rawDocument
	found, err := s.read.row(ctx, qDocument, []any{id, string(kind)}, raw.fields()...)
	return raw.document(), found, err
}

// DeleteDocument is part of meta.Documents.
func (s *Store) DeleteDocument(ctx context.Context, account, repository string, kind meta.DocumentKind) (meta.Document, bool, error) {
	var raw rawDocument
	var found bool
	defer s.policies.changed()
	err := s.write(ctx, func(t *tx) error {
		id, err := sharedRepositoryID(t, account, repository)
		if err != nil {
			return err
		}
		raw = rawDocument{}
		found, err = t.returning(qDeleteDocument, []any{id, string(kind)}, raw.fields()...)
		return err
	})
	if err != nil {
		return meta.Document{}, false, err
	}
	return raw.document(), found, nil
}

// AccessPolicies is part of meta.Documents.
func (s *Store) AccessPolicies(ctx context.Context, account, repository string) (meta.AccessPolicies, error) {
	key := nameOf{account, repository}
	known, ok, changes := s.policies.get(key)
	if ok {
		return known, nil
	}
	var p meta.AccessPolicies // apart from known, which stays off the heap
	var tags string
	_, err := s.read.row(ctx, qAccessPolicies, []any{account, repository, account, repository, account, account},
		&p.Repository, &tags, &p.Registry, &p.Scope)
	if err != nil {
		return meta.AccessPolicies{}, err
	}
	if tags != "[]" {
		if err := fromJSON(tags, &p.Tags); err != nil {
			return meta.AccessPolicies{}, err
		}
	}
	s.policies.put(key, p, changes)
	return p, nil
}
