// Package event holds the nouns of events: what an event looks like, in exactly
// the shapes that ECR and Inspector send, and the rules, targets and
// destinations that decide where it goes.
//
// It is pure: it must not match, store or send anything. Patterns are package
// pattern, inputs package transform, and what carries events to their targets
// is package delivery.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Event is the envelope that every event comes in.
type Event struct {
	ID         string // a UUID
	DetailType string
	Source     string // aws.ecr
	Account    string
	Time       time.Time // in whole seconds
	Region     string
	Resources  []string
	Detail     json.RawMessage // a JSON object
}

// Origin is where and when something happened.
type Origin struct {
	Scope registry.Scope
	At    time.Time
	// ID becomes that of the event; empty: a new one.
	ID string
}

// The sources of our events.
const (
	SourceECR       = "aws.ecr"
	SourceInspector = "aws.inspector2"
)

// NewID answers the id of a new event.
func NewID() string { return uuid.NewString() }

// Lane answers the lane of events about an image: of one lane, a target gets
// nothing before what happened earlier.
func Lane(repository, digest string) string { return repository + "@" + digest }

// from makes the envelope of something that happened at o.
func from(o Origin, source, detailType string, resources ...string) Event {
	id := o.ID
	if id == "" {
		id = NewID()
	}
	return Event{
		ID: id, DetailType: detailType, Source: source, Account: o.Scope.Account, Region: o.Scope.Region,
		Time: o.At.UTC().Truncate(time.Second), Resources: resources,
	}
}

// saying is from with the detail of the event.
func saying(detail any, o Origin, source, detailType string, resources ...string) Event {
	e := from(o, source, detailType, resources...)
	e.Detail = encoded(detail)
	return e
}

// Encode answers the event in JSON, in the order of members of ECR's samples.
// It is written by hand because every push pays for it.
func (e Event) Encode() []byte {
	size := 256 + len(e.Detail)
	for _, r := range e.Resources {
		size += len(r) + 3
	}
	b := append(make([]byte, 0, size), `{"version":"0","id":`...)
	b = appendString(b, e.ID)
	b = appendMember(b, "detail-type", e.DetailType)
	b = appendMember(b, "source", e.Source)
	b = appendMember(b, "account", e.Account)
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	b = append(b, '"')
	b = appendMember(b, "region", e.Region)
	b = append(b, `,"resources":[`...)
	for i, r := range e.Resources {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, r)
	}
	b = append(b, `],"detail":`...)
	if len(e.Detail) == 0 {
		b = append(b, "{}"...)
	}
	return append(append(b, e.Detail...), '}')
}

// envelope is an event as it is read.
type envelope struct {
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// Decode reads an event in JSON. Members that are not of the envelope are
// passed over; the detail must be an object.
func Decode(body []byte) (Event, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	if len(e.Detail) == 0 || e.Detail[0] != '{' {
		return Event{}, errors.New("decode event: the detail is not an object")
	}
	return Event{
		ID: e.ID, DetailType: e.DetailType, Source: e.Source, Account: e.Account, Region: e.Region,
		Time: e.Time.UTC(), Resources: e.Resources, Detail: e.Detail,
	}, nil
}
