package scan

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
)

// JobKind is the kind of the jobs that scan one image.
const JobKind = "scan"

// Target is an image that is to be scanned.
type Target struct {
	Account      string    `json:"account"`
	Repository   string    `json:"repository"`
	RepositoryID int64     `json:"repositoryId"`
	Digest       string    `json:"digest"`
	Engine       string    `json:"engine"`
	RequestedAt  time.Time `json:"requestedAt"`
}

// NewJob makes the job that scans a target.
func NewJob(t Target) job.Job {
	// Encoding a plain struct of strings and numbers cannot fail.
	payload, _ := json.Marshal(t)
	// A scan that was asked for later is another: the one that waits would end the one before only.
	return job.Job{Kind: JobKind, Key: fmt.Sprintf("%d/%s/%d", t.RepositoryID, t.Digest, t.RequestedAt.UnixMicro()), Payload: payload, RunAt: t.RequestedAt}
}

func decodeTarget(j job.Job) (Target, error) {
	var t Target
	if err := json.Unmarshal(j.Payload, &t); err != nil {
		return t, registry.Internal("reading a scan job", err)
	}
	return t, nil
}
