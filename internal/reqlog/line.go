package reqlog

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Finished is a request that is over, for its line in the log.
type Finished struct {
	At        time.Time
	Level     slog.Level
	Method    string
	Path      string
	Status    int
	Principal string
	Operation string
	In, Out   int64 // bytes of bodies
	Took      time.Duration
	Remote    string
	Agent     string
	RequestID string
}

// Log writes the line. It goes to the handler as it is: what a Logger adds, the
// caller's position in the code, says nothing here and costs as much as the
// line. And a request that was cancelled has its line all the same.
func (f *Finished) Log(to slog.Handler) {
	ctx := context.Background()
	if !to.Enabled(ctx, f.Level) {
		return
	}
	if h, ok := to.(*handler); ok && h.lines != nil && h.lines.write(h, f) {
		return
	}
	_ = to.Handle(ctx, f.record()) // there is no place to say that there is no log
}

// record is the line for any handler.
func (f *Finished) record() slog.Record {
	r := slog.NewRecord(f.At, f.Level, "request", 0)
	r.AddAttrs(
		slog.String("method", f.Method),
		slog.String("path", f.Path),
		slog.Int("status", f.Status),
		slog.String("principal", f.Principal),
		slog.String("operation", f.Operation),
		slog.Int64("in", f.In),
		slog.Int64("out", f.Out),
		slog.Duration("took", f.Took),
		slog.String("remote", f.Remote),
		slog.String("agent", f.Agent),
		slog.String(RequestIDKey, f.RequestID),
	)
	return r
}

// lines writes the lines of requests to the letter as slog does, which takes
// three times as long.
type lines struct {
	json  bool
	spare sync.Pool // *line
}

// write says false when there is something in the line that it leaves to slog.
func (l *lines) write(h *handler, f *Finished) bool {
	n, ok := l.spare.Get().(*line)
	if !ok {
		n = &line{json: l.json}
	}
	defer l.spare.Put(n)
	n.finished(f)
	if n.odd {
		return false
	}
	_, _ = h.out.Write(n.b) // which never fails
	h.said(f.Level)
	return true
}

// line is a line on its way.
type line struct {
	b    []byte
	json bool
	odd  bool // there is a text in it that is not plain
}

// finished makes it the line of a request. The members are those of record.
func (l *line) finished(f *Finished) {
	l.b, l.odd = l.b[:0], false
	if l.json {
		l.b = append(f.At.AppendFormat(append(l.b, `{"time":"`...), time.RFC3339Nano), '"')
	} else {
		l.b = appendMillis(append(l.b, "time="...), f.At)
	}
	l.text("level", f.Level.String())
	l.text("msg", "request")
	l.text("method", f.Method)
	l.text("path", f.Path)
	l.number("status", int64(f.Status))
	l.text("principal", f.Principal)
	l.text("operation", f.Operation)
	l.number("in", f.In)
	l.number("out", f.Out)
	if l.json {
		l.number("took", int64(f.Took))
	} else {
		l.key("took")
		l.b = append(l.b, f.Took.String()...) // never in quotes, though there is a µ in it
	}
	l.text("remote", f.Remote)
	l.text("agent", f.Agent)
	l.text(RequestIDKey, f.RequestID)
	if l.json {
		l.b = append(l.b, '}')
	}
	l.b = append(l.b, '\n')
}

func (l *line) key(name string) {
	if l.json {
		l.b = append(append(append(l.b, ',', '"'), name...), '"', ':')
	} else {
		l.b = append(append(append(l.b, ' '), name...), '=')
	}
}

func (l *line) number(key string, n int64) {
	l.key(key)
	l.b = strconv.AppendInt(l.b, n, 10)
}

// text adds a text; one that is not a word is in quotes.
func (l *line) text(key, s string) {
	l.key(key)
	switch {
	case !plain(s):
		l.odd = true
	case l.json || s == "" || strings.IndexByte(s, ' ') >= 0 || strings.IndexByte(s, '=') >= 0:
		l.b = append(append(append(l.b, '"'), s...), '"')
	default:
		l.b = append(l.b, s...)
	}
}

// appendMillis adds a time with exactly three digits of a second.
func appendMillis(b []byte, t time.Time) []byte {
	const kept = len("2006-01-02T15:04:05.000")
	n := len(b)
	// RFC3339Nano is much faster than other formats but drops zeros at the end;
	// a tenth of a millisecond more keeps them and is the fourth digit.
	b = t.Truncate(time.Millisecond).Add(time.Millisecond/10).AppendFormat(b, time.RFC3339Nano)
	return append(b[:n+kept], b[n+kept+1:]...)
}

// AppendString adds a text as JSON to what tells of a request. Nearly all such
// texts are plain.
func AppendString(b []byte, s string) []byte {
	if !plain(s) {
		encoded, _ := json.Marshal(s) // a text always encodes
		return append(b, encoded...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// plain says whether a text is of printable ASCII without quotes and
// backslashes, so that it stands for itself in quotes. It looks at eight bytes
// at a time.
func plain(s string) bool {
	if len(s) < 8 {
		for _, c := range []byte(s) {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				return false
			}
		}
		return true
	}
	for i := 0; i+8 < len(s); i += 8 {
		if special(binary.LittleEndian.Uint64([]byte(s[i : i+8]))) {
			return false
		}
	}
	// The last eight may have been seen in part.
	return !special(binary.LittleEndian.Uint64([]byte(s[len(s)-8:])))
}

// special says whether one of eight bytes is not plain. Subtracting a number
// from each byte sets the top bit of those that are less, unless they had it.
func special(x uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	zeroIf := func(c uint64) uint64 { return (x ^ c*each) - each }
	low := (x - ' '*each) | zeroIf('"') | zeroIf('\\') | zeroIf(0x7f)
	return (low|x)&top != 0
}
