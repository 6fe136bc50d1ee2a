package admin

import (
	"context"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Reports is what the API needs of reports and bills of materials.
type Reports interface {
	ListReports(ctx context.Context, c service.Caller, account string) ([]service.Report, error)
	ReportDownload(ctx context.Context, c service.Caller, account, id string) (r service.Report, path string, err error)
	AttachSBOM(ctx context.Context, c service.Caller, repository string, id registry.ImageID, format string) (service.AttachedSBOM, error)
}

// Report is a report of findings or an export of bills of materials, which
// Inspector's API was asked for.
type Report struct {
	ReportID     *string
	Kind         *string // FINDINGS or SBOM
	Format       *string
	Status       *string
	ErrorMessage *string
	FileName     *string
	Items        *int64 // findings or images that were written so far
	Size         *int64
	CreateDate   *time.Time
	EndDate      *time.Time
}

// ListReportsInput asks for the reports of an account, which are kept for 30 days.
type ListReportsInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListReportsOutput is a page of them, the newest first.
type ListReportsOutput struct {
	Reports   []Report
	NextToken *string
}

// GetReportInput asks where to fetch a report.
type GetReportInput struct {
	AccountID *string
	ReportID  *string
}

// GetReportOutput tells it. URL is good for an hour, and needs no credentials;
// Path is the part of it behind the host.
type GetReportOutput struct {
	Report *Report
	URL    *string
	Path   *string
}

// AttachSbomInput asks to push the bill of materials of an image beside it. One of
// digest and tag names the image; without a format it is CYCLONEDX_1_4.
type AttachSbomInput struct {
	AccountID      *string
	RepositoryName *string
	ImageDigest    *string
	ImageTag       *string
	Format         *string
}

// AttachSbomOutput tells what was pushed.
type AttachSbomOutput struct {
	ImageDigest        *string // of what was pushed
	SubjectImageDigest *string
	ArtifactType       *string
	Size               *int64
}

func (h handlers) reportOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.listReports), awsapi.Op(h.getReport), awsapi.Op(h.attachSbom)}
}

func (h handlers) listReports(ctx context.Context, in *ListReportsInput) (*ListReportsOutput, error) {
	p, err := h.page("ListReports", in.NextToken, in.MaxResults, deref(in.AccountID))
	if err != nil {
		return nil, err
	}
	all, err := h.service.ListReports(ctx, caller(ctx), deref(in.AccountID))
	if err != nil {
		return nil, err
	}
	if p.Cursor != "" {
		for len(all) > 0 && reportPlace(all[0]) >= p.Cursor {
			all = all[1:]
		}
	}
	out := &ListReportsOutput{}
	out.Reports, out.NextToken = cut(h, p, all, reportPlace, report)
	return out, nil
}

// reportPlace is where a report is in the list: it never changes.
func reportPlace(r service.Report) string {
	return r.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000000") + r.ID
}

func report(r service.Report) Report {
	kind, name := string(r.Kind), r.FileName()
	return Report{
		ReportID: &r.ID, Kind: &kind, Format: &r.Format, Status: &r.Status, ErrorMessage: text(r.ErrorMessage), FileName: &name,
		Items: &r.Items, Size: &r.Size, CreateDate: &r.CreatedAt, EndDate: sometime(r.EndedAt),
	}
}

func (h handlers) getReport(ctx context.Context, in *GetReportInput) (*GetReportOutput, error) {
	r, path, err := h.service.ReportDownload(ctx, caller(ctx), deref(in.AccountID), *in.ReportID)
	if err != nil {
		return nil, err
	}
	told := report(r)
	out := &GetReportOutput{Report: &told, Path: &path}
	call := awsapi.CallFrom(ctx)
	base := strings.TrimSuffix(h.publicURL, "/")
	if base == "" && call.Host != "" {
		base = call.Scheme + "://" + call.Host
	}
	if base != "" {
		url := base + path
		out.URL = &url
	}
	return out, nil
}

func (h handlers) attachSbom(ctx context.Context, in *AttachSbomInput) (*AttachSbomOutput, error) {
	account, err := h.service.AllowManaging(ctx, caller(ctx), deref(in.AccountID), "AttachSbom")
	if err != nil {
		return nil, err
	}
	c := caller(ctx)
	c.Registry = account
	id := registry.ImageID{Digest: deref(in.ImageDigest), Tag: deref(in.ImageTag)}
	if id.Digest == "" && id.Tag == "" {
		return nil, registry.InvalidParameter("imageDigest", "One of imageDigest and imageTag must be given.")
	}
	a, err := h.service.AttachSBOM(ctx, c, *in.RepositoryName, id, deref(in.Format))
	if err != nil {
		return nil, err
	}
	return &AttachSbomOutput{ImageDigest: &a.Digest, SubjectImageDigest: &a.Subject, ArtifactType: &a.ArtifactType, Size: &a.Size}, nil
}
