package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// jsonText goes through a JSON text in memory without building it: package files are read by their tens of thousands, and
// a few fields of each are wanted. Valid texts are understood as encoding/json does, but that the caller sees every one of
// several equal keys; in what is passed over faults are not looked for.
type jsonText struct {
	text []byte
	at   int
}

// errEnough is what a visitor answers to end the reading early. It reaches the caller of the outermost object or array.
var errEnough = errors.New("enough read")

// newJSON begins after a byte order mark, which some editors leave and npm allows.
func newJSON(text []byte) *jsonText {
	return &jsonText{text: bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))}
}

func (j *jsonText) broken(what string) error { return fmt.Errorf("JSON: %s at byte %d", what, j.at) }

// next gives the first byte of the next token without taking it, 0 at the end.
func (j *jsonText) next() byte {
	for ; j.at < len(j.text); j.at++ {
		switch c := j.text[j.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// object calls visit with every key; visit takes the value with one of the other methods. A value that is no object is
// skipped.
func (j *jsonText) object(visit func(key string) error) error {
	if j.next() != '{' {
		return j.skip()
	}
	return j.list('}', func() error {
		if j.next() != '"' {
			return j.broken("no key")
		}
		key, err := j.raw()
		if err != nil {
			return err
		}
		if j.next() != ':' {
			return j.broken("no colon")
		}
		j.at++
		name, err := unquoteJSON(key)
		if err != nil {
			return err
		}
		return visit(name)
	})
}

// array calls visit for every element, which visit takes. A value that is no array is skipped.
func (j *jsonText) array(visit func() error) error {
	if j.next() != '[' {
		return j.skip()
	}
	return j.list(']', visit)
}

// list reads elements with commas between them, from the opening bracket to the closing one.
func (j *jsonText) list(end byte, element func() error) error {
	j.at++
	if j.next() == end {
		j.at++
		return nil
	}
	for {
		before := j.at
		if err := element(); err != nil {
			return err
		}
		if j.at == before {
			return j.broken("no value")
		}
		switch j.next() {
		case ',':
			j.at++
		case end:
			j.at++
			return nil
		default:
			return j.broken("no comma or end")
		}
	}
}

// string takes a value and gives it if it is a string, and "" if it is something else.
func (j *jsonText) string() (string, error) {
	if j.next() != '"' {
		return "", j.skip()
	}
	raw, err := j.raw()
	if err != nil {
		return "", err
	}
	return unquoteJSON(raw)
}

// isTrue takes a value and says whether it is true.
func (j *jsonText) isTrue() (bool, error) {
	j.next()
	yes := bytes.HasPrefix(j.text[j.at:], []byte("true"))
	return yes, j.skip()
}

// raw takes a string and gives it with its quotes.
func (j *jsonText) raw() ([]byte, error) {
	start := j.at
	for i := start + 1; ; {
		n := bytes.IndexByte(j.text[i:], '"')
		if n < 0 {
			return nil, j.broken("string without an end")
		}
		i += n + 1
		if !escaped(j.text[start+1 : i-1]) {
			j.at = i
			return j.text[start:i], nil
		}
	}
}

// escaped says whether what follows text is escaped: by an odd number of backslashes.
func escaped(text []byte) bool {
	n := len(text)
	for n > 0 && text[n-1] == '\\' {
		n--
	}
	return (len(text)-n)%2 == 1
}

func unquoteJSON(raw []byte) (string, error) {
	body := raw[1 : len(raw)-1]
	if bytes.IndexByte(body, '\\') < 0 && utf8.Valid(body) {
		return string(body), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// skip takes any value. Brackets are counted, not matched: it needs no memory however deep they go.
func (j *jsonText) skip() error {
	switch c := j.next(); c {
	case 0:
		return j.broken("end of text where a value should be")
	case '"':
		_, err := j.raw()
		return err
	case '{', '[':
		return j.skipNested()
	case '}', ']', ',', ':':
		return j.broken("no value")
	}
	for j.at < len(j.text) {
		switch j.text[j.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return nil
		}
		j.at++
	}
	return nil
}

func (j *jsonText) skipNested() error {
	for depth := 0; j.at < len(j.text); {
		switch j.text[j.at] {
		case '"':
			if _, err := j.raw(); err != nil {
				return err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				j.at++
				return nil
			}
		}
		j.at++
	}
	return j.broken("end of text in an object or array")
}
