package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// web is the repository that good inputs name.
const web = "team/web"

func repositoryRows() []*operation {
	return []*operation{createRepository(), describeRepositories(), deleteRepository(), putImageTagMutability(), putImageScanningConfiguration()}
}

// plain is a repository as it is created without a word about it.
func (a *account) plain(name string) types.Repository {
	return types.Repository{
		RepositoryArn: aws.String(a.arn(name)), RegistryId: &a.id, RepositoryName: &name,
		RepositoryUri: aws.String(a.id + ".dkr.ecr." + a.region + "." + a.house.server.Host + "/" + name), CreatedAt: now(),
		ImageTagMutability:         types.ImageTagMutabilityMutable,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
	}
}

// describedRepository is a repository as it is described.
func (a *account) describedRepository(name string) types.Repository {
	a.t.Helper()
	return do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}}).Repositories[0]
}

func wildcards(filters ...string) []types.ImageTagMutabilityExclusionFilter {
	var all []types.ImageTagMutabilityExclusionFilter
	for _, f := range filters {
		all = append(all, types.ImageTagMutabilityExclusionFilter{Filter: &f, FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard})
	}
	return all
}

func tags(pairs ...string) []types.Tag {
	all := []types.Tag{}
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return all
}

const (
	modes      = "Member must satisfy enum value set: [IMMUTABLE, MUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]"
	exclusions = "imageTagMutabilityExclusionFilters"
)

func createRepository() *operation {
	type in = ecr.CreateRepositoryInput
	encrypted := func(kind types.EncryptionType, key string) func(*in) {
		return func(in *ecr.CreateRepositoryInput) {
			in.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: kind}
			if key != "" {
				in.EncryptionConfiguration.KmsKey = &key
			}
		}
	}
	named := func(name string) func(*in) { return func(in *ecr.CreateRepositoryInput) { in.RepositoryName = &name } }
	return row("CreateRepository", func(*account) *in { return &in{RepositoryName: aws.String(web)} },
		withoutRepositoryThatIsMissing, unpaged,
		shape("the settings of a new repository", func(a *account) {
			got := do(a, a.CreateRepository, &in{RepositoryName: aws.String(web)})
			want := a.plain(web)
			a.same(got, &ecr.CreateRepositoryOutput{Repository: &want})
		}),
		shape("all that was asked for comes back", createdAsAsked),
		shape("a key of KMS comes back as its ARN", kmsKeys),
		but("a name that is taken", func(a *account, _ *in) { a.repository(web) },
			"RepositoryAlreadyExistsException", "The repository with name 'team/web' already exists in the registry with id '{account}'"),
		wrong("a name of one character", named("a"), "repositoryName", "must have length greater than or equal to 2"),
		wrong("a name of 257 characters", named(strings.Repeat("a", 257)), "repositoryName", "must have length less than or equal to 256"),
		wrong("a name with two slashes", named("a//b"), "repositoryName", nameRule),
		wrong("a name that ends in a dash", named("web-"), "repositoryName", nameRule),
		wrong("an unknown mutability", func(in *in) { in.ImageTagMutability = "SOMETIMES" }, "imageTagMutability", modes),
		wrong("filters of a plain mode", func(in *in) {
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "IMMUTABLE", wildcards("a")
		},
			exclusions, "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as IMMUTABLE"),
		wrong("no filters of a mode with exclusions", func(in *in) { in.ImageTagMutability = "MUTABLE_WITH_EXCLUSION" },
			exclusions, "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION"),
		wrong("six filters", func(in *in) {
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "IMMUTABLE_WITH_EXCLUSION", wildcards(many(6, "v%d")...)
		}, exclusions, "Member must have length less than or equal to 5"),
		wrong("a filter with a slash", func(in *in) {
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "IMMUTABLE_WITH_EXCLUSION", wildcards("a/b")
		}, exclusions+".1.member.filter", "Member must satisfy regular expression pattern: ^[0-9a-zA-Z._*-]{1,128}$"),
		wrong("an unknown encryption", encrypted("ROT13", ""), "encryptionConfiguration.encryptionType", "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]"),
		wrong("a key of AES256", encrypted("AES256", "alias/mine"), "encryptionConfiguration",
			"Invalid encryption configuration: Encryption key should not be set for AES256 encryption."),
		but("a key of another region", func(_ *account, in *in) {
			encrypted("KMS", "arn:aws:kms:mars-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")(in)
		}, "KmsException", "Invalid arn mars-north-1"),
		but("fifty-one tags", func(_ *account, in *in) { in.Tags = manyTags(51) }, "TooManyTagsException", "The maximum number of tags that can be applied to a repository is 50"),
		but("a tag whose key is too long", func(_ *account, in *in) { in.Tags = tags(strings.Repeat("k", 129), "") },
			"InvalidTagParameterException", "Invalid parameter: tag keys must have between 1 and 128 characters"),
		but("a tag whose value is too long", func(_ *account, in *in) { in.Tags = tags("k", strings.Repeat("v", 257)) },
			"InvalidTagParameterException", "Invalid parameter: tag values must have at most 256 characters"),
		but("a tag of AWS's own", func(_ *account, in *in) { in.Tags = tags("AWS:owner", "me") },
			"InvalidTagParameterException", "Invalid parameter: tag keys must not begin with aws:"),
		fails("with tags, by somebody who may create and not tag", func(a *account) {
			u := a.user("creator", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:CreateRepository","Resource":"*"}]}`)
			refuse(u, u.CreateRepository, &in{RepositoryName: aws.String(web), Tags: tags("k", "v")}, accessDenied,
				"User: arn:aws:iam::{account}:user/creator is not authorized to perform: ecr:TagResource on resource: "+a.arn(web)+" because no identity-based policy allows the ecr:TagResource action")
			do(u, u.CreateRepository, &in{RepositoryName: aws.String(web)})
		}),
		but("a key that is no ARN", func(_ *account, in *in) { encrypted("KMS", "arn:mine")(in) }, "KmsException", "Invalid arn arn:mine"),
		but("above the quota of repositories", func(a *account, _ *in) {
			for _, name := range many(maxRepositories, "r%03d") {
				a.repository(name)
			}
		}, limitExceeded, fmt.Sprintf("The registry with id '{account}' already has the maximum allowed number of repositories which is '%d'", maxRepositories)),
		effects("it is described, with its tags", func(a *account) {
			got := do(a, a.CreateRepository, &in{RepositoryName: aws.String(web), Tags: tags("b", "2", "a", "1")})
			a.same(a.describedRepository(web), *got.Repository)
			a.same(do(a, a.ListTagsForResource, &ecr.ListTagsForResourceInput{ResourceArn: got.Repository.RepositoryArn}).Tags, tags("a", "1", "b", "2"))
		}),
		effects("what is refused creates nothing", func(a *account) {
			_, err := a.CreateRepository(a.t.Context(), &in{RepositoryName: aws.String(web), Tags: manyTags(51)})
			a.refused(err, "TooManyTagsException", "The maximum number of tags that can be applied to a repository is 50")
			a.same(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{}).Repositories, []types.Repository{})
		}),
		effects("the same name in two accounts is two repositories", func(a *account) {
			other := a.house.account(a.t)
			a.ready(web)
			other.repository(web)
			a.image(web, "1")
			a.same(do(other, other.ListImages, &ecr.ListImagesInput{RepositoryName: aws.String(web)}).ImageIds, []types.ImageIdentifier{})
		}),
	)
}

// withoutRepositoryThatIsMissing: what creates a repository needs none.
func withoutRepositoryThatIsMissing(op *operation) { op.creates = true }

func manyTags(n int) []types.Tag {
	var pairs []string
	for _, key := range many(n, "key-%02d") {
		pairs = append(pairs, key, "v")
	}
	return tags(pairs...)
}

func createdAsAsked(a *account) {
	got := do(a, a.CreateRepository, &ecr.CreateRepositoryInput{
		RepositoryName: aws.String("a.b_c__d-e--f/0"), RegistryId: &a.id, Tags: tags("k", "v"),
		ImageTagMutability:                 types.ImageTagMutabilityImmutableWithExclusion,
		ImageTagMutabilityExclusionFilters: wildcards("latest", "dev-*"),
		ImageScanningConfiguration:         &types.ImageScanningConfiguration{ScanOnPush: true},
		EncryptionConfiguration:            &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
	})
	want := a.plain("a.b_c__d-e--f/0")
	want.ImageTagMutability, want.ImageTagMutabilityExclusionFilters = types.ImageTagMutabilityImmutableWithExclusion, wildcards("latest", "dev-*")
	want.ImageScanningConfiguration.ScanOnPush = true
	a.same(got, &ecr.CreateRepositoryOutput{Repository: &want})
}

func kmsKeys(a *account) {
	create := func(name string, e types.EncryptionConfiguration) *types.EncryptionConfiguration {
		return do(a, a.CreateRepository, &ecr.CreateRepositoryInput{RepositoryName: &name, EncryptionConfiguration: &e}).Repository.EncryptionConfiguration
	}
	arn := "arn:aws:kms:" + a.region + ":" + a.id + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	a.same(create("by-arn", types.EncryptionConfiguration{EncryptionType: "KMS_DSSE", KmsKey: &arn}),
		&types.EncryptionConfiguration{EncryptionType: "KMS_DSSE", KmsKey: &arn})
	a.same(create("by-id", types.EncryptionConfiguration{EncryptionType: "KMS", KmsKey: aws.String("1234abcd-12ab-34cd-56ef-1234567890ab")}),
		&types.EncryptionConfiguration{EncryptionType: "KMS", KmsKey: &arn})
	first := create("default", types.EncryptionConfiguration{EncryptionType: "KMS"})
	if !strings.HasPrefix(aws.ToString(first.KmsKey), "arn:aws:kms:"+a.region+":"+a.id+":key/") {
		a.t.Errorf("without a key it is %s", aws.ToString(first.KmsKey))
	}
	a.same(create("default-too", types.EncryptionConfiguration{EncryptionType: "KMS"}), first)
}

func repositoryNames(out *ecr.DescribeRepositoriesOutput) []string {
	return list(out.Repositories, func(r types.Repository) string { return *r.RepositoryName })
}

func describeRepositories() *operation {
	type in = ecr.DescribeRepositoriesInput
	return row("DescribeRepositories", func(*account) *in { return &in{} }, readsOnly, asks("", "*"),
		shape("none", func(a *account) {
			a.same(do(a, a.DescribeRepositories, &in{}), &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}})
		}),
		shape("all, by name", func(a *account) {
			for _, name := range []string{"b", "a-b", "a/b", "a"} {
				a.repository(name + "x")
			}
			a.same(do(a, a.DescribeRepositories, &in{RegistryId: &a.id}), &ecr.DescribeRepositoriesOutput{
				Repositories: []types.Repository{a.plain("a-bx"), a.plain("a/bx"), a.plain("ax"), a.plain("bx")}})
		}),
		shape("the named ones, in the order of the names", func(a *account) {
			for _, name := range []string{"one", "two", "three"} {
				a.repository(name)
			}
			a.same(do(a, a.DescribeRepositories, &in{RepositoryNames: []string{"two", "one"}}),
				&ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{a.plain("two"), a.plain("one")}})
		}),
		but("one unknown name fails the whole call", func(a *account, in *in) {
			a.repository(web)
			in.RepositoryNames = []string{web, "not/there"}
		}, notFound, noRepository("not/there")),
		wrong("a hundred and one names", func(in *in) { in.RepositoryNames = many(101, "r%d") }, "repositoryNames", "Member must have length less than or equal to 100"),
		wrong("no names", func(in *in) { in.RepositoryNames = []string{} }, "repositoryNames", "Member must have length greater than or equal to 1"),
		wrong("a name that is no repository's", func(in *in) { in.RepositoryNames = []string{"Not-A-Name"} },
			"repositoryNames", "Member must satisfy constraint: ["+nameRule+"]"),
		pages(listing[in, ecr.DescribeRepositoriesOutput]{
			keys: repositoryNames, size: 100, member: "repositoryNames",
			fill: func(a *account, n int) {
				for _, name := range many(n, "r%03d") {
					a.repository(name)
				}
			},
			come: func(a *account, name string) string {
				a.repository("r00" + name)
				return "r00" + name
			},
			goes: func(a *account, name string) {
				do(a, a.DeleteRepository, &ecr.DeleteRepositoryInput{RepositoryName: &name})
			},
			ids: func(in *in) { in.RepositoryNames = []string{"r000"} },
			elsewhere: map[string]func(*account, *in, *string) error{
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.DescribeRepositoryCreationTemplates(a.t.Context(), &ecr.DescribeRepositoryCreationTemplatesInput{NextToken: token})
					return err
				},
			},
		}),
	)
}

func deleteRepository() *operation {
	type in = ecr.DeleteRepositoryInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryName: aws.String(web)}
	}
	return row("DeleteRepository", good, unpaged,
		shape("the repository as it was", func(a *account) {
			a.ready(web)
			a.image(web, "1")
			want := a.plain(web)
			a.same(do(a, a.DeleteRepository, &in{RepositoryName: aws.String(web), RegistryId: &a.id, Force: true}), &ecr.DeleteRepositoryOutput{Repository: &want})
		}),
		but("one that holds images", func(a *account, _ *in) {
			a.layer(web, config)
			a.image(web, "1")
		}, "RepositoryNotEmptyException", "The repository with name 'team/web' in registry with id '{account}' cannot be deleted because it still contains images"),
		but("one that holds archived images only", func(a *account, _ *in) {
			a.layer(web, config)
			a.image(web, "1", "v1")
			do(a, a.UpdateImageStorageClass, &ecr.UpdateImageStorageClassInput{RepositoryName: aws.String(web), ImageId: byTag("v1"), TargetStorageClass: "ARCHIVE"})
		}, "RepositoryNotEmptyException", "The repository with name 'team/web' in registry with id '{account}' cannot be deleted because it still contains images"),
		effects("it is gone, and a second deletion says so", func(a *account) {
			do(a, a.DeleteRepository, good(a))
			refuse(a, a.DeleteRepository, &in{RepositoryName: aws.String(web)}, notFound, noRepository(web))
			a.same(repositoryNames(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{})), []string{})
		}),
		effects("layers without an image do not keep it", func(a *account) {
			a.ready(web)
			do(a, a.DeleteRepository, &in{RepositoryName: aws.String(web)})
		}),
		effects("one of the same name begins empty", func(a *account) {
			a.ready(web)
			a.image(web, "1", "v1")
			policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`
			do(a, a.SetRepositoryPolicy, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String(web), PolicyText: &policy})
			do(a, a.TagResource, &ecr.TagResourceInput{ResourceArn: aws.String(a.arn(web)), Tags: tags("k", "v")})
			do(a, a.DeleteRepository, &in{RepositoryName: aws.String(web), Force: true})
			a.repository(web)
			a.same(do(a, a.ListImages, &ecr.ListImagesInput{RepositoryName: aws.String(web)}).ImageIds, []types.ImageIdentifier{})
			refuse(a, a.GetRepositoryPolicy, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(web)}, "RepositoryPolicyNotFoundException",
				"Repository policy does not exist for the repository with name 'team/web' in the registry with id '{account}'")
			a.same(do(a, a.ListTagsForResource, &ecr.ListTagsForResourceInput{ResourceArn: aws.String(a.arn(web))}).Tags, []types.Tag{})
			layers := do(a, a.BatchCheckLayerAvailability, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String(web), LayerDigests: []string{digestOf(config)}})
			a.same(layers.Layers[0].LayerAvailability, types.LayerAvailabilityUnavailable)
		}),
		effects("its neighbours stay", func(a *account) {
			a.repository(web)
			a.repository(web + "2")
			do(a, a.DeleteRepository, &in{RepositoryName: aws.String(web)})
			a.same(repositoryNames(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{})), []string{web + "2"})
		}),
	)
}

func putImageTagMutability() *operation {
	type in = ecr.PutImageTagMutabilityInput
	good := func(a *account) *in {
		a.ready(web)
		return &in{RepositoryName: aws.String(web), ImageTagMutability: types.ImageTagMutabilityImmutable}
	}
	return row("PutImageTagMutability", good, unpaged,
		shape("a plain mode, without filters", func(a *account) {
			a.same(do(a, a.PutImageTagMutability, good(a)), &ecr.PutImageTagMutabilityOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), ImageTagMutability: "IMMUTABLE"})
		}),
		shape("a mode with exclusions, with its filters", func(a *account) {
			in := good(a)
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "MUTABLE_WITH_EXCLUSION", wildcards("release-*", "v1")
			a.same(do(a, a.PutImageTagMutability, in), &ecr.PutImageTagMutabilityOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), ImageTagMutability: "MUTABLE_WITH_EXCLUSION",
				ImageTagMutabilityExclusionFilters: wildcards("release-*", "v1")})
		}),
		wrong("an unknown mode", func(in *in) { in.ImageTagMutability = "immutable" }, "imageTagMutability", modes),
		wrong("filters of a plain mode", func(in *in) { in.ImageTagMutabilityExclusionFilters = wildcards("a") },
			exclusions, "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as IMMUTABLE"),
		wrong("no filters of a mode with exclusions", func(in *in) { in.ImageTagMutability = "IMMUTABLE_WITH_EXCLUSION" },
			exclusions, "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as IMMUTABLE_WITH_EXCLUSION"),
		wrong("a filter of another type", func(in *in) {
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "IMMUTABLE_WITH_EXCLUSION", wildcards("a")
			in.ImageTagMutabilityExclusionFilters[0].FilterType = "REGEX"
		}, exclusions+".1.member.filterType", "Member must satisfy enum value set: [WILDCARD]"),
		effects("it is described; leaving exclusions forgets the filters", func(a *account) {
			in := good(a)
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "IMMUTABLE_WITH_EXCLUSION", wildcards("latest")
			do(a, a.PutImageTagMutability, in)
			want := a.plain(web)
			want.ImageTagMutability, want.ImageTagMutabilityExclusionFilters = in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters
			a.same(a.describedRepository(web), want)
			in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters = "MUTABLE", nil
			do(a, a.PutImageTagMutability, in)
			a.same(a.describedRepository(web), a.plain(web))
		}),
		effects("which tags may move in which mode", tagsThatMove),
		effects("immutable tags can be deleted and pushed again", func(a *account) {
			do(a, a.PutImageTagMutability, good(a))
			a.image(web, "1", "v1")
			do(a, a.BatchDeleteImage, &ecr.BatchDeleteImageInput{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*byTag("v1")}})
			a.image(web, "2", "v1")
		}),
	)
}

// tagsThatMove pushes two images under two tags in each mode; filters are
// anchored at both ends.
func tagsThatMove(a *account) {
	for _, c := range []struct {
		mode  types.ImageTagMutability
		moves []string
	}{
		{"MUTABLE", []string{"dev-1", "v1", "my-dev-1"}},
		{"IMMUTABLE", nil},
		{"IMMUTABLE_WITH_EXCLUSION", []string{"dev-1"}},
		{"MUTABLE_WITH_EXCLUSION", []string{"v1", "my-dev-1"}},
	} {
		name := "of-" + strings.ToLower(string(c.mode))
		a.ready(name)
		in := &ecr.PutImageTagMutabilityInput{RepositoryName: &name, ImageTagMutability: c.mode}
		if strings.HasSuffix(string(c.mode), "EXCLUSION") {
			in.ImageTagMutabilityExclusionFilters = wildcards("latest", "dev-*")
		}
		do(a, a.PutImageTagMutability, in)
		for _, tag := range []string{"dev-1", "v1", "my-dev-1"} {
			a.image(name, "old", tag)
			_, err := a.PutImage(a.t.Context(), &ecr.PutImageInput{RepositoryName: &name, ImageManifest: aws.String(manifest("new")), ImageTag: &tag})
			if slices.Contains(c.moves, tag) {
				a.must(err)
				continue
			}
			a.refused(err, "ImageTagAlreadyExistsException", "The image tag '"+tag+"' already exists in the '"+name+"' repository and cannot be overwritten because the tag is immutable.")
		}
	}
}

func putImageScanningConfiguration() *operation {
	type in = ecr.PutImageScanningConfigurationInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryName: aws.String(web), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}}
	}
	return row("PutImageScanningConfiguration", good, unpaged,
		shape("what was put", func(a *account) {
			a.same(do(a, a.PutImageScanningConfiguration, good(a)), &ecr.PutImageScanningConfigurationOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}})
		}),
		but("under enhanced scanning", func(a *account, _ *in) { a.scanning("ENHANCED") }, validation, "This feature is disabled"),
		effects("it is described", func(a *account) {
			do(a, a.PutImageScanningConfiguration, good(a))
			want := a.plain(web)
			want.ImageScanningConfiguration.ScanOnPush = true
			a.same(a.describedRepository(web), want)
		}),
		effects("images are scanned on push from then on", func(a *account) {
			in := good(a)
			a.layer(web, config)
			before := a.image(web, "1", "v1")
			do(a, a.PutImageScanningConfiguration, in)
			a.image(web, "2", "v2")
			a.scanEnded(web, byTag("v2"))
			refuse(a, a.DescribeImageScanFindings, &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String(web), ImageId: byTag("v1")},
				"ScanNotFoundException", noScan(before, "v1"))
		}),
		effects("false ends it", func(a *account) {
			in := good(a)
			a.layer(web, config)
			do(a, a.PutImageScanningConfiguration, in)
			in.ImageScanningConfiguration.ScanOnPush = false
			do(a, a.PutImageScanningConfiguration, in)
			digest := a.image(web, "1", "v1")
			refuse(a, a.DescribeImageScanFindings, &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String(web), ImageId: byTag("v1")},
				"ScanNotFoundException", noScan(digest, "v1"))
		}),
	)
}
