package match_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/test/fixture"
)

// realStore holds the shared advisories, loaded once for all tests that read
// them: stores are safe to share as long as nobody imports.
var realStore = sync.OnceValues(func() (map[string]*advisorytest.Memory, error) {
	return map[string]*advisorytest.Memory{}, nil
})

var realMu sync.Mutex

// loadReal imports ecosystems of the shared data, once each combination.
func loadReal(t testing.TB, ecosystems ...string) *advisorytest.Memory {
	t.Helper()
	dir := filepath.Join(fixture.Shared(t), "osv")
	realMu.Lock()
	defer realMu.Unlock()
	stores, _ := realStore()
	key := strings.Join(ecosystems, "+")
	if s := stores[key]; s != nil {
		return s
	}
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
	stores[key] = s
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
	res, err := match.New(loadReal(t, ecosystems...), match.Options{}).Match(t.Context(), realInventory(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return res
}

func TestDump(t *testing.T) {
	for _, c := range []struct{ file, eco string }{
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", "Alpine:v3.20"},
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", "Alpine"},
		{"alpine-minirootfs-3.10.9-x86_64.tar.gz", "Alpine"},
		{"alpine-minirootfs-3.14.10-x86_64.tar.gz", "Alpine"},
		{"alpine-minirootfs-3.18.9-x86_64.tar.gz", "Alpine"},
		{"alpine-minirootfs-3.19.4-x86_64.tar.gz", "Alpine"},
		{"alpine-minirootfs-20240923-x86_64.tar.gz", "Alpine"},
		{"debian-12-slim-dpkg.tar.gz", "Debian:12"},
		{"debian-11-slim-dpkg.tar.gz", "Debian"},
		{"distroless-cc-debian12-statusd.tar.gz", "Debian"},
		{"ubuntu-22.04-dpkg.tar.gz", "Ubuntu:22.04:LTS"},
		{"ubuntu-22.04-dpkg.tar.gz", "Ubuntu"},
		{"ubuntu-20.04-dpkg.tar.gz", "Ubuntu"},
		{"rocky-9-rpmdb-sqlite.tar.gz", "Rocky Linux"},
	} {
		res := matchReal(t, c.file, c.eco)
		t.Logf("== %s %s: %d findings, undecided %d, source %s", c.file, c.eco, len(res.Findings), res.Undecided, res.Source.Ecosystem)
		for i, f := range res.Findings {
			if i < 400 {
				t.Logf("   %-13s %-16s %-12s %-24s fix %-24s %v | %s | %s | %v %v", f.Severity, f.ID, f.Package, f.InstalledVersion, f.FixedVersion, f.Binaries, f.Reason, f.URI, f.CVSS, f.Aliases)
			}
		}
	}
}
