package external

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

const (
	// maxAttempts is how often a step is tried that fails for what may pass, and
	// maxAsks how often a scan is asked for that an adapter has forgotten.
	maxAttempts = 8
	maxAsks     = 3
	// patience is how long an adapter may take for a report. What it was given to
	// pull the image with ends then, too.
	patience = time.Hour
)

// Registration is a scanner as it is configured.
type Registration struct {
	ID   string // another for one that was added anew under its name
	Name string
	Endpoint
	// RegistryURL is where the scanner reaches this registry.
	RegistryURL string
}

// ErrNoScanner is what Registrations answer about a scanner that is not
// configured.
var ErrNoScanner = errors.New("external: no such scanner")

// Registrations answers how scanners are configured, and what they prove
// themselves with to this registry.
type Registrations interface {
	// ScannerNamed answers a scanner of an account, or of the whole instance.
	// Errors: ErrNoScanner.
	ScannerNamed(ctx context.Context, account, name string) (Registration, error)
	// PullAuthorization answers the value of a header by which a scanner may pull
	// from one repository, for a time.
	PullAuthorization(account, repository string, by Registration, life time.Duration) (string, error)
}

// Adapters are called by a Scanner; a Client does.
type Adapters interface {
	Metadata(ctx context.Context, e Endpoint) (Metadata, error)
	Submit(ctx context.Context, e Endpoint, r Request) (string, error)
	Report(ctx context.Context, e Endpoint, id, mediaType, digest string) ([]match.Finding, error)
}

// Queue is where the next step of a scan is put.
type Queue interface {
	Enqueue(ctx context.Context, jobs ...job.Job) error
}

// Scanner has adapters scan images. It has no goroutines of its own: a job.Runner
// calls Handle.
type Scanner struct {
	Registrations Registrations
	Adapters      Adapters
	Manifests     scan.Manifests
	Queue         Queue
	Finisher      scan.Finisher
	Now           func() time.Time
	Logger        *slog.Logger
}

// Handle does one step: it asks for a scan, or whether that has come to its end.
func (s *Scanner) Handle(ctx context.Context, j job.Job) error {
	t, err := decodeStep(j)
	if err != nil {
		return err
	}
	var findings []match.Finding
	var next *job.Job
	err = errNeverEnded
	if j.Attempts <= maxAttempts {
		findings, next, err = s.take(ctx, &t)
	}
	var fault *AdapterError
	var image scan.ImageError
	switch {
	case gone(err):
		return nil
	case err == nil && next != nil:
		return s.Queue.Enqueue(ctx, *next)
	case err == nil:
		return s.finish(ctx, t, findings, "")
	case errors.As(err, &image):
		return s.finish(ctx, t, nil, image.Error())
	case errors.As(err, &fault) && (!fault.Temporary || j.Attempts >= maxAttempts):
		name, _ := ScannerOf(t.Engine)
		return s.finish(ctx, t, nil, fmt.Sprintf("ScanError: The scanner '%s' could not scan the image: %s.", name, fault.Message))
	case j.Attempts < maxAttempts, errors.Is(ctx.Err(), context.Canceled):
		return err // the second is a process that stops, which is no fault of the scan
	}
	s.Logger.ErrorContext(ctx, "giving up on a scan by an external scanner", "engine", t.Engine, "repository", t.Repository, "digest", t.Digest, "error", err)
	return s.finish(ctx, t, nil, "ScanError: The image could not be scanned because of an internal error.")
}

// errNeverEnded is about a step none of whose attempts has come to an end: each of
// them took the process along, or panicked.
var errNeverEnded = errors.New("no attempt has come to an end")

// gone says that the image was deleted while it waited.
func gone(err error) bool {
	code := registry.CodeOf(err)
	return code == registry.CodeImageNotFound || code == registry.CodeRepositoryNotFound
}

// take does a step, and answers the findings, or the job of the next one.
func (s *Scanner) take(ctx context.Context, t *step) ([]match.Finding, *job.Job, error) {
	name, _ := ScannerOf(t.Engine)
	r, err := s.Registrations.ScannerNamed(ctx, t.Account, name)
	if errors.Is(err, ErrNoScanner) {
		return nil, nil, scan.ImageError(fmt.Sprintf("ScanError: The scanner '%s' is not configured any more.", name))
	}
	if err != nil {
		return nil, nil, err
	}
	if t.Request == "" || t.Scanner != r.ID {
		next, err := s.ask(ctx, t, r)
		return nil, next, err
	}
	findings, err := s.Adapters.Report(ctx, r.Endpoint, t.Request, t.MediaType, t.Digest)
	var wait notReadyError
	var fault *AdapterError
	switch {
	case errors.As(err, &wait):
		return nil, s.later(t, wait.after), s.outOfPatience(t)
	case errors.As(err, &fault) && fault.Status == 404 && t.Asks < maxAsks:
		s.Logger.WarnContext(ctx, "an external scanner has forgotten a scan: asking again", "engine", t.Engine, "digest", t.Digest)
		next, err := s.ask(ctx, t, r)
		return nil, next, err
	}
	return findings, nil, err
}

// outOfPatience ends a scan that has taken too long.
func (s *Scanner) outOfPatience(t *step) error {
	if s.Now().Sub(t.Asked) < patience {
		return nil
	}
	return faultf("it had no report after %v", patience)
}

// ask asks for a scan, and answers the job that looks for the report.
func (s *Scanner) ask(ctx context.Context, t *step, r Registration) (*job.Job, error) {
	stored, err := s.Manifests.Manifest(ctx, t.Account, t.Repository, registry.Reference{Digest: t.Digest})
	if err != nil {
		return nil, err
	}
	metadata, err := s.Adapters.Metadata(ctx, r.Endpoint)
	if err != nil {
		return nil, err
	}
	report, capability := metadata.reportOf(stored.MediaType)
	if report == "" {
		return nil, scan.ImageError(fmt.Sprintf("UnsupportedImageError: The scanner '%s' does not scan artifacts of media type '%s'.", r.Name, stored.MediaType))
	}
	authorization, err := s.Registrations.PullAuthorization(t.Account, t.Repository, r, patience)
	if err != nil {
		return nil, err
	}
	request := Request{
		Registry: Registry{URL: r.RegistryURL, Authorization: authorization},
		Artifact: Artifact{Repository: t.Repository, Digest: t.Digest, MediaType: stored.MediaType},
	}
	if capability.Type != "" {
		request.Enabled = []enabled{{Type: vulnerabilities, Produces: []string{report}}}
	}
	id, err := s.Adapters.Submit(ctx, r.Endpoint, request)
	if err != nil {
		return nil, err
	}
	t.Scanner, t.Request, t.MediaType, t.Updated, t.Asked, t.Asks = r.ID, id, report, metadata.updated(), s.Now(), t.Asks+1
	return s.later(t, leastRefresh), nil
}

func (s *Scanner) later(t *step, after time.Duration) *job.Job {
	j := t.job(s.Now().Add(after))
	return &j
}

// finish stores how a scan has ended: well, unless problem says otherwise.
func (s *Scanner) finish(ctx context.Context, t step, findings []match.Finding, problem string) error {
	outcome := meta.Scan{
		RepositoryID: t.RepositoryID, Digest: t.Digest, Engine: t.Engine, RequestedAt: t.RequestedAt,
		Status: meta.ScanComplete, Description: scan.Completed, SourceUpdatedAt: t.Updated,
	}
	if problem != "" {
		outcome.Status, outcome.Description = meta.ScanFailed, problem
	}
	return s.Finisher.Finish(ctx, outcome, findings)
}
