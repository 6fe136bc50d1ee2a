package ecr

import (
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// registryConstraints are those of the inputs about the registry as a whole and scanning.
func registryConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[ecr.GetAuthorizationTokenInput](
			is("RegistryIds", listOf(1, 10, registryID())),
		),
		validate.For[ecr.PutImageScanningConfigurationInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageScanningConfiguration", required()),
		),
		validate.For[ecr.StartImageScanInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageId", required()),
		),
		validate.For[ecr.DescribeImageScanFindingsInput](
			is("RegistryId", registryID()),
			is("RepositoryName", repositoryName().Must()),
			is("ImageId", required()),
			is("MaxResults", pageSize(1000)),
		),
		validate.For[ecr.PutRegistryScanningConfigurationInput](
			is("ScanType", oneOf("BASIC", "ENHANCED")),
			is("Rules", length(0, 2)),
		),
		validate.For[ecr.BatchGetRepositoryScanningConfigurationInput](
			is("RepositoryNames", listOf(1, 25, repositoryName()).Must()),
		),
		validate.For[ecr.GetAccountSettingInput](
			is("Name", length(1, 64).Must()),
		),
		validate.For[ecr.PutAccountSettingInput](
			is("Name", length(1, 64).Must()),
			is("Value", required()),
		),
		validate.For[ecr.PutReplicationConfigurationInput](
			is("ReplicationConfiguration", required()),
		),
		validate.For[ecr.PutSigningConfigurationInput](
			is("SigningConfiguration", required()),
		),
		validate.For[ecr.RegisterPullTimeUpdateExclusionInput](
			is("PrincipalArn", principalARN().Must()),
		),
		validate.For[ecr.DeregisterPullTimeUpdateExclusionInput](
			is("PrincipalArn", principalARN().Must()),
		),
		validate.For[ecr.ListPullTimeUpdateExclusionsInput](
			is("MaxResults", pageSize(1000)),
		),
		validate.For[ecr.StartReplicationBackfillInput](
			is("Destination", required()),
			is("RegistryId", registryID()),
		),
		validate.For[ecr.StopReplicationBackfillInput](
			is("ReplicationBackfillId", required()),
			is("RegistryId", registryID()),
		),
		validate.For[ecr.ListReplicationBackfillsInput](
			is("MaxResults", pageSize(50)),
			is("RegistryId", registryID()),
		),
		validate.For[ecr.DescribeReplicationBackfillResultsInput](
			is("ReplicationBackfillId", required()),
			is("MaxResults", pageSize(1000)),
			is("RegistryId", registryID()),
			is("ResultStatusFilter", oneOf("COMPLETE", "FAILED")),
		),
	}
}

// registryShapes are what the inputs above are made of.
func registryShapes() []validate.Structure {
	return []validate.Structure{
		validate.For[types.ScanningRepositoryFilter](
			is("Filter", matching(1, 255, `^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$`).Must()),
			is("FilterType", oneOf("WILDCARD").Must()),
		),
		validate.For[types.RegistryScanningRule](
			is("ScanFrequency", oneOf("SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL").Must()),
			is("RepositoryFilters", length(0, 100).Must()),
		),
		validate.For[types.ReplicationDestination](
			is("Region", matching(2, 25, `[0-9a-z-]{2,25}`).Must()),
			is("RegistryId", registryID().Must()),
		),
		validate.For[types.RepositoryFilter](
			is("Filter", matching(2, 256, `^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$`).Must()),
			is("FilterType", oneOf("PREFIX_MATCH").Must()),
		),
		validate.For[types.ReplicationRule](
			is("Destinations", length(0, 100).Must()),
			is("RepositoryFilters", length(1, 100)),
		),
		validate.For[types.ReplicationConfiguration](
			is("Rules", required()), // the model says 10, the quota is the service's
		),
		validate.For[types.SigningRepositoryFilter](
			is("Filter", matching(1, 256, `^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$`).Must()),
			is("FilterType", oneOf("WILDCARD_MATCH").Must()),
		),
		validate.For[types.SigningRule](
			is("SigningProfileArn", matching(0, 200, `^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,}$`).Must()),
			is("RepositoryFilters", length(1, 100)),
		),
		validate.For[types.SigningConfiguration](
			is("Rules", length(0, 10).Must()),
		),
	}
}
