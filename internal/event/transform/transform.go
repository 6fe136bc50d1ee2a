// Package transform makes the input of a target out of an event, as rules of
// EventBridge say: a constant, a part of the event, or a template that parts of
// it are put into.
//
// It is pure, and must not know what targets are.
package transform
