package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Config says where the metadata is kept.
type Config struct {
	// URL is sqlite:PATH or a postgres:// URL.
	URL string
	// Logger is told of work in the background; nil: slog.Default.
	Logger *slog.Logger
	// Connections bounds the connections to PostgreSQL, or the readers of
	// SQLite. 0: a default.
	Connections int
	// CheckpointEvery is how often SQLite's log is looked at. 0: a default.
	CheckpointEvery time.Duration
}

// Store keeps metadata. It is made by Open.
type Store struct {
	d    *dialect
	log  *slog.Logger
	read statements
	// composed runs statements that are put together of parts: too many to keep
	// them all prepared.
	composed statements
	writer   writer
	back     backend
	purge    *purger
	stats    statsCache
	purged   purgeMark
	*packer
	problems *problemReader
	// manifests and memories are nil where other processes write, too.
	manifests *manifestCache
	memories

	closing sync.Once
	closed  error
}

// writer runs a change in a transaction. The change may be run several times;
// only its last run counts.
type writer interface {
	do(ctx context.Context, change func(*tx) error) error
}

// backend is a database that is open.
type backend interface {
	ping(ctx context.Context) error
	close() error
}

var (
	_ meta.Store      = (*Store)(nil)
	_ meta.Statistics = (*Store)(nil)
	_ advisory.Store  = (*Store)(nil)
)

// Open opens a store and brings its schema up to date. Its errors are one line
// for the person who started the process.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	s := &Store{log: c.Logger, packer: packer}
	scheme, rest, found := strings.Cut(c.URL, ":")
	switch {
	case found && scheme == "sqlite":
		err = s.openSQLite(ctx, c, strings.TrimPrefix(rest, "//"))
	case found && (scheme == "postgres" || scheme == "postgresql"):
		err = s.openPostgres(ctx, c)
	default:
		err = errors.New("the database URL must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE")
	}
	if err != nil {
		return nil, oneLine(err)
	}
	s.problems = newProblemReader(s.d, packer)
	s.purge = startPurger(s)
	return s, nil
}

// Ping is part of meta.Store.
func (s *Store) Ping(ctx context.Context) error { return s.back.ping(ctx) }

// Close is part of meta.Store. Closing again does nothing.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.purge.stop()
		s.closed = s.back.close()
	})
	return s.closed
}

func (s *Store) write(ctx context.Context, change func(*tx) error) error {
	return s.writer.do(ctx, change)
}

func oneLine(err error) error {
	text := err.Error()
	if !strings.Contains(text, "\n") {
		return err
	}
	return fmt.Errorf("%s", strings.Join(strings.Fields(text), " "))
}
