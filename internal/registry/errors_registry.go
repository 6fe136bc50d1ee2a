package registry

// Texts of storage classes, scanning modes, replication, signing and quotas.

// FeatureDisabled refuses what enhanced scanning takes away.
func FeatureDisabled() *Error {
	return Errorf(CodeValidation, "This feature is disabled")
}

// ImageIsArchived refuses to scan an archived image.
func ImageIsArchived(account, repository string, id ImageID) *Error {
	return Errorf(CodeImageArchived, "The image with imageId {imageDigest:'%s', imageTag:'%s'} in the repository with name '%s' in the registry with id '%s' is archived and cannot be scanned",
		orNull(id.Digest), orNull(id.Tag), repository, account)
}

// InvalidScanFrequency refuses a frequency that a scan type does not have.
func InvalidScanFrequency(scanType ScanType, frequency ScanFrequency) *Error {
	return Errorf(CodeInvalidParameter, "Invalid parameter failed to satisfy constraint: 'Invalid scan frequency for scanType %s: %s'", scanType, frequency)
}

// ReplicationToSelf refuses the registry itself as a destination.
func ReplicationToSelf() *Error {
	return InvalidParameter("replicationConfiguration", "Replication destination cannot be the same as the source registry")
}

// InvalidRegion refuses a region that cannot be a destination.
func InvalidRegion(region string) *Error {
	return Errorf(CodeInvalidParameter, "Invalid region '%s'", region)
}

// NotADestination refuses a backfill to where nothing is replicated.
func NotADestination(d ReplicationDestination) *Error {
	return Errorf(CodeValidation, "The destination with region '%s' and registryId '%s' is not part of the replication configuration of the registry", d.Region, d.Account)
}

// BackfillNotFound says that there is no such replication backfill.
func BackfillNotFound(account, id string) *Error {
	return Errorf(CodeReplicationBackfillNotFound, "The replication backfill with id '%s' does not exist in the registry with id '%s'", id, account)
}

// SigningProfileRegion refuses a profile of another region.
func SigningProfileRegion(arn, region, here string) *Error {
	return InvalidParameter("signingProfileArn", "The region of signing profile ARN '"+arn+"' is '"+region+"' but must be '"+here+"' (the current region)")
}

// SigningConfigurationNotFound says that nothing is signed.
func SigningConfigurationNotFound(account string) *Error {
	return Errorf(CodeSigningConfigurationNotFound, "Signing configuration does not exist in the registry with id '%s'", account)
}

// TooManyRepositories refuses the repository above the limit.
func TooManyRepositories(account string, limit int) *Error {
	return Errorf(CodeLimitExceeded, "The registry with id '%s' already has the maximum allowed number of repositories which is '%d'", account, limit)
}

// TooManyLayerParts refuses the layer part above the limit.
func TooManyLayerParts(account, repository, upload string, limit int) *Error {
	return Errorf(CodeLimitExceeded, "The upload with id '%s' in the repository with name '%s' in registry with id '%s' already has the maximum allowed number of layer parts which is '%d'", upload, repository, account, limit)
}

// LayerPartTooLarge refuses a layer part above the limit.
func LayerPartTooLarge(size, limit int64) *Error {
	return Errorf(CodeLimitExceeded, "The layer part of %d bytes exceeds the maximum allowed size of a layer part which is '%d' bytes", size, limit)
}

// InvalidKeyARN refuses a key, of which what is wrong is repeated: its region,
// or all of it.
func InvalidKeyARN(what string) *Error {
	return Errorf(CodeKms, "Invalid arn %s", what)
}
