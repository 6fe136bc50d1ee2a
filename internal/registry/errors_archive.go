package registry

// ImageNeededUnarchived refuses to archive an image that indexes need which
// are not archived.
func ImageNeededUnarchived(digest string, parents []string) *Error {
	return Errorf(CodeImageStorageClassUpdateNotSupported, "The image with digest '%s' cannot be archived because it is referenced by the active manifest list: [%s]", digest, listed(parents))
}

// ImageBeingRestored refuses to archive an image whose restoration has not
// ended.
func ImageBeingRestored(digest string) *Error {
	return Errorf(CodeImageStorageClassUpdateNotSupported, "The image with digest '%s' cannot be archived because it is being restored", digest)
}
