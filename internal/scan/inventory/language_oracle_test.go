package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	cpb "github.com/google/osv-scalibr/binary/proto/config_go_proto"
	"github.com/google/osv-scalibr/extractor/filesystem"
	"github.com/google/osv-scalibr/extractor/filesystem/language/dotnet/depsjson"
	"github.com/google/osv-scalibr/extractor/filesystem/language/python/wheelegg"
	"github.com/google/osv-scalibr/extractor/filesystem/language/ruby/gemspec"
	scalibrfs "github.com/google/osv-scalibr/fs"
)

// TestLanguagesAgreeWithScalibr reads an application's layer with osv-scalibr's extractors too, and the files of npm and
// Composer, whose extractors would need another module, as those do: with encoding/json. By design we differ in where a package.json counts,
// which the layer has no case of, and in .NET projects, which scalibr reports.
func TestLanguagesAgreeWithScalibr(t *testing.T) {
	layer := applicationLayer(t, 300)
	var ours []string
	for _, p := range merge(t, Layer{"", readLayer(t, layer)}).Packages {
		ours = append(ours, p.Path+" "+p.Name+" "+p.Version)
	}
	theirs := scalibrLanguages(t, layer)
	slices.Sort(ours)
	slices.Sort(theirs)
	if len(ours) < 300 || !slices.Equal(ours, theirs) {
		t.Errorf("%d packages, scalibr finds %d\n ours %q\ntheirs %q", len(ours), len(theirs), ours, theirs)
	}
}

func scalibrLanguages(t *testing.T, layer []byte) (found []string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	all := tar.NewReader(z)
	for {
		hdr, err := all.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		path := cleanPath(hdr.Name)
		if wantsNPM(path) || wantsComposer(path) {
			found = append(found, plainJSON(t, path, all)...)
			continue
		}
		x := scalibrLanguage(t, path)
		if x == nil {
			continue
		}
		inv, err := x.Extract(t.Context(), &filesystem.ScanInput{FS: scalibrfs.DirFS(t.TempDir()), Path: path, Reader: all, Info: hdr.FileInfo()})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, p := range inv.Packages {
			if m, ok := p.Metadata.(*depsjson.Metadata); ok && m.Type == "project" {
				continue
			}
			found = append(found, path+" "+p.Name+" "+p.Version)
		}
	}
}

func plainJSON(t *testing.T, path string, r io.Reader) (found []string) {
	t.Helper()
	type named struct{ Name, Version string }
	var file struct {
		named
		Packages []named
	}
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, p := range append(file.Packages, file.named) {
		if p.Name != "" && p.Version != "" {
			found = append(found, path+" "+p.Name+" "+p.Version)
		}
	}
	return found
}

func scalibrLanguage(t *testing.T, path string) filesystem.Extractor {
	t.Helper()
	var open func(*cpb.PluginConfig) (filesystem.Extractor, error)
	switch {
	case wantsPython(path):
		open = wheelegg.New
	case wantsGem(path):
		open = gemspec.New
	case wantsDotNet(path):
		open = depsjson.New
	default:
		return nil
	}
	x, err := open(&cpb.PluginConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}
