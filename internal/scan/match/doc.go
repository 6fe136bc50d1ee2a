// Package match says which advisories an inventory is affected by, why others do
// not hold for it, and which operating systems an engine scans.
//
// It computes: advisories come through Lookup, versions are compared by the
// rules of each distribution and language, and the answer depends on nothing
// else. It does not fetch, store or time anything; a Matcher keeps only what
// makes the next answer cheaper.
package match
