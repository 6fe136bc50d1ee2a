// Package sample gives the demo and the tests something true to scan where no
// larger data is at hand: the advisories that touch the packages of a released
// Alpine root filesystem, and that filesystem's package database. It prefers
// the shared data beside the repository, then the public OSV bucket, then the
// facts that it carries itself, and always says which it took.
//
// It must not import internal packages.
package sample
