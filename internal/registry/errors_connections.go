package registry

// The texts of EventBridge say what was tried: describe, update, delete,
// deauthorize.

// ConnectionNotFound says that there is no such connection.
func ConnectionNotFound(tried, name string) *Error {
	return Errorf(CodeResourceNotFound, "Failed to %s the connection(s). Connection '%s' does not exist.", tried, name)
}

// ConnectionExists says that the name of a connection is taken.
func ConnectionExists(name string) *Error {
	return Errorf(CodeResourceAlreadyExists, "Connection %s already exists.", name)
}

// ConnectionUnknown says that a destination's connection is not there.
func ConnectionUnknown(name string) *Error {
	return Errorf(CodeResourceNotFound, "Connection '%s' does not exist.", name)
}

// ConnectionUnauthorized says that a connection has no credentials any more.
func ConnectionUnauthorized(name string) *Error {
	return Errorf(CodeInvalidState, "Connection '%s' is not authorized.", name)
}

// ConnectionContended says that a connection was changed by somebody else.
func ConnectionContended(name string) *Error {
	return Errorf(CodeConcurrentModification, "There is concurrent modification on connection %s.", name)
}

// AuthParametersInvalid refuses how a connection is to be authorised. The
// wording is ours.
func AuthParametersInvalid(why string) *Error {
	return Errorf(CodeValidation, "Parameter AuthParameters is not valid. Reason: %s", why)
}

// PrivateConnectivityUnsupported refuses a connection into a private network.
func PrivateConnectivityUnsupported() *Error {
	return Errorf(CodeUnsupported, "Private connectivity is not supported by this version of ecru: a connection reaches what the server itself can reach.")
}

// DestinationNotFound says that there is no such API destination.
func DestinationNotFound(tried, name string) *Error {
	return Errorf(CodeResourceNotFound, "Failed to %s the api-destination(s). An api-destination '%s' does not exist.", tried, name)
}

// DestinationExists says that the name of an API destination is taken.
func DestinationExists(name string) *Error {
	return Errorf(CodeResourceAlreadyExists, "An api-destination '%s' already exists.", name)
}

// EndpointInvalid refuses the endpoint of an API destination. The wording is
// ours.
func EndpointInvalid(parameter string, why error) *Error {
	return Errorf(CodeValidation, "Parameter %s is not valid. Reason: %s.", parameter, why)
}

// DestinationContended says that an API destination was changed by somebody
// else.
func DestinationContended(name string) *Error {
	return Errorf(CodeConcurrentModification, "There is concurrent modification on api-destination %s.", name)
}
