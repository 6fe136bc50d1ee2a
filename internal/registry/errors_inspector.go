package registry

// Errors of Inspector's API. Its model names the exceptions and no texts: where
// nothing else is said the wording is ours, after its other texts.

// FilterNotFound says that there is no such filter of findings.
func FilterNotFound(arn string) *Error {
	return Errorf(CodeResourceNotFound, "The filter %s does not exist.", arn)
}

// FilterExists says that the name of a filter is taken.
func FilterExists(name string) *Error {
	return Errorf(CodeResourceAlreadyExists, "A filter with the name %s already exists.", name)
}

// FilterNameTaken refuses to call a filter like another one: unlike the operation
// that creates filters, the one that changes them has no exception for that.
func FilterNameTaken(name string) *Error {
	return Errorf(CodeValidation, "A filter with the name %s already exists.", name)
}

// TooManyFilters refuses a filter above the quota.
func TooManyFilters(most int) *Error {
	return Errorf(CodeLimitExceeded, "The number of filters exceeds the quota of %d.", most)
}

// ReportNotFound says that there is no such report, or none of the kind.
func ReportNotFound(id string) *Error {
	return Errorf(CodeResourceNotFound, "The report %s does not exist.", id)
}

// ReportInProgress refuses a report while another one is made.
func ReportInProgress(id string) *Error {
	return Errorf(CodeValidation, "The report %s is in progress. One report can be made at a time.", id)
}

// ReportEnded refuses to cancel a report that has ended.
func ReportEnded(id, status string) *Error {
	return Errorf(CodeValidation, "The report %s cannot be cancelled because its status is %s.", id, status)
}

// ReportUnavailable says that the content of a report is not there to be read.
func ReportUnavailable(id, status string) *Error {
	return Errorf(CodeInvalidState, "The report %s has no content because its status is %s.", id, status)
}

// InspectorAccountDenied is for accounts that are not the caller's own.
func InspectorAccountDenied(account string) *Error {
	return Errorf(CodeAccessDenied, "Account %s is not a member of yours: every account of ecru manages its own scanning.", account)
}

// InspectorTagsInvalid refuses tags of a filter.
func InspectorTagsInvalid(why string) *Error {
	return Errorf(CodeValidation, "The tags are invalid: %s", why)
}

// InspectorARNInvalid refuses an ARN that is not that of something taggable.
func InspectorARNInvalid(arn string) *Error {
	return Errorf(CodeValidation, "Invalid resource ARN: %s", arn)
}

// SortUnsupported refuses an order that there is no index for.
func SortUnsupported(field string) *Error {
	return Errorf(CodeValidation, "Sorting by %s is not supported by this version of ecru.", field)
}

// InspectorUnsupported refuses what is not for container images.
func InspectorUnsupported(what string) *Error {
	return Errorf(CodeValidation, "%s is not supported: this registry scans container images only.", what)
}
