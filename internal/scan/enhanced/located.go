package enhanced

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// layersVersion is the first byte of encoded layers.
const layersVersion = 1

// maxEncodedPackages is more than any inventory holds.
const maxEncodedPackages = 10_000_000

var errLayers = errors.New("enhanced: the layers of a coverage cannot be read")

// encodeLayers says for each package of an inventory, in its order, which layer
// brought it. Packages that follow each other mostly came in one layer: runs of
// them are counted.
func encodeLayers(packages []inventory.Package) []byte {
	var digests []string
	type run struct{ layer, length int }
	var runs []run
	for i := range packages {
		at := slices.Index(digests, packages[i].Layer)
		if at < 0 {
			at = len(digests)
			digests = append(digests, packages[i].Layer)
		}
		if n := len(runs); n > 0 && runs[n-1].layer == at {
			runs[n-1].length++
		} else {
			runs = append(runs, run{at, 1})
		}
	}
	b := binary.AppendUvarint([]byte{layersVersion}, uint64(len(digests)))
	for _, d := range digests {
		b = append(binary.AppendUvarint(b, uint64(len(d))), d...)
	}
	for _, r := range runs {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(r.length)), uint64(r.layer))
	}
	return b
}

// decodeLayers reads what encodeLayers made; nothing decodes to none.
func decodeLayers(b []byte) ([]string, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] != layersVersion {
		return nil, errLayers
	}
	b = b[1:]
	number := func() (n int, ok bool) {
		v, size := binary.Uvarint(b)
		if size <= 0 || v > maxEncodedPackages {
			return 0, false
		}
		b = b[size:]
		return int(v), true
	}
	count, ok := number()
	if !ok || count > len(b) {
		return nil, errLayers
	}
	digests := make([]string, count)
	for i := range digests {
		size, ok := number()
		if !ok || size > len(b) {
			return nil, errLayers
		}
		digests[i], b = string(b[:size]), b[size:]
	}
	var layers []string
	for len(b) > 0 {
		length, ok := number()
		layer, also := number()
		if !ok || !also || layer >= len(digests) || len(layers)+length > maxEncodedPackages {
			return nil, errLayers
		}
		for range length {
			layers = append(layers, digests[layer])
		}
	}
	return layers, nil
}
