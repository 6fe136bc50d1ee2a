package audit

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting is how many bytes of records may wait for a slow disk; above it
	// requests wait, so that no record is lost.
	maxWaiting = 8 << 20
	// gather is how long after a write the next one follows at the earliest: a
	// record on a quiet server is written at once, and a busy one does not spend
	// its time on writes of a line each.
	gather = 5 * time.Millisecond
	// maxSpare is the largest buffer of a record that is kept for another.
	maxSpare = 64 << 10
)

// Log writes records. Those of requests that end while a write is under way go
// out together with the next one, so a request waits for the disk only when
// very many others do.
type Log struct {
	out     io.Writer
	region  string
	log     *slog.Logger
	failed  atomic.Int64
	buffers sync.Pool // *[]byte, of one record each

	mu      sync.Mutex
	work    sync.Cond // there are lines, or the end
	room    sync.Cond // there is room again
	lines   []byte
	spare   []byte
	idle    bool // nobody writes or is about to
	ending  bool
	running bool
	end     chan struct{}
	done    chan struct{}
}

// New makes a log of a server in a region.
func New(out io.Writer, region string, log *slog.Logger) *Log {
	l := &Log{out: out, region: region, log: log, end: make(chan struct{}), done: make(chan struct{})}
	l.work.L, l.room.L = &l.mu, &l.mu
	return l
}

// Failed is how many writes went wrong.
func (l *Log) Failed() int64 { return l.failed.Load() }

// Start begins to write.
func (l *Log) Start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		l.running = true
		go l.write()
	}
}

// Stop writes what waits and ends.
func (l *Log) Stop() {
	l.mu.Lock()
	running := l.running
	if !l.ending {
		l.ending = true
		close(l.end)
	}
	l.work.Signal()
	l.mu.Unlock()
	if running {
		<-l.done
	}
}

// Record keeps the record of a request.
func (l *Log) Record(r Request) {
	buffer, ok := l.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	if *buffer = appendRecord((*buffer)[:0], &r, l.region); cap(*buffer) <= maxSpare {
		defer l.buffers.Put(buffer)
	}
	l.keep(*buffer)
}

// keep adds a record to those that wait.
func (l *Log) keep(record []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.lines) > maxWaiting && l.running && !l.ending {
		l.room.Wait()
	}
	if l.lines = append(l.lines, record...); l.idle {
		l.idle = false
		l.work.Signal()
	}
}

func (l *Log) write() {
	defer close(l.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-l.end:
		}
		lines, last := l.next()
		pause.Reset(gather)
		if len(lines) > 0 {
			if _, err := l.out.Write(lines); err != nil {
				l.failed.Add(1)
				l.log.Error("audit records were not written", "bytes", len(lines), "error", err)
			}
		}
		if last {
			return
		}
	}
}

// next waits for lines and takes them all; last says that none will follow.
func (l *Log) next() (lines []byte, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.lines) == 0 && !l.ending {
		l.idle = true
		l.work.Wait()
	}
	l.idle = false
	lines = l.lines
	l.lines, l.spare = l.spare[:0], lines
	if cap(l.lines) > 1<<20 {
		l.lines = nil
	}
	l.room.Broadcast()
	return lines, l.ending
}
