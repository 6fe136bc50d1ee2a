package enhanced

import (
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
)

// What ECR tells of a scan, under enhanced scanning.
const (
	StatusActive      = "ACTIVE"
	StatusComplete    = "COMPLETE"
	StatusPending     = "PENDING"
	StatusExpired     = "SCAN_ELIGIBILITY_EXPIRED"
	StatusUnsupported = "UNSUPPORTED_IMAGE"
	StatusUnavailable = "FINDINGS_UNAVAILABLE"
	StatusArchived    = "IMAGE_ARCHIVED"

	TextPending    = "Pending start of the image scan."
	TextArchived   = "The image is archived."
	textContinuous = "Continuous scan is selected for image."
	textComplete   = "The scan was completed successfully."
	textManual     = "The scan frequency of the repository leaves the image out."
	textGone       = "The image was deleted."
	textInternal   = "The image could not be scanned because of an internal error."
	textNoSystem   = "The operating system and/or package manager are not supported."
)

// stop is coverage that has ended, for a reason.
func stop(c finding.Coverage, reason, status, text string) finding.Coverage {
	c.Code, c.Reason, c.ScanStatus, c.Description, c.DueAt = finding.NotCovered, reason, status, text, time.Time{}
	return c
}

func gone(c finding.Coverage) finding.Coverage {
	return stop(c, finding.ReasonResourceTerminated, c.ScanStatus, textGone)
}

func archived(c finding.Coverage) finding.Coverage {
	return stop(c, finding.ReasonImageArchived, StatusArchived, TextArchived)
}

func manual(c finding.Coverage) finding.Coverage {
	c.Frequency = registry.ScanManual
	return stop(c, finding.ReasonFrequencyManual, c.ScanStatus, textManual)
}

func expired(c finding.Coverage, w Windows) finding.Coverage {
	text := "The scan eligibility of the image has expired: it was not pushed within the re-scan duration."
	if w.ByPull {
		text = "The scan eligibility of the image has expired: it was neither pushed nor pulled within the re-scan durations."
	}
	return stop(c, finding.ReasonEligibilityExpired, StatusExpired, text)
}

// once is an image that was scanned and stays as that has left it.
func once(c finding.Coverage, notes ...string) finding.Coverage {
	c.Frequency = registry.ScanOnPush
	return stop(c, finding.ReasonFrequencyScanOnPush, StatusComplete, sentences(textComplete, notes))
}

// followed is an image that is looked at from now on, until its windows end.
func followed(c finding.Coverage, w Windows, notes ...string) finding.Coverage {
	c.Frequency = registry.ScanContinuous
	c.Code, c.Reason, c.ScanStatus, c.DueAt = finding.Covered, finding.ReasonSuccessful, StatusActive, w.End(c)
	c.Description = sentences(textContinuous, notes)
	return c
}

// failed is an image that somebody has to look at again.
func failed(c finding.Coverage, text string, again time.Time) finding.Coverage {
	c = stop(c, finding.ReasonInternalError, StatusUnavailable, text)
	c.DueAt = again
	return c
}

// scanning is an image on its way to another state. It is followed already, so
// that no change of the advisories passes it by.
func scanning(c finding.Coverage) finding.Coverage {
	if c.Code != finding.Covered {
		c.ScanStatus, c.Description = StatusPending, TextPending
		c.Code, c.Reason = finding.Covered, finding.ReasonScanInProgress
	}
	return c
}

func sentences(first string, rest []string) string {
	return strings.Join(append([]string{first}, rest...), " ")
}

// action is what to do about an image.
type action int

const (
	leave  action = iota // it is as it should be
	change               // it becomes something else, without a scan
	rescan
)

// isNew says whether a cause is a push, or as good as one.
func (c Cause) isNew() bool { return c == Pushed || c == Restored }

// assess says what to do about an image that is looked at for a cause, and what it
// becomes. It is pure: it decides the same within a transaction.
func (p Plan) assess(c finding.Coverage, cause Cause, now time.Time) (finding.Coverage, action) {
	frequency := p.frequency(c.Image.Repository)
	switch {
	case !c.GoneAt.IsZero():
		return changed(c, gone(c))
	case c.Image.Status != registry.ImageActive:
		return changed(c, archived(c))
	case frequency == registry.ScanManual:
		return changed(c, manual(c))
	case cause.isNew(), c.Reason == finding.ReasonImageArchived, cause == Amended && p.looksAt(c, now):
		return c, rescan
	case !seen(c):
		if p.admits(c, now) {
			return c, rescan
		}
		return changed(c, expired(c, p.Windows))
	case frequency == registry.ScanOnPush:
		return p.assessOnce(c)
	}
	return p.assessFollowed(c, now)
}

// looksAt says whether what was decided about an image before is that it is, or was
// once, looked at: its time is not over.
func (p Plan) looksAt(c finding.Coverage, now time.Time) bool {
	if !seen(c) || c.Reason == finding.ReasonEligibilityExpired {
		return false
	}
	return p.frequency(c.Image.Repository) == registry.ScanOnPush || !p.Windows.over(c, now)
}

// changed compares but for what is not a matter of states.
func changed(before, after finding.Coverage) (finding.Coverage, action) {
	if before.ID != 0 && before.Code == after.Code && before.Reason == after.Reason && before.DueAt.Equal(after.DueAt) && before.Frequency == after.Frequency {
		return before, leave
	}
	return after, change
}

// seen says whether it was ever decided what an image is.
func seen(c finding.Coverage) bool {
	switch c.Reason {
	case "", finding.ReasonPendingInitialScan:
		return false
	case finding.ReasonFrequencyManual:
		return !c.FirstScannedAt.IsZero()
	}
	return true
}

// admits says whether an image that enhanced scanning comes to is new enough.
func (p Plan) admits(c finding.Coverage, now time.Time) bool {
	return now.Before(c.EnrolledAt.Add(FirstWindow)) || p.pulled(c, now)
}

// pulled says whether a pull keeps an image in.
func (p Plan) pulled(c finding.Coverage, now time.Time) bool {
	return p.Windows.ByPull && !c.Image.PulledAt.IsZero() && now.Before(c.Image.PulledAt.Add(p.Windows.Pull))
}

// assessOnce is about an image that is scanned on push.
func (p Plan) assessOnce(c finding.Coverage) (finding.Coverage, action) {
	switch c.Reason {
	case finding.ReasonFrequencyManual, finding.ReasonInternalError, finding.ReasonScanInProgress:
		return c, rescan
	case finding.ReasonSuccessful: // it was followed
		return changed(c, once(c))
	}
	next := c
	next.Frequency, next.DueAt = registry.ScanOnPush, time.Time{}
	return changed(c, next)
}

// assessFollowed is about an image that is to be followed.
func (p Plan) assessFollowed(c finding.Coverage, now time.Time) (finding.Coverage, action) {
	due := !c.DueAt.IsZero() && !now.Before(c.DueAt)
	switch {
	case c.Reason == finding.ReasonEligibilityExpired:
		// A longer window is for those that are looked at: it takes a push to come
		// back, or a pull where pulls count.
		if p.pulled(c, now) {
			return c, rescan
		}
		next := c
		next.Frequency, next.DueAt = registry.ScanContinuous, time.Time{}
		return changed(c, next)
	case p.Windows.over(c, now):
		return changed(c, expired(c, p.Windows))
	case c.Code != finding.Covered || c.Reason != finding.ReasonSuccessful || due:
		return c, rescan
	}
	return c, leave
}
