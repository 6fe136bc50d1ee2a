package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// answer counts what goes out and gives each piece of it a deadline. It keeps
// io.ReaderFrom, by which net/http sends files without copying them.
type answer struct {
	http.ResponseWriter
	control http.ResponseController
	stall   time.Duration
	status  int
	written int64
	// until is the deadline that is set: of this answer, or of its connection,
	// where requests follow each other and setting it again would cost each of
	// them a system call.
	until *time.Time
	own   time.Time
}

var (
	_ io.ReaderFrom = (*answer)(nil)
	_ http.Flusher  = (*answer)(nil)
)

func (a *answer) init(w http.ResponseWriter, r *http.Request, stall time.Duration) {
	a.ResponseWriter = w
	a.control = *http.NewResponseController(w)
	a.stall = stall
	a.until = &a.own
	if r.ProtoMajor == 1 {
		if shared, ok := r.Context().Value(deadlineKey{}).(*time.Time); ok {
			a.until = shared
		}
	}
}

// deadlineKey is under which a connection keeps the deadline of its writes.
type deadlineKey struct{}

func withDeadline(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, deadlineKey{}, new(time.Time))
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// extend moves the deadline.
func (a *answer) extend() { a.extendFrom(time.Now()) }

// extendFrom moves the deadline, but not for every small write.
func (a *answer) extendFrom(now time.Time) {
	if a.until.Sub(now) > a.stall*3/4 {
		return
	}
	*a.until = now.Add(a.stall)
	_ = a.control.SetWriteDeadline(*a.until) // a writer without deadlines is a test's
}

// WriteHeader needs time only for answers in between: net/http sends the header
// with what follows, or when the handler is done.
func (a *answer) WriteHeader(status int) {
	if status < http.StatusOK {
		a.extend()
	} else if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.extend()
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.written += int64(n)
	return n, err
}

func (a *answer) Flush() {
	a.extend()
	_ = a.control.Flush()
}

// ReadFrom sends r in pieces, so that a client that has stopped to read does
// not hold a file for ever, however large it is.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	to, ok := a.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{a}, r)
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	// sendfile sees through one LimitedReader, not through two.
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: r, N: 1<<63 - 1}
	}
	var total int64
	for limited.N > 0 {
		a.extend()
		size := min(limited.N, answerPiece)
		n, err := to.ReadFrom(&io.LimitedReader{R: limited.R, N: size})
		limited.N -= n
		total += n
		a.written += n
		if err != nil || n < size {
			return total, err
		}
	}
	return total, nil
}

// finalStatus is what net/http sends when a handler has said nothing.
func (a *answer) finalStatus() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
