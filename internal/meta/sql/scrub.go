package sql

import (
	"context"
	"errors"
	"fmt"
)

// Scrub takes out of the database's files what replaced and deleted rows have
// left there. It is for secrets that were stored in the clear once: SQLite is
// written anew as a whole, PostgreSQL the tables that held them.
func (s *Store) Scrub(ctx context.Context) error {
	var err error
	switch b := s.back.(type) {
	case *sqliteBackend:
		err = b.writer.pause(ctx, func() error { return b.scrub(ctx) })
	case *postgresBackend:
		for _, table := range []string{"instance", "access_keys", "records"} {
			if _, one := b.db.ExecContext(ctx, "VACUUM (FULL) "+table); one != nil {
				err = errors.Join(err, one)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("removing what replaced rows have left: %w", err)
	}
	return nil
}

// scrub has the writer's connection to itself. What it writes goes through the
// log, which is emptied then.
func (b *sqliteBackend) scrub(ctx context.Context) error {
	// The copy that is made on the way is as large as the database.
	for _, statement := range []string{"PRAGMA temp_store=FILE", "VACUUM", "PRAGMA temp_store=MEMORY"} {
		if _, err := b.writer.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := b.checkpoint.run("TRUNCATE"); err != nil {
		return err
	}
	if left := b.checkpoint.logSize(); left > 0 {
		return fmt.Errorf("%d bytes of the log are still being read", left)
	}
	return nil
}
