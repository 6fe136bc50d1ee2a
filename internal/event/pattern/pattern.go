// Package pattern holds EventBridge's event patterns: it compiles the JSON text
// of a pattern and says whether an event matches it.
//
// A pattern and an event are both seen as a set of fields, a field being the
// names on the way to a value joined by dots. A pattern matches if each of its
// fields finds a value that one of its alternatives accepts, where no two
// values are from different elements of one array. Patterns that use $or stand
// for several such sets, of which one has to match.
//
// It is pure. It must not know what events are about, nor what happens to the
// ones that match.
package pattern

import (
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Bounds of a pattern.
const (
	// MaxLength bounds the text, in characters, as the API's model does. It
	// bounds the depth, the fields and the values, too.
	MaxLength = 4096
	// maxFields bounds the fields of one combination.
	maxFields = 256
	// maxCombinations bounds what the alternatives of all $or multiply to.
	maxCombinations = 1000
	// maxEntries bounds the fields of all combinations, and with them memory.
	maxEntries = 1 << 15
)

// Pattern is a compiled event pattern. It may be used by many at once.
type Pattern struct {
	combinations []*combination
}

// Compile reads the text of a pattern. A pattern that is not valid is refused
// with registry.CodeInvalidEventPattern, in the words of EventBridge.
func Compile(text string) (*Pattern, error) {
	if utf8.RuneCountInString(text) > MaxLength {
		return nil, invalid("Event pattern is longer than 4096 characters")
	}
	if !utf8.ValidString(text) {
		return nil, invalid("Event pattern is not valid UTF-8")
	}
	c := newCompiler(text)
	c.compile()
	if c.err != nil && c.sawOr {
		// $or that does not read as the operator is a field like any other.
		if plain := newCompiler(text); plain.compilePlain() {
			c = plain
		}
	}
	if c.err != nil {
		return nil, invalid(c.err.Error())
	}
	p := &Pattern{}
	for _, branch := range c.branches {
		p.combinations = append(p.combinations, newCombination(branch))
	}
	return p, nil
}

// Matches decodes an event and matches it. To match one event with several
// patterns use Decode and Match.
func (p *Pattern) Matches(event []byte) (bool, error) {
	v, err := Decode(event)
	if err != nil {
		return false, err
	}
	return p.Match(v), nil
}

func invalid(reason string) *registry.Error {
	return registry.Errorf(registry.CodeInvalidEventPattern, "Event pattern is not valid. Reason: %s", reason)
}
