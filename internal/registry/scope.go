package registry

import (
	"regexp"
	"strings"
)

// Scope is one private registry: an account in a region.
type Scope struct {
	Account string // 12 digits, the registry id
	Region  string
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// ValidAccount says whether s is a registry id.
func ValidAccount(s string) bool { return accountID.MatchString(s) }

// RepositoryARN is the resource name of a repository.
func (s Scope) RepositoryARN(name string) string {
	return "arn:aws:ecr:" + s.Region + ":" + s.Account + ":repository/" + name
}

// RepositoryFromARN answers the account and name in a repository's resource
// name, and whether it is one of this scope's region.
func (s Scope) RepositoryFromARN(arn string) (account, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != "aws" || parts[2] != "ecr" || parts[3] != s.Region || !ValidAccount(parts[4]) {
		return "", "", false
	}
	name, ok = strings.CutPrefix(parts[5], "repository/")
	if !ok || !ValidRepositoryName(name) {
		return "", "", false
	}
	return parts[4], name, true
}
