package registry

import (
	"slices"
	"strings"
	"time"
)

// RootPrefix is the prefix that stands for all repositories of a registry, of
// creation templates and of pull-through cache rules.
const RootPrefix = "ROOT"

// NormalPrefix is the form in which prefixes of repositories are kept: a slash
// at the end is implied.
func NormalPrefix(prefix string) string { return strings.TrimSuffix(prefix, "/") }

// CreationReason is why a repository comes to be that nobody has created.
type CreationReason string

// The reasons that a creation template may be applied for.
const (
	CreateOnPush         CreationReason = "CREATE_ON_PUSH"
	CreateOnPullThrough  CreationReason = "PULL_THROUGH_CACHE"
	CreateForReplication CreationReason = "REPLICATION"
)

// CreationTemplate says what repositories are like that come to be below a
// prefix. Its prefix and times are kept beside its document.
type CreationTemplate struct {
	Prefix      string `json:"-"` // normal
	Description string
	AppliedFor  []CreationReason

	TagMutability     TagMutability
	MutabilityFilters []string
	Encryption        Encryption
	Tags              []ResourceTag // ordered by key
	RepositoryPolicy  string
	LifecyclePolicy   string
	CustomRoleARN     string

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// AppliesFor says whether the template has a say in repositories that come to
// be for a reason.
func (t *CreationTemplate) AppliesFor(reason CreationReason) bool {
	return slices.Contains(t.AppliedFor, reason)
}

// PrefixesOf are the prefixes that match a repository, the one that counts
// most first: the longest of those that end before a slash, RootPrefix at last.
func PrefixesOf(repository string) []string {
	var all []string
	for {
		i := strings.LastIndexByte(repository, '/')
		if i < 0 {
			return append(all, RootPrefix)
		}
		repository = repository[:i]
		all = append(all, repository)
	}
}
