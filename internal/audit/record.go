// Package audit keeps the record of every call: who asked for what, from where,
// what access control said and how it ended. A record has the shape of AWS
// CloudTrail's, so that what reads those reads these; a line of JSON each.
//
// It must not decide anything, and must not know the server or a transport: it
// is told of requests when they are over.
package audit

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/reqlog"
)

// Request is a request that is over.
type Request struct {
	*reqlog.Note
	At        time.Time
	Method    string
	Path      string
	Status    int
	SourceIP  string
	UserAgent string
}

// record is CloudTrail's, in the order in which CloudTrail writes it.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type record struct {
	EventVersion       string          `json:"eventVersion"`
	UserIdentity       userIdentity    `json:"userIdentity"`
	EventTime          string          `json:"eventTime"`
	EventSource        string          `json:"eventSource"`
	EventName          string          `json:"eventName"`
	AWSRegion          string          `json:"awsRegion"`
	SourceIPAddress    string          `json:"sourceIPAddress"`
	UserAgent          string          `json:"userAgent"`
	ErrorCode          string          `json:"errorCode,omitempty"`
	ErrorMessage       string          `json:"errorMessage,omitempty"`
	RequestParameters  json.RawMessage `json:"requestParameters"`
	ResponseElements   *struct{}       `json:"responseElements"`
	AdditionalData     additionalData  `json:"additionalEventData"`
	RequestID          string          `json:"requestID"`
	EventID            string          `json:"eventID"`
	ReadOnly           bool            `json:"readOnly"`
	Resources          []resource      `json:"resources,omitempty"`
	EventType          string          `json:"eventType"`
	ManagementEvent    bool            `json:"managementEvent"`
	RecipientAccountID string          `json:"recipientAccountId,omitempty"`
	EventCategory      string          `json:"eventCategory"`
}

type userIdentity struct {
	Type           string          `json:"type"`
	PrincipalID    string          `json:"principalId,omitempty"`
	ARN            string          `json:"arn,omitempty"`
	AccountID      string          `json:"accountId,omitempty"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	SessionContext *sessionContext `json:"sessionContext,omitempty"`
}

type sessionContext struct {
	SessionIssuer sessionIssuer `json:"sessionIssuer"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

// additionalData is ours: CloudTrail leaves its contents to the service.
type additionalData struct {
	Method    string     `json:"method"`
	Path      string     `json:"path"`
	Status    int        `json:"status"`
	Decisions []decision `json:"decisions,omitempty"`
}

type decision struct {
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Allowed  bool   `json:"allowed"`
	Reason   string `json:"reason"`
}

type resource struct {
	AccountID string `json:"accountId"`
	Type      string `json:"type"`
	ARN       string `json:"ARN"`
}

const (
	eventVersion = "1.11"
	// maxText bounds a text that a client sent.
	maxText = 512
	// MaxParameters bounds what is kept of a request's parameters.
	MaxParameters = 16 << 10
)

// encode makes the line of a request. The region is the server's own.
func encode(r Request, region string) ([]byte, error) {
	out := record{
		EventVersion: eventVersion, UserIdentity: identityOf(r.Identity),
		EventTime: r.At.UTC().Format(time.RFC3339), EventSource: sourceOf(r.Service), EventName: nameOf(r.Note),
		AWSRegion: r.Region, SourceIPAddress: r.SourceIP, UserAgent: clip(r.UserAgent),
		ErrorCode: r.Failure.Code, ErrorMessage: clip(r.Failure.Message),
		RequestParameters: parametersOf(r.Note),
		AdditionalData:    additionalData{Method: r.Method, Path: clip(r.Path), Status: r.Status},
		RequestID:         r.RequestID, EventID: uuid.NewString(), EventType: "AwsApiCall",
		ManagementEvent: true, EventCategory: "Management", RecipientAccountID: r.Identity.Account,
	}
	if out.AWSRegion == "" {
		out.AWSRegion = region
	}
	out.ReadOnly = readOnly(out.EventName)
	for _, d := range r.Decisions {
		out.AdditionalData.Decisions = append(out.AdditionalData.Decisions,
			decision{Action: d.Action, Resource: d.Resource, Allowed: d.Allowed, Reason: d.Reason})
		out.RecipientAccountID = d.Account
		out.Resources = withResource(out.Resources, d)
	}
	line, err := json.Marshal(out)
	return append(line, '\n'), err
}

func identityOf(who reqlog.Identity) userIdentity {
	out := userIdentity{PrincipalID: who.UserID, ARN: who.ARN, AccountID: who.Account, AccessKeyID: who.AccessKeyID}
	switch who.Kind {
	case "Root":
		out.Type = "Root"
	case "User":
		out.Type, out.UserName = "IAMUser", who.Name
	case "AssumedRole":
		out.Type = "AssumedRole"
		id, _, _ := strings.Cut(who.UserID, ":")
		out.SessionContext = &sessionContext{sessionIssuer{
			Type: "Role", PrincipalID: id, ARN: "arn:aws:iam::" + who.Account + ":role/" + who.Name,
			AccountID: who.Account, UserName: who.Name,
		}}
	case "WebIdentityUser":
		// CloudTrail knows no more of them than what their issuer says.
		out.Type, out.UserName = who.Kind, who.Name
	default:
		out.Type = "Unknown"
	}
	return out
}

func sourceOf(service string) string {
	switch service {
	case "":
		return "ecr.amazonaws.com"
	case "ecru":
		return "ecru"
	}
	return service + ".amazonaws.com"
}

// nameOf is what the call is called: a request of the distribution API as the
// action that it is authorised as, as in ECR's own trail.
func nameOf(n *reqlog.Note) string {
	if n.Service == "" && len(n.Decisions) > 0 {
		_, action, _ := strings.Cut(n.Decisions[0].Action, ":")
		return action
	}
	return n.Operation
}

func readOnly(name string) bool {
	for _, prefix := range []string{"Get", "List", "Describe", "BatchGet", "BatchCheck", "Validate", "Head"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func parametersOf(n *reqlog.Note) json.RawMessage {
	if n.Parameters == nil {
		return nil
	}
	p := n.Parameters()
	switch {
	case len(p) == 0:
		return nil
	case len(p) > MaxParameters:
		return json.RawMessage(`{"omitted":"too large"}`)
	}
	return p
}

// withResource adds the resource of a decision once.
func withResource(all []resource, d reqlog.Decision) []resource {
	if d.Resource == "*" || strings.HasSuffix(d.Resource, "/*") {
		return all
	}
	for _, r := range all {
		if r.ARN == d.Resource {
			return all
		}
	}
	kind := "AWS::ECR::Repository"
	if strings.HasPrefix(d.Resource, "arn:aws:iam:") {
		kind = "AWS::IAM::Role"
	}
	return append(all, resource{AccountID: d.Account, Type: kind, ARN: d.Resource})
}

func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
