package transform

import "bytes"

// The functions here go over JSON without making anything of it. Of what is no
// JSON they find nothing, or something that is none; they never leave the text.

// children tells the children of an object or list that begins where doc does,
// with keys in quotes, until tell answers false. What is neither has none.
func children(doc []byte, tell func(key, value []byte) bool) {
	if doc[0] != '{' && doc[0] != '[' {
		return
	}
	object := doc[0] == '{'
	for i := skipSpace(doc, 1); i < len(doc) && doc[i] != '}' && doc[i] != ']'; {
		var key []byte
		if object {
			end := skipString(doc, i)
			if end < 0 {
				return
			}
			key = doc[i:end]
			if i = skipSpace(doc, end); i >= len(doc) || doc[i] != ':' {
				return
			}
			i = skipSpace(doc, i+1)
		}
		end := skipValue(doc, i)
		if end < 0 || !tell(key, doc[i:end]) {
			return
		}
		if i = skipSpace(doc, end); i < len(doc) && doc[i] == ',' {
			i = skipSpace(doc, i+1)
		} else {
			return
		}
	}
}

func skipSpace(doc []byte, i int) int {
	for i < len(doc) && isSpace(doc[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipString answers where a string that begins at i has ended, -1 if never.
func skipString(doc []byte, i int) int {
	if i >= len(doc) || doc[i] != '"' {
		return -1
	}
	for i++; i < len(doc); i++ {
		n := bytes.IndexByte(doc[i:], '"')
		if n < 0 {
			return -1
		}
		escape := bytes.IndexByte(doc[i:i+n], '\\')
		if escape < 0 {
			return i + n + 1
		}
		i += escape + 1 // of the character that is escaped
	}
	return -1
}

// skipValue answers where a value that begins at i has ended, -1 if never.
func skipValue(doc []byte, i int) int {
	depth := 0
	for i < len(doc) {
		switch doc[i] {
		case '"':
			if i = skipString(doc, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth--; depth < 0 {
				return -1
			}
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return -1
			}
			i++
			continue
		default:
			for i < len(doc) && isScalar(doc[i]) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

// isScalar says whether a number or a word can go on with c.
func isScalar(c byte) bool {
	switch c {
	case '"', '{', '}', '[', ']', ',', ':', ' ', '\n', '\r', '\t':
		return false
	}
	return true
}

// appendMinified appends a value without the space between its tokens.
func appendMinified(b, value []byte) []byte {
	if value[0] != '{' && value[0] != '[' {
		return append(b, value...)
	}
	for i := 0; i < len(value); {
		end := i + 1
		if value[i] == '"' {
			if end = skipString(value, i); end < 0 {
				end = len(value)
			}
		}
		if !isSpace(value[i]) {
			b = append(b, value[i:end]...)
		}
		i = end
	}
	return b
}
