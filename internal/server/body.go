package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// ErrStalled is the error of reading a body that does not move. The connection
// is of no more use after it.
var ErrStalled = errors.New("the request body has stalled")

// body counts what comes in and gives up on a client that sends next to
// nothing. Only the time that is spent waiting for the client counts.
type body struct {
	io.ReadCloser
	control http.ResponseController
	stall   time.Duration
	read    int64

	waited   time.Duration // for the progress below
	progress int
	until    time.Time // the deadline that is set
}

func (b *body) init(from io.ReadCloser, w http.ResponseWriter, stall time.Duration) {
	b.ReadCloser = from
	b.control = *http.NewResponseController(w)
	b.stall = stall
}

func (b *body) Read(p []byte) (int, error) {
	begin := time.Now()
	b.allow(begin)
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err != nil {
		return n, b.end(err)
	}
	b.waited += time.Since(begin)
	if b.progress += n; b.progress >= BodyProgress {
		b.progress, b.waited = 0, 0
	}
	return n, nil
}

// allow sets the deadline to what is left of the client's time. A deadline that
// is nearly that far away is left alone.
func (b *body) allow(now time.Time) {
	left := b.stall - b.waited
	if set := b.until.Sub(now); set <= left && set > left*3/4 {
		return
	}
	b.until = now.Add(left)
	_ = b.control.SetReadDeadline(b.until)
}

// end takes the deadline away: net/http reads on after a body, to notice a
// client that hangs up, and would take a deadline for that.
func (b *body) end(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrStalled, err)
	}
	_ = b.control.SetReadDeadline(time.Time{})
	return err
}
