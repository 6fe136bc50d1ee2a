package awsapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// held is a body that comes when it likes.
type held struct{ come <-chan struct{} }

func (h held) Read([]byte) (int, error) {
	<-h.come
	return 0, io.ErrUnexpectedEOF
}

// Room for a body is given before its signature is checked, which needs the
// body: whoever knows no more than the id of somebody's key must not have all
// of it.
func TestOneAddressDoesNotTakeAllTheRoomForBodies(t *testing.T) {
	b := newBodies(DefaultBodyBudget)
	come := make(chan struct{})
	ended := make(chan struct{})
	request := func(ctx context.Context, from string, body io.Reader) *http.Request {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", body)
		r.RemoteAddr, r.ContentLength = from, MaxLimit
		return r
	}
	const slow = 10
	for range slow {
		go func() {
			_, _, release, _ := b.read(request(t.Context(), "192.0.2.1:1", held{come}), MaxLimit)
			release()
			ended <- struct{}{}
		}()
	}
	// Whoever else comes is served, the address itself has to wait.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for b.waiting("192.0.2.1") < slow {
		if ctx.Err() != nil {
			t.Fatal("the bodies never came")
		}
		time.Sleep(time.Millisecond) // poll: there is no other signal
	}
	for range 3 {
		body, _, release, err := b.read(request(ctx, "192.0.2.2:1", zeros{}), MaxLimit)
		if release(); err != nil || len(body) != MaxLimit {
			t.Fatalf("another address: %d bytes, %v", len(body), err)
		}
	}
	gone, leave := context.WithCancel(ctx)
	leave()
	if _, _, release, err := b.read(request(gone, "192.0.2.1:2", zeros{}), MaxLimit); !errors.Is(err, context.Canceled) {
		release()
		t.Errorf("the address itself: %v", err)
	}
	close(come)
	for range slow {
		<-ended
	}
	if n := b.waiting("192.0.2.1"); n != 0 {
		t.Errorf("%d requests are still counted", n)
	}
	if _, _, release, err := b.read(request(ctx, "192.0.2.1:2", zeros{}), MaxLimit); err != nil {
		t.Errorf("the address itself, later: %v", err)
	} else {
		release()
	}
	if len(b.sources) != 0 {
		t.Errorf("%d addresses are remembered for ever", len(b.sources))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// waiting is how many requests of an address have room or wait for it.
func (b *bodies) waiting(from string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if of := b.sources[from]; of != nil {
		return of.requests
	}
	return 0
}
