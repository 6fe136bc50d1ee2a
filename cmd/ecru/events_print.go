package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// shownEvent is what people are told of an event.
type shownEvent struct {
	DetailType string `json:"detail-type"`
	Source     string
	Time       string
	Resources  []string
	Detail     map[string]any
}

// eventLine words an event for people: when, what, of which image, and how it
// went.
func eventLine(body string) string {
	e, ok := readEvent(body)
	if !ok {
		return printable(body)
	}
	line := fmt.Sprintf("%s  %-18s  %s  %s", e.Time, e.DetailType, e.subject(), e.outcome())
	return printable(strings.TrimRight(line, " "))
}

// eventSubject words an event in short.
func eventSubject(body string) string {
	e, ok := readEvent(body)
	if !ok {
		return "-"
	}
	return printable(e.DetailType + " " + e.subject())
}

func readEvent(body string) (e shownEvent, ok bool) {
	return e, json.Unmarshal([]byte(body), &e) == nil
}

func (e shownEvent) text(member string) string {
	text, _ := e.Detail[member].(string)
	return text
}

// subject is what an event is about: REPOSITORY:TAG@DIGEST where it is an
// image, else its resource or who sent it.
func (e shownEvent) subject() string {
	name := e.text("repository-name")
	if _, repository, arn := strings.Cut(name, ":repository/"); arn {
		name = repository
	}
	if name == "" && len(e.Resources) > 0 {
		return e.Resources[0]
	}
	if name == "" {
		return e.Source
	}
	tag := e.text("image-tag")
	if tags, _ := e.Detail["image-tags"].([]any); len(tags) > 0 {
		tag = strings.Join(texts(tags), ",")
	}
	if tag != "" {
		name += ":" + tag
	}
	if digest := e.text("image-digest"); digest != "" {
		name += "@" + shortDigest(digest)
	}
	return name
}

func texts(values []any) []string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// shortDigest is the algorithm and the first 12 digits.
func shortDigest(digest string) string {
	if i := strings.IndexByte(digest, ':'); i >= 0 && len(digest) > i+13 {
		return digest[:i+13]
	}
	return digest
}

// outcome is what was done and how it went.
func (e shownEvent) outcome() string {
	var words []string
	for _, member := range []string{"action-type", "target-storage-class", "scan-status", "sync-status", "status", "severity", "title", "result"} {
		if text := e.text(member); text != "" {
			words = append(words, text)
		}
	}
	counts, _ := e.Detail["finding-severity-counts"].(map[string]any)
	for _, severity := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s=%v", severity, counts[severity]))
	}
	return strings.Join(words, " ")
}

// onOneLine is a JSON text without line breaks.
func onOneLine(body string) json.RawMessage {
	var line bytes.Buffer
	if json.Compact(&line, []byte(body)) == nil {
		return line.Bytes()
	}
	quoted, _ := json.Marshal(body) // a text always encodes
	return quoted
}

// printable takes what could act on a terminal out of a text: events may come
// from anybody who may send them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
