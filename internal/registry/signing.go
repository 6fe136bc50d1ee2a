package registry

import (
	"strings"
	"time"
)

// SigningRule signs what is pushed into the repositories that one of its
// filters matches as a whole; without filters, into all.
type SigningRule struct {
	ProfileARN string
	Filters    []string `json:",omitempty"`
	// Since is when the rule began: what was pushed before is not signed.
	Since time.Time
}

// SigningConfiguration is what a registry signs on push.
type SigningConfiguration struct {
	Rules []SigningRule
}

// signature is what artifacts that are signatures themselves say that they are.
const signature = "application/vnd.cncf.notary.signature"

// Validate checks the configuration of a registry in a region.
// Errors: InvalidParameter.
func (c SigningConfiguration) Validate(region string) error {
	for _, rule := range c.Rules {
		// arn:aws:signer:{region}:{account}:/signing-profiles/{name}
		parts := strings.SplitN(rule.ProfileARN, ":", 6)
		if len(parts) != 6 {
			return InvalidParameter("signingProfileArn", "Invalid ARN")
		}
		if parts[3] != region {
			return SigningProfileRegion(rule.ProfileARN, parts[3], region)
		}
	}
	return nil
}

// RulesOf are those that sign an image of a repository. Signatures are not
// signed.
func (c SigningConfiguration) RulesOf(repository string, image *Image) []SigningRule {
	var out []SigningRule
	if image.ArtifactType == signature {
		return nil
	}
	for _, rule := range c.Rules {
		if !image.PushedAt.Before(rule.Since) && (len(rule.Filters) == 0 || matchesAny(rule.Filters, repository)) {
			out = append(out, rule)
		}
	}
	return out
}
