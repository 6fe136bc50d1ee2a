package sql

import (
	"context"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	// toldOfImage is what an announcement says of an image besides.
	toldOfImage     = `i.media_type, i.artifact_type, coalesce(i.subject_digest, '')`
	qTagForUpdate   = `SELECT i.id, i.digest, i.status, i.tag_count, ` + toldOfImage + ` FROM tags t JOIN images i ON i.id = t.image_id WHERE t.repository_id = ? AND t.hidden IN (0, 1) AND t.tag = ?{pg: FOR UPDATE}`
	qImageForUpdate = `SELECT i.id, i.digest, i.status, i.tag_count, ` + toldOfImage + ` FROM images i WHERE i.repository_id = ? AND i.digest = ?{pg: FOR UPDATE}`
	// Pushes lock tags before images, so does everybody else.
	tagsToLock       = `SELECT t.tag FROM tags t WHERE t.image_id = (`
	qTagsOfTagToLock = tagsToLock + `SELECT n.image_id FROM tags n WHERE n.repository_id = ? AND n.hidden IN (0, 1) AND n.tag = ?) ORDER BY t.tag FOR UPDATE`
	qTagsToLock      = tagsToLock + `SELECT id FROM images WHERE repository_id = ? AND digest = ?) ORDER BY t.tag FOR UPDATE`
	qTagsOfImage     = `SELECT tag FROM tags WHERE image_id = ? ORDER BY tag`
	qParents         = `SELECT p.digest FROM image_children c JOIN images p ON p.id = c.parent_id WHERE c.child_id = ? LIMIT 100`
	qDeleteTag       = `DELETE FROM tags WHERE repository_id = ? AND hidden IN (0, 1) AND tag = ? AND image_id = ?`
	qTouchBlobsOf    = `UPDATE repository_blobs SET touched_at = ? WHERE repository_id = ? AND touched_at < ?
		AND blob_id IN (SELECT blob_id FROM image_blobs WHERE image_id = ?)`
	qDeleteImage = `DELETE FROM images WHERE id = ?`
)

// DeleteImage is part of meta.ImageWriter.
func (s *Store) DeleteImage(ctx context.Context, in meta.DeleteImage) ([]registry.ImageID, error) {
	var gone []registry.ImageID
	err := s.write(ctx, func(t *tx) error {
		repo, err := sharedRepositoryID(t, in.Account, in.Repository)
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
		d := removal{t: t, lockedImage: i, follow: in.Follow}
		if gone, err = d.run(in.ID.Tag, in.Mode); err != nil {
			return err
		}
		change := i.change(meta.ImageDeleted, in.Account, in.Repository, gone)
		if d.gone && in.Jobs != nil {
			if err := enqueue(t, in.Jobs(change.Image)); err != nil {
				return err
			}
		}
		return storeAnnounced(t, in.Announce, change)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// lockedImage is an image that nobody else changes or comes to rely on until
// the transaction ends.
type lockedImage struct {
	repository, id int64
	digest         string
	status         registry.ImageStatus
	told           told
}

// told is what an announcement says of an image besides its digest and status.
type told struct{ mediaType, artifactType, subject string }

func (w *told) fields() []any { return []any{&w.mediaType, &w.artifactType, &w.subject} }

// change is what is to be announced of an image.
func (i lockedImage) change(kind meta.ChangeKind, account, repository string, ids []registry.ImageID) meta.Change {
	return meta.Change{Kind: kind, Account: account, Repository: repository, IDs: ids, Image: registry.Image{
		RepositoryID: i.repository, Digest: i.digest, MediaType: i.told.mediaType, ArtifactType: i.told.artifactType,
		SubjectDigest: i.told.subject, Status: i.status,
	}}
}

// lockImage locks the image that id names, with its tags.
func lockImage(t *tx, repository int64, id registry.ImageID) (lockedImage, bool, error) {
	statement, tags, name := qTagForUpdate, qTagsOfTagToLock, id.Tag
	if id.Tag == "" {
		statement, tags, name = qImageForUpdate, qTagsToLock, id.Digest
	}
	var locked []string
	if t.d.numbered {
		var err error
		if locked, err = column[string](t.ctx, t, tags, repository, name); err != nil {
			return lockedImage{}, false, err
		}
	}
	i := lockedImage{repository: repository}
	var status string
	var has int
	found, err := t.find(statement, []any{repository, name}, append([]any{&i.id, &i.digest, &status, &has}, i.told.fields()...)...)
	if err == nil && t.d.numbered && has > len(locked) {
		err = errRetry // it got a tag while its lock was waited for
	}
	i.status = registry.ImageStatus(status)
	return i, found && (id.Digest == "" || id.Digest == i.digest), err
}

// removal is one DeleteImage in its transaction.
type removal struct {
	t *tx
	lockedImage
	follow meta.FollowJob
	gone   bool // the image, and not only a tag of it
}

func (d *removal) run(tag string, mode meta.DeleteMode) ([]registry.ImageID, error) {
	tags, err := column[string](d.t.ctx, d.t, qTagsOfImage, d.id)
	if err != nil {
		return nil, err
	}
	if tag != "" && (mode == meta.DeleteTagOnly || len(tags) > 1) {
		return []registry.ImageID{{Digest: d.digest, Tag: tag}}, d.untag(tag)
	}
	parents, err := d.parents()
	if err != nil {
		return nil, err
	}
	if len(parents) > 0 {
		return nil, registry.ImageReferenced(slices.Sorted(slices.Values(parents)))
	}
	if err := d.deleteImage(); err != nil {
		return nil, err
	}
	return imageIDs(d.digest, tags), nil
}

// imageIDs are the pairs of an image and its tags, or of an untagged one the one
// without a tag.
func imageIDs(digest string, tags []string) []registry.ImageID {
	if len(tags) == 0 {
		return []registry.ImageID{{Digest: digest}}
	}
	ids := make([]registry.ImageID, len(tags))
	for n, t := range tags {
		ids[n] = registry.ImageID{Digest: digest, Tag: t}
	}
	return ids
}

func (d *removal) untag(tag string) error {
	n, err := d.t.exec(qDeleteTag, d.repository, tag, d.id)
	if err != nil {
		return err
	}
	if n == 0 {
		return errRetry // moved since it was looked at
	}
	_, err = d.t.exec(qAddTagCount, -1, d.id)
	return err
}

// parents are indexes that need the image.
func (d *removal) parents() ([]string, error) {
	return column[string](d.t.ctx, d.t, qParents, d.id)
}

// deleteImage removes an image that no index needs, with its tags, references
// and scan.
func (d *removal) deleteImage() error {
	d.gone = true
	now := micros(time.Now())
	if _, err := d.t.exec(qTouchBlobsOf, now, d.repository, now, d.id); err != nil {
		return err
	}
	if err := deleteCovered(d.t, d.id, now); err != nil {
		return err
	}
	if d.status != registry.ImageArchived { // those are not counted
		if err := addImages(d.t, d.repository, -1); err != nil {
			return err
		}
	}
	return enqueueFollow(d.t, d.follow, d.repository, d.digest)
}
