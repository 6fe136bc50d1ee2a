package event

import "github.com/ecru-registry/ecru/internal/registry"

// The detail types of scanning in ECR itself.
const (
	ImageScan          = "ECR Image Scan"
	ScanResourceChange = "ECR Scan Resource Change"
)

// Statuses of a scan that has ended.
const (
	ScanComplete = "COMPLETE"
	ScanFailed   = "FAILED"
)

// ScanResult is how a basic scan has ended.
type ScanResult struct {
	Repository string
	Digest     string
	Tags       []string // that the image had
	Status     string   // ScanComplete or ScanFailed
	// Counts holds findings by severity; levels without any are left out. Nil,
	// or that of a scan that failed, is not told at all.
	Counts map[registry.Severity]int
}

type scanDetail struct {
	Status     string                    `json:"scan-status"`
	Repository string                    `json:"repository-name"`
	Counts     map[registry.Severity]int `json:"finding-severity-counts,omitzero"`
	Digest     string                    `json:"image-digest"`
	Tags       []string                  `json:"image-tags"`
}

// ScanEnded says that a basic scan has ended, well or not: source aws.ecr, detail
// type ImageScan, with the repository as resource.
func ScanEnded(o Origin, r ScanResult) Event {
	d := scanDetail{Status: r.Status, Repository: r.Repository, Digest: r.Digest, Tags: list(r.Tags)}
	if r.Counts != nil && r.Status != ScanFailed {
		d.Counts = make(map[registry.Severity]int, len(r.Counts))
		for severity, n := range r.Counts {
			if n > 0 {
				d.Counts[severity] = n
			}
		}
	}
	return saying(d, o, SourceECR, ImageScan, o.Scope.RepositoryARN(r.Repository))
}

// FrequencyChange is a repository that is scanned at other times than before.
type FrequencyChange struct {
	Repository string
	Frequency  registry.ScanFrequency
	Previous   registry.ScanFrequency // empty, as of a new repository, is left out
}

type frequencyDetail struct {
	Action       string             `json:"action-type"`
	Repositories []frequencyOfRepos `json:"repositories"`
	ResourceType string             `json:"resource-type"`
	ScanType     registry.ScanType  `json:"scan-type"`
}

type frequencyOfRepos struct {
	Name      string                 `json:"repository-name"`
	ARN       string                 `json:"repository-arn"`
	Frequency registry.ScanFrequency `json:"scan-frequency"`
	Previous  registry.ScanFrequency `json:"previous-scan-frequency,omitempty"`
}

// ScanFrequencyChanged says when repositories are scanned from now on, under
// enhanced scanning: source aws.ecr, detail type ScanResourceChange. An event is
// bounded: tell of no more than MaxFrequencyChanges at a time.
func ScanFrequencyChanged(o Origin, changes []FrequencyChange) Event {
	d := frequencyDetail{Action: "SCAN_FREQUENCY_CHANGE", Repositories: make([]frequencyOfRepos, 0, len(changes)), ResourceType: "REPOSITORY", ScanType: registry.ScanEnhanced}
	for _, c := range changes {
		d.Repositories = append(d.Repositories, frequencyOfRepos{c.Repository, o.Scope.RepositoryARN(c.Repository), c.Frequency, c.Previous})
	}
	return saying(d, o, SourceECR, ScanResourceChange)
}

// MaxFrequencyChanges fit into the 256 KiB of an event whatever the names.
const MaxFrequencyChanges = 250

// list answers s, never nil.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
