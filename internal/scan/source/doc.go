// Package source turns what people call an image into its inventory, without a
// registry of ours: an OCI layout, a docker archive, a root filesystem, an image
// in any registry, a bill of materials.
//
// Layers are read as streams, several at a time, and checked against their
// digests; their records are kept on disk by digest. Nothing is unpacked but
// archives that are compressed as a whole, which are held in a temporary file.
//
// It must not know advisories, nor the store of a registry: package scan reads
// those images.
package source
