package sql

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// migrate brings a database up to this program's version, and refuses one that
// a newer program has changed.
func migrate(ctx context.Context, db *sql.DB, dialect string, log *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations/"+dialect)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(log),
		// A database of a newer version is noticed below, with a clear text.
		goose.WithAllowOutofOrder(false),
	}
	gooseDialect := goose.DialectSQLite3
	if dialect == "postgres" {
		gooseDialect = goose.DialectPostgres
		// Replicas that start together take turns.
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(gooseDialect, db, files, options...)
	if err != nil {
		return err
	}
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading its version: %w", err)
	}
	if have > known {
		return fmt.Errorf("it was made by a newer version of this program (schema %d, known here up to %d)", have, known)
	}
	if have == known {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing it from schema %d to %d: %w", have, known, err)
	}
	return nil
}
