package scan

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Ending is where scans leave how they have ended.
type Ending interface {
	FinishScan(ctx context.Context, s meta.Scan, findings []byte, announce meta.Announce) error
}

// Finisher stores how scans have ended, whoever made them.
type Finisher struct {
	Outcomes Ending
	// Announce makes the events of scans that have ended; nil makes none.
	Announce meta.Announce
	// EventsStored is called when such events may have been stored; it must not
	// block. Nil calls nobody.
	EventsStored func()
	Now          func() time.Time
}

// Finish stores the outcome of a scan with its findings, of which there are none
// unless it is complete.
func (f Finisher) Finish(ctx context.Context, outcome meta.Scan, findings []match.Finding) error {
	outcome.CompletedAt = f.Now()
	var encoded []byte
	if outcome.Status == meta.ScanComplete {
		outcome.Counts = map[registry.Severity]int{}
		for _, one := range findings {
			outcome.Counts[one.Severity]++
		}
		var err error
		if encoded, err = EncodeFindings(findings); err != nil {
			return err
		}
	}
	// A scan that has run out of time still says so.
	err := f.Outcomes.FinishScan(context.WithoutCancel(ctx), outcome, encoded, f.Announce)
	if err == nil && f.EventsStored != nil {
		f.EventsStored()
	}
	return err
}
