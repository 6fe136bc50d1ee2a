package service

import (
	"strings"
	"testing"
	"time"
)

// Patterns of policies are compared with it: the two together must not cost
// more than a request may.
func TestConditionsSeeTheBeginningOfAUserAgent(t *testing.T) {
	s := &Service{Config: Config{Now: time.Now}}
	seen := func(agent string) string {
		return s.conditionContext(Caller{UserAgent: agent}, question{}, nil)["aws:useragent"][0]
	}
	if got := seen("docker/29.0"); got != "docker/29.0" {
		t.Errorf("a common one: %q", got)
	}
	if got := seen(strings.Repeat("x", 60_000)); len(got) != 1024 || strings.Trim(got, "x") != "" {
		t.Errorf("a long one has %d bytes", len(got))
	}
	if got := seen(strings.Repeat("é", 60_000)); got != strings.Repeat("é", 512) {
		t.Errorf("one that is cut within a character has %d bytes", len(got))
	}
	if got := seen("x" + strings.Repeat("é", 60_000)); got != "x"+strings.Repeat("é", 511) {
		t.Errorf("one that is cut within a character has %d bytes", len(got))
	}
}
