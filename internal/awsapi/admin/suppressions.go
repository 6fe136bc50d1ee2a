package admin

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/service"
)

// Suppressions is what the API needs of decisions and VEX documents.
type Suppressions interface {
	Decide(ctx context.Context, c service.Caller, account string, d finding.Decision) (finding.Decision, error)
	Decisions(ctx context.Context, c service.Caller, account, after string, limit int) ([]finding.Decision, error)
	WithdrawDecision(ctx context.Context, c service.Caller, account, id string) error
	AddVexDocument(ctx context.Context, c service.Caller, account string, d service.VexDocument, text []byte) (service.VexDocument, error)
	VexDocuments(ctx context.Context, c service.Caller, account, after string, limit int) ([]service.VexDocument, error)
	DeleteVexDocument(ctx context.Context, c service.Caller, account, id string) error
}

// Suppression is a decision that a vulnerability does not count.
type Suppression struct {
	SuppressionID *string
	Repository    *string // name or pattern with '*'; absent: every one
	ImageDigest   *string // absent: all images
	Vulnerability *string // id or alias
	PackageName   *string // absent: all packages that have it
	Author        *string // ARN of who decided
	Reason        *string
	CreateDate    *time.Time
	ExpiryDate    *time.Time // absent: never
}

// CreateSuppressionInput says that a vulnerability does not count. Without an
// expiry date it never does again.
type CreateSuppressionInput struct {
	AccountID     *string
	Repository    *string
	ImageDigest   *string
	Vulnerability *string
	PackageName   *string
	Reason        *string
	ExpiryDate    *time.Time
}

// CreateSuppressionOutput tells the decision.
type CreateSuppressionOutput struct{ Suppression *Suppression }

// ListSuppressionsInput asks for the decisions of an account.
type ListSuppressionsInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListSuppressionsOutput is a page of them, those that have expired, too.
type ListSuppressionsOutput struct {
	Suppressions []Suppression
	NextToken    *string
}

// DeleteSuppressionInput takes a decision back.
type DeleteSuppressionInput struct{ AccountID, SuppressionID *string }

// VexDocument is a document that was uploaded.
type VexDocument struct {
	DocumentID  *string
	Repository  *string
	ImageDigest *string
	Name        *string // what the document calls itself
	Format      *string // OpenVEX, CSAF or CycloneDX
	Author      *string // as the document says
	AddedBy     *string // ARN
	AddDate     *time.Time
	ExpiryDate  *time.Time
	Statements  *int64
}

// AddVexDocumentInput uploads a document, for an image, for the repositories that
// a pattern matches, or for all.
type AddVexDocumentInput struct {
	AccountID   *string
	Repository  *string
	ImageDigest *string
	Document    *string // JSON
	ExpiryDate  *time.Time
}

// AddVexDocumentOutput tells the document.
type AddVexDocumentOutput struct{ VexDocument *VexDocument }

// ListVexDocumentsInput asks for the documents of an account.
type ListVexDocumentsInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListVexDocumentsOutput is a page of them.
type ListVexDocumentsOutput struct {
	VexDocuments []VexDocument
	NextToken    *string
}

// DeleteVexDocumentInput names a document to be forgotten.
type DeleteVexDocumentInput struct{ AccountID, DocumentID *string }

func (h handlers) suppressionOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createSuppression), awsapi.Op(h.listSuppressions), awsapi.Op(h.deleteSuppression),
		awsapi.Op(h.addVexDocument).UpTo(2 * service.MaxStatementBytes), // a text in JSON is longer
		awsapi.Op(h.listVexDocuments), awsapi.Op(h.deleteVexDocument),
	}
}

func (h handlers) createSuppression(ctx context.Context, in *CreateSuppressionInput) (*CreateSuppressionOutput, error) {
	d := finding.Decision{
		Repository: deref(in.Repository), Digest: deref(in.ImageDigest), Vulnerability: deref(in.Vulnerability),
		Package: deref(in.PackageName), Reason: deref(in.Reason), ExpiresAt: deref(in.ExpiryDate),
	}
	d, err := h.service.Decide(ctx, caller(ctx), deref(in.AccountID), d)
	worded := wordDecision(d)
	return answer(CreateSuppressionOutput{Suppression: &worded}, err)
}

func (h handlers) listSuppressions(ctx context.Context, in *ListSuppressionsInput) (*ListSuppressionsOutput, error) {
	p, err := h.page("ListSuppressions", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID))
	if err != nil {
		return nil, err
	}
	all, err := h.service.Decisions(ctx, caller(ctx), deref(in.AccountID), p.Cursor, p.Size+1)
	var out ListSuppressionsOutput
	out.Suppressions, out.NextToken = cut(h, p, all, func(d finding.Decision) string { return d.ID }, wordDecision)
	return answer(out, err)
}

func (h handlers) deleteSuppression(ctx context.Context, in *DeleteSuppressionInput) (*Done, error) {
	return done(h.service.WithdrawDecision(ctx, caller(ctx), deref(in.AccountID), deref(in.SuppressionID)))
}

func wordDecision(d finding.Decision) Suppression {
	return Suppression{
		SuppressionID: text(d.ID), Repository: text(d.Repository), ImageDigest: text(d.Digest), Vulnerability: text(d.Vulnerability),
		PackageName: text(d.Package), Author: text(d.Author), Reason: text(d.Reason),
		CreateDate: sometime(d.CreatedAt), ExpiryDate: sometime(d.ExpiresAt),
	}
}

func (h handlers) addVexDocument(ctx context.Context, in *AddVexDocumentInput) (*AddVexDocumentOutput, error) {
	d := service.VexDocument{Repository: deref(in.Repository), Digest: deref(in.ImageDigest), ExpiresAt: deref(in.ExpiryDate)}
	d, err := h.service.AddVexDocument(ctx, caller(ctx), deref(in.AccountID), d, []byte(deref(in.Document)))
	worded := wordVexDocument(d)
	return answer(AddVexDocumentOutput{VexDocument: &worded}, err)
}

func (h handlers) listVexDocuments(ctx context.Context, in *ListVexDocumentsInput) (*ListVexDocumentsOutput, error) {
	p, err := h.page("ListVexDocuments", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID))
	if err != nil {
		return nil, err
	}
	all, err := h.service.VexDocuments(ctx, caller(ctx), deref(in.AccountID), p.Cursor, p.Size+1)
	var out ListVexDocumentsOutput
	out.VexDocuments, out.NextToken = cut(h, p, all, func(d service.VexDocument) string { return d.ID }, wordVexDocument)
	return answer(out, err)
}

func (h handlers) deleteVexDocument(ctx context.Context, in *DeleteVexDocumentInput) (*Done, error) {
	return done(h.service.DeleteVexDocument(ctx, caller(ctx), deref(in.AccountID), deref(in.DocumentID)))
}

func wordVexDocument(d service.VexDocument) VexDocument {
	statements := int64(d.Statements)
	return VexDocument{
		Statements: &statements,
		DocumentID: text(d.ID), Repository: text(d.Repository), ImageDigest: text(d.Digest), Name: text(d.Document.ID),
		Format: text(d.Document.Format), Author: text(d.Document.Author), AddedBy: text(d.AddedBy),
		AddDate: sometime(d.AddedAt), ExpiryDate: sometime(d.ExpiresAt),
	}
}
