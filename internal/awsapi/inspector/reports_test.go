package inspector_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

func destination() *types.Destination {
	return &types.Destination{
		BucketName: aws.String("reports"), KeyPrefix: aws.String("a/b"),
		KmsKeyArn: aws.String("arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"),
	}
}

// report makes a report of findings, and answers its content.
func (a *api) report(format types.ReportFormat, criteria *types.FilterCriteria) string {
	a.t.Helper()
	id := apitest.OK[*sdk.CreateFindingsReportOutput](a.t)(a.CreateFindingsReport(a.t.Context(), &sdk.CreateFindingsReportInput{
		ReportFormat: format, S3Destination: destination(), FilterCriteria: criteria,
	})).ReportId
	a.work(service.ReportJob, a.Service.MakeReport)
	out := apitest.OK[*sdk.GetFindingsReportStatusOutput](a.t)(a.GetFindingsReportStatus(a.t.Context(), &sdk.GetFindingsReportStatusInput{ReportId: id}))
	if out.Status != types.ExternalReportStatusSucceeded || *out.Destination.BucketName != "reports" {
		a.t.Fatalf("%+v", out)
	}
	return a.download(*id)
}

// download fetches a report by its URL.
func (a *api) download(id string) string {
	a.t.Helper()
	_, path, err := a.Service.ReportDownload(a.t.Context(), owner(), account, id)
	a.must(err)
	status, body := a.get(path)
	if status != http.StatusOK {
		a.t.Fatalf("%d %s", status, body)
	}
	return body
}

func (a *api) get(path string) (int, string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.url+path, nil)
	a.must(err)
	response, err := http.DefaultClient.Do(r)
	a.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	a.must(err)
	return response.StatusCode, string(body)
}

func TestFindingsAreReportedAsJSON(t *testing.T) {
	a := stocked(t)
	var report struct {
		Findings []struct {
			Severity  string
			Status    string
			Resources []struct{ ID string }
			Details   struct{ VulnerabilityID string } `json:"packageVulnerabilityDetails"`
		}
	}
	a.must(json.Unmarshal([]byte(a.report(types.ReportFormatJson, nil)), &report))
	if len(report.Findings) != 6 || report.Findings[0].Status != "ACTIVE" || report.Findings[0].Details.VulnerabilityID == "" || !strings.HasPrefix(report.Findings[0].Resources[0].ID, "arn:aws:ecr:") {
		t.Errorf("%+v", report)
	}
	none := a.report(types.ReportFormatJson, &types.FilterCriteria{Severity: []types.StringFilter{equals("INFORMATIONAL")}})
	if none != "{\"findings\":[]}\n" {
		t.Errorf("%q", none)
	}
}

func TestFindingsAreReportedAsCSV(t *testing.T) {
	a := stocked(t)
	lines, err := csv.NewReader(strings.NewReader(a.report(types.ReportFormatCsv, &types.FilterCriteria{EcrImageRepositoryName: []types.StringFilter{equals("base")}}))).ReadAll()
	a.must(err)
	cell := func(line int, column string) string { return lines[line][slices.Index(lines[0], column)] }
	if len(lines) != 3 || cell(1, "Vulnerability Id") != "CVE-2024-0002" || cell(1, "Affected Packages") != "zlib" || cell(1, "Package Installed Version") != "1.0-1" ||
		cell(1, "Fixed in Version") != "NotAvailable" || cell(1, "Inspector Score") != "7.5" || cell(1, "NVD CVSS3 Severity") != "HIGH" || cell(1, "Age (Days)") != "0" {
		t.Errorf("%q", lines)
	}
}

func TestOneReportIsMadeAtATimeAndCanBeCancelled(t *testing.T) {
	a := stocked(t)
	in := &sdk.CreateFindingsReportInput{ReportFormat: types.ReportFormatCsv, S3Destination: destination()}
	id := apitest.OK[*sdk.CreateFindingsReportOutput](t)(a.CreateFindingsReport(t.Context(), in)).ReportId
	_, err := a.CreateSbomExport(t.Context(), &sdk.CreateSbomExportInput{ReportFormat: types.SbomReportFormatCyclonedx14, S3Destination: destination()})
	apitest.Want(t, err, "ValidationException", "The report "+*id+" is in progress. One report can be made at a time.")
	_, err = a.CancelSbomExport(t.Context(), &sdk.CancelSbomExportInput{ReportId: id})
	apitest.Want(t, err, "ResourceNotFoundException", "The report "+*id+" does not exist.")
	apitest.OK[*sdk.CancelFindingsReportOutput](t)(a.CancelFindingsReport(t.Context(), &sdk.CancelFindingsReportInput{ReportId: id}))
	_, err = a.CancelFindingsReport(t.Context(), &sdk.CancelFindingsReportInput{ReportId: id})
	apitest.Want(t, err, "ValidationException", "The report "+*id+" cannot be cancelled because its status is CANCELLED.")
	a.work(service.ReportJob, a.Service.MakeReport) // it is not made then
	out := apitest.OK[*sdk.GetFindingsReportStatusOutput](t)(a.GetFindingsReportStatus(t.Context(), &sdk.GetFindingsReportStatusInput{}))
	if out.Status != types.ExternalReportStatusCancelled || *out.ReportId != *id {
		t.Errorf("%+v", out)
	}
	apitest.OK[*sdk.CreateFindingsReportOutput](t)(a.CreateFindingsReport(t.Context(), in))
}

func TestTheURLOfAReportIsGoodForIt(t *testing.T) {
	a := stocked(t)
	a.report(types.ReportFormatCsv, nil)
	reports, err := a.Service.ListReports(t.Context(), owner(), account)
	a.must(err)
	_, path, err := a.Service.ReportDownload(t.Context(), owner(), account, reports[0].ID)
	a.must(err)
	for _, wrong := range []string{
		strings.Replace(path, account, apitest.Other, 1), strings.Replace(path, "sig=", "sig=x", 1),
		service.ReportsPath, service.ReportsPath + account + "/" + reports[0].ID,
	} {
		if status, body := a.get(wrong); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", wrong, status, body)
		}
	}
	a.Wait(service.ReportURLLifetime)
	if status, body := a.get(path); status != http.StatusForbidden || !strings.Contains(body, "Request has expired") {
		t.Errorf("expired: %d %s", status, body)
	}
}

func TestReportsAreKeptForThirtyDays(t *testing.T) {
	a := stocked(t)
	a.report(types.ReportFormatCsv, nil)
	reports, err := a.Service.ListReports(t.Context(), owner(), account)
	a.must(err)
	key, size := reports[0].Content, reports[0].Size
	a.Wait(29 * 24 * time.Hour)
	a.must(errors.Join(a.Service.SweepReports(t.Context()), a.Service.SweepOrphans(t.Context())))
	if n, err := a.Service.Content.Stat(t.Context(), key); err != nil || n != size {
		t.Errorf("after 29 days: %d bytes, %v", n, err)
	}
	a.Wait(2 * 24 * time.Hour)
	a.must(a.Service.SweepReports(t.Context()))
	if _, err := a.Service.Content.Stat(t.Context(), key); err == nil {
		t.Error("the bytes are still there")
	}
	if _, err := a.Store.Record(t.Context(), account, meta.ReportRecord, reports[0].ID); !errors.Is(err, meta.ErrNoRecord) {
		t.Error("the record is still there")
	}
}

func TestAReportThatNobodyMakesAnyMoreIsBegunAgain(t *testing.T) {
	a := stocked(t)
	id := apitest.OK[*sdk.CreateFindingsReportOutput](t)(a.CreateFindingsReport(t.Context(), &sdk.CreateFindingsReportInput{ReportFormat: types.ReportFormatCsv, S3Destination: destination()})).ReportId
	a.work("", nil) // whoever has claimed it has died
	a.Wait(time.Hour)
	a.must(a.Service.SweepReports(t.Context()))
	a.work(service.ReportJob, a.Service.MakeReport)
	a.download(*id)
}

func TestBillsOfMaterialsAreExported(t *testing.T) {
	a := stocked(t)
	for format, mark := range map[types.SbomReportFormat]string{types.SbomReportFormatCyclonedx14: `"specVersion": "1.4"`, types.SbomReportFormatSpdx23: "SPDX-2.3"} {
		id := apitest.OK[*sdk.CreateSbomExportOutput](t)(a.CreateSbomExport(t.Context(), &sdk.CreateSbomExportInput{
			ReportFormat: format, S3Destination: destination(),
			ResourceFilterCriteria: &types.ResourceFilterCriteria{EcrRepositoryName: []types.ResourceStringFilter{{Comparison: types.ResourceStringComparisonEquals, Value: aws.String("team/web")}}},
		})).ReportId
		a.work(service.ReportJob, a.Service.MakeReport)
		out := apitest.OK[*sdk.GetSbomExportOutput](t)(a.GetSbomExport(t.Context(), &sdk.GetSbomExportInput{ReportId: id}))
		if out.Status != types.ExternalReportStatusSucceeded || out.Format != format || *out.FilterCriteria.EcrRepositoryName[0].Value != "team/web" {
			t.Fatalf("%+v", out)
		}
		unzipped, err := gzip.NewReader(strings.NewReader(a.download(*id)))
		a.must(err)
		archive, documents := tar.NewReader(unzipped), 0
		for {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			a.must(err)
			body, err := io.ReadAll(archive)
			a.must(err)
			documents++
			want := string(format) + "_outputs_" + *id + "/account=123456789012/resource=AWS_ECR_CONTAINER_IMAGE/team/web/sha256_"
			if !strings.HasPrefix(header.Name, want) || !strings.Contains(string(body), mark) || !strings.Contains(string(body), "openssl") {
				t.Errorf("%s: %s", header.Name, body)
			}
		}
		if documents != 2 {
			t.Errorf("%s: %d documents", format, documents)
		}
	}
}

func TestABillOfMaterialsIsAttachedToItsImage(t *testing.T) {
	a := stocked(t)
	attached, err := a.Service.AttachSBOM(t.Context(), owner(), "base", registry.ImageID{Tag: "1"}, service.FormatSPDX)
	a.must(err)
	referrers, err := a.Service.Referrers(t.Context(), owner(), "base", attached.Subject, service.ReferrerQuery{Limit: 10})
	a.must(err)
	if len(referrers) != 1 || referrers[0].Digest != attached.Digest || referrers[0].ArtifactType != "application/spdx+json" {
		t.Errorf("%+v", referrers)
	}
}
