package sql

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// largeEnv makes this test program a process that loads a large export.
const largeEnv = "ECRU_TEST_LARGE_EXPORT"

// npmRecords is how many records are loaded. More than npm has, malicious packages
// included, are 250,000: ECRU_LARGE_RECORDS=250000 asks for so many, which takes
// long.
var npmRecords = func() int { //nolint:gochecknoglobals // never changed
	if n, err := strconv.Atoi(os.Getenv("ECRU_LARGE_RECORDS")); err == nil {
		return n
	}
	return 100_000
}()

// TestTheLargestExportStaysSmall loads many records in a process
// of its own, twice, and looks at the most memory that it ever had.
func TestTheLargestExportStaysSmall(t *testing.T) {
	if dir := os.Getenv(largeEnv); dir != "" {
		loadLarge(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("loads hundreds of thousands of records")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc to look at memory")
	}
	dir := t.TempDir()
	for _, version := range []string{"1", "2"} {
		writeLarge(t, filepath.Join(dir, version, "npm"), version)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheLargestExportStaysSmall$", "-test.v")
	child.Env = append(os.Environ(), largeEnv+"="+dir)
	out, err := child.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !bytes.Contains(out, []byte("VmHWM")) {
		t.Fatal(err)
	}
}

// writeLarge makes an export. In the second version one record in a hundred is
// another, and all have another date.
func writeLarge(t *testing.T, dir, version string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := zip.NewWriter(file)
	for i := range npmRecords {
		id := fmt.Sprintf("MAL-2025-%d", i)
		f, err := w.Create(id + ".json")
		if err != nil {
			t.Fatal(err)
		}
		versions := `"1.0.0"`
		if i%100 == 0 {
			versions += `,"1.0.` + version + `"`
		}
		_, err = fmt.Fprintf(f, `{"schema_version":"1.7.3","id":%q,"modified":"2026-01-0%sT00:00:00Z","published":"2025-06-01T00:00:00Z",
			"summary":"Malicious code in package-%d (npm)","details":%q,
			"affected":[{"package":{"ecosystem":"npm","name":"package-%d","purl":"pkg:npm/package-%d"},"versions":[%s],
			"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
			"database_specific":{"cwes":[{"cweId":"CWE-506","name":"Embedded Malicious Code"}],"source":"https://github.com/ossf/malicious-packages"}}],
			"references":[{"type":"PACKAGE","url":"https://www.npmjs.com/package/package-%d"}]}`,
			id, version, i, "The package communicates with a domain associated with malicious activity. "+strings.Repeat("More is said about it. ", 20), i, i, versions, i)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func loadLarge(t *testing.T, dir string) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	u := advisory.NewUpdater(s, nil, nil, advisory.UpdaterOptions{})
	var last int64
	for _, c := range []struct {
		version string
		changes int
	}{{"1", npmRecords + 1}, {"2", npmRecords / 100}} {
		begin := time.Now()
		slowest := watchWriter(t, s)
		outcomes, err := u.Import(t.Context(), filepath.Join(dir, c.version), nil)
		if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil || outcomes[0].Records != int64(npmRecords) {
			t.Fatal(outcomes, err)
		}
		took := time.Since(begin)
		n := 0
		for {
			part, err := s.Changes(t.Context(), last, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(part) == 0 {
				break
			}
			n, last = n+len(part), part[len(part)-1].Seq
		}
		if n != c.changes {
			t.Errorf("%d changes, want %d", n, c.changes)
		}
		peak := peakMemory(t)
		t.Logf("%d records in %v (%.0f a second), %d changes; VmHWM %d MiB; a write meanwhile took at most %v",
			npmRecords, took.Round(time.Millisecond), float64(npmRecords)/took.Seconds(), n, peak>>20, slowest())
		if peak > 150<<20 {
			t.Errorf("the process had %d MiB", peak>>20)
		}
	}
	exportLarge(t, s)
}

// exportLarge makes an export of what was loaded, and loads that: nothing is
// different.
func exportLarge(t *testing.T, s *Store) {
	t.Helper()
	begin := time.Now()
	dir := t.TempDir()
	a, err := advisory.NewExporter(s, filepath.Join(dir, "made")).Open(t.Context(), "npm")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	t.Logf("an export of %d MiB in %v; VmHWM %d MiB", a.Source.Size>>20, time.Since(begin).Round(time.Millisecond), peakMemory(t)>>20)
	if err := os.Mkdir(filepath.Join(dir, "npm"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(a.Name(), filepath.Join(dir, "npm", "all.zip")); err != nil {
		t.Fatal(err)
	}
	if err := s.DropChanges(t.Context(), 1<<40); err != nil {
		t.Fatal(err)
	}
	outcomes, err := advisory.NewUpdater(s, nil, nil, advisory.UpdaterOptions{}).Import(t.Context(), dir, nil, "npm")
	if err != nil || outcomes[0].Err != nil || outcomes[0].Records != int64(npmRecords) {
		t.Fatal(outcomes, err)
	}
	if changes, err := s.Changes(t.Context(), 0, 10); err != nil || len(changes) != 0 {
		t.Errorf("%+v, %v", changes, err)
	}
	if peak := peakMemory(t); peak > 150<<20 {
		t.Errorf("the process had %d MiB", peak>>20)
	}
}

// watchWriter changes something over and over, and answers how long the slowest
// change took.
func watchWriter(t *testing.T, s *Store) (slowest func() time.Duration) {
	ctx, stop := context.WithCancel(t.Context())
	answer := make(chan time.Duration, 1)
	go func() {
		most := time.Duration(0)
		for ctx.Err() == nil {
			begin := time.Now()
			if err := s.RecordAttempt(ctx, "other", begin, ""); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			most = max(most, time.Since(begin))
			time.Sleep(5 * time.Millisecond) // a client that writes now and then
		}
		answer <- most
	}()
	return func() time.Duration {
		stop()
		return <-answer
	}
}

// peakMemory is the most that this process had resident.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
