package advisory_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
)

func updateinfo(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/updateinfo.xml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, text []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(text, nil)
}

// put writes a file and what is above it.
func put(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func openFeeds(t testing.TB, at advisory.Locations) advisory.Feed {
	t.Helper()
	feed, err := advisory.OpenFeeds(at, advisory.FeedOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return feed
}

func TestAmazonLinuxFromADirectory(t *testing.T) {
	for name, pack := range map[string]func(testing.TB, []byte) []byte{
		"plain": func(_ testing.TB, b []byte) []byte { return b }, "gzip": gzipped, "zstd": zstandard,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "2023", "core", "repodata", "0123-updateinfo.xml.packed"), pack(t, updateinfo(t)))
			store := advisorytest.NewMemory()
			u := advisory.NewUpdater(store, openFeeds(t, advisory.Locations{Advisories: "off", AmazonLinux: dir}), nil, advisory.UpdaterOptions{})
			o := update(t, u, "Amazon Linux:2023")
			if o.Err != nil || !o.Changed || o.Records != 2 || o.Entries != 3 || o.Rejected != 1 {
				t.Fatalf("%+v", o)
			}
			if o := update(t, u, "Amazon Linux:2023"); o.Err != nil || o.Changed {
				t.Errorf("the same again: %+v", o)
			}
			if o := update(t, u, "Amazon Linux:2"); o.Err == nil || o.Ecosystem != "Amazon Linux:2" {
				t.Errorf("a release that is not there: %+v", o)
			}
			checkUpdateinfo(t, store)
		})
	}
}

func checkUpdateinfo(t *testing.T, store advisory.Store) {
	t.Helper()
	b, err := store.Advisories(t.Context(), "Amazon Linux:2023", []string{"openssl-libs", "openssl", "docker", "tzdata"})
	if err != nil || len(b.Entries) != 3 {
		t.Fatalf("%+v, %v", b, err)
	}
	pages := map[string]string{}
	for _, e := range b.Entries {
		r, err := e.Record()
		if err != nil {
			t.Fatal(err)
		}
		pages[e.Package] = r.References[0].URL
		if e.Package != "openssl-libs" {
			continue
		}
		want := []advisory.Affected{{
			Package: advisory.Package{Ecosystem: "Amazon Linux:2023", Name: "openssl-libs"},
			Ranges:  []advisory.Range{{Type: "ECOSYSTEM", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "1:3.0.8-1.amzn2023.0.2"}}}},
		}}
		if diff := cmp.Diff(want, r.Affected); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if r.ID != "ALAS2023-2023-100" || r.Database.Word() != "important" || !slices.Equal(r.Upstream, []string{"CVE-2023-0286", "CVE-2022-4304"}) {
			t.Errorf("%+v", r)
		}
		if r.Modified.Format("2006-01-02 15:04") != "2023-03-01 18:30" || r.Published.Format("2006-01-02 15:04") != "2023-02-17 00:08" {
			t.Errorf("dates %v, %v", r.Modified, r.Published)
		}
	}
	want := map[string]string{
		"openssl": "https://alas.aws.amazon.com/AL2023/ALAS-2023-100.html", "openssl-libs": "https://alas.aws.amazon.com/AL2023/ALAS-2023-100.html",
		"docker": "https://alas.aws.amazon.com/AL2023/ALASDOCKER-2023-007.html",
	}
	if diff := cmp.Diff(want, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// amazon plays Amazon's server: core and two extras of release 2, one of which
// was never updated.
type amazon struct {
	mu    sync.Mutex
	files map[string][]byte
	asked []string
}

func (s *amazon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.Path)
	text, found := s.files[r.URL.Path]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(bytes.ReplaceAll(text, []byte("http://HOST"), []byte("http://"+r.Host)))
}

func (s *amazon) put(path string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = text
}

func (s *amazon) repository(path string, info []byte) {
	sum := sha256.Sum256(info)
	s.put(path+"/repodata/repomd.xml", fmt.Appendf(nil, `<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo">
		<data type="primary"><checksum type="sha256">00</checksum><location href="repodata/primary.xml.gz"/></data>
		<data type="updateinfo"><checksum type="sha256">%s</checksum><location href="repodata/updateinfo.xml.gz"/></data></repomd>`, hex.EncodeToString(sum[:])))
	s.put(path+"/repodata/updateinfo.xml.gz", info)
}

func newAmazon(t *testing.T) (*amazon, *advisory.Updater, advisory.Store) {
	t.Helper()
	s := &amazon{files: map[string][]byte{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.put("/2/core/latest/x86_64/mirror.list", []byte("http://HOST/gone\nhttp://HOST/2/core/2.0/$basearch/abc\n"))
	s.put("/2/extras-catalog.json", []byte(`{"topics": [{"n": "docker"}, {"n": "nano"}, {"n": "../evil"}, {"n": "gone"}]}`))
	s.put("/2/extras/docker/latest/x86_64/mirror.list", []byte("http://HOST/docker/"))
	s.put("/2/extras/nano/latest/x86_64/mirror.list", []byte("http://HOST/nano"))
	s.put("/nano/repodata/repomd.xml", []byte(`<repomd><data type="primary"/></repomd>`))
	s.repository("/2/core/2.0/x86_64/abc", gzipped(t, notice("ALAS2-2024-1", "core", "1")))
	s.repository("/docker", gzipped(t, notice("ALAS2DOCKER-2024-1", "docker", "1")))
	store := advisorytest.NewMemory()
	feed := openFeeds(t, advisory.Locations{Advisories: "off", AmazonLinux: web.URL})
	return s, advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{}), store
}

func notice(id, pkg, version string) []byte {
	return fmt.Appendf(nil, `<updates><update type="security"><id>%s</id><severity>low</severity><pkglist><collection>
		<package name="%s" epoch="0" version="%s" release="1.amzn2" arch="x86_64"/></collection></pkglist></update></updates>`, id, pkg, version)
}

func TestAmazonLinuxFromAServer(t *testing.T) {
	s, u, store := newAmazon(t)
	if o := update(t, u, "Amazon Linux:2"); o.Err != nil || o.Records != 2 {
		t.Fatalf("%+v", o)
	}
	if got := ids(t, store, "Amazon Linux:2", "core", "docker"); got != "ALAS2-2024-1 ALAS2DOCKER-2024-1" {
		t.Errorf("entries %q", got)
	}
	s.asked = nil
	if o := update(t, u, "Amazon Linux:2"); o.Err != nil || o.Changed {
		t.Errorf("the same again: %+v", o)
	}
	for _, path := range s.asked {
		if strings.HasSuffix(path, "updateinfo.xml.gz") || strings.Contains(path, "evil") {
			t.Errorf("asked for %s", path)
		}
	}
	s.repository("/docker", gzipped(t, notice("ALAS2DOCKER-2024-2", "docker", "2")))
	if o := update(t, u, "Amazon Linux:2"); o.Err != nil || !o.Changed {
		t.Errorf("after a change: %+v", o)
	}
	if got := ids(t, store, "Amazon Linux:2", "core", "docker"); got != "ALAS2-2024-1 ALAS2DOCKER-2024-2" {
		t.Errorf("entries %q", got)
	}
}

// TestAmazonLinuxKeepsTheOldEntries when any of the repositories cannot be read.
func TestAmazonLinuxKeepsTheOldEntries(t *testing.T) {
	for name, c := range map[string]struct {
		path, text, want string
	}{
		"not what repomd says":    {"/docker/repodata/updateinfo.xml.gz", "x", "is not what repomd.xml says"},
		"no updateinfo":           {"/docker/repodata/updateinfo.xml.gz", "", "no such ecosystem"},
		"no mirrors":              {"/2/core/latest/x86_64/mirror.list", "\n\n", "lists no mirror"},
		"no core":                 {"/2/core/latest/x86_64/mirror.list", "", "no such ecosystem"},
		"a page for a list":       {"/2/core/latest/x86_64/mirror.list", "<html>", "no such ecosystem"},
		"a page for a repomd":     {"/docker/repodata/repomd.xml", "<html></html>", "expected element type <repomd>"},
		"a repomd to elsewhere":   {"/docker/repodata/repomd.xml", `<repomd><data type="updateinfo"><checksum type="sha256">00</checksum><location href="http://elsewhere.test/x"/></data></repomd>`, "does not say where"},
		"a catalogue that is not": {"/2/extras-catalog.json", "[]", "not a catalogue"},
		"a large repomd":          {"/docker/repodata/repomd.xml", strings.Repeat(" ", 5<<20), "larger than the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			s, u, store := newAmazon(t)
			if o := update(t, u, "Amazon Linux:2"); o.Err != nil {
				t.Fatal(o.Err)
			}
			s.repository("/docker", gzipped(t, notice("ALAS2DOCKER-2024-2", "docker", "2")))
			s.put(c.path, []byte(c.text))
			if c.text == "" {
				delete(s.files, c.path)
			}
			o := update(t, u, "Amazon Linux:2")
			if o.Err == nil || !strings.Contains(o.Err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", o.Err, c.want)
			}
			if got := ids(t, store, "Amazon Linux:2", "core", "docker"); got != "ALAS2-2024-1 ALAS2DOCKER-2024-1" {
				t.Errorf("entries %q", got)
			}
		})
	}
}

func TestUpdateinfoIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"endless text":    `<updates><update><id>` + strings.Repeat("x", 6<<20),
		"endless list":    `<updates><update type="security"><id>A</id><pkglist><collection>` + strings.Repeat(`<package name="p" version="1" release="1"/>`, 200_000),
		"another format":  `<html><body/></html>`,
		"nothing":         ``,
		"cut off":         string(updateinfo(t)[:1500]),
		"packed with xz":  "\xfd7zXZ\x00 and so on",
		"an endless name": `<updates><` + strings.Repeat("x", 6<<20),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "2", "updateinfo.xml"), []byte(text))
			store := advisorytest.NewMemory()
			u := advisory.NewUpdater(store, openFeeds(t, advisory.Locations{Advisories: "off", AmazonLinux: dir}), nil, advisory.UpdaterOptions{})
			if o := update(t, u, "Amazon Linux:2"); o.Err == nil || sourceOf(t, store, "Amazon Linux:2").Loaded() {
				t.Errorf("%+v", o)
			}
		})
	}
}

func FuzzUpdateinfo(f *testing.F) {
	f.Add(updateinfo(f))
	f.Add(notice("ALAS-2018-1", "p", "1"))
	f.Add(gzipped(f, notice("ALAS-2018-1", "p", "1")))
	f.Add(zstandard(f, []byte("<updates/>")))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "2", "updateinfo.xml"), text)
		fuzzFeed(t, advisory.Locations{Advisories: "off", AmazonLinux: dir}, "Amazon Linux:2")
	})
}

// fuzzFeed loads what a fuzzer has made: an error or an import, within bounds.
func fuzzFeed(t *testing.T, at advisory.Locations, ecosystem string) advisory.Store {
	t.Helper()
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, openFeeds(t, at), nil, advisory.UpdaterOptions{
		Limits: advisory.Limits{MaxRecords: 100, MaxRecordBytes: 1 << 16, MaxTotalBytes: 1 << 18}})
	o := update(t, u, ecosystem)
	src := sourceOf(t, store, ecosystem)
	if (o.Err == nil) != src.Loaded() || src.Records > 100 {
		t.Fatalf("outcome %+v, source %+v", o, src)
	}
	return store
}
