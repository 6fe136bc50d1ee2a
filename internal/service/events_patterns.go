package service

import (
	"context"
	"encoding/json"

	"github.com/ecru-registry/ecru/internal/event/pattern"
	"github.com/ecru-registry/ecru/internal/registry"
)

// TestEventPattern says whether a pattern matches an event. The event needs the
// members that every event has, but for resources and detail.
// Errors: InvalidEventPattern, Validation.
func (s *Service) TestEventPattern(ctx context.Context, c Caller, text, subject string) (bool, error) {
	if _, err := s.allowResource(ctx, c, "events:TestEventPattern", "*"); err != nil {
		return false, err
	}
	p, err := pattern.Compile(text)
	if err != nil {
		return false, err
	}
	if !completeEvent([]byte(subject)) {
		return false, registry.InvalidEvent()
	}
	return p.Matches([]byte(subject))
}

// completeEvent says whether an event has what every event must have. What is
// of the wrong kind matches nothing, and is no failure.
func completeEvent(body []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "detail-type"} {
		if members[name] == nil {
			return false
		}
	}
	return true
}
