package enhanced

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

const (
	// maxAttempts is how often an image that cannot be looked at for reasons of
	// ours is tried before that is said.
	maxAttempts = 5
	// maxConfig is more than the configuration of an image should have.
	maxConfig = 4 << 20
	// An image that lacked advisories is looked at again soon, or, when it has
	// lacked them for long, from time to time.
	againSoon  = time.Minute
	againLater = 30 * time.Minute
	soonFor    = time.Hour
)

// Images is what a scanner reads of repositories.
type Images interface {
	Repository(ctx context.Context, account, name string) (*registry.Repository, error)
	Images(ctx context.Context, account, repository string, ids []registry.ImageID) ([]*registry.Image, error)
	Manifest(ctx context.Context, account, repository string, ref registry.Reference) (*registry.StoredManifest, error)
	Referrers(ctx context.Context, account, repository, subject string, q meta.ReferrerQuery) ([]registry.Referrer, error)
}

// Catalog is where a scanner keeps what images hold and what is wrong with it.
type Catalog interface {
	PutInventory(ctx context.Context, id, ecosystem string, inventory []byte) error
	IndexInventory(ctx context.Context, inventory string, components []finding.Component) ([]meta.IndexedComponent, error)
	PutProblems(ctx context.Context, all []meta.ComponentProblems) (int, error)
	PutCoverage(ctx context.Context, c *finding.Coverage, events []meta.Event) (bool, error)
	Coverage(ctx context.Context, repositoryID int64, digests []string) (map[string]finding.Coverage, error)
	CountProblems(ctx context.Context, inventory string, most int) (int, error)
}

// Content reads what images consist of. A scan.Indexer does.
type Content interface {
	scan.Layers
	Small(ctx context.Context, account, repository, digest string, most int64) ([]byte, error)
}

// Judge says what is wrong with components. A match.Matcher does.
type Judge interface {
	Judge(ctx context.Context, release string, components []finding.Component) (map[finding.Component][]finding.Problem, advisory.Source, error)
}

// Scanner looks at images. It has no goroutines of its own: a job.Runner calls
// Handle.
type Scanner struct {
	*Settler
	Plans      Plans
	Images     Images
	Catalog    Catalog
	Content    Content
	Advisories scan.Advisories
	Judge      Judge
	Logger     *slog.Logger
}

// Handle does a ScanJob.
func (s *Scanner) Handle(ctx context.Context, j job.Job) error {
	t, err := decode[Target](j)
	if err != nil {
		return err
	}
	err = errNeverEnded
	if j.Attempts <= maxAttempts {
		err = s.look(ctx, t)
	}
	switch {
	case err == nil, isGone(err):
		return nil
	case j.Attempts < maxAttempts, errors.Is(ctx.Err(), context.Canceled):
		return err // the second is a process that stops, which is no fault of the image
	}
	s.Logger.ErrorContext(ctx, "giving up on an image for now", "repository", t.Repository, "digest", t.Digest, "error", err)
	return s.giveUp(context.WithoutCancel(ctx), t)
}

// errNeverEnded is about an image none of whose scans has come to an end: each of
// them took the process along, or panicked.
var errNeverEnded = errors.New("no attempt has come to an end")

// isGone says that an image was deleted while it waited.
func isGone(err error) bool {
	code := registry.CodeOf(err)
	return code == registry.CodeImageNotFound || code == registry.CodeRepositoryNotFound
}

// subject is an image that is looked at.
type subject struct {
	stored   finding.Coverage // as it was read; the ID is 0 when there was none
	coverage finding.Coverage // with what is known of the image by now
	plan     Plan
	cause    Cause
}

// find reads what is known of an image; false when it is gone.
func (s *Scanner) find(ctx context.Context, t Target) (subject, bool, error) {
	repo, err := s.Images.Repository(ctx, t.Account, t.Repository)
	if err != nil || repo.ID != t.RepositoryID {
		return subject{}, false, err
	}
	images, err := s.Images.Images(ctx, t.Account, t.Repository, []registry.ImageID{{Digest: t.Digest}})
	if err != nil || images[0] == nil || t.Cause == Amended && !images[0].Scannable() {
		return subject{}, false, err
	}
	known, err := s.Catalog.Coverage(ctx, t.RepositoryID, []string{t.Digest})
	if err != nil {
		return subject{}, false, err
	}
	plan, err := s.Plans.EnhancedPlan(ctx, t.Account)
	if err != nil {
		return subject{}, false, err
	}
	return subjectOf(t, images[0], known[t.Digest], plan), true, nil
}

// subjectOf puts together what is known of an image. The window by push counts
// from the last time that it was pushed or restored.
func subjectOf(t Target, image *registry.Image, stored finding.Coverage, plan Plan) subject {
	c := stored
	c.Account, c.RepositoryID = t.Account, t.RepositoryID
	i := &c.Image
	i.Repository, i.Digest, i.MediaType, i.Tags = t.Repository, t.Digest, image.MediaType, image.Tags
	i.PushedAt, i.PulledAt, i.Status = image.PushedAt, image.LastPulledAt, image.Status
	for _, at := range []time.Time{image.PushedAt, image.ActivatedAt} {
		c.EnrolledAt = later(c.EnrolledAt, at)
	}
	if t.Cause.isNew() {
		c.EnrolledAt = later(c.EnrolledAt, t.At)
	}
	return subject{stored: stored, coverage: c, plan: plan, cause: t.Cause}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// look brings an image to the state that it should be in.
func (s *Scanner) look(ctx context.Context, t Target) error {
	subject, ok, err := s.find(ctx, t)
	if err != nil || !ok {
		return err
	}
	return s.bring(ctx, subject)
}

// bring does what is to be done about an image.
func (s *Scanner) bring(ctx context.Context, on subject) error {
	here := on.coverage
	here.GoneAt = time.Time{} // it was just seen: whatever was deleted has been pushed again
	next, what := on.plan.assess(here, on.cause, s.Now())
	switch {
	case what == leave, what == change && here.ID == 0 && next.Reason == finding.ReasonFrequencyManual:
		return nil // what is left out from the beginning needs no row
	case what == rescan:
		return s.scan(ctx, on)
	}
	next.GoneAt = on.coverage.GoneAt
	return s.become(ctx, on, next)
}

// become stores a state, and closes findings where it is one without.
func (s *Scanner) become(ctx context.Context, on subject, next finding.Coverage) error {
	if next.ID == 0 || !on.coverage.GoneAt.IsZero() {
		if ok, err := s.Catalog.PutCoverage(ctx, &next, nil); err != nil || !ok {
			return err
		}
	}
	return s.settle(ctx, []int64{next.ID}, settlement{purpose: toFollow, announceAs: &on.coverage, become: func(c finding.Coverage, now time.Time) *finding.Coverage {
		if c.EnrolledAt = later(c.EnrolledAt, on.coverage.EnrolledAt); on.coverage.ID == 0 {
			return &next
		}
		if c, what := on.plan.assess(c, on.cause, now); what == change {
			return &c
		}
		return nil
	}})
}

// giveUp notes that an image could not be looked at.
func (s *Scanner) giveUp(ctx context.Context, t Target) error {
	on, ok, err := s.find(ctx, t)
	if err != nil || !ok {
		return err
	}
	if on.coverage.Code == finding.Covered && on.coverage.Reason == finding.ReasonSuccessful {
		return nil // what was found before still holds
	}
	next := failed(on.coverage, textInternal, s.Now().Add(againLater))
	ok, err = s.Catalog.PutCoverage(ctx, &next, nil)
	if err != nil || !ok {
		return err
	}
	return s.settle(ctx, []int64{next.ID}, settlement{purpose: toFollow})
}

// scan reads an image, and finds what is wrong with it.
func (s *Scanner) scan(ctx context.Context, on subject) error {
	c := on.coverage
	found, err := s.read(ctx, &c)
	var fault scan.ImageError
	if errors.As(err, &fault) {
		return s.unsupported(ctx, on, c, reasonOf(err), string(fault))
	}
	if err != nil {
		return err
	}
	inv, told, err := s.complemented(ctx, c.Account, c.Image.Repository, c.Image.Digest, found)
	if err != nil {
		return err
	}
	judged, err := s.judge(ctx, inv)
	if errors.Is(err, errTooMuch) && inv != found {
		// Nobody hides what is in an image by what he puts beside it.
		inv, told = found, []string{textTooMuchBeside}
		judged, err = s.judge(ctx, inv)
	}
	switch {
	case errors.Is(err, errTooMuch):
		return s.unsupported(ctx, on, c, finding.ReasonImageSizeExceeded, tooMuch())
	case errors.Is(err, errNothing):
		return s.unsupported(ctx, on, c, finding.ReasonUnsupportedOS, unknownSystem(inv.OS))
	case err != nil:
		return err
	}
	c.InventoryID, c.Layers, c.Image.Platform = inv.ID(), encodeLayers(inv.Packages), platformOf(inv.OS)
	if err := s.enter(ctx, on.stored, &c); err != nil || c.ID == 0 {
		return err
	}
	return s.complete(ctx, on, c, judged, append(notesOf(inv), told...))
}

const textTooMuchBeside = "The bills of materials beside the image were left out: they name more than an image can hold."

// reasonOf says in Inspector's words why an image cannot be read.
func reasonOf(err error) string {
	if errors.Is(err, inventory.ErrLimit) {
		return finding.ReasonImageSizeExceeded
	}
	return finding.ReasonUnsupportedMedia
}

// unknownSystem says, as basic scanning does, that there is nothing to look at.
func unknownSystem(os inventory.OSRelease) string {
	if os.ID == "" {
		return "UnsupportedImageError: " + textNoSystem
	}
	return fmt.Sprintf("UnsupportedImageError: The operating system '%s' version '%s' is not supported.", os.ID, os.VersionID)
}

// unsupported notes that an image cannot be scanned.
func (s *Scanner) unsupported(ctx context.Context, on subject, c finding.Coverage, reason, text string) error {
	next := stop(c, reason, StatusUnsupported, text)
	next.Frequency, next.LastScannedAt = on.plan.frequency(c.Image.Repository), s.Now()
	ok, err := s.Catalog.PutCoverage(ctx, &next, nil)
	if err != nil || !ok {
		return err
	}
	// The event of it is told with the settlement, whose coverage is the same.
	return s.settle(ctx, []int64{next.ID}, settlement{purpose: toScan, announceAs: &on.coverage})
}

// read answers what the layers of an image hold; it completes what is told of the
// image.
func (s *Scanner) read(ctx context.Context, c *finding.Coverage) (*inventory.Inventory, error) {
	account, repository := c.Account, c.Image.Repository
	stored, err := s.Images.Manifest(ctx, account, repository, registry.Reference{Digest: c.Image.Digest})
	if err != nil {
		return nil, err
	}
	m, err := registry.ParseManifest(stored.MediaType, stored.Payload)
	if err != nil {
		return nil, scan.ImageError("UnsupportedImageError: The manifest of the image cannot be read.")
	}
	if !m.Scannable() {
		return nil, scan.ImageError(fmt.Sprintf("UnsupportedImageError: An artifact with media type '%s' cannot be scanned.", m.ArtifactType))
	}
	inv, err := scan.Merged(ctx, s.Content, account, repository, m)
	if err != nil {
		return nil, err
	}
	if m.Config != nil {
		s.describe(ctx, c, m.Config.Digest)
	}
	return inv, nil
}

// describe notes what the configuration of an image says of it. It is of use to
// people only: an image whose configuration makes no sense is scanned all the same.
func (s *Scanner) describe(ctx context.Context, c *finding.Coverage, digest string) {
	raw, err := s.Content.Small(ctx, c.Account, c.Image.Repository, digest, maxConfig)
	if err != nil {
		s.Logger.DebugContext(ctx, "reading the configuration of an image", "digest", digest, "error", err)
		return
	}
	var config struct {
		Architecture string `json:"architecture"`
		Author       string `json:"author"`
	}
	if json.Unmarshal(raw, &config) == nil {
		c.Image.Architecture, c.Image.Author = short(config.Architecture), short(config.Author)
	}
}

// short bounds what strangers say of an image.
func short(text string) string {
	const most = 256
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// enter stores that an image holds something, before it is settled: from then on
// changes of the advisories find it. The id stays 0 when the image is gone.
func (s *Scanner) enter(ctx context.Context, before finding.Coverage, c *finding.Coverage) error {
	next := scanning(*c)
	same := before.ID != 0 && before.GoneAt.IsZero() && before.Code == next.Code && before.InventoryID == next.InventoryID &&
		bytes.Equal(before.Layers, next.Layers) && before.EnrolledAt.Equal(next.EnrolledAt) && sameImage(before.Image, next.Image)
	if !same {
		ok, err := s.Catalog.PutCoverage(ctx, &next, nil)
		if err != nil {
			return err
		}
		if !ok {
			next.ID = 0
		}
	}
	*c = next
	return nil
}

func sameImage(a, b finding.Image) bool {
	return a.Architecture == b.Architecture && a.Author == b.Author && a.Platform == b.Platform && a.MediaType == b.MediaType
}

// notesOf are what people should know about the result of a scan.
func notesOf(inv *inventory.Inventory) []string {
	var notes []string
	if _, known := match.Ecosystem(inv.OS); !known && len(inv.Databases) > 0 {
		notes = append(notes, fmt.Sprintf("The packages of the operating system '%s' version '%s' are not supported.", inv.OS.ID, inv.OS.VersionID))
	}
	if n := len(inv.Warnings); n == 1 {
		notes = append(notes, "1 file could not be read.")
	} else if n > 1 {
		notes = append(notes, fmt.Sprintf("%d files could not be read.", n))
	}
	return notes
}

// complete ends a scan.
func (s *Scanner) complete(ctx context.Context, on subject, entered finding.Coverage, j judgement, notes []string) error {
	notes = append(notes, j.notes()...)
	frequency := on.plan.frequency(entered.Image.Repository)
	return s.settle(ctx, []int64{entered.ID}, settlement{
		purpose:    toScan,
		announceAs: &on.coverage,
		many:       on.cause == Enrolled,
		first: func(c finding.Coverage) bool {
			before := on.coverage
			return !j.nothing() && c.Image.Status == registry.ImageActive &&
				(before.FirstScannedAt.IsZero() || !isOpen(before) || before.Reason == finding.ReasonScanInProgress)
		},
		become: func(c finding.Coverage, now time.Time) *finding.Coverage {
			if !c.GoneAt.IsZero() || c.Image.Status != registry.ImageActive || frequency == registry.ScanManual {
				c, _ = on.plan.assess(c, on.cause, now)
				return &c
			}
			again := now.Add(againSoon)
			if now.Sub(c.EnrolledAt) > soonFor {
				again = now.Add(againLater)
			}
			c.Frequency = frequency
			if j.nothing() {
				c = failed(c, sentences(j.notes()[0], notes[1:]), again)
				return &c
			}
			if c.FirstScannedAt.IsZero() {
				c.FirstScannedAt = now
			}
			c.LastScannedAt, c.SourceUpdatedAt = now, j.oldest
			if frequency == registry.ScanOnPush {
				c = once(c, notes...)
				return &c
			}
			c = followed(c, on.plan.Windows, notes...)
			if len(j.missing) > 0 && (c.DueAt.IsZero() || again.Before(c.DueAt)) {
				c.DueAt = again
			}
			return &c
		},
	})
}
