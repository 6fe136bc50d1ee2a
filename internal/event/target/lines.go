package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/ecru-registry/ecru/internal/event/delivery"
)

// lineSender sends to a file or to stdout: a line of JSON each.
type lineSender struct {
	to          *lines
	cloudEvents bool
}

// Send is delivery.Sender.
func (s *lineSender) Send(ctx context.Context, m delivery.Message) error {
	body := m.Body
	if s.cloudEvents {
		var err error
		if body, err = structured(m, body); err != nil {
			return err
		}
	}
	line, err := oneLine(body)
	if err != nil {
		return never(err)
	}
	return s.to.write(ctx, line)
}

// oneLine is a body as a line of JSON: one that is no JSON becomes a string.
func oneLine(body []byte) ([]byte, error) {
	var line bytes.Buffer
	line.Grow(len(body) + 1)
	if err := json.Compact(&line, body); err != nil {
		return marshal(string(body))
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

// sink takes lines for good once it answers nil.
type sink interface{ take(lines []byte) error }

// writerSink writes to somewhere that has no more to promise.
type writerSink struct{ to io.Writer }

func (s writerSink) take(lines []byte) error {
	_, err := s.to.Write(lines)
	return err
}

// lines brings the lines of many writers to a sink: while it is busy with some,
// others gather, and are written together.
type lines struct {
	to sink

	mu      sync.Mutex
	next    *batch // that gathers; nil when nothing does
	writing bool   // somebody is at it
	closed  bool
	idle    sync.Cond // nobody writes any more
}

// batch are lines that are written together.
type batch struct {
	text bytes.Buffer
	done chan struct{}
	err  error // set when done is closed
}

func newLines(to sink) *lines {
	l := &lines{to: to}
	l.idle.L = &l.mu
	return l
}

// write answers when the line is written, or that it is not known to be.
func (l *lines) write(ctx context.Context, line []byte) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errors.New("closed")
	}
	if l.next == nil {
		l.next = &batch{done: make(chan struct{})}
	}
	mine := l.next
	mine.text.Write(line)
	if !l.writing {
		l.writing = true
		go l.work()
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work writes until nothing is left.
func (l *lines) work() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.next != nil {
		now := l.next
		l.next = nil
		l.mu.Unlock()
		now.err = l.to.take(now.text.Bytes())
		close(now.done)
		l.mu.Lock()
	}
	l.writing = false
	l.idle.Broadcast()
}

// close waits for what is being written.
func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for l.writing {
		l.idle.Wait()
	}
}
