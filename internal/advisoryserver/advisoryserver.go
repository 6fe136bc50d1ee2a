// Package advisoryserver hands the loaded advisories on to others, in the layout
// of the OSV bucket: another ecru takes them as its feed, and so does whatever
// reads that layout. What it tells are public facts, so nobody is asked who he
// is; that it tells them at all is the operator's decision.
//
// It must not change anything, and knows nothing of images.
package advisoryserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Prefix is below which everything is served.
const Prefix = "/advisories/"

// Exports are what is served.
type Exports interface {
	Sources(ctx context.Context) ([]advisory.Source, error)
	Open(ctx context.Context, ecosystem string) (*advisory.Archive, error)
}

// Config says what to serve.
type Config struct {
	Exports Exports
	// Bundle writes a signed bundle of everything.
	Bundle func(ctx context.Context, w io.Writer) error
	Logger *slog.Logger
}

// Handler serves advisories.
type Handler struct{ c Config }

// New makes a handler.
func New(c Config) *Handler { return &Handler{c} }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	ecosystem, isExport := advisory.EcosystemAt(path)
	var err error
	switch {
	case isExport:
		err = h.export(w, r, ecosystem)
	case path == "ecosystems.txt":
		err = h.list(w, r)
	case path == "bundle":
		err = h.bundle(w, r)
	default:
		err = advisory.ErrNoExport
	}
	h.answer(w, r, err)
}

// answer tells of an error. The answer may have begun: then the connection is
// all that is left to end.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil:
	case errors.Is(err, advisory.ErrNoExport):
		http.Error(w, "no such advisories are loaded", http.StatusNotFound)
	case errors.Is(err, errBegun):
		h.c.Logger.WarnContext(r.Context(), "advisories: an answer was cut off", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	case r.Context().Err() != nil:
	case errors.Is(err, advisory.ErrReplaced):
		w.Header().Set("Retry-After", "30")
		http.Error(w, "the advisories are being replaced", http.StatusServiceUnavailable)
	default:
		h.c.Logger.ErrorContext(r.Context(), "advisories: cannot be served", "path", r.URL.Path, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}

// errBegun: the error came after the first byte of the answer.
var errBegun = errors.New("the answer had begun")

func (h *Handler) export(w http.ResponseWriter, r *http.Request, ecosystem string) error {
	a, err := h.c.Exports.Open(r.Context(), ecosystem)
	if err != nil {
		return err
	}
	defer a.Close()
	w.Header().Set("ETag", `"`+a.Source.Digest+`"`)
	w.Header().Set("Content-Type", contentType(r.URL.Path))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set(advisory.CheckedHeader, a.Source.Checked().UTC().Format(time.RFC3339))
	http.ServeContent(w, r, "", a.Source.FetchedAt, a)
	return nil
}

func contentType(path string) string {
	switch {
	case strings.HasSuffix(path, ".json"):
		return "application/json"
	case strings.HasSuffix(path, ".gz"):
		return "application/gzip"
	}
	return "application/zip"
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	all, err := h.c.Exports.Sources(r.Context())
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, s := range all {
		if !advisory.IsRisk(s.Ecosystem) {
			text.WriteString(s.Ecosystem + "\n")
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text.Bytes()))
	return nil
}

func (h *Handler) bundle(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="ecru-advisories.zip"`)
	if r.Method == http.MethodHead {
		return nil
	}
	begun := &counting{w: w}
	err := h.c.Bundle(r.Context(), begun)
	if err != nil && begun.n > 0 {
		err = errors.Join(errBegun, err)
	}
	if err != nil && begun.n == 0 {
		w.Header().Del("Content-Disposition")
	}
	return err
}

// counting knows whether anything was written.
type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
