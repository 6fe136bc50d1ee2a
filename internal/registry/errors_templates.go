package registry

// Texts of creation templates, pull-through cache rules and pull-time
// exclusions.

// TemplateAlreadyExists says that a prefix is taken.
func TemplateAlreadyExists() *Error {
	return Errorf(CodeTemplateAlreadyExists, "The repository creation template already exists. Specify a unique prefix and try again.")
}

// TemplateNotFound says that no template has a prefix.
func TemplateNotFound() *Error {
	return Errorf(CodeTemplateNotFound, "The specified repository creation template can't be found. Verify the registry ID and prefix and try again.")
}

// CacheRuleAlreadyExists says that a prefix is taken.
func CacheRuleAlreadyExists() *Error {
	return Errorf(CodePullThroughCacheRuleAlreadyExists, "A pull through cache rule with these settings already exists for the private registry.")
}

// CacheRuleNotFound says that no rule has a prefix.
func CacheRuleNotFound() *Error {
	return Errorf(CodePullThroughCacheRuleNotFound, "The pull through cache rule was not found. Specify a valid pull through cache rule and try again.")
}

// TooManyCacheRules refuses the rule above the limit.
func TooManyCacheRules(account string, limit int) *Error {
	return Errorf(CodeLimitExceeded, "The registry with id '%s' already has the maximum allowed number of pull through cache rules which is '%d'", account, limit)
}

// InvalidUpstreamURL refuses what is no registry that can be pulled through.
func InvalidUpstreamURL(url string) *Error {
	return Errorf(CodeUnsupportedUpstreamRegistry, "The upstream registry URL %s is invalid. Specify a valid upstream registry URL and try again", url)
}

// UpstreamIsSelf refuses a registry that would pull through itself.
func UpstreamIsSelf() *Error {
	return Errorf(CodeValidation, "Upstream registry URL cannot be the same as the cache registry")
}

// UpstreamMismatch refuses a sort of registry that the URL is not of.
func UpstreamMismatch() *Error {
	return Errorf(CodeValidation, "Upstream registry URL and entered upstream registry do not match")
}

// UpstreamPrefixOfRoot refuses an upstream prefix of a rule for everything.
func UpstreamPrefixOfRoot() *Error {
	return InvalidParameter("upstreamRepositoryPrefix", "The upstream repository prefix must be ROOT when the ECR repository prefix is ROOT")
}

// CredentialMismatch refuses a secret where a role is needed, and a role
// anywhere else.
func CredentialMismatch() *Error {
	return Errorf(CodeInvalidParameter, "Upstream registry URL and provided credential type do not match")
}

// UpstreamIsOpen refuses a secret that nobody asks for.
func UpstreamIsOpen() *Error {
	return Errorf(CodeUnsupportedUpstreamRegistry, "The specified upstream registry doesn't require authentication. Remove the Secrets Manager ARN and try again.")
}

// UpstreamNeedsSecret asks for a secret.
func UpstreamNeedsSecret() *Error {
	return Errorf(CodeUnsupportedUpstreamRegistry, "The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN containing the upstream registry credentials and try again.")
}

// UpstreamNeedsRole asks for a role.
func UpstreamNeedsRole() *Error {
	return Errorf(CodeUnsupportedUpstreamRegistry, "The specified upstream registry requires authentication. Specify a valid IAM role ARN that may pull from the upstream registry and try again.")
}

// SecretElsewhere refuses a secret of another account or region.
func SecretElsewhere() *Error {
	return Errorf(CodeSecretNotFound, "The ARN of the secret specified in the pull through cache rule was not found. Please verify the secret exists in the same region and account that the pullthrough cache rule will be created in")
}

// SecretInaccessible says that a secret is there and cannot be read, because it
// is to be deleted or has no value.
func SecretInaccessible() *Error {
	return Errorf(CodeUnableToAccessSecret, "The secret is unable to be accessed. Verify the resource permissions for the secret and try again.")
}

// SecretNoCredential says that a secret does not hold credentials of an upstream
// registry. The wording is ours.
func SecretNoCredential() *Error {
	return Errorf(CodeValidation, "The secret value is not valid. It must be a JSON object with username and accessToken.")
}

// RoleElsewhere refuses what is no role of the registry's account.
func RoleElsewhere() *Error {
	return InvalidParameter("customRoleArn", "The custom role must be an IAM role of the account of the registry")
}

// ExclusionAlreadyExists says that a principal is excluded already.
func ExclusionAlreadyExists() *Error {
	return Errorf(CodeExclusionAlreadyExists, "The specified pull time update exclusion already exists for the registry.")
}

// ExclusionNotFound says that a principal is not excluded.
func ExclusionNotFound() *Error {
	return Errorf(CodeExclusionNotFound, "The specified pull time update exclusion was not found.")
}

// TooManyExclusions refuses the principal above the limit.
func TooManyExclusions(account string, limit int) *Error {
	return Errorf(CodeLimitExceeded, "The registry with id '%s' already has the maximum allowed number of pull time update exclusions which is '%d'", account, limit)
}
