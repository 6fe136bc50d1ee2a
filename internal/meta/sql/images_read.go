package sql

import (
	"context"
	"database/sql"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const imageColumns = `i.repository_id, i.digest, i.media_type, i.artifact_type, coalesce(i.subject_digest, ''), i.size, i.manifest_size,
	i.pushed_at, i.last_pulled_at, i.status, coalesce(a.archived_at, 0), coalesce(a.activated_at, 0), CASE WHEN i.tag_count = 0 THEN '[]' ELSE {tags} END`

// imagesTold is images with what imageColumns names of them.
const imagesTold = `images i{index} LEFT JOIN image_archive a ON a.image_id = i.id`

const (
	qManifestByTag = `SELECT i.repository_id, i.digest, i.media_type, i.payload
		FROM repositories r JOIN tags t ON t.repository_id = r.id JOIN images i ON i.id = t.image_id
		WHERE r.account = ? AND r.name = ? AND t.hidden = 0 AND t.tag = ? AND i.status = 'ACTIVE'`
	qManifestByDigest = `SELECT i.repository_id, i.digest, i.media_type, i.payload
		FROM repositories r JOIN images i ON i.repository_id = r.id
		WHERE r.account = ? AND r.name = ? AND i.digest = ? AND i.status = 'ACTIVE'`

	qImagesByDigest = `SELECT i.digest, ` + imageColumns + ` FROM ` + imagesTold + ` WHERE i.repository_id = ? AND i.digest {in}`
	qImagesByTag    = `SELECT t.tag, ` + imageColumns + ` FROM tags t JOIN images i ON i.id = t.image_id
		LEFT JOIN image_archive a ON a.image_id = i.id WHERE t.repository_id = ? AND t.hidden IN (0, 1) AND t.tag {in}`

	listImages       = `SELECT ` + imageColumns + ` FROM ` + imagesTold + ` WHERE i.repository_id = ? AND i.digest > ?`
	listImageIDs     = `SELECT i.digest, coalesce(t.tag, '') AS tag FROM images i{index} {each_tag} WHERE i.repository_id = ? AND i.digest >= ? AND (i.digest > ? OR t.tag > ?)`
	ofStatus         = ` AND i.status = ?`
	qListTags        = `SELECT tag FROM tags WHERE repository_id = ? AND hidden = 0 AND tag > ? ORDER BY tag LIMIT ?`
	listReferrers    = `SELECT i.digest, i.media_type, i.artifact_type, i.manifest_size, coalesce(i.annotations, ''), i.status FROM images i WHERE i.repository_id = ? AND i.subject_digest = ? AND i.digest > ?`
	ofArtifactTypes  = ` AND i.artifact_type {in}`
	pageOfReferrers  = ` ORDER BY i.digest LIMIT ?`
	initialListAlloc = 100
)

// Manifest is part of meta.ImageReader.
func (s *Store) Manifest(ctx context.Context, account, repository string, ref registry.Reference) (*registry.StoredManifest, error) {
	statement, name := qManifestByTag, ref.Tag
	if ref.Tag == "" {
		statement, name = qManifestByDigest, ref.Digest
	}
	key := manifestKey{account, repository, name}
	m, commits := s.manifests.get(key)
	found := m != nil
	if !found {
		m = &registry.StoredManifest{}
		var err error
		found, err = s.read.row(ctx, statement, []any{account, repository, name}, &m.RepositoryID, &m.Digest, &m.MediaType, &m.Payload)
		if err != nil {
			return nil, err
		}
		if found {
			s.manifests.put(key, m, commits)
		}
	}
	if found && (ref.Digest == "" || ref.Digest == m.Digest) {
		return m, nil
	}
	if _, err := s.repositoryID(ctx, account, repository); err != nil {
		return nil, err
	}
	return nil, registry.ImageNotFound(account, repository, ref)
}

// rawImage is a row of imageColumns.
type rawImage struct {
	i                                   registry.Image
	pushed, pulled, archived, activated int64
	status, tags                        string
}

func (w *rawImage) fields() []any {
	return []any{&w.i.RepositoryID, &w.i.Digest, &w.i.MediaType, &w.i.ArtifactType, &w.i.SubjectDigest, &w.i.Size, &w.i.ManifestSize,
		&w.pushed, &w.pulled, &w.status, &w.archived, &w.activated, &w.tags}
}

func (w *rawImage) image() (*registry.Image, error) {
	w.i.PushedAt, w.i.LastPulledAt = fromMicros(w.pushed), fromMicros(w.pulled)
	w.i.ArchivedAt, w.i.ActivatedAt = fromMicros(w.archived), fromMicros(w.activated)
	w.i.Status = registry.ImageStatus(w.status)
	if w.tags == "[]" {
		return &w.i, nil
	}
	return &w.i, fromJSON(w.tags, &w.i.Tags)
}

// Images is part of meta.ImageReader.
func (s *Store) Images(ctx context.Context, account, repository string, ids []registry.ImageID) ([]*registry.Image, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return nil, err
	}
	var tags, digests []string
	for _, want := range ids {
		if want.Tag != "" {
			tags = append(tags, want.Tag)
		} else if want.Digest != "" {
			digests = append(digests, want.Digest)
		}
	}
	byTag, err := s.imagesBy(ctx, qImagesByTag, id, tags)
	if err != nil {
		return nil, err
	}
	byDigest, err := s.imagesBy(ctx, qImagesByDigest, id, digests)
	if err != nil {
		return nil, err
	}
	answer := make([]*registry.Image, len(ids))
	for n, want := range ids {
		if want.Tag == "" {
			answer[n] = byDigest[want.Digest]
		} else if i := byTag[want.Tag]; i != nil && (want.Digest == "" || want.Digest == i.Digest) {
			answer[n] = i
		}
	}
	return answer, nil
}

// imagesBy answers images by the first column of a statement.
func (s *Store) imagesBy(ctx context.Context, statement string, repository int64, names []string) (map[string]*registry.Image, error) {
	all := make(map[string]*registry.Image, len(names))
	if len(names) == 0 {
		return all, nil
	}
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var name string
		var raw rawImage
		if err := rows.Scan(append([]any{&name}, raw.fields()...)...); err != nil {
			return err
		}
		i, err := raw.image()
		all[name] = i
		return err
	}, statement, repository, s.d.stringList(names))
	return all, err
}

// ListImages is part of meta.ImageReader.
func (s *Store) ListImages(ctx context.Context, account, repository string, q meta.ImageQuery) ([]registry.Image, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return nil, err
	}
	statement, args := pageOf(s.d, q, imagePage(), id, q.After.Digest)
	all := make([]registry.Image, 0, max(min(q.Limit, initialListAlloc), 0))
	err = each(ctx, s.read, func(rows *sql.Rows) error {
		var raw rawImage
		if err := rows.Scan(raw.fields()...); err != nil {
			return err
		}
		i, err := raw.image()
		if err == nil {
			all = append(all, *i)
		}
		return err
	}, statement, args...)
	return all, err
}

func withStatus(status registry.ImageStatus, statement string, args []any) (string, []any) {
	if status == registry.ImageAnyStatus {
		return statement, args
	}
	if status == "" {
		status = registry.ImageActive
	}
	return statement + ofStatus, append(args, string(status))
}

// ListImageIDs is part of meta.ImageReader.
func (s *Store) ListImageIDs(ctx context.Context, account, repository string, q meta.ImageQuery) ([]registry.ImageID, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return nil, err
	}
	statement, args := pageOf(s.d, q, imageIDPage(), id, q.After.Digest, q.After.Digest, q.After.Tag)
	all := make([]registry.ImageID, 0, max(min(q.Limit, initialListAlloc), 0))
	err = each(ctx, s.read, func(rows *sql.Rows) error {
		var i registry.ImageID
		err := rows.Scan(&i.Digest, &i.Tag)
		all = append(all, i)
		return err
	}, statement, args...)
	return all, err
}

// ListTags is part of meta.ImageReader.
func (s *Store) ListTags(ctx context.Context, account, repository, after string, limit int) ([]string, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return nil, err
	}
	return column[string](ctx, s.read, qListTags, id, after, max(limit, 0))
}

// Referrers is part of meta.ImageReader.
func (s *Store) Referrers(ctx context.Context, account, repository, subject string, q meta.ReferrerQuery) ([]registry.Referrer, error) {
	id, err := s.repositoryID(ctx, account, repository)
	if err != nil {
		return nil, err
	}
	statement, args := withStatus(q.Status, listReferrers, []any{id, subject, q.After})
	if len(q.ArtifactTypes) > 0 {
		statement += ofArtifactTypes
		args = append(args, s.d.stringList(q.ArtifactTypes))
	}
	var all []registry.Referrer
	err = each(ctx, s.read, func(rows *sql.Rows) error {
		var r registry.Referrer
		var annotations string
		if err := rows.Scan(&r.Digest, &r.MediaType, &r.ArtifactType, &r.Size, &annotations, &r.Status); err != nil {
			return err
		}
		if annotations != "" {
			if err := fromJSON(annotations, &r.Annotations); err != nil {
				return err
			}
		}
		all = append(all, r)
		return nil
	}, statement+pageOfReferrers, append(args, max(q.Limit, 0))...)
	return all, err
}
