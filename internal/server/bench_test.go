package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/reqlog"
)

// nothing is a connection that costs nothing.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header             { return n.header }
func (nothing) Write(p []byte) (int, error)       { return len(p), nil }
func (nothing) WriteHeader(int)                   {}
func (nothing) SetWriteDeadline(time.Time) error  { return nil }
func (nothing) ReadFrom(io.Reader) (int64, error) { return 0, nil }

// BenchmarkOverhead is what the shell adds to a request: the goal is less than
// 5 µs above the bare handler.
func BenchmarkOverhead(b *testing.B) {
	manifest := make([]byte, 1500)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reqlog.Annotate(r.Context(), "arn:aws:iam::000000000000:root", "GetManifest")
		_, _ = w.Write(manifest)
	})
	request := httptest.NewRequest(http.MethodGet, "/v2/team/web/manifests/latest", nil)
	request.Body = http.NoBody
	request.Header.Set("User-Agent", "docker/28.0.0 go/go1.24 git-commit/abc kernel/6.1 os/linux arch/amd64")
	run := func(h http.Handler) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				w := nothing{http.Header{}}
				for pb.Next() {
					h.ServeHTTP(w, request)
				}
			})
		}
	}
	b.Run("bare", run(handler))
	for _, format := range []string{"text", "json"} {
		logger, flush, err := reqlog.NewLogger(io.Discard, format, slog.LevelInfo)
		if err != nil {
			b.Fatal(err)
		}
		defer flush()
		s, err := New(Config{Handler: handler, Logger: logger})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(format, run(s.handler()))
	}
}

// BenchmarkManifestGET is a whole request over loopback, with and without the
// shell.
func BenchmarkManifestGET(b *testing.B) {
	manifest := make([]byte, 1500)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(manifest) })
	logger, flush, err := reqlog.NewLogger(io.Discard, "json", slog.LevelInfo)
	if err != nil {
		b.Fatal(err)
	}
	defer flush()
	s, err := New(Config{Handler: handler, Logger: logger})
	if err != nil {
		b.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"bare": handler, "shell": s.handler()} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(h)
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					response, err := client.Get(server.URL)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			})
		})
	}
}
