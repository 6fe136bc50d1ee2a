package service

import (
	"context"
	"encoding/json"
	"errors"
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
	maxDocuments      = 500 // of an account
	documentsStep     = 16  // read at a time
)

// VexDocument is a document that was uploaded, and what it holds for.
type VexDocument struct {
	ID         string    `json:"id"`
	Repository string    `json:"repository,omitempty"` // name or pattern; empty: every one
	Digest     string    `json:"digest,omitempty"`     // of an image; empty: all
	AddedBy    string    `json:"addedBy"`              // ARN of who uploaded it
	AddedAt    time.Time `json:"addedAt"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`

	Document vex.Document `json:"document"`
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
	d.ID, d.AddedBy, d.AddedAt, d.Document = uuid.NewString(), c.IdentityARN(), s.Now().UTC(), *parsed
	if err := checkVexScope(d); err != nil {
		return d, err
	}
	body, err := json.Marshal(d)
	if err != nil {
		return d, registry.Internal("encoding a VEX document", err)
	}
	record := meta.Record{Account: account, Kind: meta.StatementRecord, Name: d.ID, Body: body, CreatedAt: d.AddedAt}
	if err := s.Store.CreateRecord(ctx, record, maxDocuments); err != nil {
		if errors.Is(err, meta.ErrFull) {
			err = registry.Errorf(registry.CodeLimitExceeded, "There are %d VEX documents already, as many as there may be.", maxDocuments)
		}
		return d, err
	}
	if err := s.resettleAt(ctx, account, d.Repository, d.ID, d.ExpiresAt); err != nil {
		return d, err
	}
	return d, s.resettle(ctx, account, d.Repository)
}

func checkVexScope(d VexDocument) error {
	switch {
	case d.Repository != "" && !nameable(d.Repository, maxDecisionName):
		return registry.InvalidParameter("repository", "must be the name of a repository, or a pattern with '*'")
	case d.Digest != "" && !registry.ValidDigest(d.Digest):
		return registry.InvalidParameter("digest", "must be the digest of an image")
	case d.Digest != "" && (d.Repository == "" || strings.Contains(d.Repository, "*")):
		return registry.InvalidParameter("repository", "must name the repository of the image")
	case !d.ExpiresAt.IsZero() && !d.ExpiresAt.After(d.AddedAt):
		return registry.InvalidParameter("expiresAt", "must be in the future")
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
		d.Document.Statements = nil
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

// DeleteVexDocument forgets a document: what it excused counts again.
// Errors: NoSuchEntity.
func (s *Service) DeleteVexDocument(ctx context.Context, c Caller, account, id string) error {
	account, err := s.allowSuppressing(ctx, c, account, "DeleteVexDocument")
	if err != nil {
		return err
	}
	record, err := s.Store.DeleteRecord(ctx, account, meta.StatementRecord, id)
	if errors.Is(err, meta.ErrNoRecord) {
		return registry.Errorf(registry.CodeNoSuchEntity, "The VEX document with id %s cannot be found.", id)
	}
	if err != nil {
		return err
	}
	var d VexDocument
	if err := json.Unmarshal(record.Body, &d); err != nil {
		return registry.Internal("reading a VEX document", err)
	}
	return s.resettle(ctx, account, d.Repository)
}
