package compat

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func templateRows() []*operation {
	return []*operation{
		createRepositoryCreationTemplate(), describeRepositoryCreationTemplates(),
		updateRepositoryCreationTemplate(), deleteRepositoryCreationTemplate(),
	}
}

const (
	noTemplate = "The specified repository creation template can't be found. Verify the registry ID and prefix and try again."
	reasons    = "Member must satisfy enum value set: [REPLICATION, PULL_THROUGH_CACHE, CREATE_ON_PUSH]"
)

// template is one for pushes with nothing but its prefix.
func template(prefix string) types.RepositoryCreationTemplate {
	return types.RepositoryCreationTemplate{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}, ImageTagMutability: "MUTABLE",
		EncryptionConfiguration: &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "AES256"},
		ResourceTags:            []types.Tag{}, CreatedAt: now(), UpdatedAt: now()}
}

func (a *account) template(prefix string) {
	a.t.Helper()
	do(a, a.CreateRepositoryCreationTemplate, &ecr.CreateRepositoryCreationTemplateInput{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}})
}

func (a *account) describedTemplate(prefix string) types.RepositoryCreationTemplate {
	a.t.Helper()
	return do(a, a.DescribeRepositoryCreationTemplates, &ecr.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{prefix}}).RepositoryCreationTemplates[0]
}

// everythingOfTemplate is the input of a template with every member.
func everythingOfTemplate(a *account, prefix string) *ecr.CreateRepositoryCreationTemplateInput {
	return &ecr.CreateRepositoryCreationTemplateInput{
		Prefix: &prefix, Description: aws.String("of the team"), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH", "REPLICATION", "PULL_THROUGH_CACHE"},
		ImageTagMutability: "IMMUTABLE_WITH_EXCLUSION", ImageTagMutabilityExclusionFilters: wildcards("latest"),
		EncryptionConfiguration: &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "KMS",
			KmsKey: aws.String("arn:aws:kms:" + a.region + ":" + a.id + ":key/1234abcd-12ab-34cd-56ef-1234567890ab")},
		ResourceTags: tags("a", "1", "b", "2"), RepositoryPolicy: aws.String(pulls), LifecyclePolicy: &expiry, CustomRoleArn: a.role("template"),
	}
}

// templateFails are the refusals that creating and changing a template share.
func templateFails[I any](member func(in *I) *ecr.CreateRepositoryCreationTemplateInput, apply func(in *I, t *ecr.CreateRepositoryCreationTemplateInput)) part {
	type template = ecr.CreateRepositoryCreationTemplateInput
	return func(op *operation) {
		set := func(change func(t *template)) func(*account, *I) {
			return func(a *account, in *I) {
				t := member(in)
				change(t)
				apply(in, t)
			}
		}
		for _, c := range []struct {
			name       string
			change     func(t *template)
			code, text string
		}{
			{"an unknown reason", func(t *template) { t.AppliedFor = []types.RCTAppliedFor{"WHIM"} }, invalidParameter, violates("appliedFor", "Member must satisfy constraint: ["+reasons+"]")},
			{"a description of 257 characters", func(t *template) { t.Description = aws.String(strings.Repeat("x", 257)) }, invalidParameter, violates("description", "Member must have length less than or equal to 256")},
			{"a prefix in capitals", func(t *template) { t.Prefix = aws.String("Team") }, invalidParameter, violates("prefix", prefixRule)},
			{"an unknown mutability", func(t *template) { t.ImageTagMutability = "SOMETIMES" }, invalidParameter, violates("imageTagMutability", modes)},
			{"no filters of a mode with exclusions", func(t *template) { t.ImageTagMutability = "MUTABLE_WITH_EXCLUSION" }, invalidParameter,
				violates(exclusions, "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION")},
			{"filters of a plain mode", func(t *template) { t.ImageTagMutabilityExclusionFilters = wildcards("a") }, invalidParameter,
				violates(exclusions, "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as MUTABLE")},
			{"a key that is no ARN", func(t *template) {
				t.EncryptionConfiguration = &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "KMS", KmsKey: aws.String("alias/mine")}
			}, invalidParameter, violates("encryptionConfiguration.kmsKey", `Member must satisfy regular expression pattern: ^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[a-z0-9-]+`)},
			{"a key of another region", func(t *template) {
				t.EncryptionConfiguration = &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "KMS", KmsKey: aws.String("arn:aws:kms:mars-north-1:123456789012:key/1")}
			}, invalidParameter, violates("encryptionConfiguration", "Invalid arn mars-north-1")},
			{"a policy that is none", func(t *template) { t.RepositoryPolicy = aws.String("{}") }, invalidParameter, violates("PolicyText", "Invalid repository policy provided")},
			{"a lifecycle policy that is none", func(t *template) { t.LifecyclePolicy = aws.String("{") }, invalidParameter, violates("LifecyclePolicyText", unmapped)},
			{"fifty-one tags", func(t *template) { t.ResourceTags = manyTags(51) }, "", "The maximum number of tags that can be applied to a repository is 50"},
			{"the role of another account", func(t *template) { t.CustomRoleArn = aws.String("arn:aws:iam::123456789012:role/x") }, invalidParameter,
				violates("customRoleArn", "The custom role must be an IAM role of the account of the registry")},
		} {
			if c.code == "" {
				c.code = "TooManyTagsException"
			}
			but(c.name, set(c.change), c.code, c.text)(op)
		}
	}
}

func createRepositoryCreationTemplate() *operation {
	type in = ecr.CreateRepositoryCreationTemplateInput
	good := func(*account) *in {
		return &in{Prefix: aws.String("team"), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}}
	}
	return row("CreateRepositoryCreationTemplate", good, unpaged, later(inEffects),
		shape("the settings of a new template", func(a *account) {
			want := template("team")
			a.same(do(a, a.CreateRepositoryCreationTemplate, good(a)), &ecr.CreateRepositoryCreationTemplateOutput{RegistryId: &a.id, RepositoryCreationTemplate: &want})
		}),
		shape("all that was asked for comes back", func(a *account) {
			in := everythingOfTemplate(a, "team")
			a.same(do(a, a.CreateRepositoryCreationTemplate, in).RepositoryCreationTemplate, &types.RepositoryCreationTemplate{
				Prefix: in.Prefix, Description: in.Description, AppliedFor: in.AppliedFor, ImageTagMutability: in.ImageTagMutability,
				ImageTagMutabilityExclusionFilters: in.ImageTagMutabilityExclusionFilters, EncryptionConfiguration: in.EncryptionConfiguration,
				ResourceTags: in.ResourceTags, RepositoryPolicy: in.RepositoryPolicy, LifecyclePolicy: in.LifecyclePolicy, CustomRoleArn: in.CustomRoleArn,
				CreatedAt: now(), UpdatedAt: now()})
		}),
		but("a prefix that is taken", func(a *account, _ *in) { a.template("team/") }, "TemplateAlreadyExistsException",
			"The repository creation template already exists. Specify a unique prefix and try again."),
		templateFails(func(in *in) *in { return in }, func(*in, *in) {}),
		effects("a push creates a repository by it", func(a *account) {
			in := everythingOfTemplate(a, "team")
			do(a, a.CreateRepositoryCreationTemplate, in)
			do(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(web)})
			want := a.plain(web)
			want.ImageTagMutability, want.ImageTagMutabilityExclusionFilters = in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters
			want.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: "KMS", KmsKey: in.EncryptionConfiguration.KmsKey}
			a.same(a.describedRepository(web), want)
			a.wantTags("a", "1", "b", "2")
			a.same(*do(a, a.GetRepositoryPolicy, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(web)}).PolicyText, inLayout)
			a.same(do(a, a.GetLifecyclePolicy, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String(web)}).LifecyclePolicyText, &expiry)
		}),
		effects("the longest prefix wins, up to a slash; ROOT is for the rest", func(a *account) {
			for prefix, mode := range map[string]types.ImageTagMutability{"ROOT": "MUTABLE", "prod": "IMMUTABLE", "prod/open": "MUTABLE"} {
				do(a, a.CreateRepositoryCreationTemplate, &in{Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}, ImageTagMutability: mode, ResourceTags: tags("by", prefix)})
			}
			for name, by := range map[string]string{"prod/app": "prod", "production/app": "ROOT", "prod/open/app": "prod/open", "prod/opener": "prod", "prod": "ROOT"} {
				do(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: &name})
				a.same(do(a, a.ListTagsForResource, &ecr.ListTagsForResourceInput{ResourceArn: aws.String(a.arn(name))}).Tags, tags("by", by))
			}
		}),
		effects("a template for other reasons creates nothing on a push", func(a *account) {
			do(a, a.CreateRepositoryCreationTemplate, &in{Prefix: aws.String("ROOT"), AppliedFor: []types.RCTAppliedFor{"REPLICATION", "PULL_THROUGH_CACHE"}})
			refuse(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(web)}, notFound, noRepository(web))
		}),
	)
}

func templatePrefixes(out *ecr.DescribeRepositoryCreationTemplatesOutput) []string {
	return list(out.RepositoryCreationTemplates, func(t types.RepositoryCreationTemplate) string { return *t.Prefix })
}

func describeRepositoryCreationTemplates() *operation {
	type in = ecr.DescribeRepositoryCreationTemplatesInput
	return row("DescribeRepositoryCreationTemplates", func(*account) *in { return &in{} }, readsOnly,
		shape("none", func(a *account) {
			a.same(do(a, a.DescribeRepositoryCreationTemplates, &in{}), &ecr.DescribeRepositoryCreationTemplatesOutput{RegistryId: &a.id, RepositoryCreationTemplates: []types.RepositoryCreationTemplate{}})
		}),
		shape("all, by prefix", func(a *account) {
			a.template("b")
			a.template("a")
			a.same(do(a, a.DescribeRepositoryCreationTemplates, &in{}), &ecr.DescribeRepositoryCreationTemplatesOutput{RegistryId: &a.id,
				RepositoryCreationTemplates: []types.RepositoryCreationTemplate{template("a"), template("b")}})
		}),
		shape("an unknown prefix is no error", func(a *account) {
			a.template("a")
			a.same(templatePrefixes(do(a, a.DescribeRepositoryCreationTemplates, &in{Prefixes: []string{"gone", "a"}})), []string{"a"})
			a.same(do(a, a.DescribeRepositoryCreationTemplates, &in{Prefixes: []string{"gone"}}), &ecr.DescribeRepositoryCreationTemplatesOutput{RegistryId: &a.id, RepositoryCreationTemplates: []types.RepositoryCreationTemplate{}})
		}),
		wrong("a prefix in capitals", func(in *in) { in.Prefixes = []string{"Team"} }, "prefixes", "Member must satisfy constraint: ["+prefixRule+"]"),
		wrong("a hundred and one prefixes", func(in *in) { in.Prefixes = many(101, "p%d") }, "prefixes", "Member must have length less than or equal to 100"),
		pages(listing[in, ecr.DescribeRepositoryCreationTemplatesOutput]{
			keys: templatePrefixes, size: 100, member: "prefixes",
			fill: func(a *account, n int) {
				for _, prefix := range many(n, "p%03d") {
					a.template(prefix)
				}
			},
			come: func(a *account, name string) string {
				a.template("p00" + name)
				return "p00" + name
			},
			goes: func(a *account, prefix string) {
				do(a, a.DeleteRepositoryCreationTemplate, &ecr.DeleteRepositoryCreationTemplateInput{Prefix: &prefix})
			},
			ids: func(in *in) { in.Prefixes = []string{"p000"} },
			elsewhere: map[string]func(*account, *in, *string) error{
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.DescribePullThroughCacheRules(a.t.Context(), &ecr.DescribePullThroughCacheRulesInput{NextToken: token})
					return err
				},
			},
		}),
	)
}

func updateRepositoryCreationTemplate() *operation {
	type in = ecr.UpdateRepositoryCreationTemplateInput
	good := func(a *account) *in {
		a.template("team")
		return &in{Prefix: aws.String("team"), Description: aws.String("changed")}
	}
	apply := func(in *in, t *ecr.CreateRepositoryCreationTemplateInput) {
		in.Prefix, in.Description, in.AppliedFor, in.CustomRoleArn = t.Prefix, t.Description, t.AppliedFor, t.CustomRoleArn
		in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters, in.EncryptionConfiguration = t.ImageTagMutability, t.ImageTagMutabilityExclusionFilters, t.EncryptionConfiguration
		in.ResourceTags, in.RepositoryPolicy, in.LifecyclePolicy = t.ResourceTags, t.RepositoryPolicy, t.LifecyclePolicy
	}
	return row("UpdateRepositoryCreationTemplate", good, unpaged, later(inEffects),
		shape("the template as it is then", func(a *account) {
			want := template("team")
			want.Description = aws.String("changed")
			a.same(do(a, a.UpdateRepositoryCreationTemplate, good(a)), &ecr.UpdateRepositoryCreationTemplateOutput{RegistryId: &a.id, RepositoryCreationTemplate: &want})
		}),
		but("a prefix without a template", func(_ *account, in *in) { in.Prefix = aws.String("gone") }, "TemplateNotFoundException", noTemplate),
		templateFails(func(in *in) *ecr.CreateRepositoryCreationTemplateInput {
			return &ecr.CreateRepositoryCreationTemplateInput{Prefix: in.Prefix}
		}, apply),
		effects("given members replace, the others stay", func(a *account) {
			create := everythingOfTemplate(a, "team")
			want := *do(a, a.CreateRepositoryCreationTemplate, create).RepositoryCreationTemplate
			do(a, a.UpdateRepositoryCreationTemplate, &in{Prefix: aws.String("team"), ResourceTags: tags("c", "3")})
			want.ResourceTags = tags("c", "3")
			a.same(a.describedTemplate("team"), want)
			do(a, a.UpdateRepositoryCreationTemplate, &in{Prefix: aws.String("team/"), ImageTagMutability: "IMMUTABLE", AppliedFor: []types.RCTAppliedFor{"REPLICATION"}})
			want.ImageTagMutability, want.ImageTagMutabilityExclusionFilters, want.AppliedFor = "IMMUTABLE", nil, []types.RCTAppliedFor{"REPLICATION"}
			a.same(a.describedTemplate("team"), want)
		}),
		effects("empty policies and an empty list of tags take away", func(a *account) {
			want := *do(a, a.CreateRepositoryCreationTemplate, everythingOfTemplate(a, "team")).RepositoryCreationTemplate
			do(a, a.UpdateRepositoryCreationTemplate, &in{Prefix: aws.String("team"), RepositoryPolicy: aws.String(""), LifecyclePolicy: aws.String(""), ResourceTags: []types.Tag{}})
			want.RepositoryPolicy, want.LifecyclePolicy, want.ResourceTags = nil, nil, []types.Tag{}
			a.same(a.describedTemplate("team"), want)
		}),
		effects("repositories that it has created stay as they are", func(a *account) {
			in := good(a)
			do(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(web)})
			in.ImageTagMutability = "IMMUTABLE"
			do(a, a.UpdateRepositoryCreationTemplate, in)
			a.same(a.describedRepository(web), a.plain(web))
		}),
		effects("what is refused changes nothing", func(a *account) {
			in := good(a)
			in.RepositoryPolicy = aws.String("{}")
			refuse(a, a.UpdateRepositoryCreationTemplate, in, invalidParameter, violates("PolicyText", "Invalid repository policy provided"))
			a.same(a.describedTemplate("team"), template("team"))
		}),
	)
}

func deleteRepositoryCreationTemplate() *operation {
	type in = ecr.DeleteRepositoryCreationTemplateInput
	good := func(a *account) *in {
		a.template("team")
		return &in{Prefix: aws.String("team")}
	}
	return row("DeleteRepositoryCreationTemplate", good, unpaged,
		shape("the template that is gone", func(a *account) {
			want := template("team")
			a.same(do(a, a.DeleteRepositoryCreationTemplate, good(a)), &ecr.DeleteRepositoryCreationTemplateOutput{RegistryId: &a.id, RepositoryCreationTemplate: &want})
		}),
		but("a prefix without a template", func(_ *account, in *in) { in.Prefix = aws.String("gone") }, "TemplateNotFoundException", noTemplate),
		wrong("a prefix in capitals", func(in *in) { in.Prefix = aws.String("Team") }, "prefix", prefixRule),
		effects("it is gone; a push creates nothing any more, and what was created stays", func(a *account) {
			in := good(a)
			do(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(web)})
			do(a, a.DeleteRepositoryCreationTemplate, in)
			a.same(templatePrefixes(do(a, a.DescribeRepositoryCreationTemplates, &ecr.DescribeRepositoryCreationTemplatesInput{})), []string{})
			refuse(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String("team/api")}, notFound, noRepository("team/api"))
			a.same(a.describedRepository(web), a.plain(web))
		}),
	)
}
