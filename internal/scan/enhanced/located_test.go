package enhanced

import (
	"slices"
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

func TestLayersOfPackagesComeBack(t *testing.T) {
	for _, layers := range [][]string{nil, {"sha256:a"}, {"a", "a", "b", "a", "a", "a", "", "c"}} {
		packages := make([]inventory.Package, len(layers))
		for i := range layers {
			packages[i].Layer = layers[i]
		}
		got, err := decodeLayers(encodeLayers(packages))
		if err != nil || !slices.Equal(got, layers) {
			t.Errorf("%q came back as %q, %v", layers, got, err)
		}
	}
	if got, err := decodeLayers(nil); got != nil || err != nil {
		t.Errorf("nothing: %q, %v", got, err)
	}
}

// FuzzDecodeLayers: what a bad disk has left is an error, or no more than there can
// be.
func FuzzDecodeLayers(f *testing.F) {
	f.Add(encodeLayers([]inventory.Package{{Layer: "a"}, {Layer: "b"}, {Layer: "b"}}))
	f.Add([]byte{1, 1, 1, 'a', 0x80, 0xad, 0xe2, 4, 0}) // ten million packages
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		layers, err := decodeLayers(b)
		if err == nil && len(layers) > maxEncodedPackages {
			t.Errorf("%d layers", len(layers))
		}
	})
}
