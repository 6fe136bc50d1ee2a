package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// replayPage is how many events a replay holds in memory.
const replayPage = 64

// Replay queues the events of an account that happened from a time (inclusive)
// to another (exclusive) once more for the enabled rules that match them now, or
// for one of them alone, and answers how many deliveries it has queued. They
// carry the name of the replay. It works on every engine, not only on the one
// that delivers; what it has queued before an error is delivered.
func (e *Engine) Replay(ctx context.Context, account string, from, to time.Time, rule, name string) (int, error) {
	if err := e.replayable(ctx, account, rule); err != nil {
		return 0, err
	}
	if now := e.now(); to.IsZero() || to.After(now) {
		to = now // what happens meanwhile is delivered anyway
	}
	queued := 0
	for q := (meta.EventQuery{From: from, To: to, Limit: replayPage}); ; {
		events, err := e.config.Store.ListEvents(ctx, account, q)
		if err != nil || len(events) == 0 {
			return queued, err
		}
		n, err := e.replay(ctx, account, events, rule, name)
		queued += n
		if err != nil {
			return queued, err
		}
		q.After = events[len(events)-1].ID
	}
}

// replayable says why a rule cannot have a replay.
func (e *Engine) replayable(ctx context.Context, account, rule string) error {
	if rule == "" {
		return nil
	}
	rules, err := e.rules.read(ctx, account, 0)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(rules, func(r event.Rule) bool { return r.Name == rule })
	switch {
	case n < 0:
		return registry.Errorf(registry.CodeResourceNotFound, "Rule %s does not exist on EventBus %s.", rule, event.DefaultBus)
	case rules[n].Disabled:
		return registry.Errorf(registry.CodeInvalidState, "Rule %s is disabled.", rule)
	}
	return nil
}

// replay queues a page of events. The rules are those of now, page by page.
func (e *Engine) replay(ctx context.Context, account string, events []meta.Event, rule, name string) (int, error) {
	set, err := e.ruleSet(ctx, account, rule)
	if err != nil {
		return 0, err
	}
	queued := 0
	var deliveries []meta.NewDelivery
	for n := range events {
		deliveries = set.match(&events[n], e.now(), name, deliveries)
		if len(deliveries) == 0 || (len(deliveries) < fanOutDeliveries && n < len(events)-1) {
			continue
		}
		if err := e.config.Store.FanOut(ctx, nil, deliveries); err != nil {
			return queued, fmt.Errorf("queueing replayed events: %w", err)
		}
		queued += len(deliveries)
		if s := e.serving.Load(); s != nil {
			s.wakeAll(deliveries)
		}
		deliveries = deliveries[:0]
	}
	return queued, nil
}
