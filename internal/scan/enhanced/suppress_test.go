package enhanced_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/service"
)

// decide records a decision and does what follows from it at once.
func (l *lab) decide(d finding.Decision) finding.Decision {
	l.t.Helper()
	d.Vulnerability = strings.Replace(d.Vulnerability, "CVE-", "CVE-2026-000", 1)
	d.Reason = "not reachable"
	d, err := l.Service.Decide(l.t.Context(), l.owner, apitest.Account, d)
	if err != nil {
		l.t.Fatal(err)
	}
	l.run()
	return d
}

// vex adds an OpenVEX document of one statement.
func (l *lab) vex(d service.VexDocument, id, status, issued string, products ...string) service.VexDocument {
	l.t.Helper()
	for i, p := range products {
		products[i] = fmt.Sprintf("%q", p)
	}
	text := fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":%q,"author":"Vendor","timestamp":%q,"statements":[{"vulnerability":"CVE-2026-0001","status":%q,"products":[%s]}]}`,
		id, issued, status, strings.Join(products, ","))
	d, err := l.Service.AddVexDocument(l.t.Context(), l.owner, apitest.Account, d, []byte(text))
	if err != nil {
		l.t.Fatal(err)
	}
	l.run()
	return d
}

// TestFindingsComeBackWhenADecisionEnds: at the moment, and not before.
func TestFindingsComeBackWhenADecisionEnds(t *testing.T) {
	l, _ := followed(t)
	l.decide(finding.Decision{Vulnerability: "CVE-1", ExpiresAt: l.Now().Add(time.Hour)})
	got := l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
	if s := got.findings[0].Suppression; s.Author != l.owner.IdentityARN() || s.Reason != "not reachable" || s.Until.IsZero() || len(got.counts) != 0 {
		t.Errorf("suppressed by %+v, counts %v", s, got.counts)
	}
	l.wantEvents("CVE-1 SUPPRESSED")
	l.sweep(time.Hour - time.Second)
	l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
	l.wantEvents()
	l.sweep(time.Second)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.wantEvents("CVE-1 ACTIVE")
}

// TestALaterDecisionHoldsOn: the end of one is not the end of another.
func TestALaterDecisionHoldsOn(t *testing.T) {
	l, _ := followed(t)
	l.decide(finding.Decision{Vulnerability: "CVE-1", ExpiresAt: l.Now().Add(time.Hour)})
	later := l.decide(finding.Decision{Vulnerability: "CVE-1", Repository: "web", ExpiresAt: l.Now().Add(2 * time.Hour)})
	l.sweep(time.Hour)
	if s := l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED").findings[0].Suppression; s.ID != later.ID {
		t.Errorf("suppressed by %+v", s)
	}
	if err := l.Service.WithdrawDecision(t.Context(), l.owner, apitest.Account, later.ID); err != nil {
		t.Fatal(err)
	}
	l.run()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
}

// TestWhatChangesIsAskedAgain: another package of the image gets the vulnerability,
// of which nobody has said anything.
func TestWhatChangesIsAskedAgain(t *testing.T) {
	l, _ := followed(t)
	l.decide(finding.Decision{Vulnerability: "CVE-1", Package: "lodash"})
	l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
	l.events()
	record := l.records["npm"]["GHSA-CVE-1"]
	l.records["npm"]["GHSA-CVE-1"] = strings.Replace(record, `"affected":[`, `"affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},`, 1)
	l.load()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.wantEvents("CVE-1 ACTIVE")
	l.records["npm"]["GHSA-CVE-1"] = record
	l.load()
	l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
}

// TestAFilterOfSeverityLetsGoOfWhatIsGraver: a finding that was suppressed while it
// was minor.
func TestAFilterOfSeverityLetsGoOfWhatIsGraver(t *testing.T) {
	l := open(t)
	l.repository("web")
	l.publish("CVE-1", "lodash", "4.17.21")
	grave := l.records["npm"]["GHSA-CVE-1"]
	l.records["npm"]["GHSA-CVE-1"] = strings.Replace(grave, "C:H/I:H/A:H", "C:L/I:N/A:N", 1)
	l.load()
	l.scanning(registry.ScanEnhanced)
	_, err := l.Service.CreateFindingFilter(t.Context(), l.owner, service.FindingFilter{
		Name: "minor", Action: service.FilterSuppress, Criteria: finding.Criteria{Texts: map[string][]finding.TextFilter{"severity": {{Comparison: finding.Equals, Value: "LOW"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.push("web", "v1", lodash())
	l.run()
	if s := l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED").findings[0].Suppression; s.Kind != finding.SuppressedByFilter || s.Reason != "minor" {
		t.Errorf("suppressed by %+v", s)
	}
	l.events()
	l.records["npm"]["GHSA-CVE-1"] = grave
	l.load()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.wantEvents("CVE-1 ACTIVE")
}

// TestDecisionsCountBeforeDocumentsAndThoseBeforeFilters: all three say it, and the
// one that says most is told.
func TestDecisionsCountBeforeDocumentsAndThoseBeforeFilters(t *testing.T) {
	l, _ := followed(t)
	kind := func(want string) {
		t.Helper()
		l.run()
		if s := l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED").findings[0].Suppression; s.Kind != want {
			t.Errorf("suppressed by %+v, want %s", s, want)
		}
	}
	arn, err := l.Service.CreateFindingFilter(t.Context(), l.owner, service.FindingFilter{Name: "all", Action: service.FilterSuppress})
	if err != nil {
		t.Fatal(err)
	}
	kind(finding.SuppressedByFilter)
	document := l.vex(service.VexDocument{}, "v", "not_affected", "", "pkg:npm/lodash")
	kind(finding.SuppressedByStatement)
	decision := l.decide(finding.Decision{Vulnerability: "CVE-1"})
	kind(finding.SuppressedByDecision)
	if err := l.Service.WithdrawDecision(t.Context(), l.owner, apitest.Account, decision.ID); err != nil {
		t.Fatal(err)
	}
	kind(finding.SuppressedByStatement)
	if err := l.Service.DeleteVexDocument(t.Context(), l.owner, apitest.Account, document.ID); err != nil {
		t.Fatal(err)
	}
	kind(finding.SuppressedByFilter)
	if err := l.Service.DeleteFindingFilter(t.Context(), l.owner, arn); err != nil {
		t.Fatal(err)
	}
	l.run()
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
}

// TestDocumentsAreChangedWithdrawnAndOverruled: newer editions, closer ones, and
// those that end.
func TestDocumentsAreChangedWithdrawnAndOverruled(t *testing.T) {
	l, digest := followed(t)
	at := func(d time.Duration) string { return l.Now().Add(d).UTC().Format(time.RFC3339) }
	l.vex(service.VexDocument{}, "v", "not_affected", at(-3*time.Hour), "pkg:npm/lodash@4.17.20")
	l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
	second := l.vex(service.VexDocument{}, "v", "affected", at(-2*time.Hour), "pkg:npm/lodash@4.17.20")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	// An edition that says nothing of it any more takes back what older ones said.
	third := l.vex(service.VexDocument{}, "v", "not_affected", at(-time.Hour), "pkg:npm/other")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	for _, d := range []service.VexDocument{second, third} {
		if err := l.Service.DeleteVexDocument(t.Context(), l.owner, apitest.Account, d.ID); err != nil {
			t.Fatal(err)
		}
	}
	l.run()
	if s := l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED").findings[0].Suppression; s.Author != "Vendor" || s.AddedBy != l.owner.IdentityARN() || s.Statement != "not_affected" {
		t.Errorf("suppressed by %+v", s)
	}
	l.vex(service.VexDocument{Repository: "web", Digest: digest, ExpiresAt: l.Now().Add(time.Minute)}, "w", "under_investigation", at(-9*time.Hour), "pkg:npm/lodash")
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
	l.sweep(time.Minute)
	l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
}

// TestAKillBetweenAChangeAndWhatFollowsLosesNothing: the change was stored, and its
// process ended before anybody was told.
func TestAKillBetweenAChangeAndWhatFollowsLosesNothing(t *testing.T) {
	l, _ := followed(t)
	d := l.decide(finding.Decision{Vulnerability: "CVE-1"})
	l.want("web", "v1", "ACTIVE", "CVE-1 SUPPRESSED")
	// What is left after a kill in the midst of WithdrawDecision.
	if err := l.Store.Enqueue(t.Context(), enhanced.NewResettleJob(apitest.Account, "", l.Now().Add(5*time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Store.DeleteRecord(t.Context(), apitest.Account, meta.SuppressionRecord, d.ID); err != nil {
		t.Fatal(err)
	}
	l.sweep(5 * time.Second)
	l.want("web", "v1", "ACTIVE", "CVE-1 ACTIVE")
}

// BenchmarkResettling is a decision about the whole registry, and its end: what
// each image of a real system costs, with an application on top.
func BenchmarkResettling(b *testing.B) {
	const images = 200
	l := open(b)
	base := l.debian(b)
	l.repository("web")
	l.publish("CVE-1", "lodash", "")
	l.scanning(registry.ScanEnhanced)
	for i := range images {
		l.push("web", fmt.Sprintf("v%d", i), base, node(map[string]string{"lodash": fmt.Sprintf("4.17.%d", i)}))
		l.run()
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		d := l.decide(finding.Decision{Vulnerability: "CVE-1"})
		if err := l.Service.WithdrawDecision(b.Context(), l.owner, apitest.Account, d.ID); err != nil {
			b.Fatal(err)
		}
		l.run()
		n += 2 * images
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "us/image")
	b.ReportMetric(float64(len(l.describe("web", "v1").findings)), "findings/image")
}
