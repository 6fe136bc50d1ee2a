package ecr_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/service"
)

func byDigest(digest string) *types.ImageIdentifier {
	return &types.ImageIdentifier{ImageDigest: &digest}
}

func byTag(tag string) *types.ImageIdentifier { return &types.ImageIdentifier{ImageTag: &tag} }

func (a *api) class(id *types.ImageIdentifier, to types.TargetStorageClass) (*sdk.UpdateImageStorageClassOutput, error) {
	return a.UpdateImageStorageClass(a.t.Context(), &sdk.UpdateImageStorageClassInput{RepositoryName: aws.String("web"), ImageId: id, TargetStorageClass: to})
}

// archive archives images of the repository web.
func (a *api) archive(digests ...string) {
	a.t.Helper()
	for _, digest := range digests {
		apitest.OK[*sdk.UpdateImageStorageClassOutput](a.t)(a.class(byDigest(digest), "ARCHIVE"))
	}
}

// work does the jobs that restore images.
func (a *api) work() {
	a.t.Helper()
	jobs, err := a.store.ClaimJobs(a.t.Context(), a.Now(), time.Minute, 100)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Kind != service.RestoreJob {
			continue
		}
		for range 2 { // a job may be done twice
			if err := a.svc.Restore(a.t.Context(), j); err != nil {
				a.t.Fatal(err)
			}
		}
	}
}

func (a *api) details(status types.ImageStatusFilter) map[string]types.ImageDetail {
	a.t.Helper()
	in := &sdk.DescribeImagesInput{RepositoryName: aws.String("web")}
	if status != "" {
		in.Filter = &types.DescribeImagesFilter{ImageStatus: status}
	}
	found := map[string]types.ImageDetail{}
	for _, d := range apitest.OK[*sdk.DescribeImagesOutput](a.t)(a.DescribeImages(a.t.Context(), in)).ImageDetails {
		found[*d.ImageDigest] = d
	}
	return found
}

func TestAnImageIsArchivedAndRestored(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	digest, kept := a.image("web", "1", "v1"), a.image("web", "2", "v2")

	out := apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byTag("v1"), "ARCHIVE"))
	if *out.RegistryId != account || *out.RepositoryName != "web" || *out.ImageId.ImageDigest != digest || *out.ImageId.ImageTag != "v1" || out.ImageStatus != "ARCHIVED" {
		t.Errorf("%+v", out)
	}
	pulled := apitest.OK[*sdk.BatchGetImageOutput](t)(a.BatchGetImage(ctx, &sdk.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{*byTag("v1"), *byDigest(digest)}}))
	if len(pulled.Images) != 0 || len(pulled.Failures) != 2 || pulled.Failures[0].FailureCode != "ImageNotFound" || *pulled.Failures[1].FailureReason != "Requested image not found" {
		t.Errorf("%+v", pulled)
	}
	_, err := a.scan(digest)
	apitest.Want(t, err, "ImageArchivedException", "The image with imageId {imageDigest:'"+digest+"', imageTag:'null'} in the repository with name 'web' in the registry with id '123456789012' is archived and cannot be scanned")
	findings := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byDigest(digest)))
	if findings.ImageScanStatus.Status != "IMAGE_ARCHIVED" || findings.ImageScanFindings != nil {
		t.Errorf("%+v", findings.ImageScanStatus)
	}
	again := apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byDigest(digest), "ARCHIVE"))
	if again.ImageStatus != "ARCHIVED" {
		t.Errorf("%+v", again)
	}

	out = apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byDigest(digest), "STANDARD"))
	if out.ImageStatus != "ACTIVATING" || out.ImageId.ImageTag != nil {
		t.Errorf("%+v", out)
	}
	if found := a.details("ACTIVATING"); len(found) != 1 || found[digest].LastActivatedAt != nil {
		t.Errorf("%+v", found)
	}
	_, err = a.class(byDigest(digest), "ARCHIVE")
	apitest.Want(t, err, "ImageStorageClassUpdateNotSupportedException", "The image with digest '"+digest+"' cannot be archived because it is being restored")
	a.work()
	found := a.details("")
	if d := found[digest]; len(found) != 2 || d.ImageStatus != "ACTIVE" || d.LastArchivedAt == nil || d.LastActivatedAt == nil || d.LastActivatedAt.Before(*d.LastArchivedAt) || !slices.Equal(d.ImageTags, []string{"v1"}) {
		t.Errorf("%+v", d)
	}
	if d := found[kept]; d.LastArchivedAt != nil || d.LastActivatedAt != nil || d.ImageStatus != "ACTIVE" {
		t.Errorf("%+v", d)
	}
	out = apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byDigest(digest), "STANDARD"))
	if out.ImageStatus != "ACTIVE" {
		t.Errorf("%+v", out)
	}
}

func TestStorageClassesThatCannotBe(t *testing.T) {
	a := start(t)
	a.repository("web")
	child := a.image("web", "1")
	index := a.index("web", "list", child)
	_, err := a.class(byDigest(child), "ARCHIVE")
	apitest.Want(t, err, "ImageStorageClassUpdateNotSupportedException", "The image with digest '"+child+"' cannot be archived because it is referenced by the active manifest list: ["+index+"]")
	a.archive(index, child)

	_, err = a.class(byTag("nope"), "ARCHIVE")
	apitest.Want(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'nope'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.class(byTag("nope"), "STANDARD")
	apitest.Want(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'nope'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.class(&types.ImageIdentifier{}, "ARCHIVE")
	apitest.Want(t, err, "InvalidParameterException", "Invalid request parameters: both tag and digest cannot be null")
	_, err = a.class(byDigest(child), "GLACIER")
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'targetStorageClass' failed to satisfy constraint: 'Member must satisfy enum value set: [STANDARD, ARCHIVE]'")
	_, err = a.UpdateImageStorageClass(t.Context(), &sdk.UpdateImageStorageClassInput{RepositoryName: aws.String("nope"), ImageId: byTag("v1"), TargetStorageClass: "ARCHIVE"})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}

func TestListsHideWhatIsNotActiveUnlessAsked(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	active, archived, activating := a.image("web", "1", "v1"), a.image("web", "2", "v2", "v2.0"), a.image("web", "3")
	a.archive(archived, activating)
	apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byDigest(activating), "STANDARD"))
	for status, digests := range map[types.ImageStatusFilter][]string{
		"": {active}, "ACTIVE": {active}, "ARCHIVED": {archived}, "ACTIVATING": {activating}, "ANY": {active, archived, activating},
	} {
		found := a.details(status)
		if len(found) != len(digests) {
			t.Errorf("%q: %d images", status, len(found))
		}
		for _, digest := range digests {
			if _, there := found[digest]; !there {
				t.Errorf("%q: without %s", status, digest)
			}
		}
	}
	list := func(filter *types.ListImagesFilter) (tags []string) {
		for _, id := range apitest.OK[*sdk.ListImagesOutput](t)(a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web"), Filter: filter})).ImageIds {
			tags = append(tags, aws.ToString(id.ImageTag))
		}
		slices.Sort(tags)
		return tags
	}
	same(t, list(nil), []string{"v1"})
	same(t, list(&types.ListImagesFilter{ImageStatus: "ARCHIVED"}), []string{"v2", "v2.0"})
	same(t, list(&types.ListImagesFilter{ImageStatus: "ACTIVATING", TagStatus: "UNTAGGED"}), []string{""})
	same(t, list(&types.ListImagesFilter{ImageStatus: "ANY", TagStatus: "TAGGED"}), []string{"v1", "v2", "v2.0"})
	named := apitest.OK[*sdk.DescribeImagesOutput](t)(a.DescribeImages(ctx, &sdk.DescribeImagesInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{*byDigest(archived)}}))
	if d := named.ImageDetails[0]; d.ImageStatus != "ARCHIVED" || d.LastArchivedAt == nil {
		t.Errorf("%+v", d)
	}
}

func TestPushingAnArchivedImageAgainRestoresIt(t *testing.T) {
	a := start(t)
	a.repository("web")
	digest := a.image("web", "1", "v1")
	a.archive(digest)
	a.image("web", "1", "v1")
	if d := a.details("")[digest]; d.ImageStatus != "ACTIVE" || d.LastActivatedAt == nil {
		t.Errorf("%+v", d)
	}
}

func TestARestoredImageIsScannedAsIfItWerePushed(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	digest := a.image("web", "1", "v1")
	a.archive(digest)
	apitest.OK[*sdk.PutImageScanningConfigurationOutput](t)(a.PutImageScanningConfiguration(ctx, &sdk.PutImageScanningConfigurationInput{
		RepositoryName: aws.String("web"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}}))
	apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byDigest(digest), "STANDARD"))
	a.work()
	if out := apitest.OK[*sdk.DescribeImageScanFindingsOutput](t)(a.findings(*byTag("v1"))); out.ImageScanStatus.Status != "IN_PROGRESS" {
		t.Errorf("%+v", out.ImageScanStatus)
	}
}

func TestAnImageThatIsDeletedIsNotRestored(t *testing.T) {
	a := start(t)
	a.repository("web")
	digest := a.image("web", "1", "v1")
	a.archive(digest)
	apitest.OK[*sdk.UpdateImageStorageClassOutput](t)(a.class(byDigest(digest), "STANDARD"))
	apitest.OK[*sdk.BatchDeleteImageOutput](t)(a.BatchDeleteImage(t.Context(), &sdk.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{*byDigest(digest)}}))
	a.work()
	if found := a.details("ANY"); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// artifact pushes a manifest that refers to a subject and answers its digest.
func (a *api) artifact(subject, kind, note string) string {
	a.t.Helper()
	a.emptyConfig()
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":%q,
		"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[],
		"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":1},"annotations":{"note":%q}}`,
		kind, digestOf([]byte("{}")), subject, note)
	apitest.OK[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &m}))
	return digestOf([]byte(m))
}

func (a *api) emptyConfig() {
	a.t.Helper()
	digest := digestOf([]byte("{}"))
	found := apitest.OK[*sdk.BatchCheckLayerAvailabilityOutput](a.t)(a.BatchCheckLayerAvailability(a.t.Context(),
		&sdk.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("web"), LayerDigests: []string{digest}}))
	if found.Layers[0].LayerAvailability == types.LayerAvailabilityUnavailable {
		a.layer("web", []byte("{}"))
	}
}
