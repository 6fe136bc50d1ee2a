// Package report shows findings: as a table to people, as JSON of a stable form
// to programs, as SARIF to code scanning, and as CycloneDX to those who keep
// bills of materials.
//
// It must not find anything itself, read files, or ask anybody over the network.
// The same report gives the same bytes.
package report
