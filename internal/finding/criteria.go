package finding

import (
	"slices"
	"strings"
	"time"
)

// Comparison is how a text is compared.
type Comparison string

// The comparisons.
const (
	Equals    Comparison = "EQUALS"
	Prefix    Comparison = "PREFIX"
	NotEquals Comparison = "NOT_EQUALS"
)

// Criteria select findings, or what coverage is told of, as Inspector's API has
// it: by what they are called there. Every name that is there must match; of the
// filters of a name one must. Texts that must not be equal are the exception: none
// of them may be.
//
// A name that no image can have, such as that of a Lambda function, matches
// nothing.
type Criteria struct {
	Texts    map[string][]TextFilter   `json:"texts,omitempty"`
	Dates    map[string][]DateFilter   `json:"dates,omitempty"`
	Numbers  map[string][]NumberFilter `json:"numbers,omitempty"`
	Packages []PackageFilter           `json:"packages,omitempty"`
	// Tags and Ports are of other resources than images: they are kept to be
	// told again, and match nothing.
	Tags  map[string][]TagFilter  `json:"tags,omitempty"`
	Ports map[string][]PortFilter `json:"ports,omitempty"`
}

// TextFilter compares a text.
type TextFilter struct {
	Comparison Comparison `json:"comparison"`
	Value      string     `json:"value"`
}

// DateFilter is a span of time; both ends belong to it, nil is no end.
type DateFilter struct {
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
}

// NumberFilter is a range; both ends belong to it, nil is no end.
type NumberFilter struct {
	Lower *float64 `json:"lower,omitempty"`
	Upper *float64 `json:"upper,omitempty"`
}

// PackageFilter selects findings that have a package which is all of this.
type PackageFilter struct {
	Name         *TextFilter   `json:"name,omitempty"`
	Version      *TextFilter   `json:"version,omitempty"`
	Epoch        *NumberFilter `json:"epoch,omitempty"`
	Release      *TextFilter   `json:"release,omitempty"`
	Architecture *TextFilter   `json:"architecture,omitempty"`
	Layer        *TextFilter   `json:"layer,omitempty"`
	Path         *TextFilter   `json:"path,omitempty"`
	// LambdaLayer is of what no image has.
	LambdaLayer *TextFilter `json:"lambdaLayer,omitempty"`
}

// TagFilter is a tag of a resource.
type TagFilter struct {
	Comparison Comparison `json:"comparison"`
	Key        string     `json:"key"`
	Value      *string    `json:"value,omitempty"`
}

// PortFilter is a range of ports.
type PortFilter struct {
	Begin *int32 `json:"begin,omitempty"`
	End   *int32 `json:"end,omitempty"`
}

// Empty says whether criteria select everything.
func (c Criteria) Empty() bool {
	return len(c.Texts)+len(c.Dates)+len(c.Numbers)+len(c.Packages)+len(c.Tags)+len(c.Ports) == 0
}

// attributes say what can be asked of a T. A text may be of several values, and
// a number or date of none.
type attributes[T any] struct {
	texts    map[string]func(to []string, v *T) []string
	dates    map[string]func(v *T) time.Time
	numbers  map[string]func(v *T) (n float64, known bool)
	packages func(v *T) []Package
}

// Matcher is criteria made ready. One goroutine at a time may use it.
type Matcher[T any] struct {
	tests   []func(v *T) bool
	never   bool
	scratch []string
}

// Never says that nothing can be what the criteria select.
func (m *Matcher[T]) Never() bool { return m.never }

// Matches says whether something is what the criteria select.
func (m *Matcher[T]) Matches(v *T) bool {
	if m.never {
		return false
	}
	for _, test := range m.tests {
		if !test(v) {
			return false
		}
	}
	return true
}

func newMatcher[T any](c Criteria, of attributes[T]) *Matcher[T] {
	m := &Matcher[T]{never: len(c.Tags)+len(c.Ports) > 0}
	for name, filters := range c.Texts {
		m.text(of.texts[name], filters)
	}
	for name, filters := range c.Dates {
		m.date(of.dates[name], filters)
	}
	for name, filters := range c.Numbers {
		m.number(of.numbers[name], filters)
	}
	if len(c.Packages) > 0 {
		m.ofPackages(of.packages, c.Packages)
	}
	return m
}

func (m *Matcher[T]) text(read func([]string, *T) []string, filters []TextFilter) {
	switch {
	case len(filters) == 0:
	case read == nil:
		m.never = true
	default:
		m.tests = append(m.tests, func(v *T) bool {
			m.scratch = read(m.scratch[:0], v)
			return matchTexts(m.scratch, filters)
		})
	}
}

// matchTexts says whether a text of several values is as it must be: one of the
// filters that say what it is, and all of those that say what it is not.
func matchTexts(values []string, filters []TextFilter) bool {
	wanted, found := false, false
	for _, f := range filters {
		if f.Comparison == NotEquals {
			if slices.Contains(values, f.Value) {
				return false
			}
			continue
		}
		wanted = true
		found = found || slices.ContainsFunc(values, f.is)
	}
	return found || !wanted
}

// is compares one value.
func (f TextFilter) is(value string) bool {
	switch f.Comparison {
	case Equals:
		return value == f.Value
	case Prefix:
		return strings.HasPrefix(value, f.Value)
	case NotEquals:
		return value != f.Value
	}
	return false
}

func (m *Matcher[T]) date(read func(*T) time.Time, filters []DateFilter) {
	switch {
	case len(filters) == 0:
	case read == nil:
		m.never = true
	default:
		m.tests = append(m.tests, func(v *T) bool {
			// Clients see milliseconds, and ask for them.
			at := read(v).Truncate(time.Millisecond)
			return !at.IsZero() && slices.ContainsFunc(filters, func(f DateFilter) bool { return f.holds(at) })
		})
	}
}

func (f DateFilter) holds(at time.Time) bool {
	return (f.From == nil || !at.Before(*f.From)) && (f.To == nil || !at.After(*f.To))
}

func (m *Matcher[T]) number(read func(*T) (float64, bool), filters []NumberFilter) {
	switch {
	case len(filters) == 0:
	case read == nil:
		m.never = true
	default:
		m.tests = append(m.tests, func(v *T) bool {
			n, known := read(v)
			return known && slices.ContainsFunc(filters, func(f NumberFilter) bool { return f.holds(n) })
		})
	}
}

func (f NumberFilter) holds(n float64) bool {
	return (f.Lower == nil || n >= *f.Lower) && (f.Upper == nil || n <= *f.Upper)
}

func (m *Matcher[T]) ofPackages(read func(*T) []Package, filters []PackageFilter) {
	if read == nil {
		m.never = true
		return
	}
	m.tests = append(m.tests, func(v *T) bool {
		packages := read(v)
		return slices.ContainsFunc(filters, func(f PackageFilter) bool {
			return slices.ContainsFunc(packages, f.is)
		})
	})
}

func (f PackageFilter) is(p Package) bool {
	text := func(f *TextFilter, value string) bool { return f == nil || f.is(value) }
	return f.LambdaLayer == nil && (f.Epoch == nil || f.Epoch.holds(float64(p.Epoch))) &&
		text(f.Name, p.Name) && text(f.Version, p.Version) && text(f.Release, p.Release) &&
		text(f.Architecture, p.Arch) && text(f.Layer, p.Layer) && text(f.Path, p.Path)
}

// MatchText says whether a text is as filters want it; none want anything.
func MatchText(value string, filters []TextFilter) bool { return matchTexts([]string{value}, filters) }

// TitleMayMatch says whether the title of a finding, which begins with the id of
// its vulnerability, can be as filters want it.
func TitleMayMatch(id string, filters []TextFilter) bool {
	wanted := false
	for _, f := range filters {
		if f.Comparison == NotEquals {
			continue
		}
		wanted = true
		if strings.HasPrefix(f.Value, id) || f.Comparison == Prefix && strings.HasPrefix(id, f.Value) {
			return true
		}
	}
	return !wanted
}
