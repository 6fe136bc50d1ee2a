package event

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// encoded is v in JSON as AWS writes it: without the escapes that make JSON
// safe in HTML. Values are ours and always encode.
func encoded(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("event: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// appendString appends s in quotes.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return append(b, encoded(s)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendMember appends a member that is not the first.
func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}
