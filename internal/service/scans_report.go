package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/vex"
)

// ScanReport is the outcome of an image's newest scan; of an index, that of the
// scans of its images together.
type ScanReport struct {
	ID       registry.ImageID // as asked for, completed with the digest
	Scan     meta.Scan
	Findings []ScanFinding // most severe first; only of a completed basic scan
	// Enhanced says that there are findings of enhanced scanning; see
	// EnhancedScanFindings.
	Enhanced bool

	scope    registry.Scope
	coverage []int64 // whose findings they are
}

// ScanFinding is a finding of basic scanning.
type ScanFinding struct {
	match.Finding
	// Digest and Platform are of the image of an index, empty otherwise.
	Digest, Platform string
	// Suppression is what says now that the finding does not count: a decision or
	// a VEX document. It stays in the snapshot, and in its counts.
	Suppression *finding.Suppression
}

// States that scans are told to be in without there being one.
const (
	ScanImageArchived    ScanStatus = "IMAGE_ARCHIVED"
	ScanUnsupportedImage ScanStatus = "UNSUPPORTED_IMAGE"
)

// ScanFindings answers the newest scan of an image.
// Errors: RepositoryNotFound, ImageNotFound, ScanNotFound.
func (s *Service) ScanFindings(ctx context.Context, c Caller, repository string, id registry.ImageID) (ScanReport, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImageScanFindings", repository)
	if err != nil {
		return ScanReport{}, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return ScanReport{}, err
	}
	id.Digest = image.Digest
	report := ScanReport{ID: id, scope: scope}
	if image.Status != registry.ImageActive {
		report.Scan = meta.Scan{Status: ScanImageArchived, Description: "The image is archived."}
		return report, nil
	}
	repo, config, err := s.scanningOf(ctx, scope.Account, repository)
	if err != nil {
		return ScanReport{}, err
	}
	if config.Type == registry.ScanEnhanced && !wantsPushes(config, repo) {
		return ScanReport{}, registry.ScanNotFound(scope.Account, repository, id)
	}
	parts, err := s.partsOf(ctx, scope, repository, image)
	if err != nil {
		return ScanReport{}, err
	}
	if config.Type == registry.ScanEnhanced {
		return s.enhancedReport(ctx, report, image, parts)
	}
	return s.basicReport(ctx, report, repository, image, parts)
}

// part is an image that is scanned, alone or as one of an index.
type part struct {
	Digest   string
	Platform string
	child    bool // of an index
}

// String names a part to people.
func (p part) String() string {
	if p.Platform == "" {
		return p.Digest
	}
	return p.Platform + " (" + p.Digest + ")"
}

// partsOf answers what of an image is scanned: none when it is nothing that can be.
func (s *Service) partsOf(ctx context.Context, scope registry.Scope, repository string, image *registry.Image) ([]part, error) {
	if image.Scannable() {
		return []part{{Digest: image.Digest}}, nil
	}
	return s.childrenOf(ctx, scope, repository, image)
}

const (
	// maxChildren and maxDepth bound how much of an index is looked at.
	maxChildren = 256
	maxDepth    = 3
	// attestation marks manifests of indexes that are about an image there.
	attestation = "vnd.docker.reference.type"
)

// childrenOf answers the images of an index that can be scanned, those of indexes
// within it as well. Attestations are none.
func (s *Service) childrenOf(ctx context.Context, scope registry.Scope, repository string, image *registry.Image) ([]part, error) {
	index := registry.Manifest{MediaType: image.MediaType}
	if !index.IsIndex() {
		return nil, nil
	}
	found := children{s: s, scope: scope, repository: repository, seen: map[string]bool{image.Digest: true}}
	err := found.add(ctx, image.Digest, 1)
	return found.parts, err
}

type children struct {
	s          *Service
	scope      registry.Scope
	repository string
	seen       map[string]bool
	parts      []part
}

func (c *children) add(ctx context.Context, digest string, depth int) error {
	stored, err := c.s.Store.Manifest(ctx, c.scope.Account, c.repository, registry.Reference{Digest: digest})
	if registry.CodeOf(err) == registry.CodeImageNotFound {
		return nil // archived or deleted in this moment
	}
	if err != nil {
		return err
	}
	m, err := registry.ParseManifest(stored.MediaType, stored.Payload)
	if err != nil {
		return registry.Internal("reading a stored index", err)
	}
	ids, platforms := c.fresh(m)
	if len(ids) == 0 {
		return nil
	}
	images, err := c.s.Store.Images(ctx, c.scope.Account, c.repository, ids)
	if err != nil {
		return err
	}
	for i, image := range images {
		switch {
		case image == nil || image.Status != registry.ImageActive || len(c.parts) >= maxChildren:
		case image.Scannable():
			c.parts = append(c.parts, part{Digest: image.Digest, Platform: platforms[i], child: true})
		case (&registry.Manifest{MediaType: image.MediaType}).IsIndex() && depth < maxDepth:
			if err := c.add(ctx, image.Digest, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh answers the children that were not seen before, with their platforms.
func (c *children) fresh(m *registry.Manifest) (ids []registry.ImageID, platforms []string) {
	for _, d := range m.Children {
		if c.seen[d.Digest] || d.Annotations[attestation] != "" || len(c.seen) > maxChildren {
			continue
		}
		c.seen[d.Digest] = true
		ids, platforms = append(ids, registry.ImageID{Digest: d.Digest}), append(platforms, d.Platform.String())
	}
	return ids, platforms
}

// basicReport answers for the scans of parts. Errors: ScanNotFound.
func (s *Service) basicReport(ctx context.Context, report ScanReport, repository string, image *registry.Image, parts []part) (ScanReport, error) {
	digests := []string{image.Digest} // also of what is none: it was never scanned
	for _, p := range parts {
		digests = append(digests, p.Digest)
	}
	scans, err := s.Store.Scans(ctx, image.RepositoryID, digests)
	if err != nil {
		return ScanReport{}, err
	}
	if len(scans) == 0 {
		return ScanReport{}, registry.ScanNotFound(report.scope.Account, repository, report.ID)
	}
	if own, ok := scans[image.Digest]; ok {
		report.Scan = own
	} else {
		report.Scan = together(parts, scans)
	}
	if report.Scan.Status != meta.ScanComplete {
		return report, nil
	}
	for _, p := range parts {
		if scans[p.Digest].Status != meta.ScanComplete {
			continue
		}
		encoded, err := s.Store.ScanFindings(ctx, image.RepositoryID, p.Digest)
		if err != nil {
			return ScanReport{}, err
		}
		found, err := scan.DecodeFindings(encoded)
		if err != nil {
			return ScanReport{}, err
		}
		excuses, err := s.excuses(ctx, report.scope.Account, finding.Image{Repository: repository, Digest: p.Digest, Tags: image.Tags})
		if err != nil {
			return ScanReport{}, err
		}
		report.add(p, found, excuses)
	}
	if len(parts) > 1 {
		slices.SortStableFunc(report.Findings, func(a, b ScanFinding) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	}
	return report, nil
}

func (r *ScanReport) add(p part, found []match.Finding, excuses *excuses) {
	for _, f := range found {
		one := ScanFinding{Finding: f, Suppression: excuses.of(snapshot(f, excuses.image))}
		if p.child {
			one.Digest, one.Platform = p.Digest, p.Platform
		}
		r.Findings = append(r.Findings, one)
	}
}

// snapshot is a finding of basic scanning as decisions and documents see it.
func snapshot(f match.Finding, image vex.Image) finding.Finding {
	out := finding.Finding{
		State: finding.State{VulnerabilityID: f.ID}, Aliases: f.Aliases,
		Image: finding.Image{Repository: image.Repository, Digest: image.Digest, Tags: image.Tags},
	}
	for _, text := range f.PURLs {
		if u, err := packageurl.FromString(text); err == nil {
			out.Packages = append(out.Packages, finding.Package{Name: u.Name, Source: f.Package, PURL: text})
		}
	}
	if len(out.Packages) > 0 {
		return out
	}
	// Of an older version, or of somebody else's scanner: no statement about a
	// package can be told to be about it.
	for _, name := range f.Binaries {
		out.Packages = append(out.Packages, finding.Package{Name: name, Source: f.Package})
	}
	return out
}

// together is what the scans of an index's images come to: they go on while any
// does, and have failed only if all have. What has no result is named.
func together(parts []part, scans map[string]meta.Scan) meta.Scan {
	all := meta.Scan{Status: meta.ScanFailed, Counts: map[registry.Severity]int{}}
	var without []string
	for _, p := range parts {
		one, ok := scans[p.Digest]
		switch {
		case !ok:
			without = append(without, fmt.Sprintf("%s was not scanned.", p))
			continue
		case one.Status == meta.ScanFailed:
			without = append(without, fmt.Sprintf("%s: %s", p, one.Description))
		case one.Status == meta.ScanInProgress:
			all.Status = meta.ScanInProgress
		case all.Status != meta.ScanInProgress:
			all.Status, all.Description = meta.ScanComplete, one.Description
		}
		all.Engine = cmp.Or(all.Engine, one.Engine)
		if one.RequestedAt.After(all.RequestedAt) {
			all.RequestedAt = one.RequestedAt
		}
		if one.CompletedAt.After(all.CompletedAt) {
			all.CompletedAt = one.CompletedAt
		}
		if at := one.SourceUpdatedAt; !at.IsZero() && (all.SourceUpdatedAt.IsZero() || at.Before(all.SourceUpdatedAt)) {
			all.SourceUpdatedAt = at
		}
		for severity, n := range one.Counts {
			all.Counts[severity] += n
		}
	}
	if all.Status == meta.ScanInProgress {
		all.Description = ""
		return all
	}
	all.Description = strings.TrimSpace(all.Description + " " + strings.Join(without, " "))
	return all
}
