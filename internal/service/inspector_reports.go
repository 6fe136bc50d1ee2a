package service

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// ReportJob is the kind of the jobs that make reports and exports.
const ReportJob = "inspector-report"

// ReportKind is what a report is about.
type ReportKind string

// The kinds of reports.
const (
	FindingsReport ReportKind = "FINDINGS"
	SBOMExport     ReportKind = "SBOM"
)

// The states of reports.
const (
	ReportSucceeded  = "SUCCEEDED"
	ReportInProgress = "IN_PROGRESS"
	ReportCancelled  = "CANCELLED"
	ReportFailed     = "FAILED"
)

// Times of reports.
const (
	reportsKept = 30 * 24 * time.Hour
	// reportBeat is how often one that is made says so; after reportLost without
	// that it is begun again.
	reportBeat = 30 * time.Second
	reportLost = 15 * time.Minute
	// ReportURLLifetime is how long the URL of a report is good.
	ReportURLLifetime = time.Hour
	// maxReports is how many reports an account may have in the time that they
	// are kept.
	maxReports        = 10_000
	maxReportAttempts = 3
)

// Destination is where Inspector would put a report: it is told again, and means
// nothing here.
type Destination struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix,omitempty"`
	Key    string `json:"key"` // ARN of the key
}

// Report is a report of findings or an export of bills of materials.
type Report struct {
	ID           string           `json:"id"`
	Kind         ReportKind       `json:"kind"`
	Format       string           `json:"format"` // CSV, JSON, CYCLONEDX_1_4, SPDX_2_3
	Criteria     finding.Criteria `json:"criteria"`
	Destination  Destination      `json:"destination"`
	Status       string           `json:"status"`
	ErrorCode    string           `json:"errorCode,omitempty"`
	ErrorMessage string           `json:"errorMessage,omitempty"`
	Items        int64            `json:"items"` // findings or images that were written
	Size         int64            `json:"size,omitempty"`
	EndedAt      time.Time        `json:"endedAt,omitzero"`
	// Content is the key of the bytes in the blob store.
	Content   string    `json:"content,omitempty"`
	CreatedAt time.Time `json:"-"`
	BeatAt    time.Time `json:"-"`
}

// FileName is what the file of a report is called.
func (r *Report) FileName() string {
	switch {
	case r.Kind == SBOMExport:
		return r.Format + "_outputs_" + r.ID + ".tar.gz"
	case r.Format == "CSV":
		return r.ID + ".csv"
	}
	return r.ID + ".json"
}

// MediaType is that of a report's file.
func (r *Report) MediaType() string {
	switch {
	case r.Kind == SBOMExport:
		return "application/gzip"
	case r.Format == "CSV":
		return "text/csv; charset=utf-8"
	}
	return "application/json"
}

func decodeReport(record meta.Record) (Report, error) {
	var r Report
	err := decodeRecord(record, &r)
	r.CreatedAt, r.BeatAt = record.CreatedAt, record.UpdatedAt
	return r, err
}

// reportPayload is the payload of a ReportJob.
type reportPayload struct {
	Account string `json:"account"`
	ID      string `json:"id"`
}

func newReportJob(account, id string, at time.Time) job.Job {
	payload, _ := json.Marshal(reportPayload{account, id}) // a plain struct of strings
	return job.Job{Kind: ReportJob, Key: account + "/" + id, Payload: payload, RunAt: at}
}

// CreateReport begins to make a report and answers its id. An account makes one
// at a time. Errors: Validation.
func (s *Service) CreateReport(ctx context.Context, c Caller, r Report) (string, error) {
	operation := "CreateFindingsReport"
	if r.Kind == SBOMExport {
		operation = "CreateSbomExport"
	}
	scope, err := s.allowInspector(ctx, c, operation)
	if err != nil {
		return "", err
	}
	s.inspector.reports.Lock()
	defer s.inspector.reports.Unlock()
	running, err := s.reportInProgress(ctx, scope.Account)
	if err != nil {
		return "", err
	}
	if running != "" {
		return "", registry.ReportInProgress(running)
	}
	r.ID, r.Status = uuid.NewString(), ReportInProgress
	body, err := encodeRecord(r)
	if err != nil {
		return "", err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.ReportRecord, Name: r.ID, Body: body, CreatedAt: s.Now()}
	err = s.withJob(ctx, newReportJob(scope.Account, r.ID, s.Now()), func() error {
		return s.Store.CreateRecord(ctx, record, maxReports)
	})
	if errors.Is(err, meta.ErrFull) {
		err = registry.Errorf(registry.CodeLimitExceeded, "The number of reports of the last 30 days exceeds the quota of %d.", maxReports)
	}
	return r.ID, err
}

// reportInProgress answers the id of a report that is being made, if any.
func (s *Service) reportInProgress(ctx context.Context, account string) (id string, err error) {
	err = s.eachReport(ctx, account, func(r Report) error {
		if r.Status == ReportInProgress {
			id = r.ID
		}
		return nil
	})
	return id, err
}

// eachReport calls do for all reports of an account, in order of their ids.
func (s *Service) eachReport(ctx context.Context, account string, do func(Report) error) error {
	for after := ""; ; {
		records, err := s.Store.ListRecords(ctx, account, meta.ReportRecord, after, recordsPage)
		if err != nil {
			return err
		}
		for _, record := range records {
			after = record.Name
			r, err := decodeReport(record)
			if err == nil {
				err = do(r)
			}
			if err != nil {
				return err
			}
		}
		if len(records) < recordsPage {
			return nil
		}
	}
}

// recordsPage is how many records are read at a time.
const recordsPage = 500

// report answers a report of a kind. Errors: ResourceNotFound.
func (s *Service) report(ctx context.Context, account, id string, kind ReportKind) (Report, error) {
	record, err := s.Store.Record(ctx, account, meta.ReportRecord, id)
	if errors.Is(err, meta.ErrNoRecord) {
		return Report{}, registry.ReportNotFound(id)
	}
	if err != nil {
		return Report{}, err
	}
	r, err := decodeReport(record)
	if err == nil && kind != "" && r.Kind != kind {
		err = registry.ReportNotFound(id)
	}
	return r, err
}

// InspectorReport answers a report; without an id the newest of the kind.
// Errors: ResourceNotFound.
func (s *Service) InspectorReport(ctx context.Context, c Caller, kind ReportKind, id string) (Report, error) {
	operation := "GetFindingsReportStatus"
	if kind == SBOMExport {
		operation = "GetSbomExport"
	}
	scope, err := s.allowInspector(ctx, c, operation)
	if err != nil {
		return Report{}, err
	}
	if id != "" {
		return s.report(ctx, scope.Account, id, kind)
	}
	var newest Report
	err = s.eachReport(ctx, scope.Account, func(r Report) error {
		if r.Kind == kind && r.CreatedAt.After(newest.CreatedAt) {
			newest = r
		}
		return nil
	})
	if err == nil && newest.ID == "" {
		err = registry.Errorf(registry.CodeResourceNotFound, "There is no report.")
	}
	return newest, err
}

// CancelReport ends a report that is being made. Errors: ResourceNotFound,
// Validation when it has ended.
func (s *Service) CancelReport(ctx context.Context, c Caller, kind ReportKind, id string) error {
	operation := "CancelFindingsReport"
	if kind == SBOMExport {
		operation = "CancelSbomExport"
	}
	scope, err := s.allowInspector(ctx, c, operation)
	if err != nil {
		return err
	}
	if _, err := s.report(ctx, scope.Account, id, kind); err != nil {
		return err
	}
	_, err = s.changeReport(ctx, scope.Account, id, func(r *Report) error {
		if r.Status != ReportInProgress {
			return registry.ReportEnded(id, r.Status)
		}
		r.Status, r.EndedAt = ReportCancelled, s.Now()
		return nil
	})
	return err
}

func (s *Service) changeReport(ctx context.Context, account, id string, change func(*Report) error) (Report, error) {
	var changed Report
	_, err := s.Store.UpdateRecord(ctx, account, meta.ReportRecord, id, s.Now(), func(record *meta.Record) error {
		r, err := decodeReport(*record)
		if err == nil {
			err = change(&r)
		}
		if err == nil {
			record.Body, err = encodeRecord(r)
		}
		changed = r
		return err
	})
	return changed, err
}

// ListReports answers all reports of an account that are kept, the newest first,
// to who may manage it.
func (s *Service) ListReports(ctx context.Context, c Caller, account string) ([]Report, error) {
	account, err := s.AllowManaging(ctx, c, account, "ListReports")
	if err != nil {
		return nil, err
	}
	var all []Report
	err = s.eachReport(ctx, account, func(r Report) error {
		all = append(all, r)
		return nil
	})
	slices.SortStableFunc(all, func(a, b Report) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID)) })
	return all, err
}

// ReportDownload answers a report that is there, and the path and query by which
// it can be fetched without credentials for a while.
// Errors: ResourceNotFound, InvalidState.
func (s *Service) ReportDownload(ctx context.Context, c Caller, account, id string) (r Report, path string, err error) {
	if account, err = s.AllowManaging(ctx, c, account, "GetReport"); err != nil {
		return r, "", err
	}
	if r, err = s.report(ctx, account, id, ""); err != nil {
		return r, "", err
	}
	if r.Status != ReportSucceeded {
		return r, "", registry.ReportUnavailable(id, r.Status)
	}
	expires := s.Now().Add(ReportURLLifetime).Unix()
	query := url.Values{"expires": {strconv.FormatInt(expires, 10)}, "sig": {s.signReport(account, id, expires)}}
	return r, ReportsPath + account + "/" + id + "?" + query.Encode(), nil
}

// ReportsPath is where reports are, as account and id.
const ReportsPath = "/reports/"

func (s *Service) signReport(account, id string, expires int64) string {
	mac := hmac.New(sha256.New, DeriveKey(s.Config.Secret, "report urls"))
	fmt.Fprintf(mac, "%d:%s%d:%s%d", len(account), account, len(id), id, expires)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// OpenReport opens the report of a path and query that ReportDownload made. The
// caller closes it. Errors: AccessDenied, ResourceNotFound.
func (s *Service) OpenReport(ctx context.Context, path, query string) (Report, Content, error) {
	values, err := url.ParseQuery(query)
	account, id, ok := strings.Cut(strings.TrimPrefix(path, ReportsPath), "/")
	expires, malformed := strconv.ParseInt(values.Get("expires"), 10, 64)
	if err != nil || !ok || malformed != nil || !hmac.Equal([]byte(s.signReport(account, id, expires)), []byte(values.Get("sig"))) {
		return Report{}, nil, registry.Errorf(registry.CodeAccessDenied, "The signature of this URL is not valid")
	}
	if s.Now().Unix() >= expires {
		return Report{}, nil, registry.Errorf(registry.CodeAccessDenied, "Request has expired")
	}
	r, err := s.report(ctx, account, id, "")
	if err != nil {
		return r, nil, err
	}
	content, err := s.Content.Open(ctx, r.Content)
	if errors.Is(err, blob.ErrNotFound) || r.Content == "" {
		return r, nil, registry.ReportNotFound(id)
	}
	if errors.Is(err, blob.ErrLocked) {
		return r, nil, &registry.Error{Code: registry.CodeKms, Message: "The content is encrypted with a key that the registry was not started with", Err: err}
	}
	return r, content, err
}

// SweepReports forgets reports that were kept for long enough, with their bytes,
// and begins those again that nobody makes any more.
func (s *Service) SweepReports(ctx context.Context) error {
	return s.eachAccount(ctx, func(account string) error {
		return s.eachReport(ctx, account, func(r Report) error {
			now := s.Now()
			switch {
			case r.Status == ReportInProgress && now.Sub(r.BeatAt) > reportLost:
				return s.Store.Enqueue(ctx, newReportJob(account, r.ID, now))
			case r.Status == ReportInProgress || now.Sub(r.CreatedAt) < reportsKept:
				return nil
			}
			// Bytes without a record are removed by the sweep of orphans.
			_, err := s.Store.DeleteRecord(ctx, account, meta.ReportRecord, r.ID)
			if err != nil || r.Content == "" {
				return ignoreNoRecord(err)
			}
			return s.Content.Delete(ctx, r.Content)
		})
	})
}

func ignoreNoRecord(err error) error {
	if errors.Is(err, meta.ErrNoRecord) {
		return nil
	}
	return err
}

// reportKeys are the keys of all bytes that reports have.
func (s *Service) reportKeys(ctx context.Context) (map[string]bool, error) {
	keys := map[string]bool{}
	err := s.eachAccount(ctx, func(account string) error {
		return s.eachReport(ctx, account, func(r Report) error {
			if r.Content != "" {
				keys[r.Content] = true
			}
			return nil
		})
	})
	return keys, err
}

// eachAccount calls do for all accounts.
func (s *Service) eachAccount(ctx context.Context, do func(account string) error) error {
	for after := ""; ; {
		records, err := s.Store.ListRecords(ctx, "", meta.AccountRecord, after, recordsPage)
		if err != nil {
			return err
		}
		for _, r := range records {
			after = r.Name
			if err := do(r.Name); err != nil {
				return err
			}
		}
		if len(records) < recordsPage {
			return nil
		}
	}
}
