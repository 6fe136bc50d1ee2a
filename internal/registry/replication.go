package registry

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ReplicationDestination is a registry that images are copied to.
type ReplicationDestination struct {
	Region  string
	Account string
}

// ReplicationRule copies the images of the repositories whose names begin with
// one of its prefixes; without any, those of all.
type ReplicationRule struct {
	Destinations []ReplicationDestination
	Prefixes     []string `json:",omitempty"`
	// Since is when the rule began: what was pushed before is not copied.
	Since time.Time
}

// ReplicationConfiguration is what a registry copies where.
type ReplicationConfiguration struct {
	Rules []ReplicationRule
}

// ReplicationLimits are the quotas of a configuration; 0 is no limit.
type ReplicationLimits struct {
	Rules        int
	Destinations int // different ones
}

var regionName = regexp.MustCompile(`^[a-z]+(-[a-z]+)+-[0-9]{1,2}$`)

// ValidRegion says whether name looks like a region's.
func ValidRegion(name string) bool { return len(name) <= 25 && regionName.MatchString(name) }

// partition is which of the separate clouds a region is in.
func partition(region string) string {
	for _, prefix := range []string{"cn-", "us-gov-", "us-isob-", "us-isof-", "us-iso-", "eu-isoe-", "eusc-"} {
		if strings.HasPrefix(region, prefix) {
			return prefix
		}
	}
	return ""
}

// Validate checks a configuration of the registry self.
// Errors: InvalidParameter.
func (c ReplicationConfiguration) Validate(self Scope, limits ReplicationLimits) error {
	if limits.Rules > 0 && len(c.Rules) > limits.Rules {
		return InvalidParameter("replicationConfiguration.rules", "Member must have length less than or equal to "+strconv.Itoa(limits.Rules))
	}
	for _, rule := range c.Rules {
		seen := map[ReplicationDestination]bool{}
		for _, d := range rule.Destinations {
			switch {
			case d == ReplicationDestination{Region: self.Region, Account: self.Account}:
				return ReplicationToSelf()
			case d.Region != self.Region && (!ValidRegion(d.Region) || partition(d.Region) != partition(self.Region)):
				return InvalidRegion(d.Region)
			case seen[d]:
				return InvalidParameter("replicationConfiguration", "Replication rule contains the duplicate destination with region '"+d.Region+"' and registryId '"+d.Account+"'")
			}
			seen[d] = true
		}
	}
	if n := len(c.Destinations()); limits.Destinations > 0 && n > limits.Destinations {
		return InvalidParameter("replicationConfiguration", "Replication configuration contains "+strconv.Itoa(n)+" unique destinations but must contain at most "+strconv.Itoa(limits.Destinations))
	}
	return nil
}

// Destinations are all that the configuration names, each once.
func (c ReplicationConfiguration) Destinations() []ReplicationDestination {
	return c.destinations(func(ReplicationRule) bool { return true })
}

// DestinationsOf are where an image that was pushed or restored at a time into
// a repository is copied to, each once.
func (c ReplicationConfiguration) DestinationsOf(repository string, at time.Time) []ReplicationDestination {
	return c.destinations(func(r ReplicationRule) bool { return !at.Before(r.Since) && r.Covers(repository) })
}

func (c ReplicationConfiguration) destinations(wanted func(ReplicationRule) bool) []ReplicationDestination {
	var out []ReplicationDestination
	seen := map[ReplicationDestination]bool{}
	for _, rule := range c.Rules {
		if !wanted(rule) {
			continue
		}
		for _, d := range rule.Destinations {
			if !seen[d] {
				seen[d] = true
				out = append(out, d)
			}
		}
	}
	return out
}

// Covers says whether images of a repository are copied by the rule.
func (r ReplicationRule) Covers(repository string) bool {
	for _, prefix := range r.Prefixes {
		if strings.HasPrefix(repository, prefix) {
			return true
		}
	}
	return len(r.Prefixes) == 0
}
