package external

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
)

// JobKind is the kind of the jobs that do a step of a scan.
const JobKind = "external-scan"

// enginePrefix begins the names of the engines that scanners of others are.
const enginePrefix = "EXTERNAL:"

// Engine is what scans by a scanner say that they were made with.
func Engine(scanner string) string { return enginePrefix + scanner }

// ScannerOf is the inverse of Engine; false for engines of our own.
func ScannerOf(engine string) (string, bool) { return strings.CutPrefix(engine, enginePrefix) }

// step is the payload of a job: an image, and how far its scan has come.
type step struct {
	scan.Target
	// Scanner is the id of the registration that was asked, Request what that
	// calls the scan, and MediaType the report that it makes. All are empty until
	// a scan was asked for.
	Scanner   string    `json:"scanner,omitempty"`
	Request   string    `json:"request,omitempty"`
	MediaType string    `json:"mediaType,omitempty"`
	Updated   time.Time `json:"updated,omitzero"` // the scanner's data
	Asked     time.Time `json:"asked,omitzero"`
	// Asks counts how often a scan was asked for.
	Asks int `json:"asks,omitempty"`
}

// NewJob makes the job that begins the scan of a target.
func NewJob(t scan.Target) job.Job { return step{Target: t}.job(t.RequestedAt) }

// job is keyed by when the scan was requested, too: what is left of an older one
// must not stand in its way.
func (s step) job(at time.Time) job.Job {
	// Encoding a plain struct of strings, numbers and times cannot fail.
	payload, _ := json.Marshal(s)
	return job.Job{Kind: JobKind, Key: fmt.Sprintf("%d/%s/%d/%d", s.RepositoryID, s.Digest, s.RequestedAt.UnixNano(), s.Asks), Payload: payload, RunAt: at}
}

func decodeStep(j job.Job) (step, error) {
	var s step
	if err := json.Unmarshal(j.Payload, &s); err != nil {
		return s, job.Permanent(registry.Internal("reading a job of an external scanner", err))
	}
	return s, nil
}
