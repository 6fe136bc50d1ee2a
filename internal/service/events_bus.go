package service

import (
	"context"
	"strings"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
)

// EventBus is an event bus. Every account has the default one, and no other.
type EventBus struct {
	Name string
	ARN  string
}

// busRef is a bus as a request names it.
type busRef struct {
	scope registry.Scope
	said  string // what an error repeats
	arn   string
	rules string // what the ARNs of its rules begin with
	ours  bool   // it is the default bus of the caller's own account
}

// busNamed reads the name or the ARN of a bus; nothing stands for the default
// bus. Access is decided about the bus as it is named, before anybody learns
// whether there is one.
func (s *Service) busNamed(c Caller, said string) busRef {
	scope := s.registryOf(c)
	b := busRef{scope: scope, said: said}
	beginning, name := "arn:aws:events:"+scope.Region+":"+scope.Account+":", said
	if of, path, ok := strings.Cut(said, ":event-bus/"); ok {
		beginning, name = of+":", path
	}
	if name == "" {
		name = event.DefaultBus
	}
	b.arn = beginning + "event-bus/" + name
	b.rules = beginning + "rule/"
	if name != event.DefaultBus {
		b.rules += name + "/"
	}
	if b.ours = b.arn == busARN(scope); b.ours {
		b.said = event.DefaultBus
	}
	return b
}

func (b busRef) rule(name string) string { return b.rules + name }

// exists is why there is no such bus.
func (b busRef) exists() error {
	if !b.ours {
		return registry.EventBusNotFound(b.said)
	}
	return nil
}

func busARN(scope registry.Scope) string {
	return "arn:aws:events:" + scope.Region + ":" + scope.Account + ":event-bus/" + event.DefaultBus
}

// EventBus answers a bus by name or ARN. Errors: ResourceNotFound.
func (s *Service) EventBus(ctx context.Context, c Caller, name string) (EventBus, error) {
	b := s.busNamed(c, name)
	if _, err := s.allowResource(ctx, c, "events:DescribeEventBus", b.arn); err != nil {
		return EventBus{}, err
	}
	return EventBus{Name: event.DefaultBus, ARN: b.arn}, b.exists()
}

// EventBuses answers the buses whose names begin with a prefix.
func (s *Service) EventBuses(ctx context.Context, c Caller, prefix string) ([]EventBus, error) {
	b := s.busNamed(c, "")
	all := strings.TrimSuffix(b.arn, event.DefaultBus) + "*"
	if _, err := s.allowResource(ctx, c, "events:ListEventBuses", all); err != nil || !strings.HasPrefix(event.DefaultBus, prefix) {
		return nil, err
	}
	return []EventBus{{Name: event.DefaultBus, ARN: b.arn}}, nil
}
