package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	connectTimeout = 10 * time.Second
	// maxRetries is how often a transaction that lost to another is run again.
	maxRetries = 20
)

// postgresBackend is a PostgreSQL that other replicas use too.
type postgresBackend struct {
	db *sql.DB
	d  *dialect
}

func (s *Store) openPostgres(ctx context.Context, c Config) error {
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		// pgx leaves the password out of its text.
		return fmt.Errorf("the database URL: %w", err)
	}
	config.ConnectTimeout = connectTimeout
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "ecru"
	}
	b := &postgresBackend{db: stdlib.OpenDB(*config), d: postgresDialect()}
	n := c.Connections
	if n <= 0 {
		n = max(16, 4*runtime.GOMAXPROCS(0))
	}
	b.db.SetMaxOpenConns(n)
	b.db.SetMaxIdleConns(n)
	b.db.SetConnMaxIdleTime(5 * time.Minute)
	where := fmt.Sprintf("the database %s on %s:%d", config.Database, config.Host, config.Port)
	if err := b.ready(ctx, c, where); err != nil {
		_ = b.db.Close()
		return err
	}
	s.back, s.writer, s.d, s.read = b, b, b.d, direct{b.d, b.db}
	s.composed = s.read
	return nil
}

func (b *postgresBackend) ready(ctx context.Context, c Config, where string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := b.db.PingContext(ctx); err != nil {
		return fmt.Errorf("%s cannot be reached: %w", where, err)
	}
	var encoding string
	if err := b.db.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%s is encoded in %s, it must be in UTF8", where, encoding)
	}
	if err := migrate(ctx, b.db, "postgres", c.Logger); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

func (b *postgresBackend) ping(ctx context.Context) error { return b.db.PingContext(ctx) }

func (b *postgresBackend) close() error { return b.db.Close() }

// errRetry is what a change answers when it finds that another transaction
// came in between and that looking again will do.
var errRetry = errors.New("another transaction came in between")

// do runs a change in a transaction, again when PostgreSQL or the change itself
// asks for it.
func (b *postgresBackend) do(ctx context.Context, change func(*tx) error) error {
	for attempt := 0; ; attempt++ {
		err := b.once(ctx, change)
		if err == nil || attempt == maxRetries || !worthRetrying(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(min(attempt, 6)+1) * 2 * time.Millisecond)):
		}
	}
}

func (b *postgresBackend) once(ctx context.Context, change func(*tx) error) error {
	// Every statement sees what was committed before it: after waiting for a
	// row's lock the next one reads what the other transaction has left.
	sqlTx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = sqlTx.Rollback() }() // also after a panic
	on := direct{b.d, sqlTx}
	if err := change(&tx{ctx: ctx, statements: on, d: b.d, run: on.exec}); err != nil {
		return err
	}
	return sqlTx.Commit()
}

// SQLSTATE codes that are looked at.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
)

// worthRetrying: constraints are only ever violated by a race, because every
// change looks before it writes; looking again gives the clear answer.
func worthRetrying(err error) bool {
	if errors.Is(err, errRetry) {
		return true
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case serializationFailure, deadlockDetected, uniqueViolation, foreignKeyViolation:
		return true
	}
	return false
}
