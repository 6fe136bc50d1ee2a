package compat

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"github.com/aws/smithy-go"
)

// bucket is where Inspector would put a report.
func bucket() *types.Destination {
	return &types.Destination{BucketName: aws.String("reports"), KeyPrefix: aws.String("here"), KmsKeyArn: aws.String("arn:aws:kms:us-east-1:123456789012:key/1")}
}

const (
	noReport = "00000000-0000-0000-0000-000000000000"
	goneText = "The report " + noReport + " does not exist."
)

// reported waits until a report is made.
func (a *account) reported(id *string) {
	a.t.Helper()
	a.eventually("the report", func() bool {
		return do(a, a.inspector().GetFindingsReportStatus, &inspector2.GetFindingsReportStatusInput{ReportId: id}).Status != "IN_PROGRESS"
	})
}

func (a *account) exported(id *string) {
	a.t.Helper()
	a.eventually("the export", func() bool {
		return do(a, a.inspector().GetSbomExport, &inspector2.GetSbomExportInput{ReportId: id}).Status != "IN_PROGRESS"
	})
}

// download reads what a report holds, by the URL that its owner is told.
func (a *account) download(id *string) []byte {
	a.t.Helper()
	var out struct{ Path string }
	a.house.root.in(a.t).manage("GetReport", map[string]any{"accountId": a.id, "reportId": *id}, &out)
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.house.server.URL+out.Path, http.NoBody)
	a.must(err)
	got := a.exchange(request)
	if got.status != http.StatusOK {
		a.t.Fatalf("fetching the report: %d %s", got.status, got.body)
	}
	return got.body
}

// oneAtATime tries to make a second report until the first is still being made.
func (a *account) oneAtATime(operation string, in any) {
	a.t.Helper()
	var got smithy.APIError
	a.eventually("a report in progress", func() bool {
		_, err := inspector().call(a, operation, in)
		return errors.As(err, &got)
	})
	first, rest, _ := strings.Cut(strings.TrimPrefix(got.ErrorMessage(), "The report "), " ")
	if got.ErrorCode() != validation || !uuid.MatchString(first) || rest != "is in progress. One report can be made at a time." {
		a.t.Error(got)
	}
}

func createFindingsReport() *served {
	type in = inspector2.CreateFindingsReportInput
	good := func(a *account) *in { a.inspected("v1"); return &in{ReportFormat: "JSON", S3Destination: bucket()} }
	return serves("CreateFindingsReport", "*", good,
		works("all findings in JSON", func(a *account) {
			id := do(a, a.inspector().CreateFindingsReport, good(a)).ReportId
			a.reported(id)
			var report struct {
				Findings []struct{ FindingArn, Status string }
			}
			a.must(json.Unmarshal(a.download(id), &report))
			a.same(len(report.Findings), allFindings)
			arns := list(a.findings(nil), func(f types.Finding) string { return *f.FindingArn })
			for _, f := range report.Findings {
				if !slices.Contains(arns, f.FindingArn) || f.Status != "ACTIVE" {
					a.t.Errorf("%+v", f)
				}
			}
		}),
		works("some of them in CSV", func(a *account) {
			in := good(a)
			in.ReportFormat, in.FilterCriteria = "CSV", about("CVE-2021-23337")
			id := do(a, a.inspector().CreateFindingsReport, in).ReportId
			a.reported(id)
			lines := strings.Split(strings.TrimSpace(string(a.download(id))), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "AWS Account Id,Severity,") || !strings.Contains(lines[1], "CVE-2021-23337 - lodash") {
				a.t.Errorf("%q", lines)
			}
		}),
		refuses("an unknown format", func(_ *account, in *in) { in.ReportFormat = "PDF" }, validation, invalid("PDF", "reportFormat", "Member must satisfy enum value set: [CSV, JSON]")),
		refuses("no bucket", func(_ *account, in *in) { in.S3Destination.BucketName = aws.String("B") }, validation,
			invalid("B", "s3Destination.bucketName", "Member must have length greater than or equal to 3")),
		declines("a second one at a time", func(a *account) {
			a.oneAtATime("CreateFindingsReport", good(a))
		}),
	)
}

func getFindingsReportStatus() *served {
	type in = inspector2.GetFindingsReportStatusInput
	good := func(a *account) *in {
		id := do(a, a.inspector().CreateFindingsReport, &inspector2.CreateFindingsReportInput{ReportFormat: "JSON", S3Destination: bucket(), FilterCriteria: about("CVE-2024-1")}).ReportId
		a.reported(id)
		return &in{ReportId: id}
	}
	return serves("GetFindingsReportStatus", "*", good,
		works("one that is made", func(a *account) {
			in := good(a)
			a.same(do(a, a.inspector().GetFindingsReportStatus, in), &inspector2.GetFindingsReportStatusOutput{
				ReportId: in.ReportId, Status: "SUCCEEDED", Destination: bucket(), FilterCriteria: about("CVE-2024-1"),
			})
		}),
		works("without an id the newest", func(a *account) {
			good(a)
			newest := good(a).ReportId
			a.same(do(a, a.inspector().GetFindingsReportStatus, &in{}).ReportId, newest)
		}),
		refuses("a report that is not there", func(_ *account, in *in) { in.ReportId = aws.String(noReport) }, resourceNotFound, goneText),
	)
}

func cancelFindingsReport() *served {
	type in = inspector2.CancelFindingsReportInput
	return serves("CancelFindingsReport", "*", func(a *account) *in { return &in{ReportId: a.report()} }, races,
		works("one that is under way", func(a *account) {
			a.inspected(many(3, "v%d")...)
			var id *string
			a.eventually("a report cancelled", func() bool {
				id = a.report()
				_, err := a.inspector().CancelFindingsReport(a.t.Context(), &in{ReportId: id})
				a.reported(id)
				return err == nil
			})
			a.same(do(a, a.inspector().GetFindingsReportStatus, &inspector2.GetFindingsReportStatusInput{ReportId: id}).Status, types.ExternalReportStatusCancelled)
		}),
		declines("a report that is not there", func(a *account) {
			_, err := a.inspector().CancelFindingsReport(a.t.Context(), &in{ReportId: aws.String(noReport)})
			inspector().refused(a, err, refusal{resourceNotFound, goneText})
		}),
	)
}

func createSBOMExport() *served {
	type in = inspector2.CreateSbomExportInput
	good := func(a *account) *in {
		a.inspected("v1", "v2")
		return &in{ReportFormat: "CYCLONEDX_1_4", S3Destination: bucket()}
	}
	return serves("CreateSbomExport", "*", good,
		works("CycloneDX of all images", func(a *account) {
			id := do(a, a.inspector().CreateSbomExport, good(a)).ReportId
			a.exported(id)
			bills := a.unpack(a.download(id))
			a.same(len(bills), 2)
			for name, body := range bills {
				var bill struct {
					BomFormat, SpecVersion string
					Components             []struct{ Purl string }
				}
				a.must(json.Unmarshal(body, &bill))
				purls := list(bill.Components, func(c struct{ Purl string }) string { return c.Purl })
				if bill.BomFormat != "CycloneDX" || bill.SpecVersion != "1.4" || !slices.Contains(purls, "pkg:npm/lodash@4.17.20") || !strings.Contains(name, "/"+web+"/sha256_") {
					a.t.Errorf("%s: %s %s %q", name, bill.BomFormat, bill.SpecVersion, purls)
				}
			}
		}),
		works("SPDX of one", func(a *account) {
			in := good(a)
			in.ReportFormat = "SPDX_2_3"
			in.ResourceFilterCriteria = &types.ResourceFilterCriteria{EcrImageTags: []types.ResourceStringFilter{{Comparison: "EQUALS", Value: aws.String("v2")}}}
			id := do(a, a.inspector().CreateSbomExport, in).ReportId
			a.exported(id)
			bills := a.unpack(a.download(id))
			a.same(len(bills), 1)
			for _, body := range bills {
				var bill struct{ SpdxVersion string }
				a.must(json.Unmarshal(body, &bill))
				a.same(bill.SpdxVersion, "SPDX-2.3")
			}
		}),
		refuses("an unknown format", func(_ *account, in *in) { in.ReportFormat = "SWID" }, validation, invalid("SWID", "reportFormat", "Member must satisfy enum value set: [CYCLONEDX_1_4, SPDX_2_3]")),
		refuses("what is no key", func(_ *account, in *in) { in.S3Destination.KmsKeyArn = aws.String("key") }, validation,
			invalid("key", "s3Destination.kmsKeyArn", `Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:kms:[a-z0-9-]+:\d{12}:key/.+`)),
		declines("a second one at a time", func(a *account) {
			a.oneAtATime("CreateSbomExport", good(a))
		}),
	)
}

// unpack reads an archive of bills of materials.
func (a *account) unpack(content []byte) map[string][]byte {
	a.t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(content))
	a.must(err)
	files := map[string][]byte{}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		a.must(err)
		files[header.Name], err = io.ReadAll(archive)
		a.must(err)
	}
}

// report makes a report of all findings, which may still be under way. One that
// is must end first.
func (a *account) report() (id *string) {
	a.t.Helper()
	a.eventually("a report", func() bool {
		out, err := a.inspector().CreateFindingsReport(a.t.Context(), &inspector2.CreateFindingsReportInput{ReportFormat: "JSON", S3Destination: bucket()})
		if err == nil {
			id = out.ReportId
		}
		return err == nil
	})
	return id
}

// export makes an export, which may still be under way.
func (a *account) export() (id *string) {
	a.t.Helper()
	a.eventually("an export", func() bool {
		out, err := a.inspector().CreateSbomExport(a.t.Context(), &inspector2.CreateSbomExportInput{ReportFormat: "SPDX_2_3", S3Destination: bucket()})
		if err == nil {
			id = out.ReportId
		}
		return err == nil
	})
	return id
}

func getSBOMExport() *served {
	type in = inspector2.GetSbomExportInput
	good := func(a *account) *in {
		id := a.export()
		a.exported(id)
		return &in{ReportId: id}
	}
	return serves("GetSbomExport", "*", good,
		works("one that is made", func(a *account) {
			in := good(a)
			a.same(do(a, a.inspector().GetSbomExport, in), &inspector2.GetSbomExportOutput{
				ReportId: in.ReportId, Status: "SUCCEEDED", Format: "SPDX_2_3", S3Destination: bucket(), FilterCriteria: &types.ResourceFilterCriteria{},
			})
		}),
		refuses("an export that is not there", func(_ *account, in *in) { in.ReportId = aws.String(noReport) }, resourceNotFound, goneText),
		declines("a report of findings", func(a *account) {
			id := a.report()
			_, err := a.inspector().GetSbomExport(a.t.Context(), &in{ReportId: id})
			inspector().refused(a, err, refusal{resourceNotFound, "The report " + *id + " does not exist."})
		}),
		refuses("what is no id", func(_ *account, in *in) { in.ReportId = aws.String("x") }, validation,
			invalid("x", "reportId", `Member must satisfy regular expression pattern: .*\b[a-f0-9]{8}\b-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-\b[a-f0-9]{12}\b.*`)),
	)
}

func cancelSBOMExport() *served {
	type in = inspector2.CancelSbomExportInput
	return serves("CancelSbomExport", "*", func(a *account) *in { return &in{ReportId: a.export()} }, races,
		works("one that is under way", func(a *account) {
			a.inspected(many(3, "v%d")...)
			var id *string
			a.eventually("an export cancelled", func() bool {
				id = a.export()
				_, err := a.inspector().CancelSbomExport(a.t.Context(), &in{ReportId: id})
				a.exported(id)
				return err == nil
			})
			a.same(do(a, a.inspector().GetSbomExport, &inspector2.GetSbomExportInput{ReportId: id}).Status, types.ExternalReportStatusCancelled)
		}),
		declines("an export that is not there", func(a *account) {
			_, err := a.inspector().CancelSbomExport(a.t.Context(), &in{ReportId: aws.String(noReport)})
			inspector().refused(a, err, refusal{resourceNotFound, goneText})
		}),
	)
}
