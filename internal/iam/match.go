package iam

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// In a compiled pattern two bytes that never occur in UTF-8 stand for the
// wildcards, so that what a variable or an escape puts there is always meant
// literally.
const (
	manyMark = "\xfe" // *
	oneMark  = "\xff" // ?
	one      = '\xff'
)

// glob is a compiled pattern: a text with wildcards, or one with policy
// variables that only the request fills in.
type glob struct {
	form   globForm
	text   string   // of exact and prefix
	parts  []string // of general: what is between the stars
	pieces []piece  // of variable
}

type globForm int

const (
	exact globForm = iota
	prefix
	anything
	general
	variable
)

// piece is a part of a pattern with variables.
type piece struct {
	text string // marked; what is written where the variable is unknown
	key  string // of a variable, lower-case
}

// values are the values of condition keys of a request.
type values map[string][]string

// single answers the value of a key that has exactly one: others cannot stand
// in a pattern.
func (v values) single(key string) (string, bool) {
	if all := v[key]; len(all) == 1 {
		return all[0], true
	}
	return "", false
}

// compileGlob compiles a pattern. wild says whether * and ? are wildcards,
// variables whether ${…} is one.
func compileGlob(pattern string, wild, variables bool) (glob, error) {
	pieces, err := splitPieces(pattern, wild, variables)
	if err != nil {
		return glob{}, err
	}
	if len(pieces) == 1 && pieces[0].key == "" {
		return markedGlob(pieces[0].text), nil
	}
	return glob{form: variable, pieces: pieces}, nil
}

// markedGlob is the glob of a pattern whose wildcards are marks.
func markedGlob(marked string) glob {
	stars := strings.Count(marked, manyMark)
	switch {
	case stars == len(marked) && stars > 0:
		return glob{form: anything}
	case strings.Contains(marked, oneMark):
	case stars == 0:
		return glob{form: exact, text: marked}
	case stars == 1 && strings.HasSuffix(marked, manyMark):
		return glob{form: prefix, text: marked[:len(marked)-1]}
	}
	return glob{form: general, parts: strings.Split(marked, manyMark)}
}

// splitPieces marks the wildcards of a pattern and cuts it at its variables.
// Neighbouring texts are one piece.
func splitPieces(pattern string, wild, variables bool) ([]piece, error) {
	mark := func(s string) string { return s }
	if wild {
		mark = strings.NewReplacer("*", manyMark, "?", oneMark).Replace
	}
	var pieces []piece
	var text strings.Builder
	for variables {
		before, rest, found := strings.Cut(pattern, "${")
		if !found {
			break
		}
		inside, after, found := strings.Cut(rest, "}")
		if !found || inside == "" {
			return nil, errors.New("a policy variable does not end, or has no name")
		}
		text.WriteString(mark(before))
		pattern = after
		if inside == "*" || inside == "?" || inside == "$" {
			text.WriteString(inside)
			continue
		}
		pieces = append(pieces, piece{text: text.String()}, variablePiece(inside))
		text.Reset()
	}
	text.WriteString(mark(pattern))
	return append(pieces, piece{text: text.String()}), nil
}

// variablePiece is ${key} or ${key, 'default'}.
func variablePiece(inside string) piece {
	key, fallback, found := strings.Cut(inside, ",")
	fallback = strings.TrimSpace(fallback)
	if found && len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		return piece{key: strings.ToLower(strings.TrimSpace(key)), text: fallback[1 : len(fallback)-1]}
	}
	return piece{key: strings.ToLower(inside), text: "${" + inside + "}"}
}

// expand fills in the variables of a pattern. One that the request does not
// know stays as it is written, which no ARN matches.
func (g glob) expand(v values) string {
	var marked strings.Builder
	for _, p := range g.pieces {
		value, known := "", false
		if p.key != "" {
			value, known = v.single(p.key)
		}
		if known {
			marked.WriteString(strings.ToValidUTF8(value, string(utf8.RuneError)))
		} else {
			marked.WriteString(p.text)
		}
	}
	return marked.String()
}

// conditional says whether the pattern depends on more than what it is compared
// with.
func (g glob) conditional() bool { return g.form == variable }

// match compares a whole string. It takes at most as many steps as the product
// of both lengths, and for patterns without ? a sum.
func (g *glob) match(s string, v values) bool {
	switch g.form {
	case exact:
		return s == g.text
	case prefix:
		return strings.HasPrefix(s, g.text)
	case anything:
		return true
	case general:
		return matchParts(g.parts, s)
	default: // variable
		filled := markedGlob(g.expand(v))
		return filled.match(s, v)
	}
}

// matchParts matches what is between stars: the first part at the beginning,
// the last at the end, those between where they are found first. That is never
// worse than finding them later, so nothing is tried twice.
func matchParts(parts []string, s string) bool {
	n, ok := matchAt(parts[0], s)
	if !ok {
		return false
	}
	if len(parts) == 1 {
		return n == len(s)
	}
	s = s[n:]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		end := find(part, s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return matchEnd(parts[last], s)
}

// matchAt matches a part at the beginning and answers how much of s it took.
func matchAt(part, s string) (int, bool) {
	n := 0
	for i := range len(part) {
		switch {
		case n >= len(s):
			return 0, false
		case part[i] == one:
			_, width := utf8.DecodeRuneInString(s[n:])
			n += width
		case part[i] != s[n]:
			return 0, false
		default:
			n++
		}
	}
	return n, true
}

// find answers where the first occurrence of a part ends, -1 for nowhere.
func find(part, s string) int {
	if !strings.Contains(part, oneMark) {
		i := strings.Index(s, part)
		if i < 0 {
			return -1
		}
		return i + len(part)
	}
	for i := 0; i < len(s); {
		if n, ok := matchAt(part, s[i:]); ok {
			return i + n
		}
		_, width := utf8.DecodeRuneInString(s[i:])
		i += width
	}
	return -1
}

// matchEnd matches a part with the end of s.
func matchEnd(part, s string) bool {
	if !strings.Contains(part, oneMark) {
		return strings.HasSuffix(s, part)
	}
	spare := utf8.RuneCountInString(s) - utf8.RuneCountInString(part)
	for ; spare > 0; spare-- {
		_, width := utf8.DecodeRuneInString(s)
		s = s[width:]
	}
	n, ok := matchAt(part, s)
	return ok && n == len(s)
}

// actionPattern matches actions, whatever the case.
type actionPattern struct {
	glob
	written string
}

func compileAction(pattern string) (actionPattern, error) {
	if !actionGrammar(pattern) {
		return actionPattern{}, errors.New("must be * or service:Action, with * and ? as wildcards")
	}
	g, err := compileGlob(strings.ToLower(pattern), true, false)
	return actionPattern{glob: g, written: pattern}, err
}

// actionGrammar says whether something is "*" or "service:Action".
func actionGrammar(s string) bool {
	if s == "*" {
		return true
	}
	service, action, ok := strings.Cut(s, ":")
	return ok && service != "" && action != "" && onlyOf(service, "-*?") && onlyOf(action, "*?")
}

// onlyOf says whether s is made of ASCII letters, digits and others alone.
func onlyOf(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// matches compares an action without a copy of it, but for rare patterns.
func (a *actionPattern) matches(action string) bool {
	switch a.form {
	case exact:
		return len(action) == len(a.text) && equalFold(a.text, action)
	case prefix:
		return len(action) >= len(a.text) && equalFold(a.text, action[:len(a.text)])
	case anything:
		return true
	default:
		return matchParts(a.parts, strings.ToLower(action))
	}
}

// equalFold compares a lower-case text with one of the same length.
func equalFold(lower, s string) bool {
	for i := range len(lower) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
