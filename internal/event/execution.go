package event

import (
	"encoding/json"
	"time"

	"github.com/ecru-registry/ecru/internal/lifecycle"
)

// Bounds of a record of a lifecycle policy's execution.
const (
	maxExecutionImages = 10
	maxExecutionTags   = 100 // of an image
)

// PolicyRun is what a lifecycle policy has done to a repository at a time.
type PolicyRun struct {
	Repository    string
	PolicyID      string // a UUID
	PolicyVersion int    // 1 for the first
	Rules         []lifecycle.Rule
	EvaluatedAt   time.Time // the time before; zero: never
	Images        []PolicyImage
	Failures      []PolicyFailure
}

// PolicyImage is an image that a rule has acted on.
type PolicyImage struct {
	Digest   string
	Tags     []string // that it had
	PushedAt time.Time
	Priority int // of the rule
}

// PolicyFailure is an image that a rule should have acted on and could not.
type PolicyFailure struct {
	PolicyImage
	Code   string
	Reason string
}

// The members are those of the service events that ECR has in CloudTrail, in
// its order. A failure in lifecycleEventFailureDetails is in words of ours:
// which ECR has is not known.

type executionRecord struct {
	Version     string              `json:"eventVersion"`
	Identity    executionIdentity   `json:"userIdentity"`
	Time        string              `json:"eventTime"`
	Source      string              `json:"eventSource"`
	Name        string              `json:"eventName"`
	Region      string              `json:"awsRegion"`
	SourceIP    string              `json:"sourceIPAddress"`
	UserAgent   string              `json:"userAgent"`
	Parameters  *struct{}           `json:"requestParameters"`
	Response    *struct{}           `json:"responseElements"`
	ID          string              `json:"eventID"`
	ReadOnly    bool                `json:"readOnly"`
	Resources   []executionResource `json:"resources"`
	Type        string              `json:"eventType"`
	Management  bool                `json:"managementEvent"`
	RecipientID string              `json:"recipientAccountId"`
	Details     executionDetails    `json:"serviceEventDetails"`
	Category    string              `json:"eventCategory"`
}

type executionIdentity struct {
	Account   string `json:"accountId"`
	InvokedBy string `json:"invokedBy"`
}

type executionResource struct {
	Account string `json:"accountId"`
	Type    string `json:"type"`
	ARN     string `json:"ARN"`
}

type executionDetails struct {
	Repository string             `json:"repositoryName"`
	Policy     executionPolicy    `json:"lifecycleEventPolicy"`
	Actions    []executionAction  `json:"lifecycleEventImageActions"`
	Failures   []executionFailure `json:"lifecycleEventFailureDetails"`
}

type executionPolicy struct {
	Rules       []executionRule `json:"lifecycleEventRules"`
	EvaluatedAt int64           `json:"lastEvaluatedAt"` // ms, 0 for never
	Version     int             `json:"policyVersion"`
	ID          string          `json:"policyId"`
}

type executionRule struct {
	Priority    int                  `json:"rulePriority"`
	Description string               `json:"description,omitempty"`
	Selection   executionSelection   `json:"lifecycleEventSelection"`
	Action      lifecycle.ActionType `json:"action"`
}

type executionSelection struct {
	TagStatus string   `json:"tagStatus"`
	Prefixes  []string `json:"tagPrefixList"`
	Patterns  []string `json:"tagPatternList"`
	CountType string   `json:"countType"`
	CountUnit string   `json:"countUnit,omitempty"`
	Number    int      `json:"countNumber"`
}

type executionAction struct {
	Image    executionImage `json:"lifecycleEventImage"`
	Priority int            `json:"rulePriority"`
}

type executionFailure struct {
	executionAction
	Code   string `json:"failureCode"`
	Reason string `json:"failureReason"`
}

type executionImage struct {
	Digest    string   `json:"digest"`
	TagStatus string   `json:"tagStatus"`
	Tags      []string `json:"tagList"`
	PushedAt  int64    `json:"pushedAt"` // ms
}

// PolicyExecutions answers the records that the audit log gets of a run of a
// lifecycle policy: service events in CloudTrail's shape, each of at most 10
// images and 10 failures. They are no events of EventBridge: rules do not see
// them. Of a run without any image there is one. An id in the origin becomes that
// of the first.
func PolicyExecutions(o Origin, run PolicyRun) []json.RawMessage {
	policy := run.policy()
	var records []json.RawMessage
	images, failures := run.Images, run.Failures
	for first := true; first || len(images)+len(failures) > 0; first = false {
		d := executionDetails{Repository: run.Repository, Policy: policy, Actions: []executionAction{}, Failures: []executionFailure{}}
		n, m := min(len(images), maxExecutionImages), min(len(failures), maxExecutionImages)
		for _, i := range images[:n] {
			d.Actions = append(d.Actions, i.action())
		}
		for _, f := range failures[:m] {
			d.Failures = append(d.Failures, executionFailure{f.action(), f.Code, f.Reason})
		}
		images, failures = images[n:], failures[m:]
		records = append(records, encoded(executionOf(o, d)))
		o.ID = ""
	}
	return records
}

func executionOf(o Origin, d executionDetails) executionRecord {
	const aws = "AWS Internal"
	account := o.Scope.Account
	id := o.ID
	if id == "" {
		id = NewID()
	}
	return executionRecord{
		Version: "1.11", Identity: executionIdentity{account, aws}, Time: o.At.UTC().Format("2006-01-02T15:04:05Z"),
		Source: "ecr.amazonaws.com", Name: "PolicyExecutionEvent", Region: o.Scope.Region, SourceIP: aws, UserAgent: aws, ID: id, ReadOnly: true,
		Resources: []executionResource{{account, "AWS::ECR::Repository", o.Scope.RepositoryARN(d.Repository)}},
		Type:      "AwsServiceEvent", Management: true, RecipientID: account, Details: d, Category: "Management",
	}
}

func (run PolicyRun) policy() executionPolicy {
	p := executionPolicy{Rules: make([]executionRule, 0, len(run.Rules)), EvaluatedAt: milliseconds(run.EvaluatedAt), Version: run.PolicyVersion, ID: run.PolicyID}
	for _, r := range run.Rules {
		s := executionSelection{TagStatus: statusWord(r.Selection.TagStatus), Prefixes: list(r.Selection.Prefixes), Patterns: list(r.Selection.Patterns), Number: r.Selection.Number}
		s.CountType, s.CountUnit = countWords(r.Selection.Count)
		p.Rules = append(p.Rules, executionRule{r.Priority, r.Description, s, r.Action.Type})
	}
	return p
}

func (i PolicyImage) action() executionAction {
	status, tags := lifecycle.Tagged, i.Tags
	if len(tags) == 0 {
		status = lifecycle.Untagged
	}
	if len(tags) > maxExecutionTags {
		tags = tags[:maxExecutionTags]
	}
	return executionAction{executionImage{i.Digest, statusWord(status), list(tags), milliseconds(i.PushedAt)}, i.Priority}
}

func statusWord(s lifecycle.TagStatus) string {
	switch s {
	case lifecycle.Tagged:
		return "Tagged"
	case lifecycle.Untagged:
		return "Untagged"
	case lifecycle.Any:
	}
	return "Any"
}

// countWords are what ECR calls a count type there, and its unit.
func countWords(c lifecycle.CountType) (word, unit string) {
	switch c {
	case lifecycle.SinceImagePushed:
		return "Time since image pushed", "Days"
	case lifecycle.SinceImagePulled:
		return "Time since image pulled", "Days"
	case lifecycle.SinceImageTransitioned:
		return "Time since image transitioned", "Days"
	case lifecycle.ImageCountMoreThan:
	}
	return "Image count more than", ""
}

// milliseconds since 1970, 0 for the zero time.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
