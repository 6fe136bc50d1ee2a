package match_test

import (
	"archive/zip"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/osv-scalibr/semantic"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/test/fixture"
)

// loadReal imports ecosystems of the shared data.
func loadReal(t testing.TB, ecosystems ...string) *advisorytest.Memory {
	t.Helper()
	dir := filepath.Join(fixture.Shared(t), "osv")
	s := advisorytest.NewMemory()
	outcomes, err := advisory.NewUpdater(s, nil, nil, advisory.UpdaterOptions{}).Import(t.Context(), dir, nil, ecosystems...)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil || o.Rejected > 0 {
			t.Fatalf("import: %+v", o)
		}
	}
	return s
}

// realInventory reads a root filesystem of the shared data.
func realInventory(t testing.TB, file string) *inventory.Inventory {
	t.Helper()
	f, err := os.Open(filepath.Join(fixture.Shared(t), "images", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	record, err := inventory.ReadLayer(t.Context(), f, inventory.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	inv, err := inventory.Merge([]inventory.Layer{{Digest: "sha256:base", Record: record}})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return inv
}

func matchReal(t testing.TB, file string, ecosystems ...string) match.Result {
	t.Helper()
	res, err := match.New(loadReal(t, ecosystems...), match.Options{}).Match(t.Context(), realInventory(t, file), match.OSPackages)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return res
}

// golden compares "SEVERITY id package installed fixed" lines with a kept file;
// UPDATE_GOLDEN=1 writes it anew. TestAgainstTheDefinition derives the pairs in
// a second way, TestKnownFixes names facts.
func golden(t *testing.T, name string, findings []match.Finding) {
	t.Helper()
	var lines strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&lines, "%s %s %s %s %s\n", f.Severity, f.ID, f.Package, f.InstalledVersion, cmp.Or(f.FixedVersion, "-"))
	}
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(lines.String(), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestRealImages(t *testing.T) {
	for _, c := range []struct{ golden, file, export, parent string }{
		{"alpine-3.20.txt", "alpine-minirootfs-3.20.3-x86_64.tar.gz", "Alpine:v3.20", "Alpine"},
		{"alpine-3.18.txt", "alpine-minirootfs-3.18.9-x86_64.tar.gz", "Alpine:v3.18", "Alpine"},
		{"debian-11.txt", "debian-11-slim-dpkg.tar.gz", "Debian:11", "Debian"},
		{"distroless-debian-12.txt", "distroless-cc-debian12-statusd.tar.gz", "Debian:12", "Debian"},
		{"ubuntu-22.04.txt", "ubuntu-22.04-dpkg.tar.gz", "Ubuntu:22.04:LTS", "Ubuntu"},
	} {
		t.Run(c.golden, func(t *testing.T) {
			res := matchReal(t, c.file, c.export)
			golden(t, c.golden, res.Findings)
			if res.Undecided != 0 || res.Source.Ecosystem != c.export {
				t.Errorf("undecided %d, source %+v", res.Undecided, res.Source)
			}
			for _, f := range res.Findings {
				if f.URI == "" || f.Reason == "" || f.Layer != "sha256:base" || f.Path == "" || len(f.Binaries) == 0 || f.AdvisoryID == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			whole := matchReal(t, c.file, c.parent)
			if diff := gocmp.Diff(res.Findings, whole.Findings); diff != "" {
				t.Errorf("the whole export says something else (-release +whole):\n%s", diff)
			}
		})
	}
}

// TestKnownFixes are facts of the distributions' trackers, on either side of
// the fix.
func TestKnownFixes(t *testing.T) {
	for _, c := range []struct {
		file, export, id, pkg, fixed string // fixed "": not affected
	}{
		// openssl 3.3.2-r0 is itself the fix of CVE-2024-6119, and older than that of CVE-2024-9143.
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", "Alpine:v3.20", "CVE-2024-6119", "openssl", ""},
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", "Alpine:v3.20", "CVE-2024-9143", "openssl", "3.3.2-r1"},
		// Edge of 2024-09-23 has 3.3.2-r1; musl 1.2.5-r3 was before the fix in what became 3.21.
		{"alpine-minirootfs-20240923-x86_64.tar.gz", "Alpine", "CVE-2024-9143", "openssl", ""},
		{"alpine-minirootfs-20240923-x86_64.tar.gz", "Alpine", "CVE-2024-12797", "openssl", "3.3.3-r0"},
		// dpkg 1:4.13+dfsg1-1+b1 is a binNMU of source 1:4.13+dfsg1-1.
		{"debian-12-slim-dpkg.tar.gz", "Debian:12", "CVE-2023-29383", "shadow", "1:4.13+dfsg1-1+deb12u1"},
		// libgnutls30 3.7.9-2+deb12u3 has the fixes of deb12u1 to u3.
		{"debian-12-slim-dpkg.tar.gz", "Debian:12", "CVE-2024-28834", "gnutls28", ""},
		{"debian-12-slim-dpkg.tar.gz", "Debian:12", "CVE-2025-32990", "gnutls28", "3.7.9-2+deb12u5"},
		{"ubuntu-22.04-dpkg.tar.gz", "Ubuntu:22.04:LTS", "CVE-2023-5363", "openssl", "3.0.2-0ubuntu1.12"},
	} {
		var got string
		for _, f := range matchReal(t, c.file, c.export).Findings {
			if f.ID == c.id && f.Package == c.pkg {
				got = cmp.Or(f.FixedVersion, "no fix")
			}
		}
		if got != c.fixed {
			t.Errorf("%s %s in %s: %q, want %q", c.id, c.pkg, c.file, got, c.fixed)
		}
	}
}

// TestAgainstTheDefinition reads the exports record by record, as the schema's
// pseudo code does, and wants the same (CVE, package) pairs.
func TestAgainstTheDefinition(t *testing.T) {
	exports := map[string][]*advisory.Record{}
	for _, c := range []struct{ file, export, release, scheme string }{
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", "Alpine", "Alpine:v3.20", "Alpine"},
		{"alpine-minirootfs-3.10.9-x86_64.tar.gz", "Alpine", "Alpine:v3.10", "Alpine"},
		{"alpine-minirootfs-3.14.10-x86_64.tar.gz", "Alpine", "Alpine:v3.14", "Alpine"},
		{"debian-12-slim-dpkg.tar.gz", "Debian", "Debian:12", "Debian"},
		{"debian-11-slim-dpkg.tar.gz", "Debian", "Debian:11", "Debian"},
		{"ubuntu-20.04-dpkg.tar.gz", "Ubuntu", "Ubuntu:20.04:LTS", "Ubuntu"},
		{"ubuntu-22.04-dpkg.tar.gz", "Ubuntu", "Ubuntu:22.04:LTS", "Ubuntu"},
	} {
		inv := realInventory(t, c.file)
		sources := map[string]string{}
		for _, p := range inv.Packages {
			sources[p.SourceName] = p.SourceVersion
		}
		want := map[string]bool{}
		exact := map[string]bool{}
		if exports[c.export] == nil {
			exports[c.export] = readExport(t, c.export)
		}
		for _, r := range exports[c.export] {
			for _, a := range r.Affected {
				version := sources[a.Package.Name]
				if version == "" || a.Package.Ecosystem != c.release || !r.Withdrawn.IsZero() {
					continue
				}
				for _, id := range append(r.Upstream, r.Aliases...) {
					if !strings.HasPrefix(id, "CVE-") {
						continue
					}
					pair := id + " " + a.Package.Name
					own := strings.HasSuffix(r.ID, id)
					if own && !exact[pair] {
						exact[pair] = true
						delete(want, pair) // the CVE's own record decides
					}
					if own == exact[pair] && includes(t, c.scheme, version, a) {
						want[pair] = true
					}
				}
			}
		}
		got := map[string]bool{}
		for _, f := range matchReal(t, c.file, c.export).Findings {
			got[f.ID+" "+f.Package] = true
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.file, diff)
		}
		t.Logf("%s: %d", c.file, len(want))
	}
}

// includes is the evaluation algorithm of the OSV schema, for ranges whose
// events are in order.
func includes(t *testing.T, scheme, version string, a advisory.Affected) bool {
	v := semantic.MustParse(version, scheme)
	compare := func(text string) int {
		c, err := v.CompareStr(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, g := range a.Ranges {
		in := false
		for _, e := range g.Events {
			switch {
			case e.Introduced == "0", e.Introduced != "" && compare(e.Introduced) >= 0:
				in = true
			case e.Fixed != "" && compare(e.Fixed) >= 0, e.LastAffected != "" && compare(e.LastAffected) > 0:
				in = false
			}
		}
		if in {
			return true
		}
	}
	return slices.Contains(a.Versions, version)
}

// TestRealRPMs puts the packages of a real RPM database, as if it were of the
// distribution that the advisories are of, against the definition: builds of
// modules apart, an AlmaLinux advisory holds when the package is older than the
// build that it names.
func TestRealRPMs(t *testing.T) {
	inv := realInventory(t, "rocky-9-rpmdb-sqlite.tar.gz")
	inv.OS = inventory.OSRelease{ID: "almalinux", VersionID: "9.2"}
	installed := map[string]string{}
	for _, p := range inv.Packages {
		installed[p.Name] = p.Version
	}
	want := map[string]bool{}
	for _, r := range readExport(t, "AlmaLinux") {
		for _, a := range r.Affected {
			version := installed[a.Package.Name]
			if version == "" || a.Package.Ecosystem != "AlmaLinux:9" || !includes(t, "AlmaLinux", version, a) {
				continue
			}
			for _, id := range r.Related {
				want[id+" "+a.Package.Name] = true
			}
		}
	}
	res, err := match.New(loadReal(t, "AlmaLinux:9"), match.Options{}).Match(t.Context(), inv, match.OSPackages)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range res.Findings {
		got[f.ID+" "+f.Package] = true
		if f.SeveritySource != "AlmaLinux" || !strings.HasPrefix(f.URI, "https://errata.almalinux.org/9/ALSA-") {
			t.Errorf("%+v", f)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" || len(got) < 100 {
		t.Errorf("%d findings (-want +got):\n%s", len(got), diff)
	}
}

func readExport(t *testing.T, ecosystem string) []*advisory.Record {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(fixture.Shared(t), "osv", ecosystem, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var all []*advisory.Record
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		r := new(advisory.Record)
		if err := json.NewDecoder(in).Decode(r); err != nil {
			t.Fatal(f.Name, err)
		}
		in.Close()
		all = append(all, r)
	}
	return all
}

func BenchmarkMatchDebianKnown(b *testing.B) {
	store, inv := loadReal(b, "Debian:12"), realInventory(b, "debian-12-slim-dpkg.tar.gz")
	m := match.New(store, match.Options{})
	benchmarkMatch(b, m, inv)
}

func BenchmarkMatchDebianCold(b *testing.B) {
	store, inv := loadReal(b, "Debian:12"), realInventory(b, "debian-12-slim-dpkg.tar.gz")
	m := match.New(store, match.Options{CacheRules: 1})
	benchmarkMatch(b, m, inv)
}

func BenchmarkMatchAlpineKnown(b *testing.B) {
	store, inv := loadReal(b, "Alpine:v3.20"), realInventory(b, "alpine-minirootfs-3.20.3-x86_64.tar.gz")
	m := match.New(store, match.Options{})
	benchmarkMatch(b, m, inv)
}

func benchmarkMatch(b *testing.B, m *match.Matcher, inv *inventory.Inventory) {
	b.ReportAllocs()
	var n int
	for b.Loop() {
		res, err := m.Match(b.Context(), inv, match.OSPackages)
		if err != nil {
			b.Fatal(err)
		}
		n = len(res.Findings)
	}
	b.ReportMetric(float64(n), "findings")
}
