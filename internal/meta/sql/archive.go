package sql

import (
	"context"
	"fmt"
	"slices"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	// Whoever is about to archive a child waits for the push of an index that
	// holds a share of it, and sees the index then.
	qUnarchivedParents = `SELECT p.digest FROM image_children c JOIN images p ON p.id = c.parent_id WHERE c.child_id = ? AND p.status <> 'ARCHIVED' LIMIT 100`
	qSetStatus         = `UPDATE images SET status = ? WHERE id = ?`
	qNoteArchived      = `INSERT INTO image_archive (image_id, archived_at, activated_at, with_subject) VALUES (?, ?, 0, ?)
		ON CONFLICT (image_id) DO UPDATE SET archived_at = excluded.archived_at, with_subject = excluded.with_subject`
	qHideTags      = `UPDATE tags SET hidden = ? WHERE image_id = ? AND hidden <> ?`
	qNoteActivated = `UPDATE image_archive SET activated_at = ? WHERE image_id = ?`
	qImageOfID     = `SELECT ` + imageColumns + ` FROM ` + imagesTold + ` WHERE i.id = ?`
)

// SetStorageClass is part of meta.Archive.
func (s *Store) SetStorageClass(ctx context.Context, in meta.SetStorageClass) (registry.Image, error) {
	var out registry.Image
	err := s.write(ctx, func(t *tx) error {
		hold := sharedRepositoryID
		if in.Status == registry.ImageArchived {
			hold = repositoryIDForArchive
		}
		repo, err := hold(t, in.Account, in.Repository)
		if err != nil {
			return err
		}
		i, found, err := lockImage(t, repo, in.ID)
		if err != nil {
			return err
		}
		if !found {
			return registry.ImageNotFound(in.Account, in.Repository, in.ID)
		}
		changed, err := i.become(t, in.Status, micros(in.Now))
		if err != nil {
			return err
		}
		if changed {
			err = enqueue(t, in.Jobs)
			if err == nil && in.Status != registry.ImageActivating {
				err = i.followed(t, in)
			}
			if err != nil {
				return err
			}
		}
		out, err = imageOfID(t, i.id)
		return err
	})
	if err != nil {
		return registry.Image{}, err
	}
	return out, nil
}

// followed has referrers follow an image that has come to another storage class,
// and tells of it.
func (i lockedImage) followed(t *tx, in meta.SetStorageClass) error {
	if err := enqueueFollow(t, in.Follow, i.repository, i.digest); err != nil {
		return err
	}
	kind := meta.ImageRestored
	if i.status = in.Status; i.status == registry.ImageArchived {
		kind = meta.ImageArchived
	}
	return storeAnnounced(t, in.Announce, i.change(kind, in.Account, in.Repository, nil))
}

func imageOfID(t *tx, id int64) (registry.Image, error) {
	var raw rawImage
	if _, err := t.find(qImageOfID, []any{id}, raw.fields()...); err != nil {
		return registry.Image{}, err
	}
	i, err := raw.image()
	return *i, err
}

// become gives an image a status, if the one that it has allows it.
func (i lockedImage) become(t *tx, status registry.ImageStatus, now int64) (changed bool, err error) {
	type step struct{ from, to registry.ImageStatus }
	const active, archived, activating = registry.ImageActive, registry.ImageArchived, registry.ImageActivating
	switch (step{i.status, status}) {
	case step{active, archived}:
		if err := i.checkArchivable(t); err != nil {
			return false, err
		}
		return true, i.archive(t, now, 0)
	case step{archived, activating}, step{archived, active}, step{activating, active}:
		return true, i.restore(t, status, now)
	case step{activating, archived}:
		return false, registry.ImageBeingRestored(i.digest)
	case step{active, active}, step{active, activating}, step{archived, archived}, step{activating, activating}:
		return false, nil
	}
	return false, fmt.Errorf("sql: an image cannot become %q from %q", status, i.status)
}

// checkArchivable refuses an image that an index needs which is not archived.
func (i lockedImage) checkArchivable(t *tx) error {
	parents, err := column[string](t.ctx, t, qUnarchivedParents, i.id)
	if err == nil && len(parents) > 0 {
		err = registry.ImageNeededUnarchived(i.digest, slices.Sorted(slices.Values(parents)))
	}
	return err
}

// archive archives an image that is ACTIVE, with 1 because its subject was.
func (i lockedImage) archive(t *tx, now int64, withSubject int) error {
	if _, err := t.exec(qSetStatus, string(registry.ImageArchived), i.id); err != nil {
		return err
	}
	if _, err := t.exec(qNoteArchived, i.id, now, withSubject); err != nil {
		return err
	}
	if _, err := t.exec(qHideTags, 1, i.id, 1); err != nil {
		return err
	}
	if err := i.dueCoverage(t, now); err != nil {
		return err
	}
	return addImages(t, i.repository, -1)
}

// restore takes an image out of the archive, or a step further out of it.
func (i lockedImage) restore(t *tx, status registry.ImageStatus, now int64) error {
	if _, err := t.exec(qSetStatus, string(status), i.id); err != nil {
		return err
	}
	if status == registry.ImageActive {
		if _, err := t.exec(qNoteActivated, now, i.id); err != nil {
			return err
		}
		if _, err := t.exec(qHideTags, 0, i.id, 0); err != nil {
			return err
		}
		if err := i.dueCoverage(t, now); err != nil {
			return err
		}
	}
	if i.status != registry.ImageArchived {
		return nil
	}
	return addImages(t, i.repository, 1)
}
