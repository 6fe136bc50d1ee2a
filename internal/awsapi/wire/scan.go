package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a body. The deepest ECR shape needs 8; what
// lies deeper is nested for its own sake.
const maxDepth = 64

// decoder reads one body from its beginning to its end.
type decoder struct {
	data  []byte
	pos   int
	depth int
}

func (d *decoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// peek answers the next byte that is not space, 0 at the end of the body.
func (d *decoder) peek() byte {
	d.space()
	if d.pos == len(d.data) {
		return 0
	}
	return d.data[d.pos]
}

func (d *decoder) unexpected() error {
	if d.pos >= len(d.data) {
		return errorf("Unexpected end of input")
	}
	return errorf("Unexpected character at position %d", d.pos)
}

func (d *decoder) expect(b byte) error {
	if d.peek() != b {
		return d.unexpected()
	}
	d.pos++
	return nil
}

// literal consumes word (true, false or null).
func (d *decoder) literal(word string) error {
	if !bytes.HasPrefix(d.data[d.pos:], []byte(word)) {
		return d.unexpected()
	}
	d.pos += len(word)
	return nil
}

// null consumes a null when one is next.
func (d *decoder) null() (bool, error) {
	if d.peek() != 'n' {
		return false, nil
	}
	return true, d.literal("null")
}

func (d *decoder) enter() error {
	if d.depth++; d.depth > maxDepth {
		return errorf("Nesting is deeper than %d levels", maxDepth)
	}
	d.pos++
	return nil
}

// more walks the elements of an object or a list: it answers false when end
// was consumed, and deals with the commas between elements.
func (d *decoder) more(first bool, end byte) (bool, error) {
	switch b := d.peek(); {
	case b == end:
		d.pos++
		d.depth--
		return false, nil
	case first:
		return true, nil
	case b == ',':
		d.pos++
		if d.peek() == end {
			return false, d.unexpected()
		}
		return true, nil
	default:
		return false, d.unexpected()
	}
}

// quoted consumes a string and answers what stands between its quotes, still
// escaped, and whether there is anything to unescape.
func (d *decoder) quoted() (raw []byte, escaped bool, err error) {
	start := d.pos + 1
	for i := start; ; {
		n := bytes.IndexByte(d.data[i:], '"')
		if n < 0 {
			d.pos = len(d.data)
			return nil, false, d.unexpected()
		}
		end := i + n
		// A quote ends the string unless an odd number of backslashes precedes it.
		slashes := 0
		for end-slashes > start && d.data[end-slashes-1] == '\\' {
			slashes++
		}
		i = end + 1
		if slashes%2 == 0 {
			raw = d.data[start:end]
			d.pos = i
			return raw, bytes.IndexByte(raw, '\\') >= 0, nil
		}
	}
}

// text consumes a string and answers its bytes, which may be part of the body.
func (d *decoder) text() ([]byte, error) {
	at := d.pos
	raw, escaped, err := d.quoted()
	if err != nil {
		return nil, err
	}
	for i, b := range raw {
		if b < ' ' {
			d.pos = at + 1 + i
			return nil, errorf("Control character in a string at position %d", d.pos)
		}
	}
	if !utf8.Valid(raw) {
		return nil, errorf("Invalid UTF-8 in the string at position %d", at)
	}
	if !escaped {
		return raw, nil
	}
	return unescape(raw, at)
}

func unescape(raw []byte, at int) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 {
			return append(out, raw...), nil
		}
		out = append(out, raw[:n]...)
		raw = raw[n+1:] // quoted saw to it that a byte follows
		var err error
		if out, raw, err = unescapeOne(out, raw, at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unescapeOne takes the escape at the start of raw, its backslash gone already.
func unescapeOne(out, raw []byte, at int) ([]byte, []byte, error) {
	bad := func() ([]byte, []byte, error) {
		return nil, nil, errorf("Invalid escape in the string at position %d", at)
	}
	switch raw[0] {
	case '"', '\\', '/':
		return append(out, raw[0]), raw[1:], nil
	case 'b':
		return append(out, '\b'), raw[1:], nil
	case 'f':
		return append(out, '\f'), raw[1:], nil
	case 'n':
		return append(out, '\n'), raw[1:], nil
	case 'r':
		return append(out, '\r'), raw[1:], nil
	case 't':
		return append(out, '\t'), raw[1:], nil
	case 'u':
	default:
		return bad()
	}
	r, ok := hex4(raw[1:])
	if !ok {
		return bad()
	}
	raw = raw[5:]
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r), raw, nil
	}
	// Half a surrogate pair is no character: a digest over the text would not
	// be the one that the client meant.
	if len(raw) < 2 || raw[0] != '\\' || raw[1] != 'u' {
		return bad()
	}
	low, ok := hex4(raw[2:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return bad()
	}
	return utf8.AppendRune(out, r), raw[6:], nil
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number consumes a number and answers its text and whether it is written
// with a fraction or an exponent.
func (d *decoder) number() (text []byte, fractional bool, err error) {
	start := d.pos
	if d.pos < len(d.data) && d.data[d.pos] == '-' {
		d.pos++
	}
	first := d.pos
	if n := d.digits(); n == 0 || n > 1 && d.data[first] == '0' {
		return nil, false, d.unexpected()
	}
	if d.pos < len(d.data) && d.data[d.pos] == '.' {
		fractional = true
		d.pos++
		if d.digits() == 0 {
			return nil, false, d.unexpected()
		}
	}
	if d.pos < len(d.data) && (d.data[d.pos] == 'e' || d.data[d.pos] == 'E') {
		fractional = true
		d.pos++
		if d.pos < len(d.data) && (d.data[d.pos] == '+' || d.data[d.pos] == '-') {
			d.pos++
		}
		if d.digits() == 0 {
			return nil, false, d.unexpected()
		}
	}
	return d.data[start:d.pos], fractional, nil
}

func (d *decoder) digits() int {
	start := d.pos
	for d.pos < len(d.data) && d.data[d.pos] >= '0' && d.data[d.pos] <= '9' {
		d.pos++
	}
	return d.pos - start
}

// skip passes over a value of any kind, checking only that it is JSON.
func (d *decoder) skip() error {
	switch b := d.peek(); {
	case b == '{' || b == '[':
		return d.skipNested(b)
	case b == '"':
		_, err := d.text()
		return err
	case b == '-' || b >= '0' && b <= '9':
		_, _, err := d.number()
		return err
	case b == 't':
		return d.literal("true")
	case b == 'f':
		return d.literal("false")
	case b == 'n':
		return d.literal("null")
	default:
		return d.unexpected()
	}
}

func (d *decoder) skipNested(open byte) error {
	if err := d.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.more(first, open+2) // '[' + 2 is ']' and '{' + 2 is '}'
		if err != nil || !more {
			return err
		}
		if open == '{' {
			if _, err := d.key(); err != nil {
				return err
			}
		}
		if err := d.skip(); err != nil {
			return err
		}
	}
}

// key consumes the name of a member and the colon behind it.
func (d *decoder) key() ([]byte, error) {
	if d.peek() != '"' {
		return nil, d.unexpected()
	}
	name, err := d.text()
	if err != nil {
		return nil, err
	}
	return name, d.expect(':')
}
