package ecr_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// libxml2 is the package of the image of these tests.
func libxml2() inventory.Package {
	return inventory.Package{Kind: inventory.KindDeb, Name: "libxml2", Version: "2:2.9.14+dfsg-1.3~deb12u1", Epoch: 2, Release: "1.3~deb12u1",
		Arch: "amd64", SourceName: "libxml2", SourceVersion: "2:2.9.14+dfsg-1.3~deb12u1", Path: "var/lib/dpkg/status"}
}

// settle has an image be followed with problems, the last of which is suppressed,
// as the scanner does.
func (a *api) settle(repository, digest string, problems ...finding.Problem) time.Time {
	a.t.Helper()
	ctx := a.t.Context()
	must := func(err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	repo, err := a.store.Repository(ctx, account, repository)
	must(err)
	encoded, err := json.Marshal(inventory.Inventory{OS: inventory.OSRelease{ID: "debian", VersionID: "12"}, Packages: []inventory.Package{libxml2()}})
	must(err)
	must(a.store.PutInventory(ctx, "inventory", "Debian:12", encoded))
	component := finding.Component{Release: "Debian:12", Name: "libxml2", Version: libxml2().Version}
	indexed, err := a.store.IndexInventory(ctx, "inventory", []finding.Component{component})
	must(err)
	_, err = a.store.PutProblems(ctx, []meta.ComponentProblems{{Component: indexed[0].ID, Problems: problems}})
	must(err)
	at := a.Now().UTC().Truncate(time.Millisecond)
	layer := "sha256:deb7" + strings.Repeat("0", 60)
	c := finding.Coverage{
		Account: account, RepositoryID: repo.ID, Frequency: registry.ScanContinuous, Code: finding.Covered, Reason: finding.ReasonSuccessful,
		ScanStatus: "ACTIVE", Description: "Continuous scan is selected for image.", InventoryID: "inventory",
		Layers:         append(append([]byte{1, 1, byte(len(layer))}, layer...), 1, 0),
		FirstScannedAt: at, LastScannedAt: at, SourceUpdatedAt: at, EnrolledAt: at,
		Image: finding.Image{Repository: repository, Digest: digest, Architecture: "amd64", Author: "somebody", Platform: "DEBIAN_12"},
	}
	_, err = a.store.PutCoverage(ctx, &c, nil)
	must(err)
	must(a.store.SettleFindings(ctx, []int64{c.ID}, nil, func(in meta.Settling) (out meta.Settled, err error) {
		for i, p := range in.Problems {
			s := finding.State{Coverage: c.ID, VulnerabilityID: p.VulnerabilityID, Status: finding.Active, FirstObservedAt: at, LastObservedAt: at, UpdatedAt: at}
			finding.Rate([]finding.Problem{p.Problem}).Apply(&s)
			if i == len(in.Problems)-1 && i > 0 {
				s.Status, s.Suppression = finding.Suppressed, &finding.Suppression{Kind: finding.SuppressedByDecision, ID: "d"}
			}
			out.Findings = append(out.Findings, s)
		}
		return out, nil
	}))
	return at
}

// problem is one of libxml2, of a severity.
func problem(n int, severity registry.Severity) finding.Problem {
	return finding.Problem{
		VulnerabilityID: fmt.Sprintf("CVE-2022-4904%d", n), Package: "libxml2", Version: libxml2().Version, Severity: severity, VendorSeverity: "not yet assigned",
		CVSS:        []finding.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:L/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H", Score: 8.1, Source: "NVD"}},
		Description: "About libxml2.", URL: "https://security-tracker.debian.org/tracker/CVE-2022-49043", References: []string{"https://example.com/1"},
		Aliases: []string{"DSA-1"}, Source: "DEBIAN_CVE", AdvisoryID: "DEBIAN-CVE-2022-49043", Reason: "because",
		Published: time.Date(2025, 1, 26, 0, 0, 0, 0, time.UTC), Modified: time.Date(2025, 1, 27, 0, 0, 0, 0, time.UTC),
	}
}

func TestEnhancedFindingsHaveAllTheirMembers(t *testing.T) {
	a := start(t)
	a.repository("web")
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED"))
	digest := a.image("web", "1", "v1")
	at := a.settle("web", digest, problem(3, registry.High))
	out := a.described(digest)
	if out.ImageScanStatus.Status != "ACTIVE" || *out.ImageScanStatus.Description != "Continuous scan is selected for image." {
		t.Errorf("%+v", out.ImageScanStatus)
	}
	got := out.ImageScanFindings
	if !got.ImageScanCompletedAt.Equal(at) || !got.VulnerabilitySourceUpdatedAt.Equal(at) || got.Findings != nil || len(got.FindingSeverityCounts) != 1 || got.FindingSeverityCounts["HIGH"] != 1 {
		t.Errorf("%+v", got)
	}
	f := got.EnhancedFindings[0]
	pushed := f.Resources[0].Details.AwsEcrContainerImage.PushedAt
	if pushed == nil || !strings.HasPrefix(*f.FindingArn, "arn:aws:inspector2:us-east-1:"+account+":finding/") {
		t.Errorf("%v, %s", pushed, *f.FindingArn)
	}
	published, modified := time.Date(2025, 1, 26, 0, 0, 0, 0, time.UTC), time.Date(2025, 1, 27, 0, 0, 0, 0, time.UTC)
	vector := "CVSS:3.1/AV:L/AC:H/PR:N/UI:N/S:C/C:H/I:H/A:H"
	want := types.EnhancedImageScanFinding{
		AwsAccountId: aws.String(account), Description: aws.String("About libxml2."), FindingArn: f.FindingArn,
		FirstObservedAt: &at, LastObservedAt: &at, UpdatedAt: &at, ExploitAvailable: aws.String("NO"), FixAvailable: aws.String("NO"),
		PackageVulnerabilityDetails: &types.PackageVulnerabilityDetails{
			Cvss:          []types.CvssScore{{BaseScore: 8.1, ScoringVector: &vector, Source: aws.String("NVD"), Version: aws.String("3.1")}},
			ReferenceUrls: []string{"https://example.com/1"}, RelatedVulnerabilities: []string{"DSA-1"},
			Source: aws.String("DEBIAN_CVE"), SourceUrl: aws.String("https://security-tracker.debian.org/tracker/CVE-2022-49043"),
			VendorCreatedAt: &published, VendorUpdatedAt: &modified, VendorSeverity: aws.String("not yet assigned"), VulnerabilityId: aws.String("CVE-2022-49043"),
			VulnerablePackages: []types.VulnerablePackage{{
				Arch: aws.String("AMD64"), Epoch: aws.Int32(2), FixedInVersion: aws.String("NotAvailable"), Name: aws.String("libxml2"), PackageManager: aws.String("OS"),
				Release: aws.String("1.3~deb12u1"), SourceLayerHash: aws.String("sha256:deb7" + strings.Repeat("0", 60)), Version: aws.String("2.9.14+dfsg"),
			}},
		},
		Remediation: &types.Remediation{Recommendation: &types.Recommendation{Text: aws.String("None Provided"), Url: aws.String("https://security-tracker.debian.org/tracker/CVE-2022-49043")}},
		Resources: []types.Resource{{
			Id: aws.String("arn:aws:ecr:us-east-1:" + account + ":repository/web/" + digest), Tags: map[string]string{}, Type: aws.String("AWS_ECR_CONTAINER_IMAGE"),
			Details: &types.ResourceDetails{AwsEcrContainerImage: &types.AwsEcrContainerImageDetails{
				Architecture: aws.String("amd64"), Author: aws.String("somebody"), ImageHash: &digest, ImageTags: []string{"v1"},
				Platform: aws.String("DEBIAN_12"), PushedAt: pushed, Registry: aws.String(account), RepositoryName: aws.String("web"),
			}},
		}},
		Score: 8.1, Severity: aws.String("HIGH"), Status: aws.String("ACTIVE"), Title: aws.String("CVE-2022-49043 - libxml2"), Type: aws.String("PACKAGE_VULNERABILITY"),
		ScoreDetails: &types.ScoreDetails{Cvss: &types.CvssScoreDetails{Adjustments: []types.CvssScoreAdjustment{}, Score: 8.1, ScoreSource: aws.String("NVD"), ScoringVector: &vector, Version: aws.String("3.1")}},
	}
	unexported := cmpopts.IgnoreUnexported(types.EnhancedImageScanFinding{}, types.PackageVulnerabilityDetails{}, types.CvssScore{}, types.VulnerablePackage{}, types.Remediation{},
		types.Recommendation{}, types.Resource{}, types.ResourceDetails{}, types.AwsEcrContainerImageDetails{}, types.ScoreDetails{}, types.CvssScoreDetails{})
	if diff := cmp.Diff(want, f, unexported); diff != "" {
		t.Error(diff)
	}
}

func TestEnhancedFindingsComeInPagesAndSuppressedOnesAreNotCounted(t *testing.T) {
	a := start(t)
	a.repository("web")
	apitest.OK[*sdk.PutRegistryScanningConfigurationOutput](t)(a.putScanning("ENHANCED"))
	digest := a.image("web", "1", "v1")
	a.settle("web", digest, problem(1, registry.Low), problem(2, registry.Critical), problem(3, registry.Undefined), problem(4, registry.High), problem(5, registry.Critical))
	// An index answers for its image, and names it.
	for _, asked := range []string{digest, a.index("web", "list", digest)} {
		var got []string
		in := &sdk.DescribeImageScanFindingsInput{RepositoryName: aws.String("web"), ImageId: byDigest(asked), MaxResults: aws.Int32(2)}
		for pages := sdk.NewDescribeImageScanFindingsPaginator(a, in); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			counts := page.ImageScanFindings.FindingSeverityCounts
			if len(page.ImageScanFindings.EnhancedFindings) > 2 || counts["CRITICAL"] != 1 || counts["UNTRIAGED"] != 1 || counts["LOW"] != 1 || counts["HIGH"] != 1 || len(counts) != 4 {
				t.Errorf("%d findings, counts %v", len(page.ImageScanFindings.EnhancedFindings), counts)
			}
			for _, f := range page.ImageScanFindings.EnhancedFindings {
				got = append(got, (*f.PackageVulnerabilityDetails.VulnerabilityId)[len("CVE-2022-4904"):]+" "+*f.Severity+" "+*f.Status)
				if *f.Resources[0].Details.AwsEcrContainerImage.ImageHash != digest {
					t.Errorf("resource %+v", f.Resources[0])
				}
			}
		}
		slices.Sort(got[:2]) // equally severe
		same(t, got, []string{"2 CRITICAL ACTIVE", "5 CRITICAL SUPPRESSED", "4 HIGH ACTIVE", "1 LOW ACTIVE", "3 UNTRIAGED ACTIVE"})
	}
}
