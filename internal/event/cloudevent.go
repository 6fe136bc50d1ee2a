package event

import (
	"encoding/json"
	"net/url"
	"strings"
)

// CloudEvents 1.0: https://github.com/cloudevents/spec. Its adapters for AWS
// services call what an event is com.amazonaws.SERVICE.EVENT, and name the
// resource that it comes from; AWS says nothing of ECR. The attributes are:
//
//	id      that of the event
//	source  urn:aws:SERVICE:REGION:ACCOUNT, as in urn:aws:ecr:us-east-1:123456789012;
//	        of events that others have put, their source
//	type    com.amazonaws.SERVICE. and the detail type without spaces, as in
//	        com.amazonaws.ecr.ECRImageAction; of others the source, a dot and that
//	subject what it is about: repository@digest for an image, else the first
//	        resource; left out without any
//	time    that of the event
//
// The data is what the target gets: the event itself, or what its input makes of it.

// Values of attributes that are always the same, and media types.
const (
	CloudSpecVersion = "1.0"
	// CloudMediaType is that of a CloudEvent in structured mode.
	CloudMediaType = "application/cloudevents+json"

	jsonMediaType = "application/json"
	textMediaType = "text/plain"
)

// CloudAttributes answers the attributes of an event as a CloudEvent, by their
// names without any prefix, for binary mode. datacontenttype is not among them:
// it is CloudDataType of the body. In headers values are as CloudHeader says.
func CloudAttributes(e Event) map[string]string {
	c := cloudEventOf(e)
	attributes := map[string]string{
		"specversion": c.SpecVersion, "id": c.ID, "source": c.Source, "type": c.Type, "time": c.Time,
	}
	if c.Subject != "" {
		attributes["subject"] = c.Subject
	}
	return attributes
}

// CloudDataType is the media type of what a target gets: JSON, or text, which
// the template of an input can be.
func CloudDataType(body []byte) string {
	if json.Valid(body) {
		return jsonMediaType
	}
	return textMediaType
}

type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        string          `json:"time"`
	ContentType string          `json:"datacontenttype"`
	Data        json.RawMessage `json:"data"`
}

// CloudEvent wraps what a target gets of an event into a CloudEvent in
// structured mode, in JSON. Text becomes a JSON string.
func CloudEvent(body []byte, e Event) ([]byte, error) {
	c := cloudEventOf(e)
	c.ContentType, c.Data = CloudDataType(body), body
	if c.ContentType == textMediaType {
		c.Data = encoded(string(body))
	}
	return encoded(c), nil
}

func cloudEventOf(e Event) cloudEvent {
	c := cloudEvent{
		SpecVersion: CloudSpecVersion, ID: e.ID, Subject: subject(e),
		Source: url.PathEscape(e.Source), Time: e.Time.UTC().Format("2006-01-02T15:04:05Z"),
	}
	kind := strings.Join(strings.Fields(e.DetailType), "")
	if service, ok := strings.CutPrefix(e.Source, "aws."); ok {
		c.Source = "urn:aws:" + url.PathEscape(service) + ":" + e.Region + ":" + e.Account
		c.Type = "com.amazonaws." + service + "." + kind
	} else {
		c.Type = e.Source + "." + kind
	}
	return c
}

// subject is what an event is about. Inspector names repositories by ARN.
func subject(e Event) string {
	var about struct {
		Repository string `json:"repository-name"`
		Digest     string `json:"image-digest"`
	}
	if json.Unmarshal(e.Detail, &about) == nil && about.Repository != "" && about.Digest != "" {
		name := about.Repository
		if _, after, ok := strings.Cut(name, ":repository/"); ok {
			name = after
		}
		return Lane(name, about.Digest)
	}
	if len(e.Resources) > 0 {
		return e.Resources[0]
	}
	return ""
}

// CloudHeader is the value of an attribute as the bindings of CloudEvents have
// it in headers: percent-encoded where it is not printable ASCII.
func CloudHeader(value string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
