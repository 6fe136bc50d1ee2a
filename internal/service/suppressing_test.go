package service_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const notAffected = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"Security","timestamp":"2026-01-02T03:04:05Z","version":1,
	"statements":[{"vulnerability":{"name":"CVE-2024-1"},"status":"not_affected","justification":"component_not_present","products":[{"@id":"pkg:npm/lodash"}]}]}`

// found is a finding of an image, as it is composed.
func found(repository, digest string) finding.Finding {
	return finding.Finding{
		State:    finding.State{VulnerabilityID: "CVE-2024-1"},
		Aliases:  []string{"GHSA-1"},
		Image:    finding.Image{Repository: repository, Digest: digest},
		Packages: []finding.Package{{Name: "lodash", PURL: "pkg:npm/lodash@4.17.20"}},
	}
}

// suppression answers why a finding of an image does not count.
func (h *house) suppression(repository, digest string) *finding.Suppression {
	h.t.Helper()
	ask, err := h.Suppressing(h.t.Context(), account, finding.Coverage{Image: finding.Image{Repository: repository, Digest: digest}})
	if err != nil {
		h.t.Fatal(err)
	}
	return ask(found(repository, digest))
}

func (h *house) decide(d finding.Decision) finding.Decision {
	h.t.Helper()
	d, err := h.Decide(h.t.Context(), h.owner, account, d)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// accounted is a house whose account is there to be decided in.
func accounted(t *testing.T) *house {
	h := newHouse(t)
	if err := h.EnsureAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDecisionsCountWhereAndAsLongAsTheyHold(t *testing.T) {
	h := accounted(t)
	digest := digestOf("image")
	if s := h.suppression("web", digest); s != nil {
		t.Fatalf("suppressed by %+v before anybody has decided", s)
	}
	d := h.decide(finding.Decision{Vulnerability: "ghsa-1", Repository: "we*", Reason: "not reachable", ExpiresAt: h.clock().Add(time.Hour)})
	s := h.suppression("web", digest)
	if s == nil || s.Kind != finding.SuppressedByDecision || s.ID != d.ID || s.Author != h.owner.ARN || s.Reason != "not reachable" || !s.Until.Equal(d.ExpiresAt) {
		t.Errorf("suppressed by %+v, want the decision", s)
	}
	if s := h.suppression("other", digest); s != nil {
		t.Errorf("in another repository: %+v", s)
	}
	h.pass(time.Hour)
	if s := h.suppression("web", digest); s != nil {
		t.Errorf("after it has expired: %+v", s)
	}
	forever := h.decide(finding.Decision{Vulnerability: "CVE-2024-1", Repository: "web", Digest: digest, Package: "lodash", Reason: "not reachable"})
	if s := h.suppression("web", digest); s == nil || s.ID != forever.ID {
		t.Errorf("suppressed by %+v, want the decision about the image", s)
	}
	if s := h.suppression("web", digestOf("another")); s != nil {
		t.Errorf("another image: %+v", s)
	}
	if err := h.WithdrawDecision(t.Context(), h.owner, account, forever.ID); err != nil {
		t.Fatal(err)
	}
	if s := h.suppression("web", digest); s != nil {
		t.Errorf("after it was taken back: %+v", s)
	}
	if err := h.WithdrawDecision(t.Context(), h.owner, account, forever.ID); registry.CodeOf(err) != registry.CodeNoSuchEntity {
		t.Errorf("taking it back twice: %v", err)
	}
}

// TestADecisionAboutAPackageHidesNoOther: the finding counts while another
// package has the vulnerability.
func TestADecisionAboutAPackageHidesNoOther(t *testing.T) {
	h := accounted(t)
	h.decide(finding.Decision{Vulnerability: "CVE-2024-1", Package: "lodash", Reason: "not reachable"})
	ask, err := h.Suppressing(t.Context(), account, finding.Coverage{})
	if err != nil {
		t.Fatal(err)
	}
	f := found("web", digestOf("image"))
	f.Packages = append(f.Packages, finding.Package{Name: "lodash-es"})
	if s := ask(f); s != nil {
		t.Errorf("suppressed by %+v", s)
	}
}

func TestDecisionsMustSayWhatAndWhy(t *testing.T) {
	h := accounted(t)
	digest := digestOf("image")
	for name, d := range map[string]finding.Decision{
		"nothing":               {Reason: "why"},
		"no reason":             {Vulnerability: "CVE-2024-1", Reason: " "},
		"a reason too long":     {Vulnerability: "CVE-2024-1", Reason: string(make([]byte, 513))},
		"a strange id":          {Vulnerability: "CVE 2024\n1", Reason: "why"},
		"an image without name": {Vulnerability: "CVE-2024-1", Reason: "why", Digest: digest},
		"an image of a pattern": {Vulnerability: "CVE-2024-1", Reason: "why", Digest: digest, Repository: "w*"},
		"no digest":             {Vulnerability: "CVE-2024-1", Reason: "why", Digest: "latest", Repository: "web"},
		"over already":          {Vulnerability: "CVE-2024-1", Reason: "why", ExpiresAt: h.clock().Add(-time.Second)},
	} {
		if _, err := h.Decide(t.Context(), h.owner, account, d); registry.CodeOf(err) != registry.CodeInvalidParameter {
			t.Errorf("%s: %v, want InvalidParameter", name, err)
		}
	}
	if all, err := h.Decisions(t.Context(), h.owner, account, "", 10); err != nil || len(all) != 0 {
		t.Errorf("there are %v (%v)", all, err)
	}
}

func TestVexDocumentsCountWhereTheyAreFor(t *testing.T) {
	h := accounted(t)
	digest := digestOf("image")
	add := func(d service.VexDocument, text string) service.VexDocument {
		t.Helper()
		d, err := h.AddVexDocument(t.Context(), h.owner, account, d, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := add(service.VexDocument{}, notAffected)
	s := h.suppression("web", digest)
	if s == nil || s.Kind != finding.SuppressedByStatement || s.ID != d.ID || s.Author != "Security" || s.Statement != "not_affected: component_not_present" {
		t.Errorf("suppressed by %+v, want the document", s)
	}
	affected := `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"2","author":"Web team","statements":[{"vulnerability":{"name":"CVE-2024-1"},"status":"affected"}]}`
	closer := add(service.VexDocument{Repository: "web"}, affected)
	if s := h.suppression("web", digest); s != nil {
		t.Errorf("suppressed by %+v though the repository's document says affected", s)
	}
	if s := h.suppression("other", digest); s == nil {
		t.Error("the registry's document does not count in another repository")
	}
	if err := h.DeleteVexDocument(t.Context(), h.owner, account, closer.ID); err != nil {
		t.Fatal(err)
	}
	if s := h.suppression("web", digest); s == nil {
		t.Error("the registry's document does not count after the closer one is gone")
	}
	listed, err := h.VexDocuments(t.Context(), h.owner, account, "", 10)
	if err != nil || len(listed) != 1 || listed[0].Document.Author != "Security" || listed[0].AddedBy != h.owner.ARN {
		t.Errorf("listed %+v (%v)", listed, err)
	}
	if _, err := h.AddVexDocument(t.Context(), h.owner, account, service.VexDocument{}, []byte("{}")); registry.CodeOf(err) != registry.CodeInvalidParameter {
		t.Errorf("a document that is none: %v", err)
	}
}

// TestVexDocumentsBesideAnImageCountForIt: pushed as referrers, as cosign and
// oras do.
func TestVexDocumentsBesideAnImageCountForIt(t *testing.T) {
	h := accounted(t)
	h.repository("web")
	digest := h.image("web", "layer", "v1")
	other := h.image("web", "another layer", "v2")
	payload, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "artifactType": "application/vnd.openvex+json",
		"config":  map[string]any{"mediaType": "application/vnd.oci.empty.v1+json", "digest": h.blob("web", "{}"), "size": 2},
		"layers":  []any{map[string]any{"mediaType": "application/vnd.openvex+json", "digest": h.blob("web", notAffected), "size": len(notAffected)}},
		"subject": map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": digest, "size": 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, result, err := h.PutManifest(t.Context(), h.owner, service.PushManifest{Repository: "web", Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	s := h.suppression("web", digest)
	if s == nil || s.ID != result.Image.Digest || s.Author != "Security" {
		t.Errorf("suppressed by %+v, want the referrer %s", s, result.Image.Digest)
	}
	if s := h.suppression("web", other); s != nil {
		t.Errorf("another image: %+v", s)
	}
}

// openVEX is a document of one statement.
func openVEX(id, status, products string) string {
	return fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":%q,"author":"Security","timestamp":"2026-01-02T03:04:05Z",
	"statements":[{"vulnerability":{"name":"CVE-2024-1"},"status":%q,"products":[%s]}]}`, id, status, products)
}

// TestWithoutAProductADocumentNeedsAPlace: otherwise one line would hide a
// vulnerability everywhere.
func TestWithoutAProductADocumentNeedsAPlace(t *testing.T) {
	h := accounted(t)
	for _, d := range []service.VexDocument{{}, {Repository: "*"}, {Repository: "web*"}} {
		_, err := h.AddVexDocument(t.Context(), h.owner, account, d, []byte(openVEX("1", "not_affected", "")))
		wantText(t, err, registry.CodeInvalidParameter, "Invalid parameter at 'document' failed to satisfy constraint: 'statement 1 names no product: name the repository, or the image, that the document is for'")
	}
	if _, err := h.AddVexDocument(t.Context(), h.owner, account, service.VexDocument{}, []byte(openVEX("1", "affected", ""))); err != nil {
		t.Errorf("what excuses nothing needs no place: %v", err)
	}
	if _, err := h.AddVexDocument(t.Context(), h.owner, account, service.VexDocument{Repository: "web"}, []byte(openVEX("2", "not_affected", ""))); err != nil {
		t.Error(err)
	}
	if h.suppression("web", digestOf("image")) == nil || h.suppression("webs", digestOf("image")) != nil {
		t.Error("the document must count in its repository, and in no other")
	}
}

// TestReferrersCountOnlyForTheirSubjectInItsRepository: whoever may push to another
// repository, or to that of another account, excuses nothing here.
func TestReferrersCountOnlyForTheirSubjectInItsRepository(t *testing.T) {
	h := accounted(t)
	h.repository("web")
	h.repository("mine")
	digest := h.image("web", "layer", "v1")
	push := func(repository, subject, text string) string {
		t.Helper()
		payload, _ := json.Marshal(map[string]any{
			"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "artifactType": "application/vnd.openvex+json",
			"config":  map[string]any{"mediaType": "application/vnd.oci.empty.v1+json", "digest": h.blob(repository, "{}"), "size": 2},
			"layers":  []any{map[string]any{"mediaType": "application/vnd.openvex+json", "digest": h.blob(repository, text), "size": len(text)}},
			"subject": map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": subject, "size": 2},
		})
		return h.put(repository, payload)
	}
	push("mine", digest, openVEX("1", "not_affected", `"pkg:npm/lodash"`))
	push("web", digestOf("another"), openVEX("2", "not_affected", `"pkg:npm/lodash"`))
	if s := h.suppression("web", digest); s != nil {
		t.Errorf("suppressed by %+v", s)
	}
	if ask, err := h.Suppressing(t.Context(), "111111111111", finding.Coverage{Image: finding.Image{Repository: "mine", Digest: digest}}); err != nil || ask(found("mine", digest)) != nil {
		t.Errorf("suppressed in another account (%v)", err)
	}
	push("web", digest, "{}")
	push("web", digest, openVEX("3", "affected", `"pkg:npm/other"`))
	own := push("web", digest, openVEX("4", "not_affected", ""))
	if s := h.suppression("web", digest); s == nil || s.ID != own || s.AddedBy != "" {
		t.Errorf("suppressed by %+v, want its own referrer %s", s, own)
	}
	h.drop("web", own)
	if s := h.suppression("web", digest); s != nil {
		t.Errorf("suppressed by %+v, which was deleted", s)
	}
}

// TestAnotherAccountSaysNothingHere: and sees nothing of what is said here.
func TestAnotherAccountSaysNothingHere(t *testing.T) {
	h := accounted(t)
	if err := h.EnsureAccount(t.Context(), "111111111111"); err != nil {
		t.Fatal(err)
	}
	stranger := root("111111111111")
	if _, err := h.Decide(t.Context(), stranger, "", finding.Decision{Vulnerability: "CVE-2024-1", Reason: "why"}); err != nil {
		t.Fatal(err)
	}
	if s := h.suppression("web", digestOf("image")); s != nil {
		t.Errorf("suppressed by %+v", s)
	}
	own := h.decide(finding.Decision{Vulnerability: "CVE-2024-1", Reason: "why"})
	_, err := h.Decide(t.Context(), stranger, account, finding.Decision{Vulnerability: "CVE-2024-1", Reason: "why"})
	wantCode(t, err, registry.CodeAccessDenied)
	_, err = h.Decisions(t.Context(), stranger, account, "", 10)
	wantCode(t, err, registry.CodeAccessDenied)
	wantCode(t, h.WithdrawDecision(t.Context(), stranger, account, own.ID), registry.CodeAccessDenied)
	wantCode(t, h.WithdrawDecision(t.Context(), stranger, "", own.ID), registry.CodeNoSuchEntity)
	_, err = h.AddVexDocument(t.Context(), stranger, account, service.VexDocument{}, []byte(notAffected))
	wantCode(t, err, registry.CodeAccessDenied)
	if all, err := h.Decisions(t.Context(), stranger, "", "", 10); err != nil || len(all) != 1 || all[0].ID == own.ID {
		t.Errorf("the other account lists %+v (%v)", all, err)
	}
}

// TestIdsWithWildcardsAreRefused: they would look as if they hid everything.
func TestIdsWithWildcardsAreRefused(t *testing.T) {
	h := accounted(t)
	for _, id := range []string{"*", "CVE-*", "CVE-2024-?"} {
		_, err := h.Decide(t.Context(), h.owner, account, finding.Decision{Vulnerability: id, Reason: "why"})
		wantCode(t, err, registry.CodeInvalidParameter)
	}
}

// TestExpiredDecisionsMakeRoom: as many as there may be, hold.
func TestExpiredDecisionsMakeRoom(t *testing.T) {
	h := accounted(t)
	h.thousands(10_000, h.clock().Add(time.Hour))
	d := finding.Decision{Vulnerability: "CVE-2024-1", Reason: "why"}
	_, err := h.Decide(t.Context(), h.owner, account, d)
	wantCode(t, err, registry.CodeLimitExceeded)
	h.pass(time.Hour)
	if _, err := h.Decide(t.Context(), h.owner, account, d); err != nil {
		t.Error(err)
	}
	if all, err := h.Decisions(t.Context(), h.owner, account, "", 10); err != nil || len(all) != 10 {
		t.Errorf("%d decisions are left (%v)", len(all), err)
	}
	if ask, err := h.Suppressing(t.Context(), account, finding.Coverage{}); err != nil || ask(found("web", "")) == nil {
		t.Errorf("the new one does not hold (%v)", err)
	}
}

// thousands stores decisions about vulnerabilities of their own.
func (h *house) thousands(n int, until time.Time) {
	h.t.Helper()
	var all sync.WaitGroup
	const writers = 50 // whose transactions become durable together
	for w := range writers {
		all.Go(func() {
			for i := w; i < n; i += writers {
				id := fmt.Sprintf("%036d", i)
				body, _ := json.Marshal(finding.Decision{ID: id, Vulnerability: fmt.Sprintf("CVE-2023-%d", i), Reason: "not reachable", Author: h.owner.ARN, CreatedAt: h.clock(), ExpiresAt: until})
				record := meta.Record{Account: account, Kind: meta.SuppressionRecord, Name: id, Body: body, CreatedAt: h.clock()}
				if err := h.Store.CreateRecord(h.t.Context(), record, 0); err != nil {
					h.t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// documents adds VEX documents of 1,000 statements each.
func (h *house) documents(n int) {
	h.t.Helper()
	for d := range n {
		var text strings.Builder
		fmt.Fprintf(&text, `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/%d","author":"Vendor","timestamp":"2026-01-02T03:04:05Z","statements":[`, d)
		for i := range 1000 {
			if i > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, `{"vulnerability":{"name":"CVE-2024-%d"},"status":"not_affected","justification":"vulnerable_code_not_in_execute_path","products":[{"@id":"pkg:npm/package-%d-%d"}]}`, (d*1000+i)%50_000, d, i)
		}
		text.WriteString(`]}`)
		if _, err := h.AddVexDocument(h.t.Context(), h.owner, account, service.VexDocument{}, []byte(text.String())); err != nil {
			h.t.Fatal(err)
		}
	}
}

// BenchmarkSuppressing asks about an image of 300 findings, with 10,000 decisions
// and 500 documents of 1,000 statements in the account: of a process that has just
// begun, and of one that knows them.
func BenchmarkSuppressing(b *testing.B) {
	h := newHouse(b)
	if err := h.EnsureAccount(b.Context(), account); err != nil {
		b.Fatal(err)
	}
	h.thousands(10_000, time.Time{})
	h.documents(500)
	findings := make([]finding.Finding, 300)
	for i := range findings {
		findings[i] = found("web", digestOf("image"))
		findings[i].VulnerabilityID = fmt.Sprintf("CVE-2024-%d", 7*i)
	}
	ask := func() {
		suppress, err := h.Suppressing(b.Context(), account, finding.Coverage{Image: findings[0].Image})
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range findings {
			suppress(f)
		}
	}
	b.Run("begun", func(b *testing.B) {
		for b.Loop() {
			h.restart()
			ask()
		}
	})
	b.Run("known", func(b *testing.B) {
		var before, after runtime.MemStats
		h.restart()
		runtime.GC()
		runtime.ReadMemStats(&before)
		ask()
		runtime.GC()
		runtime.ReadMemStats(&after)
		for b.Loop() {
			ask()
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
	})
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			if err := h.Store.PutSetting(b.Context(), account, "suppressions-version", fmt.Sprint(b.N, time.Now())); err != nil {
				b.Fatal(err)
			}
			ask()
		}
	})
}
