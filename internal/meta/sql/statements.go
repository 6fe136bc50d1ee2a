package sql

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// statements runs the constants of this package, in a transaction or outside
// of one.
type statements interface {
	// query answers rows; the caller closes them.
	query(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
	// row scans one row and says whether there was one.
	row(ctx context.Context, statement string, args []any, dest ...any) (bool, error)
}

// tx is a transaction under way.
type tx struct {
	// ctx is the transaction's own: on SQLite a client that goes away does not
	// tear a statement of a batch down.
	ctx context.Context
	statements
	d     *dialect
	run   func(ctx context.Context, statement string, args []any) (sql.Result, error)
	wrote bool // something has changed since the last savepoint
}

// exec changes rows and says how many.
func (t *tx) exec(statement string, args ...any) (int64, error) {
	result, err := t.run(t.ctx, statement, args)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	t.wrote = t.wrote || n > 0
	return n, err
}

// find scans one row of a question.
func (t *tx) find(statement string, args []any, dest ...any) (bool, error) {
	return t.row(t.ctx, statement, args, dest...)
}

// returning scans the row that a change answers.
func (t *tx) returning(statement string, args []any, dest ...any) (bool, error) {
	found, err := t.row(t.ctx, statement, args, dest...)
	t.wrote = t.wrote || found || err != nil
	return found, err
}

// each calls scan for every row of an answer.
func each(ctx context.Context, s statements, scan func(*sql.Rows) error, statement string, args ...any) error {
	rows, err := s.query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// column collects an answer of one column.
func column[T any](ctx context.Context, s statements, statement string, args ...any) ([]T, error) {
	var all []T
	err := each(ctx, s, func(rows *sql.Rows) error {
		var v T
		err := rows.Scan(&v)
		all = append(all, v)
		return err
	}, statement, args...)
	return all, err
}

func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// preparer is a database or one connection to it.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepared keeps a prepared statement for every text, for as long as the
// connections behind it live.
type prepared struct {
	d      *dialect
	from   preparer
	cached sync.Map // statement → *sql.Stmt
}

func (p *prepared) get(statement string) (*sql.Stmt, error) {
	if s, ok := p.cached.Load(statement); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := p.from.PrepareContext(context.Background(), p.d.render(statement))
	if err != nil {
		return nil, err
	}
	if other, lost := p.cached.LoadOrStore(statement, s); lost {
		return other.(*sql.Stmt), s.Close()
	}
	return s, nil
}

// The driver starts a goroutine to watch every context that can be cancelled,
// which costs more than a typical statement. What this package asks of SQLite
// is bounded, so contexts are looked at before a statement and not during it.

func (p *prepared) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := p.get(statement)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.WithoutCancel(ctx), args...)
}

func (p *prepared) row(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s, err := p.get(statement)
	if err != nil {
		return false, err
	}
	return found(s.QueryRowContext(context.WithoutCancel(ctx), args...).Scan(dest...))
}

func (p *prepared) exec(ctx context.Context, statement string, args []any) (sql.Result, error) {
	s, err := p.get(statement)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.WithoutCancel(ctx), args...)
}

func (p *prepared) close() error {
	var errs []error
	p.cached.Range(func(_, s any) bool {
		errs = append(errs, s.(*sql.Stmt).Close())
		return true
	})
	return errors.Join(errs...)
}

// querier is a pool or a transaction of database/sql.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// direct leaves the keeping of prepared statements to the driver.
type direct struct {
	d  *dialect
	on querier
}

func (c direct) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return c.on.QueryContext(ctx, c.d.render(statement), c.d.arguments(args)...)
}

func (c direct) row(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	return found(c.on.QueryRowContext(ctx, c.d.render(statement), c.d.arguments(args)...).Scan(dest...))
}

func (c direct) exec(ctx context.Context, statement string, args []any) (sql.Result, error) {
	return c.on.ExecContext(ctx, c.d.render(statement), c.d.arguments(args)...)
}
