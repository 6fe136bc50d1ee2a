package sql

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const repositoryColumns = `id, account, name, created_at, tag_mutability, mutability_filters, scan_on_push, encryption_type, kms_key, tags`

const (
	qInsertRepository = `INSERT INTO repositories (account, name, created_at, tag_mutability, mutability_filters, scan_on_push, encryption_type, kms_key, tags)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, name) DO NOTHING RETURNING id`
	qRepository             = `SELECT ` + repositoryColumns + ` FROM repositories WHERE account = ? AND name = ?`
	qRepositoryForUpdate    = qRepository + `{pg: FOR UPDATE}`
	qRepositoryID           = `SELECT id FROM repositories WHERE account = ? AND name = ?`
	qRepositoryIDForShare   = qRepositoryID + `{pg: FOR KEY SHARE}`
	qRepositoryIDForArchive = qRepositoryID + `{pg: FOR NO KEY UPDATE}`
	qListRepositories       = `SELECT ` + repositoryColumns + ` FROM repositories WHERE account = ? AND name > ? ORDER BY name LIMIT ?`
	qUpdateRepository       = `UPDATE repositories SET tag_mutability = ?, mutability_filters = ?, scan_on_push = ?, tags = ? WHERE id = ?`
	qCountRepositories      = `SELECT count(*) FROM repositories WHERE account = ?`
	qRepositoryHasImage     = `SELECT 1 FROM images WHERE repository_id = ? LIMIT 1`
	qImagesToAnnounce       = `SELECT i.digest, i.status, ` + toldOfImage + `, CASE WHEN i.tag_count = 0 THEN '[]' ELSE {tags} END FROM images i WHERE i.repository_id = ? AND i.digest > ? ORDER BY i.digest LIMIT ?`
	qHideRepository         = `UPDATE repositories SET account = NULL WHERE id = ?`
)

// CreateRepository is part of meta.Repositories.
func (s *Store) CreateRepository(ctx context.Context, r *registry.Repository, most int, documents ...meta.RepositoryDocument) error {
	texts := []string{r.Account, r.Name, r.Encryption.Type, r.Encryption.KMSKey}
	for _, d := range documents {
		texts = append(texts, string(d.Kind), d.Text)
	}
	if slices.ContainsFunc(texts, func(text string) bool { return !isText(text) }) {
		return registry.InvalidParameter("repositoryName", "must be text")
	}
	return s.createRepository(ctx, r, most, documents)
}

func (s *Store) createRepository(ctx context.Context, r *registry.Repository, most int, documents []meta.RepositoryDocument) error {
	created := fromMicros(micros(r.CreatedAt))
	tags := sortedTags(r.Tags)
	defer s.repositoriesChanged()
	return s.write(ctx, func(t *tx) error {
		var id int64
		inserted, err := t.returning(qInsertRepository, []any{r.Account, r.Name, micros(r.CreatedAt), string(r.TagMutability),
			toJSON(r.MutabilityFilters), r.ScanOnPush, r.Encryption.Type, r.Encryption.KMSKey, toJSON(tags)}, &id)
		if err != nil {
			return err
		}
		if !inserted {
			return registry.RepositoryAlreadyExists(r.Account, r.Name)
		}
		if err := roomForRepository(t, r.Account, id, most); err != nil {
			return err
		}
		for _, d := range documents {
			if _, err := t.exec(qPutDocument, id, string(d.Kind), d.Text, micros(d.UpdatedAt), micros(d.EvaluatedAt)); err != nil {
				return err
			}
		}
		r.ID, r.CreatedAt, r.Tags = id, created, tags
		return nil
	})
}

func sortedTags(tags []registry.ResourceTag) []registry.ResourceTag {
	return slices.SortedFunc(slices.Values(tags), func(a, b registry.ResourceTag) int { return cmp.Compare(a.Key, b.Key) })
}

// roomForRepository refuses a repository that was inserted above the limit.
// Ids count up from 1, so that up to the limit nothing needs to be counted.
func roomForRepository(t *tx, account string, id int64, most int) error {
	if most <= 0 || id <= int64(most) {
		return nil
	}
	if err := takeTurns(t, most, "repository", account); err != nil {
		return err
	}
	var n int64
	if _, err := t.find(qCountRepositories, []any{account}, &n); err != nil {
		return err
	}
	if n > int64(most) {
		return registry.TooManyRepositories(account, most)
	}
	return nil
}

// Repository is part of meta.Repositories.
func (s *Store) Repository(ctx context.Context, account, name string) (*registry.Repository, error) {
	key := nameOf{account, name}
	known, ok, changes := s.repositories.get(key)
	if ok {
		return &known, nil
	}
	r, err := findRepository(ctx, s.read, qRepository, account, name)
	if err == nil {
		s.repositories.put(key, *r, changes)
	}
	return r, err
}

// repositoryID answers the id behind a name or RepositoryNotFound.
func (s *Store) repositoryID(ctx context.Context, account, name string) (int64, error) {
	r, err := s.Repository(ctx, account, name)
	if err != nil {
		return 0, err
	}
	return r.ID, nil
}

// findRepository answers a repository or RepositoryNotFound.
func findRepository(ctx context.Context, from statements, statement, account, name string) (*registry.Repository, error) {
	var raw rawRepository
	found, err := from.row(ctx, statement, []any{account, name}, raw.fields()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, registry.RepositoryNotFound(account, name)
	}
	return raw.repository()
}

// sharedRepositoryID answers, within a transaction that keeps the repository
// from being deleted, the id behind a name or RepositoryNotFound.
func sharedRepositoryID(t *tx, account, name string) (int64, error) {
	return lockRepository(t, qRepositoryIDForShare, account, name)
}

func lockRepository(t *tx, statement, account, name string) (int64, error) {
	var id int64
	found, err := t.find(statement, []any{account, name}, &id)
	if err == nil && !found {
		err = registry.RepositoryNotFound(account, name)
	}
	return id, err
}

// repositoryIDForArchive waits for the pushes into a repository and has new ones
// wait: a push that finds no tag, hidden or not, may rely on it.
func repositoryIDForArchive(t *tx, account, name string) (int64, error) {
	return lockRepository(t, qRepositoryIDForArchive, account, name)
}

// rawRepository is a row of repositories as it is stored.
type rawRepository struct {
	r                           registry.Repository
	created                     int64
	mutability, filters, labels string
}

func (w *rawRepository) fields() []any {
	return []any{&w.r.ID, &w.r.Account, &w.r.Name, &w.created, &w.mutability, &w.filters,
		&w.r.ScanOnPush, &w.r.Encryption.Type, &w.r.Encryption.KMSKey, &w.labels}
}

func (w *rawRepository) repository() (*registry.Repository, error) {
	w.r.CreatedAt = fromMicros(w.created)
	w.r.TagMutability = registry.TagMutability(w.mutability)
	if err := fromJSON(w.filters, &w.r.MutabilityFilters); err != nil {
		return nil, err
	}
	return &w.r, fromJSON(w.labels, &w.r.Tags)
}

// ListRepositories is part of meta.Repositories.
func (s *Store) ListRepositories(ctx context.Context, account, after string, limit int) ([]registry.Repository, error) {
	var all []registry.Repository
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var raw rawRepository
		if err := rows.Scan(raw.fields()...); err != nil {
			return err
		}
		r, err := raw.repository()
		if err == nil {
			all = append(all, *r)
		}
		return err
	}, qListRepositories, account, after, max(limit, 0))
	return all, err
}

// UpdateRepository is part of meta.Repositories.
func (s *Store) UpdateRepository(ctx context.Context, account, name string, change func(*registry.Repository) error) (*registry.Repository, error) {
	var updated *registry.Repository
	defer s.repositoriesChanged()
	err := s.write(ctx, func(t *tx) error {
		before, err := findRepository(t.ctx, t, qRepositoryForUpdate, account, name)
		if err != nil {
			return err
		}
		r := *before
		if err := change(&r); err != nil {
			return err
		}
		// What never changes is as it was, whatever change did to it.
		r.ID, r.Account, r.Name, r.CreatedAt, r.Encryption = before.ID, before.Account, before.Name, before.CreatedAt, before.Encryption
		r.Tags = sortedTags(r.Tags)
		updated = &r
		_, err = t.exec(qUpdateRepository, string(r.TagMutability), toJSON(r.MutabilityFilters), r.ScanOnPush, toJSON(r.Tags), r.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteRepository is part of meta.Repositories. A large repository disappears
// at once; what it held is removed in steps by the purger, so that nobody waits
// for it.
func (s *Store) DeleteRepository(ctx context.Context, account, name string, force bool, announce meta.Announce) (*registry.Repository, error) {
	var deleted *registry.Repository
	finished := true
	defer s.repositoriesChanged()
	err := s.write(ctx, func(t *tx) error {
		r, err := findRepository(t.ctx, t, qRepositoryForUpdate, account, name)
		if err != nil {
			return err
		}
		if !force {
			var one int
			switch held, err := t.find(qRepositoryHasImage, []any{r.ID}, &one); {
			case err != nil:
				return err
			case held:
				return registry.RepositoryNotEmpty(account, name)
			}
		}
		if _, err := t.exec(qHideRepository, r.ID); err != nil {
			return err
		}
		if err := announceContent(t, announce, r); err != nil {
			return err
		}
		if err := repositoryGone(t, r.ID, time.Now()); err != nil {
			return err
		}
		deleted = r
		finished, err = purgeRepositoryStep(t, r.ID, time.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	if !finished {
		s.purge.wake()
	}
	return deleted, nil
}

// announcePage is how many images of a repository that goes are told of at a
// time.
const announcePage = 500

// announceContent tells of all images of a repository that is being deleted. Its
// row is held, so that nothing else is told of them: pushes, deletions and scans
// hold a share of it.
func announceContent(t *tx, announce meta.Announce, r *registry.Repository) error {
	if announce == nil {
		return nil
	}
	for after, more := "", true; more; {
		var events []meta.Event
		n := 0
		err := each(t.ctx, t, func(rows *sql.Rows) error {
			i := lockedImage{repository: r.ID}
			var status, labels string
			if err := rows.Scan(append(append([]any{&i.digest, &status}, i.told.fields()...), &labels)...); err != nil {
				return err
			}
			var tags []string
			if err := fromJSON(labels, &tags); err != nil {
				return err
			}
			i.status = registry.ImageStatus(status)
			events = append(events, announce(i.change(meta.ImageDeleted, r.Account, r.Name, imageIDs(i.digest, tags)))...)
			after, n = i.digest, n+1
			return nil
		}, qImagesToAnnounce, r.ID, after, announcePage)
		if err != nil {
			return err
		}
		if err := appendEvents(t, events); err != nil {
			return err
		}
		more = n == announcePage
	}
	return nil
}
