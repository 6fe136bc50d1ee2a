// Package external has scanners of others scan images, by the pluggable scanner
// API of Harbor (1.1): adapters for many scanners speak it. A Client asks one
// adapter; a Scanner does jobs, each of which is one step of a scan, so that
// nobody waits while the adapter works.
//
// It must not know how scanners are configured or credentials made, and calls
// nobody but through the guard that it is given.
package external
