package service

import (
	"context"
	"slices"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Explainer says what advisories mean for an inventory. A match.Matcher does.
type Explainer interface {
	Explain(ctx context.Context, inv *inventory.Inventory, id string) (match.Explanation, error)
}

// Explanation says why a vulnerability is, or is not, among the findings of an
// image.
type Explanation struct {
	match.Explanation
	Digest   string // of the image
	Platform string // of one of an index
	// Finding is what enhanced scanning has made of it; nil where it has none.
	Finding *finding.Finding
	// Suppression is the reason why it does not count, if somebody has given one.
	Suppression *finding.Suppression
}

// Explain says of an image, or of each image of an index, why a vulnerability is,
// or is not, among its findings: under basic scanning as under enhanced, and of
// images that were never scanned. The advisories are asked as they are now.
// Errors: RepositoryNotFound, ImageNotFound, UnsupportedImageType.
func (s *Service) Explain(ctx context.Context, c Caller, repository string, id registry.ImageID, vulnerability string) ([]Explanation, error) {
	if s.Contents == nil || s.Explainer == nil {
		return nil, registry.Errorf(registry.CodeUnsupported, "Findings are explained by a server that runs.")
	}
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImageScanFindings", repository)
	if err != nil {
		return nil, err
	}
	image, err := s.oneImage(ctx, scope, repository, id)
	if err != nil {
		return nil, err
	}
	parts, err := s.partsOf(ctx, scope, repository, image)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, unsupportedImageType(notScannable(image))
	}
	leave, err := s.inspector.long.enter(ctx, scope.Account)
	if err != nil {
		return nil, err
	}
	defer leave()
	out := make([]Explanation, len(parts))
	for i, p := range parts {
		if out[i], err = s.explainOne(ctx, scope, repository, p, vulnerability); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) explainOne(ctx context.Context, scope registry.Scope, repository string, p part, vulnerability string) (Explanation, error) {
	out := Explanation{Digest: p.Digest, Platform: p.Platform}
	document, err := s.Contents.ImageContents(ctx, scope.Account, repository, p.Digest)
	if err != nil {
		return out, err
	}
	if out.Explanation, err = s.Explainer.Explain(ctx, document.Inventory, vulnerability); err != nil {
		return out, err
	}
	states, err := s.Store.ListFindings(ctx, scope.Account, meta.FindingQuery{
		Repositories: []string{repository}, Digests: []string{p.Digest},
		Vulnerabilities: append([]string{vulnerability}, out.Aliases...), Limit: 1,
	})
	if err != nil {
		return out, err
	}
	if len(states) == 0 || s.Findings == nil {
		out.Suppression, err = s.wouldExcuse(ctx, scope.Account, repository, p, document, out.Explanation)
		return out, err
	}
	findings, err := s.Findings.Findings(ctx, states)
	if err == nil && len(findings) > 0 {
		out.Finding, out.Suppression = &findings[0], findings[0].Suppression
	}
	return out, err
}

// wouldExcuse answers why a vulnerability does not count that enhanced scanning
// has not looked for.
func (s *Service) wouldExcuse(ctx context.Context, account, repository string, p part, document sbom.Document, e match.Explanation) (*finding.Suppression, error) {
	image := finding.Image{Repository: repository, Digest: p.Digest}
	f := finding.Finding{State: finding.State{VulnerabilityID: e.ID}, Aliases: e.Aliases, Image: image}
	for _, statement := range e.Statements {
		if statement.Outcome != match.Affected {
			continue
		}
		for i := range document.Inventory.Packages {
			own := &document.Inventory.Packages[i]
			if slices.ContainsFunc(statement.Packages, func(r match.PackageRef) bool {
				return r.Kind == own.Kind && r.Name == own.Name && r.Version == own.Version && r.Path == own.Path
			}) {
				f.Packages = append(f.Packages, finding.Package{Name: own.Name, Source: own.SourceName, PURL: sbom.PackageURL(own, document.Inventory.OS)})
			}
		}
	}
	if len(f.Packages) == 0 {
		return nil, nil
	}
	x, err := s.excuses(ctx, account, image)
	if err != nil {
		return nil, err
	}
	return x.of(f), nil
}
