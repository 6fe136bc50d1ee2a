package finding

import (
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// What findings and resources of ours are, in Inspector's words.
const (
	TypePackageVulnerability = "PACKAGE_VULNERABILITY"
	ImageResource            = "AWS_ECR_CONTAINER_IMAGE"
	RepositoryResource       = "AWS_ECR_REPOSITORY"
	ScanTypePackage          = "PACKAGE"
)

// ARN is what a finding is called.
func (s *State) ARN(region string) string {
	return "arn:aws:inspector2:" + region + ":" + s.Account + ":finding/" + s.UID
}

// ResourceID is what the image of a finding is called.
func (s *State) ResourceID(region string) string {
	return registry.Scope{Account: s.Account, Region: region}.RepositoryARN(s.Repository) + "/" + s.Digest
}

// Exploitable is a finding's word for whether it is known to be exploited.
func (s *State) Exploitable() string {
	if s.Exploit {
		return "YES"
	}
	return "NO"
}

// NewMatcher makes criteria for findings ready.
func (c Criteria) NewMatcher(region string) *Matcher[Finding] {
	return newMatcher(c, ofFindings(region))
}

// one makes the reader of a text with one value.
func one[T any](read func(*T) string) func([]string, *T) []string {
	return func(to []string, v *T) []string { return append(to, read(v)) }
}

func ofFindings(region string) attributes[Finding] {
	return attributes[Finding]{
		texts: map[string]func([]string, *Finding) []string{
			"findingArn":             one(func(f *Finding) string { return f.ARN(region) }),
			"awsAccountId":           one(func(f *Finding) string { return f.Account }),
			"findingType":            one(func(*Finding) string { return TypePackageVulnerability }),
			"severity":               one(func(f *Finding) string { return string(f.Severity) }),
			"findingStatus":          one(func(f *Finding) string { return string(f.Status) }),
			"title":                  one(func(f *Finding) string { return f.Title }),
			"resourceType":           one(func(*Finding) string { return ImageResource }),
			"resourceId":             one(func(f *Finding) string { return f.ResourceID(region) }),
			"ecrImageArchitecture":   one(func(f *Finding) string { return f.Image.Architecture }),
			"ecrImageRegistry":       one(func(f *Finding) string { return f.Account }),
			"ecrImageRepositoryName": one(func(f *Finding) string { return f.Repository }),
			"ecrImageHash":           one(func(f *Finding) string { return f.Digest }),
			"ecrImageTags":           func(to []string, f *Finding) []string { return append(to, f.Image.Tags...) },
			"componentType":          packageManagers,
			"vulnerabilityId":        one(func(f *Finding) string { return f.VulnerabilityID }),
			"vulnerabilitySource":    one(func(f *Finding) string { return f.Source }),
			"vendorSeverity":         one(func(f *Finding) string { return f.Vendor }),
			"relatedVulnerabilities": func(to []string, f *Finding) []string { return append(to, f.Aliases...) },
			"fixAvailable":           one(func(f *Finding) string { return string(f.Fix) }),
			"exploitAvailable":       one(func(f *Finding) string { return f.Exploitable() }),
		},
		dates: map[string]func(*Finding) time.Time{
			"firstObservedAt":     func(f *Finding) time.Time { return f.FirstObservedAt },
			"lastObservedAt":      func(f *Finding) time.Time { return f.LastObservedAt },
			"updatedAt":           func(f *Finding) time.Time { return f.UpdatedAt },
			"ecrImagePushedAt":    func(f *Finding) time.Time { return f.Image.PushedAt },
			"ecrImageLastInUseAt": func(*Finding) time.Time { return time.Time{} }, // nobody reports clusters
		},
		numbers: map[string]func(*Finding) (float64, bool){
			"inspectorScore":     func(f *Finding) (float64, bool) { return f.Score, f.Score >= 0 },
			"epssScore":          func(f *Finding) (float64, bool) { return f.EPSS, f.EPSS >= 0 },
			"ecrImageInUseCount": func(*Finding) (float64, bool) { return 0, true },
		},
		packages: func(f *Finding) []Package { return f.Packages },
	}
}

func packageManagers(to []string, f *Finding) []string {
	for _, p := range f.Packages {
		to = append(to, p.Manager)
	}
	return to
}

// ofState says whether a finding's state alone tells something.
func ofState(name string) bool {
	switch name {
	case "findingArn", "awsAccountId", "findingType", "severity", "findingStatus",
		"resourceType", "resourceId", "ecrImageRegistry", "ecrImageRepositoryName", "ecrImageHash",
		"vulnerabilityId", "vendorSeverity", "fixAvailable", "exploitAvailable",
		"firstObservedAt", "lastObservedAt", "updatedAt", "ecrImageLastInUseAt",
		"inspectorScore", "epssScore", "ecrImageInUseCount":
		return true
	}
	return false
}

// Split takes apart what the states of findings tell, and what only whole ones
// do. A finding that has both parts has the criteria.
func (c Criteria) Split() (state, whole Criteria) {
	state.Texts, whole.Texts = split(c.Texts)
	state.Dates, whole.Dates = split(c.Dates)
	state.Numbers, whole.Numbers = split(c.Numbers)
	state.Tags, state.Ports, whole.Packages = c.Tags, c.Ports, c.Packages
	return state, whole
}

func split[F any](all map[string][]F) (state, whole map[string][]F) {
	state, whole = map[string][]F{}, map[string][]F{}
	for name, filters := range all {
		if ofState(name) {
			state[name] = filters
		} else {
			whole[name] = filters
		}
	}
	return state, whole
}

// Resource is something that coverage is told of: an image or a repository.
type Resource struct {
	ID         string // ARN
	Type       string
	Account    string
	Repository string
	Digest     string
	Tags       []string
	Frequency  registry.ScanFrequency // of a repository
	Code       CoverageCode
	Reason     string
	ScannedAt  time.Time
	PulledAt   time.Time
	// Coverage is that of an image.
	Coverage *Coverage
}

// ResourceOf tells of an image.
func ResourceOf(c *Coverage, region string) Resource {
	scope := registry.Scope{Account: c.Account, Region: region}
	return Resource{
		ID: scope.RepositoryARN(c.Image.Repository) + "/" + c.Image.Digest, Type: ImageResource, Account: c.Account,
		Repository: c.Image.Repository, Digest: c.Image.Digest, Tags: c.Image.Tags, Code: c.Code, Reason: c.Reason,
		ScannedAt: c.LastScannedAt, PulledAt: c.Image.PulledAt, Coverage: c,
	}
}

// NewResourceMatcher makes criteria for resources ready.
func (c Criteria) NewResourceMatcher() *Matcher[Resource] {
	return newMatcher(c, attributes[Resource]{
		texts: map[string]func([]string, *Resource) []string{
			"accountId":         one(func(r *Resource) string { return r.Account }),
			"resourceId":        one(func(r *Resource) string { return r.ID }),
			"resourceType":      one(func(r *Resource) string { return r.Type }),
			"scanType":          one(func(*Resource) string { return ScanTypePackage }),
			"scanStatusCode":    one(func(r *Resource) string { return string(r.Code) }),
			"scanStatusReason":  one(func(r *Resource) string { return r.Reason }),
			"ecrRepositoryName": one(func(r *Resource) string { return r.Repository }),
			"ecrImageTags":      func(to []string, r *Resource) []string { return append(to, r.Tags...) },
		},
		dates: map[string]func(*Resource) time.Time{
			"lastScannedAt":       func(r *Resource) time.Time { return r.ScannedAt },
			"imagePulledAt":       func(r *Resource) time.Time { return r.PulledAt },
			"ecrImageLastInUseAt": func(*Resource) time.Time { return time.Time{} },
		},
		numbers: map[string]func(*Resource) (float64, bool){
			"ecrImageInUseCount": func(r *Resource) (float64, bool) { return 0, r.Type == ImageResource },
		},
	})
}

// OnlyEquals answers the values that a text must be one of; ok is false when it
// may be others, too.
func (c Criteria) OnlyEquals(name string) (values []string, ok bool) {
	for _, f := range c.Texts[name] {
		switch f.Comparison {
		case Equals:
			values = append(values, f.Value)
		case Prefix:
			return nil, false
		case NotEquals: // takes some of them away again
		}
	}
	return values, len(values) > 0
}

// AgeInDays is how long ago something was first seen, in whole days.
func AgeInDays(first, now time.Time) string {
	return strconv.Itoa(int(max(now.Sub(first), 0) / (24 * time.Hour)))
}
