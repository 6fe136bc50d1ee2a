package ecr

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/service"
)

func (h *handlers) startImageScan(ctx context.Context, in *ecr.StartImageScanInput) (*ecr.StartImageScanOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	id, err := oneImageID(in.ImageId)
	if err != nil {
		return nil, err
	}
	if id, err = h.registry.StartImageScan(ctx, c, *in.RepositoryName, id); err != nil {
		return nil, err
	}
	return &ecr.StartImageScanOutput{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName, ImageId: imageIdentifier(id),
		ImageScanStatus: &types.ImageScanStatus{Status: types.ScanStatusInProgress},
	}, nil
}

func (h *handlers) describeImageScanFindings(ctx context.Context, in *ecr.DescribeImageScanFindingsInput) (*ecr.DescribeImageScanFindingsOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	id, err := oneImageID(in.ImageId)
	if err != nil {
		return nil, err
	}
	report, err := h.registry.ScanFindings(ctx, c, *in.RepositoryName, id)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImageScanFindingsOutput{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName,
		ImageId: imageIdentifier(report.ID), ImageScanStatus: scanStatus(report.Scan),
	}
	// A page of one snapshot is no page of the next: the scan is part of the list.
	p, err := h.page("DescribeImageScanFindings", in.NextToken, in.MaxResults,
		h.account(c), *in.RepositoryName, report.ID.Digest, report.Scan.RequestedAt.UTC().Format(time.RFC3339Nano))
	if err != nil {
		return nil, err
	}
	switch {
	case report.Enhanced:
		err = h.enhancedPage(ctx, p, report, out)
	case report.Scan.Status == service.ScanComplete:
		err = h.basicPage(p, report, out)
	} // otherwise there is no result, which is not the same as no findings
	return out, err
}

// basicPage answers a page of what basic scanning has found.
func (h *handlers) basicPage(p pagetoken.Page, report service.ScanReport, out *ecr.DescribeImageScanFindingsOutput) error {
	from, err := firstFinding(p, len(report.Findings))
	if err != nil {
		return err
	}
	findings := report.Findings[from:]
	if len(findings) > p.Size {
		findings = findings[:p.Size]
		out.NextToken = aws.String(h.pages.Seal(p.List, strconv.Itoa(from+p.Size)))
	}
	out.ImageScanFindings = scanResult(report.Scan)
	out.ImageScanFindings.Findings = imageScanFindings(findings, report.Scan.Engine)
	return nil
}

// enhancedPage answers a page of what enhanced scanning has found.
func (h *handlers) enhancedPage(ctx context.Context, p pagetoken.Page, report service.ScanReport, out *ecr.DescribeImageScanFindingsOutput) error {
	findings, next, err := h.registry.EnhancedScanFindings(ctx, report, p.Cursor, p.Size)
	if err != nil {
		return err
	}
	if next != "" {
		out.NextToken = aws.String(h.pages.Seal(p.List, next))
	}
	out.ImageScanFindings = scanResult(report.Scan)
	out.ImageScanFindings.EnhancedFindings = make([]types.EnhancedImageScanFinding, len(findings))
	for i, f := range findings {
		out.ImageScanFindings.EnhancedFindings[i] = enhancedFinding(report, f)
	}
	return nil
}

// scanResult is what all pages of a result repeat.
func scanResult(s service.Scan) *types.ImageScanFindings {
	return &types.ImageScanFindings{
		ImageScanCompletedAt: moment(s.CompletedAt), VulnerabilitySourceUpdatedAt: moment(s.SourceUpdatedAt), FindingSeverityCounts: severityCounts(s),
	}
}

// firstFinding is where a page begins. We sealed the number ourselves; that it
// is out of range can only be a fault of ours, and must not be a panic.
func firstFinding(p pagetoken.Page, n int) (int, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	from, err := strconv.Atoi(p.Cursor)
	if err != nil || from < 0 || from > n {
		return 0, registry.InvalidParameter("nextToken", "Invalid pagination token")
	}
	return from, nil
}

func scanStatus(s service.Scan) *types.ImageScanStatus {
	return &types.ImageScanStatus{Status: types.ScanStatus(s.Status), Description: text(s.Description)}
}

// scanSummary is nil, and thereby left out, when the scan has no result.
func scanSummary(s service.Scan) *types.ImageScanFindingsSummary {
	if s.Status != service.ScanComplete {
		return nil
	}
	return &types.ImageScanFindingsSummary{
		ImageScanCompletedAt: moment(s.CompletedAt), VulnerabilitySourceUpdatedAt: moment(s.SourceUpdatedAt),
		FindingSeverityCounts: severityCounts(s),
	}
}

// severityCounts names only levels that occur; without any it is empty, not absent.
func severityCounts(s service.Scan) map[string]int32 {
	out := make(map[string]int32, len(s.Counts))
	for level, n := range s.Counts {
		if n > 0 {
			out[string(level)] = int32(min(n, 1<<31-1))
		}
	}
	return out
}

func imageScanFindings(findings []service.ScanFinding, engine string) []types.ImageScanFinding {
	out := make([]types.ImageScanFinding, 0, len(findings))
	for _, f := range findings {
		out = append(out, types.ImageScanFinding{
			Name: &f.ID, Description: text(f.Description), Uri: text(f.URI),
			Severity: types.FindingSeverity(f.Severity), Attributes: slices.Concat(attributes(f.Finding, engine), toldOf(f.Finding), childOf(f), suppressionOf(f)),
		})
	}
	return out
}

// attributes are the package and one score: the old engine told that of CVSS
// version 2, the present one tells version 3; what is left is better than none.
func attributes(f match.Finding, engine string) []types.Attribute {
	out := []types.Attribute{attribute("package_version", f.InstalledVersion), attribute("package_name", f.Package)}
	order := []string{"3", "4", "2"}
	if engine == registry.EngineClair {
		order = []string{"2", "3", "4"}
	}
	for _, major := range order {
		for _, score := range f.CVSS {
			if strings.HasPrefix(score.Version, major+".") {
				return append(out, attribute("CVSS"+major+"_VECTOR", score.Vector),
					attribute("CVSS"+major+"_SCORE", strconv.FormatFloat(score.Score, 'f', 1, 64)))
			}
		}
	}
	return out
}

// toldOf are what only scanners of others tell: the weaknesses behind a
// vulnerability, and what is of their own making.
func toldOf(f match.Finding) []types.Attribute {
	if f.Told == nil {
		return nil
	}
	var out []types.Attribute
	if len(f.Told.CWEs) > 0 {
		out = append(out, attribute("cwe_ids", strings.Join(f.Told.CWEs, ",")))
	}
	for _, key := range slices.Sorted(maps.Keys(f.Told.Attributes)) {
		out = append(out, attribute("vendor."+key, f.Told.Attributes[key]))
	}
	return out
}

// childOf names the image of an index that a finding is of.
func childOf(f service.ScanFinding) []types.Attribute {
	if f.Digest == "" {
		return nil
	}
	out := []types.Attribute{attribute("image_digest", f.Digest)}
	if f.Platform != "" {
		out = append(out, attribute("image_platform", f.Platform))
	}
	return out
}

func attribute(key, value string) types.Attribute { return types.Attribute{Key: &key, Value: &value} }

func (h *handlers) getRegistryScanningConfiguration(ctx context.Context, _ *ecr.GetRegistryScanningConfigurationInput) (*ecr.GetRegistryScanningConfigurationOutput, error) {
	scope, config, err := h.registry.ScanningConfiguration(ctx, h.caller(ctx, nil))
	if err != nil {
		return nil, err
	}
	return &ecr.GetRegistryScanningConfigurationOutput{RegistryId: &scope.Account, ScanningConfiguration: scanningConfiguration(config)}, nil
}

func (h *handlers) putRegistryScanningConfiguration(ctx context.Context, in *ecr.PutRegistryScanningConfigurationInput) (*ecr.PutRegistryScanningConfigurationOutput, error) {
	config := registry.ScanningConfiguration{Type: registry.ScanType(in.ScanType)}
	if config.Type == "" {
		config.Type = registry.ScanBasic
	}
	for _, rule := range in.Rules {
		var filters []string
		for _, f := range rule.RepositoryFilters {
			filters = append(filters, *f.Filter)
		}
		config.Rules = append(config.Rules, registry.ScanRule{Frequency: registry.ScanFrequency(rule.ScanFrequency), Filters: filters})
	}
	if err := h.registry.PutScanningConfiguration(ctx, h.caller(ctx, nil), config); err != nil {
		return nil, err
	}
	return &ecr.PutRegistryScanningConfigurationOutput{RegistryScanningConfiguration: scanningConfiguration(config)}, nil
}

func scanningConfiguration(config registry.ScanningConfiguration) *types.RegistryScanningConfiguration {
	out := &types.RegistryScanningConfiguration{ScanType: types.ScanType(config.Type), Rules: []types.RegistryScanningRule{}}
	for _, rule := range config.Rules {
		out.Rules = append(out.Rules, types.RegistryScanningRule{
			ScanFrequency: types.ScanFrequency(rule.Frequency), RepositoryFilters: scanFilters(rule.Filters),
		})
	}
	return out
}

func scanFilters(filters []string) []types.ScanningRepositoryFilter {
	out := make([]types.ScanningRepositoryFilter, 0, len(filters))
	for _, f := range filters {
		out = append(out, types.ScanningRepositoryFilter{Filter: &f, FilterType: types.ScanningRepositoryFilterTypeWildcard})
	}
	return out
}

func (h *handlers) batchGetRepositoryScanningConfiguration(ctx context.Context, in *ecr.BatchGetRepositoryScanningConfigurationInput) (*ecr.BatchGetRepositoryScanningConfigurationOutput, error) {
	found, err := h.registry.RepositoryScanningConfigurations(ctx, h.caller(ctx, nil), in.RepositoryNames)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetRepositoryScanningConfigurationOutput{
		ScanningConfigurations: []types.RepositoryScanningConfiguration{}, Failures: []types.RepositoryScanningConfigurationFailure{},
	}
	for _, r := range found {
		if !r.Found {
			notFound := types.ScanningConfigurationFailureCodeRepositoryNotFound
			out.Failures = append(out.Failures, types.RepositoryScanningConfigurationFailure{
				RepositoryName: &r.Name, FailureCode: notFound, FailureReason: aws.String(string(notFound)),
			})
			continue
		}
		out.ScanningConfigurations = append(out.ScanningConfigurations, types.RepositoryScanningConfiguration{
			RepositoryArn: &r.ARN, RepositoryName: &r.Name, ScanFrequency: types.ScanFrequency(r.Frequency),
			ScanOnPush: r.Frequency != registry.ScanManual, AppliedScanFilters: scanFilters(r.Filters),
		})
	}
	return out, nil
}
