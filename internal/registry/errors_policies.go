package registry

// RepositoryPolicyNotFound says that a repository has no policy.
func RepositoryPolicyNotFound(account, repository string) *Error {
	return Errorf(CodeRepositoryPolicyNotFound, "Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", repository, account)
}

// NoRegistryPolicy says that a registry has no policy.
func NoRegistryPolicy(account string) *Error {
	return Errorf(CodeRegistryPolicyNotFound, "Registry policy does not exist in the registry with id '%s'", account)
}

// RepositoryPolicyLocksOut refuses a policy after which its author could not
// change it. The wording is ours: ECR's is not known.
func RepositoryPolicyLocksOut() *Error {
	return InvalidParameter("PolicyText", "The repository policy would not allow you to set the repository policy again. Use force to set it nevertheless")
}

// LifecyclePolicyNotFound says that a repository has no lifecycle policy.
func LifecyclePolicyNotFound(account, repository string) *Error {
	return Errorf(CodeLifecyclePolicyNotFound, "Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", repository, account)
}

// LifecyclePolicyPreviewNotFound says that no preview was started.
func LifecyclePolicyPreviewNotFound(account, repository string) *Error {
	return Errorf(CodeLifecyclePolicyPreviewNotFound, "There is no dry run for this repository with name '%s' in the registry with id '%s'", repository, account)
}

// InvalidLifecyclePolicy refuses a text that is no lifecycle policy; why is in
// ECR's words already.
func InvalidLifecyclePolicy(why error) *Error {
	return InvalidParameter("LifecyclePolicyText", why.Error())
}

// InvalidPolicyText refuses a text that is no policy of the kind, "repository"
// or "registry". Why is for the log: ECR does not say.
func InvalidPolicyText(kind string, why error) *Error {
	e := InvalidParameter("PolicyText", "Invalid "+kind+" policy provided")
	e.Err = why
	return e
}
