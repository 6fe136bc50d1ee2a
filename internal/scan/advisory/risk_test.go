package advisory_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/test/fixture"
)

const (
	kev = `{"title": "t", "catalogVersion": "2026.01.02", "dateReleased": "2026-01-02T03:04:05.6Z", "count": 2, "vulnerabilities": [
		{"cveID": "CVE-2024-1", "dateAdded": "2024-05-06", "notes": {"deep": [1, 2]}}, {"cveID": "CVE-2024-2", "dateAdded": "2024-05-07"}], "more": []}`
	epss = "#model_version:v2025.03.14,score_date:2026-01-02T00:00:00+0000\ncve,epss,percentile\nCVE-2024-1,0.97,0.999\nCVE-2024-3,0.00043,0.11\n"
)

func riskDir(t testing.TB, kev, epss []byte) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "kev.json"), kev)
	put(t, filepath.Join(dir, "epss.csv"), epss)
	return dir
}

func riskLocations(dir string) advisory.Locations {
	return advisory.Locations{Advisories: "off", KEV: filepath.Join(dir, "kev.json"), EPSS: filepath.Join(dir, "epss.csv")}
}

func updateRisks(t *testing.T, u *advisory.Updater) []advisory.Outcome {
	t.Helper()
	outcomes, err := u.Update(t.Context(), nil, advisory.KEV, advisory.EPSS)
	if err != nil || len(outcomes) != 2 {
		t.Fatal(outcomes, err)
	}
	return outcomes
}

func TestRisksOfVulnerabilities(t *testing.T) {
	dir := riskDir(t, []byte(kev), gzipped(t, []byte(strings.ReplaceAll(epss, "\n", "\r\n"))))
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, openFeeds(t, riskLocations(dir)), nil, advisory.UpdaterOptions{})
	for _, o := range updateRisks(t, u) {
		if o.Err != nil || o.Records != 2 || o.Rejected != 0 {
			t.Fatalf("%+v", o)
		}
	}
	got, err := store.Risks(t.Context(), []string{"CVE-2024-1", "CVE-2024-2", "CVE-2024-3", "CVE-2024-4"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]finding.Risk{
		"CVE-2024-1": {EPSS: 0.97, Percentile: 0.999, HasEPSS: true, KnownExploited: true, ExploitedAt: time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)},
		"CVE-2024-2": {KnownExploited: true, ExploitedAt: time.Date(2024, 5, 7, 0, 0, 0, 0, time.UTC)},
		"CVE-2024-3": {EPSS: 0.00043, Percentile: 0.11, HasEPSS: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if src := sourceOf(t, store, advisory.EPSS); src.NewestModified.Format(time.DateOnly) != "2026-01-02" {
		t.Errorf("%+v", src)
	}
}

// TestOnlyLargeMovesOfRisksAreChanges: EPSS gives nearly everything another
// number every day.
func TestOnlyLargeMovesOfRisksAreChanges(t *testing.T) {
	dir := riskDir(t, []byte(kev), []byte(epss))
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, openFeeds(t, riskLocations(dir)), nil, advisory.UpdaterOptions{})
	updateRisks(t, u)
	if err := store.DropChanges(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "epss.csv"), []byte("#x\ncve,epss,percentile\nCVE-2024-1,0.91,0.9\nCVE-2024-3,0.3,0.5\nCVE-2024-5,0.001,0.1\n"))
	put(t, filepath.Join(dir, "kev.json"), []byte(strings.Replace(kev, "CVE-2024-2", "CVE-2024-9", 1)))
	updateRisks(t, u)
	changes, err := store.Changes(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, c.Ecosystem+" "+c.Package)
	}
	want := []string{"_epss CVE-2024-3", "_epss CVE-2024-5", "_kev CVE-2024-2", "_kev CVE-2024-9"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if now, err := store.Risks(t.Context(), []string{"CVE-2024-1"}); err != nil || now["CVE-2024-1"].EPSS != 0.91 {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestBadRisksKeepTheOldOnes(t *testing.T) {
	many := "cve,epss,percentile\n" + strings.Repeat("CVE-2024-1,0.5,0.5\n", 300)
	for name, c := range map[string]struct{ kev, epss, want string }{
		"a page":              {kev: "<html>", epss: "<html>", want: "not a"},
		"nothing":             {want: "not a"},
		"cut off":             {kev: kev[:len(kev)-30], epss: "#x\ncve,epss", want: ""},
		"another catalogue":   {kev: `{"vulnerabilities": {}}`, epss: "cve;epss\n", want: ""},
		"no catalogue":        {kev: `{"a": 1}`, epss: "\n\n", want: "not a"},
		"nothing usable":      {kev: `{"vulnerabilities": [{"cveID": "x"}]}`, epss: "cve,epss,percentile\nCVE-1,2,NaN\nCVE-2,x,1\nx\n", want: "no usable record"},
		"a giant":             {kev: `{"x": "` + strings.Repeat("x", 100_000) + `"}`, epss: "#" + strings.Repeat("x", 100_000), want: ""},
		"more than the limit": {kev: `{"vulnerabilities": [` + strings.Repeat(`{"cveID": "CVE-1", "dateAdded": "2024-01-01"},`, 300) + `{}]}`, epss: many, want: "limit is 200"},
		"cut off when packed": {kev: string(gzipped(t, []byte(kev))[:60]), epss: string(gzipped(t, []byte(many))[:60]), want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := riskDir(t, []byte(kev), []byte(epss))
			store := advisorytest.NewMemory()
			u := advisory.NewUpdater(store, openFeeds(t, riskLocations(dir)), nil, advisory.UpdaterOptions{
				Limits: advisory.Limits{MaxRecords: 200, MaxRecordBytes: 50_000, MaxTotalBytes: 200_000}})
			updateRisks(t, u)
			put(t, filepath.Join(dir, "kev.json"), []byte(c.kev))
			put(t, filepath.Join(dir, "epss.csv"), []byte(c.epss))
			for _, o := range updateRisks(t, u) {
				if o.Err == nil || !strings.Contains(o.Err.Error(), c.want) {
					t.Errorf("%s: error %v, want one with %q", o.Ecosystem, o.Err, c.want)
				}
			}
			if now, err := store.Risks(t.Context(), []string{"CVE-2024-1"}); err != nil || now["CVE-2024-1"].EPSS != 0.97 || !now["CVE-2024-1"].KnownExploited {
				t.Errorf("%+v, %v", now, err)
			}
		})
	}
}

func TestRealRisks(t *testing.T) {
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, openFeeds(t, advisory.Locations{Advisories: filepath.Join(fixture.Shared(t), "osv")}), nil, advisory.UpdaterOptions{})
	for _, o := range updateRisks(t, u) {
		if o.Err != nil || o.Rejected != 0 || o.Records < 1000 {
			t.Errorf("%+v", o)
		}
	}
	all, err := store.Risks(t.Context(), []string{"CVE-2021-44228", "CVE-2025-48384"})
	if err != nil || !all["CVE-2021-44228"].KnownExploited || all["CVE-2025-48384"].ExploitedAt.Format(time.DateOnly) != "2025-08-25" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestWhatIsNotPublicIsLookedForInOnePlace: a site without the Internet names
// one place, and nothing else is asked.
func TestWhatIsNotPublicIsLookedForInOnePlace(t *testing.T) {
	var asked []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		switch r.URL.Path {
		case "/advisories/_enrichment/known_exploited_vulnerabilities.json":
			fmt.Fprint(w, kev)
		case "/advisories/_enrichment/epss_scores-current.csv.gz":
			_, _ = w.Write(gzipped(t, []byte(epss)))
		case "/advisories/Amazon Linux:2/all.zip":
			_, _ = w.Write(zipOf(t, map[string]string{"A.json": recordOf("A", "Amazon Linux:2", "p", "1")}))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(web.Close)
	u := advisory.NewUpdater(advisorytest.NewMemory(), openFeeds(t, advisory.Locations{Advisories: "ecru+" + web.URL + "/"}), nil, advisory.UpdaterOptions{})
	outcomes, err := u.Update(t.Context(), nil, advisory.KEV, advisory.EPSS, "Amazon Linux:2", "Debian:12")
	if err != nil || len(outcomes) != 4 {
		t.Fatalf("%+v, %v", outcomes, err)
	}
	for _, o := range outcomes {
		if failed := o.Err != nil; failed != (o.Ecosystem == "Debian:12") {
			t.Errorf("%+v", o)
		}
	}
	if len(asked) != 5 {
		t.Errorf("asked for %q", asked)
	}
}

func TestEverythingCanBeOff(t *testing.T) {
	feed, err := advisory.OpenFeeds(advisory.Locations{Advisories: "off"}, advisory.FeedOptions{})
	if feed != nil || err != nil {
		t.Errorf("%v, %v", feed, err)
	}
	u := advisory.NewUpdater(advisorytest.NewMemory(), openFeeds(t, advisory.Locations{Advisories: t.TempDir(), KEV: "off", EPSS: "off", AmazonLinux: "off"}), nil, advisory.UpdaterOptions{})
	for _, o := range updateRisks(t, u) {
		if o.Err == nil || !strings.Contains(o.Err.Error(), "at off") {
			t.Errorf("%+v", o)
		}
	}
	for _, at := range []advisory.Locations{
		{Advisories: "ftp://x"}, {Advisories: "off", KEV: "ftp://x"}, {Advisories: "off", AmazonLinux: "ftp://x"},
		{Advisories: "off", AmazonLinux: filepath.Join(t.TempDir(), "absent")}, {Advisories: "ecru+ssh://x"},
	} {
		if _, err := advisory.OpenFeeds(at, advisory.FeedOptions{}); err == nil {
			t.Errorf("%+v: no error", at)
		}
	}
}

func FuzzKEV(f *testing.F) {
	f.Add([]byte(kev))
	f.Add([]byte(`{"vulnerabilities":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzzFeed(t, riskLocations(riskDir(t, text, nil)), advisory.KEV)
	})
}

func FuzzEPSS(f *testing.F) {
	f.Add([]byte(epss))
	f.Add(gzipped(f, []byte(epss)))
	f.Fuzz(func(t *testing.T, text []byte) {
		fuzzFeed(t, riskLocations(riskDir(t, nil, text)), advisory.EPSS)
	})
}
