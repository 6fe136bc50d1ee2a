package registry

import (
	"errors"
	"fmt"
	"strings"
)

// Code names a kind of failure independently of any wire protocol. Transports
// translate codes in exactly one place each; nothing else looks at them to
// choose a status.
type Code string

// The codes. Where ECR has an exception of the same meaning the code is its
// name without the suffix "Exception".
const (
	// CodeInternal is any failure that is ours; its text never reaches a client.
	CodeInternal Code = "Server"

	CodeInvalidParameter    Code = "InvalidParameter"
	CodeValidation          Code = "Validation"
	CodeAccessDenied        Code = "AccessDenied"
	CodeUnsupported         Code = "UnsupportedOperation"
	CodeLimitExceeded       Code = "LimitExceeded"
	CodeInvalidTagParameter Code = "InvalidTagParameter"
	CodeTooManyTags         Code = "TooManyTags"

	CodeRepositoryNotFound      Code = "RepositoryNotFound"
	CodeRepositoryAlreadyExists Code = "RepositoryAlreadyExists"
	CodeRepositoryNotEmpty      Code = "RepositoryNotEmpty"

	CodeImageNotFound            Code = "ImageNotFound"
	CodeImageAlreadyExists       Code = "ImageAlreadyExists"
	CodeImageTagAlreadyExists    Code = "ImageTagAlreadyExists"
	CodeImageDigestDoesNotMatch  Code = "ImageDigestDoesNotMatch"
	CodeImageReferenced          Code = "ImageReferencedByManifestList"
	CodeReferencedImagesNotFound Code = "ReferencedImagesNotFound"
	CodeManifestInvalid          Code = "ManifestInvalid"
	CodeManifestTooLarge         Code = "ManifestTooLarge"
	CodeTagInvalid               Code = "TagInvalid"
	CodeDigestInvalid            Code = "DigestInvalid"

	CodeLayersNotFound     Code = "LayersNotFound"
	CodeLayerAlreadyExists Code = "LayerAlreadyExists"
	CodeInvalidLayer       Code = "InvalidLayer"
	CodeInvalidLayerPart   Code = "InvalidLayerPart"
	CodeLayerPartTooSmall  Code = "LayerPartTooSmall"
	CodeLayerTooLarge      Code = "LayerTooLarge"
	CodeEmptyUpload        Code = "EmptyUpload"
	CodeUploadNotFound     Code = "UploadNotFound"
	// CodeRangeInvalid is a chunk that does not continue where the upload stands.
	CodeRangeInvalid Code = "RangeInvalid"
	// CodeBodyInterrupted is a request body that ended or broke before its end.
	CodeBodyInterrupted Code = "BodyInterrupted"

	CodeScanNotFound         Code = "ScanNotFound"
	CodeUnsupportedImageType Code = "UnsupportedImageType"

	CodeExclusionAlreadyExists              Code = "ExclusionAlreadyExists"
	CodeExclusionNotFound                   Code = "ExclusionNotFound"
	CodeImageArchived                       Code = "ImageArchived"
	CodeImageStorageClassUpdateNotSupported Code = "ImageStorageClassUpdateNotSupported"
	CodeLayerInaccessible                   Code = "LayerInaccessible"
	CodeLifecyclePolicyNotFound             Code = "LifecyclePolicyNotFound"
	CodeLifecyclePolicyPreviewInProgress    Code = "LifecyclePolicyPreviewInProgress"
	CodeLifecyclePolicyPreviewNotFound      Code = "LifecyclePolicyPreviewNotFound"
	CodePullThroughCacheRuleAlreadyExists   Code = "PullThroughCacheRuleAlreadyExists"
	CodePullThroughCacheRuleNotFound        Code = "PullThroughCacheRuleNotFound"
	CodeRegistryPolicyNotFound              Code = "RegistryPolicyNotFound"
	CodeReplicationBackfillInProgress       Code = "ReplicationBackfillInProgress"
	CodeReplicationBackfillInvalidStatus    Code = "ReplicationBackfillInvalidStatus"
	CodeReplicationBackfillNotFound         Code = "ReplicationBackfillNotFound"
	CodeRepositoryPolicyNotFound            Code = "RepositoryPolicyNotFound"
	CodeSecretNotFound                      Code = "SecretNotFound"
	CodeSigningConfigurationNotFound        Code = "SigningConfigurationNotFound"
	CodeTemplateAlreadyExists               Code = "TemplateAlreadyExists"
	CodeTemplateNotFound                    Code = "TemplateNotFound"
	CodeUnableToAccessSecret                Code = "UnableToAccessSecret"
	CodeUnsupportedUpstreamRegistry         Code = "UnsupportedUpstreamRegistry"
	CodeKms                                 Code = "Kms"

	// CodeThrottled is a caller above a configured rate.
	CodeThrottled Code = "Throttling"

	// Codes of the management of identities and of temporary credentials.
	CodeNoSuchEntity            Code = "NoSuchEntity"
	CodeEntityAlreadyExists     Code = "EntityAlreadyExists"
	CodeMalformedPolicyDocument Code = "MalformedPolicyDocument"
	CodeExpiredToken            Code = "ExpiredToken"
	CodeInvalidIdentityToken    Code = "InvalidIdentityToken"
	CodeIDPRejectedClaim        Code = "IDPRejectedClaim"
	CodeIDPCommunicationError   Code = "IDPCommunicationError"
)

// Error is the one error type that reaches transports. Message is meant for
// the client; Err, when set, is for the log only.
type Error struct {
	Code    Code
	Message string
	// Upload carries the state of an upload for the two codes that report it
	// (CodeInvalidLayerPart and CodeRangeInvalid).
	Upload *UploadProgress
	Err    error
}

// UploadProgress says how far an upload has come.
type UploadProgress struct {
	Account    string
	Repository string
	ID         string
	Size       int64 // bytes held
}

// Error is for logs: it includes the cause that clients do not get to see.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is match on the code alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == ""
}

// Errorf makes an error whose text is for the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Internal wraps a failure of ours; the client learns only that it happened.
func Internal(doing string, err error) *Error {
	return &Error{Code: CodeInternal, Message: doing, Err: err}
}

// CodeOf answers the code of err, CodeInternal when it carries none, and ""
// for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// InvalidParameter is ECR's own family of validation texts.
func InvalidParameter(member, constraint string) *Error {
	return Errorf(CodeInvalidParameter, "Invalid parameter at '%s' failed to satisfy constraint: '%s'", member, constraint)
}

// RepositoryNotFound says that a repository is missing.
func RepositoryNotFound(account, name string) *Error {
	return Errorf(CodeRepositoryNotFound, "The repository with name '%s' does not exist in the registry with id '%s'", name, account)
}

// RepositoryAlreadyExists says that a name is taken.
func RepositoryAlreadyExists(account, name string) *Error {
	return Errorf(CodeRepositoryAlreadyExists, "The repository with name '%s' already exists in the registry with id '%s'", name, account)
}

// RepositoryNotEmpty refuses to delete a repository that holds images.
func RepositoryNotEmpty(account, name string) *Error {
	return Errorf(CodeRepositoryNotEmpty, "The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", name, account)
}

// ImageNotFound says that an image is missing; an absent half of id reads
// "null", as ECR writes it.
func ImageNotFound(account, repository string, id ImageID) *Error {
	return Errorf(CodeImageNotFound, "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
		orNull(id.Digest), orNull(id.Tag), repository, account)
}

// ImageAlreadyExists refuses a PutImage that would change nothing.
func ImageAlreadyExists(account, repository string, id ImageID) *Error {
	return Errorf(CodeImageAlreadyExists, "Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
		id.Digest, orNull(id.Tag), repository, account)
}

// ImageTagAlreadyExists refuses to move an immutable tag.
func ImageTagAlreadyExists(repository, tag string) *Error {
	return Errorf(CodeImageTagAlreadyExists, "The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, repository)
}

// LayersNotFound names the blobs that a manifest needs and the repository
// does not have.
func LayersNotFound(account, repository string, digests []string) *Error {
	return Errorf(CodeLayersNotFound, "Layers with digests '[%s]' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
		listed(digests), repository, account)
}

// LayerNotFound says that one blob is missing.
func LayerNotFound(account, repository, digest string) *Error {
	return Errorf(CodeLayersNotFound, "The layer with digest '%s' does not exist within the repository with name '%s' in the registry with id '%s'", digest, repository, account)
}

// LayerInaccessible refuses a layer that no image needs. The wording is ours,
// after the model's.
func LayerInaccessible(account, repository, digest string) *Error {
	return Errorf(CodeLayerInaccessible, "The layer with digest '%s' is not available because it is not associated with an image in the repository with name '%s' in the registry with id '%s'", digest, repository, account)
}

// ReferencedImagesNotFound names the manifests that an index needs and the
// repository does not have.
func ReferencedImagesNotFound(account, repository string, digests []string) *Error {
	return Errorf(CodeReferencedImagesNotFound, "Images with digests '[%s]' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
		listed(digests), repository, account)
}

// ImageReferenced refuses to delete a child of an index.
func ImageReferenced(parents []string) *Error {
	return Errorf(CodeImageReferenced, "Requested image referenced by manifest list: [%s]", listed(parents))
}

// TooManyTagsOnImage refuses the tag above the limit.
func TooManyTagsOnImage(account, repository, tag string, limit int) *Error {
	return Errorf(CodeLimitExceeded, "Adding tag '%s' to an image in the repository with name '%s' in registry with id '%s' exceeds the maximum allowed number of tags per image which is '%d'", tag, repository, account, limit)
}

// UploadNotFound says that an upload id is unknown, finished or cancelled.
func UploadNotFound(account, repository, id string) *Error {
	return Errorf(CodeUploadNotFound, "The upload with id '%s' does not exist within the repository with name '%s' in the registry with id '%s'", id, repository, account)
}

// ScanNotFound says that an image has never been scanned.
func ScanNotFound(account, repository string, id ImageID) *Error {
	return Errorf(CodeScanNotFound, "Image scan does not exist for the image with '{imageDigest:'%s', imageTag:'%s'}' in the repository with name '%s' in the registry with id '%s'",
		orNull(id.Digest), orNull(id.Tag), repository, account)
}

// maxListed bounds an answer that a hostile manifest of a million references
// would otherwise make as long as itself.
const maxListed = 100

func listed(digests []string) string {
	if rest := len(digests) - maxListed; rest > 0 {
		return strings.Join(digests[:maxListed], ", ") + fmt.Sprintf(", and %d more", rest)
	}
	return strings.Join(digests, ", ")
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}
