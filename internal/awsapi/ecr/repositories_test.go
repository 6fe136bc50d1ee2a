package ecr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

func TestARepositoryIsEchoedWhole(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	r := a.repository("team/web")
	host := strings.TrimPrefix(a.url, "http://")
	if *r.RepositoryArn != "arn:aws:ecr:us-east-1:123456789012:repository/team/web" || *r.RegistryId != account || *r.RepositoryName != "team/web" ||
		*r.RepositoryUri != host+"/team/web" || r.ImageTagMutability != "MUTABLE" || r.ImageTagMutabilityExclusionFilters != nil ||
		r.ImageScanningConfiguration.ScanOnPush || r.EncryptionConfiguration.EncryptionType != "AES256" || r.EncryptionConfiguration.KmsKey != nil {
		t.Errorf("%+v", r)
	}
	if age := time.Since(*r.CreatedAt); age < -time.Second || age > time.Minute {
		t.Errorf("created %v ago", age)
	}
	all := apitest.OK[*sdk.CreateRepositoryOutput](t)(a.CreateRepository(ctx, &sdk.CreateRepositoryInput{
		RepositoryName: aws.String("all"), RegistryId: aws.String(account), ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion,
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("dev-*"), FilterType: "WILDCARD"}},
		ImageScanningConfiguration:         &types.ImageScanningConfiguration{ScanOnPush: true},
		EncryptionConfiguration:            &types.EncryptionConfiguration{EncryptionType: "KMS", KmsKey: aws.String("arn:aws:kms:us-east-1:123456789012:key/k")},
		Tags:                               []types.Tag{{Key: aws.String("team"), Value: aws.String("")}},
	})).Repository
	again := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"all"}})).Repositories[0]
	for _, r := range []*types.Repository{all, &again} {
		if !r.ImageScanningConfiguration.ScanOnPush || *r.EncryptionConfiguration.KmsKey != "arn:aws:kms:us-east-1:123456789012:key/k" ||
			r.ImageTagMutability != "IMMUTABLE_WITH_EXCLUSION" || *r.ImageTagMutabilityExclusionFilters[0].Filter != "dev-*" || r.ImageTagMutabilityExclusionFilters[0].FilterType != "WILDCARD" {
			t.Errorf("%+v", r)
		}
	}
	gone := apitest.OK[*sdk.DeleteRepositoryOutput](t)(a.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: aws.String("all")})).Repository
	if *gone.RepositoryName != "all" || !gone.ImageScanningConfiguration.ScanOnPush {
		t.Errorf("%+v", gone)
	}
}

func TestRepositoryErrors(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	_, err := a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: aws.String("web")})
	apitest.Want(t, err, "RepositoryAlreadyExistsException", "The repository with name 'web' already exists in the registry with id '123456789012'")
	_, err = a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"web", "nope"}})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
	_, err = a.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: aws.String("nope")})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
	a.image("web", "1", "latest")
	_, err = a.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: aws.String("web")})
	apitest.Want(t, err, "RepositoryNotEmptyException", "The repository with name 'web' in registry with id '123456789012' cannot be deleted because it still contains images")
	apitest.OK[*sdk.DeleteRepositoryOutput](t)(a.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: aws.String("web"), Force: true}))

	filter := []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("*"), FilterType: "WILDCARD"}}
	_, err = a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: aws.String("web"), ImageTagMutability: "IMMUTABLE", ImageTagMutabilityExclusionFilters: filter})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as IMMUTABLE'")
	_, err = a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: aws.String("web"), ImageTagMutability: "MUTABLE_WITH_EXCLUSION"})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION'")
	_, err = a.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: aws.String("web"), EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: "AES256", KmsKey: aws.String("k")}})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'encryptionConfiguration' failed to satisfy constraint: 'Invalid encryption configuration: Encryption key should not be set for AES256 encryption.'")
}

func TestRepositoriesPageByName(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	for i := range 7 {
		a.repository(fmt.Sprintf("repo-%d", i))
	}
	var names []string
	pages := sdk.NewDescribeRepositoriesPaginator(a, &sdk.DescribeRepositoriesInput{MaxResults: aws.Int32(3)})
	n := 0
	for pages.HasMorePages() {
		out := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(pages.NextPage(ctx))
		n++
		for _, r := range out.Repositories {
			names = append(names, *r.RepositoryName)
		}
	}
	if n != 3 || strings.Join(names, " ") != "repo-0 repo-1 repo-2 repo-3 repo-4 repo-5 repo-6" {
		t.Errorf("%d pages of %v", n, names)
	}
	exact := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{MaxResults: aws.Int32(7)}))
	if exact.NextToken != nil {
		t.Error("a token on the last page")
	}
	_, err := a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{NextToken: aws.String("bad")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")
}

func TestMutabilityAndScanOnPushOfARepository(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	m := apitest.OK[*sdk.PutImageTagMutabilityOutput](t)(a.PutImageTagMutability(ctx, &sdk.PutImageTagMutabilityInput{
		RepositoryName: aws.String("web"), ImageTagMutability: "MUTABLE_WITH_EXCLUSION",
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("v*"), FilterType: "WILDCARD"}},
	}))
	if *m.RegistryId != account || *m.RepositoryName != "web" || m.ImageTagMutability != "MUTABLE_WITH_EXCLUSION" || *m.ImageTagMutabilityExclusionFilters[0].Filter != "v*" {
		t.Errorf("%+v", m)
	}
	s := apitest.OK[*sdk.PutImageScanningConfigurationOutput](t)(a.PutImageScanningConfiguration(ctx, &sdk.PutImageScanningConfigurationInput{
		RepositoryName: aws.String("web"), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
	}))
	if *s.RegistryId != account || *s.RepositoryName != "web" || !s.ImageScanningConfiguration.ScanOnPush {
		t.Errorf("%+v", s)
	}
	a.image("web", "1", "v1", "latest")
	m2 := a.manifest("web", "2")
	_, err := a.PutImage(ctx, &sdk.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &m2, ImageTag: aws.String("v1")})
	apitest.Want(t, err, "ImageTagAlreadyExistsException", "The image tag 'v1' already exists in the 'web' repository and cannot be overwritten because the tag is immutable.")
	apitest.OK[*sdk.PutImageOutput](t)(a.PutImage(ctx, &sdk.PutImageInput{RepositoryName: aws.String("web"), ImageManifest: &m2, ImageTag: aws.String("latest")}))
	_, err = a.PutImageTagMutability(ctx, &sdk.PutImageTagMutabilityInput{RepositoryName: aws.String("nope"), ImageTagMutability: "IMMUTABLE"})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}

func TestTagsOfARepository(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	arn := a.repository("web").RepositoryArn
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	if tags := apitest.OK[*sdk.ListTagsForResourceOutput](t)(a.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn})).Tags; tags == nil || len(tags) != 0 {
		t.Errorf("%+v", tags)
	}
	apitest.OK[*sdk.TagResourceOutput](t)(a.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("b", "1"), tag("a", "1")}}))
	apitest.OK[*sdk.TagResourceOutput](t)(a.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("b", "2"), tag("c", "")}}))
	apitest.OK[*sdk.UntagResourceOutput](t)(a.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "unknown"}}))
	var got []string
	for _, t := range apitest.OK[*sdk.ListTagsForResourceOutput](t)(a.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn})).Tags {
		got = append(got, *t.Key+"="+*t.Value)
	}
	if strings.Join(got, " ") != "b=2 c=" {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{"web", "arn:aws:ecr:us-east-1:123456789012:repository/", "arn:aws:s3:::bucket"} {
		_, err := a.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: &bad, Tags: []types.Tag{tag("a", "b")}})
		apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'")
	}
	var many []types.Tag
	for i := range 51 {
		many = append(many, tag(fmt.Sprint(i), ""))
	}
	_, err := a.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: many})
	apitest.Want(t, err, "TooManyTagsException", "The maximum number of tags that can be applied to a repository is 50")
	_, err = a.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag(strings.Repeat("k", 129), "")}})
	apitest.Want(t, err, "InvalidTagParameterException", "Invalid parameter: tag keys must have between 1 and 128 characters")
	_, err = a.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:ecr:us-east-1:123456789012:repository/nope")})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}
