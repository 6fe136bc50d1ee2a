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
	"time"

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
	Detail     json.RawMessage
}

// Origin is where and when something happened.
type Origin struct {
	Scope registry.Scope
	At    time.Time
}
