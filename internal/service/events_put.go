package service

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/pattern"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Limits of events that clients put.
const (
	maxEventsSize = 256 << 10 // of all entries of a request
	maxDetailType = 128
	entryTimeSize = 14 // what a time counts
)

// NewEvent is an event that a client puts.
type NewEvent struct {
	Bus        string
	Source     string
	DetailType string
	Detail     string
	Resources  []string
	Time       time.Time // zero: now
}

// EntryError is why one of several events was refused, in the codes of
// EventBridge.
type EntryError struct {
	Code, Message string
}

// PutEvent is what became of an event: its id, or why it was refused.
type PutEvent struct {
	ID     string
	Failed *EntryError
}

// PutEvents stores events for the rules. Each is accepted or refused by itself,
// unless they are too large together or the caller may not put events on a bus
// that one of them is for. Errors: Validation.
func (s *Service) PutEvents(ctx context.Context, c Caller, entries []NewEvent) ([]PutEvent, error) {
	if err := s.allowPutEvents(ctx, c, entries); err != nil {
		return nil, err
	}
	size := 0
	for i := range entries {
		size += entries[i].size()
	}
	if size > maxEventsSize {
		return nil, registry.EventsTooLarge()
	}
	now := s.Now()
	results := make([]PutEvent, len(entries))
	var accepted []meta.Event
	for i := range entries {
		made, failed := s.newEvent(c, &entries[i], now)
		if failed != nil {
			results[i].Failed = failed
			continue
		}
		body := made.Encode()
		if _, err := pattern.Decode(body); err != nil {
			// No rule could read it.
			results[i].Failed = malformedDetail()
			continue
		}
		results[i].ID = made.ID
		// The time that a client gives is for readers. It decides neither how long
		// the event is kept nor how long it is tried.
		accepted = append(accepted, meta.Event{Account: made.Account, At: now, Body: body})
	}
	if len(accepted) == 0 {
		return results, nil
	}
	if err := s.Store.AppendEvents(ctx, accepted); err != nil {
		return nil, err
	}
	s.EventsStored()
	return results, nil
}

// allowPutEvents asks about each bus, source and detail type once.
func (s *Service) allowPutEvents(ctx context.Context, c Caller, entries []NewEvent) error {
	type sort struct{ bus, source, detailType string }
	seen := map[sort]bool{}
	var asked []question
	for i := range entries {
		e := &entries[i]
		one := sort{s.busNamed(c, e.Bus).arn, e.Source, e.DetailType}
		if seen[one] {
			continue
		}
		seen[one] = true
		asked = append(asked, question{
			resource: one.bus,
			keys:     map[string]string{"events:source": beginning(e.Source, maxUserAgent), "events:detail-type": beginning(e.DetailType, maxUserAgent)},
		})
	}
	return s.decideAll(ctx, c, "events:PutEvents", asked)
}

// size is what an entry counts, as EventBridge calculates it.
func (e *NewEvent) size() int {
	size := len(e.Source) + len(e.DetailType) + len(e.Detail)
	for _, r := range e.Resources {
		size += len(r)
	}
	if !e.Time.IsZero() {
		size += entryTimeSize
	}
	return size
}

func malformedDetail() *EntryError {
	return &EntryError{"MalformedDetail", "Detail is malformed."}
}

// newEvent makes an event of an entry, or says why there can be none.
func (s *Service) newEvent(c Caller, e *NewEvent, now time.Time) (event.Event, *EntryError) {
	invalid := func(parameter, reason string) (event.Event, *EntryError) {
		return event.Event{}, &EntryError{"InvalidArgument", "Parameter " + parameter + " is not valid. Reason: " + reason}
	}
	at := e.Time
	if at.IsZero() {
		at = now
	}
	switch {
	case e.Source == "":
		return invalid("Source", "Source is a required argument.")
	case e.DetailType == "":
		return invalid("DetailType", "DetailType is a required argument.")
	case e.Detail == "":
		return invalid("Detail", "Detail is a required argument.")
	case strings.HasPrefix(e.Source, "aws."):
		return event.Event{}, &EntryError{"NotAuthorizedForSourceException", "Not authorized for the source."}
	case utf8.RuneCountInString(e.DetailType) > maxDetailType:
		return invalid("DetailType", "DetailType must have at most 128 characters.")
	case at.UTC().Year() < 1 || at.UTC().Year() > 9999:
		return invalid("Time", "Time must be in the years 1 to 9999.")
	}
	b := s.busNamed(c, e.Bus)
	if err := b.exists(); err != nil {
		return invalid("EventBusName", "Event bus "+e.Bus+" does not exist.")
	}
	detail, ok := compact(e.Detail)
	if !ok {
		return event.Event{}, malformedDetail()
	}
	return event.Event{
		ID: event.NewID(), DetailType: e.DetailType, Source: e.Source, Account: b.scope.Account, Region: b.scope.Region,
		Time: at.UTC().Truncate(time.Second), Resources: e.Resources, Detail: detail,
	}, nil
}

// compact answers a JSON object without space between its tokens.
func compact(text string) (json.RawMessage, bool) {
	var b bytes.Buffer
	b.Grow(len(text))
	if err := json.Compact(&b, []byte(text)); err != nil || b.Bytes()[0] != '{' {
		return nil, false
	}
	return b.Bytes(), true
}
