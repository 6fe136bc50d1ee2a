// Package pattern holds EventBridge's event patterns: it compiles the JSON text
// of a pattern and says whether an event matches it.
//
// It is pure. It must not know what events are about, nor what happens to the
// ones that match.
package pattern
