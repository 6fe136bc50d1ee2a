package inventory

import (
	"context"
	"errors"
	"io"
)

// ReadLayer reads one layer, whatever its media type claims: gzip, zstd or plain tar. It always reads r to its end
// unless it fails. A layer that cannot be scanned gives an *Error; a failing reader or a cancelled context gives that
// error.
func ReadLayer(ctx context.Context, r io.Reader, lim Limits) (*LayerRecord, error) {
	return nil, errors.New("inventory: being written")
}

// Layer is one layer of an image for Merge.
type Layer struct {
	Digest string
	Record *LayerRecord
}

// Merge lays layers over each other, base first. It fails with an *Error when a package database that is in force in
// the image could not be read.
func Merge(layers []Layer) (*Inventory, error) { return nil, errors.New("inventory: being written") }
