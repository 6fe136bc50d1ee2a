package service

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/pattern"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// EventRule is a rule of an event bus.
type EventRule struct {
	event.Rule
	ARN string
}

// PutEventRule is what a rule is to be. What is empty of an existing rule is
// empty from then on; its targets and tags stay.
type PutEventRule struct {
	Bus, Name   string
	Description string
	Pattern     string
	Schedule    string
	State       string // ENABLED, DISABLED or empty
	RoleARN     string
	Tags        []registry.ResourceTag // of a new rule
}

// The states of rules.
const (
	ruleEnabled  = "ENABLED"
	ruleDisabled = "DISABLED"
)

// putAttempts is how often a rule is put that others create and delete at the
// same time.
const putAttempts = 5

// keptRules bounds the rules that are kept decoded, and their bodies together.
const (
	keptRules    = 4096
	keptRuleText = 16 << 20
	rulesPage    = 500
)

func newKeptRules() *kept[string, event.Rule] {
	return newKept[string, event.Rule](keptRules, keptRuleText, func(body string) int { return len(body) })
}

// PutEventRule creates or changes a rule and answers its ARN.
// Errors: ResourceNotFound (bus), Validation, InvalidEventPattern,
// LimitExceeded, ConcurrentModification.
func (s *Service) PutEventRule(ctx context.Context, c Caller, in PutEventRule) (string, error) {
	b := s.busNamed(c, in.Bus)
	arn := b.rule(in.Name)
	if _, err := s.allowRule(ctx, c, "events:PutRule", b, in.Name, in.Tags...); err != nil {
		return "", err
	}
	if len(in.Tags) > 0 {
		if _, err := s.allowRule(ctx, c, "events:TagResource", b, in.Name, in.Tags...); err != nil {
			return "", err
		}
	}
	if err := cmp.Or(b.exists(), in.validate()); err != nil {
		return "", err
	}
	for range putAttempts {
		if done, err := s.putRule(ctx, b.scope, in); done || err != nil {
			return arn, err
		}
	}
	return "", registry.EventRuleContended(in.Name)
}

// allowRule authorises an action on a rule, whether there is one or not.
func (s *Service) allowRule(ctx context.Context, c Caller, action string, b busRef, name string, tags ...registry.ResourceTag) (registry.Scope, error) {
	q := question{action: action, resource: b.rule(name), tags: tags}
	if b.ours {
		q.rule = name
	}
	return s.decide(ctx, c, q)
}

// putRule changes the rule or creates it. It has done neither if others deleted
// and created it in between.
func (s *Service) putRule(ctx context.Context, scope registry.Scope, in PutEventRule) (bool, error) {
	err := s.changeRule(ctx, scope, in.Name, func(r *event.Rule) error {
		in.apply(r)
		return nil
	})
	if !errors.Is(err, meta.ErrNoRecord) {
		return err == nil, err
	}
	r := event.Rule{Name: in.Name, CreatedBy: scope.Account}
	in.apply(&r)
	if r.Tags, err = mergeRuleTags(nil, in.Tags); err != nil {
		return false, err
	}
	body, err := encodeRecord(r)
	if err != nil {
		return false, err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.EventRuleRecord, Name: in.Name, Body: body, CreatedAt: s.Now()}
	switch err := s.Store.CreateRecord(ctx, record, s.Limits.EventRules); {
	case errors.Is(err, meta.ErrExists):
		return false, nil
	case errors.Is(err, meta.ErrFull):
		return false, registry.TooManyOfEvents()
	default:
		return err == nil, err
	}
}

func (in *PutEventRule) validate() error {
	switch {
	case in.Schedule != "":
		return registry.SchedulesUnsupported()
	case in.Pattern == "":
		return registry.EventRuleWithoutTrigger()
	case in.State != "" && in.State != ruleEnabled && in.State != ruleDisabled:
		return registry.EventRuleStateUnsupported(in.State)
	}
	_, err := pattern.Compile(in.Pattern)
	return err
}

// apply replaces all of a rule but its targets, tags and creator.
func (in *PutEventRule) apply(r *event.Rule) {
	r.Description, r.Pattern, r.RoleARN = in.Description, in.Pattern, in.RoleARN
	r.Disabled = in.State == ruleDisabled
}

// changeRule changes a stored rule. Errors: meta.ErrNoRecord.
func (s *Service) changeRule(ctx context.Context, scope registry.Scope, name string, change func(*event.Rule) error) error {
	_, err := s.Store.UpdateRecord(ctx, scope.Account, meta.EventRuleRecord, name, s.Now(), func(record *meta.Record) error {
		var r event.Rule
		err := decodeRecord(*record, &r)
		if err == nil {
			err = change(&r)
		}
		if err == nil {
			record.Body, err = encodeRecord(r)
		}
		return err
	})
	return err
}

// changeNamedRule is changeRule for a request that names a rule of a bus.
// Errors: ResourceNotFound.
func (s *Service) changeNamedRule(ctx context.Context, b busRef, name string, change func(*event.Rule) error) error {
	if err := b.exists(); err != nil {
		return err
	}
	return foundEventRule(b, name, s.changeRule(ctx, b.scope, name, change))
}

func foundEventRule(b busRef, name string, err error) error {
	if errors.Is(err, meta.ErrNoRecord) {
		return registry.EventRuleNotFound(name, b.said)
	}
	return err
}

// ruleNamed answers a rule. Errors: ResourceNotFound.
func (s *Service) ruleNamed(ctx context.Context, b busRef, name string) (event.Rule, error) {
	if err := b.exists(); err != nil {
		return event.Rule{}, err
	}
	record, err := s.Store.Record(ctx, b.scope.Account, meta.EventRuleRecord, name)
	if err != nil {
		return event.Rule{}, foundEventRule(b, name, err)
	}
	return s.decodedRule(record)
}

// decodedRule reads a rule. Nobody may change what it answers: it is kept.
func (s *Service) decodedRule(record meta.Record) (event.Rule, error) {
	if r, ok := s.rules.Get(string(record.Body)); ok {
		return r, nil
	}
	var r event.Rule
	if err := decodeRecord(record, &r); err != nil {
		return r, err
	}
	s.rules.Add(string(record.Body), r)
	return r, nil
}

// EventRules answers the rules of an account in order of their names, for who
// matches events with them. Nobody may change what it answers.
func (s *Service) EventRules(ctx context.Context, account string) ([]event.Rule, error) {
	var all []event.Rule
	for after := ""; ; {
		records, err := s.Store.ListRecords(ctx, account, meta.EventRuleRecord, after, rulesPage)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			after = record.Name
			r, err := s.decodedRule(record)
			if err != nil {
				// One that cannot be read must not keep events from the others.
				s.Logger.ErrorContext(ctx, "a rule matches nothing because its record cannot be read", "account", account, "rule", record.Name, "error", err)
				continue
			}
			all = append(all, r)
		}
		if len(records) < rulesPage {
			return all, nil
		}
	}
}

// EventRule answers a rule. Errors: ResourceNotFound.
func (s *Service) EventRule(ctx context.Context, c Caller, bus, name string) (EventRule, error) {
	b := s.busNamed(c, bus)
	if _, err := s.allowRule(ctx, c, "events:DescribeRule", b, name); err != nil {
		return EventRule{}, err
	}
	r, err := s.ruleNamed(ctx, b, name)
	return EventRule{Rule: r, ARN: b.rule(name)}, err
}

// ListEventRules answers up to limit rules whose names begin with a prefix,
// after one, in order of their names. Errors: ResourceNotFound.
func (s *Service) ListEventRules(ctx context.Context, c Caller, bus, prefix, after string, limit int) ([]EventRule, error) {
	b := s.busNamed(c, bus)
	rules, err := s.rulesOf(ctx, c, "events:ListRules", b)
	if err != nil {
		return nil, err
	}
	var page []EventRule
	for _, r := range rules {
		if len(page) < limit && r.Name > after && strings.HasPrefix(r.Name, prefix) {
			page = append(page, EventRule{Rule: r, ARN: b.rule(r.Name)})
		}
	}
	return page, nil
}

// rulesOf authorises a list of the rules of a bus, and answers them all.
func (s *Service) rulesOf(ctx context.Context, c Caller, action string, b busRef) ([]event.Rule, error) {
	if _, err := s.allowResource(ctx, c, action, b.rule("*")); err != nil {
		return nil, err
	}
	if err := b.exists(); err != nil {
		return nil, err
	}
	return s.EventRules(ctx, b.scope.Account)
}

// DeleteEventRule removes a rule; one that is not there is no failure.
// Errors: Validation (targets), ResourceNotFound (bus).
func (s *Service) DeleteEventRule(ctx context.Context, c Caller, bus, name string) error {
	b := s.busNamed(c, bus)
	if _, err := s.allowRule(ctx, c, "events:DeleteRule", b, name); err != nil {
		return err
	}
	if err := b.exists(); err != nil {
		return err
	}
	_, err := s.Store.DeleteRecordIf(ctx, b.scope.Account, meta.EventRuleRecord, name, func(record meta.Record) error {
		var r event.Rule
		if err := decodeRecord(record, &r); err != nil {
			return err
		}
		if len(r.Targets) > 0 {
			return registry.EventRuleHasTargets()
		}
		return nil
	})
	if errors.Is(err, meta.ErrNoRecord) {
		return nil
	}
	return err
}

// SwitchEventRule enables or disables a rule. Errors: ResourceNotFound.
func (s *Service) SwitchEventRule(ctx context.Context, c Caller, bus, name string, on bool) error {
	action := "events:DisableRule"
	if on {
		action = "events:EnableRule"
	}
	b := s.busNamed(c, bus)
	if _, err := s.allowRule(ctx, c, action, b, name); err != nil {
		return err
	}
	return s.changeNamedRule(ctx, b, name, func(r *event.Rule) error {
		r.Disabled = !on
		return nil
	})
}
