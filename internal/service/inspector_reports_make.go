package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// errCancelled ends the making of a report that nobody wants any more.
var errCancelled = errors.New("service: the report was cancelled")

// Texts and codes of reports that have failed.
const (
	reportInternalError = "INTERNAL_ERROR"
	reportInternalText  = "The report could not be made because of an internal error."
)

// MakeReport makes the report that a job was stored for. It may be called again
// for one that was made, or given up.
func (s *Service) MakeReport(ctx context.Context, j job.Job) error {
	var p reportPayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return job.Permanent(registry.Internal("reading a job that makes a report", err))
	}
	r, err := s.report(ctx, p.Account, p.ID, "")
	if registry.CodeOf(err) == registry.CodeResourceNotFound {
		return nil // it was never stored, or is forgotten
	}
	if err != nil || r.Status != ReportInProgress {
		return err
	}
	// A key is never used twice: an attempt may have ended anywhere.
	m := &reportMaker{s: s, scope: registry.Scope{Account: p.Account, Region: s.Default.Region}, report: r, beatAt: s.Now()}
	key := fmt.Sprintf("report-%s-%d", p.ID, s.Now().UnixNano())
	size, err := m.store(ctx, key)
	switch {
	case errors.Is(err, errCancelled):
		return nil
	case err != nil && (j.Attempts < maxReportAttempts || ctx.Err() != nil):
		return err
	case err != nil:
		s.Logger.ErrorContext(ctx, "giving up on a report", "account", p.Account, "report", p.ID, "error", err)
	}
	return m.end(ctx, key, size, err != nil)
}

// reportMaker makes one report.
type reportMaker struct {
	s      *Service
	scope  registry.Scope
	report Report
	items  int64
	beatAt time.Time
}

// end notes how the making of a report has ended.
func (m *reportMaker) end(ctx context.Context, key string, size int64, failed bool) error {
	_, err := m.s.changeReport(ctx, m.scope.Account, m.report.ID, func(r *Report) error {
		if r.Status != ReportInProgress {
			return errCancelled
		}
		r.EndedAt, r.Items = m.s.Now(), m.items
		if failed {
			r.Status, r.ErrorCode, r.ErrorMessage = ReportFailed, reportInternalError, reportInternalText
			return nil
		}
		r.Status, r.Content, r.Size = ReportSucceeded, key, size
		return nil
	})
	if !failed && (errors.Is(err, errCancelled) || errors.Is(err, meta.ErrNoRecord)) {
		return m.s.Content.Delete(ctx, key)
	}
	if errors.Is(err, errCancelled) {
		return nil // somebody else has said how it has ended
	}
	return ignoreNoRecord(err)
}

// store writes the report into the blob store while it is made.
func (m *reportMaker) store(ctx context.Context, key string) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader, writer := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(writer, 256<<10)
		err := m.write(ctx, buffered)
		if err == nil {
			err = buffered.Flush()
		}
		writer.CloseWithError(err)
	}()
	state, err := m.s.Content.Append(ctx, key, blob.State{}, reader, true)
	reader.CloseWithError(errCancelled) // the writer ends if it has not
	if err == nil {
		err = m.s.Content.Commit(ctx, key, state)
	}
	if err != nil {
		if dropped := m.s.Content.Abort(context.WithoutCancel(ctx), key, state); dropped != nil {
			m.s.Logger.WarnContext(ctx, "dropping a report that was not made", "report", m.report.ID, "error", dropped)
		}
	}
	return state.Size, err
}

func (m *reportMaker) write(ctx context.Context, to io.Writer) error {
	if m.report.Kind == SBOMExport {
		return m.writeSBOMs(ctx, to)
	}
	out := finding.NewJSONReport(to, m.scope.Region)
	if m.report.Format == "CSV" {
		out = finding.NewCSVReport(to, m.scope.Region, m.s.Now())
	}
	n := narrow(activeUnlessAsked(m.report.Criteria), m.scope)
	if !n.never {
		w := &findingWalk{s: m.s, account: m.scope.Account, narrowed: n}
		err := w.each(ctx, func(found []finding.Finding) error {
			for i := range found {
				if err := out.Write(&found[i]); err != nil {
					return err
				}
			}
			m.items += int64(len(found))
			return m.beat(ctx)
		})
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// activeUnlessAsked adds what reports leave out unless they are asked for it.
func activeUnlessAsked(c finding.Criteria) finding.Criteria {
	if len(c.Texts["findingStatus"]) > 0 {
		return c
	}
	texts := map[string][]finding.TextFilter{"findingStatus": {{Comparison: finding.Equals, Value: string(finding.Active)}}}
	for name, filters := range c.Texts {
		if len(filters) > 0 {
			texts[name] = filters
		}
	}
	c.Texts = texts
	return c
}

// beat says every now and then that the report is being made, and hears whether it
// still should be.
func (m *reportMaker) beat(ctx context.Context) error {
	if m.s.Now().Sub(m.beatAt) < reportBeat {
		return ctx.Err()
	}
	m.beatAt = m.s.Now()
	r, err := m.s.changeReport(ctx, m.scope.Account, m.report.ID, func(r *Report) error {
		if r.Status == ReportInProgress {
			r.Items = m.items
		}
		return nil
	})
	if errors.Is(err, meta.ErrNoRecord) || err == nil && r.Status != ReportInProgress {
		return errCancelled
	}
	return err
}
