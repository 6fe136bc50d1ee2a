package event

import (
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// The detail types of Inspector.
const (
	InspectorScan     = "Inspector2 Scan"
	InspectorCoverage = "Inspector2 Coverage"
)

// inspectorVersion is that of the details of scans and coverage.
const inspectorVersion = "1.0"

// InspectorResult is how the first enhanced scan of an image has ended.
type InspectorResult struct {
	Repository string
	Digest     string
	Tags       []string // that the image had
	// Counts holds findings by severity, UNTRIAGED and all; the event tells of
	// CRITICAL, HIGH and MEDIUM, and of how many there are in all.
	Counts map[registry.Severity]int
}

type inspectorScanDetail struct {
	Status     string          `json:"scan-status"`
	Repository string          `json:"repository-name"` // an ARN
	Counts     inspectorCounts `json:"finding-severity-counts"`
	Digest     string          `json:"image-digest"`
	Tags       []string        `json:"image-tags"`
	Version    string          `json:"version"`
}

type inspectorCounts struct {
	Critical int `json:"CRITICAL"`
	High     int `json:"HIGH"`
	Medium   int `json:"MEDIUM"`
	Total    int `json:"TOTAL"`
}

// InspectorScanned says that the first enhanced scan of an image has ended:
// source aws.inspector2, detail type InspectorScan, with the repository as
// resource.
func InspectorScanned(o Origin, r InspectorResult) Event {
	arn := o.Scope.RepositoryARN(r.Repository)
	counts := inspectorCounts{Critical: r.Counts[registry.Critical], High: r.Counts[registry.High], Medium: r.Counts[registry.Medium]}
	for _, n := range r.Counts {
		counts.Total += n
	}
	return saying(inspectorScanDetail{
		Status: "INITIAL_SCAN_COMPLETE", Repository: arn, Counts: counts, Digest: r.Digest, Tags: list(r.Tags), Version: inspectorVersion,
	}, o, SourceInspector, InspectorScan, arn)
}

// Coverage is whether Inspector looks at an image, and why.
type Coverage struct {
	Repository string
	Digest     string
	Status     string // ACTIVE or INACTIVE
	Reason     string // SUCCESSFUL, SCAN_ELIGIBILITY_EXPIRED, …
}

type coverageDetail struct {
	Status   coverageStatus `json:"scanStatus"`
	ScanType string         `json:"scanType"`
	At       string         `json:"eventTimestamp"`
	Version  string         `json:"version"`
}

type coverageStatus struct {
	Reason string `json:"reason"`
	Code   string `json:"statusCodeValue"`
}

// InspectorCovered says that Inspector looks at an image from now on, or no
// longer: source aws.inspector2, detail type InspectorCoverage, with the image as
// resource. The detail has the time in microseconds.
func InspectorCovered(o Origin, c Coverage) Event {
	return saying(coverageDetail{
		Status: coverageStatus{Reason: c.Reason, Code: c.Status}, ScanType: "PACKAGE",
		At: o.At.UTC().Format("2006-01-02T15:04:05.000000Z"), Version: inspectorVersion,
	}, o, SourceInspector, InspectorCoverage, imageARN(o.Scope, c.Repository, c.Digest))
}

// imageARN is how Inspector names an image.
func imageARN(scope registry.Scope, repository, digest string) string {
	return scope.RepositoryARN(repository) + "/" + digest
}

// Moment is a time as findings in events have it: a text with milliseconds, such
// as "Wed Sep 04 16:55:38.411 UTC 2024".
type Moment time.Time

// IsZero says that the time is not known; it is left out then.
func (m Moment) IsZero() bool { return time.Time(m).IsZero() }

// MarshalText writes the time as Inspector does.
func (m Moment) MarshalText() ([]byte, error) {
	return time.Time(m).UTC().AppendFormat(nil, "Mon Jan 02 15:04:05.000 UTC 2006"), nil
}
