package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check says what is wrong with something that requests need, or nil.
type Check func(ctx context.Context) error

// checkTimeout bounds all checks of one request for /readyz.
const checkTimeout = 5 * time.Second

// ownPages are the paths that the server answers itself. They are neither
// logged nor counted: machines ask for them every few seconds.
func (s *Server) ownPages() map[string]http.Handler {
	return map[string]http.Handler{
		"/healthz": http.HandlerFunc(s.health),
		"/readyz":  http.HandlerFunc(s.ready),
		"/metrics": promhttp.HandlerFor(s.config.Metrics.registry, promhttp.HandlerOpts{}),
	}
}

// health says that the process answers at all.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusOK, "ok\n")
}

// ready says whether requests would succeed. The text goes to whoever may reach
// the port, so it names what fails and leaves why to the log.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		say(w, http.StatusServiceUnavailable, "stopping\n")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	var text strings.Builder
	status := http.StatusOK
	for _, name := range slices.Sorted(maps.Keys(s.config.Ready)) {
		outcome := "ok"
		if err := s.config.Ready[name](ctx); err != nil {
			status, outcome = http.StatusServiceUnavailable, "failing"
			s.config.Logger.WarnContext(ctx, "not ready", "check", name, "error", err)
		}
		fmt.Fprintf(&text, "%s: %s\n", name, outcome)
	}
	if text.Len() == 0 {
		text.WriteString("ok\n")
	}
	say(w, status, text.String())
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
