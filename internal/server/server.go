// Package server is the shell around the transports: listeners, TLS, time and
// size limits, request ids, the access log, metrics, health, and a stop that
// lets running requests end.
//
// It must not know what the requests mean: who asks and for what is noted by
// the transports, through package reqlog. It imports neither transports nor
// services.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ecru-registry/ecru/internal/origin"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// Config says what to serve and how. Only Listen and Handler are needed.
type Config struct {
	Listen  []string // addresses, as host:port
	Handler http.Handler

	// TLSCert and TLSKey are PEM files; both or none. Files that change are
	// read again.
	TLSCert, TLSKey string

	// Ready are the conditions under which /readyz answers 200, by name.
	Ready   map[string]Check
	Metrics *Metrics     // default NewMetrics("")
	Logger  *slog.Logger // default slog.Default
	// Observe, when set, is told of every request when it is over, before its
	// connection serves the next. It is for audit logs.
	Observe func(r *http.Request, n *reqlog.Note, began time.Time, status int)
	// Proxies may say where a request comes from.
	Proxies origin.Proxies

	Limits Limits
}

// Limits bound what a client may cost. Zero values take the defaults. There is
// no limit to how long a request takes as a whole: a large layer on a slow line
// may take hours, as long as it moves.
type Limits struct {
	HeaderBytes int           // default 64 KiB; above it the answer is 431
	Header      time.Duration // to send the header; default 10 seconds
	Idle        time.Duration // between requests; default 2 minutes
	// BodyStall is how long a body may bring less than BodyProgress bytes.
	// Default 30 seconds.
	BodyStall time.Duration
	// AnswerStall is how long one piece of an answer may take to be accepted.
	// Default 5 minutes.
	AnswerStall time.Duration
}

const (
	// BodyProgress is how many bytes of a body count as a sign of life.
	BodyProgress = 1 << 10
	// answerPiece is how much of a file is sent under one deadline.
	answerPiece = 4 << 20
)

func (l Limits) withDefaults() Limits {
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = 64 << 10
	}
	for limit, otherwise := range map[*time.Duration]time.Duration{
		&l.Header:      10 * time.Second,
		&l.Idle:        2 * time.Minute,
		&l.BodyStall:   30 * time.Second,
		&l.AnswerStall: 5 * time.Minute,
	} {
		if *limit <= 0 {
			*limit = otherwise
		}
	}
	return l
}

// Server serves one handler on some listeners.
type Server struct {
	config   Config
	http     *http.Server
	tls      *tls.Config // nil without TLS
	draining atomic.Bool
	cancel   context.CancelFunc // of all requests
	address  []net.Addr
	failed   chan error
}

// New makes a server. It fails when the certificate cannot be used.
func New(c Config) (*Server, error) {
	c.Limits = c.Limits.withDefaults()
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics("")
	}
	s := &Server{config: c, failed: make(chan error, max(1, len(c.Listen)))}
	if c.TLSCert != "" || c.TLSKey != "" {
		pair, err := newKeyPair(c.TLSCert, c.TLSKey, c.Logger)
		if err != nil {
			return nil, err
		}
		s.tls = pair.config()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           s.handler(),
		TLSConfig:         s.tls,
		MaxHeaderBytes:    c.Limits.HeaderBytes,
		ReadHeaderTimeout: c.Limits.Header,
		IdleTimeout:       c.Limits.Idle,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withDeadline,
		// What net/http has to say is about clients that misbehave.
		ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Start listens on all addresses, or on none when it fails, and serves.
func (s *Server) Start() error {
	listeners := make([]net.Listener, 0, len(s.config.Listen))
	for _, address := range s.config.Listen {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return fmt.Errorf("listening on %s: %w", address, err)
		}
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		s.address = append(s.address, l.Addr())
		go s.serve(l)
	}
	return nil
}

func (s *Server) serve(l net.Listener) {
	var err error
	if s.tls != nil {
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.failed <- fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
}

// Addresses answers what the server listens on, in the order of the
// configuration, with the ports that were chosen for :0.
func (s *Server) Addresses() []net.Addr { return s.address }

// Failed reports a listener that has ended by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop accepts no more requests and waits for the running ones. When ctx ends
// first they are cut off, and the error says so.
func (s *Server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	defer s.cancel()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	s.cancel()
	return errors.Join(fmt.Errorf("requests were cut off by the stop: %w", err), s.http.Close())
}
