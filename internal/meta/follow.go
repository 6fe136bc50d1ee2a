package meta

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
)

// FollowJob makes the job that calls FollowSubject for the referrers of an image
// that went, or came to another storage class. It is called within the
// transaction of that change, perhaps twice, and only if the image has
// referrers; its job takes the place of one of its name that waits. Nil makes
// none.
type FollowJob func(repositoryID int64, subject string) job.Job

// Followers has reference artifacts follow their subject.
type Followers interface {
	// FollowSubject looks at a page of a subject's referrers and does with them
	// what became of the subject: those of one that is gone are deleted with
	// their tags, those of one that is ARCHIVED are archived, those of an
	// ACTIVE one that were archived with it are restored. It does nothing in a
	// repository that is gone.
	FollowSubject(ctx context.Context, in FollowSubject) (Followed, error)
}

// FollowSubject is a page of referrers that follow their subject.
type FollowSubject struct {
	RepositoryID int64
	Subject      string
	// At is when the subject went: referrers that were pushed or restored later
	// are not deleted or archived.
	At time.Time
	// After is the digest after which the page begins.
	After string
	Limit int
	Now   time.Time
	// Follow is for the referrers of the referrers.
	Follow   FollowJob
	Announce Announce // of referrers that followed
}

// Followed is what became of a page of referrers.
type Followed struct {
	// Subject is the status of the subject, empty when it is gone.
	Subject registry.ImageStatus
	Changed int
	// Held is how many could not follow: an index needs them, or they are being
	// restored.
	Held int
	// Next is where the next page begins, empty when this one was the last.
	Next string
}
