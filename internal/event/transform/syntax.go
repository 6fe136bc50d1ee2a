package transform

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxSource bounds how much of a text that is no JSON is told, in characters.
const maxSource = 500

// syntaxError says where a text stops to be JSON, as EventBridge's JSON parser
// does: the column is that behind the token that is wrong. Of JSON it is empty.
func syntaxError(text string) string {
	var wrong *json.SyntaxError
	if err := json.Unmarshal([]byte(text), new(json.RawMessage)); err == nil {
		return ""
	} else if !errors.As(err, &wrong) {
		wrong = &json.SyntaxError{Offset: int64(len(text))}
	}
	at := int(wrong.Offset)
	for at > 0 && at < len(text) && isWord(text[at-1]) && isWord(text[at]) {
		at++
	}
	begin := at
	if at > 0 && at < len(text) && text[at-1] == '\n' {
		begin-- // a line break within a string is what is wrong, and ends no line
	}
	line := 1 + strings.Count(text[:begin], "\n")
	column := 1 + utf8.RuneCountInString(text[strings.LastIndexByte(text[:begin], '\n')+1:at])
	return fmt.Sprintf("[Source: (String)%s; line: %d, column: %d]", source(text), line, column)
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func source(text string) string {
	runes := 0
	for i := range text {
		if runes == maxSource {
			return fmt.Sprintf(`"%s"[truncated %d chars]`, text[:i], utf8.RuneCountInString(text[i:]))
		}
		runes++
	}
	return `"` + text + `"`
}
