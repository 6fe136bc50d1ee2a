package advisory_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
)

// zipOf makes an export of name → content.
func zipOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// server plays the public bucket.
type server struct {
	mu       sync.Mutex
	exports  map[string][]byte // ecosystem → zip
	etag     map[string]string
	broken   http.HandlerFunc // answers everything when set
	requests []string         // "ecosystem status"
}

func newServer(t testing.TB) (*server, advisory.Feed) {
	t.Helper()
	s := &server{exports: map[string][]byte{}, etag: map[string]string{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	feed, err := advisory.OpenFeed(web.URL+"/bucket", advisory.FeedOptions{TempDir: t.TempDir(), MaxExportBytes: 1 << 20, IdleTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s, feed
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		broken(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/bucket/"), "/all.zip")
	status := http.StatusOK
	switch export, found := s.exports[name]; {
	case !found:
		status = http.StatusNotFound
		w.WriteHeader(status)
	case s.etag[name] != "" && r.Header.Get("If-None-Match") == s.etag[name]:
		status = http.StatusNotModified
		w.WriteHeader(status)
	default:
		if s.etag[name] != "" {
			w.Header().Set("ETag", s.etag[name])
		}
		_, _ = w.Write(export)
	}
	s.requests = append(s.requests, fmt.Sprint(name, " ", status))
}

func (s *server) put(name, etag string, export []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exports[name], s.etag[name] = export, etag
}

func (s *server) breakWith(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = h
}

func (s *server) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.requests
	s.requests = nil
	return got
}

type fixedWanted []string

func (w fixedWanted) Wanted(context.Context) ([]string, error) { return slices.Clone(w), nil }

// update runs one update that must not fail as a whole.
func update(t *testing.T, u *advisory.Updater, ecosystems ...string) advisory.Outcome {
	t.Helper()
	outcomes, err := u.Update(t.Context(), nil, ecosystems...)
	if err != nil || len(outcomes) != 1 {
		t.Fatalf("Update(%q) = %+v, %v", ecosystems, outcomes, err)
	}
	return outcomes[0]
}

func ids(t *testing.T, s advisory.Store, ecosystem string, packages ...string) string {
	t.Helper()
	b, err := s.Advisories(t.Context(), ecosystem, packages)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range b.Entries {
		all = append(all, e.ID)
	}
	return strings.Join(all, " ")
}

func sourceOf(t *testing.T, s advisory.Store, ecosystem string) advisory.Source {
	t.Helper()
	all, err := s.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range all {
		if src.Ecosystem == ecosystem {
			return src
		}
	}
	return advisory.Source{}
}

func TestUpdateAsksConditionally(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{})
	web.put("Azure Linux:3", `"one"`, zipOf(t, map[string]string{"A.json": recordOf("A", "Azure Linux:3", "p", "1")}))

	if o := update(t, u, "Azure Linux:3"); !o.Changed || o.Records != 1 || o.Entries != 1 || o.Err != nil {
		t.Fatalf("first: %+v", o)
	}
	first := sourceOf(t, store, "Azure Linux:3")
	if first.ETag != `"one"` || !strings.HasPrefix(first.Digest, "sha256:") || first.NewestModified.IsZero() || first.Size == 0 {
		t.Errorf("source: %+v", first)
	}
	if o := update(t, u, "Azure Linux:3"); o.Changed || o.Records != 1 || o.Err != nil {
		t.Fatalf("second: %+v", o)
	}
	second := sourceOf(t, store, "Azure Linux:3")
	if second.Generation != first.Generation || !second.Checked().After(first.Checked()) {
		t.Errorf("not modified, but %+v became %+v", first, second)
	}
	web.put("Azure Linux:3", `"two"`, zipOf(t, map[string]string{"B.json": recordOf("B", "Azure Linux:3", "p", "1")}))
	if o := update(t, u, "Azure Linux:3"); !o.Changed {
		t.Fatalf("third: %+v", o)
	}
	if got := ids(t, store, "Azure Linux:3", "p"); got != "B" {
		t.Errorf("entries %q", got)
	}
	want := []string{"Azure Linux:3 200", "Azure Linux:3 304", "Azure Linux:3 200"}
	if got := web.took(); !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

func TestSameBytesAreNotImportedAgain(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{})
	web.put("Go", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")})) // a server without validators
	update(t, u, "Go")
	if o := update(t, u, "Go"); o.Changed || o.Err != nil {
		t.Errorf("%+v", o)
	}
}

func TestAReleaseWithoutExportIsServedByItsParent(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{})
	web.put("Debian", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Debian:12", "p", "1")}))
	outcomes, err := u.Update(t.Context(), nil, "Debian:12", "Debian:13", "Nowhere:1")
	if err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != 2 || outcomes[0].Ecosystem != "Debian" || outcomes[0].Err != nil || !errors.Is(outcomes[1].Err, advisory.ErrNoExport) {
		t.Fatalf("%+v", outcomes)
	}
	if got := ids(t, store, "Debian", "p", advisory.Contents); got != "Debian:12 A" {
		t.Errorf("entries %q", got)
	}
	want := []string{"Debian:12 404", "Debian 200", "Debian:13 404", "Nowhere:1 404", "Nowhere 404"}
	if got := web.took(); !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	if src := sourceOf(t, store, "Nowhere:1"); src.LastError == "" || src.Loaded() {
		t.Errorf("source %+v", src)
	}
	// Asked for both, the parent brings the release.
	web.put("Debian:12", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Debian:12", "p", "1")}))
	if _, err := u.Update(t.Context(), nil, "Debian:12", "Debian"); err != nil {
		t.Fatal(err)
	}
	if got := web.took(); !slices.Equal(got, []string{"Debian 200"}) {
		t.Errorf("requests %q", got)
	}
}

// TestABadFeedKeepsTheOldEntries plays what feeds do on bad days.
func TestABadFeedKeepsTheOldEntries(t *testing.T) {
	good := zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")})
	large := strings.Repeat("0", 300_000)
	manyFiles := map[string]string{}
	for i := range 60 {
		manyFiles[fmt.Sprintf("%d.json", i)] = recordOf(fmt.Sprint(i), "Go", "p", "1")
	}
	corrupt := bytes.Clone(zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")}))
	corrupt[60] ^= 0xff
	serve := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
	}
	stall := make(chan struct{})
	defer close(stall)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"500":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "500 Internal Server Error"},
		"403":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "403 Forbidden"},
		"a login page":    {serve([]byte("<html>please log in</html>")), "not a valid zip"},
		"an empty body":   {serve(nil), "not a valid zip"},
		"a truncated zip": {serve(good[:len(good)-30]), "not a valid zip"},
		"a corrupt zip":   {serve(corrupt), ""},
		"a broken connection": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(good[:50])
		}, "unexpected EOF"},
		"a connection that stands still": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(good[:50])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-stall:
			case <-r.Context().Done():
			}
		}, "no data for"},
		"more bytes than allowed": {func(w http.ResponseWriter, _ *http.Request) {
			for range 40 {
				_, _ = w.Write(make([]byte, 64<<10))
			}
		}, "larger than the limit"},
		"a record that inflates beyond the limit": {serve(zipOf(t, map[string]string{"A.json": large})), "a record of more than"},
		"records that inflate beyond the limit":   {serve(zipOf(t, map[string]string{"A.json": large[:90_000], "B.json": large[:90_000], "C.json": large[:90_000]})), "bytes of records"},
		"more files than allowed":                 {serve(zipOf(t, manyFiles)), "limit is 50"},
		"only unreadable records":                 {serve(zipOf(t, map[string]string{"A.json": "{"})), "no usable record"},
	} {
		t.Run(name, func(t *testing.T) {
			web, feed := newServer(t)
			store := advisorytest.NewMemory()
			u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{
				Limits: advisory.Limits{MaxRecords: 50, MaxRecordBytes: 100_000, MaxTotalBytes: 200_000}})
			web.put("Go", "", good)
			if o := update(t, u, "Go"); o.Err != nil {
				t.Fatal(o.Err)
			}
			before := sourceOf(t, store, "Go")
			web.breakWith(c.answer)
			o := update(t, u, "Go")
			if o.Err == nil || !strings.Contains(o.Err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", o.Err, c.want)
			}
			after := sourceOf(t, store, "Go")
			if ids(t, store, "Go", "p") != "A" || after.Generation != before.Generation || after.LastError == "" || !after.Checked().Equal(before.FetchedAt) {
				t.Errorf("after the failure: %+v", after)
			}
			web.breakWith(nil)
			if o := update(t, u, "Go"); o.Err != nil || sourceOf(t, store, "Go").LastError != "" {
				t.Errorf("does not recover: %+v", o)
			}
		})
	}
}

func TestWithdrawnRecordsDoNotCountAndUnreadableOnesAreLeftOut(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{})
	withdrawn := strings.Replace(recordOf("W", "Go", "p", "1"), `{`, `{"withdrawn":"2026-01-01T00:00:00Z",`, 1)
	web.put("Go", "", zipOf(t, map[string]string{
		"A.json": recordOf("A", "Go", "p", "1"), "W.json": withdrawn, "X.json": `{"id": 7}`,
		"N.json": recordOf("N", "npm", "p", "1"), "README.md": "hello", "sub/B.json": recordOf("B", "Go", "p", "2"),
	}))
	o := update(t, u, "Go")
	if o.Records != 2 || o.Withdrawn != 1 || o.Rejected != 1 || o.FirstRejection == nil || o.Err != nil {
		t.Errorf("%+v", o)
	}
	if got := ids(t, store, "Go", "p"); got != "A B W" {
		t.Errorf("entries %q", got)
	}
	b, err := store.Advisories(t.Context(), "Go", []string{"p"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := b.Entries[2].Record(); err != nil || r.Withdrawn.IsZero() {
		t.Errorf("the withdrawn one does not say so: %+v, %v", r, err)
	}
}

func TestImportOfADirectory(t *testing.T) {
	dir := t.TempDir()
	put := func(ecosystem, id string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, ecosystem), 0o755); err != nil {
			t.Fatal(err)
		}
		data := zipOf(t, map[string]string{id + ".json": recordOf(id, "Debian:12", "p", "1")})
		if err := os.WriteFile(filepath.Join(dir, ecosystem, "all.zip"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("Debian", "A")
	put("Debian:12", "A")
	if err := os.MkdirAll(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{})
	var stages []string
	outcomes, err := u.Import(t.Context(), dir, func(p advisory.Progress) { stages = append(stages, p.Stage) })
	if err != nil || len(outcomes) != 1 || !outcomes[0].Changed || outcomes[0].Ecosystem != "Debian" {
		t.Fatalf("%+v, %v", outcomes, err)
	}
	if slices.Index(stages, "fetch") != 0 || !slices.Contains(stages, "import") {
		t.Errorf("progress %q", stages)
	}
	if outcomes, err = u.Import(t.Context(), dir, nil); err != nil || outcomes[0].Changed {
		t.Errorf("an unchanged file is imported again: %+v, %v", outcomes, err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "Debian", "all.zip"), later, later); err != nil {
		t.Fatal(err)
	}
	if outcomes, err = u.Import(t.Context(), dir, nil); err != nil || outcomes[0].Changed {
		t.Errorf("a touched file is imported again: %+v, %v", outcomes, err)
	}
	put("Debian", "B")
	if outcomes, err = u.Import(t.Context(), dir, nil); err != nil || !outcomes[0].Changed || ids(t, store, "Debian", "p") != "B" {
		t.Errorf("a new file is not imported: %+v, %v", outcomes, err)
	}
	if _, err := u.Update(t.Context(), nil, "Debian"); !errors.Is(err, advisory.ErrOff) {
		t.Errorf("update without a feed: %v", err)
	}
}

func TestImportOfWhatIsNoDirectory(t *testing.T) {
	u := advisory.NewUpdater(advisorytest.NewMemory(), nil, nil, advisory.UpdaterOptions{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, file + "-absent", t.TempDir(), "https://example.test/"} {
		if _, err := u.Import(t.Context(), dir, nil); err == nil {
			t.Errorf("Import(%q) answers no error", dir)
		}
	}
	for _, location := range []string{"ftp://example.test", "https://", "://", "https://%zz"} {
		if _, err := advisory.OpenFeed(location, advisory.FeedOptions{}); err == nil {
			t.Errorf("OpenFeed(%q) answers no error", location)
		}
	}
}

func TestEcosystemsCannotLeaveTheDirectory(t *testing.T) {
	feed, err := advisory.OpenFeed(t.TempDir(), advisory.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a\x00", "-x", strings.Repeat("x", 1000)} {
		_, err := feed.Fetch(t.Context(), name, advisory.Source{})
		if err == nil || errors.Is(err, advisory.ErrNoExport) {
			t.Errorf("Fetch(%q) = %v", name, err)
		}
	}
}

func TestEnsureLoadsOnceAndRemembersFailures(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	var mu sync.Mutex
	now := time.Now()
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	web.put("Debian", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Debian:12", "p", "1")}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := u.Ensure(t.Context(), "Debian:12"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := web.took(); !slices.Equal(got, []string{"Debian:12 404", "Debian 200"}) {
		t.Errorf("requests %q", got)
	}
	for range 3 {
		if err := u.Ensure(t.Context(), "Alpine:v3.20"); err == nil {
			t.Error("no error for what the feed has not")
		}
	}
	if got := web.took(); len(got) != 2 {
		t.Errorf("requests %q, want one try", got)
	}
	mu.Lock()
	now = now.Add(2 * time.Minute)
	mu.Unlock()
	web.put("Alpine:v3.20", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Alpine:v3.20", "p", "1")}))
	if err := u.Ensure(t.Context(), "Alpine:v3.20"); err != nil {
		t.Error(err)
	}
}

func TestBackgroundRefreshesWhatIsWanted(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, fixedWanted{"Go"}, advisory.UpdaterOptions{Interval: 10 * time.Millisecond, Retry: time.Millisecond})
	web.put("Go", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")}))
	web.put("npm", "", zipOf(t, map[string]string{"A.json": recordOf("A", "npm", "p", "1")}))
	if err := u.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := u.Start(t.Context()); err == nil {
		t.Error("a second Start answers no error")
	}
	waitFor(t, func() bool { return ids(t, store, "Go", "p") == "A" })
	web.breakWith(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	waitFor(t, func() bool { return sourceOf(t, store, "Go").LastError != "" })
	web.breakWith(nil)
	web.put("Go", "", zipOf(t, map[string]string{"B.json": recordOf("B", "Go", "p", "1")}))
	waitFor(t, func() bool { return ids(t, store, "Go", "p") == "B" })
	if err := u.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sourceOf(t, store, "npm").Loaded() {
		t.Error("loaded what nobody wanted")
	}
	if err := u.Stop(t.Context()); err != nil {
		t.Error("a second Stop:", err)
	}
}

// wantedNow is what tells what is wanted, which changes.
type wantedNow func() []string

func (w wantedNow) Wanted(context.Context) ([]string, error) { return w(), nil }

// TestWhatTheFirstImageNeedsBesideIsLoadedAtOnce: nobody waits for known exploits,
// but they are not as late as the next look at the feed.
func TestWhatTheFirstImageNeedsBesideIsLoadedAtOnce(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	web.put("Go", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")}))
	web.put("npm", "", zipOf(t, map[string]string{"A.json": recordOf("A", "npm", "p", "1")}))
	looked := make(chan struct{}, 1)
	u := advisory.NewUpdater(store, feed, wantedNow(func() []string {
		select {
		case looked <- struct{}{}:
		default:
		}
		if sources, err := store.Sources(t.Context()); err != nil || len(sources) == 0 {
			return nil
		}
		return []string{"npm"}
	}), advisory.UpdaterOptions{Interval: time.Hour})
	if err := u.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-looked // nothing was wanted when it began
	if err := u.Ensure(t.Context(), "Go"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return sourceOf(t, store, "npm").Loaded() })
	if err := u.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestARestartDoesNotLoadFreshAdvisories(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	web.put("Go", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")}))
	web.put("npm", "", zipOf(t, map[string]string{"A.json": recordOf("A", "npm", "p", "1")}))
	if o := update(t, advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{}), "Go"); o.Err != nil {
		t.Fatal(o.Err)
	}
	web.took()
	u := advisory.NewUpdater(store, feed, fixedWanted{"Go", "npm"}, advisory.UpdaterOptions{Interval: time.Hour})
	if err := u.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return sourceOf(t, store, "npm").Loaded() })
	if err := u.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := web.took(); !slices.Equal(got, []string{"npm 200"}) {
		t.Errorf("requests %q", got)
	}
}

func TestUpdateWithoutNamesTakesWhatIsWanted(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, fixedWanted{"Go"}, advisory.UpdaterOptions{})
	web.put("Go", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")}))
	if o := update(t, u); o.Ecosystem != "Go" || !o.Changed {
		t.Errorf("%+v", o)
	}
}

// TestOldAdvisoriesAreWarnedOf, also where nothing is fetched: somebody has to
// bring a bundle then.
func TestOldAdvisoriesAreWarnedOf(t *testing.T) {
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{})
	for _, ecosystem := range []string{"Go", "npm"} {
		if outcomes, err := u.Import(t.Context(), exportDir(t, ecosystem, zipOf(t, map[string]string{"A.json": recordOf("A", ecosystem, "p", "1")})), nil); err != nil || outcomes[0].Err != nil {
			t.Fatal(outcomes, err)
		}
	}
	_, broken := newServer(t)
	for name, feed := range map[string]advisory.Feed{"without a feed": nil, "with one that fails": broken} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var log bytes.Buffer
			text := func() string {
				mu.Lock()
				defer mu.Unlock()
				return log.String()
			}
			u := advisory.NewUpdater(store, feed, fixedWanted{"Go"}, advisory.UpdaterOptions{
				Interval: 10 * time.Millisecond, Retry: time.Millisecond, MaxAge: 48 * time.Hour,
				Now: func() time.Time { return time.Now().Add(50 * time.Hour) },
				Logger: slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					return log.Write(p)
				}), nil)),
			})
			if err := u.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { return strings.Contains(text(), "nothing newer can be had\" ecosystem=Go age=50h0m0s") })
			if err := u.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text(), "ecosystem=npm") {
				t.Errorf("warned of what nobody needs: %s", text())
			}
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestDirectoriesWithoutPackagesAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"GIT", "[EMPTY]", "Rocky Linux:9", "Red Hat:enterprise_linux:9::baseos"} {
		put(t, filepath.Join(dir, name, "all.zip"), zipOf(t, map[string]string{"A.json": recordOf("A", name, "p", "1")}))
	}
	store := advisorytest.NewMemory()
	outcomes, err := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{}).Import(t.Context(), dir, nil)
	if err != nil || len(outcomes) != 2 || outcomes[0].Entries != 1 || outcomes[1].Entries != 1 {
		t.Errorf("%+v, %v", outcomes, err)
	}
}

func TestWhereThereIsAPlaceToAsk(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "_enrichment", "known_exploited_vulnerabilities.json"), []byte(kev))
	for _, c := range []struct {
		at        advisory.Locations
		kev, epss bool
	}{
		{advisory.Locations{Advisories: advisory.PublicBucket}, true, true},
		{advisory.Locations{Advisories: advisory.PublicBucket, KEV: "off"}, false, true},
		{advisory.Locations{Advisories: "https://mirror.test/osv"}, true, true},
		{advisory.Locations{Advisories: dir}, true, false},
		{advisory.Locations{Advisories: dir, EPSS: "https://mirror.test/epss.csv"}, true, true},
		{advisory.Locations{Advisories: "off"}, false, false},
		{advisory.Locations{Advisories: "off", KEV: "kev.json"}, true, false},
	} {
		if k, e := c.at.Has(advisory.KEV), c.at.Has(advisory.EPSS); k != c.kev || e != c.epss {
			t.Errorf("%+v: %v, %v", c.at, k, e)
		}
	}
}

// overtaken begins a newer import as soon as one begins.
type overtaken struct{ *advisorytest.Memory }

func (s overtaken) BeginImport(ctx context.Context, ecosystem string) (advisory.Import, error) {
	imp, err := s.Memory.BeginImport(ctx, ecosystem)
	if err == nil {
		_, err = s.Memory.BeginImport(ctx, ecosystem)
	}
	return imp, err
}

func TestBeingOvertakenIsNoFailureOfTheFeed(t *testing.T) {
	web, feed := newServer(t)
	store := overtaken{advisorytest.NewMemory()}
	web.put("Go", "", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "1")}))
	o := update(t, advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{}), "Go")
	if !errors.Is(o.Err, advisory.ErrSuperseded) || sourceOf(t, store, "Go").LastError != "" {
		t.Errorf("%+v, %+v", o, sourceOf(t, store, "Go"))
	}
}

func TestStopInTheMiddleOfADownload(t *testing.T) {
	web, feed := newServer(t)
	store := advisorytest.NewMemory()
	started := make(chan struct{}, 1)
	web.breakWith(func(w http.ResponseWriter, r *http.Request) {
		select {
		case started <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	})
	u := advisory.NewUpdater(store, feed, fixedWanted{"Go"}, advisory.UpdaterOptions{})
	if err := u.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := u.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if src := sourceOf(t, store, "Go"); src.LastError != "" {
		t.Errorf("being stopped is recorded as the feed's fault: %+v", src)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
		time.Sleep(time.Millisecond) // a poll: nothing signals what the store holds
	}
}
