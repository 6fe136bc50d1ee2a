package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// TagEventRule adds or replaces tags of a rule by key.
// Errors: ResourceNotFound, Validation.
func (s *Service) TagEventRule(ctx context.Context, c Caller, arn string, tags []registry.ResourceTag) error {
	b, name, err := s.taggableRule(ctx, c, question{action: "events:TagResource", resource: arn, tags: tags})
	if err != nil {
		return err
	}
	return s.changeNamedRule(ctx, b, name, func(r *event.Rule) error {
		r.Tags, err = mergeRuleTags(r.Tags, tags)
		return err
	})
}

// UntagEventRule removes tags of a rule; keys that it does not have are passed
// over. Errors: ResourceNotFound, Validation.
func (s *Service) UntagEventRule(ctx context.Context, c Caller, arn string, keys []string) error {
	b, name, err := s.taggableRule(ctx, c, question{action: "events:UntagResource", resource: arn, tagKeys: keys})
	if err != nil {
		return err
	}
	return s.changeNamedRule(ctx, b, name, func(r *event.Rule) error {
		maps.DeleteFunc(r.Tags, func(key, _ string) bool { return slices.Contains(keys, key) })
		return nil
	})
}

// EventRuleTags answers the tags of a rule, by key; the default bus has none.
// Errors: ResourceNotFound, Validation.
func (s *Service) EventRuleTags(ctx context.Context, c Caller, arn string) ([]registry.ResourceTag, error) {
	b, name, err := s.taggableRule(ctx, c, question{action: "events:ListTagsForResource", resource: arn})
	if registry.CodeOf(err) == registry.CodeUnsupported {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := s.ruleNamed(ctx, b, name)
	if err != nil {
		return nil, err
	}
	return ruleTags(r), nil
}

func ruleTags(r event.Rule) []registry.ResourceTag {
	tags := make([]registry.ResourceTag, 0, len(r.Tags))
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		tags = append(tags, registry.ResourceTag{Key: key, Value: r.Tags[key]})
	}
	return tags
}

// tagsOfRule answers the tags of a rule for who decides about access to it; one
// that is not there has none.
func (s *Service) tagsOfRule(ctx context.Context, scope registry.Scope, name string) ([]registry.ResourceTag, error) {
	record, err := s.Store.Record(ctx, scope.Account, meta.EventRuleRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := s.decodedRule(record)
	return ruleTags(r), err
}

// taggableRule authorises a question about the rule that an ARN names.
func (s *Service) taggableRule(ctx context.Context, c Caller, q question) (busRef, string, error) {
	if name, ok := strings.CutPrefix(q.resource, s.busNamed(c, "").rule("")); ok {
		q.rule = name
	}
	if _, err := s.decide(ctx, c, q); err != nil {
		return busRef{}, "", err
	}
	if q.resource == busARN(s.registryOf(c)) {
		return busRef{}, "", registry.BusTagsUnsupported()
	}
	beginning, path, ok := strings.Cut(q.resource, ":rule/")
	if parts := strings.Split(beginning, ":"); !ok || path == "" || len(parts) != 5 || parts[0] != "arn" || parts[2] != "events" {
		return busRef{}, "", registry.InvalidARN(q.resource)
	}
	bus, name := event.DefaultBus, path
	if at := strings.LastIndexByte(path, '/'); at >= 0 {
		bus, name = path[:at], path[at+1:]
	}
	b := s.busNamed(c, beginning+":event-bus/"+bus)
	if b.rule(name) != q.resource {
		// Access was decided about the name that was given: a rule has one only.
		return busRef{}, "", registry.InvalidARN(q.resource)
	}
	return b, name, nil
}

// mergeRuleTags puts added over old by key.
func mergeRuleTags(old map[string]string, added []registry.ResourceTag) (map[string]string, error) {
	merged := maps.Clone(old)
	if merged == nil {
		merged = make(map[string]string, len(added))
	}
	seen := make(map[string]bool, len(added))
	for _, t := range added {
		switch {
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, registry.ReservedEventTag()
		case seen[t.Key]:
			return nil, registry.EventTagTwice(t.Key)
		}
		seen[t.Key], merged[t.Key] = true, t.Value
	}
	if len(merged) > registry.MaxResourceTags {
		return nil, registry.TooManyEventTags()
	}
	return merged, nil
}
