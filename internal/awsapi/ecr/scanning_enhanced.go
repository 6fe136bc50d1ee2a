package ecr

import (
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/service"
)

// enhancedFinding words a finding as ECR tells of what Inspector has found.
func enhancedFinding(report service.ScanReport, f finding.Finding) types.EnhancedImageScanFinding {
	out := types.EnhancedImageScanFinding{
		AwsAccountId: &f.Account, Description: text(f.Description), FindingArn: aws.String(report.FindingARN(f)),
		FirstObservedAt: moment(f.FirstObservedAt), LastObservedAt: moment(f.LastObservedAt), UpdatedAt: moment(f.UpdatedAt),
		ExploitAvailable: aws.String(yesOrNo(f.Exploit)), FixAvailable: text(string(f.Fix)),
		PackageVulnerabilityDetails: vulnerabilityDetails(f),
		Remediation:                 &types.Remediation{Recommendation: &types.Recommendation{Text: &f.Remediation, Url: text(f.SourceURL)}},
		Resources:                   []types.Resource{findingResource(report, f)},
		Severity:                    aws.String(string(f.Severity)), Status: aws.String(string(f.Status)),
		Title: &f.Title, Type: aws.String("PACKAGE_VULNERABILITY"),
	}
	if f.Score >= 0 {
		out.Score = f.Score
		details := &types.CvssScoreDetails{Adjustments: []types.CvssScoreAdjustment{}, Score: f.Score}
		if len(f.CVSS) > 0 {
			worst := f.CVSS[0]
			details.ScoreSource, details.ScoringVector, details.Version = text(worst.Source), text(worst.Vector), text(worst.Version)
		}
		out.ScoreDetails = &types.ScoreDetails{Cvss: details}
	}
	return out
}

func yesOrNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func vulnerabilityDetails(f finding.Finding) *types.PackageVulnerabilityDetails {
	out := &types.PackageVulnerabilityDetails{
		Cvss: []types.CvssScore{}, ReferenceUrls: present(f.References), RelatedVulnerabilities: present(f.Aliases),
		Source: text(f.Source), SourceUrl: text(f.SourceURL), VendorCreatedAt: moment(f.CreatedAt), VendorUpdatedAt: moment(f.ChangedAt),
		VendorSeverity: text(f.Vendor), VulnerabilityId: &f.VulnerabilityID, VulnerablePackages: []types.VulnerablePackage{},
	}
	for _, c := range f.CVSS {
		out.Cvss = append(out.Cvss, types.CvssScore{BaseScore: c.Score, ScoringVector: &c.Vector, Source: text(c.Source), Version: &c.Version})
	}
	for _, p := range f.Packages {
		out.VulnerablePackages = append(out.VulnerablePackages, types.VulnerablePackage{
			Arch: text(p.Arch), Epoch: aws.Int32(int32(min(p.Epoch, math.MaxInt32))), FilePath: text(p.Path), FixedInVersion: text(p.FixedIn),
			Name: &p.Name, PackageManager: text(p.Manager), Release: text(p.Release), SourceLayerHash: text(p.Layer), Version: &p.Version,
		})
	}
	return out
}

// present is a list that is there, if empty.
func present(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// findingResource is the image that a finding is of: of an index, one of its own.
func findingResource(report service.ScanReport, f finding.Finding) types.Resource {
	return types.Resource{
		Id: aws.String(report.ImageARN(f)), Tags: map[string]string{}, Type: aws.String("AWS_ECR_CONTAINER_IMAGE"),
		Details: &types.ResourceDetails{AwsEcrContainerImage: &types.AwsEcrContainerImageDetails{
			Architecture: text(f.Image.Architecture), Author: text(f.Image.Author), ImageHash: &f.Image.Digest, ImageTags: present(f.Image.Tags),
			Platform: text(f.Image.Platform), PushedAt: moment(f.Image.PushedAt), Registry: &f.Account, RepositoryName: &f.Image.Repository,
		}},
	}
}
