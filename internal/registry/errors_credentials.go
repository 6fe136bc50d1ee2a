package registry

// CodePackedPolicyTooLarge is a session policy that is too large together with
// the managed policies beside it.
const CodePackedPolicyTooLarge Code = "PackedPolicyTooLarge"

// CannotAssume refuses a role. Whether there is one of that name is not said.
func CannotAssume(principal, role string) *Error {
	return Errorf(CodeAccessDenied, "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", principal, role)
}

// CannotAssumeWithWebIdentity refuses a role to a stranger.
func CannotAssumeWithWebIdentity() *Error {
	return Errorf(CodeAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
}

// InvalidRoleARN says that something is not the ARN of a role.
func InvalidRoleARN() *Error { return Errorf(CodeValidation, "Request ARN is invalid") }

// NotAJWT says that something is no token of an OIDC issuer.
func NotAJWT() *Error {
	return Errorf(CodeInvalidIdentityToken, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

// UnknownIssuer says that an account does not know the issuer of a token.
func UnknownIssuer(issuer string) *Error {
	return Errorf(CodeInvalidIdentityToken, "No OpenIDConnect provider found in your account for %s", issuer)
}

// IncorrectAudience says that a token was made for somebody else.
func IncorrectAudience() *Error {
	return Errorf(CodeInvalidIdentityToken, "Incorrect token audience")
}

// IssuerUnreachable says that the keys of an issuer could not be had.
func IssuerUnreachable(issuer string, err error) *Error {
	e := Errorf(CodeIDPCommunicationError, "The identity provider %s could not be reached to verify the token. Retry later.", issuer)
	e.Err = err
	return e
}
