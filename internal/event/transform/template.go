package transform

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	maxTemplate  = 8192 // characters
	maxVariables = 100
	maxName      = 256 // bytes of a variable's name
)

// Variables that need no path.
const (
	ruleARN       = "aws.events.rule-arn"
	ruleName      = "aws.events.rule-name"
	ingestionTime = "aws.events.event.ingestion-time"
	eventOnly     = "aws.events.event"      // without its detail
	eventJSON     = "aws.events.event.json" // all of it
)

// template is a text with gaps. It is either JSON, or one or more lines that are
// JSON strings.
type template struct {
	isText    bool
	variables []variable
	pieces    []piece
	paths     tree
}

// variable is what fills gaps: what a path selects, or one of those that need
// none.
type variable struct {
	name string
	path int // its number in the tree
}

// piece is some text of a template and the gap behind it.
type piece struct {
	text     []byte
	variable int // -1: no gap
	quoted   bool
}

func compileTemplate(target string, t event.Transformer) (*template, error) {
	paths, err := compilePaths(target, t.Paths)
	if err != nil {
		return nil, err
	}
	if t.Template == "" {
		return nil, registry.Errorf(registry.CodeValidation, "1 validation error detected: Value '' at 'inputTransformer.inputTemplate' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if err := tooLong("inputTransformer.inputTemplate", t.Template, maxTemplate); err != nil {
		return nil, err
	}
	made := &template{}
	text := made.cut(t.Template)
	for i, v := range made.variables {
		switch v.name {
		case ruleARN, ruleName, ingestionTime:
		case eventOnly:
			made.addEnvelope(i)
		case eventJSON:
			made.variables[i].path = made.paths.add(path{})
			if !strings.HasPrefix(strings.TrimLeft(t.Template, space), "{") {
				return nil, registry.Errorf(registry.CodeValidation, "InputTemplate for target %s contains placeholder %s valid only for JSON template.", target, v.name)
			}
		default:
			p, ok := paths[v.name]
			if !ok {
				return nil, registry.Errorf(registry.CodeValidation, "InputTemplate for target %s contains invalid placeholder %s.", target, v.name)
			}
			made.variables[i].path = made.paths.add(p)
		}
	}
	if made.isText = isLines(text); !made.isText {
		if at := syntaxError(text); at != "" {
			return nil, registry.Errorf(registry.CodeValidation, "Invalid InputTemplate for target %s : %s.", target, at)
		}
		made.minify()
	}
	return made, nil
}

const space = " \t\r\n"

func compilePaths(target string, texts map[string]string) (map[string]path, error) {
	if len(texts) > maxVariables {
		return nil, registry.Errorf(registry.CodeValidation, "1 validation error detected: Value at 'inputTransformer.inputPathsMap' failed to satisfy constraint: Member must have length less than or equal to %d", maxVariables)
	}
	paths := make(map[string]path, len(texts))
	for name, text := range texts {
		if !isName(name) {
			return nil, registry.Errorf(registry.CodeValidation, "1 validation error detected: Value at 'inputTransformer.inputPathsMap' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [A-Za-z0-9\\_\\-]+]", maxName)
		}
		p, ok := parsePath(text)
		if !ok {
			return nil, invalidPath(target)
		}
		paths[name] = p
	}
	return paths, nil
}

func isName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsRune(name, '.') && strings.IndexFunc(name, notOfPlaceholder) < 0
}

func notOfPlaceholder(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

func tooLong(member, text string, limit int) error {
	if utf8.RuneCountInString(text) <= limit {
		return nil
	}
	return registry.Errorf(registry.CodeValidation, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", text, member, limit)
}

// cut takes a template apart. What it answers is the template as it is with null
// in its gaps: what its syntax is judged by.
func (t *template) cut(text string) (judged string) {
	var nulled strings.Builder
	quoted := false
	begin := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == '<':
			name, ok := placeholder(text[i:])
			if !ok {
				continue
			}
			t.pieces = append(t.pieces, piece{text: []byte(text[begin:i]), variable: t.variable(name), quoted: quoted})
			nulled.WriteString(text[begin:i])
			nulled.WriteString("null")
			i += len(name) + 1
			begin = i + 1
		}
	}
	t.pieces = append(t.pieces, piece{text: []byte(text[begin:]), variable: -1})
	nulled.WriteString(text[begin:])
	return nulled.String()
}

// placeholder answers the name in a text that begins with a placeholder.
func placeholder(text string) (name string, ok bool) {
	end := strings.IndexByte(text, '>')
	if end < 2 {
		return "", false
	}
	name = text[1:end]
	return name, strings.IndexFunc(name, notOfPlaceholder) < 0
}

func (t *template) variable(name string) int {
	if i := slices.IndexFunc(t.variables, func(v variable) bool { return v.name == name }); i >= 0 {
		return i
	}
	t.variables = append(t.variables, variable{name: name})
	return len(t.variables) - 1
}

// isLines says whether text is nothing but JSON strings with space between.
func isLines(text string) bool {
	doc := []byte(text)
	i := skipSpace(doc, 0)
	for begin := i; i < len(doc); begin = i {
		if i = skipString(doc, i); i < 0 || !json.Valid(doc[begin:i]) {
			return false
		}
		i = skipSpace(doc, i)
	}
	return strings.Trim(text, space) != ""
}

// minify removes the space between the tokens of a template that is JSON.
func (t *template) minify() {
	quoted := false
	for n := range t.pieces {
		text := t.pieces[n].text
		kept := text[:0]
		for i := 0; i < len(text); i++ {
			c := text[i]
			switch {
			case c == '"':
				quoted = !quoted
			case quoted && c == '\\' && i+1 < len(text):
				kept = append(kept, c)
				i++
				c = text[i]
			case !quoted && isSpace(c):
				continue
			}
			kept = append(kept, c)
		}
		t.pieces[n].text = kept
	}
}

// fill puts an event into the gaps. It is false when there is more than
// MaxResult.
func (t *template) fill(body []byte, v Variables) (made []byte, ok bool) {
	values, ok := t.values(body, v)
	if !ok {
		return nil, false
	}
	size := 0
	for _, p := range t.pieces {
		size += len(p.text)
		if p.variable >= 0 {
			size += len(values[p.variable])
		}
	}
	made = make([]byte, 0, min(size, MaxResult))
	for _, p := range t.pieces {
		made = append(made, p.text...)
		if p.variable < 0 {
			continue
		}
		if value := values[p.variable]; p.quoted {
			made = appendQuoted(made, value, t.isText)
		} else {
			made = appendMinified(made, value)
		}
		if len(made) > MaxResult {
			return nil, false
		}
	}
	if t.isText {
		return bytes.Trim(made, space), len(made) <= MaxResult
	}
	return made, len(made) <= MaxResult
}

// values are what the variables say, in JSON. What is not there is an empty
// string.
func (t *template) values(body []byte, is Variables) (values [][]byte, ok bool) {
	found, ok := t.paths.find(body)
	values = make([][]byte, len(t.variables))
	for i, v := range t.variables {
		switch v.name {
		case ruleARN:
			values[i] = quote(is.RuleARN)
		case ruleName:
			values[i] = quote(is.RuleName)
		case ingestionTime:
			values[i] = quote(is.IngestedAt.UTC().Format("2006-01-02T15:04:05Z"))
		case eventOnly:
			values[i] = withoutDetail(found[v.path:])
		default:
			if values[i] = found[v.path]; values[i] == nil {
				values[i] = []byte(`""`)
			}
		}
	}
	return values, ok
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return b
}

// envelope is what the event without its detail is made of: the members of the
// event, and what they are called then. EventBridge has them in this order, and
// the detail type under another name.
func envelope() [8][2]string {
	return [...][2]string{
		{"id", "id"}, {"account", "account"}, {"detail-type", "detailType"}, {"time", "time"},
		{"source", "source"}, {"region", "region"}, {"resources", "resources"}, {"version", "version"},
	}
}

// addEnvelope takes in the paths to the members, one after the other.
func (t *template) addEnvelope(variable int) {
	for i, names := range envelope() {
		number := t.paths.add(path{steps: []step{{name: names[0], index: byName}}})
		if i == 0 {
			t.variables[variable].path = number
		}
	}
}

// withoutDetail is the event without its detail, of its members in order.
func withoutDetail(members [][]byte) []byte {
	b := append(make([]byte, 0, 512), '{')
	for i, names := range envelope() {
		if members[i] == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), names[1]...), `":`...)
		b = append(b, members[i]...)
	}
	return append(b, '}')
}

// appendQuoted puts a value between the quotes of a template. A text loses its
// own quotes. An object or list becomes JSON in a string; in a template of lines
// it loses the quotes within instead, as in EventBridge: {state:RUNNING}.
func appendQuoted(b, value []byte, isText bool) []byte {
	switch value[0] {
	case '"':
		return append(b, value[1:len(value)-1]...)
	case '{', '[':
		return appendFlat(b, value, isText)
	}
	return append(b, value...)
}

func appendFlat(b, value []byte, isText bool) []byte {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			quoted = !quoted
			if !isText {
				b = append(b, `\"`...)
			}
		case c == '\\' && i+1 < len(value):
			i++
			if isText {
				b = append(b, c, value[i])
			} else {
				b = appendEscaped(append(b, `\\`...), value[i])
			}
		case quoted || !isSpace(c):
			b = append(b, c)
		}
		if len(b) > MaxResult {
			return b // too large already: what is missing does not matter
		}
	}
	return b
}

// appendEscaped appends the character behind a backslash within JSON in a string.
func appendEscaped(b []byte, c byte) []byte {
	if c == '"' || c == '\\' {
		b = append(b, '\\')
	}
	return append(b, c)
}
