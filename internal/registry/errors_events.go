package registry

// Codes of the APIs around events and secrets.
const (
	CodeResourceNotFound       Code = "ResourceNotFound"
	CodeResourceAlreadyExists  Code = "ResourceAlreadyExists"
	CodeInvalidEventPattern    Code = "InvalidEventPattern"
	CodeInvalidRequest         Code = "InvalidRequest"
	CodeConcurrentModification Code = "ConcurrentModification"
	CodeInvalidState           Code = "InvalidState"
)
