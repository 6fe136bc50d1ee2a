package reqlog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func finished() Finished {
	return Finished{
		At: time.Date(2026, 11, 22, 1, 2, 3, 456_789_000, time.UTC), Level: slog.LevelInfo,
		Method: "GET", Path: "/v2/team/web/manifests/latest", Status: 200,
		Principal: "arn:aws:iam::000000000000:root", Operation: "GetManifest", Out: 1500, Took: 123456 * time.Nanosecond,
		Remote: "127.0.0.1:50000", Agent: "docker/28.0.0 go/go1.24 os/linux", RequestID: "3081a92b-2066-41f8-8a47-0580288ada9e",
	}
}

// sameAsSlog compares the line of a request with slog's in both formats and says
// whether it was written by hand.
func sameAsSlog(t *testing.T, f Finished) (byHand bool) {
	t.Helper()
	var want bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&want, nil), slog.NewJSONHandler(&want, nil)} {
		want.Reset()
		if err := h.Handle(context.Background(), f.record()); err != nil {
			t.Fatal(err)
		}
		_, isJSON := h.(*slog.JSONHandler)
		l := line{json: isJSON}
		l.finished(&f)
		if byHand = !l.odd; byHand && string(l.b) != want.String() {
			t.Errorf("got  %swant %s", l.b, want.String())
		}
	}
	return byHand
}

func TestLinesOfRequestsAreThoseOfSlog(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC),
		time.Date(2026, 11, 22, 1, 2, 3, 999_999_999, time.FixedZone("", 3600)),
		time.Date(2026, 11, 22, 1, 2, 3, 120_000_000, time.FixedZone("", -5400)), time.Now(),
	} {
		for _, text := range []string{"", "a b", "a=b", "<a&b>", "curl", "1234567", "12345678", "123456789", "docker/28.0.0 go/go1.24"} {
			for _, took := range []time.Duration{0, 999, 123456, time.Minute} {
				f := finished()
				f.At, f.Agent, f.Took = at, text, took
				if !sameAsSlog(t, f) {
					t.Errorf("%q is out of the ordinary", text)
				}
			}
		}
	}
}

func TestWhatIsNotPlainIsLeftToSlog(t *testing.T) {
	for _, text := range []string{"a\nb", `"`, `a long text with a \`, "\x00", "é", "\xff", "\u2028", "12345678\x7f", "\x7f2345678", "1234567\x80", "123\x1f567", "1234567 \""} {
		f := finished()
		f.Path = text
		if sameAsSlog(t, f) {
			t.Errorf("%q is plain", text)
		}
	}
}

func TestLinesOfRequestsAreAmongTheOthers(t *testing.T) {
	var out bytes.Buffer
	logger, flush, err := NewLogger(&out, "text", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	log := func(h slog.Handler, agent string, level slog.Level) {
		f := finished()
		f.Agent, f.Level = agent, level
		f.Log(h)
	}
	logger.Info("one")
	log(logger.Handler(), "two", slog.LevelInfo)
	log(logger.Handler(), "é", slog.LevelInfo)
	log(logger.Handler(), "none", slog.LevelDebug)
	log(logger.With("a", 1).Handler(), "four", slog.LevelInfo)
	log(logger.WithGroup("g").Handler(), "five", slog.LevelInfo)
	flush()
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"msg=one", " agent=two", " agent=é", " a=1 method=GET", " g.agent=five"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want …%s…", i, lines[i], want)
		}
	}
	log(logger.Handler(), "six", slog.LevelWarn)
	if !strings.Contains(out.String(), "agent=six") {
		t.Error("a warning was held back")
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "docker/28.0.0 go/go1.24", "a=b\"", "é\u2028", "\xff\x00", "1234567\\", "12345678\n"} {
		f.Add(s, int64(1795305600123456789), int64(1500))
	}
	f.Fuzz(func(t *testing.T, s string, at, took int64) {
		r := finished()
		r.At, r.Took, r.Path, r.Agent = time.Unix(0, at), time.Duration(took), s, s
		sameAsSlog(t, r)
		var back string
		encoded := AppendString(nil, s)
		if err := json.Unmarshal(encoded, &back); err != nil || plain(s) && back != s {
			t.Errorf("%q is %s: %q, %v", s, encoded, back, err)
		}
	})
}

func BenchmarkRequestLine(b *testing.B) {
	for _, format := range []string{"text", "json"} {
		b.Run(format, func(b *testing.B) {
			logger, flush, err := NewLogger(io.Discard, format, slog.LevelInfo)
			if err != nil {
				b.Fatal(err)
			}
			defer flush()
			f := finished()
			b.ReportAllocs()
			for b.Loop() {
				f.Log(logger.Handler())
			}
		})
	}
}
