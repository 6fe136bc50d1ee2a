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
	"bytes"
	"encoding/json"
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
	path     *path
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
		in.path = &p
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
// makes null. Errors: Validation, when there is more than MaxResult.
func (in *Input) Apply(body []byte, v Variables) ([]byte, error) {
	switch {
	case in.constant != nil:
		return in.constant, nil
	case in.path != nil:
		return in.selected(body), nil
	case in.template != nil:
		made, ok := in.template.fill(body, v)
		if !ok {
			return nil, registry.Errorf(registry.CodeValidation, "The transformed input for target %s is larger than %d bytes.", in.target, MaxResult)
		}
		return made, nil
	}
	return body, nil
}

func (in *Input) selected(body []byte) []byte {
	found, ok := in.path.find(body)
	if !ok {
		return []byte("null")
	}
	return singleLine(found)
}

// Expand answers what an HTTP parameter's value is for an event: where it is a
// JSON path, and nothing besides, what the path selects, as text, or nothing if
// there is no such thing; else the value itself.
func Expand(value string, body []byte) string {
	p, ok := parsePath(value)
	if !ok {
		return value
	}
	found, ok := p.find(body)
	if !ok {
		return ""
	}
	if found[0] == '"' {
		text, _ := unquoted(found)
		return text
	}
	return string(singleLine(found))
}

// singleLine is JSON without line breaks: only space between tokens can have any.
func singleLine(text []byte) []byte {
	if !bytes.ContainsAny(text, "\r\n") {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}
