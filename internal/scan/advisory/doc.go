// Package advisory knows what vulnerability advisories look like (OSV records),
// where they come from (feeds: exports over HTTP or in a directory, Amazon
// Linux's repositories, CISA's catalogue, EPSS, signed bundles), how they are
// handed on (Exporter, WriteBundle) and what a store of them has to promise
// (Store).
//
// It does not decide which package is vulnerable: that is package match. It
// does not know SQL either: adapters implement Store and prove it with
// advisorytest.
package advisory
