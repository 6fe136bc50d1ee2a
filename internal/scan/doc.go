// Package scan decides what happens to an image that is to be scanned: it
// reads the layers that have not been read before, merges what they hold into
// an inventory, matches that against the advisories and stores the outcome as
// a snapshot. A fault of the image ends in a FAILED scan that says why; a fault
// of ours is tried again.
//
// What is in a layer is package inventory's business, where advisories come
// from is package advisory's, and what affects what is package match's. The
// package must not know any transport, and it must not decide who may scan.
package scan
