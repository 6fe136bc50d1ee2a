package sql

import (
	"context"
	"database/sql"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	qHasReferrer = `SELECT 1 FROM images WHERE repository_id = ? AND subject_digest = ? LIMIT 1`
	// What happened last to a subject decides when its referrers are looked at.
	qEnqueueFollow = `INSERT INTO jobs (kind, key, payload, run_at, attempts, state, reason) VALUES (?, ?, ?, ?, 0, 'waiting', '')
		ON CONFLICT (kind, key) WHERE state = 'waiting' DO UPDATE SET run_at = excluded.run_at, payload = excluded.payload`

	qSubject             = `SELECT status FROM images WHERE repository_id = ? AND digest = ?`
	qSubjectForShare     = qSubject + `{pg: FOR SHARE}`
	qRepositoryOfID      = `SELECT account, name FROM repositories WHERE id = ? AND account IS NOT NULL`
	qRepositoryToShare   = qRepositoryOfID + `{pg: FOR KEY SHARE}`
	qRepositoryToArchive = qRepositoryOfID + `{pg: FOR NO KEY UPDATE}`
	qFollowers           = `SELECT i.id, i.digest, i.status, i.pushed_at, coalesce(a.activated_at, 0), coalesce(a.with_subject, 0), ` + toldOfImage + `
		FROM images i LEFT JOIN image_archive a ON a.image_id = i.id
		WHERE i.repository_id = ? AND i.subject_digest = ? AND i.digest > ? ORDER BY i.digest LIMIT ?{pg: FOR UPDATE OF i}`
)

// enqueueFollow has the referrers of an image follow it, if it has any. A
// referrer whose push has not committed yet counts as pushed after it.
func enqueueFollow(t *tx, follow meta.FollowJob, repository int64, subject string) error {
	if follow == nil {
		return nil
	}
	var one int
	if found, err := t.find(qHasReferrer, []any{repository, subject}, &one); err != nil || !found {
		return err
	}
	j := follow(repository, subject)
	_, err := t.exec(qEnqueueFollow, j.Kind, j.Key, nonNil(j.Payload), micros(j.RunAt))
	return err
}

// FollowSubject is part of meta.Followers.
func (s *Store) FollowSubject(ctx context.Context, in meta.FollowSubject) (meta.Followed, error) {
	var out meta.Followed
	err := s.write(ctx, func(t *tx) error {
		f := following{t: t, in: in}
		err := f.run()
		out = f.out
		return err
	})
	if err != nil {
		return meta.Followed{}, err
	}
	return out, nil
}

// following is one FollowSubject in its transaction.
type following struct {
	t   *tx
	in  meta.FollowSubject
	out meta.Followed

	account, repository string
}

// follower is a referrer that may have to follow its subject.
type follower struct {
	lockedImage
	// arrived is when it was pushed, or restored after that.
	arrived     int64
	withSubject bool
}

func (f *following) run() error {
	there, err := f.lock()
	if err != nil || !there || f.out.Subject == registry.ImageActivating {
		return err
	}
	page, err := f.page()
	if err != nil {
		return err
	}
	for _, r := range page {
		if err := f.follow(r); err != nil {
			return err
		}
		f.out.Next = r.digest
	}
	return nil
}

// lock finds the subject as it stays until the transaction ends, and says
// whether there is a repository.
func (f *following) lock() (bool, error) {
	before, err := f.subject(qSubject)
	if err != nil {
		return false, err
	}
	statement := qRepositoryToShare
	if before == registry.ImageArchived {
		statement = qRepositoryToArchive
	}
	if there, err := f.t.find(statement, []any{f.in.RepositoryID}, &f.account, &f.repository); err != nil || !there {
		return false, err
	}
	f.out.Subject, err = f.subject(qSubjectForShare)
	if err == nil && f.out.Subject != before {
		err = errRetry
	}
	return true, err
}

func (f *following) subject(statement string) (registry.ImageStatus, error) {
	var status string
	_, err := f.t.find(statement, []any{f.in.RepositoryID, f.in.Subject}, &status)
	return registry.ImageStatus(status), err
}

// page locks a page of referrers, whatever is to be done with them: a step
// reads no more than that.
func (f *following) page() (all []follower, err error) {
	err = each(f.t.ctx, f.t, func(rows *sql.Rows) error {
		r := follower{lockedImage: lockedImage{repository: f.in.RepositoryID}}
		var status string
		var pushed, activated int64
		err := rows.Scan(append([]any{&r.id, &r.digest, &status, &pushed, &activated, &r.withSubject}, r.told.fields()...)...)
		r.status, r.arrived = registry.ImageStatus(status), max(pushed, activated)
		all = append(all, r)
		return err
	}, qFollowers, f.in.RepositoryID, f.in.Subject, f.in.After, max(f.in.Limit, 0))
	return all, err
}

// follow does with a referrer what became of its subject.
func (f *following) follow(r follower) (err error) {
	var changed, held bool
	earlier := r.arrived <= micros(f.in.At)
	switch {
	case f.out.Subject == "" && earlier:
		changed, held, err = f.remove(r)
	case f.out.Subject == registry.ImageArchived && earlier && r.status != registry.ImageArchived:
		changed, held, err = f.archive(r)
	case f.out.Subject == registry.ImageActive && r.status == registry.ImageArchived && r.withSubject:
		changed, err = true, r.restore(f.t, registry.ImageActive, micros(f.in.Now))
		if err == nil {
			err = f.followed(r, meta.ImageRestored, registry.ImageActive)
		}
	}
	if changed {
		f.out.Changed++
	}
	if held {
		f.out.Held++
	}
	return err
}

func (f *following) remove(r follower) (changed, held bool, err error) {
	d := removal{t: f.t, lockedImage: r.lockedImage, follow: f.in.Follow}
	parents, err := d.parents()
	if err != nil || len(parents) > 0 {
		return false, true, err
	}
	var tags []string
	if f.in.Announce != nil {
		if tags, err = column[string](f.t.ctx, f.t, qTagsOfImage, r.id); err != nil {
			return false, false, err
		}
	}
	if err := d.deleteImage(); err != nil {
		return false, false, err
	}
	return true, false, storeAnnounced(f.t, f.in.Announce, r.change(meta.ImageDeleted, f.account, f.repository, imageIDs(r.digest, tags)))
}

// followed tells of a referrer that has come to another storage class, and has
// its own referrers follow it.
func (f *following) followed(r follower, kind meta.ChangeKind, status registry.ImageStatus) error {
	if err := enqueueFollow(f.t, f.in.Follow, r.repository, r.digest); err != nil {
		return err
	}
	r.status = status
	return storeAnnounced(f.t, f.in.Announce, r.change(kind, f.account, f.repository, nil))
}

func (f *following) archive(r follower) (changed, held bool, err error) {
	if r.status == registry.ImageActivating {
		return false, true, nil
	}
	parents, err := column[string](f.t.ctx, f.t, qUnarchivedParents, r.id)
	if err != nil || len(parents) > 0 {
		return false, true, err
	}
	if err := r.lockedImage.archive(f.t, micros(f.in.Now), 1); err != nil {
		return false, false, err
	}
	return true, false, f.followed(r, meta.ImageArchived, registry.ImageArchived)
}
