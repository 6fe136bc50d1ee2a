package enhanced

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
)

// The kinds of jobs. All of them can be done twice.
const (
	ScanJob     = "enhanced-scan"     // look at one image
	EnrolJob    = "enhanced-enrol"    // look at all images of an account
	WindowsJob  = "enhanced-windows"  // compute the windows of an account's images anew
	RematchJob  = "enhanced-rematch"  // follow the advisories
	ResettleJob = "enhanced-resettle" // ask again what is suppressed
)

// Cause is why an image is looked at.
type Cause string

// The causes.
const (
	Pushed   Cause = "pushed"   // again, too
	Restored Cause = "restored" // from the archive
	Enrolled Cause = "enrolled" // the configuration has come to it
	Due      Cause = "due"      // somebody has to look again
	Amended  Cause = "amended"  // what lies beside it says something else
)

// Target is an image to be looked at.
type Target struct {
	Account      string    `json:"account"`
	Repository   string    `json:"repository"`
	RepositoryID int64     `json:"repositoryId"`
	Digest       string    `json:"digest"`
	Cause        Cause     `json:"cause"`
	At           time.Time `json:"at"` // of the cause
}

// NewScanJob makes the job that looks at an image. One that waits already stays as
// it is: what pushed an image again is never less than what else made it wait.
func NewScanJob(t Target) job.Job {
	key := fmt.Sprintf("%d/%s", t.RepositoryID, t.Digest)
	if t.Cause == Pushed || t.Cause == Restored {
		key += "/new"
	}
	if t.Cause == Amended {
		key += "/amended" // what else waits may end without a look
	}
	return newJob(ScanJob, key, t, t.At)
}

// newJob encodes a payload, a plain struct of strings, numbers and times, which
// cannot fail.
func newJob(kind, key string, payload any, at time.Time) job.Job {
	encoded, _ := json.Marshal(payload)
	return job.Job{Kind: kind, Key: key, Payload: encoded, RunAt: at}
}

// walk is the payload of jobs that go through what an account has, and how far
// they have come.
type walk struct {
	Account    string `json:"account"`
	Repository string `json:"repository,omitempty"` // only this one
	Digest     string `json:"digest,omitempty"`     // only this image of it
	After      int64  `json:"after,omitempty"`      // coverage
	Rest       bool   `json:"rest,omitempty"`       // of an enrolment
}

// NewEnrolJob makes the job that brings an account to its configuration.
func NewEnrolJob(account string, at time.Time) job.Job {
	return newJob(EnrolJob, account, walk{Account: account}, at)
}

// NewWindowsJob makes the job that computes windows anew.
func NewWindowsJob(account string, at time.Time) job.Job {
	return newJob(WindowsJob, account, walk{Account: account}, at)
}

// NewResettleJob makes the job that asks again what is suppressed in a repository,
// or in all of an account.
func NewResettleJob(account, repository string, at time.Time) job.Job {
	return newJob(ResettleJob, account+"/"+repository, walk{Account: account, Repository: repository}, at)
}

// AccountOf answers the account whose images a job goes through; empty where it
// goes through none, or cannot be read.
func AccountOf(j job.Job) string {
	on, err := decode[walk](j)
	if err != nil {
		return ""
	}
	return on.Account
}

// NewResettleImageJob makes the job that asks again what is suppressed in an image.
func NewResettleImageJob(account, repository, digest string, at time.Time) job.Job {
	return newJob(ResettleJob, account+"/"+repository+"@"+digest, walk{Account: account, Repository: repository, Digest: digest}, at)
}

// NewRematchJob makes the job that follows the advisories.
func NewRematchJob(at time.Time) job.Job { return newJob(RematchJob, "", struct{}{}, at) }

func decode[T any](j job.Job) (T, error) {
	var t T
	if err := json.Unmarshal(j.Payload, &t); err != nil {
		return t, job.Permanent(registry.Internal("reading a job of enhanced scanning", err))
	}
	return t, nil
}
