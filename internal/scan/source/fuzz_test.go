package source_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/source"
)

// FuzzFile: any file, taken for anything that it can be, gives an inventory or
// an error, in bounded memory and time.
func FuzzFile(f *testing.F) {
	layer := emptyLayer(f, "etc/os-release")
	img := imageOf(f, layer)
	dir := f.TempDir()
	writeLayout(f, filepath.Join(dir, "layout"), map[string]v1.Image{"1": img})
	tarOf(f, filepath.Join(dir, "layout"), filepath.Join(dir, "layout.tar"))
	archive, err := os.ReadFile(filepath.Join(dir, "layout.tar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		archive, gzipped(f, archive), oldDockerArchive(f, img, layer), layer, gzipped(f, layer),
		[]byte(`{"bomFormat":"CycloneDX","components":[]}`), {0xfd, '7', 'z', 'X', 'Z', 0}, []byte("BZh9"), {0x28, 0xb5, 0x2f, 0xfd},
	} {
		f.Add(seed)
	}
	options := source.Options{
		Offline: true, Bill: sbom.Limits{Bytes: 1 << 20},
		Limits: inventory.Limits{Entries: 1000, FileBytes: 1 << 20, TotalBytes: 4 << 20, Packages: 1000, Time: 5 * time.Second},
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, scheme := range []string{"", "oci-archive:", "docker-archive:", "rootfs:", "sbom:"} {
			images, err := source.Read(t.Context(), scheme+path, options)
			if err == nil && (len(images) != 1 || images[0].Inventory == nil) || err != nil && err.Error() == "" {
				t.Fatalf("%s: %d images, %v", scheme, len(images), err)
			}
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data) {
			t.Fatal("the file was changed")
		}
	})
}
