package sql

import (
	"context"
	"errors"
	"os"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// ErrInUse is why a database of SQLite is not opened: one process at a time
// may write to it.
var ErrInUse = errors.New("another process uses it")

// Reader reads the advisories in a database file of SQLite that another process
// may be writing to.
type Reader struct {
	store Store
	close func() error
}

// OpenReader opens a file for reading. It does not bring the schema up to date:
// what an older version has written can be unreadable.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	readers, err := openReaders(path, 0)
	if err != nil {
		return nil, err
	}
	p := &prepared{d: sqliteDialect(), from: readers}
	r := &Reader{store: Store{d: p.d, read: p}, close: func() error { return errors.Join(p.close(), readers.Close()) }}
	if _, err := r.Sources(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close ends the reading.
func (r *Reader) Close() error { return r.close() }

// Sources lists what is known about every ecosystem.
func (r *Reader) Sources(ctx context.Context) ([]advisory.Source, error) { return r.store.Sources(ctx) }

// Advisories answers the visible entries of packages.
func (r *Reader) Advisories(ctx context.Context, ecosystem string, packages []string) (advisory.Batch, error) {
	return r.store.Advisories(ctx, ecosystem, packages)
}
