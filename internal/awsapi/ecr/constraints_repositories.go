package ecr

import (
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// repositoryConstraints are those of the inputs about the repositories, their tags and their policies.
func repositoryConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[ecr.CreateRepositoryInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("Tags", nested()),
			is("ImageTagMutability", oneOf("IMMUTABLE", "MUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")),
			is("ImageTagMutabilityExclusionFilters", length(1, 5)),
			is("ImageScanningConfiguration", nested()),
			is("EncryptionConfiguration", nested()),
		),
		validate.For[ecr.DescribeRepositoriesInput](
			is("RegistryId", registryID()),
			is("RepositoryNames", listOf(1, 100, repositoryName())),
			is("MaxResults", pageSize(1000)),
		).NotBoth("NextToken", "RepositoryNames"),
		validate.For[ecr.DeleteRepositoryInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
		),
		validate.For[ecr.PutImageTagMutabilityInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageTagMutability", oneOf("IMMUTABLE", "MUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION").Must()),
			is("ImageTagMutabilityExclusionFilters", length(1, 5)),
		),
		validate.For[ecr.TagResourceInput](
			is("ResourceArn", required()),
			is("Tags", required()),
		),
		validate.For[ecr.UntagResourceInput](
			is("ResourceArn", required()),
			is("TagKeys", required()),
		),
		validate.For[ecr.ListTagsForResourceInput](
			is("ResourceArn", required()),
		),
		validate.For[ecr.SetRepositoryPolicyInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("PolicyText", length(0, 10240).Named("PolicyText").Must()),
		),
		validate.For[ecr.GetRepositoryPolicyInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
		),
		validate.For[ecr.DeleteRepositoryPolicyInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
		),
		validate.For[ecr.PutRegistryPolicyInput](
			is("PolicyText", length(0, 10240).Named("PolicyText").Must()),
		),
		validate.For[ecr.PutLifecyclePolicyInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("LifecyclePolicyText", length(100, 30720).Named("LifecyclePolicyText").Must()),
		),
		validate.For[ecr.GetLifecyclePolicyInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
		),
		validate.For[ecr.DeleteLifecyclePolicyInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
		),
		validate.For[ecr.StartLifecyclePolicyPreviewInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("LifecyclePolicyText", length(100, 30720).Named("LifecyclePolicyText")),
		),
		validate.For[ecr.GetLifecyclePolicyPreviewInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageIds", imageIDs()),
			is("MaxResults", pageSize(100)),
			is("Filter", nested()),
		).NotBoth("NextToken", "ImageIds"),
	}
}

// repositoryShapes are what the inputs above are made of.
func repositoryShapes() []validate.Structure {
	return []validate.Structure{
		validate.For[types.Tag](
			is("Key", required()),
			is("Value", required()),
		),
		validate.For[types.ImageTagMutabilityExclusionFilter](
			is("FilterType", oneOf("WILDCARD").Must()),
			is("Filter", matching(1, 128, `^[0-9a-zA-Z._*-]{1,128}$`).Must()),
		),
		validate.For[types.EncryptionConfiguration](
			is("EncryptionType", oneOf("AES256", "KMS", "KMS_DSSE").Must()),
			is("KmsKey", length(1, 2048)),
		),
		validate.For[types.LifecyclePolicyPreviewFilter](
			is("TagStatus", oneOf("TAGGED", "UNTAGGED", "ANY")),
		),
	}
}
