package sql

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"time"
)

const (
	defaultCheckpointEvery = time.Second
	// checkpointAt is the size of the log from which it is copied into the
	// database, restartAt the one from which writers wait until it has been.
	checkpointAt = 4 << 20
	restartAt    = 64 << 20
)

// checkpointer copies SQLite's write-ahead log into the database beside the
// writers, so that no commit pays for it and the log does not grow without end.
type checkpointer struct {
	path   string
	writer *groupWriter
	db     *sql.DB
	log    *slog.Logger
	cancel context.CancelFunc
	ended  chan struct{}
}

func startCheckpointer(path string, w *groupWriter, c Config) (*checkpointer, error) {
	db, err := sql.Open("sqlite", sqliteName(path, "busy_timeout(200) synchronous(FULL) wal_autocheckpoint(0)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	every := c.CheckpointEvery
	if every <= 0 {
		every = defaultCheckpointEvery
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &checkpointer{path: path, writer: w, db: db, log: c.Logger, cancel: cancel, ended: make(chan struct{})}
	go p.loop(ctx, every)
	return p, nil
}

func (p *checkpointer) stop() error {
	p.cancel()
	<-p.ended
	return p.db.Close()
}

func (p *checkpointer) loop(ctx context.Context, every time.Duration) {
	defer close(p.ended)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.tick(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("checkpoint of the database", "error", err)
		}
	}
}

func (p *checkpointer) tick(ctx context.Context) error {
	size := p.logSize()
	if size < checkpointAt {
		return nil
	}
	copied, err := p.run("PASSIVE")
	if err != nil || size < restartAt {
		return err
	}
	// Nearly everything is copied by now. The writer waits while the rest is,
	// and readers that still look at the log have 200 ms to finish.
	err = p.writer.pause(ctx, func() error {
		_, err := p.run("TRUNCATE")
		return err
	})
	p.log.Debug("restarted the database's log", "bytes", size, "frames", copied, "error", err)
	return err
}

func (p *checkpointer) logSize() int64 {
	info, err := os.Stat(p.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// run answers how many frames of the log are in the database now. A busy
// reader is no error: the next tick goes on.
func (p *checkpointer) run(mode string) (int, error) {
	var busy, frames, copied int
	err := p.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &copied)
	return copied, err
}
