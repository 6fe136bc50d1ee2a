package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// token is what the lexer reads at once.
type token uint8

const (
	// broken is what follows an error, for ever.
	broken token = iota
	endOfText
	startObject
	endObject
	startArray
	endArray
	fieldName
	stringToken
	numberToken
	trueToken
	falseToken
	nullToken
)

func (t token) number() bool { return t == numberToken }

// lexer reads JSON token by token. It stops where the parser stops that
// EventBridge uses, so that errors name the same line and column: a string's
// text is not read before it is asked for, and a field's name takes the first
// token of its value along. Who gets a stringToken asks for its text, or gives
// up, before going on.
type lexer struct {
	source string
	at     int
	open   []container

	token    token
	deferred token  // after a fieldName
	name     string // of the latest fieldName
	text     string // of a scalar
	unread   bool   // the string that at points into is to be read

	err error // the first
}

// container is an object or an array that is not closed yet.
type container struct {
	object bool
	start  int
	filled bool
}

func (c container) String() string {
	if c.object {
		return "Object"
	}
	return "Array"
}

const validValues = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

// next goes to the next token.
func (l *lexer) next() token {
	if l.token == fieldName {
		return l.arrive(l.deferred)
	}
	if l.err != nil {
		return broken
	}
	c, ok := l.skipSpace()
	if !ok {
		return l.atEnd()
	}
	if c == ']' || c == '}' {
		return l.close(c)
	}
	if len(l.open) > 0 {
		in := &l.open[len(l.open)-1]
		if in.filled {
			if c, ok = l.comma(c, in); !ok {
				return broken
			}
		}
		in.filled = true
		if in.object {
			return l.field(c)
		}
		if c == '}' {
			return l.unexpected(c, "expected a value")
		}
	}
	return l.arrive(l.value(c))
}

// arrive makes a token the current one.
func (l *lexer) arrive(t token) token {
	if l.err != nil {
		t = broken
	}
	if t == startObject || t == startArray {
		l.open = append(l.open, container{object: t == startObject, start: l.at - 1})
	}
	l.token = t
	return t
}

func (l *lexer) atEnd() token {
	if len(l.open) == 0 {
		l.token = endOfText
		return endOfText
	}
	in := l.open[len(l.open)-1]
	return l.fail(fmt.Sprintf("Unexpected end-of-input: expected close marker for %s (start marker at %s)", in, l.location(in.start)))
}

func (l *lexer) close(c rune) token {
	kind, expected, start := "root", map[rune]rune{']': '}', '}': ']'}[c], -1
	if len(l.open) > 0 {
		in := l.open[len(l.open)-1]
		if in.object == (c == '}') {
			l.open = l.open[:len(l.open)-1]
			if in.object {
				return l.arrive(endObject)
			}
			return l.arrive(endArray)
		}
		kind, start = in.String(), in.start
	}
	return l.fail(fmt.Sprintf("Unexpected close marker '%c': expected '%c' (for %s starting at %s)", c, expected, kind, l.location(start)))
}

// comma goes over the comma before another entry, and answers what follows.
func (l *lexer) comma(c rune, in *container) (rune, bool) {
	if c != ',' {
		l.unexpected(c, fmt.Sprintf("was expecting comma to separate %s entries", in))
		return 0, false
	}
	return l.between(in)
}

func (l *lexer) between(in *container) (rune, bool) {
	c, ok := l.skipSpace()
	if !ok {
		l.fail(fmt.Sprintf("Unexpected end-of-input within/between %s entries", in))
	}
	return c, ok
}

// field reads a name and the beginning of its value.
func (l *lexer) field(c rune) token {
	if c != '"' {
		return l.unexpected(c, "was expecting double-quote to start field name")
	}
	in := &l.open[len(l.open)-1]
	l.name = l.quoted("name", " in field name")
	if l.err != nil {
		return broken
	}
	c, ok := l.between(in)
	if !ok {
		return broken
	}
	if c != ':' {
		return l.unexpected(c, "was expecting a colon to separate field name and value")
	}
	if c, ok = l.between(in); !ok {
		return broken
	}
	l.deferred = l.value(c)
	return l.arrive(fieldName)
}

// value reads the beginning of a value, which is all of it but for strings
// and containers.
func (l *lexer) value(c rune) token {
	switch {
	case c == '"':
		l.unread = true
		return stringToken
	case c == '[':
		return startArray
	case c == '{':
		return startObject
	case c == '-' || ('0' <= c && c <= '9'):
		return l.numeral()
	case unicode.IsLetter(c) || c == '_' || c == '$':
		return l.word()
	default:
		return l.unexpected(c, "expected a valid value "+validValues)
	}
}

func (l *lexer) word() token {
	_, size := utf8.DecodeLastRuneInString(l.source[:l.at])
	start := l.at - size
	rest := l.source[start:]
	end := strings.IndexFunc(rest, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$'
	})
	if end >= 0 {
		rest = rest[:end]
	}
	l.at, l.text = start+len(rest), rest
	switch rest {
	case "true":
		return trueToken
	case "false":
		return falseToken
	case "null":
		return nullToken
	}
	if runes := []rune(rest); len(runes) > 256 {
		rest = string(runes[:256]) + "..."
	}
	return l.fail(fmt.Sprintf("Unrecognized token '%s': was expecting %s", rest, validValues))
}

func (l *lexer) numeral() token {
	start := l.at - 1
	end, f := scanNumber(l.source, start)
	l.at = end
	l.text = l.source[start:end]
	comments := map[fault]string{
		noDigitAfterSign:     "expected digit (0-9) to follow minus sign, for valid numeric value",
		noDigitAfterPoint:    "Decimal point not followed by a digit",
		noDigitAfterExponent: "Exponent indicator not followed by a digit",
	}
	switch {
	case f == noFault:
		return numberToken
	case f == leadingZero:
		return l.fail("Invalid numeric value: Leading zeroes not allowed")
	case end == len(l.source):
		return l.fail("Unexpected end-of-input: " + comments[f])
	default:
		c := l.take()
		return l.failBefore(c, fmt.Sprintf("Unexpected character (%s) in numeric value: %s", describe(c), comments[f]))
	}
}

// read reads the string whose opening quote was the latest token.
func (l *lexer) read() {
	l.unread = false
	l.text = l.quoted("string value", ": was expecting closing quote for a string value")
}

// quoted reads a string, of which errors speak as what.
func (l *lexer) quoted(what, missing string) string {
	value, end, f := unquote(l.source, l.at)
	l.at = end
	switch f {
	case noFault:
		return value
	case unterminated:
		l.fail("Unexpected end-of-input" + missing)
		return ""
	case endInEscape:
		l.fail("Unexpected end-of-input in character escape sequence")
		return ""
	default:
	}
	c := l.take()
	switch f {
	case controlCharacter:
		l.failBefore(c, fmt.Sprintf("Illegal unquoted character (%s): has to be escaped using backslash to be included in %s", describe(c), what))
	case badHexDigit:
		l.unexpected(c, "expected a hex-digit for character escape sequence")
	default:
		l.failBefore(c, fmt.Sprintf("Unrecognized character escape %s", describe(c)))
	}
	return ""
}

// string is the text of the current token.
func (l *lexer) string() string {
	switch l.token {
	case stringToken:
		if l.unread {
			l.read()
		}
		return l.text
	case startObject:
		return "{"
	case endObject:
		return "}"
	case startArray:
		return "["
	case endArray:
		return "]"
	case fieldName:
		return l.name
	default:
		return l.text
	}
}

// skipSpace goes over white space and the character behind it.
func (l *lexer) skipSpace() (rune, bool) {
	for l.at < len(l.source) {
		switch c := l.take(); {
		case c == '/':
			l.unexpected(c, "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)")
			return 0, true
		case c > ' ':
			return c, true
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			l.fail(fmt.Sprintf("Illegal character (%s): only regular white space (\\r, \\n, \\t) is allowed between tokens", describe(c)))
			return 0, true
		}
	}
	return 0, false
}

func (l *lexer) take() rune {
	c, size := utf8.DecodeRuneInString(l.source[l.at:])
	l.at += size
	return c
}

// fail stops at where the lexer is. Only the first error counts.
func (l *lexer) fail(message string) token {
	return l.failWithout(message + "\n at " + l.location(l.at))
}

// failBefore stops at the character that was taken last.
func (l *lexer) failBefore(c rune, message string) token {
	return l.failWithout(message + "\n at " + l.location(l.at-utf8.RuneLen(c)))
}

// failWithout stops without saying where.
func (l *lexer) failWithout(message string) token {
	if l.err == nil {
		l.err = errors.New(message)
	}
	return broken
}

func (l *lexer) unexpected(c rune, comment string) token {
	return l.failBefore(c, fmt.Sprintf("Unexpected character (%s): %s", describe(c), comment))
}

func describe(c rune) string {
	switch {
	case unicode.IsControl(c):
		return fmt.Sprintf("(CTRL-CHAR, code %d)", c)
	case c > 255:
		return fmt.Sprintf("'%c' (code %d / 0x%x)", c, c, c)
	default:
		return fmt.Sprintf("'%c' (code %d)", c, c)
	}
}

// location is a place in the text as Jackson writes it. Columns count UTF-16
// units, as Java does; -1 is before the text.
func (l *lexer) location(at int) string {
	line, column := 1, 0
	if at >= 0 {
		before := l.source[:at]
		before = strings.ReplaceAll(before, "\r\n", "\n")
		before = strings.ReplaceAll(before, "\r", "\n")
		line += strings.Count(before, "\n")
		column = 1 + len(utf16.Encode([]rune(before[strings.LastIndexByte(before, '\n')+1:])))
	}
	return fmt.Sprintf("[Source: (String)%s; line: %d, column: %d]", quoteSource(l.source), line, column)
}

// quoteSource shows the beginning of a text, control characters escaped.
func quoteSource(source string) string {
	const shown = 500
	units := utf16.Encode([]rune(source))
	var cut string
	if over := len(units) - shown; over > 0 {
		cut = fmt.Sprintf("[truncated %d chars]", over)
		source = string(utf16.Decode(units[:shown]))
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range source {
		if unicode.IsControl(c) && c != '\n' && c != '\r' {
			fmt.Fprintf(&b, `\u%04X`, c)
		} else {
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String() + cut
}
