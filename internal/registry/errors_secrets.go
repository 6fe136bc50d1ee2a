package registry

// SecretUnknown says that there is no such secret.
func SecretUnknown() *Error {
	return Errorf(CodeResourceNotFound, "Secrets Manager can't find the specified secret.")
}

// SecretLabelUnknown says that no version of a secret has a staging label.
func SecretLabelUnknown(label string) *Error {
	return Errorf(CodeResourceNotFound, "Secrets Manager can't find the specified secret value for staging label: %s", label)
}

// SecretVersionUnknown says that a secret has no such version.
func SecretVersionUnknown(id string) *Error {
	return Errorf(CodeResourceNotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
}

// SecretLabelElsewhere says that the version that was asked for has not the
// label that was asked for, too.
func SecretLabelElsewhere() *Error {
	return Errorf(CodeInvalidRequest, "You provided a VersionStage that is not associated to the provided VersionId.")
}

// SecretExists says that the name of a secret is taken.
func SecretExists(name string) *Error {
	return Errorf(CodeResourceAlreadyExists, "The operation failed because the secret %s already exists.", name)
}

// SecretTokenUsed says that a version of the secret has that id and another
// value.
func SecretTokenUsed(token, arn string) *Error {
	return Errorf(CodeResourceAlreadyExists, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, arn)
}

// SecretTokenMissing refuses a change that could not be told from its repetition.
func SecretTokenMissing() *Error {
	return Errorf(CodeInvalidRequest, "You must provide a ClientRequestToken value. We recommend a UUID-type value.")
}

// SecretDeleted refuses to use a secret that is to be deleted.
func SecretDeleted() *Error {
	return Errorf(CodeInvalidRequest, "You can't perform this operation on the secret because it was marked for deletion.")
}

// SecretDeletedTwice refuses to delete a secret again.
func SecretDeletedTwice() *Error {
	return Errorf(CodeInvalidRequest, "You can't perform this operation on the secret because it was already scheduled for deletion.")
}

// SecretNotDeleted refuses to restore a secret that is there.
func SecretNotDeleted() *Error {
	return Errorf(CodeInvalidRequest, "You can't perform this operation on the secret because it was not marked for deletion.")
}

// SecretNameDeleted says that a name is taken by a secret that is to be deleted.
func SecretNameDeleted() *Error {
	return Errorf(CodeInvalidRequest, "You can't create this secret because a secret with this name is already scheduled for deletion.")
}

// SecretManaged refuses to change what belongs to another service.
func SecretManaged() *Error {
	return Errorf(CodeInvalidRequest, "The secret is managed by another service, and you must use that service to update it.")
}

// SecretNameInvalid refuses a name.
func SecretNameInvalid() *Error {
	return Errorf(CodeValidation, "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
}

// SecretNameReserved refuses a name that belongs to another service.
func SecretNameReserved() *Error {
	return Errorf(CodeInvalidRequest, "The secret name is invalid: the prefix events! is reserved for secrets that are managed by EventBridge.")
}

// SecretValueMissing says that a secret was given neither way.
func SecretValueMissing() *Error {
	return Errorf(CodeInvalidRequest, "You must provide either SecretString or SecretBinary.")
}

// SecretValueTwice says that a secret was given in two ways.
func SecretValueTwice() *Error {
	return Errorf(CodeInvalidParameter, "You can't specify both a binary secret value and a string secret value in the same secret.")
}

// SecretValueTooLong refuses a value, without repeating it.
func SecretValueTooLong(member string, most int) *Error {
	return Errorf(CodeValidation, "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, most)
}

// SecretWindowInvalid refuses a time to recover a secret in.
func SecretWindowInvalid(least, most int) *Error {
	return Errorf(CodeInvalidParameter, "The RecoveryWindowInDays value must be between %d and %d days (inclusive).", least, most)
}

// SecretWindowForced refuses two ways to delete a secret at once.
func SecretWindowForced() *Error {
	return Errorf(CodeInvalidParameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
}

// TooManySecrets refuses the secret above the limit.
func TooManySecrets(most int) *Error {
	return Errorf(CodeLimitExceeded, "The request failed because it would exceed the quota of %d secrets in the account.", most)
}

// TooManySecretLabels refuses the staging label above the limit.
func TooManySecretLabels(most int) *Error {
	return Errorf(CodeLimitExceeded, "The request failed because it would exceed the quota of %d staging labels attached across all versions of the secret.", most)
}

// SecretTagInvalid refuses a tag of a secret.
func SecretTagInvalid(why string) *Error {
	return Errorf(CodeInvalidParameter, "The tag is invalid: %s", why)
}

// SecretLabelLost refuses to take AWSCURRENT from a secret.
func SecretLabelLost(label string) *Error {
	return Errorf(CodeInvalidParameter, "You can only move staging label %s to a different secret version. It can't be completely removed.", label)
}

// SecretLabelAttached says that a label must be taken from where it is by name.
func SecretLabelAttached(label, version string) *Error {
	return Errorf(CodeInvalidParameter, "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, version)
}

// SecretLabelNotThere says that a label is not where it is to be taken from.
func SecretLabelNotThere(label, version string) *Error {
	return Errorf(CodeInvalidParameter, "The staging label %s is not attached to the version %s.", label, version)
}
