package ecr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

const (
	templatePolicy    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`
	templateLifecycle = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}`
)

// template makes one for pushes.
func (a *api) template(prefix string) *sdk.CreateRepositoryCreationTemplateOutput {
	a.t.Helper()
	return apitest.OK[*sdk.CreateRepositoryCreationTemplateOutput](a.t)(a.CreateRepositoryCreationTemplate(a.t.Context(), &sdk.CreateRepositoryCreationTemplateInput{
		Prefix: &prefix, AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush},
	}))
}

func TestACreationTemplateIsEchoedWhole(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	made := apitest.OK[*sdk.CreateRepositoryCreationTemplateOutput](t)(a.CreateRepositoryCreationTemplate(ctx, &sdk.CreateRepositoryCreationTemplateInput{
		Prefix: aws.String("prod/"), Description: aws.String("production"), AppliedFor: []types.RCTAppliedFor{"PULL_THROUGH_CACHE", "CREATE_ON_PUSH"},
		ImageTagMutability:                 types.ImageTagMutabilityImmutableWithExclusion,
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{{Filter: aws.String("dev-*"), FilterType: "WILDCARD"}},
		EncryptionConfiguration:            &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "KMS", KmsKey: aws.String("arn:aws:kms:us-east-1:123456789012:key/k")},
		ResourceTags:                       []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		RepositoryPolicy:                   aws.String(templatePolicy), LifecyclePolicy: aws.String(templateLifecycle),
		CustomRoleArn: aws.String("arn:aws:iam::123456789012:role/maker"),
	}))
	if got := notice(made.ResultMetadata); got != "Creation templates are applied to pushes; this version of ecru does not replicate or pull from upstreams yet. Lifecycle policies are validated and stored; this version of ecru does not evaluate them yet." {
		t.Errorf("notice %q", got)
	}
	listed := apitest.OK[*sdk.DescribeRepositoryCreationTemplatesOutput](t)(a.DescribeRepositoryCreationTemplates(ctx, &sdk.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{"prod", "unknown"}}))
	if *made.RegistryId != account || *listed.RegistryId != account || len(listed.RepositoryCreationTemplates) != 1 {
		t.Fatalf("%+v\n%+v", made, listed)
	}
	gone := apitest.OK[*sdk.DeleteRepositoryCreationTemplateOutput](t)(a.DeleteRepositoryCreationTemplate(ctx, &sdk.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("prod")}))
	for _, r := range []*types.RepositoryCreationTemplate{made.RepositoryCreationTemplate, &listed.RepositoryCreationTemplates[0], gone.RepositoryCreationTemplate} {
		if *r.Prefix != "prod" || *r.Description != "production" || fmt.Sprint(r.AppliedFor) != "[PULL_THROUGH_CACHE CREATE_ON_PUSH]" ||
			r.ImageTagMutability != "IMMUTABLE_WITH_EXCLUSION" || *r.ImageTagMutabilityExclusionFilters[0].Filter != "dev-*" ||
			r.EncryptionConfiguration.EncryptionType != "KMS" || *r.EncryptionConfiguration.KmsKey != "arn:aws:kms:us-east-1:123456789012:key/k" ||
			*r.ResourceTags[0].Key != "team" || *r.RepositoryPolicy != templatePolicy || *r.LifecyclePolicy != templateLifecycle ||
			*r.CustomRoleArn != "arn:aws:iam::123456789012:role/maker" || !r.CreatedAt.Equal(*r.UpdatedAt) || time.Since(*r.CreatedAt) > time.Minute {
			t.Errorf("%+v", r)
		}
	}
	if rest := apitest.OK[*sdk.DescribeRepositoryCreationTemplatesOutput](t)(a.DescribeRepositoryCreationTemplates(ctx, &sdk.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{"prod"}})); rest.RepositoryCreationTemplates == nil || len(rest.RepositoryCreationTemplates) != 0 {
		t.Errorf("an unknown prefix: %+v", rest)
	}
}

func TestDefaultsAndUpdatesOfACreationTemplate(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	made := a.template("ROOT")
	r := made.RepositoryCreationTemplate
	if r.ImageTagMutability != "MUTABLE" || r.ImageTagMutabilityExclusionFilters != nil || r.EncryptionConfiguration.EncryptionType != "AES256" ||
		r.Description != nil || r.RepositoryPolicy != nil || r.LifecyclePolicy != nil || r.CustomRoleArn != nil || r.ResourceTags == nil || notice(made.ResultMetadata) != "" {
		t.Errorf("%+v", r)
	}
	r = apitest.OK[*sdk.UpdateRepositoryCreationTemplateOutput](t)(a.UpdateRepositoryCreationTemplate(ctx, &sdk.UpdateRepositoryCreationTemplateInput{
		Prefix: aws.String("ROOT"), ImageTagMutability: "IMMUTABLE", RepositoryPolicy: aws.String(templatePolicy),
		ResourceTags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
	})).RepositoryCreationTemplate
	if r.ImageTagMutability != "IMMUTABLE" || *r.RepositoryPolicy != templatePolicy || len(r.AppliedFor) != 1 || len(r.ResourceTags) != 1 {
		t.Errorf("%+v", r)
	}
	r = apitest.OK[*sdk.UpdateRepositoryCreationTemplateOutput](t)(a.UpdateRepositoryCreationTemplate(ctx, &sdk.UpdateRepositoryCreationTemplateInput{
		Prefix: aws.String("ROOT"), RepositoryPolicy: aws.String(""), ResourceTags: []types.Tag{}, AppliedFor: []types.RCTAppliedFor{"REPLICATION"},
	})).RepositoryCreationTemplate
	if r.ImageTagMutability != "IMMUTABLE" || r.RepositoryPolicy != nil || r.AppliedFor[0] != "REPLICATION" || len(r.ResourceTags) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestErrorsOfCreationTemplates(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.template("prod")
	push := []types.RCTAppliedFor{"CREATE_ON_PUSH"}
	create := func(in sdk.CreateRepositoryCreationTemplateInput) error {
		if in.Prefix == nil {
			in.Prefix = aws.String("new")
		}
		if in.AppliedFor == nil {
			in.AppliedFor = push
		}
		_, err := a.CreateRepositoryCreationTemplate(ctx, &in)
		return err
	}
	apitest.Want(t, create(sdk.CreateRepositoryCreationTemplateInput{Prefix: aws.String("prod/")}),
		"TemplateAlreadyExistsException", "The repository creation template already exists. Specify a unique prefix and try again.")
	_, err := a.UpdateRepositoryCreationTemplate(ctx, &sdk.UpdateRepositoryCreationTemplateInput{Prefix: aws.String("nope")})
	apitest.Want(t, err, "TemplateNotFoundException", "The specified repository creation template can't be found. Verify the registry ID and prefix and try again.")
	_, err = a.DeleteRepositoryCreationTemplate(ctx, &sdk.DeleteRepositoryCreationTemplateInput{Prefix: aws.String("nope")})
	apitest.Want(t, err, "TemplateNotFoundException", "The specified repository creation template can't be found. Verify the registry ID and prefix and try again.")
	apitest.Want(t, create(sdk.CreateRepositoryCreationTemplateInput{ImageTagMutability: "IMMUTABLE_WITH_EXCLUSION"}), "InvalidParameterException",
		"Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as IMMUTABLE_WITH_EXCLUSION'")
	apitest.Want(t, create(sdk.CreateRepositoryCreationTemplateInput{RepositoryPolicy: aws.String("no")}), "InvalidParameterException",
		"Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
	apitest.Want(t, create(sdk.CreateRepositoryCreationTemplateInput{LifecyclePolicy: aws.String("no")}), "InvalidParameterException",
		"Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy parsing failure: Could not map policyString into LifecyclePolicy.'")
	apitest.Want(t, create(sdk.CreateRepositoryCreationTemplateInput{ResourceTags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}}), "InvalidTagParameterException",
		"Invalid parameter: tag keys must not begin with aws:")
	err = create(sdk.CreateRepositoryCreationTemplateInput{AppliedFor: []types.RCTAppliedFor{"FUN"}})
	if err == nil || !strings.Contains(err.Error(), "Member must satisfy enum value set: [REPLICATION, PULL_THROUGH_CACHE, CREATE_ON_PUSH]") {
		t.Errorf("got %v", err)
	}
	err = create(sdk.CreateRepositoryCreationTemplateInput{EncryptionConfiguration: &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "KMS", KmsKey: aws.String("alias/k")}})
	if err == nil || !strings.Contains(err.Error(), "InvalidParameterException") {
		t.Errorf("an alias as the key: %v", err)
	}
}

func TestCreationTemplatesPageByPrefix(t *testing.T) {
	a := start(t)
	for i := range 5 {
		a.template(fmt.Sprintf("team-%d", i))
	}
	var got []string
	pages := sdk.NewDescribeRepositoryCreationTemplatesPaginator(a, &sdk.DescribeRepositoryCreationTemplatesInput{MaxResults: aws.Int32(2)})
	n := 0
	for ; pages.HasMorePages(); n++ {
		for _, r := range apitest.OK[*sdk.DescribeRepositoryCreationTemplatesOutput](t)(pages.NextPage(t.Context())).RepositoryCreationTemplates {
			got = append(got, *r.Prefix)
		}
	}
	if n != 3 || strings.Join(got, " ") != "team-0 team-1 team-2 team-3 team-4" {
		t.Errorf("%d pages of %v", n, got)
	}
	_, err := a.DescribeRepositoryCreationTemplates(t.Context(), &sdk.DescribeRepositoryCreationTemplatesInput{NextToken: aws.String("bad")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")
	_, err = a.DescribeRepositoryCreationTemplates(t.Context(), &sdk.DescribeRepositoryCreationTemplatesInput{Prefixes: slices.Repeat([]string{"team"}, 101)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'prefixes' failed to satisfy constraint: 'Member must have length less than or equal to 100'")
}

func TestLayersOfARepositoryThatATemplateMakes(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	_, err := a.InitiateLayerUpload(ctx, &sdk.InitiateLayerUploadInput{RepositoryName: aws.String("prod/app")})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'prod/app' does not exist in the registry with id '123456789012'")
	a.template("prod")
	a.layer("prod/app", []byte("content"))
	a.image("prod/app", "seed", "v1")
	found := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"prod/app"}})).Repositories[0]
	if *found.RepositoryName != "prod/app" {
		t.Errorf("%+v", found)
	}
}
