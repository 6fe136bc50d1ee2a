package external_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/external"
)

// bench is a scanner whose clock and jobs are the test's.
type bench struct {
	*external.Scanner
	t         *testing.T
	adapter   *adapter
	now       time.Time
	jobs      []job.Job
	ended     []meta.Scan
	findings  [][]byte
	mediaType string
	found     error
	config    external.Registration
	configErr error
	grants    []string
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, adapter: plainAdapter(t), now: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), mediaType: ociImage}
	b.config = external.Registration{ID: "first", Name: "trivial", Endpoint: b.adapter.endpoint(), RegistryURL: "https://registry.example"}
	b.Scanner = &external.Scanner{
		Registrations: b, Adapters: client(), Manifests: b, Queue: b, Now: func() time.Time { return b.now }, Logger: slog.New(slog.DiscardHandler),
		Finisher: scan.Finisher{Outcomes: b, Now: func() time.Time { return b.now }},
	}
	b.jobs = []job.Job{external.NewJob(scan.Target{
		Account: "123456789012", Repository: "app", RepositoryID: 7, Digest: digest, Engine: external.Engine("trivial"), RequestedAt: b.now,
	})}
	return b
}

func (b *bench) ScannerNamed(_ context.Context, account, name string) (external.Registration, error) {
	if account != "123456789012" || name != "trivial" {
		b.t.Errorf("asked for the scanner %s of %s", name, account)
	}
	return b.config, b.configErr
}

func (b *bench) PullAuthorization(account, repository string, by external.Registration, life time.Duration) (string, error) {
	b.grants = append(b.grants, fmt.Sprintf("%s/%s to %s for %v", account, repository, by.ID, life))
	return fmt.Sprintf("Basic grant%d", len(b.grants)), nil
}

func (b *bench) Manifest(context.Context, string, string, registry.Reference) (*registry.StoredManifest, error) {
	return &registry.StoredManifest{MediaType: b.mediaType}, b.found
}

func (b *bench) Enqueue(_ context.Context, jobs ...job.Job) error {
	b.jobs = append(b.jobs, jobs...)
	return nil
}

func (b *bench) FinishScan(_ context.Context, s meta.Scan, findings []byte, _ meta.Announce) error {
	b.ended, b.findings = append(b.ended, s), append(b.findings, findings)
	return nil
}

// step does the job that waits, at the time for which it does.
func (b *bench) step(attempt int) error {
	b.t.Helper()
	if len(b.jobs) != 1 {
		b.t.Fatalf("%d jobs wait", len(b.jobs))
	}
	j := b.jobs[0]
	if b.now.Before(j.RunAt) {
		b.now = j.RunAt
	}
	j.Attempts = attempt
	before := b.jobs
	b.jobs = nil
	err := b.Handle(b.t.Context(), j)
	if err != nil {
		b.jobs = before
	}
	return err
}

// run does all jobs until there are none.
func (b *bench) run() {
	b.t.Helper()
	for n := 0; len(b.jobs) > 0; n++ {
		if err := b.step(1); err != nil || n > 1000 {
			b.t.Fatalf("step %d: %v", n, err)
		}
	}
}

// ending is how the only scan has ended.
func (b *bench) ending() string {
	b.t.Helper()
	if len(b.ended) != 1 {
		b.t.Fatalf("%d scans have ended: %+v", len(b.ended), b.ended)
	}
	return string(b.ended[0].Status) + " " + b.ended[0].Description
}

func TestAScanByAnotherScanner(t *testing.T) {
	b := newBench(t)
	polls := 0
	b.adapter.report = func(w http.ResponseWriter, r *http.Request) {
		if polls++; polls <= 3 {
			w.Header().Set("Refresh-After", "7")
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(http.StatusFound)
			return
		}
		b.adapter.usualReport(w, r)
	}
	begin := b.now
	b.run()
	if got := b.ending(); got != "COMPLETE The scan was completed successfully." {
		t.Error(got)
	}
	s := b.ended[0]
	if s.Engine != "EXTERNAL:trivial" || !s.RequestedAt.Equal(begin) || !s.SourceUpdatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) || s.Counts[registry.Critical] != 1 || s.Counts[registry.Informational] != 2 {
		t.Errorf("%+v", s)
	}
	if findings, err := scan.DecodeFindings(b.findings[0]); err != nil || len(findings) != 6 || findings[0].Told.CWEs[0] != "CWE-787" {
		t.Errorf("%+v, %v", findings, err)
	}
	if took := b.now.Sub(begin); took != time.Second+3*7*time.Second {
		t.Errorf("it was asked for the report over %v", took)
	}
	want := external.Request{
		Registry: external.Registry{URL: "https://registry.example", Authorization: "Basic grant1"},
		Artifact: external.Artifact{Repository: "app", Digest: digest, MediaType: ociImage},
	}
	if got := b.adapter.accepted; len(got) != 1 || got[0].Registry != want.Registry || got[0].Artifact != want.Artifact || got[0].Enabled != nil {
		t.Errorf("the scanner was asked %+v", got)
	}
	if b.grants[0] != "123456789012/app to first for 1h0m0s" {
		t.Error(b.grants)
	}
}

func TestAnAdapterOfTheNextVersionIsToldWhatToDo(t *testing.T) {
	b := newBench(t)
	b.adapter.typed = true
	b.run()
	if e := b.adapter.accepted[0].Enabled; len(e) != 1 || e[0].Type != "vulnerability" || len(e[0].Produces) != 1 || e[0].Produces[0] != newReport {
		t.Errorf("%+v", e)
	}
}

func TestWhatAScannerDoesNotScan(t *testing.T) {
	b := newBench(t)
	b.mediaType = "application/vnd.oci.artifact.manifest.v1+json"
	b.run()
	if got := b.ending(); got != "FAILED UnsupportedImageError: The scanner 'trivial' does not scan artifacts of media type 'application/vnd.oci.artifact.manifest.v1+json'." {
		t.Error(got)
	}
	if len(b.adapter.accepted) > 0 {
		t.Error("it was asked all the same")
	}
}

func TestAScanThatFailsSaysWhyInTheScannersWords(t *testing.T) {
	for name, fail := range map[string]func(*adapter, http.HandlerFunc){
		"metadata": func(a *adapter, f http.HandlerFunc) { a.metadata = f },
		"request":  func(a *adapter, f http.HandlerFunc) { a.scan = f },
		"report":   func(a *adapter, f http.HandlerFunc) { a.report = f },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			fail(b.adapter, func(w http.ResponseWriter, _ *http.Request) { b.adapter.refuse(w, 500, "no space left on device") })
			b.run()
			if got := b.ending(); got != "FAILED ScanError: The scanner 'trivial' could not scan the image: no space left on device." {
				t.Error(got)
			}
			if b.findings[0] != nil {
				t.Error("it has findings")
			}
		})
	}
}

// A scanner that was restarted knows nothing of what it was asked before.
func TestAScannerThatForgetsIsAskedAgain(t *testing.T) {
	b := newBench(t)
	forgets := 1
	b.adapter.report = func(w http.ResponseWriter, r *http.Request) {
		if forgets > 0 {
			forgets--
			http.NotFound(w, r)
			return
		}
		b.adapter.usualReport(w, r)
	}
	b.run()
	if !strings.HasPrefix(b.ending(), "COMPLETE") || len(b.adapter.accepted) != 2 || b.adapter.accepted[1].Registry.Authorization != "Basic grant2" {
		t.Errorf("%s, %+v", b.ending(), b.adapter.accepted)
	}

	b = newBench(t)
	b.adapter.report = http.NotFound
	b.run()
	if got := b.ending(); !strings.HasPrefix(got, "FAILED ScanError: The scanner 'trivial' could not scan the image: it answered with status 404") || len(b.adapter.accepted) != 3 {
		t.Errorf("%s after %d requests", got, len(b.adapter.accepted))
	}
}

func TestAScannerThatDiesInBetweenIsWaitedFor(t *testing.T) {
	b := newBench(t)
	if err := b.step(1); err != nil {
		t.Fatal(err)
	}
	b.adapter.report = func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	for attempt := 1; attempt < external.MaxAttempts; attempt++ {
		if err := b.step(attempt); err == nil || len(b.ended) > 0 {
			t.Fatalf("attempt %d: %v, %v", attempt, err, b.ended)
		}
	}
	b.adapter.report = nil
	if err := b.step(external.MaxAttempts); err != nil || !strings.HasPrefix(b.ending(), "COMPLETE") {
		t.Errorf("%v, %v", err, b.ended)
	}

	b = newBench(t)
	b.adapter.Close()
	if err := b.step(1); err == nil {
		t.Error("a scanner that is gone needs no second attempt")
	}
	if err := b.step(external.MaxAttempts); err != nil || !strings.HasPrefix(b.ending(), "FAILED ScanError: The scanner 'trivial' could not scan the image: it cannot be reached: ") || strings.Contains(b.ending(), "http://") {
		t.Errorf("%v, %s", err, b.ending())
	}
}

func TestAScannerThatNeverEndsIsGivenUp(t *testing.T) {
	b := newBench(t)
	b.adapter.report = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Refresh-After", "999999999999")
		w.WriteHeader(http.StatusFound)
	}
	begin := b.now
	b.run()
	if got := b.ending(); got != "FAILED ScanError: The scanner 'trivial' could not scan the image: it had no report after 1h0m0s." {
		t.Error(got)
	}
	if took := b.now.Sub(begin); took > external.Patience+10*time.Minute {
		t.Errorf("it took %v", took)
	}
}

func TestAScannerThatIsReplacedIsAskedFromTheBeginning(t *testing.T) {
	b := newBench(t)
	if err := b.step(1); err != nil {
		t.Fatal(err)
	}
	b.config.ID = "second"
	b.run()
	if !strings.HasPrefix(b.ending(), "COMPLETE") || len(b.grants) != 2 || !strings.Contains(b.grants[1], "second") {
		t.Errorf("%s, %v", b.ending(), b.grants)
	}
}

func TestAScannerThatIsRemoved(t *testing.T) {
	b := newBench(t)
	b.configErr = external.ErrNoScanner
	b.run()
	if got := b.ending(); got != "FAILED ScanError: The scanner 'trivial' is not configured any more." {
		t.Error(got)
	}
}

func TestAnImageThatIsGoneIsNotScanned(t *testing.T) {
	b := newBench(t)
	b.found = registry.ImageNotFound("123456789012", "app", registry.ImageID{Digest: digest})
	b.run()
	if len(b.ended) > 0 {
		t.Error(b.ended)
	}
}

func TestAStepThatNeverEndsIsGivenUp(t *testing.T) {
	b := newBench(t)
	if err := b.step(external.MaxAttempts + 1); err != nil || b.ending() != "FAILED ScanError: The image could not be scanned because of an internal error." {
		t.Errorf("%v, %v", err, b.ended)
	}
	b = newBench(t)
	b.configErr = errors.New("the store is busy")
	if err := b.step(1); err == nil {
		t.Error("a fault of ours is no reason to give up")
	}
}

func TestAnswersOfARequestThatMakeNoSense(t *testing.T) {
	for body, status := range map[string]int{`{"id":""}`: 202, `{`: 202, `{"id":"x"}`: 200, "": 302} {
		b := newBench(t)
		b.adapter.scan = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
		b.run()
		if !strings.HasPrefix(b.ending(), "FAILED ScanError: The scanner 'trivial' could not scan the image: ") {
			t.Errorf("%d %s: %s", status, body, b.ending())
		}
	}
}
