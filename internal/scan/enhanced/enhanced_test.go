package enhanced_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/service"
)

// lodash is an application in an otherwise empty image.
func lodash() []byte { return node(map[string]string{"lodash": "4.17.20", "left-pad": "1.3.0"}) }

// followed is a lab where one image is followed that has CVE-1.
func followed(t *testing.T) (*lab, string) {
	t.Helper()
	l := open(t)
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	l.scanning(registry.ScanEnhanced)
	digest := l.push("web", "v1", lodash())
	l.run()
	l.events()
	return l, digest
}

func TestAPushIsPendingAndThenFollowed(t *testing.T) {
	l := open(t)
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	l.scanning(registry.ScanEnhanced)
	l.wantEvents("web CONTINUOUS_SCAN<MANUAL")
	digest := l.push("web", "v1", lodash())
	if got := l.want("web", "v1", "PENDING"); got.description != "Pending start of the image scan." {
		t.Errorf("description %q", got.description)
	}
	l.run()
	got := l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	if got.description != "Continuous scan is selected for image." || got.counts[registry.High] != 1 {
		t.Errorf("description %q, counts %v", got.description, got.counts)
	}
	f := got.findings[0]
	if f.Title != "CVE-2026-0001 - lodash" || f.Score != 7.2 || f.Severity != registry.High || f.Fix != finding.Fixable || f.FirstObservedAt.IsZero() {
		t.Errorf("%+v", f)
	}
	p := f.Packages[0]
	if p.Manager != "NODEPKG" || p.Path != "app/node_modules/lodash/package.json" || !strings.HasPrefix(p.Layer, "sha256:") || p.FixedIn != "4.17.21" || p.PURL != "pkg:npm/lodash@4.17.20" {
		t.Errorf("%+v", p)
	}
	if i := f.Image; i.Architecture != "arm64" || i.Author != "somebody" || i.Digest != digest || !slices.Equal(i.Tags, []string{"v1"}) || i.PushedAt.IsZero() {
		t.Errorf("%+v", i)
	}
	l.wantCoverage("web", digest, finding.Covered, finding.ReasonSuccessful)
	l.wantEvents("scanned 1", "ACTIVE SUCCESSFUL", "CVE-1 ACTIVE")
}

func TestFindingsFollowTheAdvisories(t *testing.T) {
	l, _ := followed(t)
	l.publish("CVE-2", "left-pad", "")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
	l.wantEvents("CVE-2 ACTIVE")
	first := l.describe("web", "v1").findings

	l.Wait(time.Hour)
	l.publish("CVE-2", "left-pad", "2.0.0") // there is a fix now
	l.wantEvents("CVE-2 ACTIVE")
	for _, f := range l.describe("web", "v1").findings {
		i := slices.IndexFunc(first, func(g finding.Finding) bool { return g.UID == f.UID })
		if i < 0 || !f.FirstObservedAt.Equal(first[i].FirstObservedAt) {
			t.Errorf("%s is another finding than before", f.VulnerabilityID)
		}
		if brief(f.VulnerabilityID) == "CVE-2" && (f.Fix != finding.Fixable || !f.UpdatedAt.After(first[i].UpdatedAt)) {
			t.Errorf("%+v", f.State)
		}
	}

	l.withdraw("CVE-2")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.wantEvents("CVE-2 CLOSED")
	l.publish("CVE-2", "left-pad", "")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
	l.wantEvents("CVE-2 ACTIVE")
	if l.watched.affected != 4 || l.watched.settled != 4 {
		t.Errorf("told of %d affected and %d settled images, want 4 each", l.watched.affected, l.watched.settled)
	}
}

func TestNobodyIsToldTwice(t *testing.T) {
	l, _ := followed(t)
	l.publish("CVE-2", "left-pad", "")
	l.events()
	// As after a kill before the changes were noted as settled.
	page, err := l.Store.ListCoverage(t.Context(), apitest.Account, meta.CoverageQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	releases, err := l.Store.Releases(t.Context())
	if err != nil || !slices.Contains(releases, "npm") {
		t.Fatal(releases, err)
	}
	components, err := l.Store.ComponentsNamed(t.Context(), releases, "left-pad", 0, 10)
	if err != nil || len(components) != 1 || len(page) != 1 {
		t.Fatal(components, page, err)
	}
	all, err := l.Store.InventoryProblems(t.Context(), page[0].InventoryID)
	if err != nil {
		t.Fatal(err)
	}
	var own []finding.Problem
	for _, p := range all {
		if p.Component == components[0].ID {
			own = append(own, p.Problem)
		}
	}
	// Gone and there again, before anybody has looked.
	for _, problems := range [][]finding.Problem{nil, own} {
		if _, err := l.Store.PutProblems(t.Context(), []meta.ComponentProblems{{Component: components[0].ID, Problems: problems}}); err != nil {
			t.Fatal(err)
		}
	}
	l.follow()
	l.wantEvents()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
	if left, err := l.Store.ProblemChanges(t.Context(), 10); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestWhatIsScannedOnPushStaysAsItWas(t *testing.T) {
	l := open(t)
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	l.scanning(registry.ScanEnhanced, rule(registry.ScanOnPush, "*"))
	digest := l.push("web", "v1", lodash())
	l.run()
	if got := l.want("web", "v1", "COMPLETE", "CVE-1 ACTIVE"); got.description != "The scan was completed successfully." {
		t.Errorf("description %q", got.description)
	}
	l.wantCoverage("web", digest, finding.NotCovered, finding.ReasonFrequencyScanOnPush)
	l.events()
	l.publish("CVE-2", "left-pad", "")
	l.withdraw("CVE-1")
	l.sweep(200 * day)
	l.want("web", "v1", "COMPLETE", "CVE-1 ACTIVE")
	l.wantEvents()
	l.push("web", "v1", lodash())
	l.run()
	l.want("web", "v1", "COMPLETE", "CVE-2 ACTIVE")
	if got := l.events(); !slices.Contains(got, "CVE-1 CLOSED") || !slices.Contains(got, "CVE-2 ACTIVE") {
		t.Errorf("told %q", got)
	}
}

func TestRepositoriesThatNoRuleMatchesHaveNoScan(t *testing.T) {
	l := open(t)
	l.repository("dev/web")
	l.scanning(registry.ScanEnhanced, rule(registry.ScanContinuous, "prod"))
	digest := l.push("dev/web", "v1", lodash())
	l.run()
	_, err := l.Service.ScanFindings(t.Context(), l.owner, "dev/web", registry.ImageID{Digest: digest})
	if registry.CodeOf(err) != registry.CodeScanNotFound {
		t.Errorf("%v, want ScanNotFound", err)
	}
	if c := l.coverage("dev/web", digest); c.ID != 0 {
		t.Errorf("coverage %+v", c)
	}
}

func TestWindowsEndAndPushesReviveThem(t *testing.T) {
	l, digest := followed(t)
	l.sweep(13 * day)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.sweep(2 * day)
	got := l.want("web", "v1", "SCAN_ELIGIBILITY_EXPIRED")
	if !strings.Contains(got.description, "not pushed within the re-scan duration") {
		t.Errorf("description %q", got.description)
	}
	l.wantCoverage("web", digest, finding.NotCovered, finding.ReasonEligibilityExpired)
	l.wantEvents("INACTIVE SCAN_ELIGIBILITY_EXPIRED", "CVE-1 CLOSED")
	l.publish("CVE-2", "left-pad", "") // nobody looks
	l.wantEvents()

	l.push("web", "v1", lodash())
	l.run()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
	l.wantEvents("scanned 2", "ACTIVE SUCCESSFUL", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
	l.sweep(13 * day)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
}

func (l *lab) windows(change service.InspectorConfiguration) {
	l.t.Helper()
	if err := l.Service.PutInspectorConfiguration(l.t.Context(), l.owner, change); err != nil {
		l.t.Fatal(err)
	}
	l.run()
}

func TestWindowsAreComputedAgainWhenTheirLengthChanges(t *testing.T) {
	l, digest := followed(t)
	l.windows(service.InspectorConfiguration{RescanDuration: "DAYS_90"})
	l.sweep(80 * day)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.windows(service.InspectorConfiguration{RescanDuration: "LIFETIME"})
	if c := l.coverage("web", digest); !c.DueAt.IsZero() {
		t.Errorf("due at %v, want never", c.DueAt)
	}
	l.sweep(1000 * day)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.windows(service.InspectorConfiguration{RescanDuration: "DAYS_30"})
	l.sweep(time.Minute)
	l.want("web", "v1", "SCAN_ELIGIBILITY_EXPIRED")
	l.windows(service.InspectorConfiguration{RescanDuration: "LIFETIME"}) // what has ended stays so
	l.sweep(time.Minute)
	l.want("web", "v1", "SCAN_ELIGIBILITY_EXPIRED")
	if err := l.Service.PutInspectorConfiguration(t.Context(), l.owner, service.InspectorConfiguration{RescanDuration: "DAYS_1"}); registry.CodeOf(err) != registry.CodeInvalidParameter {
		t.Errorf("DAYS_1: %v", err)
	}
}

func (l *lab) pull(repository, digest string) {
	l.t.Helper()
	repo, err := l.Store.Repository(l.t.Context(), apitest.Account, repository)
	if err == nil {
		err = l.Store.RecordPulls(l.t.Context(), []meta.Pull{{RepositoryID: repo.ID, Digest: digest, At: l.Now()}})
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func TestPullsKeepImagesInWherePullsCount(t *testing.T) {
	l, digest := followed(t)
	l.windows(service.InspectorConfiguration{PullDateRescanMode: service.ByLastPull, PullDateRescanDuration: "DAYS_30"})
	l.Wait(13 * day)
	l.pull("web", digest)
	l.sweep(20 * day)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.sweep(15 * day)
	if got := l.want("web", "v1", "SCAN_ELIGIBILITY_EXPIRED"); !strings.Contains(got.description, "neither pushed nor pulled") {
		t.Errorf("description %q", got.description)
	}
	l.pull("web", digest)
	l.sweep(time.Minute)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
}

func TestPullsDoNotCountByDefault(t *testing.T) {
	l, digest := followed(t)
	l.Wait(10 * day)
	l.pull("web", digest)
	l.sweep(5 * day)
	l.want("web", "v1", "SCAN_ELIGIBILITY_EXPIRED")
	l.pull("web", digest)
	l.sweep(time.Minute)
	l.want("web", "v1", "SCAN_ELIGIBILITY_EXPIRED")
}

func TestSwitchingOnEnrolsWhatWasPushedLately(t *testing.T) {
	l := open(t)
	l.publish("CVE-1", "lodash", "4.17.21")
	for _, name := range []string{"a", "b", "c"} {
		l.repository(name)
	}
	old := l.push("a", "old", lodash())
	l.Wait(15 * day)
	l.push("a", "new", lodash())
	l.push("b", "new", lodash())
	l.scanning(registry.ScanEnhanced, rule(registry.ScanContinuous, "a"), rule(registry.ScanOnPush, "b"))
	l.want("a", "new", "ACTIVE", "CVE-1 ACTIVE")
	l.want("b", "new", "COMPLETE", "CVE-1 ACTIVE")
	l.want("a", "old", "SCAN_ELIGIBILITY_EXPIRED")
	l.wantCoverage("a", old, finding.NotCovered, finding.ReasonEligibilityExpired)
	got := l.events()
	if got[0] != "a CONTINUOUS_SCAN<MANUAL, b SCAN_ON_PUSH<MANUAL" || !slices.Contains(got, "INACTIVE SCAN_ELIGIBILITY_EXPIRED") {
		t.Errorf("told %q", got)
	}
	l.push("a", "old", lodash())
	l.run()
	l.want("a", "old", "ACTIVE", "CVE-1 ACTIVE")
	l.events()

	// Nothing follows a configuration that is the same.
	l.scanning(registry.ScanEnhanced, rule(registry.ScanContinuous, "a"), rule(registry.ScanOnPush, "b"))
	l.wantEvents()
	// Each image goes where its repository goes.
	l.scanning(registry.ScanEnhanced, rule(registry.ScanContinuous, "b"), rule(registry.ScanOnPush, "a"))
	l.want("a", "new", "COMPLETE", "CVE-1 ACTIVE")
	l.want("b", "new", "ACTIVE", "CVE-1 ACTIVE")
	l.publish("CVE-2", "left-pad", "")
	l.want("a", "new", "COMPLETE", "CVE-1 ACTIVE")
	l.want("b", "new", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE")
	l.events()
	l.scanning(registry.ScanEnhanced, rule(registry.ScanContinuous, "b"))
	if got := l.events(); !slices.Contains(got, "INACTIVE SCAN_FREQUENCY_MANUAL") || !slices.Contains(got, "CVE-1 CLOSED") || got[0] != "a MANUAL<SCAN_ON_PUSH" {
		t.Errorf("told %q", got)
	}
}

func TestSwitchingOffClosesAndSwitchingOnFindsAgain(t *testing.T) {
	l, digest := followed(t)
	before := l.describe("web", "v1").findings[0]
	l.scanning(registry.ScanBasic)
	l.wantCoverage("web", digest, finding.NotCovered, finding.ReasonFrequencyManual)
	l.wantEvents("INACTIVE SCAN_FREQUENCY_MANUAL", "CVE-1 CLOSED")
	l.push("web", "v2", node(map[string]string{"lodash": "4.17.19"})) // nobody scans it
	l.run()
	l.Wait(time.Hour)
	l.scanning(registry.ScanEnhanced)
	after := l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE").findings[0]
	if after.UID != before.UID || !after.FirstObservedAt.Equal(before.FirstObservedAt) || after.LastObservedAt.Equal(before.LastObservedAt) {
		t.Errorf("before %+v\nafter %+v", before.State, after.State)
	}
	l.want("web", "v2", "ACTIVE", "CVE-1 ACTIVE")
}

func TestDisablingKeepsTheRulesForTheNextTime(t *testing.T) {
	l := open(t)
	l.scanning(registry.ScanBasic, rule(registry.ScanOnPush, "prod"))
	for _, c := range []struct {
		change func() (bool, error)
		want   registry.ScanType
		did    bool
	}{
		{func() (bool, error) { return l.Service.EnableEnhanced(t.Context(), apitest.Account) }, registry.ScanEnhanced, true},
		{func() (bool, error) { return l.Service.EnableEnhanced(t.Context(), apitest.Account) }, registry.ScanEnhanced, false},
		{func() (bool, error) { return l.Service.DisableEnhanced(t.Context(), apitest.Account) }, registry.ScanBasic, true},
	} {
		did, err := c.change()
		plan, _ := l.Service.EnhancedPlan(t.Context(), apitest.Account)
		if err != nil || did != c.did || plan.Scanning.Type != c.want {
			t.Errorf("%v, %v: %+v", did, err, plan.Scanning)
		}
	}
	plan, _ := l.Service.EnhancedPlan(t.Context(), apitest.Account)
	if len(plan.Scanning.Rules) != 1 || plan.Scanning.Rules[0].Filters[0] != "prod" {
		t.Errorf("rules %+v", plan.Scanning.Rules)
	}
}

func TestDeletedImagesAreClosedAndForgotten(t *testing.T) {
	l, digest := followed(t)
	if _, _, err := l.Service.BatchDeleteImages(t.Context(), l.owner, "web", []registry.ImageID{{Digest: digest}}); err != nil {
		t.Fatal(err)
	}
	l.sweep(time.Minute)
	l.wantCoverage("web", digest, finding.NotCovered, finding.ReasonResourceTerminated)
	l.wantEvents("INACTIVE RESOURCE_TERMINATED", "CVE-1 CLOSED")
	l.Wait(2 * day)
	purge := func() {
		t.Helper()
		if err := l.keeper.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	purge()
	if l.coverage("web", digest).ID == 0 {
		t.Error("the coverage is forgotten before its time")
	}
	l.push("web", "v1", lodash()) // again
	l.run()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	if _, err := l.Service.DeleteRepository(t.Context(), l.owner, "web", true); err != nil {
		t.Fatal(err)
	}
	l.sweep(4 * day)
	purge()
	if l.coverage("web", digest).ID != 0 {
		t.Error("the coverage is still there")
	}
}

func TestArchivedImagesAreClosedAndScannedWhenTheyComeBack(t *testing.T) {
	l, digest := followed(t)
	id := registry.ImageID{Digest: digest}
	if _, err := l.Service.UpdateStorageClass(t.Context(), l.owner, "web", id, service.StorageArchive); err != nil {
		t.Fatal(err)
	}
	l.sweep(time.Minute)
	l.wantCoverage("web", digest, finding.NotCovered, finding.ReasonImageArchived)
	l.wantEvents("INACTIVE IMAGE_ARCHIVED", "CVE-1 CLOSED")
	r, err := l.Service.ScanFindings(t.Context(), l.owner, "web", id)
	if err != nil || r.Scan.Status != enhanced.StatusArchived {
		t.Errorf("%+v, %v", r.Scan, err)
	}
	l.Wait(100 * day)
	if _, err := l.Service.UpdateStorageClass(t.Context(), l.owner, "web", id, service.StorageStandard); err != nil {
		t.Fatal(err)
	}
	l.run()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.sweep(13 * day) // it counts as pushed again
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
}

func TestImagesWithNothingToLookAtAreUnsupported(t *testing.T) {
	l := open(t)
	l.repository("web")
	l.scanning(registry.ScanEnhanced)
	empty := l.push("web", "empty", layer(map[string]string{"bin/tool": "no package"}))
	odd := l.push("web", "odd", layer(map[string]string{"etc/os-release": "ID=templeos\nVERSION_ID=5\n"}))
	broken := l.push("web", "broken", []byte(strings.Repeat("no archive ", 200)))
	l.run()
	for _, c := range []struct{ tag, digest, says, reason string }{
		{"empty", empty, "UnsupportedImageError: The operating system and/or package manager are not supported.", finding.ReasonUnsupportedOS},
		{"odd", odd, "UnsupportedImageError: The operating system 'templeos' version '5' is not supported.", finding.ReasonUnsupportedOS},
		{"broken", broken, "cannot be scanned", finding.ReasonUnsupportedMedia},
	} {
		if got := l.want("web", c.tag, "UNSUPPORTED_IMAGE"); !strings.Contains(got.description, c.says) {
			t.Errorf("%s: description %q", c.tag, got.description)
		}
		l.wantCoverage("web", c.digest, finding.NotCovered, c.reason)
	}
	if got := l.events(); len(got) != 4 || strings.Contains(strings.Join(got, " "), "scanned") {
		t.Errorf("told %q", got)
	}
}

func TestWithoutAdvisoriesThereIsNoResult(t *testing.T) {
	l := open(t)
	l.repository("web")
	l.scanning(registry.ScanEnhanced)
	digest := l.push("web", "v1", lodash())
	l.run()
	if got := l.want("web", "v1", "FINDINGS_UNAVAILABLE"); got.description != "No vulnerability data is loaded for 'npm'." {
		t.Errorf("description %q", got.description)
	}
	l.wantCoverage("web", digest, finding.NotCovered, finding.ReasonInternalError)
	l.publish("CVE-1", "lodash", "4.17.21")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
}

func TestWhatIsMissingIsSaidBesideWhatWasFound(t *testing.T) {
	l := open(t)
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	l.scanning(registry.ScanEnhanced)
	python := layer(map[string]string{"usr/lib/python3/site-packages/requests-2.30.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: requests\nVersion: 2.30.0\n"})
	l.push("web", "v1", lodash(), python)
	l.run()
	if got := l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE"); got.description != "Continuous scan is selected for image. No vulnerability data is loaded for 'PyPI'." {
		t.Errorf("description %q", got.description)
	}
	l.records["PyPI"] = map[string]string{"PYSEC-1": `{"schema_version":"1.7.0","id":"PYSEC-1","aliases":["CVE-2026-0009"],"modified":"2026-01-01T00:00:00Z",` +
		`"affected":[{"package":{"ecosystem":"PyPI","name":"requests"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.31.0"}]}]}]}`}
	l.load()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-9 ACTIVE")
	l.sweep(time.Hour)
	if got := l.describe("web", "v1"); got.description != "Continuous scan is selected for image." {
		t.Errorf("description %q", got.description)
	}
}

func TestSuppressedFindingsAreListedAndNotCounted(t *testing.T) {
	l, _ := followed(t)
	resettle := func() {
		t.Helper()
		if err := l.Store.Enqueue(t.Context(), enhanced.NewResettleJob(apitest.Account, "", l.Now())); err != nil {
			t.Fatal(err)
		}
		l.run()
	}
	l.excuse = func(f finding.Finding) *finding.Suppression {
		if brief(f.VulnerabilityID) != "CVE-1" || len(f.Packages) != 1 {
			return nil
		}
		return &finding.Suppression{Kind: finding.SuppressedByDecision, ID: "d", Author: "ann", Reason: "not reachable"}
	}
	resettle()
	got := l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
	if len(got.counts) != 0 || got.findings[0].Suppression.Author != "ann" {
		t.Errorf("counts %v, %+v", got.counts, got.findings[0].Suppression)
	}
	l.wantEvents("CVE-1 SUPPRESSED")
	resettle()
	l.wantEvents()
	l.excuse = nil
	resettle()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.wantEvents("CVE-1 ACTIVE")
}

func TestRepositoriesThatAreNewAreToldOf(t *testing.T) {
	l := open(t)
	l.repository("before")
	l.scanning(registry.ScanEnhanced, rule(registry.ScanOnPush, "prod"))
	l.events()
	l.repository("prod")
	l.repository("dev")
	l.wantEvents("prod SCAN_ON_PUSH<", "dev MANUAL<")
}

// risk says that a vulnerability is exploited, or is not any more.
func (l *lab) risk(exploited ...string) {
	l.t.Helper()
	in, err := l.Store.BeginImport(l.t.Context(), advisory.KEV)
	if err != nil {
		l.t.Fatal(err)
	}
	for i, id := range exploited {
		data := []byte(`{"a":"2026-01-02"}`)
		err = errors.Join(err, in.Add(l.t.Context(), []advisory.Entry{{Package: id, ID: advisory.KEV, Data: data, Content: advisory.Content{byte(i + 1)}}}))
	}
	if err := errors.Join(err, in.Commit(l.t.Context(), advisory.Source{FetchedAt: l.Now()})); err != nil {
		l.t.Fatal(err)
	}
	l.follow()
}

func TestFindingsFollowTheCatalogueOfExploitedVulnerabilities(t *testing.T) {
	l, _ := followed(t)
	l.risk("CVE-2026-0001", "CVE-2020-0001")
	l.wantEvents("CVE-1 ACTIVE")
	if f := l.describe("web", "v1").findings[0]; !f.Exploit || f.Risk.ExploitedAt.IsZero() {
		t.Errorf("%+v", f.Risk)
	}
	l.risk("CVE-2020-0001")
	l.wantEvents("CVE-1 ACTIVE")
	if f := l.describe("web", "v1").findings[0]; f.Exploit {
		t.Errorf("%+v", f.Risk)
	}
}

func TestAnIndexIsAsItsImagesAre(t *testing.T) {
	l, digest := followed(t)
	l.repository("multi")
	other := l.push("multi", "arm", node(map[string]string{"lodash": "4.17.19"}))
	first := l.push("multi", "amd", lodash())
	child := func(digest, arch string) map[string]any {
		return map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": digest, "size": 1, "platform": map[string]any{"os": "linux", "architecture": arch}}
	}
	l.put("multi", "all", registry.MediaTypeOCIIndex, map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIIndex, "manifests": []any{child(first, "amd64"), child(other, "arm64")},
	})
	l.want("multi", "all", "PENDING")
	l.run()
	got := l.want("multi", "all", "ACTIVE", "CVE-1 ACTIVE", "CVE-1 ACTIVE")
	if got.counts[registry.High] != 2 || got.findings[0].Image.Digest == got.findings[1].Image.Digest || digest == "" {
		t.Errorf("counts %v", got.counts)
	}
	l.Wait(10 * day)
	l.push("multi", "amd", lodash())
	l.run()
	l.sweep(5 * day)
	got = l.want("multi", "all", "ACTIVE", "CVE-1 ACTIVE")
	if !strings.Contains(got.description, "linux/arm64 ("+other+"): The scan eligibility") {
		t.Errorf("description %q", got.description)
	}
}

// TestFindingsOfEnrolmentAreToldOfOnlyWhereSomebodyListens: those of a push are
// always told.
func TestFindingsOfEnrolmentAreToldOfOnlyWhereSomebodyListens(t *testing.T) {
	l := open(t)
	l.deaf = true
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	l.push("web", "v1", lodash())
	l.run()
	l.scanning(registry.ScanEnhanced)
	l.run()
	l.wantEvents("web CONTINUOUS_SCAN<MANUAL", "scanned 1", "ACTIVE SUCCESSFUL")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.publish("CVE-2", "left-pad", "")
	l.wantEvents("CVE-2 ACTIVE")
	l.push("web", "v2", node(map[string]string{"lodash": "4.17.19"}))
	l.run()
	l.wantEvents("scanned 1", "ACTIVE SUCCESSFUL", "CVE-1 ACTIVE")
}
