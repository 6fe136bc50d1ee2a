package ecr_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// multi pushes an index of an image for amd64, one for arm64 and an attestation.
func (a *api) multi(amd, arm string) string {
	a.t.Helper()
	about := a.image("web", "attestation of "+amd)
	list := `{"schemaVersion":2,"mediaType":"` + registry.MediaTypeOCIIndex + `","manifests":[` + strings.Join([]string{
		`{"mediaType":"` + registry.MediaTypeOCIManifest + `","size":1,"digest":"` + amd + `","platform":{"os":"linux","architecture":"amd64"}}`,
		`{"mediaType":"` + registry.MediaTypeOCIManifest + `","size":1,"digest":"` + arm + `","platform":{"os":"linux","architecture":"arm64","variant":"v8"}}`,
		`{"mediaType":"` + registry.MediaTypeOCIManifest + `","size":1,"digest":"` + about + `","annotations":{"vnd.docker.reference.type":"attestation-manifest"},"platform":{"os":"unknown","architecture":"unknown"}}`,
	}, ",") + `]}`
	apitest.OK[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &list, ImageTag: aws.String("multi")}))
	return digestOf([]byte(list))
}

func (a *api) described(digest string) *sdk.DescribeImageScanFindingsOutput {
	a.t.Helper()
	return apitest.OK[*sdk.DescribeImageScanFindingsOutput](a.t)(a.findings(*byDigest(digest)))
}

func TestScanningAnIndexScansItsImagesAndAnswersForThem(t *testing.T) {
	a := start(t)
	a.repository("web")
	amd, arm := a.image("web", "amd"), a.image("web", "arm")
	index := a.multi(amd, arm)
	_, err := a.findings(*byDigest(index))
	apitest.Want(t, err, "ScanNotFoundException", "Image scan does not exist for the image with '{imageDigest:'"+index+"', imageTag:'null'}' in the repository with name 'web' in the registry with id '123456789012'")

	out := apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(index))
	if *out.ImageId.ImageDigest != index || out.ImageScanStatus.Status != "IN_PROGRESS" {
		t.Errorf("%+v", out)
	}
	a.finish("web", amd, complete(1), vulnerability(1))
	if got := a.described(index); got.ImageScanStatus.Status != "IN_PROGRESS" || got.ImageScanFindings != nil {
		t.Errorf("%+v", got)
	}
	a.finish("web", arm, complete(2), vulnerability(1), vulnerability(2))
	got := a.described(index)
	if got.ImageScanStatus.Status != "COMPLETE" || *got.ImageScanStatus.Description != "The scan was completed successfully." {
		t.Errorf("%+v", got.ImageScanStatus)
	}
	var from []string
	for _, f := range got.ImageScanFindings.Findings {
		var digest, platform string
		for _, at := range f.Attributes {
			switch *at.Key {
			case "image_digest":
				digest = *at.Value
			case "image_platform":
				platform = *at.Value
			}
		}
		if digest != map[string]string{"linux/amd64": amd, "linux/arm64/v8": arm}[platform] {
			t.Errorf("platform %s of %s", platform, digest)
		}
		from = append(from, *f.Name+" "+platform)
	}
	slices.Sort(from)
	first, second := *got.ImageScanFindings.Findings[0].Name, ""
	for _, f := range got.ImageScanFindings.Findings {
		if *f.Name != first {
			second = *f.Name
		}
	}
	want := []string{first + " linux/amd64", first + " linux/arm64/v8", second + " linux/arm64/v8"}
	slices.Sort(want)
	same(t, from, want)
	for _, child := range []string{amd, arm} {
		for _, f := range a.described(child).ImageScanFindings.Findings {
			if slices.ContainsFunc(f.Attributes, func(at types.Attribute) bool { return strings.HasPrefix(*at.Key, "image_") }) {
				t.Errorf("a finding of an image names it: %+v", f.Attributes)
			}
		}
	}
	_, err = a.scan(index)
	apitest.Want(t, err, "LimitExceededException", "The scan quota per image has been exceeded. Wait and try again.")
}

func TestAnIndexHasFailedOnlyIfAllItsImagesHave(t *testing.T) {
	a := start(t)
	a.repository("web")
	amd, arm := a.image("web", "amd"), a.image("web", "arm")
	index := a.multi(amd, arm)
	apitest.OK[*sdk.StartImageScanOutput](t)(a.scan(index))
	why := "UnsupportedImageError: The operating system and/or package manager are not supported."
	failed := meta.Scan{Status: meta.ScanFailed, Description: why}
	a.finish("web", amd, complete(1), vulnerability(1))
	a.finish("web", arm, failed)
	got := a.described(index)
	if got.ImageScanStatus.Status != "COMPLETE" || *got.ImageScanStatus.Description != "The scan was completed successfully. linux/arm64/v8 ("+arm+"): "+why {
		t.Errorf("%s %q", got.ImageScanStatus.Status, *got.ImageScanStatus.Description)
	}
	other := a.multi(a.image("web", "amd2"), arm)
	if got := a.described(other); got.ImageScanStatus.Status != "FAILED" || !strings.Contains(*got.ImageScanStatus.Description, "was not scanned.") || got.ImageScanFindings != nil {
		t.Errorf("%+v", got.ImageScanStatus)
	}
}
