package lifecycle

import (
	"cmp"
	"errors"
	"slices"
)

// Limits of a policy.
const (
	MaxRules       = 50
	MaxWildcards   = 4  // in one pattern
	MinArchiveDays = 90 // in the archive before an image may expire from there
)

// Policy is a checked policy.
type Policy struct {
	Rules []Rule // in order of priority: the lowest number first
}

// Rule says what happens to which images.
type Rule struct {
	Priority    int
	Description string
	Selection   Selection
	Action      Action
}

// TagStatus is which images a rule looks at.
type TagStatus string

// The tag statuses.
const (
	Tagged   TagStatus = "tagged"
	Untagged TagStatus = "untagged"
	Any      TagStatus = "any"
)

// StorageClass is where an image is kept.
type StorageClass string

// The storage classes.
const (
	Standard StorageClass = "standard"
	Archive  StorageClass = "archive"
)

// CountType is what a rule counts.
type CountType string

// The count types. The first counts images, the others days.
const (
	ImageCountMoreThan     CountType = "imageCountMoreThan"
	SinceImagePushed       CountType = "sinceImagePushed"
	SinceImagePulled       CountType = "sinceImagePulled"
	SinceImageTransitioned CountType = "sinceImageTransitioned"
)

// Selection is which images a rule acts on.
type Selection struct {
	TagStatus TagStatus
	// Patterns or Prefixes, never both, are those of a rule of Tagged: for
	// every one of them an image must have a tag that matches it.
	Patterns []string // '*' stands for any run of characters; matched whole
	Prefixes []string
	Storage  StorageClass // never empty
	Count    CountType
	Number   int // of images to keep, or of days
}

// ActionType is what a rule does.
type ActionType string

// The actions.
const (
	Expire     ActionType = "expire"
	Transition ActionType = "transition"
)

// Action is what happens to the images that a rule acts on.
type Action struct {
	Type   ActionType
	Target StorageClass // of Transition, else empty
}

// The two ways in which ECR begins to say what is wrong.
const (
	parsingFailure    = "Lifecycle policy parsing failure: "
	validationFailure = "Lifecycle policy validation failure: "
)

// Parse reads and checks a policy. The text of an error is what ECR says
// behind the name of the parameter.
//
// One thing that ECR refuses is a policy here: sinceImagePulled with expire,
// which removes what nobody pulls. ECR itself only archives by it.
func Parse(text string) (*Policy, error) { return ParseUpTo(MaxRules, text) }

// ParseUpTo is Parse where another number of rules is the limit.
func ParseUpTo(most int, text string) (*Policy, error) {
	d, ok := mapDocument(text)
	if !ok {
		return nil, errors.New(parsingFailure + "Could not map policyString into LifecyclePolicy.")
	}
	if failure := d.failure(most); failure != "" {
		return nil, errors.New(validationFailure + failure)
	}
	p := &Policy{Rules: make([]Rule, 0, len(d.rules))}
	for _, r := range d.rules {
		p.Rules = append(p.Rules, r.Rule)
	}
	if failure := p.failure(); failure != "" {
		return nil, errors.New(validationFailure + failure)
	}
	slices.SortFunc(p.Rules, func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return p, nil
}
