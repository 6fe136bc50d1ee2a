package reqlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecru-registry/ecru/internal/reqlog"
)

func TestTransportsWriteOnTheNote(t *testing.T) {
	n := &reqlog.Note{RequestID: "r1"}
	ctx := reqlog.With(t.Context(), n)
	reqlog.Annotate(ctx, "arn:aws:iam::000000000000:root", "")
	reqlog.Annotate(ctx, "", "ecr:CreateRepository")
	if n.Principal != "arn:aws:iam::000000000000:root" || n.Operation != "ecr:CreateRepository" {
		t.Errorf("note: %+v", n)
	}
	if id := reqlog.RequestID(ctx); id != "r1" {
		t.Errorf("RequestID = %q", id)
	}
}

func TestOutsideOfARequestNothingHappens(t *testing.T) {
	reqlog.Annotate(t.Context(), "somebody", "something")
	if id := reqlog.RequestID(t.Context()); id != "" {
		t.Errorf("RequestID = %q", id)
	}
}

func TestEveryLineOfARequestCarriesItsID(t *testing.T) {
	var out bytes.Buffer
	logger, flush, err := reqlog.NewLogger(&out, "json", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	ctx := reqlog.With(t.Context(), &reqlog.Note{RequestID: "r1"})
	logger.With("a", 1).InfoContext(ctx, "hello")
	flush()
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if line[reqlog.RequestIDKey] != "r1" || line["a"] != 1.0 || line["msg"] != "hello" {
		t.Errorf("logged %v", line)
	}
}

func TestLinesAreWrittenSoonAndBadNewsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		logger, _, err := reqlog.NewLogger(&out, "text", slog.LevelInfo)
		if err != nil {
			t.Fatal(err)
		}
		for _, round := range []string{"one", "two"} {
			logger.Info(round)
			if strings.Contains(out.String(), round) {
				t.Error("the line was written at once")
			}
			time.Sleep(time.Second)
			if !strings.Contains(out.String(), "msg="+round) {
				t.Error("the line was not written within a second")
			}
		}
		logger.Info("three")
		logger.Warn("four")
		if !strings.Contains(out.String(), "three") || !strings.Contains(out.String(), "four") {
			t.Error("a warning was held back")
		}
	})
}

func TestManyLinesKeepTheirOrderAndWholeness(t *testing.T) {
	var out lockedBuffer
	logger, flush, err := reqlog.NewLogger(&out, "text", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				logger.Info("x", "text", strings.Repeat("y", 200))
			}
		})
	}
	wg.Wait()
	flush()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4000 {
		t.Fatalf("%d lines, want 4000", len(lines))
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, strings.Repeat("y", 200)) || strings.Count(line, "msg=x") != 1 {
			t.Fatalf("torn line %q", line)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, _, err := reqlog.NewLogger(io.Discard, "xml", slog.LevelInfo); err == nil {
		t.Error("xml is a log format")
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func BenchmarkLine(b *testing.B) {
	for _, format := range []string{"text", "json"} {
		b.Run(format, func(b *testing.B) {
			logger, flush, err := reqlog.NewLogger(io.Discard, format, slog.LevelInfo)
			if err != nil {
				b.Fatal(err)
			}
			defer flush()
			ctx := reqlog.With(context.Background(), &reqlog.Note{RequestID: "3081a92b-2066-41f8-8a47-0580288ada9e"})
			b.ReportAllocs()
			for b.Loop() {
				logger.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("method", "GET"), slog.Int("status", 200))
			}
		})
	}
}
