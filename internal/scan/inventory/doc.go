// Package inventory says which packages a container image holds.
//
// It works in two steps, so that a layer shared by many images is read once:
//
//   - ReadLayer turns the byte stream of one layer into a LayerRecord: the packages of every package database in it
//     (with empty entries for databases that hold none), the os-release files, and what the layer hides of the layers
//     below it. A record depends on nothing but the layer's bytes, so it can be cached under the layer's digest and
//     IndexerVersion (MarshalBinary, UnmarshalBinary).
//   - Merge lays the records of an image's layers over each other, base first, as a union file system does, and gives
//     the Inventory: operating system and packages, each with the layer that brought it.
//
// The package does no I/O but reading the stream it is given: no files, no network, no child processes, and no
// goroutines of its own. It does not know advisories (internal/scan/match does) and never decides whether an operating
// system is supported. Layers are hostile input: everything is bounded by Limits, and a layer that breaks them ends in
// an *Error that says why.
package inventory
