package inventory

import (
	"errors"
	"fmt"
	"testing"
)

// TestAnImageIsBoundedAsAWhole: its layers are bounded one by one, and it costs
// nothing to name the same one again.
func TestAnImageIsBoundedAsAWhole(t *testing.T) {
	packages := func(n int) *LayerRecord {
		f := File{Path: "lib/apk/db/installed", Kind: KindAPK}
		for i := range n {
			f.Packages = append(f.Packages, Package{Name: fmt.Sprintf("p%06d", i), Version: "1", Kind: KindAPK})
		}
		return &LayerRecord{Files: []File{f}}
	}
	paths := func(n int) *LayerRecord { return &LayerRecord{Paths: make([]uint64, n)} }
	for name, layers := range map[string]func(n int) (string, *LayerRecord){
		"layers":   func(n int) (string, *LayerRecord) { return "same", paths(1) },
		"paths":    func(n int) (string, *LayerRecord) { return fmt.Sprint(n), paths(2_000_000) },
		"packages": func(int) (string, *LayerRecord) { return "same", packages(maxInstalled + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			var s Stack
			var err error
			for n := 0; err == nil && n < maxLayers+1 && (name != "packages" || n == 0); n++ {
				digest, record := layers(n)
				if err = s.Add(digest, record); err == nil && s.Known(digest) == nil {
					t.Fatal("a layer that was added is not known")
				}
			}
			if err == nil {
				_, err = s.Merge()
			}
			var fault *Error
			if !errors.As(err, &fault) || !errors.Is(err, ErrLimit) {
				t.Errorf("%v, want a limit", err)
			}
		})
	}
}

// TestALayerMayBeInAnImageTwice: the second time it replaces what came between.
func TestALayerMayBeInAnImageTwice(t *testing.T) {
	record := func(version string) *LayerRecord {
		return &LayerRecord{
			Paths: []uint64{hashPath("lib/apk/db/installed")},
			Files: []File{{Path: "lib/apk/db/installed", Kind: KindAPK, Packages: []Package{{Name: "p", Version: version, Kind: KindAPK}}}},
		}
	}
	var s Stack
	first := record("1")
	for _, l := range []Layer{{"a", first}, {"b", record("2")}, {"a", first}} {
		if err := s.Add(l.Digest, l.Record); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := s.Merge()
	if err != nil || len(inv.Packages) != 1 || inv.Packages[0].Version != "1" || len(s.Digests()) != 3 {
		t.Errorf("%+v, %v", inv, err)
	}
}
