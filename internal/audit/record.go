// Package audit keeps the record of every call: who asked for what, from where,
// what access control said and how it ended. A record has the shape of AWS
// CloudTrail's, so that what reads those reads these; a line of JSON each.
//
// It must not decide anything, and must not know the server or a transport: it
// is told of requests when they are over.
package audit

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

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

// The members are CloudTrail's, in the order in which CloudTrail writes them, and
// additionalEventData is ours: CloudTrail leaves its contents to the service.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html

const (
	eventVersion = "1.11"
	// maxText bounds a text that a client sent.
	maxText = 512
	// MaxParameters bounds what is kept of a request's parameters.
	MaxParameters = 16 << 10
)

// appendRecord adds the line of a request. It is written by hand because every
// request pays for it. The region is the server's own.
func appendRecord(b []byte, r *Request, region string) []byte {
	name := nameOf(r.Note)
	b = append(b, `{"eventVersion":"`+eventVersion+`","userIdentity":`...)
	b = appendIdentity(b, &r.Identity)
	b = append(b, `,"eventTime":"`...)
	b = r.At.UTC().AppendFormat(b, time.RFC3339)
	b = appendMember(append(b, '"'), "eventSource", sourceOf(r.Service))
	b = appendMember(b, "eventName", name)
	if r.Region != "" {
		region = r.Region
	}
	b = appendMember(b, "awsRegion", region)
	b = appendMember(b, "sourceIPAddress", r.SourceIP)
	b = appendMember(b, "userAgent", clip(r.UserAgent))
	if r.Failure.Code != "" {
		b = appendMember(b, "errorCode", r.Failure.Code)
		b = appendMember(b, "errorMessage", clip(r.Failure.Message))
	}
	b = append(b, `,"requestParameters":`...)
	b = appendParameters(b, r.Note)
	b = append(b, `,"responseElements":null,"additionalEventData":{"method":`...)
	b = reqlog.AppendString(b, r.Method)
	b = appendMember(b, "path", clip(r.Path))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = appendDecisions(b, r.Decisions)
	b = appendMember(append(b, '}'), "requestID", r.RequestID)
	b = append(b, `,"eventID":"`...)
	b = appendUUID(b)
	b = append(b, `","readOnly":`...)
	b = strconv.AppendBool(b, readOnly(name))
	b = appendResources(b, r.Decisions)
	b = append(b, `,"eventType":"AwsApiCall","managementEvent":true`...)
	if account := recipient(r.Note); account != "" {
		b = appendMember(b, "recipientAccountId", account)
	}
	return append(b, `,"eventCategory":"Management"}`+"\n"...)
}

// recipient is the account whose resource was asked for, else the caller's.
func recipient(n *reqlog.Note) string {
	if len(n.Decisions) > 0 {
		return n.Decisions[len(n.Decisions)-1].Account
	}
	return n.Identity.Account
}

func appendIdentity(b []byte, who *reqlog.Identity) []byte {
	kind := "Unknown"
	switch who.Kind {
	case "Root", "AssumedRole", "WebIdentityUser": // of the last CloudTrail knows no more than what its issuer says
		kind = who.Kind
	case "User":
		kind = "IAMUser"
	}
	b = append(append(append(b, `{"type":"`...), kind...), '"')
	for _, member := range [...][2]string{
		{"principalId", who.UserID}, {"arn", who.ARN}, {"accountId", who.Account}, {"accessKeyId", who.AccessKeyID},
	} {
		if member[1] != "" {
			b = appendMember(b, member[0], member[1])
		}
	}
	switch kind {
	case "IAMUser", "WebIdentityUser":
		b = appendMember(b, "userName", who.Name)
	case "AssumedRole":
		id, _, _ := strings.Cut(who.UserID, ":")
		b = append(b, `,"sessionContext":{"sessionIssuer":{"type":"Role"`...)
		b = appendMember(b, "principalId", id)
		b = appendMember(b, "arn", "arn:aws:iam::"+who.Account+":role/"+who.Name)
		b = appendMember(b, "accountId", who.Account)
		b = append(appendMember(b, "userName", who.Name), "}}"...)
	}
	return append(b, '}')
}

func appendParameters(b []byte, n *reqlog.Note) []byte {
	if n.Parameters == nil {
		return append(b, "null"...)
	}
	begin := len(b)
	b = n.Parameters(b)
	switch size := len(b) - begin; {
	case size == 0:
		return append(b, "null"...)
	case size > MaxParameters:
		return append(b[:begin], `{"omitted":"too large"}`...)
	}
	return b
}

func appendDecisions(b []byte, all []reqlog.Decision) []byte {
	for i, d := range all {
		if i == 0 {
			b = append(b, `,"decisions":[`...)
		} else {
			b = append(b, ',')
		}
		b = reqlog.AppendString(append(b, `{"action":`...), d.Action)
		b = appendMember(b, "resource", d.Resource)
		b = append(b, `,"allowed":`...)
		b = strconv.AppendBool(b, d.Allowed)
		b = append(appendMember(b, "reason", d.Reason), '}')
	}
	if len(all) > 0 {
		b = append(b, ']')
	}
	return b
}

// appendResources names each resource that was decided about once.
func appendResources(b []byte, all []reqlog.Decision) []byte {
	named := 0
	for i, d := range all {
		if d.Resource == "*" || strings.HasSuffix(d.Resource, "/*") ||
			slices.ContainsFunc(all[:i], func(before reqlog.Decision) bool { return before.Resource == d.Resource }) {
			continue
		}
		if named++; named == 1 {
			b = append(b, `,"resources":[`...)
		} else {
			b = append(b, ',')
		}
		b = reqlog.AppendString(append(b, `{"accountId":`...), d.Account)
		b = appendMember(b, "type", resourceType(d.Resource))
		b = append(appendMember(b, "ARN", d.Resource), '}')
	}
	if named > 0 {
		b = append(b, ']')
	}
	return b
}

// resourceType goes by the ARN: on the hot path are repositories.
func resourceType(arn string) string {
	part := func(from string) string {
		for range 5 {
			_, from, _ = strings.Cut(from, ":")
		}
		kind, _, _ := strings.Cut(from, "/")
		return kind
	}
	switch {
	case strings.HasPrefix(arn, "arn:aws:ecr:"):
	case strings.HasPrefix(arn, "arn:aws:iam:"):
		return "AWS::IAM::Role"
	case strings.HasPrefix(arn, "arn:aws:secretsmanager:"):
		return "AWS::SecretsManager::Secret"
	case strings.HasPrefix(arn, "arn:aws:events:"):
		switch part(arn) {
		case "event-bus":
			return "AWS::Events::EventBus"
		case "connection":
			return "AWS::Events::Connection"
		case "api-destination":
			return "AWS::Events::ApiDestination"
		}
		return "AWS::Events::Rule"
	}
	return "AWS::ECR::Repository"
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
	for _, prefix := range []string{"Get", "List", "Describe", "BatchGet", "BatchCheck", "Validate", "Head", "TestEventPattern"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return s
}

func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	return reqlog.AppendString(b, value)
}

// appendUUID adds a random UUID. Event ids tell records apart and nothing else,
// so they need not be hard to guess.
func appendUUID(b []byte) []byte {
	high, low := rand.Uint64(), rand.Uint64()
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 1<<63
	const digits = "0123456789abcdef"
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		half := high
		if i >= 16 {
			half = low
		}
		b = append(b, digits[half>>(60-4*(i%16))&0xf])
	}
	return b
}
