package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cpb "github.com/google/osv-scalibr/binary/proto/config_go_proto"
	"github.com/google/osv-scalibr/extractor/filesystem"
	"github.com/google/osv-scalibr/extractor/filesystem/os/apk"
	apkmeta "github.com/google/osv-scalibr/extractor/filesystem/os/apk/metadata"
	scalibrdpkg "github.com/google/osv-scalibr/extractor/filesystem/os/dpkg"
	dpkgmeta "github.com/google/osv-scalibr/extractor/filesystem/os/dpkg/metadata"
	"github.com/google/osv-scalibr/extractor/filesystem/os/rpm"
	rpmmeta "github.com/google/osv-scalibr/extractor/filesystem/os/rpm/metadata"
	scalibrfs "github.com/google/osv-scalibr/fs"
)

// TestAgreesWithScalibr reads every real database with osv-scalibr's extractors too: an independent opinion on our own
// parsers. They differ by design only in what scalibr leaves out.
func TestAgreesWithScalibr(t *testing.T) {
	for _, image := range images {
		t.Run(image.file, func(t *testing.T) {
			layer := layerFile(t, image.file)
			var ours []string
			for _, p := range merge(t, Layer{"", readLayer(t, layer)}).Packages {
				ours = append(ours, fmt.Sprint(p.Path, p.Name, " ", strings.TrimPrefix(p.Version, fmt.Sprintf("%d:", rpmEpoch(p))), " ", p.Epoch*isRPM(p), p.Arch))
			}
			theirs := scalibrPackages(t, layer)
			slices.Sort(ours)
			slices.Sort(theirs)
			if !slices.Equal(ours, theirs) {
				t.Errorf("%d packages, scalibr finds %d\n ours %q\ntheirs %q", len(ours), len(theirs), ours, theirs)
			}
		})
	}
}

func isRPM(p Package) int {
	if p.Kind == KindRPM {
		return 1
	}
	return 0
}

// rpmEpoch is the epoch that scalibr leaves out of the version.
func rpmEpoch(p Package) int {
	if p.Kind == KindRPM {
		return p.Epoch
	}
	return -1
}

func scalibrPackages(t *testing.T, layer []byte) []string {
	t.Helper()
	var found []string
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	all := tar.NewReader(z)
	for {
		hdr, err := all.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		path := cleanPath(hdr.Name)
		x := scalibrExtractor(t, path)
		if x == nil {
			continue
		}
		root := t.TempDir() // scalibr logs when it finds no os-release beside the database
		if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "etc/os-release"), []byte("ID=x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		inv, err := x.Extract(context.Background(), &filesystem.ScanInput{
			FS: scalibrfs.DirFS(root), Path: path, Reader: all, Info: hdr.FileInfo(),
		})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, p := range inv.Packages {
			epoch, arch := 0, ""
			switch m := p.Metadata.(type) {
			case *apkmeta.Metadata:
				arch = m.Architecture
			case *dpkgmeta.Metadata:
				arch = m.Architecture
			case *rpmmeta.Metadata:
				epoch, arch = m.Epoch, m.Architecture
			}
			found = append(found, fmt.Sprint(path, p.Name, " ", p.Version, " ", epoch, arch))
		}
	}
}

func scalibrExtractor(t *testing.T, path string) filesystem.Extractor {
	t.Helper()
	var open func(*cpb.PluginConfig) (filesystem.Extractor, error)
	switch {
	case wantsAPK(path):
		open = apk.New
	case wantsDpkg(path):
		open = scalibrdpkg.New
	case wantsRPM(path):
		open = rpm.New
	default:
		return nil
	}
	x, err := open(&cpb.PluginConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}
