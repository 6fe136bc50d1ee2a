package reqlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	bufferSize = 64 << 10
	// flushAfter is how long a line waits for company.
	flushAfter = 200 * time.Millisecond
)

// RequestIDKey is the attribute under which a request's id is logged.
const RequestIDKey = "request_id"

// NewLogger makes a logger that writes to w in the format "text" or "json".
// Lines are collected, because a write for each would cost more than many a
// request; a warning or an error takes all before it along at once. The caller
// calls flush before the process ends.
func NewLogger(w io.Writer, format string, level slog.Level) (logger *slog.Logger, flush func(), err error) {
	b := &buffered{out: w}
	options := &slog.HandlerOptions{Level: level}
	h := &handler{out: b, lines: &lines{}}
	switch format {
	case "text":
		h.next = slog.NewTextHandler(b, options)
	case "json":
		h.next, h.lines.json = slog.NewJSONHandler(b, options), true
	default:
		return nil, nil, fmt.Errorf("log format %q is neither text nor json", format)
	}
	return slog.New(h), b.flush, nil
}

// handler adds the request's id and sees to it that bad news is not held back.
type handler struct {
	next slog.Handler
	out  *buffered
	// lines writes the lines of requests; nil where all lines have more to them
	// than their records.
	lines *lines
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String(RequestIDKey, id))
	}
	err := h.next.Handle(ctx, r)
	h.said(r.Level)
	return err
}

// said is called after each line.
func (h *handler) said(l slog.Level) {
	if l >= slog.LevelWarn {
		h.out.flush()
	}
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{next: h.next.WithAttrs(attrs), out: h.out}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{next: h.next.WithGroup(name), out: h.out}
}

// buffered collects lines. It has no goroutine: the first line in an empty
// buffer sets a timer.
type buffered struct {
	mu    sync.Mutex
	out   io.Writer
	lines []byte
	timer *time.Timer
}

func (b *buffered) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(line) > bufferSize {
		b.flushLocked()
	}
	if len(b.lines) == 0 {
		b.setTimer()
	}
	b.lines = append(b.lines, line...)
	return len(line), nil
}

func (b *buffered) setTimer() {
	if b.timer == nil {
		b.timer = time.AfterFunc(flushAfter, b.flush)
		return
	}
	b.timer.Reset(flushAfter)
}

func (b *buffered) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushLocked()
}

// flushLocked drops what cannot be written: there is no place to say so, and a
// full disk under the log must not take the registry down.
func (b *buffered) flushLocked() {
	if len(b.lines) > 0 {
		_, _ = b.out.Write(b.lines)
		b.lines = b.lines[:0]
	}
	if cap(b.lines) > 2*bufferSize {
		b.lines = nil
	}
}
