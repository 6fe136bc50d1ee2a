package ecr

import (
	"errors"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
)

// exceptions is what the API calls each kind of failure. A code that is not
// here is a failure of ours.
func exceptions() map[registry.Code]string {
	return map[registry.Code]string{
		registry.CodeInvalidParameter:    "InvalidParameterException",
		registry.CodeValidation:          "ValidationException",
		registry.CodeAccessDenied:        "AccessDeniedException",
		registry.CodeUnsupported:         "UnsupportedOperationException",
		registry.CodeLimitExceeded:       "LimitExceededException",
		registry.CodeInvalidTagParameter: "InvalidTagParameterException",
		registry.CodeTooManyTags:         "TooManyTagsException",

		registry.CodeRepositoryNotFound:      "RepositoryNotFoundException",
		registry.CodeRepositoryAlreadyExists: "RepositoryAlreadyExistsException",
		registry.CodeRepositoryNotEmpty:      "RepositoryNotEmptyException",

		registry.CodeImageNotFound:            "ImageNotFoundException",
		registry.CodeImageAlreadyExists:       "ImageAlreadyExistsException",
		registry.CodeImageTagAlreadyExists:    "ImageTagAlreadyExistsException",
		registry.CodeImageDigestDoesNotMatch:  "ImageDigestDoesNotMatchException",
		registry.CodeReferencedImagesNotFound: "ReferencedImagesNotFoundException",
		registry.CodeImageReferenced:          "InvalidParameterException",
		registry.CodeManifestInvalid:          "InvalidParameterException",
		registry.CodeManifestTooLarge:         "InvalidParameterException",
		registry.CodeTagInvalid:               "InvalidParameterException",
		registry.CodeDigestInvalid:            "InvalidParameterException",

		registry.CodeLayersNotFound:     "LayersNotFoundException",
		registry.CodeLayerAlreadyExists: "LayerAlreadyExistsException",
		registry.CodeInvalidLayer:       "InvalidLayerException",
		registry.CodeInvalidLayerPart:   "InvalidLayerPartException",
		registry.CodeRangeInvalid:       "InvalidLayerPartException",
		registry.CodeBodyInterrupted:    "InvalidLayerPartException",
		registry.CodeLayerPartTooSmall:  "LayerPartTooSmallException",
		registry.CodeLayerTooLarge:      "LimitExceededException",
		registry.CodeEmptyUpload:        "EmptyUploadException",
		registry.CodeUploadNotFound:     "UploadNotFoundException",

		registry.CodeScanNotFound:         "ScanNotFoundException",
		registry.CodeUnsupportedImageType: "UnsupportedImageTypeException",

		registry.CodeExclusionAlreadyExists:              "ExclusionAlreadyExistsException",
		registry.CodeExclusionNotFound:                   "ExclusionNotFoundException",
		registry.CodeImageArchived:                       "ImageArchivedException",
		registry.CodeImageStorageClassUpdateNotSupported: "ImageStorageClassUpdateNotSupportedException",
		registry.CodeLayerInaccessible:                   "LayerInaccessibleException",
		registry.CodeLifecyclePolicyNotFound:             "LifecyclePolicyNotFoundException",
		registry.CodeLifecyclePolicyPreviewInProgress:    "LifecyclePolicyPreviewInProgressException",
		registry.CodeLifecyclePolicyPreviewNotFound:      "LifecyclePolicyPreviewNotFoundException",
		registry.CodePullThroughCacheRuleAlreadyExists:   "PullThroughCacheRuleAlreadyExistsException",
		registry.CodePullThroughCacheRuleNotFound:        "PullThroughCacheRuleNotFoundException",
		registry.CodeRegistryPolicyNotFound:              "RegistryPolicyNotFoundException",
		registry.CodeReplicationBackfillInProgress:       "ReplicationBackfillInProgressException",
		registry.CodeReplicationBackfillInvalidStatus:    "ReplicationBackfillInvalidStatusException",
		registry.CodeReplicationBackfillNotFound:         "ReplicationBackfillNotFoundException",
		registry.CodeRepositoryPolicyNotFound:            "RepositoryPolicyNotFoundException",
		registry.CodeSecretNotFound:                      "SecretNotFoundException",
		registry.CodeSigningConfigurationNotFound:        "SigningConfigurationNotFoundException",
		registry.CodeTemplateAlreadyExists:               "TemplateAlreadyExistsException",
		registry.CodeTemplateNotFound:                    "TemplateNotFoundException",
		registry.CodeUnableToAccessSecret:                "UnableToAccessSecretException",
		registry.CodeUnsupportedUpstreamRegistry:         "UnsupportedUpstreamRegistryException",
		registry.CodeKms:                                 "KmsException",

		registry.CodeThrottled: "ThrottlingException",
	}
}

// fault is the one place where errors of the service become those of the API.
func fault(err error) *awsapi.Fault {
	f := awsapi.Coded(err, exceptions())
	var e *registry.Error
	if errors.As(err, &e) && e.Upload != nil && f.Code == "InvalidLayerPartException" {
		last := e.Upload.Size - 1
		f.Members = []awsapi.Member{
			{Name: "registryId", Text: e.Upload.Account},
			{Name: "repositoryName", Text: e.Upload.Repository},
			{Name: "uploadId", Text: e.Upload.ID},
			{Name: "lastValidByteReceived", Int: &last},
		}
	}
	return f
}
