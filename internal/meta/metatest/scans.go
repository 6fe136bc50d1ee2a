package metatest

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func scanCases() []testCase {
	return []testCase{
		{"a scan from start to end", scanLife},
		{"a new scan replaces the old", scanAgain},
		{"an outdated outcome is dropped", scanOutdated},
		{"the interval between scans of one engine", scanInterval},
		{"the scans of a day", scanPerDay},
		{"an unknown image", scanUnknown},
	}
}

func start(t *testing.T, s meta.Store, repo *registry.Repository, digest, engine string, at time.Time) {
	t.Helper()
	must(t, s.StartScan(t.Context(), account, repo.ID, digest, meta.StartScan{Engine: engine, Now: at}, 0, 0, nil))
}

func scanLife(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	a, b := put(t, s, "web", "a"), put(t, s, "web", "b")
	jobs := []job.Job{{Kind: "scan", Key: a, RunAt: base}}
	must(t, s.StartScan(ctx, account, repo.ID, a, meta.StartScan{Engine: "E", Now: base}, time.Hour, 10, jobs))
	running := meta.Scan{RepositoryID: repo.ID, Digest: a, Engine: "E", Status: meta.ScanInProgress, RequestedAt: base}
	wantSame(t, "running", map[string]meta.Scan{a: running}, value(s.Scans(ctx, repo.ID, []string{a, b}))(t))
	if findings := value(s.ScanFindings(ctx, repo.ID, a))(t); findings != nil {
		t.Errorf("findings of a running scan: %q", findings)
	}
	if got := value(s.ClaimJobs(ctx, base, 1, 9))(t); len(got) != 1 {
		t.Errorf("jobs: %v", got)
	}
	done := running
	done.Status, done.Description, done.InventoryID = meta.ScanComplete, "The scan was completed.", "inventory"
	done.CompletedAt, done.SourceUpdatedAt = base.Add(time.Second), base.Add(-time.Hour)
	done.Counts = map[registry.Severity]int{registry.Critical: 2, registry.Low: 1}
	must(t, s.FinishScan(ctx, done, []byte("[findings\x00]"), nil))
	wantSame(t, "done", map[string]meta.Scan{a: done}, value(s.Scans(ctx, repo.ID, []string{a}))(t))
	if findings := value(s.ScanFindings(ctx, repo.ID, a))(t); string(findings) != "[findings\x00]" {
		t.Errorf("findings %q", findings)
	}
	if findings := value(s.ScanFindings(ctx, repo.ID, b))(t); findings != nil {
		t.Errorf("findings of an image without scan: %q", findings)
	}
}

func scanAgain(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	start(t, s, repo, a, "E", base)
	must(t, s.FinishScan(t.Context(), meta.Scan{RepositoryID: repo.ID, Digest: a, Engine: "E", Status: meta.ScanComplete, RequestedAt: base}, []byte("x"), nil))
	later := base.Add(time.Hour)
	start(t, s, repo, a, "F", later)
	want := meta.Scan{RepositoryID: repo.ID, Digest: a, Engine: "F", Status: meta.ScanInProgress, RequestedAt: later}
	wantSame(t, "scan", map[string]meta.Scan{a: want}, value(s.Scans(t.Context(), repo.ID, []string{a}))(t))
	if findings := value(s.ScanFindings(t.Context(), repo.ID, a))(t); findings != nil {
		t.Errorf("the old findings are left: %q", findings)
	}
}

func scanOutdated(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	start(t, s, repo, a, "E", base)
	later := base.Add(time.Hour)
	start(t, s, repo, a, "E", later)
	outcome := meta.Scan{RepositoryID: repo.ID, Digest: a, Engine: "E", Status: meta.ScanComplete, RequestedAt: base}
	must(t, s.FinishScan(t.Context(), outcome, []byte("old"), nil))
	if scan := value(s.Scans(t.Context(), repo.ID, []string{a}))(t)[a]; scan.Status != meta.ScanInProgress {
		t.Errorf("an outdated outcome was stored: %+v", scan)
	}
	outcome.Digest = DigestOf("gone")
	must(t, s.FinishScan(t.Context(), outcome, nil, nil))
	outcome.Digest, outcome.RequestedAt, outcome.Status = a, later, meta.ScanFailed
	outcome.Description = "broken \xff\x00 path"
	must(t, s.FinishScan(t.Context(), outcome, nil, nil))
	if scan := value(s.Scans(t.Context(), repo.ID, []string{a}))(t)[a]; scan.Status != meta.ScanFailed || scan.Description != "broken \uFFFD\uFFFD path" {
		t.Errorf("got %+v", scan)
	}
}

func scanInterval(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a")
	ask := func(engine string, at time.Time) error {
		return s.StartScan(t.Context(), account, repo.ID, a, meta.StartScan{Engine: engine, Now: at}, 24*time.Hour, 0, nil)
	}
	must(t, ask("E", base))
	refused := registry.Errorf(registry.CodeLimitExceeded, "The scan quota per image has been exceeded. Wait and try again.")
	wantError(t, ask("E", base.Add(24*time.Hour-time.Second)), refused)
	must(t, ask("F", base.Add(time.Hour)))
	must(t, ask("F", base.Add(25*time.Hour)))
}

func scanPerDay(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "pushed", 1)))
	in.Scan = &meta.StartScan{Engine: "E", Now: base}
	value(s.PutImage(t.Context(), in))(t) // counts, but is never refused
	a := put(t, s, "web", "a")
	ask := func(account string, at time.Time) error {
		return s.StartScan(t.Context(), account, repo.ID, a, meta.StartScan{Engine: "E", Now: at}, 0, 3, nil)
	}
	must(t, ask(account, base.Add(time.Hour)))
	must(t, ask(account, base.Add(2*time.Hour)))
	wantCode(t, ask(account, base.Add(3*time.Hour)), registry.CodeLimitExceeded)
	must(t, ask("111111111111", base.Add(3*time.Hour)))
	wantCode(t, ask(account, base.Add(23*time.Hour)), registry.CodeLimitExceeded)
	must(t, ask(account, base.Add(24*time.Hour+20*time.Minute)))
}

func scanUnknown(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	digest := DigestOf("none")
	err := s.StartScan(t.Context(), account, repo.ID, digest, meta.StartScan{Engine: "E", Now: base}, 0, 0, nil)
	wantError(t, err, registry.ImageNotFound(account, "web", registry.ImageID{Digest: digest}))
	err = s.StartScan(t.Context(), account, 4711, digest, meta.StartScan{Engine: "E", Now: base}, 0, 0, nil)
	wantCode(t, err, registry.CodeImageNotFound)
}
