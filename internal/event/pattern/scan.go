package pattern

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// fault is what is wrong with a string or a number; noFault is nothing.
type fault uint8

const (
	noFault fault = iota
	unterminated
	controlCharacter
	badEscape
	badHexDigit
	endInEscape
	leadingZero
	noDigitAfterSign
	noDigitAfterPoint
	noDigitAfterExponent
)

// unquote reads the string whose opening quote is before i. It answers the
// position after the closing quote, or of what is wrong.
func unquote(text string, i int) (value string, end int, f fault) {
	for j := i; j < len(text); j++ {
		switch c := text[j]; {
		case c == '"':
			return text[i:j], j + 1, noFault
		case c == '\\':
			return unescape(text, i, j)
		case c < ' ':
			return "", j, controlCharacter
		}
	}
	return "", len(text), unterminated
}

// unescape reads on where the first escape is, at j.
func unescape(text string, i, j int) (value string, end int, f fault) {
	b := append(make([]byte, 0, j-i+32), text[i:j]...)
	for j < len(text) {
		switch c := text[j]; {
		case c == '"':
			return string(b), j + 1, noFault
		case c < ' ':
			return "", j, controlCharacter
		case c != '\\':
			b = append(b, c)
			j++
		default:
			var r rune
			if r, j, f = escaped(text, j+1); f != noFault {
				return "", j, f
			}
			b = utf8.AppendRune(b, r)
		}
	}
	return "", len(text), unterminated
}

// escaped reads what follows a backslash.
func escaped(text string, i int) (r rune, end int, f fault) {
	if i == len(text) {
		return 0, i, endInEscape
	}
	switch c := text[i]; c {
	case '"', '\\', '/':
		return rune(c), i + 1, noFault
	case 'u':
		return escapedUnit(text, i+1)
	default:
		if at := strings.IndexByte("bfnrt", c); at >= 0 {
			return rune("\b\f\n\r\t"[at]), i + 1, noFault
		}
		return 0, i, badEscape
	}
}

// escapedUnit reads four hexadecimal digits, and a second escape where the
// first is half of a pair. A lone half is no character.
func escapedUnit(text string, i int) (r rune, end int, f fault) {
	high, end, f := hexUnit(text, i)
	if f != noFault || !utf16.IsSurrogate(high) || !strings.HasPrefix(text[end:], `\u`) {
		return replaced(high), end, f
	}
	low, after, f := hexUnit(text, end+2)
	if f != noFault {
		return 0, after, f
	}
	if pair := utf16.DecodeRune(high, low); pair != utf8.RuneError {
		return pair, after, noFault
	}
	return utf8.RuneError, end, noFault
}

func replaced(unit rune) rune {
	if utf16.IsSurrogate(unit) {
		return utf8.RuneError
	}
	return unit
}

func hexUnit(text string, i int) (unit rune, end int, f fault) {
	for range 4 {
		if i == len(text) {
			return 0, i, endInEscape
		}
		digit := strings.IndexByte("0123456789abcdef", text[i]|0x20)
		// The bit that makes letters small makes digits of control characters.
		if digit < 0 || text[i] < '0' {
			return 0, i, badHexDigit
		}
		unit = unit<<4 | rune(digit)
		i++
	}
	return unit, i, noFault
}

// scanNumber goes over the number at i. It answers the position after it, or
// of what is wrong.
func scanNumber(text string, i int) (end int, f fault) {
	if text[i] == '-' {
		i++
		if i == len(text) || !isDigit(text[i]) {
			return i, noDigitAfterSign
		}
	}
	zero := text[i] == '0'
	i++
	if zero && i < len(text) && isDigit(text[i]) {
		return i, leadingZero
	}
	i = skipDigits(text, i)
	if i < len(text) && text[i] == '.' {
		i++
		if i == len(text) || !isDigit(text[i]) {
			return i, noDigitAfterPoint
		}
		i = skipDigits(text, i)
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if i == len(text) || !isDigit(text[i]) {
			return i, noDigitAfterExponent
		}
		i = skipDigits(text, i)
	}
	return i, noFault
}

func skipDigits(text string, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
