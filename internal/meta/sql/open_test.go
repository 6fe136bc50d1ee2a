package sql

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/test/postgres"
)

// wantOpenError checks that opening fails with one line that says why.
func wantOpenError(t *testing.T, url string, parts ...string) {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		s.Close()
		t.Fatalf("%s was opened", url)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than a line", err)
	}
}

func TestOpenRefusesWrongURLs(t *testing.T) {
	for _, url := range []string{"", "ecru.db", "mysql://x", "sqlite", "postgresx://a"} {
		wantOpenError(t, url, "sqlite:PATH or postgres://")
	}
	wantOpenError(t, "sqlite:", "needs the path of a file")
	wantOpenError(t, "sqlite::memory:", "needs the path of a file")
	wantOpenError(t, "sqlite:"+filepath.Join(t.TempDir(), "none", "ecru.db"), "no such file or directory")
	wantOpenError(t, "sqlite:"+t.TempDir(), "opening the database")
	wantOpenError(t, "postgres://user:hidden@127.0.0.1:1/db", "the database db on 127.0.0.1:1 cannot be reached")
	wantOpenError(t, "postgres://user:hidden@127.0.0.1:port/db", "the database URL")
}

func TestOpenHidesPasswords(t *testing.T) {
	for _, url := range []string{"postgres://user:hidden@127.0.0.1:1/db", "postgres://user:hidden@127.0.0.1:port/db", "postgres://user:hidden@%zz/db"} {
		_, err := Open(t.Context(), Config{URL: url})
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ecru.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is a text ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, "sqlite:"+path, "not a database")
}

func TestOneProcessPerSQLiteDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ecru.db")
	first := open(t, "sqlite:"+path)
	wantOpenError(t, "sqlite:"+path, "another process uses it (process ")
	if err := first.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, "sqlite:"+path)
}

func TestNewerVersionsAreRefused(t *testing.T) {
	urls := map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "ecru.db"), "PostgreSQL": ""}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			if url == "" {
				url = postgres.New(t)
			}
			s, err := Open(t.Context(), Config{URL: url, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			err = s.write(t.Context(), func(t *tx) error {
				_, err := t.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, {lite:1}{pg:TRUE})`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			wantOpenError(t, url, "made by a newer version", "schema 4711")
		})
	}
}

func TestPathsAreNotURLs(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory.db", "a%20b.db", "a#b.db", "ä'\".db"} {
		path := filepath.Join(t.TempDir(), name)
		s := open(t, "sqlite:"+path)
		info, err := os.Stat(path)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%q has mode %v", name, info.Mode())
		}
		metatest.Repo(t, s, "web")
	}
}

func TestWhatWasStoredIsThereAfterReopening(t *testing.T) {
	urls := map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "ecru.db"), "PostgreSQL": ""}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			if url == "" {
				url = postgres.New(t)
			}
			s := open(t, url)
			metatest.Repo(t, s, "web")
			in := metatest.Push("web", metatest.Image(metatest.Blob(t, s, "web", "a", 1)), "v1")
			if _, err := s.PutImage(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, url)
			m, err := s.Manifest(t.Context(), "000000000000", "web", registry.Reference{Tag: "v1"})
			if err != nil || m.Digest != in.Digest {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
}

func TestStats(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			metatest.Repo(t, s, "web")
			in := metatest.Push("web", metatest.Image(metatest.Blob(t, s, "web", "a", 7), metatest.Blob(t, s, "web", "b", 5)), "v1")
			if _, err := s.PutImage(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			got, err := s.Stats(t.Context())
			want := meta.Stats{Repositories: 1, Images: 1, Blobs: 2, Bytes: 12}
			if err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// TestSchemasAgree compares the tables, columns, indexes and references of the
// two databases.
func TestSchemasAgree(t *testing.T) {
	lite := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	pg := open(t, postgres.New(t))
	ours, err := column[string](t.Context(), lite.read, `SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := column[string](t.Context(), pg.read, `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose_%' ORDER BY (table_name || '.' || column_name) COLLATE "C"`)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(ours, "\n") != strings.Join(theirs, "\n") || len(ours) == 0 {
		t.Errorf("SQLite has\n%q\nPostgreSQL has\n%q", ours, theirs)
	}
	ours, err = column[string](t.Context(), lite.read, `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = column[string](t.Context(), pg.read, `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class r ON r.oid = i.indrelid
		WHERE r.relnamespace = 'public'::regnamespace AND r.relname NOT LIKE 'goose_%' AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid) ORDER BY c.relname COLLATE "C"`)
	if err != nil || strings.Join(ours, "\n") != strings.Join(theirs, "\n") || len(ours) == 0 {
		t.Errorf("SQLite has the indexes\n%q\nPostgreSQL has\n%q\n%v", ours, theirs, err)
	}
	ours, err = column[string](t.Context(), lite.read, `SELECT m.name || ' to ' || f."table" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f.seq = 0 ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = column[string](t.Context(), pg.read, `SELECT conrelid::regclass || ' to ' || confrelid::regclass FROM pg_constraint
		WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY (conrelid::regclass || ' to ' || confrelid::regclass) COLLATE "C"`)
	if err != nil || strings.Join(ours, "\n") != strings.Join(theirs, "\n") || len(ours) == 0 {
		t.Errorf("SQLite has the references\n%q\nPostgreSQL has\n%q\n%v", ours, theirs, err)
	}
	loose, err := column[string](t.Context(), pg.read, `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose_%' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	if err != nil || len(loose) > 0 {
		t.Errorf("not compared byte by byte: %v %v", loose, err)
	}
}
