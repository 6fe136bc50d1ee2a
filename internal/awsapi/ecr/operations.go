package ecr

import "github.com/ecru-registry/ecru/internal/awsapi"

// Bodies that are larger than most: a manifest of 4 MiB with its quotes and
// line ends escaped, a layer part of 20 MiB in base64.
const (
	putImageLimit  = 9 << 20
	layerPartLimit = 30 << 20
)

func (h *handlers) operations() []awsapi.Operation {
	all := []awsapi.Operation{
		awsapi.Op(h.createRepository),
		awsapi.Op(h.describeRepositories),
		awsapi.Op(h.deleteRepository),
		awsapi.Op(h.putImageTagMutability),
		awsapi.Op(h.putImageScanningConfiguration),
		awsapi.Op(h.tagResource),
		awsapi.Op(h.untagResource),
		awsapi.Op(h.listTagsForResource),

		awsapi.Op(h.putImage).UpTo(putImageLimit),
		awsapi.Op(h.batchGetImage),
		awsapi.Op(h.batchDeleteImage),
		awsapi.Op(h.listImages),
		awsapi.Op(h.describeImages),

		awsapi.Op(h.batchCheckLayerAvailability),
		awsapi.Op(h.initiateLayerUpload),
		awsapi.Op(h.uploadLayerPart).UpTo(layerPartLimit),
		awsapi.Op(h.completeLayerUpload),
		awsapi.Op(h.getDownloadURLForLayer),

		awsapi.Op(h.startImageScan),
		awsapi.Op(h.describeImageScanFindings),
		awsapi.Op(h.getRegistryScanningConfiguration),
		awsapi.Op(h.putRegistryScanningConfiguration),
		awsapi.Op(h.batchGetRepositoryScanningConfiguration),

		awsapi.Op(h.getAuthorizationToken),
		awsapi.Op(h.getAccountSetting),
		awsapi.Op(h.putAccountSetting),
	}
	for _, part := range [][]awsapi.Operation{
		h.policyOperations(),
		h.lifecycleOperations(),
		h.templateOperations(),
		h.cacheRuleOperations(),
		h.exclusionOperations(),
		h.archiveOperations(),
		h.referrerOperations(),
		h.replicationOperations(),
		h.signingOperations(),
	} {
		all = append(all, part...)
	}
	return all
}

// knownOperations are all of the API, served or not.
func knownOperations() []string {
	return []string{
		"BatchCheckLayerAvailability", "BatchDeleteImage", "BatchGetImage", "BatchGetRepositoryScanningConfiguration",
		"CompleteLayerUpload", "CreatePullThroughCacheRule", "CreateRepository", "CreateRepositoryCreationTemplate",
		"DeleteLifecyclePolicy", "DeletePullThroughCacheRule", "DeleteRegistryPolicy", "DeleteRepository",
		"DeleteRepositoryCreationTemplate", "DeleteRepositoryPolicy", "DeleteSigningConfiguration",
		"DeregisterPullTimeUpdateExclusion", "DescribeImageReplicationStatus", "DescribeImageScanFindings",
		"DescribeImageSigningStatus", "DescribeImages", "DescribePullThroughCacheRules", "DescribeRegistry",
		"DescribeReplicationBackfillResults", "DescribeRepositories", "DescribeRepositoryCreationTemplates",
		"GetAccountSetting", "GetAuthorizationToken", "GetDownloadUrlForLayer", "GetLifecyclePolicy",
		"GetLifecyclePolicyPreview", "GetRegistryPolicy", "GetRegistryScanningConfiguration", "GetRepositoryPolicy",
		"GetSigningConfiguration", "InitiateLayerUpload", "ListImageReferrers", "ListImages",
		"ListPullTimeUpdateExclusions", "ListReplicationBackfills", "ListTagsForResource", "PutAccountSetting", "PutImage",
		"PutImageScanningConfiguration", "PutImageTagMutability", "PutLifecyclePolicy", "PutRegistryPolicy",
		"PutRegistryScanningConfiguration", "PutReplicationConfiguration", "PutSigningConfiguration",
		"RegisterPullTimeUpdateExclusion", "SetRepositoryPolicy", "StartImageScan", "StartLifecyclePolicyPreview",
		"StartReplicationBackfill", "StopReplicationBackfill", "TagResource", "UntagResource", "UpdateImageStorageClass",
		"UpdatePullThroughCacheRule", "UpdateRepositoryCreationTemplate", "UploadLayerPart", "ValidatePullThroughCacheRule",
	}
}
