package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
)

// sqliteBackend is a database file, held by this process alone.
type sqliteBackend struct {
	lock       *fileLock
	readers    *sql.DB
	prepared   *prepared
	writing    *sql.DB
	writer     *groupWriter
	checkpoint *checkpointer
}

func (s *Store) openSQLite(ctx context.Context, c Config, path string) error {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return errors.New("the database URL sqlite: needs the path of a file")
	}
	s.manifests, s.memories = newManifestCache(), newMemories()
	b, err := openSQLiteFile(ctx, c, path, s.manifests.committed)
	if err != nil {
		return fmt.Errorf("opening the database %s: %w", path, err)
	}
	s.back, s.writer, s.read, s.d = b, b.writer, b.prepared, b.prepared.d
	s.composed = direct{s.d, b.readers}
	// What the process before had claimed when it was killed is due at once.
	err = s.write(ctx, func(t *tx) error {
		if _, err := t.exec(qReleaseClaims); err != nil {
			return err
		}
		_, err := t.exec(qVoidLeases)
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("opening the database %s: %w", path, err), b.close())
	}
	return nil
}

func openSQLiteFile(ctx context.Context, c Config, path string, committed func()) (_ *sqliteBackend, err error) {
	b := &sqliteBackend{}
	defer func() {
		if err != nil {
			_ = b.close()
		}
	}()
	if b.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	if b.writing, err = sql.Open("sqlite", sqliteName(path, writerPragmas)); err != nil {
		return nil, err
	}
	b.writing.SetMaxOpenConns(1)
	if err := checkSQLite(ctx, b.writing); err != nil {
		return nil, err
	}
	if err := migrate(ctx, b.writing, "sqlite", c.Logger); err != nil {
		return nil, err
	}
	d := sqliteDialect()
	conn, err := b.writing.Conn(ctx)
	if err != nil {
		return nil, err
	}
	b.writer = startGroupWriter(conn, d, committed)
	if b.readers, err = openReaders(path, c.Connections); err != nil {
		return nil, err
	}
	b.prepared = &prepared{d: d, from: b.readers}
	b.checkpoint, err = startCheckpointer(path, b.writer, c)
	return b, err
}

// createPrivate makes the file, which holds secrets, readable by its owner
// only; SQLite gives its other files the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// The pragmas of every connection. The writer never checkpoints by itself: a
// commit would take as long as the log is.
const (
	commonPragmas = "busy_timeout(10000) foreign_keys(1) temp_store(MEMORY) cache_size(-8192) trusted_schema(0)"
	writerPragmas = "journal_mode(WAL) synchronous(FULL) wal_autocheckpoint(0) " + commonPragmas
	readerPragmas = "query_only(1) " + commonPragmas
)

func sqliteName(path, pragmas string) string {
	absolute, err := filepath.Abs(path)
	if err == nil {
		path = absolute
	}
	values := url.Values{"_pragma": strings.Fields(pragmas), "_dqs": {"0"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: values.Encode()}).String()
}

func openReaders(path string, n int) (*sql.DB, error) {
	if n <= 0 {
		n = max(4, 2*runtime.GOMAXPROCS(0))
	}
	db, err := sql.Open("sqlite", sqliteName(path, readerPragmas))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// checkSQLite touches the file, so that a wrong one is noticed here.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support SQLite's write-ahead log (journal mode %q)", mode)
	}
	return nil
}

func isSQLite(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e)
}

func (b *sqliteBackend) ping(ctx context.Context) error { return b.readers.PingContext(ctx) }

// close ends things in the order in which they need each other. It also cleans
// up what a failed opening has left.
func (b *sqliteBackend) close() error {
	var errs []error
	if b.checkpoint != nil {
		errs = append(errs, b.checkpoint.stop())
	}
	if b.prepared != nil {
		errs = append(errs, b.prepared.close())
	}
	if b.readers != nil {
		errs = append(errs, b.readers.Close())
	}
	if b.writer != nil {
		errs = append(errs, b.writer.close())
	}
	if b.writing != nil {
		errs = append(errs, b.writing.Close())
	}
	if b.lock != nil {
		errs = append(errs, b.lock.release())
	}
	return errors.Join(errs...)
}
