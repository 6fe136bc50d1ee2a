package registry

import "time"

// TagMutability says whether tags of a repository may move.
type TagMutability string

// The four modes. The zero value is not one of them; new repositories are
// Mutable.
const (
	Mutable                TagMutability = "MUTABLE"
	Immutable              TagMutability = "IMMUTABLE"
	ImmutableWithExclusion TagMutability = "IMMUTABLE_WITH_EXCLUSION"
	MutableWithExclusion   TagMutability = "MUTABLE_WITH_EXCLUSION"
)

// Excluding says whether the mode goes with filters of the tags that it is not
// for.
func (m TagMutability) Excluding() bool {
	return m == ImmutableWithExclusion || m == MutableWithExclusion
}

// Encryption is how blobs of a repository are encrypted at rest; recorded at
// creation and fixed from then on.
type Encryption struct {
	Type   string // AES256, KMS or KMS_DSSE
	KMSKey string
}

// ResourceTag is a key and value attached to a repository.
type ResourceTag struct {
	Key   string
	Value string
}

// Limits of resource tags.
const (
	MaxResourceTags     = 50
	MaxResourceTagKey   = 128
	MaxResourceTagValue = 256
)

// Repository is a named collection of images in one registry.
type Repository struct {
	ID      int64 // assigned by the store, never shown
	Account string
	Name    string

	CreatedAt         time.Time
	TagMutability     TagMutability
	MutabilityFilters []string // wildcard filters of the two _WITH_EXCLUSION modes
	ScanOnPush        bool
	Encryption        Encryption
	Tags              []ResourceTag // ordered by key
}

// TagIsImmutable says whether tag, once it names an image, may not be moved.
func (r *Repository) TagIsImmutable(tag string) bool {
	switch r.TagMutability {
	case Immutable:
		return true
	case ImmutableWithExclusion:
		return !matchesAny(r.MutabilityFilters, tag)
	case MutableWithExclusion:
		return matchesAny(r.MutabilityFilters, tag)
	case Mutable:
	}
	return false
}

func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if WildcardMatch(p, s) {
			return true
		}
	}
	return false
}

// WildcardMatch says whether all of s matches pattern, in which '*' stands for
// any run of characters. It takes time linear in len(pattern)*len(s) at worst,
// whatever the pattern.
func WildcardMatch(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
