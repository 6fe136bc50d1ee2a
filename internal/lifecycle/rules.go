package lifecycle

import (
	"slices"
	"strings"
)

// failure holds the rules against what the schema cannot say: first each for
// itself, then all together.
func (p *Policy) failure() string {
	for i := range p.Rules {
		if failure := first(p.Rules[i].Selection.failure(), p.Rules[i].failure()); failure != "" {
			return failure
		}
	}
	priorities := map[int]bool{}
	for _, r := range p.Rules {
		if priorities[r.Priority] {
			return "Duplicate priority in multiple rules"
		}
		priorities[r.Priority] = true
	}
	return first(p.classFailure(Standard), p.classFailure(Archive))
}

func (s *Selection) failure() string {
	switch {
	case s.TagStatus != Tagged && s.Prefixes != nil:
		return "Cannot specify tagPrefixList with tagStatus " + strings.ToUpper(string(s.TagStatus))
	case s.TagStatus != Tagged && s.Patterns != nil:
		return "Cannot specify tagPatternList with tagStatus " + strings.ToUpper(string(s.TagStatus))
	case s.Prefixes != nil && s.Patterns != nil:
		return "If policy has a tagged rule, it must specify only one of tagPrefixList or tagPatternList"
	case s.TagStatus == Tagged && len(s.Prefixes)+len(s.Patterns) == 0:
		return "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."
	}
	for _, pattern := range s.Patterns {
		if strings.Count(pattern, "*") > MaxWildcards {
			return "Invalid tag pattern provided. Total number of * must not exceed 4"
		}
	}
	if s.Storage == Archive && s.Count != SinceImageTransitioned {
		return "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only"
	}
	return ""
}

// failure is about what only the archive knows. How ECR words the two is not
// known: the first is ours, the second the one of its schema.
func (r *Rule) failure() string {
	if r.Selection.Count != SinceImageTransitioned {
		return ""
	}
	if r.Action.Type != Expire {
		return "SINCE_IMAGE_TRANSITIONED supports the EXPIRE action only"
	}
	return tooSmall(r.Selection.Number, MinArchiveDays)
}

// classFailure holds the rules of one storage class against each other.
func (p *Policy) classFailure(class StorageClass) string {
	var untagged, anyRules []Rule
	last, prefixes := 0, map[string]bool{}
	for _, r := range p.Rules {
		s := r.Selection
		if s.Storage != class {
			continue
		}
		last = max(last, r.Priority)
		switch {
		case s.TagStatus == Untagged:
			untagged = append(untagged, r)
		case s.TagStatus == Any:
			anyRules = append(anyRules, r)
		case s.Prefixes != nil:
			set := setOf(s.Prefixes)
			if prefixes[set] {
				return "Duplicate tagPrefixList in multiple rules" // how ECR words it is not known
			}
			prefixes[set] = true
		}
	}
	switch {
	case len(untagged) > 1:
		return "Only one rule can select Untagged images per storage class."
	case len(anyRules) > 1:
		return "Only one rule can specify tagStatus=ANY"
	case len(anyRules) == 1 && anyRules[0].Priority != last:
		return "Rule for tagStatus=ANY must have the lowest priority per storage class"
	}
	return ""
}

// setOf is the same for lists that hold the same.
func setOf(list []string) string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return quoted(slices.Compact(sorted))
}
