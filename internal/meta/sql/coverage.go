package sql

import (
	"context"
	"fmt"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Who changes coverage and an image holds the image first; who settles findings
// holds coverage alone. Several are held in the order of (repository, digest), in
// which pulls and referrers are gone through too.
const (
	qImageToCover   = `SELECT status, pushed_at, last_pulled_at, media_type FROM images WHERE repository_id = ? AND digest = ?{pg: FOR KEY SHARE}`
	qCoverageToPut  = `SELECT id, gone_at, due_at FROM coverage WHERE digest = ? AND repository_id = ?{pg: FOR UPDATE}`
	qAccountNumber  = `SELECT id FROM covered_accounts WHERE name = ?`
	qNumberAccount  = `INSERT INTO covered_accounts (name) VALUES (?) ON CONFLICT (name) DO NOTHING RETURNING id`
	qInsertCoverage = `INSERT INTO coverage (account_id, repository_id, repository, digest, media_type, pushed_at, pulled_at, tags, gone_at,
			frequency, code, reason, scan_status, description, inventory_id, layers, architecture, author, platform,
			enrolled_at, first_scanned_at, last_scanned_at, source_updated_at, due_at)
		VALUES (?, ?, ?, ?, ?, ?, 0, '[]', 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`
	qUpdateCoverage = `UPDATE coverage SET frequency = ?, code = ?, reason = ?, scan_status = ?, description = ?, inventory_id = ?, layers = ?,
			architecture = ?, author = ?, platform = ?, enrolled_at = ?, first_scanned_at = ?, last_scanned_at = ?, source_updated_at = ?, due_at = ? WHERE id = ?`
	qReviveCoverage  = `UPDATE coverage SET repository = ?, media_type = ?, pushed_at = ?, gone_at = 0 WHERE id = ?`
	qInventoryToNeed = `SELECT id FROM indexed_inventories WHERE name = ?{pg: FOR KEY SHARE}`
	frozenOfImage    = `pulled_at = i.last_pulled_at, tags = CASE WHEN i.tag_count = 0 THEN '[]' ELSE {tags} END`
	qCoverageGone    = `UPDATE coverage SET gone_at = ?, due_at = ?, ` + frozenOfImage + ` FROM images i
		WHERE i.id = ? AND coverage.digest = i.digest AND coverage.repository_id = i.repository_id AND coverage.gone_at = 0`
	qDeleteCovered     = `WITH gone AS (` + qCoverageGone + `) ` + qDeleteImage
	qRepositoryCovered = `SELECT id FROM coverage WHERE repository_id = ? AND gone_at = 0 ORDER BY digest FOR UPDATE`
	qRepositoryGone    = `UPDATE coverage SET gone_at = ?, due_at = ?, ` + frozenOfImage + ` FROM images i
		WHERE coverage.repository_id = ? AND coverage.gone_at = 0 AND i.repository_id = coverage.repository_id AND i.digest = coverage.digest`
	qCoverageDue = `UPDATE coverage SET due_at = ? WHERE digest = ? AND repository_id = ? AND gone_at = 0`

	// Pulls of what is not looked at any more because nobody had pulled it. The
	// index of that is small, and so is what all other pulls pay.
	pulledExpired = `c.reason = '` + finding.ReasonEligibilityExpired + `' AND c.gone_at = 0 AND (c.due_at = 0 OR c.due_at > n.at)`
	qPullsDue     = `{lite:UPDATE coverage AS c INDEXED BY coverage_expired SET due_at = n.at FROM (SELECT value ->> 0 AS repository, value ->> 1 AS digest, value ->> 2 AS at FROM json_each(?)) n
		WHERE c.digest = n.digest AND c.repository_id = n.repository AND ` + pulledExpired + `}{pg:
		WITH pulled AS (SELECT c.id, n.at FROM unnest(?::bigint[], ?::text[], ?::bigint[]) AS n(repository, digest, at)
			JOIN coverage c ON c.digest = n.digest AND c.repository_id = n.repository WHERE ` + pulledExpired + ` ORDER BY c.repository_id, c.digest FOR UPDATE OF c)
		UPDATE coverage c SET due_at = p.at FROM pulled p WHERE c.id = p.id}`
)

// PutCoverage is part of meta.Coverages.
func (s *Store) PutCoverage(ctx context.Context, c *finding.Coverage, events []meta.Event) (bool, error) {
	var p putCoverage
	err := s.write(ctx, func(t *tx) error {
		p = putCoverage{t: t, Coverage: *c}
		if err := p.run(); err != nil || !p.stored {
			return err
		}
		return appendEvents(t, events)
	})
	if err != nil || !p.stored {
		return false, err
	}
	c.ID, c.GoneAt, c.DueAt = p.ID, p.GoneAt, p.DueAt
	return true, nil
}

// putCoverage is one PutCoverage in its transaction.
type putCoverage struct {
	t *tx
	finding.Coverage
	stored bool

	there bool // the image and its repository are
	image coveredImage
	was   struct{ id, gone, due int64 }
}

// coveredImage is what is kept of an image from when it is covered.
type coveredImage struct {
	account, repository string
	status, mediaType   string
	pushed, pulled      int64
}

func (p *putCoverage) run() error {
	if err := p.findImage(); err != nil {
		return err
	}
	found, err := p.t.find(qCoverageToPut, []any{p.Image.Digest, p.RepositoryID}, &p.was.id, &p.was.gone, &p.was.due)
	if err != nil || !found && !p.there {
		return err
	}
	p.stored = true
	p.keepDue()
	if !found {
		p.GoneAt = time.Time{}
		return p.insert()
	}
	p.ID = p.was.id
	if err := updateCoverage(p.t, &p.Coverage); err != nil {
		return err
	}
	if p.GoneAt = fromMicros(p.was.gone); !p.there || p.was.gone == 0 {
		return nil
	}
	p.GoneAt = time.Time{}
	_, err = p.t.exec(qReviveCoverage, p.image.repository, p.image.mediaType, p.image.pushed, p.ID)
	return err
}

// findImage keeps the image and its repository from being deleted.
func (p *putCoverage) findImage() error {
	i := &p.image
	found, err := p.t.find(qRepositoryToShare, []any{p.RepositoryID}, &i.account, &i.repository)
	if err != nil || !found {
		return err
	}
	p.there, err = p.t.find(qImageToCover, []any{p.RepositoryID, p.Image.Digest}, &i.status, &i.pushed, &i.pulled, &i.mediaType)
	return err
}

// keepDue has coverage looked at again of which the caller has not seen the
// newest.
func (p *putCoverage) keepDue() {
	if !p.outdated() {
		return
	}
	if now := time.Now(); p.DueAt.IsZero() || p.DueAt.After(now) {
		p.DueAt = fromMicros(micros(now))
	}
}

func (p *putCoverage) outdated() bool {
	if !p.there || !p.GoneAt.IsZero() {
		return p.there != p.GoneAt.IsZero()
	}
	if p.Image.Status == "" {
		return false // the caller has not read it
	}
	return p.Image.Status != registry.ImageStatus(p.image.status) ||
		p.Reason == finding.ReasonEligibilityExpired && micros(p.Image.PulledAt) < p.image.pulled
}

func (p *putCoverage) insert() error {
	account, err := accountNumber(p.t, p.image.account)
	if err != nil {
		return err
	}
	row, err := coverageRow(p.t, &p.Coverage)
	if err != nil {
		return err
	}
	row = append([]any{account, p.RepositoryID, p.image.repository, p.Image.Digest, p.image.mediaType, p.image.pushed}, row...)
	_, err = p.t.returning(qInsertCoverage, row, &p.ID)
	return err
}

func accountNumber(t *tx, name string) (int64, error) {
	var id int64
	found, err := t.find(qAccountNumber, []any{name}, &id)
	if err != nil || found {
		return id, err
	}
	if found, err = t.returning(qNumberAccount, []any{name}, &id); err == nil && !found {
		err = errRetry // somebody else was faster
	}
	return id, err
}

func updateCoverage(t *tx, c *finding.Coverage) error {
	row, err := coverageRow(t, c)
	if err == nil {
		_, err = t.exec(qUpdateCoverage, append(row, c.ID)...)
	}
	return err
}

// coverageRow is what a caller says of coverage, in the order of the
// statements.
func coverageRow(t *tx, c *finding.Coverage) ([]any, error) {
	var inventory any
	if c.InventoryID != "" {
		var id int64
		found, err := t.find(qInventoryToNeed, []any{c.InventoryID}, &id)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("sql: coverage of an inventory that was not indexed: %s", c.InventoryID)
		}
		inventory = id
	}
	return []any{string(c.Frequency), string(c.Code), toText(c.Reason), toText(c.ScanStatus), toText(c.Description), inventory, nonNil(c.Layers),
		toText(c.Image.Architecture), toText(c.Image.Author), toText(c.Image.Platform),
		micros(c.EnrolledAt), micros(c.FirstScannedAt), micros(c.LastScannedAt), micros(c.SourceUpdatedAt), micros(c.DueAt)}, nil
}

// deleteCovered deletes an image and notes that its coverage is gone. Of images
// without coverage it asks for one index entry; on PostgreSQL that is no round
// trip more.
func deleteCovered(t *tx, image, now int64) error {
	if t.d.numbered {
		_, err := t.exec(qDeleteCovered, now, now, image, image)
		return err
	}
	if _, err := t.exec(qCoverageGone, now, now, image); err != nil {
		return err
	}
	_, err := t.exec(qDeleteImage, image)
	return err
}

// repositoryGone notes that the images of a repository, whose row is held, are
// gone.
func repositoryGone(t *tx, repository int64, now time.Time) error {
	if t.d.numbered {
		held, err := column[int64](t.ctx, t, qRepositoryCovered, repository)
		if err != nil || len(held) == 0 {
			return err
		}
	}
	_, err := t.exec(qRepositoryGone, micros(now), micros(now), repository)
	return err
}

// dueCoverage has somebody look at an image that has come to another storage
// class.
func (i lockedImage) dueCoverage(t *tx, now int64) error {
	_, err := t.exec(qCoverageDue, now, i.digest, i.repository)
	return err
}
