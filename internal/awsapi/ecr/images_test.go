package ecr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/registry"
)

func TestPutImageOutcomes(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	m := a.manifest("web", "1")
	digest := digestOf([]byte(m))
	put := func(in sdk.PutImageInput) (*sdk.PutImageOutput, error) {
		in.RepositoryName = aws.String("web")
		if in.ImageManifest == nil {
			in.ImageManifest = &m
		}
		return a.PutImage(ctx, &in)
	}
	out := apitest.OK[*sdk.PutImageOutput](t)(put(sdk.PutImageInput{ImageTag: aws.String("v1"), ImageDigest: &digest})).Image
	if *out.RegistryId != account || *out.RepositoryName != "web" || *out.ImageId.ImageDigest != digest || *out.ImageId.ImageTag != "v1" ||
		*out.ImageManifest != m || *out.ImageManifestMediaType != registry.MediaTypeOCIManifest {
		t.Errorf("%+v", out)
	}
	apitest.OK[*sdk.PutImageOutput](t)(put(sdk.PutImageInput{ImageTag: aws.String("v2")}))
	_, err := put(sdk.PutImageInput{ImageTag: aws.String("v1")})
	apitest.Want(t, err, "ImageAlreadyExistsException", "Image with digest '"+digest+"' and tag 'v1' already exists in the repository with name 'web' in registry with id '123456789012'")
	_, err = put(sdk.PutImageInput{})
	apitest.Want(t, err, "ImageAlreadyExistsException", "Image with digest '"+digest+"' and tag 'null' already exists in the repository with name 'web' in registry with id '123456789012'")
	wrong := "sha256:" + strings.Repeat("0", 64)
	_, err = put(sdk.PutImageInput{ImageDigest: &wrong})
	apitest.Want(t, err, "ImageDigestDoesNotMatchException", "The calculated image digest '"+digest+"' does not match the provided digest '"+wrong+"'")
	_, err = put(sdk.PutImageInput{ImageManifest: aws.String("{")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")
	_, err = put(sdk.PutImageInput{ImageManifest: aws.String(strings.Repeat(" ", 4<<20+1))})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Member must have length less than or equal to 4194304'")
	_, err = put(sdk.PutImageInput{ImageManifest: aws.String("{}")})
	apitest.Want(t, err, "InvalidParameterException", "image manifest mediatype not provided in manifest or parameter")
	_, err = put(sdk.PutImageInput{ImageTag: aws.String("no spaces")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}''")
	absent := strings.Replace(m, `"layers":[]`, `"layers":[{"mediaType":"x","digest":"`+wrong+`","size":1}]`, 1)
	_, err = put(sdk.PutImageInput{ImageManifest: &absent})
	apitest.Want(t, err, "LayersNotFoundException", "Layers with digests '["+wrong+"]' required for pushing image into repository with name 'web' in the registry with id '123456789012' do not exist")
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`, registry.MediaTypeOCIManifest, wrong)
	_, err = put(sdk.PutImageInput{ImageManifest: &index, ImageManifestMediaType: aws.String(registry.MediaTypeOCIIndex)})
	apitest.Want(t, err, "ReferencedImagesNotFoundException", "Images with digests '["+wrong+"]' required for pushing image into repository with name 'web' in the registry with id '123456789012' do not exist")
	_, err = a.PutImage(ctx, &sdk.PutImageInput{RepositoryName: aws.String("nope"), ImageManifest: &m})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}

func TestAManifestComesBackByteForByte(t *testing.T) {
	a := start(t)
	a.repository("web")
	m := a.manifest("web", "1")
	odd := "\n{\t\"annotations\":{\"text\":\"é\\u00e9 \\\"<>&\\\" \u2028 \U0001F433\"},\r\n" + m[1:] + "\n"
	apitest.OK[*sdk.PutImageOutput](t)(a.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &odd, ImageTag: aws.String("odd")}))
	got := apitest.OK[*sdk.BatchGetImageOutput](t)(a.BatchGetImage(t.Context(), &sdk.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("odd")}}}))
	if *got.Images[0].ImageManifest != odd || *got.Images[0].ImageId.ImageDigest != digestOf([]byte(odd)) {
		t.Errorf("got %q", *got.Images[0].ImageManifest)
	}
}

func failures(in []types.ImageFailure) []string {
	var out []string
	for _, f := range in {
		out = append(out, fmt.Sprintf("%s|%s|%s: %s", aws.ToString(f.ImageId.ImageDigest), aws.ToString(f.ImageId.ImageTag), f.FailureCode, *f.FailureReason))
	}
	return out
}

func ids(in []types.ImageIdentifier) []string {
	var out []string
	for _, id := range in {
		out = append(out, aws.ToString(id.ImageDigest)+"|"+aws.ToString(id.ImageTag))
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestBatchesTellWhatFailedOneByOne(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	one, two := a.image("web", "1", "a"), a.image("web", "2", "b")
	unknown := "sha256:" + strings.Repeat("0", 64)
	asked := []types.ImageIdentifier{
		{ImageTag: aws.String("a")}, {ImageDigest: &two}, {ImageDigest: &one, ImageTag: aws.String("b")},
		{}, {ImageDigest: aws.String("nonsense")}, {ImageDigest: &unknown}, {ImageTag: aws.String("zz")}, {ImageTag: aws.String(strings.Repeat("t", 400))},
	}
	expected := []string{
		one + "|b|ImageTagDoesNotMatchDigest: Invalid request parameters: image tag does not match the image digest",
		"||MissingDigestAndTag: Invalid request parameters: both tag and digest cannot be null",
		"nonsense||InvalidImageDigest: Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
		unknown + "||ImageNotFound: Requested image not found",
		"|zz|ImageNotFound: Requested image not found",
		"|" + strings.Repeat("t", 400) + "|ImageNotFound: Requested image not found",
	}
	got := apitest.OK[*sdk.BatchGetImageOutput](t)(a.BatchGetImage(ctx, &sdk.BatchGetImageInput{RepositoryName: aws.String("web"), ImageIds: asked}))
	var found []types.ImageIdentifier
	for _, image := range got.Images {
		found = append(found, *image.ImageId)
		if *image.RegistryId != account || *image.RepositoryName != "web" || *image.ImageManifestMediaType != registry.MediaTypeOCIManifest {
			t.Errorf("%+v", image)
		}
	}
	same(t, ids(found), []string{one + "|a", two + "|"})
	same(t, failures(got.Failures), expected)

	gone := apitest.OK[*sdk.BatchDeleteImageOutput](t)(a.BatchDeleteImage(ctx, &sdk.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: asked[2:]}))
	same(t, ids(gone.ImageIds), nil)
	same(t, failures(gone.Failures), expected)
	_, err := a.BatchGetImage(ctx, &sdk.BatchGetImageInput{RepositoryName: aws.String("nope"), ImageIds: asked})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}

func TestDeletingTagsAndImages(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	one := a.image("web", "1", "a", "b", "c")
	child := a.image("web", "2", "child")
	index := a.index("web", "index", child)
	del := func(ids ...types.ImageIdentifier) *sdk.BatchDeleteImageOutput {
		return apitest.OK[*sdk.BatchDeleteImageOutput](t)(a.BatchDeleteImage(ctx, &sdk.BatchDeleteImageInput{RepositoryName: aws.String("web"), ImageIds: ids}))
	}
	out := del(types.ImageIdentifier{ImageTag: aws.String("a")})
	same(t, ids(out.ImageIds), []string{one + "|a"})
	out = del(types.ImageIdentifier{ImageDigest: &one})
	same(t, ids(out.ImageIds), []string{one + "|b", one + "|c"})
	out = del(types.ImageIdentifier{ImageTag: aws.String("child")})
	same(t, failures(out.Failures), []string{"|child|ImageReferencedByManifestList: Requested image referenced by manifest list: [" + index + "]"})
	out = del(types.ImageIdentifier{ImageDigest: &child}, types.ImageIdentifier{ImageDigest: &index})
	if len(out.Failures) != 0 || len(out.ImageIds) != 2 {
		t.Errorf("an index and its child in one call: %v, %v", ids(out.ImageIds), failures(out.Failures))
	}
	left := apitest.OK[*sdk.ListImagesOutput](t)(a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web")}))
	if left.ImageIds == nil || len(left.ImageIds) != 0 {
		t.Errorf("%v", ids(left.ImageIds))
	}
}

func TestListImagesHasOneEntryPerTag(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	one := a.image("web", "1", "a", "b", "c")
	two := a.image("web", "2")
	all := []string{one + "|a", one + "|b", one + "|c", two + "|"}
	if two < one {
		all = []string{two + "|", one + "|a", one + "|b", one + "|c"}
	}
	for size := int32(1); size <= 5; size++ {
		var got []types.ImageIdentifier
		pages := sdk.NewListImagesPaginator(a, &sdk.ListImagesInput{RepositoryName: aws.String("web"), MaxResults: &size})
		for pages.HasMorePages() {
			out := apitest.OK[*sdk.ListImagesOutput](t)(pages.NextPage(ctx))
			if len(out.ImageIds) > int(size) || len(out.ImageIds) == 0 {
				t.Errorf("a page of %d with size %d", len(out.ImageIds), size)
			}
			got = append(got, out.ImageIds...)
		}
		same(t, ids(got), all)
	}
	for status, expected := range map[types.TagStatus]int{"TAGGED": 3, "UNTAGGED": 1, "ANY": 4} {
		out := apitest.OK[*sdk.ListImagesOutput](t)(a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web"), Filter: &types.ListImagesFilter{TagStatus: status, ImageStatus: "ANY"}}))
		if len(out.ImageIds) != expected {
			t.Errorf("%s: %v", status, ids(out.ImageIds))
		}
	}
}

func TestATokenIsGoodForItsListOnly(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	a.repository("app")
	for _, r := range []string{"web", "app"} {
		a.image(r, "1", "a", "b", "c")
	}
	token := apitest.OK[*sdk.ListImagesOutput](t)(a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web"), MaxResults: aws.Int32(1)})).NextToken
	const text = "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'"
	_, err := a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("app"), NextToken: token})
	apitest.Want(t, err, "InvalidParameterException", text)
	_, err = a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web"), NextToken: token, Filter: &types.ListImagesFilter{TagStatus: "TAGGED"}})
	apitest.Want(t, err, "InvalidParameterException", text)
	_, err = a.DescribeImages(ctx, &sdk.DescribeImagesInput{RepositoryName: aws.String("web"), NextToken: token})
	apitest.Want(t, err, "InvalidParameterException", text)
	out := apitest.OK[*sdk.ListImagesOutput](t)(a.ListImages(ctx, &sdk.ListImagesInput{RepositoryName: aws.String("web"), NextToken: token, MaxResults: aws.Int32(1000)}))
	if len(out.ImageIds) != 2 || out.NextToken != nil {
		t.Errorf("%v", ids(out.ImageIds))
	}
}

func TestDescribeImages(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	one, two := a.image("web", "1", "b", "a"), a.image("web", "2")
	describe := func(in sdk.DescribeImagesInput) (*sdk.DescribeImagesOutput, error) {
		in.RepositoryName = aws.String("web")
		return a.DescribeImages(ctx, &in)
	}
	out := apitest.OK[*sdk.DescribeImagesOutput](t)(describe(sdk.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("a")}, {ImageTag: aws.String("b")}}}))
	if len(out.ImageDetails) != 1 {
		t.Fatalf("%d details", len(out.ImageDetails))
	}
	d := out.ImageDetails[0]
	if *d.RegistryId != account || *d.RepositoryName != "web" || *d.ImageDigest != one || strings.Join(d.ImageTags, " ") != "a b" ||
		*d.ImageSizeInBytes != int64(len(`{"seed":"1"}`)) || d.ImagePushedAt == nil || *d.ImageManifestMediaType != registry.MediaTypeOCIManifest ||
		*d.ArtifactMediaType != "application/vnd.oci.image.config.v1+json" || d.ImageStatus != "ACTIVE" ||
		d.LastRecordedPullTime != nil || d.SubjectManifestDigest != nil || d.ImageScanStatus != nil || d.ImageScanFindingsSummary != nil {
		t.Errorf("%+v", d)
	}
	untagged := apitest.OK[*sdk.DescribeImagesOutput](t)(describe(sdk.DescribeImagesInput{Filter: &types.DescribeImagesFilter{TagStatus: "UNTAGGED"}}))
	if len(untagged.ImageDetails) != 1 || *untagged.ImageDetails[0].ImageDigest != two || untagged.ImageDetails[0].ImageTags != nil {
		t.Errorf("%+v", untagged.ImageDetails)
	}
	var digests []string
	pages := sdk.NewDescribeImagesPaginator(a, &sdk.DescribeImagesInput{RepositoryName: aws.String("web"), MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, d := range apitest.OK[*sdk.DescribeImagesOutput](t)(pages.NextPage(ctx)).ImageDetails {
			digests = append(digests, *d.ImageDigest)
		}
	}
	both := []string{one, two}
	slices.Sort(both)
	same(t, digests, both)

	_, err := describe(sdk.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageDigest: &one}, {ImageTag: aws.String("zz")}}})
	apitest.Want(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'zz'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
	_, err = describe(sdk.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{}}})
	apitest.Want(t, err, "InvalidParameterException", "Invalid request parameters: both tag and digest cannot be null")
	_, err = describe(sdk.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String("x")}}})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''")
	_, err = describe(sdk.DescribeImagesInput{ImageIds: []types.ImageIdentifier{{ImageTag: aws.String(strings.Repeat("t", 301))}}})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageIds.1.member.imageTag' failed to satisfy constraint: 'Member must have length less than or equal to 300'")
}
