package pattern

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Bounds of an event document. The limit of what PutEvents takes is lower and
// is not looked after here; this one keeps memory in bounds.
const (
	maxEvent      = 1 << 20
	maxEventDepth = 1000
)

// kind is the kind of a JSON value.
type kind uint8

const (
	nullKind kind = iota
	trueKind
	falseKind
	numberKind
	stringKind
	arrayKind
	objectKind
)

// node is one value of an event. The nodes of an event stand in the order of
// the document: what a container holds follows it, up to its end.
type node struct {
	key  string // of a member of an object
	text string // of a string, without quotes and escapes, and of a number
	end  int32
	kind kind
}

// Value is a decoded event.
type Value struct {
	nodes []node
}

// Decode reads an event, once for any number of patterns.
func Decode(event []byte) (Value, error) {
	d := decoder{text: string(event)}
	if err := d.document(); err != nil {
		return Value{}, &registry.Error{Code: registry.CodeValidation, Message: "Parameter Event is not valid.", Err: err}
	}
	return Value{d.nodes}, nil
}

var (
	errNotJSON   = errors.New("the event is not JSON")
	errNotObject = errors.New("the event is not an object")
	errTooLarge  = errors.New("the event is too large")
	errTooDeep   = errors.New("the event is nested too deeply")
	errNotUTF8   = errors.New("the event is not UTF-8")
)

type decoder struct {
	text  string
	at    int
	depth int
	nodes []node
}

func (d *decoder) document() error {
	switch {
	case len(d.text) > maxEvent:
		return errTooLarge
	case !utf8.ValidString(d.text):
		return errNotUTF8
	case d.peek() != '{':
		return errNotObject
	}
	// Events are some twenty bytes a value; a guess saves copying.
	d.nodes = make([]node, 0, len(d.text)/20+8)
	if err := d.value(""); err != nil {
		return err
	}
	if d.peek(); d.at != len(d.text) {
		return errNotJSON
	}
	return nil
}

// peek skips white space and answers the byte behind it, 0 at the end.
func (d *decoder) peek() byte {
	for d.at < len(d.text) {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return c
		}
	}
	return 0
}

// take says whether a byte comes next, and goes over it.
func (d *decoder) take(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.at++
	return true
}

// value reads a value, which is the member key of an object unless it is not.
func (d *decoder) value(key string) error {
	i := len(d.nodes)
	d.nodes = append(d.nodes, node{key: key})
	var n node
	var err error
	switch c := d.peek(); c {
	case '{':
		n.kind, err = objectKind, d.nested(d.object)
	case '[':
		n.kind, err = arrayKind, d.nested(d.array)
	case '"':
		n.kind = stringKind
		n.text, err = d.string()
	case 't':
		n.kind, err = trueKind, d.literal("true")
	case 'f':
		n.kind, err = falseKind, d.literal("false")
	case 'n':
		n.kind, err = nullKind, d.literal("null")
	default:
		n.kind = numberKind
		n.text, err = d.number(c)
	}
	n.key, n.end = key, int32(len(d.nodes))
	d.nodes[i] = n
	return err
}

func (d *decoder) nested(read func() error) error {
	if d.depth++; d.depth > maxEventDepth {
		return errTooDeep
	}
	d.at++
	err := read()
	d.depth--
	return err
}

func (d *decoder) object() error {
	if d.take('}') {
		return nil
	}
	for {
		if d.peek() != '"' {
			return errNotJSON
		}
		key, err := d.string()
		if err != nil {
			return err
		}
		if !d.take(':') {
			return errNotJSON
		}
		if err := d.value(key); err != nil {
			return err
		}
		if d.take('}') {
			return nil
		}
		if !d.take(',') {
			return errNotJSON
		}
	}
}

func (d *decoder) array() error {
	if d.take(']') {
		return nil
	}
	for {
		if err := d.value(""); err != nil {
			return err
		}
		if d.take(']') {
			return nil
		}
		if !d.take(',') {
			return errNotJSON
		}
	}
}

func (d *decoder) string() (string, error) {
	value, end, f := unquote(d.text, d.at+1)
	if f != noFault {
		return "", errNotJSON
	}
	d.at = end
	return value, nil
}

func (d *decoder) literal(text string) error {
	if !strings.HasPrefix(d.text[d.at:], text) {
		return errNotJSON
	}
	d.at += len(text)
	return nil
}

func (d *decoder) number(c byte) (string, error) {
	if c != '-' && !isDigit(c) {
		return "", errNotJSON
	}
	end, f := scanNumber(d.text, d.at)
	if f != noFault {
		return "", errNotJSON
	}
	text := d.text[d.at:end]
	d.at = end
	return text, nil
}
