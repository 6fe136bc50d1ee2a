package advisoryserver_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/advisoryserver"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
)

const kev = `{"vulnerabilities": [{"cveID": "CVE-2024-1", "dateAdded": "2024-05-06"}]}`

var loadedAt = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// serving is a server of a store with one advisory and one risk.
func serving(t *testing.T) (*advisorytest.Memory, string) {
	t.Helper()
	store := advisorytest.NewMemory()
	imp, err := store.BeginImport(t.Context(), "Amazon Linux:2")
	if err != nil {
		t.Fatal(err)
	}
	entry := advisory.Entry{Package: "p", ID: "A", Data: []byte(`{"id":"A","affected":[{"package":{"ecosystem":"Amazon Linux:2","name":"p"},"versions":["1"]}]}`)}
	if err := imp.Add(t.Context(), []advisory.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	if err := imp.Commit(t.Context(), advisory.Source{FetchedAt: loadedAt, LastAttempt: loadedAt, Records: 1, Entries: 1}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kev.json")
	if err := os.WriteFile(file, []byte(kev), 0o600); err != nil {
		t.Fatal(err)
	}
	feed, err := advisory.OpenFeeds(advisory.Locations{Advisories: "off", KEV: file}, advisory.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{Now: func() time.Time { return loadedAt }})
	if outcomes, err := u.Update(t.Context(), nil, advisory.KEV); err != nil || outcomes[0].Err != nil {
		t.Fatal(outcomes, err)
	}
	exporter := advisory.NewExporter(store, t.TempDir())
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	web := httptest.NewServer(advisoryserver.New(advisoryserver.Config{Exports: exporter, Logger: slog.New(slog.DiscardHandler), Bundle: func(ctx context.Context, w io.Writer) error {
		_, err := advisory.WriteBundle(ctx, exporter, key, "test", loadedAt, nil, w)
		return err
	}}))
	t.Cleanup(web.Close)
	return store, web.URL
}

func get(t *testing.T, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func TestExportsAreServedConditionally(t *testing.T) {
	_, url := serving(t)
	for path, kind := range map[string]string{
		"Amazon%20Linux:2/all.zip":                         "application/zip",
		"_enrichment/known_exploited_vulnerabilities.json": "application/json",
	} {
		res, body := get(t, "GET", url+"/advisories/"+path)
		tag := res.Header.Get("ETag")
		if res.StatusCode != 200 || tag == "" || len(body) == 0 || res.Header.Get("Content-Type") != kind || res.Header.Get("Last-Modified") != "Wed, 06 May 2026 07:08:09 GMT" {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
		}
		if res, body := get(t, "GET", url+"/advisories/"+path, "If-None-Match", tag); res.StatusCode != 304 || len(body) != 0 || res.Header.Get("Ecru-Advisories-Checked") != "2026-05-06T07:08:09Z" {
			t.Errorf("%s with its tag: %s %v", path, res.Status, res.Header)
		}
		if res, part := get(t, "GET", url+"/advisories/"+path, "Range", "bytes=0-9"); res.StatusCode != 206 || !bytes.Equal(part, body[:10]) {
			t.Errorf("%s: a part: %s", path, res.Status)
		}
		if res, body := get(t, "HEAD", url+"/advisories/"+path); res.StatusCode != 200 || len(body) != 0 {
			t.Errorf("%s: HEAD: %s", path, res.Status)
		}
	}
	if res, body := get(t, "GET", url+"/advisories/ecosystems.txt"); res.StatusCode != 200 || string(body) != "Amazon Linux:2\n" {
		t.Errorf("ecosystems: %s %q", res.Status, body)
	}
}

func TestWhatIsNotServed(t *testing.T) {
	_, url := serving(t)
	for path, status := range map[string]int{
		"Debian/all.zip": 404, "": 404, "x": 404, "_kev/all.zip": 404, "../all.zip": 404, "a%2Fb/all.zip": 404, "%00/all.zip": 404,
		"_enrichment/all.zip": 404, "_enrichment/epss_scores-current.csv.gz": 404, "bundle/x": 404,
	} {
		if res, _ := get(t, "GET", url+"/advisories/"+path); res.StatusCode != status {
			t.Errorf("%q: %s", path, res.Status)
		}
	}
	if res, _ := get(t, "POST", url+"/advisories/bundle"); res.StatusCode != 405 {
		t.Errorf("POST: %s", res.Status)
	}
}

// TestAnotherEcruIsAFeed: what it hands on is as old as it is there.
func TestAnotherEcruIsAFeed(t *testing.T) {
	from, url := serving(t)
	feed, err := advisory.OpenFeeds(advisory.Locations{Advisories: "ecru+" + url}, advisory.FeedOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{})
	for _, changed := range []bool{true, false} {
		outcomes, err := u.Update(t.Context(), nil, "Amazon Linux:2", advisory.KEV)
		if err != nil || len(outcomes) != 2 {
			t.Fatal(outcomes, err)
		}
		for _, o := range outcomes {
			if o.Err != nil || o.Changed != changed || o.Records != 1 {
				t.Errorf("%+v", o)
			}
		}
		sources, err := store.Sources(t.Context())
		if err != nil || len(sources) != 2 {
			t.Fatal(sources, err)
		}
		for _, s := range sources {
			if !s.Checked().Equal(loadedAt) {
				t.Errorf("it became younger on the way: %+v", s)
			}
		}
	}
	if err := from.RecordAttempt(t.Context(), "Amazon Linux:2", loadedAt.Add(time.Hour), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Update(t.Context(), nil, "Amazon Linux:2"); err != nil {
		t.Fatal(err)
	}
	if sources, _ := store.Sources(t.Context()); !sources[0].Checked().Equal(loadedAt.Add(time.Hour)) {
		t.Errorf("it stayed old: %+v", sources[0])
	}
}

func TestABundleIsServed(t *testing.T) {
	_, url := serving(t)
	res, body := get(t, "GET", url+"/advisories/bundle")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	path := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	b, err := advisory.OpenBundle(t.Context(), path, []ed25519.PublicKey{key})
	if err != nil || len(b.Manifest.Members) != 2 {
		t.Fatal(b, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// brokenExports fail.
type brokenExports struct{ err error }

func (b brokenExports) Sources(context.Context) ([]advisory.Source, error) { return nil, b.err }
func (b brokenExports) Open(context.Context, string) (*advisory.Archive, error) {
	return nil, b.err
}

func TestFailuresAreOursAndTellNothing(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"a failure":           {errors.New("secret path"), 500},
		"being replaced":      {advisory.ErrReplaced, 503},
		"nothing of the kind": {advisory.ErrNoExport, 404},
	} {
		t.Run(name, func(t *testing.T) {
			h := advisoryserver.New(advisoryserver.Config{Exports: brokenExports{c.err}, Logger: slog.New(slog.DiscardHandler),
				Bundle: func(context.Context, io.Writer) error { return c.err }})
			for _, path := range []string{"/advisories/Go/all.zip", "/advisories/bundle", "/advisories/ecosystems.txt"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				if w.Code != c.status || bytes.Contains(w.Body.Bytes(), []byte("secret")) {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			}
		})
	}
}

// TestABundleThatBreaksOffIsNotTakenForWhole.
func TestABundleThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	h := advisoryserver.New(advisoryserver.Config{Logger: slog.New(slog.DiscardHandler), Bundle: func(_ context.Context, w io.Writer) error {
		if _, err := w.Write(make([]byte, 100_000)); err != nil {
			return err
		}
		return errors.New("the disk is gone")
	}})
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	res, err := http.Get(web.URL + "/advisories/bundle")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Error("nobody can tell")
	}
}
