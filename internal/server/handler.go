package server

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/ecru-registry/ecru/internal/reqlog"
)

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 64
	maxLogged       = 256 // bytes of what a client sent that go into the log
)

// exchange is one request on its way; one allocation holds all of it.
type exchange struct {
	answer answer
	body   body
	note   reqlog.Note
	begin  time.Time
	id     [1]string // the value of the header
}

// handler wraps the configured handler with everything that is the same for
// all requests.
func (s *Server) handler() http.Handler {
	own := s.ownPages()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page := own[r.URL.Path]; page != nil {
			page.ServeHTTP(w, r)
			return
		}
		s.exchange(w, r)
	})
}

// exchange serves one request and leaves a line in the log and in the metrics.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) {
	x := &exchange{begin: time.Now()}
	x.note.RequestID, x.note.Audited = requestID(r), s.config.Observe != nil
	x.answer.init(w, r, s.config.Limits.AnswerStall)
	x.id[0] = x.note.RequestID
	w.Header()[requestIDHeader] = x.id[:]
	r = s.config.Proxies.Note(r.WithContext(reqlog.With(r.Context(), &x.note)))
	if r.Body != nil && r.Body != http.NoBody {
		x.body.init(r.Body, w, s.config.Limits.BodyStall)
		r.Body = &x.body
	}
	s.config.Metrics.inFlight.Inc()
	defer s.finish(x, r)
	s.config.Handler.ServeHTTP(&x.answer, r)
}

// finish is deferred: it sees panics, too, and makes them the failure of one
// request.
func (s *Server) finish(x *exchange, r *http.Request) {
	p := recover()
	s.config.Metrics.inFlight.Dec()
	abort := p != nil && !s.contain(x, r, p)
	took := time.Since(x.begin)
	x.answer.extendFrom(x.begin.Add(took)) // for what net/http has yet to send
	status := x.answer.finalStatus()
	s.config.Metrics.observe(x.note.Operation, status, took, x.body.read, x.answer.written)
	s.logAccess(x, r, status, took)
	if s.config.Observe != nil {
		s.config.Observe(r, &x.note, x.begin, status)
	}
	if abort {
		panic(http.ErrAbortHandler)
	}
}

// contain answers a panic with 500. It says false when the answer has begun, so
// that the only honest thing left is to cut the connection.
func (s *Server) contain(x *exchange, r *http.Request, p any) bool {
	if p != http.ErrAbortHandler {
		s.config.Logger.ErrorContext(r.Context(), "panic in a handler",
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	if x.answer.status != 0 || p == http.ErrAbortHandler {
		return false
	}
	http.Error(&x.answer, "internal error, request id "+x.note.RequestID, http.StatusInternalServerError)
	return true
}

func (s *Server) logAccess(x *exchange, r *http.Request, status int, took time.Duration) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	line := reqlog.Finished{
		At: x.begin.Add(took), Level: level, Took: took,
		Method: r.Method, Path: clip(r.URL.Path), // the query may hold signatures
		Status: status, Principal: x.note.Principal, Operation: x.note.Operation, RequestID: x.note.RequestID,
		In: x.body.read, Out: x.answer.written,
		Remote: r.RemoteAddr, Agent: clip(r.UserAgent()),
	}
	line.Log(s.config.Logger.Handler())
}

func clip(s string) string { return s[:min(len(s), maxLogged)] }

// requestID takes a client's id when it is harmless to print, so that a request
// can be followed through several systems.
func requestID(r *http.Request) string {
	if given := r.Header[requestIDHeader]; len(given) == 1 && saneID(given[0]) {
		return given[0]
	}
	return newID()
}

func saneID(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return id != "" && len(id) <= maxRequestID
}

// newID is a random UUID, which is what AWS clients expect of a request id. It
// tells requests apart and nothing else, so it need not be hard to guess.
func newID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var text [36]byte
	at := 0
	for i, n := range []int{4, 2, 2, 2, 6} {
		if i > 0 {
			text[at-1] = '-'
		}
		hex.Encode(text[at:], b[(at-i)/2:(at-i)/2+n])
		at += 2*n + 1
	}
	return string(text[:])
}
