package events

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait; nothing takes that long unless it is broken.
const patience = 90 * time.Second

// envelope is what the tests look at of an event.
type envelope struct {
	ID         string `json:"id"`
	DetailType string `json:"detail-type"`
	Source     string `json:"source"`
	Detail     struct {
		Action     string   `json:"action-type"`
		Repository string   `json:"repository-name"`
		Digest     string   `json:"image-digest"`
		Tag        string   `json:"image-tag"`
		Status     string   `json:"scan-status"`
		Tags       []string `json:"image-tags"`
		Number     int      `json:"number"`
	} `json:"detail"`
}

// receiver is an HTTP endpoint that does what a test tells it to.
type receiver struct {
	URL string

	mu       sync.Mutex
	answer   int           // status of the next answers
	hanging  chan struct{} // closed to let requests that hang go on; nil: none hang
	attempts int
	events   []envelope // that were answered with 2xx, in order
	headers  []http.Header
	news     chan struct{} // closed and replaced at each attempt
}

// newReceiver listens on a port of its own until the test ends.
func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answer: http.StatusOK, news: make(chan struct{})}
	s := httptest.NewServer(r)
	r.URL = s.URL
	t.Cleanup(func() {
		r.release()
		s.Close()
	})
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // cut off: it counts for nothing
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	hanging := r.hanging
	r.attempted()
	r.mu.Unlock()
	if hanging != nil {
		select {
		case <-hanging:
		case <-q.Context().Done():
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer/100 == 2 {
		r.events = append(r.events, e)
		r.headers = append(r.headers, q.Header)
	}
	r.attempted()
	w.WriteHeader(r.answer)
}

// attempted wakes who waits. The lock is held.
func (r *receiver) attempted() {
	r.attempts++
	close(r.news)
	r.news = make(chan struct{})
}

// say changes what the receiver answers.
func (r *receiver) say(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = status
}

// hang lets all requests hang until release.
func (r *receiver) hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hanging = make(chan struct{})
}

func (r *receiver) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hanging != nil {
		close(r.hanging)
		r.hanging = nil
	}
}

// received answers what has arrived so far.
func (r *receiver) received() []envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]envelope(nil), r.events...)
}

// await waits until what the receiver has seen is enough.
func (r *receiver) await(t *testing.T, what string, enough func(events []envelope, attempts int) bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		done, news := enough(r.events, r.attempts), r.news
		got, attempts := len(r.events), r.attempts
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s: %d events after %d steps of attempts", what, got, attempts)
		}
	}
}

// ids counts how often each event has arrived.
func ids(events []envelope) map[string]int {
	count := map[string]int{}
	for _, e := range events {
		count[e.ID]++
	}
	return count
}
