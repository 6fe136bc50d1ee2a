// Package transform makes the input of a target out of an event, as rules of
// EventBridge say: a constant, a part of the event, or a template that parts of
// it are put into.
//
// It is pure, and must not know what targets are.
//
// Where EventBridge would make something that is no JSON, such as a template that
// puts a text with quotes between quotes, the text is escaped here: what is made
// of JSON is JSON.
package transform

import (
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
)

// MaxResult bounds what Apply makes, in bytes.
const MaxResult = 256 << 10

// Input makes what a target gets. It is safe for concurrent use.
type Input struct {
	target   string // its id
	constant []byte
	path     *tree
	template *template
}

// Variables are what an input may say besides what is in the event.
type Variables struct {
	RuleARN    string
	RuleName   string
	IngestedAt time.Time
}

// Compile checks how a target wants its input. Errors: Validation.
func Compile(t event.Target) (*Input, error) {
	in := &Input{target: t.ID}
	if err := onlyOne(t); err != nil {
		return nil, err
	}
	switch {
	case t.Input != "":
		if err := tooLong("input", t.Input, maxTemplate); err != nil {
			return nil, err
		}
		if at := syntaxError(t.Input); at != "" {
			return nil, registry.Errorf(registry.CodeValidation, "JSON syntax error in input for target %s: %s", t.ID, at)
		}
		in.constant = []byte(t.Input)
	case t.InputPath != "":
		p, ok := parsePath(t.InputPath)
		if !ok {
			return nil, invalidPath(t.ID)
		}
		in.path = &tree{}
		in.path.add(p)
	case t.Transformer != nil:
		made, err := compileTemplate(t.ID, *t.Transformer)
		if err != nil {
			return nil, err
		}
		in.template = made
	}
	return in, nil
}

func onlyOne(t event.Target) error {
	set := 0
	for _, is := range [...]bool{t.Input != "", t.InputPath != "", t.Transformer != nil} {
		if is {
			set++
		}
	}
	if set > 1 {
		return registry.TargetInputTwice(t.ID)
	}
	return nil
}

func invalidPath(target string) error {
	return registry.Errorf(registry.CodeValidation, "InputPath for target %s is invalid.", target)
}

// Apply makes the input out of an event in JSON. Neither is modified; the result
// may be the event itself. Of an event without what an input path selects it
// makes null. Errors: Validation, when it would be more than MaxResult, or take
// too much work.
func (in *Input) Apply(body []byte, v Variables) ([]byte, error) {
	made, ok := body, true
	switch {
	case in.constant != nil:
		made = in.constant
	case in.path != nil:
		made, ok = in.selected(body)
	case in.template != nil:
		made, ok = in.template.fill(body, v)
	}
	if !ok {
		return nil, registry.Errorf(registry.CodeValidation, "The input for target %s that would be made of the event is too large: at most %d bytes.", in.target, MaxResult)
	}
	return made, nil
}

func (in *Input) selected(body []byte) (made []byte, ok bool) {
	found, ok := in.path.find(body)
	if !ok || found[0] == nil {
		return []byte("null"), ok
	}
	made = appendMinified(make([]byte, 0, len(found[0])), found[0])
	return made, len(made) <= MaxResult
}

// MaxExpanded bounds what the JSON paths of all HTTP parameters of a message
// come to, in bytes, and expandReadings how often an event is read for them.
const (
	MaxExpanded    = 64 << 10
	expandReadings = 4 * maxReadings
)

// Expander makes the values of the HTTP parameters of a message.
type Expander struct {
	body []byte
	cost *cost
	left int
}

// NewExpander makes one for an event in JSON.
func NewExpander(body []byte) *Expander {
	return &Expander{body: body, cost: costOf(body, expandReadings), left: MaxExpanded}
}

// Expand answers what an HTTP parameter's value is for the event: where it is a
// JSON path, and nothing besides, what the path selects, as text, or nothing if
// there is no such thing; else the value itself. It is false when this and what
// was asked before come to more than MaxExpanded, or to too much work.
func (x *Expander) Expand(value string) (text string, ok bool) {
	p, ok := parsePath(value)
	if !ok {
		return value, true
	}
	var t tree
	t.add(p)
	found, ok := t.findWithin(x.body, x.cost)
	switch {
	case !ok:
		return "", false
	case found[0] == nil:
		return "", true
	case len(found[0]) > 6*x.left+2: // even if it is escaped from end to end
		return "", false
	case found[0][0] == '"':
		text = unquoted(found[0])
	default:
		text = string(appendMinified(nil, found[0]))
	}
	x.left -= len(text)
	return text, x.left >= 0
}
