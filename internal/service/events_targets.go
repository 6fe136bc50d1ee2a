package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/transform"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// PutEventTargets adds targets to a rule, and changes those that it has under
// the same ids: all of them or none. Who does must be allowed to use the API
// destinations among them: what a target says is sent with their credentials.
// Errors: ResourceNotFound, Validation, LimitExceeded.
func (s *Service) PutEventTargets(ctx context.Context, c Caller, bus, rule string, targets []event.Target) error {
	b := s.busNamed(c, bus)
	if err := s.allowTargets(ctx, c, b, rule, targets); err != nil {
		return err
	}
	if err := cmp.Or(b.exists(), s.checkTargets(ctx, b.scope, targets)); err != nil {
		return err
	}
	return s.changeNamedRule(ctx, b, rule, func(r *event.Rule) error {
		merged := mergeTargets(r.Targets, targets)
		if len(merged) > s.Limits.EventTargets && len(merged) > len(r.Targets) {
			return registry.TooManyOfEvents()
		}
		r.Targets = merged
		return nil
	})
}

// allowTargets asks whether a caller may put each of the targets.
func (s *Service) allowTargets(ctx context.Context, c Caller, b busRef, rule string, targets []event.Target) error {
	about := question{resource: b.rule(rule)}
	if b.ours {
		about.rule = rule
	}
	asked := []question{about} // also of what is no target at all
	var invoked []question
	for i, t := range targets {
		about.keys = map[string]string{"events:targetarn": t.ARN}
		asked = append(asked[:i], about)
		if a, err := event.ParseTargetARN(t.ARN); err == nil && a.Kind == event.DestinationTarget {
			invoked = append(invoked, question{resource: t.ARN})
		}
	}
	if err := s.decideAll(ctx, c, "events:PutTargets", asked); err != nil || len(invoked) == 0 {
		return err
	}
	return s.decideAll(ctx, c, "events:InvokeApiDestination", invoked)
}

// checkTargets says what is wrong with targets of a rule.
func (s *Service) checkTargets(ctx context.Context, home registry.Scope, targets []event.Target) error {
	seen := map[string]bool{}
	for _, t := range targets {
		if seen[t.ID] {
			return registry.TargetIDTwice(t.ID)
		}
		seen[t.ID] = true
		if _, err := transform.Compile(t); err != nil {
			return err
		}
		if err := s.CheckTarget(home, t); err != nil {
			return err
		}
		if err := s.destinationExists(ctx, home, t.ARN); err != nil {
			return err
		}
	}
	return nil
}

// destinationExists refuses an API destination that is not there. It may be
// gone later: its events are given up then.
func (s *Service) destinationExists(ctx context.Context, home registry.Scope, arn string) error {
	a, err := event.ParseTargetARN(arn)
	if err != nil || a.Kind != event.DestinationTarget {
		return err
	}
	missing := registry.EventDestinationNotFound(a.Name)
	record, err := s.Store.Record(ctx, home.Account, meta.DestinationRecord, a.Name)
	if errors.Is(err, meta.ErrNoRecord) {
		return missing
	}
	if err != nil {
		return err
	}
	var d event.Destination
	if err := decodeRecord(record, &d); err != nil {
		return err
	}
	// A namesake that was created later is another one.
	if arn != "arn:aws:events:"+home.Region+":"+home.Account+":api-destination/"+a.Name+"/"+d.ID {
		return missing
	}
	return nil
}

// mergeTargets puts added over old by id, in order of ids. A target that is
// changed keeps its UID, and with it what waits for it.
func mergeTargets(old, added []event.Target) []event.Target {
	merged := slices.Clone(old)
	for _, t := range added {
		at := slices.IndexFunc(merged, func(m event.Target) bool { return m.ID == t.ID })
		if at < 0 {
			t.UID = uuid.NewString()
			merged = append(merged, t)
			continue
		}
		t.UID = merged[at].UID
		merged[at] = t
	}
	slices.SortFunc(merged, func(a, b event.Target) int { return strings.Compare(a.ID, b.ID) })
	return merged
}

// RemoveEventTargets removes targets of a rule; ids that it does not have are
// passed over. Errors: ResourceNotFound.
func (s *Service) RemoveEventTargets(ctx context.Context, c Caller, bus, rule string, ids []string) error {
	b := s.busNamed(c, bus)
	if _, err := s.allowRule(ctx, c, "events:RemoveTargets", b, rule); err != nil {
		return err
	}
	return s.changeNamedRule(ctx, b, rule, func(r *event.Rule) error {
		r.Targets = slices.DeleteFunc(r.Targets, func(t event.Target) bool { return slices.Contains(ids, t.ID) })
		return nil
	})
}

// EventTargets answers up to limit targets of a rule in order of their ids,
// after one. Errors: ResourceNotFound.
func (s *Service) EventTargets(ctx context.Context, c Caller, bus, rule, after string, limit int) ([]event.Target, error) {
	b := s.busNamed(c, bus)
	if _, err := s.allowRule(ctx, c, "events:ListTargetsByRule", b, rule); err != nil {
		return nil, err
	}
	r, err := s.ruleNamed(ctx, b, rule)
	if err != nil {
		return nil, err
	}
	var page []event.Target
	for _, t := range r.Targets {
		if len(page) < limit && t.ID > after {
			page = append(page, t)
		}
	}
	return page, nil
}

// EventRulesOfTarget answers the names of up to limit rules that have a target,
// after one, in order. Errors: ResourceNotFound.
func (s *Service) EventRulesOfTarget(ctx context.Context, c Caller, bus, target, after string, limit int) ([]string, error) {
	rules, err := s.rulesOf(ctx, c, "events:ListRuleNamesByTarget", s.busNamed(c, bus))
	if err != nil {
		return nil, err
	}
	var page []string
	for _, r := range rules {
		if len(page) < limit && r.Name > after && slices.ContainsFunc(r.Targets, func(t event.Target) bool { return t.ARN == target }) {
			page = append(page, r.Name)
		}
	}
	return page, nil
}
