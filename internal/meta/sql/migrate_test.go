package sql

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/test/postgres"
)

// TestFirstVersionIsBroughtUp opens databases that the first version made and
// filled, and looks for all that was in them.
func TestFirstVersionIsBroughtUp(t *testing.T) {
	urls := map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "ecru.db"), "PostgreSQL": ""}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			if url == "" {
				url = postgres.New(t)
				firstVersion(t, "pgx", url, postgresDialect())
			} else {
				firstVersion(t, "sqlite", sqliteName(strings.TrimPrefix(url, "sqlite:"), writerPragmas), sqliteDialect())
			}
			s := open(t, url)
			checkFirstVersion(t, s)
			checkInvariants(t, s)
			useBroughtUp(t, s)
			checkInvariants(t, s)
		})
	}
}

// firstVersion makes a database as the first version did: a repository of an
// index, its child, and another image of one blob.
func firstVersion(t *testing.T, driver, source string, d *dialect) {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		t.Fatal(err)
	}
	dialects := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres}
	provider, err := goose.NewProvider(dialects[d.name], db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), d.render(statement), args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	exec(`INSERT INTO access_keys (id, secret, account, principal, user_id, active, created_at) VALUES ('AKIAROOT', 'sécret/+', '000000000000', 'arn:root', '000000000000', {lite:1}{pg:TRUE}, 1000001)`)
	exec(`INSERT INTO instance (id, secret, created_at, root_key) VALUES (1, ?, 1000002, 'AKIAROOT')`, []byte("\x00\xffinstance"))
	exec(`INSERT INTO settings (account, name, value) VALUES ('000000000000', 'REGISTRY_POLICY_SCOPE', 'V1')`)
	exec(`INSERT INTO repositories (account, name, created_at, tag_mutability, mutability_filters, scan_on_push, encryption_type, kms_key, tags)
		VALUES ('000000000000', 'web', 5, 'MUTABLE', '[]', {lite:1}{pg:TRUE}, 'AES256', '', '[{"Key":"a","Value":"b"}]')`)
	exec(`INSERT INTO blobs (digest, size, key) VALUES (?, 7, 'k')`, metatest.DigestOf("blob"))
	exec(`INSERT INTO repository_blobs (repository_id, blob_id, touched_at) VALUES (1, 1, 5)`)
	for n, tagged := range []int{0, 1, 1} {
		exec(`INSERT INTO images (repository_id, digest, media_type, artifact_type, subject_digest, annotations, size, manifest_size, pushed_at, last_pulled_at, status, tag_count, payload)
			VALUES (1, ?, 'm', 'a', NULL, NULL, 7, 3, 6, 0, 'ACTIVE', ?, ?)`, metatest.DigestOf(fmt.Sprint(n)), tagged, []byte("{}\n"))
	}
	exec(`INSERT INTO tags (repository_id, tag, image_id) VALUES (1, 'index', 2), (1, 'other', 3)`)
	exec(`INSERT INTO image_blobs (image_id, blob_id, repository_id) VALUES (1, 1, 1), (3, 1, 1)`)
	exec(`INSERT INTO image_children (parent_id, child_id) VALUES (2, 1)`)
	exec(`INSERT INTO image_counts (repository_id, shard, images) VALUES (1, 0, 3)`)
	exec(`INSERT INTO scans (image_id, engine, status, description, requested_at, completed_at, source_updated_at, inventory_id, counts, findings)
		VALUES (3, 'E', 'COMPLETE', '', 1, 2, 0, '', '{}', ?)`, []byte("[]"))
	exec(`INSERT INTO uploads (id, repository_id, size, hash_state, blob_state, last_part, short_part, cancelled, updated_at)
		VALUES ('u', 1, 10, ?, ?, 1, {lite:0}{pg:FALSE}, {lite:0}{pg:FALSE}, 9)`, []byte("h"), []byte("b"))
	exec(`INSERT INTO jobs (kind, key, payload, run_at, attempts, state, reason) VALUES ('k', 'j', ?, 0, 0, 'waiting', '')`, []byte("p"))
}

func checkFirstVersion(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	same := func(what string, want, got any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
	}
	at := func(n int64) time.Time { return time.UnixMicro(n).UTC() }
	root := meta.AccessKey{ID: "AKIAROOT", Secret: []byte("sécret/+"), Account: benchAccount, Principal: "arn:root", UserID: benchAccount, Active: true, CreatedAt: at(1000001)}
	instance, key, created, err := s.EnsureInstance(ctx, meta.Instance{Secret: []byte("new")}, meta.AccessKey{ID: "new"})
	same("instance", meta.Instance{Secret: []byte("\x00\xffinstance"), CreatedAt: at(1000002)}, instance, err)
	if same("root key", root, key, err); created {
		t.Error("another instance was made")
	}
	keys, err := s.ListAccessKeys(ctx, benchAccount, "")
	same("keys", []meta.AccessKey{root}, keys, err)
	policies, err := s.AccessPolicies(ctx, benchAccount, "web")
	same("policies", meta.AccessPolicies{Scope: "V1", Tags: []registry.ResourceTag{{Key: "a", Value: "b"}}}, policies, err)
	images, err := s.ListImages(ctx, benchAccount, "web", meta.ImageQuery{Limit: 9})
	if err != nil || len(images) != 3 || !images[0].ArchivedAt.IsZero() {
		t.Errorf("images: %+v, %v", images, err)
	}
	m, err := s.Manifest(ctx, benchAccount, "web", registry.Reference{Tag: "index"})
	if err != nil || string(m.Payload) != "{}\n" {
		t.Errorf("manifest: %+v, %v", m, err)
	}
	u, found, err := s.Upload(ctx, "u")
	if err != nil || !found || u.Offset != 10 || u.Parts != 0 {
		t.Errorf("upload: %+v, %v, %v", u, found, err)
	}
	if jobs, err := s.ClaimJobs(ctx, time.Now(), time.Minute, 9); err != nil || len(jobs) != 1 {
		t.Errorf("jobs: %v, %v", jobs, err)
	}
}

// useBroughtUp does what only this version can with what the first has left.
func useBroughtUp(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	seal := func(secret []byte) ([]byte, error) { return append([]byte("\xff\x00"), secret...), nil }
	if err := s.RewriteSecrets(ctx, seal); err != nil {
		t.Error(err)
	}
	if k, _, err := s.AccessKey(ctx, "AKIAROOT"); err != nil || string(k.Secret) != "\xff\x00sécret/+" {
		t.Errorf("sealed: %q, %v", k.Secret, err)
	}
	if err := s.DeleteAccessKey(ctx, benchAccount, "AKIAROOT"); err != meta.ErrExists {
		t.Errorf("deleting the root key: %v", err)
	}
	change := meta.SetStorageClass{Account: benchAccount, Repository: "web", ID: registry.ImageID{Digest: metatest.DigestOf("0")}, Status: registry.ImageArchived, Now: time.Now()}
	if _, err := s.SetStorageClass(ctx, change); registry.CodeOf(err) != registry.CodeImageStorageClassUpdateNotSupported {
		t.Errorf("archiving a child: %v", err)
	}
	change.ID = registry.ImageID{Tag: "other"}
	if i, err := s.SetStorageClass(ctx, change); err != nil || i.Status != registry.ImageArchived {
		t.Errorf("archiving: %+v, %v", i, err)
	}
	if err := s.PutDocument(ctx, benchAccount, "web", meta.PolicyDocument, meta.Document{Text: "p"}); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteRepository(ctx, benchAccount, "web", true, nil); err != nil {
		t.Error(err)
	}
}
