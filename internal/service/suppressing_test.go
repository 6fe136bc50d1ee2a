package service_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
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
