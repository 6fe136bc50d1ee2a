// Package outbound is the one way out of the server: every address that is
// called because somebody has configured or sent it is dialled here, after it
// was resolved and checked against the networks that are off limits.
//
// It must not know who is called or why.
package outbound
