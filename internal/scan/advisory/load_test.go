package advisory_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/test/fixture"
)

// exportDir makes a directory feed of one export.
func exportDir(t testing.TB, ecosystem string, export []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ecosystem), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ecosystem, "all.zip"), export, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// FuzzExport feeds any bytes as an export: an error or an import, within bounds.
func FuzzExport(f *testing.F) {
	f.Add(zipOf(f, map[string]string{"A.json": small, "B.json": recordOf("B", "Debian:12", "p", "1")}))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, export []byte) {
		store := advisorytest.NewMemory()
		u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{
			Limits: advisory.Limits{MaxRecords: 100, MaxRecordBytes: 1 << 16, MaxTotalBytes: 1 << 18}})
		outcomes, err := u.Import(t.Context(), exportDir(t, "Debian", export), nil)
		if err != nil || len(outcomes) != 1 {
			t.Fatal(outcomes, err)
		}
		src := sourceOf(t, store, "Debian")
		if (outcomes[0].Err == nil) != src.Loaded() || src.Records > 100 {
			t.Fatalf("outcome %+v, source %+v", outcomes[0], src)
		}
	})
}

// TestADirectoryThatLiesAboutItsSize: a zip's directory is read whole into
// memory, so its real length has to be bounded, not what it says.
func TestADirectoryThatLiesAboutItsSize(t *testing.T) {
	const files = 200_000
	entry := make([]byte, 46+1)
	copy(entry, "PK\x01\x02")
	binary.LittleEndian.PutUint16(entry[28:], 1) // length of the name
	export := make([]byte, 0, files*len(entry)+22)
	for range files {
		export = append(export, entry...)
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(files&0xffff))
	binary.LittleEndian.PutUint16(end[10:], uint16(files&0xffff))
	binary.LittleEndian.PutUint32(end[12:], uint32(len(export)))
	export = append(export, end...)
	u := advisory.NewUpdater(advisorytest.NewMemory(), nil, nil, advisory.UpdaterOptions{Limits: advisory.Limits{MaxRecords: 1000}})
	outcomes, err := u.Import(t.Context(), exportDir(t, "Go", export), nil)
	if err != nil || len(outcomes) != 1 || outcomes[0].Err == nil || !strings.Contains(outcomes[0].Err.Error(), "more than 1000 files") {
		t.Errorf("%+v, %v", outcomes, err)
	}
}

// discard is a store that keeps nothing, to measure the import alone.
type discard struct{ advisory.Store }

func (discard) BeginImport(context.Context, string) (advisory.Import, error) {
	return discardImport{}, nil
}
func (discard) Sources(context.Context) ([]advisory.Source, error) { return nil, nil }
func (discard) RecordAttempt(context.Context, string, time.Time, string) error {
	return nil
}

type discardImport struct{}

func (discardImport) Add(context.Context, []advisory.Entry) error   { return nil }
func (discardImport) Commit(context.Context, advisory.Source) error { return nil }
func (discardImport) Abort(context.Context) error                   { return nil }

func importReal(t testing.TB, store advisory.Store, ecosystem string) advisory.Outcome {
	t.Helper()
	u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{})
	outcomes, err := u.Import(t.Context(), filepath.Join(fixture.Shared(t), "osv"), nil, ecosystem)
	if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil {
		t.Fatalf("%s: %+v, %v", ecosystem, outcomes, err)
	}
	return outcomes[0]
}

func TestEveryRealRecordIsUnderstood(t *testing.T) {
	feed, err := advisory.OpenFeed(filepath.Join(fixture.Shared(t), "osv"), advisory.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := feed.Ecosystems(t.Context())
	if err != nil || len(all) < 20 {
		t.Fatalf("%q, %v", all, err)
	}
	total := int64(0)
	for _, ecosystem := range all {
		o := importReal(t, discard{}, ecosystem)
		if o.Rejected != 0 || o.Records == 0 {
			t.Errorf("%+v", o)
		}
		total += o.Records + o.Withdrawn
	}
	t.Logf("%d records in %d exports", total, len(all))
}

// TestImportIsBoundedInMemory watches the heap while the largest exports load.
func TestImportIsBoundedInMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("measures memory")
	}
	for _, ecosystem := range []string{"Debian", "AlmaLinux", "Ubuntu"} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		peak := watchHeap(t)
		importReal(t, discard{}, ecosystem)
		grown := (int64(peak()) - int64(before.HeapAlloc)) >> 20
		t.Logf("%s: %d MiB", ecosystem, grown)
		if grown > 150 {
			t.Errorf("%s: the heap grew by %d MiB", ecosystem, grown)
		}
	}
}

// watchHeap samples the heap until its answer is asked for.
func watchHeap(t testing.TB) (peak func() uint64) {
	var highest atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			highest.Store(max(highest.Load(), now.HeapAlloc))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return highest.Load()
	}
}

func BenchmarkImportDebian(b *testing.B) {
	b.ReportAllocs()
	var o advisory.Outcome
	for b.Loop() {
		o = importReal(b, discard{}, "Debian")
	}
	b.ReportMetric(float64(o.Records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
