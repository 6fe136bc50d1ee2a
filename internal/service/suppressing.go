package service

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/vex"
)

// Bounds of what is read beside one image.
const (
	maxVexReferrers = 64
	vexReferrerStep = 100
)

// vexArtifact says whether referrers of an artifact type may be VEX documents.
// Attestations and CycloneDX documents need not be; those that are not, say
// nothing.
func vexArtifact(artifactType string) bool {
	for _, part := range []string{"openvex", "csaf", "vnd.cyclonedx", "vnd.in-toto", "application/vex"} {
		if strings.Contains(artifactType, part) {
			return true
		}
	}
	return false
}

// settingSuppressions changes with whatever an account says of its findings, so
// that nobody goes on with what was said before.
const settingSuppressions = "suppressions-version"

// saying is all that an account says of its findings, but for what lies beside
// images.
type saying struct {
	version   string
	decisions []finding.Decision
	documents []VexDocument
	filters   []FindingFilter // that suppress
}

// sayings keeps those of the accounts that were asked for last.
type sayings struct {
	mu        sync.Mutex
	byAccount map[string]*saying
}

const maxSayings = 64

// Suppressing answers what says of a finding of an image why it does not count:
// nil when nothing does. Decisions count before VEX documents, and those before
// the filters of Inspector's API.
func (s *Service) Suppressing(ctx context.Context, account string, c finding.Coverage) (func(finding.Finding) *finding.Suppression, error) {
	said, err := s.saying(ctx, account)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	var sources []vex.Source
	until := map[string]time.Time{}
	for i := range said.documents {
		d := &said.documents[i]
		if scope, ok := d.scopeFor(c.Image.Repository, c.Image.Digest); ok && d.inForce(now) {
			sources = append(sources, vex.Source{Scope: scope, Document: &d.Document, ID: d.ID})
			until[d.ID] = d.ExpiresAt
		}
	}
	beside, err := s.vexReferrers(ctx, account, c.Image)
	if err != nil {
		return nil, err
	}
	sources = append(sources, beside...)
	filtered := filteredBy(said.filters, s.Default.Region)
	return func(f finding.Finding) *finding.Suppression {
		if d := excusing(said.decisions, f, now); d != nil {
			return &finding.Suppression{Kind: finding.SuppressedByDecision, ID: d.ID, Author: d.Author, Reason: d.Reason, Until: d.ExpiresAt}
		}
		if excused := excusedBy(sources, until, f); excused != nil {
			return excused
		}
		return filtered(f)
	}, nil
}

// excusing finds the decision about a finding that holds for longest.
func excusing(all []finding.Decision, f finding.Finding, now time.Time) *finding.Decision {
	var best *finding.Decision
	for i := range all {
		d := &all[i]
		if d.Excuses(f, now) && (best == nil || !best.ExpiresAt.IsZero() && (d.ExpiresAt.IsZero() || d.ExpiresAt.After(best.ExpiresAt))) {
			best = d
		}
	}
	return best
}

func excusedBy(sources []vex.Source, until map[string]time.Time, f finding.Finding) *finding.Suppression {
	if len(sources) == 0 || len(f.Packages) == 0 {
		return nil
	}
	q := vex.Question{
		Image:           vex.Image{Repository: f.Image.Repository, Digest: f.Image.Digest, Tags: f.Image.Tags},
		Vulnerabilities: append([]string{f.VulnerabilityID}, f.Aliases...),
	}
	for _, p := range f.Packages {
		q.Packages = append(q.Packages, p.PURL)
	}
	v := vex.Judge(sources, q)
	if !v.Excused {
		return nil
	}
	reason := v.Note
	if reason == "" {
		reason = v.Justification
	}
	return &finding.Suppression{
		Kind: finding.SuppressedByStatement, ID: v.Document, Author: v.Author, Reason: reason, Until: until[v.Document],
		Statement: strings.TrimSuffix(string(v.Status)+": "+v.Justification, ": "),
	}
}

// saying reads what an account says, unless it is known already.
func (s *Service) saying(ctx context.Context, account string) (*saying, error) {
	version, _, err := s.Store.Setting(ctx, account, settingSuppressions)
	if err != nil {
		return nil, err
	}
	s.said.mu.Lock()
	known := s.said.byAccount[account]
	s.said.mu.Unlock()
	if known != nil && known.version == version {
		return known, nil
	}
	fresh := &saying{version: version}
	if fresh.decisions, err = s.decisionsInForce(ctx, account, s.Now()); err != nil {
		return nil, err
	}
	if fresh.filters, err = s.suppressingFilters(ctx, account); err != nil {
		return nil, err
	}
	err = s.eachVexDocument(ctx, account, "", func(d VexDocument) bool {
		fresh.documents = append(fresh.documents, d)
		return true
	})
	if err != nil {
		return nil, err
	}
	s.said.mu.Lock()
	defer s.said.mu.Unlock()
	if len(s.said.byAccount) >= maxSayings || s.said.byAccount == nil {
		s.said.byAccount = map[string]*saying{}
	}
	s.said.byAccount[account] = fresh
	return fresh, nil
}

// resettle has the findings of a repository, or of all that a pattern matches,
// looked at again: something else is said of them now.
func (s *Service) resettle(ctx context.Context, account, repository string) error {
	if err := s.Store.PutSetting(ctx, account, settingSuppressions, uuid.NewString()); err != nil {
		return err
	}
	if strings.Contains(repository, "*") {
		repository = ""
	}
	return s.enqueue(ctx, enhanced.NewResettleJob(account, repository, s.Now()))
}

// enqueue stores jobs and wakes who does them.
func (s *Service) enqueue(ctx context.Context, jobs ...job.Job) error {
	err := s.Store.Enqueue(ctx, jobs...)
	if err == nil {
		s.Wake()
	}
	return err
}

// resettleAt has the findings looked at when what is said of them ends.
func (s *Service) resettleAt(ctx context.Context, account, repository, id string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	if strings.Contains(repository, "*") {
		repository = ""
	}
	j := enhanced.NewResettleJob(account, repository, at)
	j.Key += "/" + id // it must not hold up another that is due at once
	return s.enqueue(ctx, j)
}

// vexReferrers reads the VEX documents that were pushed beside an image. What
// cannot be read says nothing.
func (s *Service) vexReferrers(ctx context.Context, account string, image finding.Image) ([]vex.Source, error) {
	var sources []vex.Source
	after := ""
	for len(sources) < maxVexReferrers {
		page, err := s.Store.Referrers(ctx, account, image.Repository, image.Digest, ReferrerQuery{After: after, Limit: vexReferrerStep})
		if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
			return nil, nil
		}
		if err != nil || len(page) == 0 {
			return sources, err
		}
		for _, r := range page {
			if !vexArtifact(r.ArtifactType) {
				continue
			}
			found, err := s.vexReferrer(ctx, account, image.Repository, r.Digest)
			if err != nil {
				return nil, err
			}
			sources = append(sources, found...)
		}
		after = page[len(page)-1].Digest
	}
	return sources[:maxVexReferrers], nil
}

// vexReferrer reads the documents that are the layers of a referrer.
func (s *Service) vexReferrer(ctx context.Context, account, repository, digest string) ([]vex.Source, error) {
	stored, err := s.Store.Manifest(ctx, account, repository, registry.Reference{Digest: digest})
	if code := registry.CodeOf(err); code == registry.CodeImageNotFound || code == registry.CodeRepositoryNotFound {
		return nil, nil // gone meanwhile
	}
	if err != nil {
		return nil, err
	}
	manifest, err := registry.ParseManifest(stored.MediaType, stored.Payload)
	if err != nil {
		return nil, nil //nolint:nilerr // what cannot be read says nothing
	}
	var sources []vex.Source
	for _, layer := range manifest.Layers[:min(len(manifest.Layers), 4)] {
		text, err := s.smallBlob(ctx, account, repository, layer.Digest, MaxStatementBytes)
		if err != nil {
			return nil, err
		}
		if document, err := vex.Parse(text); err == nil {
			sources = append(sources, vex.Source{Scope: vex.ImageScope, Document: document, ID: digest})
		}
	}
	return sources, nil
}

// smallBlob reads a blob whole; nothing when it is gone or larger than most.
func (s *Service) smallBlob(ctx context.Context, account, repository, digest string, most int64) ([]byte, error) {
	b, err := s.Store.Blob(ctx, account, repository, digest)
	if slices.Contains([]registry.Code{registry.CodeLayersNotFound, registry.CodeRepositoryNotFound}, registry.CodeOf(err)) || err == nil && b.Size > most {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := s.Content.Open(ctx, b.Key)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(io.LimitReader(content, most))
}
