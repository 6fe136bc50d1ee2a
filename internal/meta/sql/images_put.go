package sql

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// A push holds a share of its repository's row, so that neither its settings
// change nor its deletion begins before the push is over, and shares of the
// links and children that it relies on.
const (
	qRepositoryForPush = `SELECT id, tag_mutability, mutability_filters FROM repositories WHERE account = ? AND name = ?{pg: FOR SHARE}`
	qLinkedForPush     = `SELECT b.digest, b.id, b.size FROM blobs b {lite:CROSS }JOIN repository_blobs l ON l.blob_id = b.id
		WHERE l.repository_id = ? AND b.digest {in}{pg: FOR KEY SHARE OF l}`
	qChildrenForPush = `SELECT digest, id, size FROM images WHERE repository_id = ? AND digest {in} AND status = 'ACTIVE'{pg: FOR KEY SHARE}`
	// Subqueries and no join: PostgreSQL asks them again about a tag that moved
	// while its lock was waited for, and would drop the row of a join. They see
	// no image that came after the question.
	qTagsForPush = `SELECT t.tag, t.image_id, coalesce((SELECT i.digest FROM images i WHERE i.id = t.image_id), ''),
		coalesce((SELECT i.status FROM images i WHERE i.id = t.image_id), '')
		FROM tags t WHERE t.repository_id = ? AND t.hidden IN (0, 1) AND t.tag {in}{pg: ORDER BY t.tag FOR UPDATE}`
	qImageForPush = `SELECT i.id, i.tag_count, ` + imageColumns + ` FROM ` + imagesTold + ` WHERE i.repository_id = ? AND i.digest = ?{pg: FOR NO KEY UPDATE OF i}`

	insertImage = `INSERT INTO images (repository_id, digest, media_type, artifact_type, subject_digest, annotations,
			size, manifest_size, pushed_at, last_pulled_at, status, tag_count, payload)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT (repository_id, digest) DO NOTHING RETURNING id`
	qInsertImage         = insertImage
	qInsertImageBlobs    = `INSERT INTO image_blobs (image_id, blob_id, repository_id) SELECT ?{pg:::bigint}, value, ?{pg:::bigint} FROM {unnest}`
	qInsertImageChildren = `INSERT INTO image_children (parent_id, child_id) SELECT ?{pg:::bigint}, value FROM {unnest}`

	insertTogether = `WITH image AS (` + insertImage + `, repository_id),
		needed AS (INSERT INTO image_blobs (image_id, blob_id, repository_id) SELECT image.id, b, image.repository_id FROM image, unnest(?::bigint[]) b),
		listed AS (INSERT INTO image_children (parent_id, child_id) SELECT image.id, c FROM image, unnest(?::bigint[]) c),
		named AS (INSERT INTO tags (repository_id, tag, image_id) SELECT image.repository_id, t, image.id FROM image, unnest(?::text[]) t
			ON CONFLICT (repository_id, hidden, tag) DO NOTHING RETURNING tag),
		counted AS (INSERT INTO image_counts (repository_id, shard, images) SELECT repository_id, ?::bigint, 1 FROM image
			ON CONFLICT (repository_id, shard) DO UPDATE SET images = image_counts.images + 1)`
	insertedTogether = `
		SELECT image.id, (SELECT coalesce(sum(c.images), 0)::bigint FROM image_counts c WHERE c.repository_id = image.repository_id),
			(SELECT count(*) FROM named) FROM image`
	qInsertTogether     = insertTogether + insertedTogether
	qInsertTogetherTold = insertTogether + `,
		told AS (INSERT INTO events (account, lane, at, body) SELECT n.account, n.lane, n.at, n.body FROM image, ` + eventsGiven + ` ORDER BY n.place RETURNING id),
		pending AS (` + notePending + `)` + insertedTogether

	qInsertTag   = `INSERT INTO tags (repository_id, tag, image_id) VALUES (?, ?, ?) ON CONFLICT (repository_id, hidden, tag) DO NOTHING`
	qMoveTag     = `UPDATE tags SET image_id = ? WHERE repository_id = ? AND hidden = 0 AND tag = ? AND image_id = ?`
	qRevealTag   = `UPDATE tags SET image_id = ?, hidden = 0 WHERE repository_id = ? AND hidden = 1 AND tag = ? AND image_id = ?`
	qAddTagCount = `UPDATE images SET tag_count = tag_count + ? WHERE id = ?`

	qCountImages = `SELECT coalesce(sum(images), 0){pg:::bigint} FROM image_counts WHERE repository_id = ?`
	qAddImages   = `INSERT INTO image_counts (repository_id, shard, images) VALUES (?, ?, ?)
		ON CONFLICT (repository_id, shard) DO UPDATE SET images = image_counts.images + excluded.images`
)

// PutImage is part of meta.ImageWriter. The limit of images per repository may
// be passed by as many pushes as PostgreSQL runs at the same moment.
func (s *Store) PutImage(ctx context.Context, in meta.PutImage) (meta.PutImageResult, error) {
	in.Tags = slices.Compact(slices.Sorted(slices.Values(in.Tags)))
	for _, tag := range in.Tags {
		if !isText(tag) {
			return meta.PutImageResult{}, registry.InvalidParameter("imageTag", "must be text")
		}
	}
	var out meta.PutImageResult
	err := s.write(ctx, func(t *tx) error {
		p := push{t: t, in: &in}
		err := p.run()
		out = p.out
		return err
	})
	if err != nil {
		return meta.PutImageResult{}, err
	}
	return out, nil
}

// push is one PutImage in its transaction.
type push struct {
	t  *tx
	in *meta.PutImage

	repo     registry.Repository
	blobs    []int64
	children []int64
	size     int64
	named    map[string]namedImage // what the given tags name now
	// arriving are the given tags that do not name this image yet.
	arriving []string
	imageID  int64
	// namedFresh: the tags that are new to the repository came with the image.
	namedFresh bool
	told       bool // the announcement came with the image, too

	out meta.PutImageResult
}

type namedImage struct {
	id     int64
	digest string
	status registry.ImageStatus
}

func (p *push) run() error {
	for _, step := range []func() error{p.findRepository, p.findBlobs, p.findChildren, p.checkTags, p.storeImage, p.storeTags, p.announce} {
		if err := step(); err != nil {
			return err
		}
	}
	if !p.out.Created && !p.out.Restored {
		return nil
	}
	return p.follow()
}

func (p *push) findRepository() error {
	var mutability, filters string
	found, err := p.t.find(qRepositoryForPush, []any{p.in.Account, p.in.Repository}, &p.repo.ID, &mutability, &filters)
	if err != nil {
		return err
	}
	if !found {
		return registry.RepositoryNotFound(p.in.Account, p.in.Repository)
	}
	p.repo.TagMutability = registry.TagMutability(mutability)
	if filters == "null" || filters == "[]" {
		return nil
	}
	return fromJSON(filters, &p.repo.MutabilityFilters)
}

// findBlobs finds what the manifest is made of and adds up its true size.
func (p *push) findBlobs() error {
	digests := p.in.Manifest.Blobs()
	ids, sizes, missing, err := p.present(qLinkedForPush, digests)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return registry.LayersNotFound(p.in.Account, p.in.Repository, missing)
	}
	p.blobs = ids
	for _, size := range sizes {
		p.size += size
	}
	return nil
}

// findChildren finds what an index lists; it is as large as the largest.
func (p *push) findChildren() error {
	ids, sizes, missing, err := p.present(qChildrenForPush, p.in.Manifest.ChildDigests())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return registry.ReferencedImagesNotFound(p.in.Account, p.in.Repository, missing)
	}
	p.children = ids
	for _, size := range sizes {
		p.size = max(p.size, size)
	}
	return nil
}

// present asks which digests there are; missing is in the order of digests.
func (p *push) present(statement string, digests []string) (ids, sizes []int64, missing []string, err error) {
	if len(digests) == 0 {
		return nil, nil, nil, nil
	}
	there := make(map[string]bool, len(digests))
	err = each(p.t.ctx, p.t, func(rows *sql.Rows) error {
		var digest string
		var id, size int64
		err := rows.Scan(&digest, &id, &size)
		there[digest] = true
		ids, sizes = append(ids, id), append(sizes, size)
		return err
	}, statement, p.repo.ID, p.t.d.stringList(digests))
	for _, d := range digests {
		if !there[d] {
			missing = append(missing, d)
		}
	}
	return ids, sizes, missing, err
}

func (p *push) checkTags() error {
	if len(p.in.Tags) == 0 {
		return nil
	}
	p.named = make(map[string]namedImage, len(p.in.Tags))
	err := each(p.t.ctx, p.t, func(rows *sql.Rows) error {
		var tag string
		var i namedImage
		err := rows.Scan(&tag, &i.id, &i.digest, &i.status)
		if err == nil && i.digest == "" {
			err = errRetry // its image is newer than the question
		}
		p.named[tag] = i
		return err
	}, qTagsForPush, p.repo.ID, p.t.d.stringList(p.in.Tags))
	if err != nil {
		return err
	}
	for _, tag := range p.in.Tags {
		named, there := p.named[tag]
		same := there && named.digest == p.in.Digest
		if !same {
			p.arriving = append(p.arriving, tag)
		}
		// Pushing an archived image again is the way to restore it at once.
		refuseSame := p.in.RefuseSameImmutable && named.status == registry.ImageActive
		if there && (!same || refuseSame) && p.repo.TagIsImmutable(tag) {
			return registry.ImageTagAlreadyExists(p.in.Repository, tag)
		}
	}
	return nil
}

// storeImage inserts the image or finds the one that is there.
func (p *push) storeImage() error {
	m := p.in.Manifest
	i := registry.Image{
		RepositoryID: p.repo.ID, Digest: p.in.Digest, MediaType: m.MediaType, ArtifactType: m.ArtifactType,
		Size: p.size, ManifestSize: int64(len(p.in.Payload)), PushedAt: fromMicros(micros(p.in.Now)),
		Status: registry.ImageActive, Tags: p.in.Tags,
	}
	var subject, annotations any
	if m.Subject != nil {
		i.SubjectDigest = m.Subject.Digest
		subject = m.Subject.Digest
		annotations = toJSON(m.Annotations)
	}
	inserted, images, err := p.insert(i, []any{i.RepositoryID, i.Digest, i.MediaType, i.ArtifactType, subject, annotations,
		i.Size, i.ManifestSize, micros(i.PushedAt), string(i.Status), int64(len(p.in.Tags)), nonNil(p.in.Payload)})
	if err != nil {
		return err
	}
	if !inserted {
		return p.findExisting()
	}
	p.out.Image, p.out.Created = i, true
	if limit := p.in.MaxTagsPerImage; limit > 0 && len(p.in.Tags) > limit {
		return registry.TooManyTagsOnImage(p.in.Account, p.in.Repository, p.in.Tags[limit], limit)
	}
	return p.checkImages(images)
}

// checkImages refuses one image more than the limit.
func (p *push) checkImages(images int64) error {
	if limit := p.in.MaxImages; limit > 0 && images >= int64(limit) {
		return registry.Errorf(registry.CodeLimitExceeded, "The repository with name '%s' in registry with id '%s' already has the maximum allowed number of images which is '%d'",
			p.in.Repository, p.in.Account, limit)
	}
	return nil
}

// countImages answers how many images there are, if there is a limit.
func (p *push) countImages() (images int64, err error) {
	if p.in.MaxImages > 0 {
		_, err = p.t.find(qCountImages, []any{p.repo.ID}, &images)
	}
	return images, err
}

// insert inserts the image with what refers to it and the tags that are new to
// the repository, and says how many images there were before.
func (p *push) insert(i registry.Image, row []any) (inserted bool, images int64, err error) {
	if p.t.d.numbered {
		return p.insertTogether(i, row)
	}
	if inserted, err = p.t.returning(qInsertImage, row, &p.imageID); err != nil || !inserted {
		return inserted, 0, err
	}
	if images, err = p.countImages(); err != nil {
		return true, 0, err
	}
	if len(p.blobs) > 0 {
		if _, err := p.t.exec(qInsertImageBlobs, p.imageID, p.repo.ID, p.t.d.intList(p.blobs)); err != nil {
			return true, 0, err
		}
	}
	if len(p.children) > 0 {
		if _, err := p.t.exec(qInsertImageChildren, p.imageID, p.t.d.intList(p.children)); err != nil {
			return true, 0, err
		}
	}
	return true, images, addImages(p.t, p.repo.ID, 1)
}

// insertTogether spares PostgreSQL five round trips.
func (p *push) insertTogether(i registry.Image, row []any) (inserted bool, images int64, err error) {
	fresh := slices.DeleteFunc(slices.Clone(p.arriving), func(tag string) bool {
		_, there := p.named[tag]
		return there
	})
	var named int
	statement := qInsertTogether
	row = append(row, p.blobs, p.children, fresh, rand.IntN(p.t.d.shards))
	if p.in.Announce != nil {
		statement = qInsertTogetherTold
		row = append(row, eventArrays(p.in.Announce(p.pushed(i)))...)
	}
	inserted, err = p.t.returning(statement, row, &p.imageID, &images, &named)
	if err == nil && inserted && named < len(fresh) {
		err = errRetry // another push of a tag was faster
	}
	p.namedFresh, p.told = inserted, inserted
	return inserted, images, err
}

func (p *push) findExisting() error {
	var raw rawImage
	var tags int
	found, err := p.t.find(qImageForPush, []any{p.repo.ID, p.in.Digest}, append([]any{&p.imageID, &tags}, raw.fields()...)...)
	if err != nil {
		return err
	}
	if !found {
		return errRetry // deleted since the insertion met it
	}
	i, err := raw.image()
	if err != nil {
		return err
	}
	if p.in.RefuseUnchanged && len(p.arriving) == 0 && i.Status == registry.ImageActive {
		id := registry.ImageID{Digest: p.in.Digest}
		if len(p.in.Tags) > 0 {
			id.Tag = p.in.Tags[0]
		}
		return registry.ImageAlreadyExists(p.in.Account, p.in.Repository, id)
	}
	if limit := p.in.MaxTagsPerImage; limit > 0 && len(p.arriving) > 0 && tags+len(p.arriving) > limit {
		first := p.arriving[max(limit-tags, 0)]
		return registry.TooManyTagsOnImage(p.in.Account, p.in.Repository, first, limit)
	}
	if i.Status != registry.ImageActive {
		if err := p.restore(i); err != nil {
			return err
		}
	}
	i.Tags = slices.Compact(slices.Sorted(slices.Values(append(i.Tags, p.arriving...))))
	p.out.Image = *i
	return p.addTagCount(p.imageID, len(p.arriving))
}

// restore takes an image that was pushed again out of the archive.
func (p *push) restore(i *registry.Image) error {
	if i.Status == registry.ImageArchived {
		images, err := p.countImages()
		if err == nil {
			err = p.checkImages(images)
		}
		if err != nil {
			return err
		}
	}
	now := micros(p.in.Now)
	archived := lockedImage{repository: p.repo.ID, id: p.imageID, digest: i.Digest, status: i.Status}
	i.Status, i.ActivatedAt, p.out.Restored = registry.ImageActive, fromMicros(now), true
	if err := archived.restore(p.t, registry.ImageActive, now); err != nil {
		return err
	}
	if err := enqueueFollow(p.t, p.in.Follow, p.repo.ID, i.Digest); err != nil {
		return err
	}
	return storeAnnounced(p.t, p.in.Announce, p.change(meta.ImageRestored, *i, nil))
}

func (p *push) addTagCount(image int64, n int) error {
	if n == 0 {
		return nil
	}
	_, err := p.t.exec(qAddTagCount, n, image)
	return err
}

func addImages(t *tx, repository int64, n int) error {
	_, err := t.exec(qAddImages, repository, rand.IntN(t.d.shards), n)
	return err
}

// storeTags makes the arriving tags name the image. The primary key decides
// between two pushes of one new tag.
func (p *push) storeTags() error {
	for _, tag := range p.arriving {
		before, there := p.named[tag]
		if !there && p.namedFresh {
			continue
		}
		var n int64
		var err error
		switch {
		case !there:
			n, err = p.t.exec(qInsertTag, p.repo.ID, tag, p.imageID)
		case before.status == registry.ImageActive:
			n, err = p.t.exec(qMoveTag, p.imageID, p.repo.ID, tag, before.id)
		default:
			n, err = p.t.exec(qRevealTag, p.imageID, p.repo.ID, tag, before.id)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return errRetry // another push of the tag was faster
		}
		if there {
			if err := p.addTagCount(before.id, -1); err != nil {
				return err
			}
		}
	}
	p.out.Tagged = p.arriving
	return nil
}

// announce tells of a push that has changed something. The image's row is held
// or new, so that nobody else tells anything of it meanwhile.
func (p *push) announce() error {
	if p.in.Announce == nil || p.told || !p.out.Created && len(p.arriving) == 0 {
		return nil
	}
	return storeAnnounced(p.t, p.in.Announce, p.pushed(p.out.Image))
}

func (p *push) pushed(i registry.Image) meta.Change {
	return p.change(meta.ImagePushed, i, imageIDs(i.Digest, p.arriving))
}

func (p *push) change(kind meta.ChangeKind, i registry.Image, ids []registry.ImageID) meta.Change {
	i.Tags = nil
	return meta.Change{Kind: kind, Account: p.in.Account, Repository: p.in.Repository, Image: i, IDs: ids}
}

// follow stores what comes with an image that is new to the repository, or
// like new.
func (p *push) follow() error {
	if p.in.Scan != nil {
		if err := startScan(p.t, p.in.Account, p.imageID, *p.in.Scan); err != nil {
			return err
		}
	}
	return enqueue(p.t, p.in.Jobs)
}
