package enhanced_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/service"
)

const day = 24 * time.Hour

// lab is a registry with enhanced scanning on a real store, whose clock and jobs
// are the test's.
type lab struct {
	*apitest.House
	t        testing.TB
	owner    service.Caller
	feed     string // directory of advisories
	records  map[string]map[string]string
	updater  *advisory.Updater
	handlers map[string]job.Handler
	keeper   *enhanced.Keeper
	follower *enhanced.Follower
	reader   *enhanced.Reader
	told     int64 // the last event that was read
	excuse   func(finding.Finding) *finding.Suppression
	deaf     bool // no rule listens
	watched  watched
}

// watched is what a follower has told.
type watched struct{ changes, affected, settled int }

func (w *watched) Judged(changes, images int, _ time.Duration) {
	w.changes, w.affected = w.changes+changes, w.affected+images
}
func (w *watched) Settled(images int, _ time.Duration) { w.settled += images }

func open(t testing.TB) *lab {
	t.Helper()
	l := &lab{
		t: t, owner: service.Caller{Principal: iam.RootPrincipal(apitest.Account, apitest.Root)},
		feed: t.TempDir(), records: map[string]map[string]string{}, handlers: map[string]job.Handler{},
	}
	l.records["npm"] = map[string]string{}
	l.House = apitest.Open(t, l.connect)
	l.EnsureAccounts()
	return l
}

// connect puts enhanced scanning together with the service that it is given to.
func (l *lab) connect(c *service.Config) {
	quiet := slog.New(slog.DiscardHandler)
	store := c.Store.(interface {
		meta.Store
		advisory.Store
		enhanced.Risks
	})
	feed, err := advisory.OpenFeed(l.feed, advisory.FeedOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.updater = advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{Now: c.Now})
	matcher := match.New(store, match.Options{})
	inventories := enhanced.NewInventories(store)
	settler := &enhanced.Settler{
		Store: store, Inventories: inventories, Risks: store, Region: apitest.Region, Now: c.Now,
		Listening: func(context.Context, string, string, string) (bool, error) { return !l.deaf, nil },
		Suppressor: func(ctx context.Context, account string, c finding.Coverage) (func(finding.Finding) *finding.Suppression, error) {
			if l.excuse == nil {
				return l.Service.Suppressing(ctx, account, c)
			}
			return l.excuse, nil
		},
	}
	l.reader = &enhanced.Reader{Store: store, Inventories: inventories, Risks: store}
	c.Findings = l.reader
	plans := plansOf{l}
	indexer := &scan.Indexer{Store: store, Content: c.Content, Logger: quiet}
	scanner := &enhanced.Scanner{Settler: settler, Plans: plans, Images: store, Catalog: store, Content: indexer, Advisories: l.updater, Judge: matcher, Logger: quiet}
	basic := &scan.Scanner{Manifests: store, Outcomes: store, Layers: indexer, Advisories: l.updater, Matcher: matcher, Now: c.Now, Logger: quiet}
	enroller := &enhanced.Enroller{Scanner: scanner, All: store}
	walker := &enhanced.Walker{Settler: settler, Plans: plans, All: store}
	l.follower = &enhanced.Follower{
		Settler: settler, Changes: store, Affected: store, Queue: store, Judge: matcher, Observer: &l.watched, Logger: quiet,
		Accounts: func(context.Context) ([]string, error) { return []string{apitest.Account, apitest.Other}, nil },
	}
	l.keeper = enhanced.NewKeeper(&enhanced.Keeper{
		Settler: settler, Plans: plans, Kept: store, Changes: store, Queue: store, Owner: "test", Wake: func() {}, Logger: quiet,
	})
	l.handlers = map[string]job.Handler{
		scan.JobKind: basic.Handle, enhanced.ScanJob: scanner.Handle, enhanced.EnrolJob: enroller.Handle, enhanced.RematchJob: l.follower.Handle,
		enhanced.WindowsJob: walker.Windows,
		enhanced.ResettleJob: func(ctx context.Context, j job.Job) error {
			return l.Service.Resettling(walker.Resettle)(ctx, j)
		},
		service.RestoreJob: func(ctx context.Context, j job.Job) error { return l.Service.Restore(ctx, j) },
		service.FollowJob:  func(ctx context.Context, j job.Job) error { return l.Service.Follow(ctx, j) },
	}
}

// plansOf answers the plans of the service, which is made after what needs them.
type plansOf struct{ l *lab }

func (p plansOf) EnhancedPlan(ctx context.Context, account string) (enhanced.Plan, error) {
	return p.l.Service.EnhancedPlan(ctx, account)
}

// run does all jobs that are due.
func (l *lab) run() {
	l.t.Helper()
	for {
		jobs, err := l.Store.ClaimJobs(l.t.Context(), l.Now(), time.Minute, 1)
		if err != nil {
			l.t.Fatal(err)
		}
		if len(jobs) == 0 {
			return
		}
		if err := l.handlers[jobs[0].Kind](l.t.Context(), jobs[0]); err != nil {
			l.t.Fatalf("%s %s: %v", jobs[0].Kind, jobs[0].Key, err)
		}
		if err := l.Store.CompleteJob(l.t.Context(), jobs[0].ID); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sweep lets time pass, looks at what is due, and does what follows.
func (l *lab) sweep(after time.Duration) {
	l.t.Helper()
	l.Wait(after)
	if err := l.keeper.Sweep(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	l.run()
}

// scanning configures the registry: frequency of filters, or nothing for all.
func (l *lab) scanning(kind registry.ScanType, rules ...registry.ScanRule) {
	l.t.Helper()
	if err := l.Service.PutScanningConfiguration(l.t.Context(), l.owner, registry.ScanningConfiguration{Type: kind, Rules: rules}); err != nil {
		l.t.Fatal(err)
	}
	l.run()
}

func rule(f registry.ScanFrequency, filters ...string) registry.ScanRule {
	return registry.ScanRule{Frequency: f, Filters: filters}
}

func (l *lab) repository(name string) {
	l.t.Helper()
	if _, err := l.Service.CreateRepository(l.t.Context(), l.owner, service.CreateRepository{Name: name}); err != nil {
		l.t.Fatal(err)
	}
}

// brief is "CVE-1" for CVE-2026-0001, as tests say it.
func brief(id string) string { return strings.Replace(id, "CVE-2026-000", "CVE-", 1) }

// publish stores records of npm: about a package, fixed in a version unless that
// is empty.
func (l *lab) publish(id, pkg, fixed string) {
	l.t.Helper()
	l.add(id, pkg, fixed)
	l.load()
}

func (l *lab) add(id, pkg, fixed string) {
	events := `{"introduced":"0"}`
	if fixed != "" {
		events += fmt.Sprintf(`,{"fixed":%q}`, fixed)
	}
	cve := strings.Replace(id, "CVE-", "CVE-2026-000", 1)
	l.records["npm"]["GHSA-"+id] = fmt.Sprintf(`{"schema_version":"1.7.0","id":%q,"aliases":[%q],"modified":"2026-01-01T00:00:00Z","published":"2025-01-01T00:00:00Z",`+
		`"summary":"About %s","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}],`+
		`"affected":[{"package":{"ecosystem":"npm","name":%q},"ranges":[{"type":"SEMVER","events":[%s]}]}]}`, "GHSA-"+id, cve, pkg, pkg, events)
}

func (l *lab) withdraw(id string) {
	l.t.Helper()
	delete(l.records["npm"], "GHSA-"+id)
	l.load()
}

// load imports the advisories and has findings follow them.
func (l *lab) load() {
	l.t.Helper()
	for ecosystem, records := range l.records {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, id := range slices.Sorted(maps.Keys(records)) {
			out, err := w.Create(id + ".json")
			if err == nil {
				_, err = out.Write([]byte(records[id]))
			}
			if err != nil {
				l.t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			l.t.Fatal(err)
		}
		dir := filepath.Join(l.feed, ecosystem)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			l.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "all.zip"), b.Bytes(), 0o644); err != nil {
			l.t.Fatal(err)
		}
		outcomes, err := l.updater.Update(l.t.Context(), nil, ecosystem)
		if err != nil || outcomes[0].Err != nil {
			l.t.Fatal(err, outcomes)
		}
	}
	l.follow()
}

func (l *lab) follow() {
	l.t.Helper()
	if err := l.Store.Enqueue(l.t.Context(), enhanced.NewRematchJob(l.Now())); err != nil {
		l.t.Fatal(err)
	}
	l.run()
}

// node is a layer with packages of npm: name to version.
func node(packages map[string]string) []byte {
	files := map[string]string{}
	for name, version := range packages {
		files["app/node_modules/"+name+"/package.json"] = fmt.Sprintf(`{"name":%q,"version":%q}`, name, version)
	}
	return layer(files)
}

func layer(files map[string]string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}); err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// blob stores content in a repository and answers its descriptor.
func (l *lab) blob(repository, mediaType string, content []byte) map[string]any {
	l.t.Helper()
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	up, err := l.Service.StartUpload(l.t.Context(), l.owner, repository)
	if err == nil {
		_, err = l.Service.CompleteUpload(l.t.Context(), l.owner, repository, up.ID, service.Completion{
			Chunk: service.Chunk{Offset: 0, Length: int64(len(content)), Body: bytes.NewReader(content)}, Digests: []string{digest},
		})
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(content)}
}

// push stores an image without running jobs, and answers its digest.
func (l *lab) push(repository, tag string, layers ...[]byte) string {
	l.t.Helper()
	config := fmt.Sprintf(`{"architecture":"arm64","os":"linux","author":"somebody","tag":%q}`, tag)
	descriptors := []any{}
	for _, content := range layers {
		descriptors = append(descriptors, l.blob(repository, "application/vnd.oci.image.layer.v1.tar", content))
	}
	return l.put(repository, tag, registry.MediaTypeOCIManifest, map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "layers": descriptors,
		"config": l.blob(repository, "application/vnd.oci.image.config.v1+json", []byte(config)),
	})
}

func (l *lab) put(repository, tag, mediaType string, manifest map[string]any) string {
	l.t.Helper()
	payload, err := json.Marshal(manifest)
	if err != nil {
		l.t.Fatal(err)
	}
	_, result, err := l.Service.PutManifest(l.t.Context(), l.owner, service.PushManifest{Repository: repository, MediaType: mediaType, Payload: payload, Tags: []string{tag}})
	if err != nil {
		l.t.Fatal(err)
	}
	return result.Image.Digest
}

// report is what DescribeImageScanFindings answers, in short.
type report struct {
	status, description string
	findings            []finding.Finding
	counts              map[registry.Severity]int
}

// ids are the findings with their statuses, "CVE-1 ACTIVE".
func (r report) ids() []string {
	var out []string
	for _, f := range r.findings {
		out = append(out, brief(f.VulnerabilityID)+" "+string(f.Status))
	}
	slices.Sort(out)
	return out
}

func (l *lab) describe(repository, tag string) report {
	l.t.Helper()
	r, err := l.Service.ScanFindings(l.t.Context(), l.owner, repository, registry.ImageID{Tag: tag})
	if err != nil {
		l.t.Fatal(err)
	}
	out := report{status: string(r.Scan.Status), description: r.Scan.Description, counts: r.Scan.Counts}
	for cursor := ""; r.Enhanced; {
		page, next, err := l.Service.EnhancedScanFindings(l.t.Context(), r, cursor, 2)
		if err != nil {
			l.t.Fatal(err)
		}
		out.findings = append(out.findings, page...)
		if cursor = next; cursor == "" {
			break
		}
	}
	return out
}

func (l *lab) want(repository, tag, status string, ids ...string) report {
	l.t.Helper()
	got := l.describe(repository, tag)
	if got.status != status || !slices.Equal(got.ids(), ids) {
		l.t.Errorf("%s:%s is %s %q with %q, want %s with %q", repository, tag, got.status, got.description, got.ids(), status, ids)
	}
	return got
}

// coverage is what Inspector knows of an image.
func (l *lab) coverage(repository, digest string) finding.Coverage {
	l.t.Helper()
	all, err := l.Store.ListCoverage(l.t.Context(), apitest.Account, meta.CoverageQuery{Limit: 1000, Gone: true})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, c := range all {
		if c.Image.Repository == repository && c.Image.Digest == digest {
			return c
		}
	}
	return finding.Coverage{}
}

func (l *lab) wantCoverage(repository, digest string, code finding.CoverageCode, reason string) {
	l.t.Helper()
	if c := l.coverage(repository, digest); c.Code != code || c.Reason != reason {
		l.t.Errorf("coverage of %s@%.15s is %s %s, want %s %s", repository, digest, c.Code, c.Reason, code, reason)
	}
}

// events answers in short what was told since it was last asked.
func (l *lab) events() []string {
	l.t.Helper()
	all, err := l.Store.ListEvents(l.t.Context(), apitest.Account, meta.EventQuery{After: l.told, Limit: 10_000})
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, raw := range all {
		l.told = raw.ID
		e, err := event.Decode(raw.Body)
		if err != nil {
			l.t.Fatal(err)
		}
		if text := short(e); text != "" {
			out = append(out, text)
		}
	}
	return out
}

func short(e event.Event) string {
	var d struct {
		Status   string `json:"status"`
		Details  struct{ VulnerabilityID string }
		Package  struct{ ID string }        `json:"-"`
		Vuln     map[string]json.RawMessage `json:"packageVulnerabilityDetails"`
		Coverage struct {
			Reason string `json:"reason"`
			Code   string `json:"statusCodeValue"`
		} `json:"scanStatus"`
		Counts       map[string]int `json:"finding-severity-counts"`
		Repositories []struct {
			Name     string `json:"repository-name"`
			Is       string `json:"scan-frequency"`
			Previous string `json:"previous-scan-frequency"`
		} `json:"repositories"`
	}
	_ = json.Unmarshal(e.Detail, &d)
	switch e.DetailType {
	case event.InspectorFinding:
		return brief(strings.Trim(string(d.Vuln["vulnerabilityId"]), `"`)) + " " + d.Status
	case event.InspectorCoverage:
		return d.Coverage.Code + " " + d.Coverage.Reason
	case event.InspectorScan:
		return fmt.Sprintf("scanned %d", d.Counts["TOTAL"])
	case event.ScanResourceChange:
		var all []string
		for _, r := range d.Repositories {
			all = append(all, fmt.Sprintf("%s %s<%s", r.Name, r.Is, r.Previous))
		}
		return strings.Join(all, ", ")
	}
	return ""
}

func (l *lab) wantEvents(want ...string) {
	l.t.Helper()
	if got := l.events(); !slices.Equal(got, want) {
		l.t.Errorf("told %q, want %q", got, want)
	}
}
