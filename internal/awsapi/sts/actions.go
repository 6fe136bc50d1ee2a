package sts

// Actions names the actions that are served. Serves answers for these alone.
func (Service) Actions() []string { return actionNames() }

func actionNames() []string { return []string{"GetCallerIdentity"} }
