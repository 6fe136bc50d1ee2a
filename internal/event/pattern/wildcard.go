package pattern

import (
	"fmt"
	"strings"
)

// wildcard is a text with asterisks: what stands before, between and after
// them. An asterisk stands for any characters or none.
type wildcard struct {
	parts []string
}

// parseWildcard answers what is wrong with the text, "" if nothing is.
// Positions count the quote before the text, as EventBridge counts.
func parseWildcard(text string) (w wildcard, problem string) {
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
			if i == len(text) || (text[i] != '*' && text[i] != '\\') {
				return wildcard{}, fmt.Sprintf("Invalid escape character at pos %d", i)
			}
			part.WriteByte(text[i])
		case c != '*':
			part.WriteByte(c)
		case strings.HasPrefix(text[i+1:], "*"):
			return wildcard{}, fmt.Sprintf("Consecutive wildcard characters at pos %d", i+1)
		default:
			w.parts = append(w.parts, part.String())
			part.Reset()
		}
	}
	w.parts = append(w.parts, part.String())
	return w, ""
}

func (w wildcard) accepts(n *node) bool {
	return n.kind == stringKind && w.matches(n.text)
}

// matches goes over the text once: the first place where a part fits is as
// good as any later one.
func (w wildcard) matches(text string) bool {
	last := len(w.parts) - 1
	if last == 0 {
		return text == w.parts[0]
	}
	text, ok := strings.CutPrefix(text, w.parts[0])
	if !ok {
		return false
	}
	text, ok = strings.CutSuffix(text, w.parts[last])
	if !ok {
		return false
	}
	for _, part := range w.parts[1:last] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}
