package admin

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/service"
)

// Explanations is what the API needs to explain findings.
type Explanations interface {
	Explain(ctx context.Context, c service.Caller, repository string, id registry.ImageID, vulnerability string) ([]service.Explanation, error)
}

// ExplainFindingInput asks why a vulnerability is, or is not, among the findings
// of an image.
type ExplainFindingInput struct {
	AccountID      *string
	RepositoryName *string
	ImageDigest    *string
	ImageTag       *string
	Vulnerability  *string // a CVE, or any other id of an advisory
}

// ExplainFindingOutput has an explanation for the image, or for each image of an
// index.
type ExplainFindingOutput struct{ Explanations []Explanation }

// Explanation is about one image.
type Explanation struct {
	ImageDigest   *string
	Platform      *string // of an image of an index
	Vulnerability *string
	Aliases       []string
	Found         *bool // at least one package is affected
	// FindingStatus is that of the finding of enhanced scanning; absent where there
	// is none.
	FindingStatus *string
	Suppression   *ExplainedSuppression // why it does not count
	Statements    []ExplainedStatement
}

// ExplainedSuppression is why a finding does not count.
type ExplainedSuppression struct {
	Kind       *string
	ID         *string
	Author     *string // of a VEX document: as it says itself
	AddedBy    *string // ARN of who added a VEX document
	Reason     *string
	Statement  *string
	ExpiryDate *time.Time
}

// ExplainedStatement is what one advisory, or the lack of them, means for a package.
type ExplainedStatement struct {
	Outcome          *string
	Sentence         *string
	Release          *string
	AdvisoryID       *string
	URL              *string
	InstalledVersion *string
	ComparedVersion  *string
	Rule             *string
	VersionOrder     *string
	FixedVersion     *string
	Severity         *string
	Packages         []ExplainedPackage
}

// ExplainedPackage is where an installed package is.
type ExplainedPackage struct {
	Kind    *string
	Name    *string
	Version *string
	Path    *string
	Layer   *string
	OwnedBy *string
}

func (h handlers) explainOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.explainFinding)}
}

func (h handlers) explainFinding(ctx context.Context, in *ExplainFindingInput) (*ExplainFindingOutput, error) {
	account, err := h.service.AllowManaging(ctx, caller(ctx), deref(in.AccountID), "ExplainFinding")
	if err != nil {
		return nil, err
	}
	c := caller(ctx)
	c.Registry = account
	id := registry.ImageID{Digest: deref(in.ImageDigest), Tag: deref(in.ImageTag)}
	if id.Digest == "" && id.Tag == "" {
		return nil, registry.InvalidParameter("imageDigest", "One of imageDigest and imageTag must be given.")
	}
	all, err := h.service.Explain(ctx, c, *in.RepositoryName, id, *in.Vulnerability)
	if err != nil {
		return nil, err
	}
	out := &ExplainFindingOutput{Explanations: make([]Explanation, len(all))}
	for i, e := range all {
		out.Explanations[i] = wordExplanation(e)
	}
	return out, nil
}

func wordExplanation(e service.Explanation) Explanation {
	out := Explanation{
		ImageDigest: &e.Digest, Platform: text(e.Platform), Vulnerability: &e.ID, Aliases: e.Aliases, Found: &e.Found,
		Statements: make([]ExplainedStatement, len(e.Statements)),
	}
	if e.Finding != nil {
		out.FindingStatus = text(string(e.Finding.Status))
	}
	out.Suppression = wordSuppression(e.Suppression)
	for i, s := range e.Statements {
		out.Statements[i] = wordStatement(s)
	}
	return out
}

func wordSuppression(s *finding.Suppression) *ExplainedSuppression {
	if s == nil {
		return nil
	}
	return &ExplainedSuppression{
		Kind: text(s.Kind), ID: text(s.ID), Author: text(s.Author), AddedBy: text(s.AddedBy), Reason: text(s.Reason), Statement: text(s.Statement), ExpiryDate: sometime(s.Until),
	}
}

func wordStatement(s match.Statement) ExplainedStatement {
	outcome := string(s.Outcome)
	out := ExplainedStatement{
		Outcome: &outcome, Sentence: text(s.Sentence), Release: text(s.Release), AdvisoryID: text(s.AdvisoryID), URL: text(s.URL),
		InstalledVersion: text(s.Installed), ComparedVersion: text(s.Bound), Rule: text(s.Rule), VersionOrder: text(s.Order),
	}
	if s.Problem != nil {
		out.FixedVersion, out.Severity = text(s.Problem.FixedVersion), text(string(s.Problem.Severity))
	}
	for _, p := range s.Packages {
		out.Packages = append(out.Packages, ExplainedPackage{
			Kind: text(p.Kind), Name: text(p.Name), Version: text(p.Version), Path: text(p.Path), Layer: text(p.Layer), OwnedBy: text(p.OwnedBy),
		})
	}
	return out
}
