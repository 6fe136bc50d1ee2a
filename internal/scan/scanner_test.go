package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// bench is everything that a scanner needs, with parts that can be made to
// fail. The real stores are behind it in the black-box tests.
type bench struct {
	manifest    error
	layer       error
	advisories  error
	matching    error
	databases   []inventory.Database
	system      inventory.OSRelease
	findings    []match.Finding
	finished    *meta.Scan
	inventories []string
	announced   []meta.ScanStatus
	woken       int
}

func (b *bench) Manifest(context.Context, string, string, registry.Reference) (*registry.StoredManifest, error) {
	const digest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	payload, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest,
		"config": map[string]any{"digest": digest}, "layers": []any{map[string]any{"digest": digest}},
	})
	return &registry.StoredManifest{Payload: payload}, b.manifest
}

func (b *bench) FinishScan(_ context.Context, s meta.Scan, encoded []byte, announce meta.Announce) error {
	b.finished = &s
	announce(meta.Change{Kind: meta.ScanEnded, Scan: &s})
	found, err := DecodeFindings(encoded)
	b.findings = found
	return err
}

func (b *bench) PutInventory(_ context.Context, _, ecosystem string, _ []byte) error {
	b.inventories = append(b.inventories, ecosystem)
	return nil
}

func (b *bench) Layer(context.Context, string, string, string) (*inventory.LayerRecord, error) {
	if b.layer != nil {
		return nil, b.layer
	}
	return inventory.ReadLayer(context.Background(), bytes.NewReader(b.tar()), inventory.Limits{})
}

// tar is a layer of the bench's system, a real archive.
func (b *bench) tar() []byte {
	files := map[string]string{"etc/os-release": "ID=" + b.system.ID + "\nVERSION_ID=" + b.system.VersionID + "\n"}
	for _, d := range b.databases {
		files[d.Path] = "P:musl\nV:1.2.5-r0\no:musl\nA:x86_64\n\n"
	}
	return archive(files)
}

func (b *bench) Ensure(context.Context, string) error { return b.advisories }

func (b *bench) Match(_ context.Context, inv *inventory.Inventory, _ match.Scope) (match.Result, error) {
	r := match.Result{Source: advisory.Source{FetchedAt: time.Unix(1_800_000_000, 0)}}
	for _, p := range inv.Packages {
		r.Findings = append(r.Findings, match.Finding{ID: "CVE-1", Package: p.Name, Severity: registry.High})
	}
	return r, b.matching
}

func (b *bench) scan(t *testing.T, attempt int) error {
	t.Helper()
	s := &Scanner{
		Manifests: b, Outcomes: b, Layers: b, Advisories: b, Matcher: b,
		Announce: func(c meta.Change) []meta.Event {
			b.announced = append(b.announced, c.Scan.Status)
			return nil
		},
		EventsStored: func() { b.woken = len(b.announced) },
		Now:          time.Now, Logger: slog.New(slog.DiscardHandler),
	}
	j := NewJob(Target{Account: "000000000000", Repository: "web", RepositoryID: 1, Digest: "sha256:aa", Engine: registry.EngineNative, RequestedAt: time.Now()})
	j.Attempts = attempt
	return s.Handle(t.Context(), j)
}

func alpine() *bench {
	return &bench{system: inventory.OSRelease{ID: "alpine", VersionID: "3.20.3"}, databases: []inventory.Database{{Path: "lib/apk/db/installed"}}}
}

func TestScanStoresWhatItFound(t *testing.T) {
	b := alpine()
	if err := b.scan(t, 1); err != nil {
		t.Fatal(err)
	}
	s := b.finished
	if s.Status != meta.ScanComplete || s.Description != "The scan was completed successfully." || s.Counts[registry.High] != 1 || s.SourceUpdatedAt.IsZero() || s.InventoryID == "" {
		t.Errorf("outcome = %+v", s)
	}
	if len(b.findings) != 1 || b.findings[0].Package != "musl" || !slices.Equal(b.inventories, []string{"Alpine:v3.20"}) {
		t.Errorf("findings = %+v of inventories %v", b.findings, b.inventories)
	}
}

func TestScansThatEndAreAnnounced(t *testing.T) {
	b := alpine()
	if err := b.scan(t, 1); err != nil {
		t.Fatal(err)
	}
	b.system.ID = "templeos"
	if err := b.scan(t, 1); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.announced, []meta.ScanStatus{meta.ScanComplete, meta.ScanFailed}) || b.woken != 2 {
		t.Errorf("announced %v, woken after %d", b.announced, b.woken)
	}
	again := alpine()
	again.matching = errors.New("the store is away")
	if err := again.scan(t, 1); err == nil || len(again.announced) > 0 || again.woken > 0 {
		t.Errorf("a scan that is tried again: %v, announced %v", err, again.announced)
	}
}

func TestFaultsOfTheImageEndInAReason(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench)
		says   string
	}{
		"a layer that is no archive": {func(b *bench) {
			b.layer = &inventory.Error{Reason: inventory.ReasonNotTar, Err: errors.New("not a tar archive")}
		}, "ScanError: The layer 'sha256:bbb"},
		"a layer kept elsewhere":   {func(b *bench) { b.layer = registry.LayerNotFound("0", "web", "x") }, "is not stored in this registry"},
		"an unknown system":        {func(b *bench) { b.system.ID = "templeos" }, "UnsupportedImageError: The operating system 'templeos' version '3.20.3' is not supported."},
		"no package database":      {func(b *bench) { b.databases = nil }, "UnsupportedImageError: The operating system and/or package manager are not supported."},
		"advisories off":           {func(b *bench) { b.advisories = advisory.ErrOff }, "ScanError: No vulnerability data is loaded for 'Alpine:v3.20'."},
		"no such export":           {func(b *bench) { b.advisories = advisory.ErrNoExport }, "ScanError: No vulnerability data is loaded for 'Alpine:v3.20'."},
		"advisories that are gone": {func(b *bench) { b.matching = &match.NoAdvisoriesError{Ecosystem: "Alpine:v3.20"} }, "ScanError: No vulnerability data is loaded for 'Alpine:v3.20'."},
	} {
		b := alpine()
		c.change(b)
		if err := b.scan(t, 1); err != nil {
			t.Errorf("%s: %v; a fault of the image must not be tried again", name, err)
			continue
		}
		if b.finished.Status != meta.ScanFailed || !strings.Contains(b.finished.Description, c.says) {
			t.Errorf("%s: %s %q, want FAILED with %q", name, b.finished.Status, b.finished.Description, c.says)
		}
	}
}

func TestFaultsOfOursAreTriedAgainAndThenGivenUp(t *testing.T) {
	b := alpine()
	b.advisories = errors.New("connection refused")
	for attempt := 1; attempt < maxAttempts; attempt++ {
		if err := b.scan(t, attempt); err == nil || b.finished != nil {
			t.Fatalf("attempt %d: %v, outcome %+v; want it to be tried again", attempt, err, b.finished)
		}
	}
	if err := b.scan(t, maxAttempts); err != nil {
		t.Fatal(err)
	}
	if b.finished.Status != meta.ScanFailed || strings.Contains(b.finished.Description, "refused") {
		t.Errorf("outcome = %+v; want FAILED without our internals", b.finished)
	}
}

func TestScanThatNeverEndsIsGivenUp(t *testing.T) {
	b := alpine() // nothing is wrong with it, but it has been claimed too often
	if err := b.scan(t, maxAttempts+1); err != nil {
		t.Fatal(err)
	}
	if b.finished == nil || b.finished.Status != meta.ScanFailed {
		t.Errorf("outcome = %+v, want FAILED instead of in progress for ever", b.finished)
	}
}

func TestStopOfTheProcessIsNoFaultOfTheScan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := alpine()
	b.advisories = ctx.Err()
	s := &Scanner{Manifests: b, Outcomes: b, Layers: b, Advisories: b, Matcher: b, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	j := NewJob(Target{Engine: registry.EngineNative})
	j.Attempts = maxAttempts
	if err := s.Handle(ctx, j); err == nil || b.finished != nil {
		t.Errorf("%v, outcome %+v; want it to be tried again by the next process", err, b.finished)
	}
}

func TestImageThatIsGoneEndsItsScan(t *testing.T) {
	b := alpine()
	b.manifest = registry.ImageNotFound("000000000000", "web", registry.ImageID{Digest: "sha256:aa"})
	if err := b.scan(t, 1); err != nil || b.finished != nil {
		t.Errorf("%v, outcome %+v; want neither", err, b.finished)
	}
}

func TestJobThatCannotBeReadIsNotTriedAgain(t *testing.T) {
	err := new(Scanner).Handle(t.Context(), job.Job{Payload: []byte("{")})
	if err == nil || errors.Unwrap(err) == nil {
		t.Errorf("error = %v, want a permanent one", err)
	}
}

// shelf is a layer store and its content in memory.
type shelf struct {
	mu      sync.Mutex
	content []byte
	opened  int
	records map[string][]byte
}

func (s *shelf) Blob(_ context.Context, _, _, digest string) (meta.Blob, error) {
	return meta.Blob{Digest: digest, Key: digest, Size: int64(len(s.content))}, nil
}

func (s *shelf) LayerRecord(_ context.Context, digest string, _ int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[digest], nil
}

func (s *shelf) PutLayerRecord(_ context.Context, digest string, _ int, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[digest] = record
	return nil
}

type opened struct{ *bytes.Reader }

func (opened) Close() error { return nil }

func (s *shelf) Open(context.Context, string) (blob.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return opened{bytes.NewReader(s.content)}, nil
}

func (s *shelf) Stat(context.Context, string) (int64, error) { return 0, blob.ErrNotFound }

func TestLayerIsReadOnceHoweverManyAsk(t *testing.T) {
	s := &shelf{content: alpine().tar(), records: map[string][]byte{}}
	x := &Indexer{Store: s, Content: s, Logger: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := x.Layer(context.Background(), "0", "web", "sha256:aa"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := x.Layer(t.Context(), "0", "web", "sha256:aa"); err != nil || s.opened != 1 {
		t.Errorf("opened %d times, %v; want once", s.opened, err)
	}
	s.records["sha256:aa"] = []byte("what an older version or a bad disk has left")
	if _, err := x.Layer(t.Context(), "0", "web", "sha256:aa"); err != nil || s.opened != 2 {
		t.Errorf("with a record that cannot be decoded: opened %d times, %v; want it read again", s.opened, err)
	}
}

func TestLayersAreReadAheadOnlyWhereTheyWillBeScanned(t *testing.T) {
	s := &shelf{content: alpine().tar(), records: map[string][]byte{}}
	asked := make(chan string, 8)
	a := &Ahead{
		Indexer: &Indexer{Store: s, Content: s, Logger: slog.New(slog.DiscardHandler)},
		Logger:  slog.New(slog.DiscardHandler),
		Wanted: func(_ context.Context, _, repository string) (bool, error) {
			asked <- repository
			return repository == "scanned", nil
		},
	}
	a.Offer("0", "scanned", meta.Blob{Digest: "early", Size: 1 << 20}) // not started: dropped
	a.Start()
	a.Offer("0", "other", meta.Blob{Digest: "other", Size: 1 << 20})
	a.Offer("0", "scanned", meta.Blob{Digest: "small", Size: 10})
	a.Offer("0", "scanned", meta.Blob{Digest: "layer", Size: 1 << 20})
	for _, want := range []string{"other", "scanned"} {
		if got := <-asked; got != want {
			t.Errorf("asked about %s, want %s", got, want)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		if record, _ := s.LayerRecord(t.Context(), "layer", 1); record != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the layer was not read")
		}
		time.Sleep(time.Millisecond)
	}
	a.Stop()
	if len(s.records) != 1 {
		t.Errorf("%d layers were read, want 1", len(s.records))
	}
}

func TestFindingsComeBack(t *testing.T) {
	want := []match.Finding{{ID: "CVE-1", Package: "a", Severity: registry.Low}, {ID: "CVE-2", Package: "b"}}
	encoded, err := EncodeFindings(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeFindings(encoded)
	if err != nil || len(got) != 2 || got[0].ID != "CVE-1" || got[1].Package != "b" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := DecodeFindings(nil); err != nil || got != nil {
		t.Errorf("nothing decodes to %v, %v", got, err)
	}
	if _, err := DecodeFindings([]byte("garbage")); err == nil {
		t.Error("garbage decodes")
	}
}

var _ io.Closer = opened{}
