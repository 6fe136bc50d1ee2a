package ecr

import (
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// imageConstraints are those of the inputs about images.
func imageConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[ecr.PutImageInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageManifest", length(1, maxManifest).Named("ImageManifest").Must()),
			is("ImageTag", length(1, 300)),
		),
		validate.For[ecr.BatchGetImageInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageIds", looseImageIDs().Must()),
			is("AcceptedMediaTypes", listOf(1, 100, length(1, 300))),
		),
		validate.For[ecr.BatchDeleteImageInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageIds", looseImageIDs().Must()),
		),
		validate.For[ecr.ListImagesInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("MaxResults", pageSize(1000)),
			is("Filter", nested()),
		),
		validate.For[ecr.DescribeImagesInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageIds", imageIDs()),
			is("MaxResults", pageSize(1000)),
			is("Filter", nested()),
		).NotBoth("NextToken", "ImageIds"),
		validate.For[ecr.ListImageReferrersInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("SubjectId", required()),
			is("Filter", nested()),
			is("MaxResults", pageSize(50)),
		),
		validate.For[ecr.UpdateImageStorageClassInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageId", required()),
			is("TargetStorageClass", oneOf("STANDARD", "ARCHIVE").Must()),
		),
		validate.For[ecr.DescribeImageReplicationStatusInput](
			is("RepositoryName", repositoryName().Must()),
			is("ImageId", required()),
			is("RegistryId", registryID()),
		),
		validate.For[ecr.DescribeImageSigningStatusInput](
			is("RepositoryName", repositoryName().Must()),
			is("ImageId", required()),
			is("RegistryId", registryID()),
		),
	}
}

// layerConstraints are those of the inputs about layers.
func layerConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[ecr.BatchCheckLayerAvailabilityInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("LayerDigests", listOf(1, 100, length(0, 1000)).Must()),
		),
		validate.For[ecr.InitiateLayerUploadInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
		),
		validate.For[ecr.UploadLayerPartInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("UploadId", uploadID().Must()),
			is("PartFirstByte", atLeast(0).Must()),
			is("PartLastByte", atLeast(0).Must()),
			is("LayerPartBlob", length(0, maxLayerPart).Must()),
		),
		validate.For[ecr.CompleteLayerUploadInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("UploadId", uploadID().Must()),
			is("LayerDigests", listOf(1, 100, layerDigest()).Must()),
		),
		validate.For[ecr.GetDownloadUrlForLayerInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("LayerDigest", layerDigest().Must()),
		),
	}
}

// imageShapes are what the inputs above are made of.
func imageShapes() []validate.Structure {
	return []validate.Structure{
		validate.For[types.ImageIdentifier](
			is("ImageTag", length(1, 300)),
		),
		validate.For[types.DescribeImagesFilter](
			is("TagStatus", oneOf("TAGGED", "UNTAGGED", "ANY")),
			is("ImageStatus", oneOf("ACTIVE", "ARCHIVED", "ACTIVATING", "ANY")),
		),
		validate.For[types.SubjectIdentifier](
			is("ImageDigest", required()),
		),
		validate.For[types.ListImageReferrersFilter](
			is("ArtifactTypes", listOf(0, 5, length(1, 255))),
			is("ArtifactStatus", oneOf("ACTIVE", "ARCHIVED", "ACTIVATING", "ANY")),
		),
		validate.For[types.ListImagesFilter](
			is("TagStatus", oneOf("TAGGED", "UNTAGGED", "ANY")),
			is("ImageStatus", oneOf("ACTIVE", "ARCHIVED", "ACTIVATING", "ANY")),
		),
	}
}
