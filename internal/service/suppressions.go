package service

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Bounds of decisions.
const (
	maxDecisions      = 10_000 // of an account
	maxDecisionReason = 512
	maxDecisionName   = 256
	forgottenAtOnce   = 100 // expired decisions, where there is no room
)

// Decide records that a vulnerability does not count, and why. The author is
// whoever asks. What it covers is SUPPRESSED from now on, until it expires or is
// taken back. Errors: InvalidParameter, LimitExceeded, NoSuchEntity.
func (s *Service) Decide(ctx context.Context, c Caller, account string, d finding.Decision) (finding.Decision, error) {
	account, err := s.allowSuppressing(ctx, c, account, "CreateSuppression")
	if err != nil {
		return d, err
	}
	d.ID, d.Author, d.CreatedAt, d.ExpiresAt = uuid.NewString(), c.IdentityARN(), s.Now().UTC(), ending(d.ExpiresAt)
	if err := checkDecision(d); err != nil {
		return d, err
	}
	body, err := json.Marshal(d)
	if err != nil {
		return d, registry.Internal("encoding a decision", err)
	}
	record := meta.Record{Account: account, Kind: meta.SuppressionRecord, Name: d.ID, Body: body, CreatedAt: d.CreatedAt}
	store := func() error { return s.Store.CreateRecord(ctx, record, maxDecisions) }
	return d, s.saidAnew(ctx, account, saidOf{d.Repository, d.Digest, d.ID, d.ExpiresAt}, func() error {
		err := store()
		if errors.Is(err, meta.ErrFull) {
			if err = s.forgetExpired(ctx, account); err == nil {
				err = store()
			}
		}
		if errors.Is(err, meta.ErrFull) {
			return registry.Errorf(registry.CodeLimitExceeded, "There are %d suppressions already, as many as there may be.", maxDecisions)
		}
		return err
	})
}

// forgetExpired makes room: what does not hold any more is only kept to be looked
// at. A few are enough, and nobody waits for thousands.
func (s *Service) forgetExpired(ctx context.Context, account string) error {
	now, forgotten := s.Now(), 0
	return s.eachDecision(ctx, account, func(d finding.Decision) error {
		if d.ExpiresAt.IsZero() || now.Before(d.ExpiresAt) || forgotten >= forgottenAtOnce {
			return nil
		}
		forgotten++
		_, err := s.Store.DeleteRecord(ctx, account, meta.SuppressionRecord, d.ID)
		if errors.Is(err, meta.ErrNoRecord) {
			return nil
		}
		return err
	})
}

// allowSuppressing authorises an operation on the suppressions of an account that
// there is.
func (s *Service) allowSuppressing(ctx context.Context, c Caller, account, operation string) (string, error) {
	return s.allowEventLog(ctx, c, account, operation)
}

func checkDecision(d finding.Decision) error {
	switch {
	case !nameable(d.Vulnerability) || strings.ContainsAny(d.Vulnerability, "*?"):
		return registry.InvalidParameter("vulnerability", "must be the id of a vulnerability")
	case d.Repository != "" && !nameable(d.Repository):
		return registry.InvalidParameter("repository", "must be the name of a repository, or a pattern with '*'")
	case d.Digest != "" && !registry.ValidDigest(d.Digest):
		return registry.InvalidParameter("imageDigest", "must be the digest of an image")
	case d.Digest != "" && (d.Repository == "" || strings.Contains(d.Repository, "*")):
		return registry.InvalidParameter("repository", "must name the repository of the image")
	case d.Package != "" && !nameable(d.Package):
		return registry.InvalidParameter("packageName", "must be the name of a package")
	case strings.TrimSpace(d.Reason) == "" || len(d.Reason) > maxDecisionReason || !utf8.ValidString(d.Reason):
		return registry.InvalidParameter("reason", "must say why, in at most 512 bytes")
	case !d.ExpiresAt.IsZero() && !d.ExpiresAt.After(d.CreatedAt):
		return registry.InvalidParameter("expiryDate", "must be in the future")
	}
	return nil
}

// nameable says whether a text can be a name: not empty, not long, of printable
// characters.
func nameable(text string) bool {
	return text != "" && len(text) <= maxDecisionName && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// Decisions answers up to limit decisions of an account after an id, in order of
// their ids; those that have expired, too.
func (s *Service) Decisions(ctx context.Context, c Caller, account, after string, limit int) ([]finding.Decision, error) {
	account, err := s.allowSuppressing(ctx, c, account, "ListSuppressions")
	if err != nil {
		return nil, err
	}
	records, err := s.Store.ListRecords(ctx, account, meta.SuppressionRecord, after, limit)
	if err != nil {
		return nil, err
	}
	return decisionsOf(records)
}

func decisionsOf(records []meta.Record) ([]finding.Decision, error) {
	all := make([]finding.Decision, len(records))
	for i, r := range records {
		if err := json.Unmarshal(r.Body, &all[i]); err != nil {
			return nil, registry.Internal("reading a decision", err)
		}
	}
	return all, nil
}

// WithdrawDecision takes a decision back: what it covered counts again.
// Errors: NoSuchEntity.
func (s *Service) WithdrawDecision(ctx context.Context, c Caller, account, id string) error {
	account, err := s.allowSuppressing(ctx, c, account, "DeleteSuppression")
	if err != nil {
		return err
	}
	found := func(err error) error {
		if errors.Is(err, meta.ErrNoRecord) {
			return registry.Errorf(registry.CodeNoSuchEntity, "The suppression with id %s cannot be found.", id)
		}
		return err
	}
	record, err := s.Store.Record(ctx, account, meta.SuppressionRecord, id)
	if err != nil {
		return found(err)
	}
	all, err := decisionsOf([]meta.Record{record})
	if err != nil {
		return err
	}
	return s.saidAnew(ctx, account, saidOf{repository: all[0].Repository, digest: all[0].Digest}, func() error {
		_, err := s.Store.DeleteRecord(ctx, account, meta.SuppressionRecord, id)
		return found(err)
	})
}

// decisionsInForce answers all decisions of an account that have not expired.
func (s *Service) decisionsInForce(ctx context.Context, account string, now time.Time) ([]finding.Decision, error) {
	var all []finding.Decision
	err := s.eachDecision(ctx, account, func(d finding.Decision) error {
		if d.ExpiresAt.IsZero() || now.Before(d.ExpiresAt) {
			all = append(all, d)
		}
		return nil
	})
	return all, err
}

// eachDecision goes through the decisions of an account, those that have expired,
// too.
func (s *Service) eachDecision(ctx context.Context, account string, do func(finding.Decision) error) error {
	after := ""
	for {
		records, err := s.Store.ListRecords(ctx, account, meta.SuppressionRecord, after, 1000)
		if err != nil || len(records) == 0 {
			return err
		}
		page, err := decisionsOf(records)
		if err != nil {
			return err
		}
		for _, d := range page {
			if err := do(d); err != nil {
				return err
			}
		}
		after = records[len(records)-1].Name
	}
}
