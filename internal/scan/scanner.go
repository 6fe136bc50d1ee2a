package scan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Completed is what ECR says of a scan that went well.
const Completed = "The scan was completed successfully."

// maxAttempts is how often a scan that fails for reasons of ours is tried.
const maxAttempts = 5

// Manifests is what a scanner reads of images.
type Manifests interface {
	Manifest(ctx context.Context, account, repository string, ref registry.Reference) (*registry.StoredManifest, error)
}

// Outcomes is where a scanner leaves what it found.
type Outcomes interface {
	FinishScan(ctx context.Context, s meta.Scan, findings []byte, announce meta.Announce) error
	PutInventory(ctx context.Context, id, ecosystem string, inventory []byte) error
}

// Layers reads what one layer of a repository holds. A fault of the layer is an
// *inventory.Error.
type Layers interface {
	Layer(ctx context.Context, account, repository, digest string) (*inventory.LayerRecord, error)
}

// Advisories makes sure that what an ecosystem needs is loaded; an
// advisory.Updater does.
type Advisories interface {
	// Ensure loads the advisories of an ecosystem where they never were.
	// Errors: advisory.ErrOff, advisory.ErrNoExport when there are none to
	// load; others may pass.
	Ensure(ctx context.Context, ecosystem string) error
}

// Matcher finds what affects an inventory.
type Matcher interface {
	Match(ctx context.Context, inv *inventory.Inventory, scope match.Scope) (match.Result, error)
}

// Scanner scans images. It has no goroutines of its own: a job.Runner calls
// Handle.
type Scanner struct {
	Manifests  Manifests
	Outcomes   Outcomes
	Layers     Layers
	Advisories Advisories
	Matcher    Matcher
	// Announce makes the events of scans that have ended; nil makes none.
	Announce meta.Announce
	// EventsStored is called when such events may have been stored; it must not
	// block. Nil calls nobody.
	EventsStored func()
	Now          func() time.Time
	Logger       *slog.Logger
}

// ImageError is a reason for a scan to fail that lies in the image, in words
// for the client.
type ImageError string

func (f ImageError) Error() string { return string(f) }

// errNeverEnded is about a scan none of whose attempts has come to an end: each
// of them took the process along, or panicked.
var errNeverEnded = errors.New("no attempt has come to an end")

// Handle scans the image of a job.
func (s *Scanner) Handle(ctx context.Context, j job.Job) error {
	t, err := decodeTarget(j)
	if err != nil {
		return job.Permanent(err)
	}
	outcome := meta.Scan{
		RepositoryID: t.RepositoryID, Digest: t.Digest, Engine: t.Engine,
		RequestedAt: t.RequestedAt, Status: meta.ScanComplete, Description: Completed,
	}
	var findings []match.Finding
	err = errNeverEnded
	if j.Attempts <= maxAttempts {
		findings, err = s.scan(ctx, t, &outcome)
	}
	var fault ImageError
	switch {
	case gone(err):
		return nil
	case errors.As(err, &fault):
		outcome.Status, outcome.Description = meta.ScanFailed, fault.Error()
	case err != nil && (j.Attempts < maxAttempts || errors.Is(ctx.Err(), context.Canceled)):
		return err // the second is a process that stops, which is no fault of the scan
	case err != nil:
		s.Logger.ErrorContext(ctx, "giving up on a scan", "repository", t.Repository, "digest", t.Digest, "error", err)
		outcome.Status, outcome.Description = meta.ScanFailed, "ScanError: The image could not be scanned because of an internal error."
	}
	return Finisher{Outcomes: s.Outcomes, Announce: s.Announce, EventsStored: s.EventsStored, Now: s.Now}.Finish(ctx, outcome, findings)
}

// gone says that the image was deleted while it waited.
func gone(err error) bool {
	code := registry.CodeOf(err)
	return code == registry.CodeImageNotFound || code == registry.CodeRepositoryNotFound
}

// scan answers the findings of an image and notes in outcome what they rest on.
func (s *Scanner) scan(ctx context.Context, t Target, outcome *meta.Scan) ([]match.Finding, error) {
	stored, err := s.Manifests.Manifest(ctx, t.Account, t.Repository, registry.Reference{Digest: t.Digest})
	if err != nil {
		return nil, err
	}
	manifest, err := registry.ParseManifest(stored.MediaType, stored.Payload)
	if err != nil {
		return nil, ImageError("UnsupportedImageError: The manifest of the image cannot be read.")
	}
	inv, err := Merged(ctx, s.Layers, t.Account, t.Repository, manifest)
	if err != nil {
		return nil, err
	}
	ecosystem, err := s.record(ctx, t, inv, outcome)
	if err != nil {
		return nil, err
	}
	if err := s.Advisories.Ensure(ctx, ecosystem); err != nil {
		return nil, withoutAdvisories(ecosystem, err)
	}
	result, err := s.Matcher.Match(ctx, inv, match.OSPackages)
	outcome.SourceUpdatedAt = result.Source.Checked()
	if result.Unmentioned && err == nil {
		s.Logger.WarnContext(ctx, "the advisories say nothing about this release: a scan of it finds nothing", "ecosystem", ecosystem, "digest", t.Digest)
	}
	namePackages(result.Findings, inv)
	return result.Findings, withoutAdvisories(ecosystem, err)
}

// namePackages says what the packages of findings are called: the inventory is not
// there any more when somebody asks.
func namePackages(findings []match.Finding, inv *inventory.Inventory) {
	for i := range findings {
		f := &findings[i]
		f.PURLs = make([]string, len(f.Packages))
		for j, at := range f.Packages {
			f.PURLs[j] = sbom.PackageURL(&inv.Packages[at], inv.OS)
		}
	}
}

// withoutAdvisories words what a scan cannot go on without. An answer without
// advisories would read as "nothing found".
func withoutAdvisories(ecosystem string, err error) error {
	var none *match.NoAdvisoriesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &none), errors.Is(err, advisory.ErrOff), errors.Is(err, advisory.ErrNoExport):
		return ImageError(fmt.Sprintf("ScanError: No vulnerability data is loaded for '%s'.", ecosystem))
	case errors.Is(err, match.ErrUnknownSystem):
		return errNoSystem
	}
	return fmt.Errorf("advisories of %s: %w", ecosystem, err)
}

// Merged is what all layers of an image of a repository hold together.
// Errors: ImageError, with the *inventory.Error behind it if there is one; those
// of Layers.
func Merged(ctx context.Context, from Layers, account, repository string, m *registry.Manifest) (*inventory.Inventory, error) {
	var layers inventory.Stack
	var fault *inventory.Error
	for _, l := range m.Layers {
		record, err := layers.Known(l.Digest), error(nil)
		if record == nil {
			record, err = from.Layer(ctx, account, repository, l.Digest)
		}
		switch {
		case errors.As(err, &fault):
			return nil, errors.Join(ImageError(fmt.Sprintf("ScanError: The layer '%s' cannot be scanned: %s.", l.Digest, fault)), fault)
		case registry.CodeOf(err) == registry.CodeLayersNotFound:
			return nil, ImageError(fmt.Sprintf("UnsupportedImageError: The layer '%s' is not stored in this registry.", l.Digest))
		case err != nil:
			return nil, err
		}
		if err := layers.Add(l.Digest, record); err != nil {
			return nil, imageFault(err)
		}
	}
	inv, err := layers.Merge()
	return inv, imageFault(err)
}

// imageFault words faults of an image as a whole for the client.
func imageFault(err error) error {
	var fault *inventory.Error
	if errors.As(err, &fault) {
		return errors.Join(ImageError(fmt.Sprintf("ScanError: The image cannot be scanned: %s.", fault)), fault)
	}
	return err
}

// errNoSystem is what ECR says of images without a system that it knows.
const errNoSystem = ImageError("UnsupportedImageError: The operating system and/or package manager are not supported.")

// supported says whether an engine can scan what an image holds.
func supported(engine string, inv *inventory.Inventory) error {
	if err := match.Supported(engine, inv.OS); err != nil {
		return ImageError("UnsupportedImageError: " + err.Error())
	}
	if len(inv.Databases) == 0 {
		return errNoSystem
	}
	return nil
}

// record stores an inventory of an operating system that the engine supports,
// and answers its ecosystem.
func (s *Scanner) record(ctx context.Context, t Target, inv *inventory.Inventory, outcome *meta.Scan) (string, error) {
	if err := supported(t.Engine, inv); err != nil {
		return "", err
	}
	ecosystem, ok := match.Ecosystem(inv.OS)
	if !ok {
		return "", errNoSystem
	}
	encoded, err := EncodeInventory(inv)
	if err != nil {
		return "", err
	}
	outcome.InventoryID = inv.ID()
	return ecosystem, s.Outcomes.PutInventory(ctx, outcome.InventoryID, ecosystem, encoded)
}
