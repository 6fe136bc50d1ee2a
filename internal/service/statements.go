package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/vex"
)

// Bounds of uploaded VEX documents.
const (
	// MaxStatementBytes bounds one document.
	MaxStatementBytes = 4 << 20
	maxDocuments      = 500       // of an account
	maxSaid           = 128 << 20 // bytes of memory that those of an account take, in all
	documentsStep     = 100       // read at a time
)

// VexDocument is a document that was uploaded, and what it holds for.
type VexDocument struct {
	ID         string    `json:"id"`
	Repository string    `json:"repository,omitempty"` // name or pattern; empty: every one
	Digest     string    `json:"digest,omitempty"`     // of an image; empty: all
	AddedBy    string    `json:"addedBy"`              // ARN of who uploaded it
	AddedAt    time.Time `json:"addedAt"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`

	// Document is without its statements, which are kept apart.
	Document   vex.Document `json:"document"`
	Statements int          `json:"statements"`
	Weight     int          `json:"weight"` // bytes of memory that they take
}

// isGiven says whether what names no product is about the images that the
// document is for: it was given for them by name.
func (d *VexDocument) isGiven() bool {
	return d.Repository != "" && !strings.Contains(d.Repository, "*")
}

// inForce says whether the document holds at a time.
func (d *VexDocument) inForce(now time.Time) bool {
	return d.ExpiresAt.IsZero() || now.Before(d.ExpiresAt)
}

// scopeFor says how close the document is to an image; false when it does not
// hold for it.
func (d *VexDocument) scopeFor(repository, digest string) (vex.Scope, bool) {
	switch {
	case d.Digest != "":
		return vex.ImageScope, d.Digest == digest && d.Repository == repository
	case d.Repository != "":
		return vex.RepositoryScope, registry.WildcardMatch(d.Repository, repository)
	}
	return vex.RegistryScope, true
}

// AddVexDocument records what a VEX document says, for an image, for
// repositories or for the registry. Errors: InvalidParameter, LimitExceeded.
func (s *Service) AddVexDocument(ctx context.Context, c Caller, account string, d VexDocument, text []byte) (VexDocument, error) {
	account, err := s.allowSuppressing(ctx, c, account, "AddVexDocument")
	if err != nil {
		return d, err
	}
	if len(text) > MaxStatementBytes {
		return d, registry.InvalidParameter("document", "must have at most 4 MiB")
	}
	parsed, err := vex.Parse(text)
	if err != nil {
		return d, registry.InvalidParameter("document", strings.TrimPrefix(err.Error(), "vex: "))
	}
	compiled := &compiledDocument{parts: []*vex.Compiled{vex.Compile(parsed)}}
	statements, err := json.Marshal(parsed.Statements)
	if err != nil {
		return d, registry.Internal("encoding the statements of a VEX document", err)
	}
	d.ID, d.AddedBy, d.AddedAt, d.ExpiresAt = uuid.NewString(), c.IdentityARN(), s.Now().UTC(), ending(d.ExpiresAt)
	d.Document, d.Statements, d.Weight = *parsed, len(parsed.Statements), compiled.weight()
	if err := checkVexScope(d); err != nil {
		return d, err
	}
	d.Document.Statements = nil
	if err := s.storeVexDocument(ctx, account, d, statements); err != nil {
		return d, err
	}
	s.said.documents.put(d.ID, compiled, d.Weight)
	return d, nil
}

// storeVexDocument stores the statements before the document that says how they
// count: those that nothing refers to are nothing but a lost place.
func (s *Service) storeVexDocument(ctx context.Context, account string, d VexDocument, statements []byte) error {
	if err := s.roomForStatements(ctx, account, d.Weight); err != nil {
		return err
	}
	body, err := json.Marshal(d)
	if err != nil {
		return registry.Internal("encoding a VEX document", err)
	}
	said := meta.Record{Account: account, Kind: meta.StatementsRecord, Name: d.ID, Body: statements, CreatedAt: d.AddedAt}
	if err := s.Store.CreateRecord(ctx, said, 0); err != nil {
		return err
	}
	record := meta.Record{Account: account, Kind: meta.StatementRecord, Name: d.ID, Body: body, CreatedAt: d.AddedAt}
	err = s.saidAnew(ctx, account, saidOf{d.Repository, d.Digest, d.ID, d.ExpiresAt}, func() error { return s.Store.CreateRecord(ctx, record, maxDocuments) })
	if errors.Is(err, meta.ErrFull) {
		_, forgotten := s.Store.DeleteRecord(ctx, account, meta.StatementsRecord, d.ID)
		return errors.Join(registry.Errorf(registry.CodeLimitExceeded, "There are %d VEX documents already, as many as there may be.", maxDocuments), forgotten)
	}
	return err
}

// roomForStatements says whether an account may say so much more.
func (s *Service) roomForStatements(ctx context.Context, account string, weight int) error {
	err := s.eachVexDocument(ctx, account, "", func(d VexDocument) bool {
		weight += d.Weight
		return true
	})
	if err == nil && weight > maxSaid {
		err = registry.Errorf(registry.CodeLimitExceeded, "The VEX documents say too much together: remove some.")
	}
	return err
}

// ending is when something that was asked to end at a time does: jobs know no
// smaller parts of time, and must not come too early.
func ending(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

func checkVexScope(d VexDocument) error {
	switch {
	case d.Repository != "" && !nameable(d.Repository):
		return registry.InvalidParameter("repository", "must be the name of a repository, or a pattern with '*'")
	case d.Digest != "" && !registry.ValidDigest(d.Digest):
		return registry.InvalidParameter("imageDigest", "must be the digest of an image")
	case d.Digest != "" && (d.Repository == "" || strings.Contains(d.Repository, "*")):
		return registry.InvalidParameter("repository", "must name the repository of the image")
	case !d.ExpiresAt.IsZero() && !d.ExpiresAt.After(d.AddedAt):
		return registry.InvalidParameter("expiryDate", "must be in the future")
	case d.isGiven():
		return nil
	}
	for i := range d.Document.Statements {
		// Without a product it would excuse all that the registry has.
		if said := &d.Document.Statements[i]; said.Status.Excuses() && len(said.Products) == 0 {
			return registry.InvalidParameter("document", fmt.Sprintf("statement %d names no product: name the repository, or the image, that the document is for", i+1))
		}
	}
	return nil
}

// VexDocuments answers up to limit documents of an account after an id, in order
// of their ids, without what they say.
func (s *Service) VexDocuments(ctx context.Context, c Caller, account, after string, limit int) ([]VexDocument, error) {
	account, err := s.allowSuppressing(ctx, c, account, "ListVexDocuments")
	if err != nil {
		return nil, err
	}
	var all []VexDocument
	err = s.eachVexDocument(ctx, account, after, func(d VexDocument) bool {
		all = append(all, d)
		return len(all) < limit
	})
	return all, err
}

// eachVexDocument hands documents over, few of them in memory at a time, until
// take has enough.
func (s *Service) eachVexDocument(ctx context.Context, account, after string, take func(VexDocument) bool) error {
	for {
		records, err := s.Store.ListRecords(ctx, account, meta.StatementRecord, after, documentsStep)
		if err != nil || len(records) == 0 {
			return err
		}
		for _, r := range records {
			var d VexDocument
			if err := json.Unmarshal(r.Body, &d); err != nil {
				return registry.Internal("reading a VEX document", err)
			}
			if !take(d) {
				return nil
			}
		}
		after = records[len(records)-1].Name
	}
}

// vexDocument answers what the statements of a document say. One that is gone says
// nothing.
func (s *Service) vexDocument(ctx context.Context, account string, d *VexDocument) (*compiledDocument, error) {
	if known, ok := s.said.documents.get(d.ID); ok {
		return known, nil
	}
	record, err := s.Store.Record(ctx, account, meta.StatementsRecord, d.ID)
	if errors.Is(err, meta.ErrNoRecord) {
		return &compiledDocument{}, nil
	}
	if err != nil {
		return nil, err
	}
	document := d.Document
	if err := json.Unmarshal(record.Body, &document.Statements); err != nil {
		return nil, registry.Internal("reading the statements of a VEX document", err)
	}
	compiled := &compiledDocument{parts: []*vex.Compiled{vex.Compile(&document)}}
	s.said.documents.put(d.ID, compiled, compiled.weight())
	return compiled, nil
}

// DeleteVexDocument forgets a document: what it excused counts again.
// Errors: NoSuchEntity.
func (s *Service) DeleteVexDocument(ctx context.Context, c Caller, account, id string) error {
	account, err := s.allowSuppressing(ctx, c, account, "DeleteVexDocument")
	if err != nil {
		return err
	}
	found := func(err error) error {
		if errors.Is(err, meta.ErrNoRecord) {
			return registry.Errorf(registry.CodeNoSuchEntity, "The VEX document with id %s cannot be found.", id)
		}
		return err
	}
	record, err := s.Store.Record(ctx, account, meta.StatementRecord, id)
	if err != nil {
		return found(err)
	}
	var d VexDocument
	if err := json.Unmarshal(record.Body, &d); err != nil {
		return registry.Internal("reading a VEX document", err)
	}
	err = s.saidAnew(ctx, account, saidOf{repository: d.Repository, digest: d.Digest}, func() error {
		_, err := s.Store.DeleteRecord(ctx, account, meta.StatementRecord, id)
		return found(err)
	})
	if err != nil {
		return err
	}
	if _, err := s.Store.DeleteRecord(ctx, account, meta.StatementsRecord, id); !errors.Is(err, meta.ErrNoRecord) {
		return err
	}
	return nil
}
