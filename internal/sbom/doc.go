// Package sbom turns inventories into software bills of materials and back:
// CycloneDX and SPDX, both as JSON.
//
// Write makes a document of an inventory; the same one gives the same bytes.
// Parse reads the documents of others as well as ours, as a stream and within
// limits: what it cannot identify by a package URL is counted, not guessed.
//
// It must not read files or ask anybody over the network, and it does not know
// advisories: package report adds findings to a document.
package sbom
