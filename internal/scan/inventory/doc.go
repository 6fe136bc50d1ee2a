// Package inventory says which packages a container image holds: those of operating systems and those of programming
// languages.
//
// It works in two steps, so that a layer shared by many images is read once:
//
//   - ReadLayer turns the byte stream of one layer into a LayerRecord: the packages of every package database in it
//     (with empty entries for databases that hold none) and of every language file (package.json, METADATA, archives,
//     programs), which files OS packages own, the os-release files, and what the layer hides of the layers below it. A
//     record depends on nothing but the layer's bytes, so it can be cached under the layer's digest and IndexerVersion
//     (MarshalBinary, UnmarshalBinary).
//   - Merge lays the records of an image's layers over each other, base first, as a union file system does, and gives
//     the Inventory: operating system and packages, each with the layer that brought it. Language packages that came with
//     an OS package say so (OwnedBy).
//
// Package databases are few, and the whole verdict rests on them: one that cannot be read fails the scan of images in
// which it is in force. Language files come by tens of thousands, tests bring broken ones on purpose, and each stands for
// itself: one that cannot be read is a Warning.
//
// The package reads the stream it is given and does no other I/O, but that archives and programs of more than a few
// megabytes, which are read back and forth, are held in a temporary file without a name (Limits.TempDir). It uses no
// network, no child processes, and no goroutines of its own. It does not know advisories (internal/scan/match does) and
// never decides whether an operating system is supported. Layers are hostile input: everything is bounded by Limits, and
// a layer that breaks them ends in an *Error that says why.
package inventory
