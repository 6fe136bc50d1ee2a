package service

import (
	"context"
	"encoding/json"
)

// Listening says whether a rule of an account may want events of a source and
// detail type. It may say so of a rule that then wants none of them; never the
// other way round.
func (s *Service) Listening(ctx context.Context, account, source, detailType string) (bool, error) {
	rules, err := s.EventRules(ctx, account)
	if err != nil {
		return false, err
	}
	for _, r := range rules {
		if !r.Disabled && len(r.Targets) > 0 && mayMatch(r.Pattern, map[string]string{"source": source, "detail-type": detailType}) {
			return true, nil
		}
	}
	return false, nil
}

// mayMatch looks at the members of a pattern that are plain lists of texts: one
// without the text that an event has does not match it.
func mayMatch(pattern string, event map[string]string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(pattern), &members) != nil {
		return true
	}
	for name, value := range event {
		var texts []string
		if raw, ok := members[name]; !ok || json.Unmarshal(raw, &texts) != nil {
			continue // anything, or what takes a closer look
		}
		found := false
		for _, text := range texts {
			found = found || text == value
		}
		if !found {
			return false
		}
	}
	return true
}
