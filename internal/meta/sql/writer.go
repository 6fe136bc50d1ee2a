package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// maxBatch bounds how much one commit holds, and so how long its first waits.
const maxBatch = 256

var errClosed = errors.New("the metadata store is closed")

// groupWriter runs changes one after the other on SQLite's one writing
// connection and commits those that wait together. A change is acknowledged
// after the commit, and stands or falls alone.
type groupWriter struct {
	conn  *sql.Conn
	db    *prepared
	queue chan *change
	// pauses is not buffered: what is sent has been received.
	pauses chan *pause
	// committed is called after each commit, before it is acknowledged.
	committed func()

	closing   chan struct{}
	closeOnce sync.Once
	ended     chan struct{}
}

// change is one function that waits for its turn. It may be run twice.
type change struct {
	ctx   context.Context
	apply func(*tx) error
	err   error
	done  chan struct{}
	state atomic.Int32
}

const (
	changeWaits int32 = iota
	changeTaken
	changeWithdrawn
)

func startGroupWriter(conn *sql.Conn, d *dialect, committed func()) *groupWriter {
	w := &groupWriter{
		conn:      conn,
		db:        &prepared{d: d, from: conn},
		queue:     make(chan *change, maxBatch),
		pauses:    make(chan *pause),
		committed: committed,
		closing:   make(chan struct{}),
		ended:     make(chan struct{}),
	}
	go w.loop()
	return w
}

// do runs apply in a transaction and answers when it is durable. A cancelled
// context withdraws a change that has not begun; one that has is waited for.
func (w *groupWriter) do(ctx context.Context, apply func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{ctx: ctx, apply: apply, done: make(chan struct{})}
	select {
	case w.queue <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return errClosed
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		if c.state.CompareAndSwap(changeWaits, changeWithdrawn) {
			return ctx.Err()
		}
	case <-w.ended:
		if c.state.CompareAndSwap(changeWaits, changeWithdrawn) {
			return errClosed
		}
	}
	<-c.done
	return c.err
}

// close lets what was accepted finish.
func (w *groupWriter) close() error {
	w.closeOnce.Do(func() { close(w.closing) })
	<-w.ended
	return errors.Join(w.db.close(), w.conn.Close())
}

func (w *groupWriter) loop() {
	defer close(w.ended)
	for {
		select {
		case c := <-w.queue:
			w.commit(w.gather(c))
		case p := <-w.pauses:
			p.done <- p.f()
		case <-w.closing:
			for {
				select {
				case c := <-w.queue:
					w.commit(w.gather(c))
				default:
					return
				}
			}
		}
	}
}

// gather takes what waits, without waiting for more: while a commit syncs, the
// next batch collects by itself.
func (w *groupWriter) gather(first *change) []*change {
	batch := make([]*change, 0, 16)
	for c := first; ; {
		if c.state.CompareAndSwap(changeWaits, changeTaken) {
			if c.err = c.ctx.Err(); c.err == nil {
				batch = append(batch, c)
			} else {
				close(c.done)
			}
		}
		if len(batch) == maxBatch {
			return batch
		}
		select {
		case c = <-w.queue:
		default:
			return batch
		}
	}
}

// commit runs a batch. Savepoints cost a tenth of a change and are hardly ever
// needed, because changes check before they write: only when one fails after it
// has written is the batch run again with them.
func (w *groupWriter) commit(batch []*change) {
	if len(batch) == 0 {
		return
	}
	err := w.runBatch(batch, false)
	if errors.Is(err, errNeedsSavepoints) {
		err = w.runBatch(batch, true)
	}
	for _, c := range batch {
		if err != nil {
			c.err = err
		}
		close(c.done)
	}
}

var errNeedsSavepoints = errors.New("a change failed after it had written")

func (w *groupWriter) runBatch(batch []*change, savepoints bool) error {
	if err := w.control("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	wrote := false
	for _, c := range batch {
		changed, err := w.runOne(c, savepoints)
		if err != nil {
			return errors.Join(err, w.control("ROLLBACK"))
		}
		wrote = wrote || changed
	}
	end := "COMMIT"
	if wrote {
		defer w.committed() // also when it fails: it may have come through
	} else {
		end = "ROLLBACK"
	}
	if err := w.control(end); err != nil {
		// A failed commit may leave the transaction open.
		_ = w.control("ROLLBACK")
		return err
	}
	return nil
}

// runOne runs one change and says whether it has written. Its own failure goes
// to its caller; an error of the connection ends the batch.
func (w *groupWriter) runOne(c *change, savepoint bool) (wrote bool, err error) {
	if savepoint {
		if err := w.control("SAVEPOINT change"); err != nil {
			return false, err
		}
	}
	t := &tx{ctx: context.WithoutCancel(c.ctx), statements: w.db, d: w.db.d, run: w.db.exec}
	c.err = contained(c.apply, t)
	switch {
	case !savepoint && c.err != nil && (t.wrote || isSQLite(c.err)):
		// SQLite may have given up the whole transaction with its error.
		return false, errNeedsSavepoints
	case !savepoint:
		return t.wrote, nil
	case c.err != nil:
		if err := w.control("ROLLBACK TO change"); err != nil {
			return false, err
		}
		t.wrote = false
	}
	return t.wrote, w.control("RELEASE change")
}

func (w *groupWriter) control(statement string) error {
	_, err := w.db.exec(context.Background(), statement, nil)
	return err
}

// contained makes a panic of one change into its error, for the sake of the
// others in the batch.
func contained(apply func(*tx) error, t *tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			t.wrote = true
			err = fmt.Errorf("panic in a transaction: %v\n%s", r, debug.Stack())
		}
	}()
	return apply(t)
}

// pause runs f between two batches.
func (w *groupWriter) pause(ctx context.Context, f func() error) error {
	p := &pause{f: f, done: make(chan error, 1)}
	select {
	case w.pauses <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return errClosed
	}
	return <-p.done
}

type pause struct {
	f    func() error
	done chan error
}
