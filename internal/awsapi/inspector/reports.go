package inspector

import (
	"context"
	"mime"
	"net/http"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
	"github.com/ecru-registry/ecru/internal/service"
)

// Reports is what the API needs of reports and exports.
type Reports interface {
	CreateReport(ctx context.Context, c service.Caller, r service.Report) (string, error)
	InspectorReport(ctx context.Context, c service.Caller, kind service.ReportKind, id string) (service.Report, error)
	CancelReport(ctx context.Context, c service.Caller, kind service.ReportKind, id string) error
}

func (h *handlers) reportOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createFindingsReport),
		awsapi.Op(h.getFindingsReportStatus),
		awsapi.Op(h.cancelFindingsReport),
		awsapi.Op(h.createSBOMExport),
		awsapi.Op(h.getSBOMExport),
		awsapi.Op(h.cancelSBOMExport),
	}
}

func destinationFrom(d *types.Destination) service.Destination {
	return service.Destination{Bucket: *d.BucketName, Prefix: aws.ToString(d.KeyPrefix), Key: *d.KmsKeyArn}
}

func destination(d service.Destination) *types.Destination {
	return &types.Destination{BucketName: &d.Bucket, KeyPrefix: given(d.Prefix), KmsKeyArn: &d.Key}
}

func (h *handlers) createFindingsReport(ctx context.Context, in *inspector2.CreateFindingsReportInput) (*inspector2.CreateFindingsReportOutput, error) {
	id, err := h.service.CreateReport(ctx, caller(ctx), service.Report{
		Kind: service.FindingsReport, Format: string(in.ReportFormat), Criteria: criteriaFrom(in.FilterCriteria), Destination: destinationFrom(in.S3Destination),
	})
	if err != nil {
		return nil, err
	}
	return &inspector2.CreateFindingsReportOutput{ReportId: &id}, nil
}

func (h *handlers) getFindingsReportStatus(ctx context.Context, in *inspector2.GetFindingsReportStatusInput) (*inspector2.GetFindingsReportStatusOutput, error) {
	r, err := h.service.InspectorReport(ctx, caller(ctx), service.FindingsReport, aws.ToString(in.ReportId))
	if err != nil {
		return nil, err
	}
	criteria := new(types.FilterCriteria)
	tellCriteria(r.Criteria, criteria)
	return &inspector2.GetFindingsReportStatusOutput{
		ReportId: &r.ID, Status: types.ExternalReportStatus(r.Status), ErrorCode: types.ReportingErrorCode(r.ErrorCode), ErrorMessage: given(r.ErrorMessage),
		Destination: destination(r.Destination), FilterCriteria: criteria,
	}, nil
}

func (h *handlers) cancelFindingsReport(ctx context.Context, in *inspector2.CancelFindingsReportInput) (*inspector2.CancelFindingsReportOutput, error) {
	if err := h.service.CancelReport(ctx, caller(ctx), service.FindingsReport, *in.ReportId); err != nil {
		return nil, err
	}
	return &inspector2.CancelFindingsReportOutput{ReportId: in.ReportId}, nil
}

func (h *handlers) createSBOMExport(ctx context.Context, in *inspector2.CreateSbomExportInput) (*inspector2.CreateSbomExportOutput, error) {
	id, err := h.service.CreateReport(ctx, caller(ctx), service.Report{
		Kind: service.SBOMExport, Format: string(in.ReportFormat), Criteria: criteriaFrom(in.ResourceFilterCriteria), Destination: destinationFrom(in.S3Destination),
	})
	if err != nil {
		return nil, err
	}
	return &inspector2.CreateSbomExportOutput{ReportId: &id}, nil
}

func (h *handlers) getSBOMExport(ctx context.Context, in *inspector2.GetSbomExportInput) (*inspector2.GetSbomExportOutput, error) {
	r, err := h.service.InspectorReport(ctx, caller(ctx), service.SBOMExport, *in.ReportId)
	if err != nil {
		return nil, err
	}
	criteria := new(types.ResourceFilterCriteria)
	tellCriteria(r.Criteria, criteria)
	return &inspector2.GetSbomExportOutput{
		ReportId: &r.ID, Status: types.ExternalReportStatus(r.Status), ErrorCode: types.ReportingErrorCode(r.ErrorCode), ErrorMessage: given(r.ErrorMessage),
		Format: types.SbomReportFormat(r.Format), S3Destination: destination(r.Destination), FilterCriteria: criteria,
	}, nil
}

func (h *handlers) cancelSBOMExport(ctx context.Context, in *inspector2.CancelSbomExportInput) (*inspector2.CancelSbomExportOutput, error) {
	if err := h.service.CancelReport(ctx, caller(ctx), service.SBOMExport, *in.ReportId); err != nil {
		return nil, err
	}
	return &inspector2.CancelSbomExportOutput{ReportId: in.ReportId}, nil
}

// ReportOpener opens reports for those who have a URL that we signed.
type ReportOpener interface {
	OpenReport(ctx context.Context, path, query string) (service.Report, service.Content, error)
}

// Downloads answers what is at service.ReportsPath: the URL of a report is its own
// credential.
func Downloads(reports ReportOpener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		report, content, err := reports.OpenReport(r.Context(), r.URL.Path, r.URL.RawQuery)
		if err != nil {
			refuseDownload(w, r, err)
			return
		}
		defer content.Close()
		w.Header().Set("Content-Type", report.MediaType())
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": report.FileName()}))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "private, no-store")
		w.Header().Set("ETag", strconv.Quote(report.ID))
		http.ServeContent(w, r, "", report.EndedAt, content)
	})
}

func refuseDownload(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusInternalServerError, "An internal error occurred. The request id finds it in the server's log."
	switch registry.CodeOf(err) {
	case registry.CodeAccessDenied:
		status, text = http.StatusForbidden, err.Error()
	case registry.CodeResourceNotFound:
		status, text = http.StatusNotFound, err.Error()
	}
	reqlog.Fail(r.Context(), string(registry.CodeOf(err)), err.Error())
	http.Error(w, text, status)
}
