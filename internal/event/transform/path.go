package transform

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxPath bounds a JSON path, in characters.
const maxPath = 256

// path is a JSON path of the kind that EventBridge knows: members in dot
// notation, indices and wildcards.
type path struct {
	steps []step
	many  bool // it has a wildcard, so that it selects a list
}

// step goes to a member, to an element, or to all of them.
type step struct {
	name  string
	index int // -1: the member name; -2: all
}

const (
	byName = -1
	all    = -2
)

// parsePath reads a path. Brackets with quotes are no part of the language.
func parsePath(text string) (p path, ok bool) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok || utf8.RuneCountInString(text) > maxPath || !utf8.ValidString(text) {
		return path{}, false
	}
	for rest != "" {
		var s step
		if s, rest, ok = parseStep(rest); !ok {
			return path{}, false
		}
		p.steps = append(p.steps, s)
		p.many = p.many || s.index == all
	}
	return p, true
}

func parseStep(text string) (s step, rest string, ok bool) {
	switch text[0] {
	case '.':
		text = text[1:]
		end := strings.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		name := text[:end]
		if name == "*" {
			return step{index: all}, text[end:], true
		}
		return step{name: name, index: byName}, text[end:], name != "" && !strings.ContainsFunc(name, reserved)
	case '[':
		inner, rest, ok := strings.Cut(text[1:], "]")
		if inner == "*" {
			return step{index: all}, rest, ok
		}
		n, isIndex := parseIndex(inner)
		return step{index: n}, rest, ok && isIndex
	}
	return step{}, "", false
}

// reserved are characters that mean something in the full language of JSON paths,
// or that a name in dot notation does not have.
func reserved(c rune) bool {
	return c <= ' ' || c == 0x7f || strings.ContainsRune(`]'"()*?$,<>\`, c)
}

// parseIndex reads an index of at most six digits: no event has more elements.
func parseIndex(text string) (n int, ok bool) {
	if text == "" || len(text) > 6 {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, true
}

// unquoted is the text of a JSON string, empty if it is none.
func unquoted(s []byte) (text string) {
	inner := s[1 : len(s)-1]
	for _, c := range inner {
		if c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			if json.Unmarshal(s, &text) != nil {
				return ""
			}
			return text
		}
	}
	return string(inner)
}
