package enhanced

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
)

// FirstWindow is how long ago an image was pushed at most that is scanned when
// enhanced scanning comes to it; older ones wait to be pushed again.
const FirstWindow = 14 * 24 * time.Hour

// Plan is how an account wants its images to be looked at.
type Plan struct {
	Scanning registry.ScanningConfiguration
	Windows  Windows
}

// Plans answers the plans of accounts.
type Plans interface {
	EnhancedPlan(ctx context.Context, account string) (Plan, error)
}

// Windows are how long images are looked at, after they were pushed and after
// they were pulled: while either has not ended.
type Windows struct {
	Push time.Duration // zero: for ever
	Pull time.Duration
	// ByPull says that pulls count. Otherwise it is where images run that does,
	// of which nobody tells yet: then only the push counts.
	ByPull bool
}

// End answers when an image is not looked at any more; zero means never.
func (w Windows) End(c finding.Coverage) time.Time {
	if w.Push == 0 {
		return time.Time{}
	}
	end := c.EnrolledAt.Add(w.Push)
	if pulled := c.Image.PulledAt; w.ByPull && !pulled.IsZero() && pulled.Add(w.Pull).After(end) {
		end = pulled.Add(w.Pull)
	}
	return end
}

// over says whether the windows of an image have ended.
func (w Windows) over(c finding.Coverage, now time.Time) bool {
	end := w.End(c)
	return !end.IsZero() && !now.Before(end)
}

// frequency says when the images of a repository are scanned: MANUAL stands for
// never, also under basic scanning.
func (p Plan) frequency(repository string) registry.ScanFrequency {
	if p.Scanning.Type != registry.ScanEnhanced {
		return registry.ScanManual
	}
	f, _ := p.Scanning.FrequencyFor(&registry.Repository{Name: repository})
	return f
}
