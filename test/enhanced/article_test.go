package enhanced

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/test/server"
)

// TestBasicSeesTheSystemAndEnhancedTheApplication is the table of the article:
// what each of the two looks at.
func TestBasicSeesTheSystemAndEnhancedTheApplication(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		h := open(t, database)
		h.push("continuous", "app", h.application("one"))
		found := h.awaitStatus("continuous", "app", types.ScanStatusActive)
		var os, npm, python bool
		for _, f := range found {
			p := f.PackageVulnerabilityDetails.VulnerablePackages[0]
			switch *f.PackageVulnerabilityDetails.VulnerabilityId {
			case "CVE-2021-23337":
				npm = true
				if aws.ToString(p.PackageManager) != "NODEPKG" || aws.ToString(p.FilePath) != "app/node_modules/lodash/package.json" || aws.ToString(p.FixedInVersion) != "4.17.21" {
					t.Errorf("package of npm: %s %s %s", aws.ToString(p.PackageManager), aws.ToString(p.FilePath), aws.ToString(p.FixedInVersion))
				}
				if aws.ToString(f.FixAvailable) != "YES" || aws.ToString(f.Severity) != "HIGH" || f.Score != 7.2 {
					t.Errorf("finding of npm: fix %s, severity %s, score %v", aws.ToString(f.FixAvailable), aws.ToString(f.Severity), f.Score)
				}
			case "CVE-2023-32681":
				python = true
				if aws.ToString(p.PackageManager) != "PYTHONPKG" {
					t.Errorf("package manager of requests = %s", aws.ToString(p.PackageManager))
				}
			default:
				os = os || aws.ToString(p.PackageManager) == "OS"
			}
			if aws.ToString(p.SourceLayerHash) == "" || aws.ToString(f.FindingArn) == "" || f.FirstObservedAt == nil || len(f.Resources) != 1 {
				t.Errorf("%s lacks members: %+v", aws.ToString(f.Title), f)
			}
		}
		if !os || !npm || !python {
			t.Errorf("found in the system %t, npm %t, PyPI %t; want all", os, npm, python)
		}

		h.basic()
		h.push("continuous", "again", h.application("two"))
		_, err := h.api.StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: aws.String("continuous"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("again")}})
		if err != nil {
			t.Fatal(err)
		}
		var basic []types.ImageScanFinding
		h.await("the basic scan", func() (string, bool) {
			out, err := h.api.DescribeImageScanFindings(t.Context(), &ecr.DescribeImageScanFindingsInput{
				RepositoryName: aws.String("continuous"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("again")}, MaxResults: aws.Int32(1000),
			})
			if err != nil {
				t.Fatal(err)
			}
			if out.ImageScanFindings != nil {
				basic = out.ImageScanFindings.Findings
			}
			return string(out.ImageScanStatus.Status), out.ImageScanStatus.Status == types.ScanStatusComplete
		})
		if len(basic) == 0 {
			t.Error("basic scanning found nothing in the system")
		}
		for _, f := range basic {
			if slices.Contains([]string{"CVE-2021-23337", "CVE-2023-32681"}, *f.Name) {
				t.Errorf("basic scanning found %s, which is the application's", *f.Name)
			}
		}
	})
}

// TestContinuousFindingsFollowTheAdvisories: without another push, what is
// published appears, what is withdrawn is closed, and each is told as an event.
// What is scanned on push stays as it was.
func TestContinuousFindingsFollowTheAdvisories(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		h := open(t, database)
		image := h.application("one")
		digest := h.push("continuous", "app", image)
		h.push("push", "app", image)
		h.awaitStatus("continuous", "app", types.ScanStatusActive)
		onPush := h.awaitStatus("push", "app", types.ScanStatusComplete)

		h.feed.publish(record("GHSA-xxxx-test-0001", "CVE-2026-77001", "npm", "left-pad", "SEMVER", ""))
		h.update()
		h.await("the new finding", func() (string, bool) {
			_, all, err := h.describe("continuous", "app")
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(ids(all, "ACTIVE"), " "), slices.Contains(ids(all, "ACTIVE"), "CVE-2026-77001")
		})
		if _, all, err := h.describe("push", "app"); err != nil || len(all) != len(onPush) {
			t.Errorf("the image scanned on push has %d findings, had %d (%v)", len(all), len(onPush), err)
		}

		h.feed.withdraw("GHSA-xxxx-test-0001")
		h.update()
		h.await("the finding to be closed", func() (string, bool) {
			for _, f := range h.listed(nil) {
				if *f.PackageVulnerabilityDetails.VulnerabilityId == "CVE-2026-77001" {
					return string(f.Status), f.Status == "CLOSED"
				}
			}
			return "gone", false
		})
		var states []string
		for _, e := range h.events("Inspector2 Finding") {
			if e.Detail.Details.ID == "CVE-2026-77001" {
				states = append(states, e.Detail.Status)
				if e.Source != "aws.inspector2" || len(e.Resources) != 1 || !strings.HasSuffix(e.Resources[0], "repository/continuous/"+digest) {
					t.Errorf("event about %v from %s", e.Resources, e.Source)
				}
			}
		}
		if !slices.Equal(states, []string{"ACTIVE", "CLOSED"}) {
			t.Errorf("the finding was told as %v, want opened and closed", states)
		}
		var initial int
		for _, e := range h.events("Inspector2 Scan") {
			if e.Detail.ScanState == "INITIAL_SCAN_COMPLETE" && e.Detail.Digest == digest {
				initial++
			}
		}
		if initial != 2 {
			t.Errorf("%d initial scans were told, want one for each repository", initial)
		}
	})
}

// TestNewFindingsSurviveAKill: a kill -9 right after advisories were stored loses
// no finding.
func TestNewFindingsSurviveAKill(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		h := open(t, database)
		const images = 20
		for i := range images {
			tag := "v" + string(rune('a'+i))
			h.push("continuous", tag, h.application(tag))
		}
		for i := range images {
			h.awaitStatus("continuous", "v"+string(rune('a'+i)), types.ScanStatusActive)
		}
		h.feed.publish(record("GHSA-xxxx-test-0002", "CVE-2026-77002", "npm", "left-pad", "SEMVER", ""))
		h.update()
		h.Kill(t)
		h.Restart(t)
		h.await("the finding in all images", func() (string, bool) {
			n := 0
			for _, f := range h.listed(nil) {
				if *f.PackageVulnerabilityDetails.VulnerabilityId == "CVE-2026-77002" && f.Status == "ACTIVE" {
					n++
				}
			}
			return string(rune('0'+n/10)) + string(rune('0'+n%10)), n == images
		})
		seen := map[string]int{}
		for _, e := range h.events("Inspector2 Finding") {
			if e.Detail.Details.ID == "CVE-2026-77002" {
				seen[e.Resources[0]]++
			}
		}
		if len(seen) != images {
			t.Errorf("events about %d images, want %d", len(seen), images)
		}
		for image, n := range seen {
			if n != 1 {
				t.Errorf("%d events about %s", n, image)
			}
		}
	})
}

// TestWhatIsNotScannedSaysSo: manual repositories have no scan, and cannot be
// asked for one.
func TestWhatIsNotScannedSaysSo(t *testing.T) {
	h := open(t, "")
	h.push("manual", "app", h.application("one"))
	_, _, err := h.describe("manual", "app")
	var none *types.ScanNotFoundException
	if !errors.As(err, &none) {
		t.Errorf("findings of an image that is not scanned: %v", err)
	}
	_, err = h.api.StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: aws.String("continuous"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("app")}})
	if err == nil || !strings.Contains(err.Error(), "This feature is disabled") {
		t.Errorf("StartImageScan under enhanced scanning: %v", err)
	}
}

// TestSwitchingBackAndForthKeepsWhatThereWas: basic snapshots are there again
// when basic scanning is, and enhanced findings come back with enhanced scanning.
func TestSwitchingBackAndForthKeepsWhatThereWas(t *testing.T) {
	h := open(t, "")
	h.basic()
	digest := h.push("continuous", "app", h.application("one"))
	id := &types.ImageIdentifier{ImageDigest: &digest}
	if _, err := h.api.StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: aws.String("continuous"), ImageId: id}); err != nil {
		t.Fatal(err)
	}
	scan := func() *ecr.DescribeImageScanFindingsOutput {
		out, err := h.api.DescribeImageScanFindings(t.Context(), &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("continuous"), ImageId: id, MaxResults: aws.Int32(1000)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	h.await("the basic scan", func() (string, bool) {
		status := scan().ImageScanStatus.Status
		return string(status), status == types.ScanStatusComplete
	})
	before := scan()

	h.enhance() // enrols what was pushed within the last 14 days
	found := h.awaitStatus("continuous", "app", types.ScanStatusActive)
	if !slices.Contains(ids(found, "ACTIVE"), "CVE-2021-23337") {
		t.Errorf("enhanced findings of an image that was there before: %v", ids(found, "ACTIVE"))
	}

	h.basic()
	after := scan()
	if after.ImageScanStatus.Status != types.ScanStatusComplete || len(after.ImageScanFindings.Findings) != len(before.ImageScanFindings.Findings) || after.ImageScanFindings.EnhancedFindings != nil {
		t.Errorf("back at basic scanning: %s with %d findings, had %d", after.ImageScanStatus.Status, len(after.ImageScanFindings.Findings), len(before.ImageScanFindings.Findings))
	}

	h.enhance()
	again := h.awaitStatus("continuous", "app", types.ScanStatusActive)
	if !slices.Equal(ids(again, "ACTIVE"), ids(found, "ACTIVE")) {
		t.Errorf("back at enhanced scanning: %v, had %v", ids(again, "ACTIVE"), ids(found, "ACTIVE"))
	}
}
