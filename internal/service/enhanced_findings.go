package service

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
)

// enhancedReport answers for the parts of an image under enhanced scanning. What
// nobody has looked at yet is pending: it is not told to be without a scan.
func (s *Service) enhancedReport(ctx context.Context, report ScanReport, image *registry.Image, parts []part) (ScanReport, error) {
	if len(parts) == 0 {
		report.Scan = meta.Scan{Status: ScanUnsupportedImage, Description: clientText(unsupportedImageType(notScannable(image)))}
		return report, nil
	}
	digests := make([]string, len(parts))
	for i, p := range parts {
		digests[i] = p.Digest
	}
	coverage, err := s.Store.Coverage(ctx, image.RepositoryID, digests)
	if err != nil {
		return ScanReport{}, err
	}
	report.Scan = coveredTogether(parts, coverage)
	report.Scan.RepositoryID, report.Scan.Digest = image.RepositoryID, image.Digest
	for _, p := range parts {
		if c, ok := coverage[p.Digest]; ok && hasResult(statusOf(c, ok)) {
			report.coverage = append(report.coverage, c.ID)
		}
	}
	if report.Enhanced = hasResult(report.Scan.Status); !report.Enhanced {
		return report, nil
	}
	report.Scan.Counts, err = s.countOpen(ctx, report)
	return report, err
}

// countOpen counts the findings that count.
func (s *Service) countOpen(ctx context.Context, report ScanReport) (map[registry.Severity]int, error) {
	q := meta.FindingQuery{Coverage: report.coverage, Statuses: []finding.Status{finding.Active}}
	counted, err := s.Store.CountFindings(ctx, report.scope.Account, q, meta.GroupByImage)
	counts := map[registry.Severity]int{}
	for _, c := range counted {
		counts[c.Severity] += c.Findings
	}
	return counts, err
}

// hasResult says whether a status comes with findings.
func hasResult(status ScanStatus) bool {
	return status == enhanced.StatusActive || status == enhanced.StatusComplete
}

// statusOf is what ECR tells of an image. One that was left out when enhanced
// scanning was off, or that was archived, is looked at again.
func statusOf(c finding.Coverage, known bool) ScanStatus {
	switch {
	case !known, c.ScanStatus == "", c.Reason == finding.ReasonFrequencyManual,
		c.Reason == finding.ReasonImageArchived, c.Reason == finding.ReasonResourceTerminated:
		return enhanced.StatusPending
	}
	return ScanStatus(c.ScanStatus)
}

// statusRank orders the statuses that parts of one index can have: that of the
// index is the first.
func statusRank(status ScanStatus) int {
	for i, s := range []ScanStatus{enhanced.StatusPending, enhanced.StatusActive, enhanced.StatusComplete, enhanced.StatusUnavailable, enhanced.StatusExpired} {
		if s == status {
			return i
		}
	}
	return 5
}

// coveredTogether is what the images of an index come to. Those that are otherwise
// than the whole are named.
func coveredTogether(parts []part, coverage map[string]finding.Coverage) meta.Scan {
	var all meta.Scan
	for i, p := range parts {
		c, ok := coverage[p.Digest]
		status, text := statusOf(c, ok), c.Description
		if status == enhanced.StatusPending {
			text = enhanced.TextPending
		}
		if i == 0 || statusRank(status) < statusRank(all.Status) {
			all.Status, all.Description = status, text
		}
		if !hasResult(status) {
			continue
		}
		all.CompletedAt = latest(all.CompletedAt, c.LastScannedAt)
		if all.SourceUpdatedAt.IsZero() || c.SourceUpdatedAt.Before(all.SourceUpdatedAt) {
			all.SourceUpdatedAt = c.SourceUpdatedAt
		}
	}
	if len(parts) == 1 {
		return all
	}
	texts := []string{all.Description}
	for _, p := range parts {
		c, ok := coverage[p.Digest]
		if status := statusOf(c, ok); status != all.Status && status != enhanced.StatusPending {
			texts = append(texts, fmt.Sprintf("%s: %s", p, cmp.Or(c.Description, string(status))))
		}
	}
	all.Description = strings.Join(texts, " ")
	return all
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// findingCursor is the place of a finding in the order of EnhancedScanFindings.
type findingCursor struct {
	ID       int64             `json:"i"`
	Severity registry.Severity `json:"s"`
}

// EnhancedScanFindings answers up to limit findings of a report, most severe
// first, and where the next page begins; empty when there is none. Suppressed ones
// are among them: they say so. Errors: InvalidParameter.
func (s *Service) EnhancedScanFindings(ctx context.Context, report ScanReport, from string, limit int) ([]finding.Finding, string, error) {
	if len(report.coverage) == 0 || s.Findings == nil {
		return nil, "", nil
	}
	q := meta.FindingQuery{
		Coverage: report.coverage, Statuses: []finding.Status{finding.Active, finding.Suppressed},
		Sort: meta.SortBySeverity, Descending: true, Limit: limit + 1,
	}
	if from != "" {
		var at findingCursor
		if err := json.Unmarshal([]byte(from), &at); err != nil {
			return nil, "", registry.InvalidParameter("nextToken", "Invalid pagination token")
		}
		q.After = &finding.State{ID: at.ID, Severity: at.Severity}
	}
	states, err := s.Store.ListFindings(ctx, report.scope.Account, q)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(states) > limit {
		states = states[:limit]
		last := states[limit-1]
		// Encoding a plain struct cannot fail.
		encoded, _ := json.Marshal(findingCursor{last.ID, last.Severity})
		next = string(encoded)
	}
	findings, err := s.Findings.Findings(ctx, states)
	return findings, next, err
}

// FindingARN is the resource name of a finding of a report.
func (r ScanReport) FindingARN(f finding.Finding) string { return finding.ARN(r.scope, f.UID) }

// ImageARN is how findings name their image.
func (r ScanReport) ImageARN(f finding.Finding) string {
	return r.scope.RepositoryARN(f.Image.Repository) + "/" + f.Image.Digest
}
