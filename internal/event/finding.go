package event

import "strings"

// InspectorFinding is the detail type of findings.
const InspectorFinding = "Inspector2 Finding"

// Finding is a package with a vulnerability in an image, as it is when it was
// found, has changed, or was closed. Texts are in the words of Inspector's API.
type Finding struct {
	ARN              string
	Title            string // the vulnerability and the packages
	Description      string
	Severity         string // of registry, or UNTRIAGED
	Status           string // ACTIVE, SUPPRESSED or CLOSED
	FirstObservedAt  Moment
	LastObservedAt   Moment
	UpdatedAt        Moment
	EPSS             *EPSS  // nil: not known
	ExploitAvailable string // YES or NO
	LastExploitAt    Moment // zero: not known
	FixAvailable     string // YES, NO or PARTIAL
	Score            *Score // nil: not scored
	Vulnerability    Vulnerability
	Remediation      Recommendation
	Image            FoundIn
}

// EPSS says how likely a vulnerability is exploited: 0 to 1.
type EPSS struct {
	Score float64 `json:"score"`
}

// Score is how grave Inspector finds a finding.
type Score struct {
	Adjustments []Adjustment `json:"adjustments"`
	CVSSSource  string       `json:"cvssSource"`
	Score       float64      `json:"score"` // 0 to 10
	Source      string       `json:"scoreSource"`
	Vector      string       `json:"scoringVector"`
	Version     string       `json:"version"`
}

// Adjustment is why a score is not the vendor's.
type Adjustment struct {
	Metric string `json:"metric"`
	Reason string `json:"reason"`
}

// Vulnerability is what is known of one, and the packages that have it.
type Vulnerability struct {
	CVSS            []CVSS              `json:"cvss"`
	ReferenceURLs   []string            `json:"referenceUrls"`
	Related         []string            `json:"relatedVulnerabilities"`
	Source          string              `json:"source"`
	SourceURL       string              `json:"sourceUrl"`
	VendorCreatedAt Moment              `json:"vendorCreatedAt,omitzero"`
	VendorSeverity  string              `json:"vendorSeverity,omitempty"`
	VendorUpdatedAt Moment              `json:"vendorUpdatedAt,omitzero"`
	ID              string              `json:"vulnerabilityId"`
	Packages        []VulnerablePackage `json:"vulnerablePackages"`
}

// CVSS is a score that somebody gave.
type CVSS struct {
	BaseScore float64 `json:"baseScore"` // 0 to 10
	Vector    string  `json:"scoringVector"`
	Source    string  `json:"source"`
	Version   string  `json:"version"`
}

// VulnerablePackage is a package that has a vulnerability.
type VulnerablePackage struct {
	Arch            string `json:"arch,omitempty"` // in capitals: X86_64, ARM64, …
	Epoch           int    `json:"epoch"`
	FilePath        string `json:"filePath,omitempty"`
	FixedInVersion  string `json:"fixedInVersion,omitempty"`
	Name            string `json:"name"`
	PackageManager  string `json:"packageManager"` // OS, NPM, GOBINARY, …
	Release         string `json:"release,omitempty"`
	Remediation     string `json:"remediation,omitempty"`
	SourceLayerHash string `json:"sourceLayerHash,omitempty"` // a digest
	Version         string `json:"version"`
}

// Recommendation is what to do.
type Recommendation struct {
	Text string `json:"text"` // "None Provided" without one
	URL  string `json:"url,omitempty"`
}

// FoundIn is the image that a finding is of.
type FoundIn struct {
	Repository   string
	Digest       string
	Tags         []string
	Architecture string // amd64
	Author       string
	Platform     string // DEBIAN_12
	PushedAt     Moment
	LastInUseAt  Moment // zero: never seen running
	InUseCount   int    // how many containers run it
}

// findingDetail is the finding of Inspector's API, its members in alphabetical
// order as in Inspector's samples.
type findingDetail struct {
	Account          string             `json:"awsAccountId"`
	Description      string             `json:"description"`
	EPSS             *EPSS              `json:"epss,omitempty"`
	ExploitAvailable string             `json:"exploitAvailable,omitempty"`
	Exploitability   *exploitability    `json:"exploitabilityDetails,omitempty"`
	ARN              string             `json:"findingArn"`
	FirstObservedAt  Moment             `json:"firstObservedAt"`
	FixAvailable     string             `json:"fixAvailable,omitempty"`
	Score            *float64           `json:"inspectorScore,omitempty"`
	ScoreDetails     *scoreDetails      `json:"inspectorScoreDetails,omitempty"`
	LastObservedAt   Moment             `json:"lastObservedAt"`
	Vulnerability    Vulnerability      `json:"packageVulnerabilityDetails"`
	Remediation      findingRemediation `json:"remediation"`
	Resources        []findingResource  `json:"resources"`
	Severity         string             `json:"severity"`
	Status           string             `json:"status"`
	Title            string             `json:"title"`
	Type             string             `json:"type"`
	UpdatedAt        Moment             `json:"updatedAt,omitzero"`
}

type exploitability struct {
	At Moment `json:"lastKnownExploitAt"`
}

type scoreDetails struct {
	Adjusted Score `json:"adjustedCvss"`
}

type findingRemediation struct {
	Recommendation Recommendation `json:"recommendation"`
}

type findingResource struct {
	Details   resourceDetails `json:"details"`
	ID        string          `json:"id"`
	Partition string          `json:"partition"`
	Region    string          `json:"region"`
	Type      string          `json:"type"`
}

type resourceDetails struct {
	Image containerImage `json:"awsEcrContainerImage"`
}

type containerImage struct {
	Architecture string   `json:"architecture,omitempty"`
	Author       string   `json:"author,omitempty"`
	Hash         string   `json:"imageHash"`
	Tags         []string `json:"imageTags"`
	Platform     string   `json:"platform,omitempty"`
	PushedAt     Moment   `json:"pushedAt,omitzero"`
	LastInUseAt  Moment   `json:"lastInUseAt,omitzero"`
	InUseCount   int      `json:"inUseCount,omitempty"`
	Registry     string   `json:"registry"`
	Repository   string   `json:"repositoryName"`
}

// InspectorFound says that something was found in an image, that a finding has
// changed, or that it was closed: source aws.inspector2, detail type
// InspectorFinding, with the image as resource.
func InspectorFound(o Origin, f Finding) Event {
	image := imageARN(o.Scope, f.Image.Repository, f.Image.Digest)
	d := findingDetail{
		Account: o.Scope.Account, Description: f.Description, EPSS: f.EPSS, ExploitAvailable: f.ExploitAvailable, ARN: f.ARN,
		FirstObservedAt: f.FirstObservedAt, FixAvailable: f.FixAvailable, LastObservedAt: f.LastObservedAt, Vulnerability: f.Vulnerability.listed(),
		Remediation: findingRemediation{f.Remediation}, Severity: f.Severity, Status: f.Status, Title: f.Title,
		Type: "PACKAGE_VULNERABILITY", UpdatedAt: f.UpdatedAt,
		Resources: []findingResource{{
			Details: resourceDetails{f.Image.described(o.Scope.Account)}, ID: image, Partition: "N/A", Region: "N/A", Type: "AWS_ECR_CONTAINER_IMAGE",
		}},
	}
	if !f.LastExploitAt.IsZero() {
		d.Exploitability = &exploitability{f.LastExploitAt}
	}
	if s := f.Score; s != nil {
		adjusted := *s
		if adjusted.Adjustments == nil {
			adjusted.Adjustments = []Adjustment{}
		}
		d.Score, d.ScoreDetails = &s.Score, &scoreDetails{adjusted}
	}
	e := saying(d, o, SourceInspector, InspectorFinding, image)
	for len(e.Detail) > maxFindingDetail && d.shorten() {
		e = saying(d, o, SourceInspector, InspectorFinding, image)
	}
	return e
}

// maxFindingDetail leaves room for the rest of the 256 KiB that an event has, at
// which targets refuse it.
const maxFindingDetail = 250 << 10

// shorten leaves out half of what is the least loss; false says that there is
// nothing left. Paths of packages, tags and texts are as long as somebody wants.
func (d *findingDetail) shorten() bool {
	v, image := &d.Vulnerability, &d.Resources[0].Details.Image
	switch {
	case len(v.Packages) > 1:
		v.Packages = v.Packages[:len(v.Packages)/2]
	case len(image.Tags) > 1:
		image.Tags = image.Tags[:len(image.Tags)/2]
	case len(v.ReferenceURLs) > 0:
		v.ReferenceURLs = v.ReferenceURLs[:len(v.ReferenceURLs)/2]
	case len(v.Related) > 0:
		v.Related = v.Related[:len(v.Related)/2]
	case len(v.CVSS) > 0:
		v.CVSS = v.CVSS[:len(v.CVSS)/2]
	case d.Description != "":
		d.Description = strings.ToValidUTF8(d.Description[:len(d.Description)/2], "")
	default:
		return false
	}
	return true
}

// listed is v with empty lists for nil ones.
func (v Vulnerability) listed() Vulnerability {
	if v.CVSS == nil {
		v.CVSS = []CVSS{}
	}
	if v.Packages == nil {
		v.Packages = []VulnerablePackage{}
	}
	v.ReferenceURLs, v.Related = list(v.ReferenceURLs), list(v.Related)
	return v
}

func (i FoundIn) described(account string) containerImage {
	return containerImage{
		Architecture: i.Architecture, Author: i.Author, Hash: i.Digest, Tags: list(i.Tags), Platform: i.Platform, PushedAt: i.PushedAt,
		LastInUseAt: i.LastInUseAt, InUseCount: i.InUseCount, Registry: account, Repository: i.Repository,
	}
}
