package ecr

import (
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// upstreamConstraints are those of the inputs about pull-through cache rules and creation templates.
func upstreamConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[ecr.CreatePullThroughCacheRuleInput](
			is("EcrRepositoryPrefix", cachePrefix().Must()),
			is("UpstreamRegistryUrl", required()),
			is("RegistryId", registryID()),
			is("UpstreamRegistry", oneOf("ecr", "ecr-public", "quay", "k8s", "docker-hub", "github-container-registry", "azure-container-registry", "gitlab-container-registry", "chainguard")),
			is("CredentialArn", credentialARN()),
			is("CustomRoleArn", length(0, 2048)),
			is("UpstreamRepositoryPrefix", cachePrefix()),
		),
		validate.For[ecr.DescribePullThroughCacheRulesInput](
			is("RegistryId", registryID()),
			is("EcrRepositoryPrefixes", listOf(1, 100, cachePrefix())),
			is("MaxResults", pageSize(1000)),
		).NotBoth("NextToken", "EcrRepositoryPrefixes"),
		validate.For[ecr.UpdatePullThroughCacheRuleInput](
			is("RegistryId", registryID()),
			is("EcrRepositoryPrefix", cachePrefix().Must()),
			is("CredentialArn", credentialARN()),
			is("CustomRoleArn", length(0, 2048)),
		),
		validate.For[ecr.DeletePullThroughCacheRuleInput](
			is("EcrRepositoryPrefix", cachePrefix().Must()),
			is("RegistryId", registryID()),
		),
		validate.For[ecr.ValidatePullThroughCacheRuleInput](
			is("EcrRepositoryPrefix", cachePrefix().Must()),
			is("RegistryId", registryID()),
		),
		validate.For[ecr.CreateRepositoryCreationTemplateInput](
			is("Prefix", templatePrefix().Must()),
			is("Description", length(0, 256)),
			is("EncryptionConfiguration", nested()),
			is("ResourceTags", nested()),
			is("ImageTagMutability", oneOf("IMMUTABLE", "MUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")),
			is("ImageTagMutabilityExclusionFilters", length(1, 5)),
			is("RepositoryPolicy", length(0, 10240).Named("PolicyText")),
			is("LifecyclePolicy", length(0, 30720)),
			is("AppliedFor", listOf(0, 0, oneOf("REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH")).Must()),
			is("CustomRoleArn", length(0, 2048)),
		),
		validate.For[ecr.UpdateRepositoryCreationTemplateInput](
			is("Prefix", templatePrefix().Must()),
			is("Description", length(0, 256)),
			is("EncryptionConfiguration", nested()),
			is("ResourceTags", nested()),
			is("ImageTagMutability", oneOf("IMMUTABLE", "MUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")),
			is("ImageTagMutabilityExclusionFilters", length(1, 5)),
			is("RepositoryPolicy", length(0, 10240).Named("PolicyText")),
			is("LifecyclePolicy", length(0, 30720)),
			is("AppliedFor", listOf(0, 0, oneOf("REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"))),
			is("CustomRoleArn", length(0, 2048)),
		),
		validate.For[ecr.DeleteRepositoryCreationTemplateInput](
			is("Prefix", templatePrefix().Must()),
		),
		validate.For[ecr.DescribeRepositoryCreationTemplatesInput](
			is("Prefixes", listOf(0, 0, templatePrefix())),
			is("MaxResults", pageSize(1000)),
		).NotBoth("NextToken", "Prefixes"),
	}
}

// upstreamShapes are what the inputs above are made of.
func upstreamShapes() []validate.Structure {
	return []validate.Structure{
		validate.For[types.EncryptionConfigurationForRepositoryCreationTemplate](
			is("EncryptionType", oneOf("AES256", "KMS", "KMS_DSSE").Must()),
			is("KmsKey", matching(0, 2048, `^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[a-z0-9-]+`)),
		),
	}
}
