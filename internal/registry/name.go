package registry

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"regexp"
	"strings"
)

// MaxRepositoryName is the longest repository name, in bytes.
const MaxRepositoryName = 256

// RepositoryNamePattern is the pattern that ECR's error text quotes.
const RepositoryNamePattern = `(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*`

// DigestPattern is the pattern that ECR's error texts quote for digests.
const DigestPattern = `[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+`

var (
	repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	digestShape    = regexp.MustCompile(`^[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+$`)
)

// ValidRepositoryName says whether name is a repository name (2 to 256 bytes,
// lower-case path components).
// It is asked with every request, so the names that nearly everybody has do not
// reach the regular expression.
func ValidRepositoryName(name string) bool {
	if len(name) < 2 || len(name) > MaxRepositoryName {
		return false
	}
	separated := true // where a separator may not stand
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			separated = false
		case separated:
			return repositoryName.MatchString(name)
		case c == '/', c == '-', c == '.', c == '_':
			separated = true
		default:
			return false
		}
	}
	return !separated
}

// ValidTag says whether tag is a tag of the distribution specification.
// It is asked for every manifest, so it is no regular expression.
func ValidTag(tag string) bool {
	if tag == "" || len(tag) > 128 || tag[0] == '.' || tag[0] == '-' {
		return false
	}
	for i := range len(tag) {
		c := tag[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// DigestShaped says whether s looks like a digest of any algorithm, as ECR's
// batch operations ask.
func DigestShaped(s string) bool { return len(s) <= 1000 && digestShape.MatchString(s) }

// ValidDigest says whether s is a digest that this registry stores by: sha256
// or sha512, in lower-case hexadecimal.
func ValidDigest(s string) bool {
	algorithm, encoded, ok := strings.Cut(s, ":")
	if !ok {
		return false
	}
	switch algorithm {
	case "sha256":
		return len(encoded) == 2*sha256.Size && lowerHex(encoded)
	case "sha512":
		return len(encoded) == 2*sha512.Size && lowerHex(encoded)
	}
	return false
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// NewHash makes the hash of a digest's algorithm ("sha256" or "sha512"), nil
// for any other.
func NewHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha256":
		return sha256.New()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// Algorithm is the part of a digest before the colon.
func Algorithm(digest string) string {
	algorithm, _, _ := strings.Cut(digest, ":")
	return algorithm
}
