package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	fakeregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/ulikunitz/xz"

	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/source"
	"github.com/ecru-registry/ecru/test/fixture"
)

// rootfs answers a real root filesystem as an uncompressed tar.
func rootfs(t testing.TB, path string) []byte {
	t.Helper()
	packed, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	var r io.Reader
	if strings.HasSuffix(path, ".xz") {
		r, err = xz.NewReader(packed)
	} else {
		r, err = gzip.NewReader(packed)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sharedImages(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixture.Shared(t), "images", "*.tar.*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d images: %v", len(files), err)
	}
	return files
}

func alpine(t testing.TB) string {
	t.Helper()
	return filepath.Join(fixture.Shared(t), "images", "alpine-minirootfs-3.20.3-x86_64.tar.gz")
}

// imageOf makes an image of layers.
func imageOf(t testing.TB, layers ...[]byte) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, data := range layers {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	return withPlatform(t, img, "linux", "amd64")
}

func withPlatform(t testing.TB, img v1.Image, system, arch string) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = system, arch
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// writeLayout writes images as an OCI layout, each under its tag.
func writeLayout(t testing.TB, dir string, images map[string]v1.Image) {
	t.Helper()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range slices.Sorted(func(yield func(string) bool) {
		for tag := range images {
			if !yield(tag) {
				return
			}
		}
	}) {
		if err := l.AppendImage(images[tag], layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
			t.Fatal(err)
		}
	}
}

// tarOf packs a directory.
func tarOf(t testing.TB, dir, to string) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, out.Bytes())
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpackTo makes a root filesystem of a tar.
func unpackTo(t testing.TB, data []byte, dir string) {
	t.Helper()
	archive := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeSymlink:
			os.MkdirAll(filepath.Dir(path), 0o755)
			err = os.Symlink(h.Linkname, path)
		case tar.TypeReg:
			content, readErr := io.ReadAll(archive)
			if readErr != nil {
				t.Fatal(readErr)
			}
			writeFile(t, path, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func serve(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(fakeregistry.New(fakeregistry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func push(t testing.TB, to string, img remote.Taggable) {
	t.Helper()
	ref, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	switch img := img.(type) {
	case v1.Image:
		err = remote.Write(ref, img)
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, where string, o source.Options) *source.Image {
	t.Helper()
	images, err := source.Read(t.Context(), where, o)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if len(images) != 1 {
		t.Fatalf("%s: %d images", where, len(images))
	}
	return images[0]
}

// bare is an inventory without the layers, which not all kinds of image have.
func bare(inv *inventory.Inventory) *inventory.Inventory {
	out := *inv
	out.Packages = slices.Clone(inv.Packages)
	for i := range out.Packages {
		out.Packages[i].Layer = ""
	}
	return &out
}

// TestSameInventoryEitherWay: whichever way a real root filesystem comes, its
// inventory is the same.
func TestSameInventoryEitherWay(t *testing.T) {
	registry := serve(t)
	for _, path := range sharedImages(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, dir := rootfs(t, path), t.TempDir()
			record, err := inventory.ReadLayer(t.Context(), bytes.NewReader(data), inventory.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want, err := inventory.Merge([]inventory.Layer{{Record: record}})
			if err != nil {
				t.Fatal(err)
			}
			img := imageOf(t, data)
			at := func(name string) string { return filepath.Join(dir, name) }
			writeLayout(t, at("layout"), map[string]v1.Image{"1": img})
			tarOf(t, at("layout"), at("layout.tar"))
			packed, _ := os.ReadFile(at("layout.tar"))
			writeFile(t, at("layout.tar.gz"), gzipped(t, packed))
			tag, _ := name.NewTag("example.test/app:1")
			if err := tarball.WriteToFile(at("docker.tar"), tag, img); err != nil {
				t.Fatal(err)
			}
			writeFile(t, at("old.tar"), oldDockerArchive(t, img, data))
			unpackTo(t, data, at("root"))
			writeFile(t, at("root.tar"), data)
			push(t, registry+"/app:1", img)
			for _, f := range []sbom.Format{sbom.CycloneDX, sbom.SPDX} {
				var out bytes.Buffer
				if err := sbom.Write(&out, sbom.Document{Inventory: want}, f); err != nil {
					t.Fatal(err)
				}
				writeFile(t, at(string(f)+".json"), out.Bytes())
			}
			for where, kind := range map[string]source.Kind{
				path: source.Rootfs, at("root.tar"): source.Rootfs, at("root"): source.Rootfs, "rootfs:" + at("root"): source.Rootfs,
				at("layout"): source.OCI, at("layout") + ":1": source.OCI, "oci:" + at("layout"): source.OCI,
				at("layout.tar"): source.OCIArchive, at("layout.tar.gz"): source.OCIArchive,
				at("docker.tar"): source.DockerArchive, "docker-archive:" + at("docker.tar") + ":example.test/app:1": source.DockerArchive, at("old.tar"): source.DockerArchive,
				registry + "/app:1": source.Registry, "registry:" + registry + "/app:1": source.Registry,
				at("cyclonedx.json"): source.SBOM, at("spdx.json"): source.SBOM,
			} {
				got := read(t, where, source.Options{})
				if got.Kind != kind {
					t.Errorf("%s is taken for %s, not %s", where, got.Kind, kind)
				}
				have, wanted := bare(got.Inventory), bare(want)
				if kind == source.SBOM {
					have.OS, wanted.OS, have.Databases, wanted.Databases = inventory.OSRelease{ID: have.OS.ID, VersionID: have.OS.VersionID}, inventory.OSRelease{ID: wanted.OS.ID, VersionID: wanted.OS.VersionID}, nil, nil
					for i := range have.Packages {
						have.Packages[i].Maintainer = ""
					}
					for i := range wanted.Packages {
						wanted.Packages[i].Maintainer = ""
					}
				}
				if diff := gocmp.Diff(wanted, have); diff != "" {
					t.Errorf("%s (-want +got):\n%s", where, diff)
				}
			}
		})
	}
}

// oldDockerArchive is what docker save wrote before version 25: layers as plain
// archives in directories of their own; one that comes twice is a link.
func oldDockerArchive(t testing.TB, img v1.Image, layer []byte) []byte {
	t.Helper()
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h tar.Header, data []byte) {
		h.Size, h.Mode = int64(len(data)), 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	add(tar.Header{Name: "aaaa/", Typeflag: tar.TypeDir}, nil)
	add(tar.Header{Name: "aaaa/layer.tar", Typeflag: tar.TypeReg}, layer)
	add(tar.Header{Name: "bbbb/layer.tar", Typeflag: tar.TypeSymlink, Linkname: "../aaaa/layer.tar"}, nil)
	add(tar.Header{Name: "config.json", Typeflag: tar.TypeReg}, config)
	add(tar.Header{Name: "manifest.json", Typeflag: tar.TypeReg}, []byte(`[{"Config":"config.json","RepoTags":["app:1"],"Layers":["bbbb/layer.tar"]}]`))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestOtherTools: layouts and archives that skopeo writes, where it is installed.
func TestOtherTools(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}
	dir := t.TempDir()
	writeLayout(t, filepath.Join(dir, "layout"), map[string]v1.Image{"1": imageOf(t, rootfs(t, alpine(t)))})
	from := "oci:" + filepath.Join(dir, "layout") + ":1"
	want := bare(read(t, from, source.Options{}).Inventory)
	for to, where := range map[string]string{
		"docker-archive:" + dir + "/docker.tar:example.test/app:2": dir + "/docker.tar:example.test/app:2",
		"oci-archive:" + dir + "/oci.tar:3":                        dir + "/oci.tar:3",
		"oci:" + dir + "/copy:latest":                              dir + "/copy",
	} {
		command := exec.Command(skopeo, "--insecure-policy", "copy", "--quiet", from, to)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if diff := gocmp.Diff(want, bare(read(t, where, source.Options{}).Inventory)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", where, diff)
		}
	}
}

// emptyLayer is a layer with one file.
func emptyLayer(t testing.TB, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("x"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func indexOf(t testing.TB, architectures ...string) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, arch := range architectures {
		arch, variant, _ := strings.Cut(arch, "/")
		img := withPlatform(t, imageOf(t, emptyLayer(t, "for-"+arch+variant)), "linux", arch)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch, Variant: variant}}})
	}
	attestation := imageOf(t, emptyLayer(t, "attestation"))
	return mutate.AppendManifests(index, mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}, Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
	}})
}

// TestPlatforms: one image of an index is picked, or all, or a clear error.
func TestPlatforms(t *testing.T) {
	registry, dir := serve(t), t.TempDir()
	push(t, registry+"/multi:1", indexOf(t, "amd64", "arm64", "arm/v6", "arm/v7"))
	push(t, registry+"/only:1", indexOf(t, "riscv64"))
	push(t, registry+"/foreign:1", indexOf(t, "s390x", "ppc64le"))
	if _, err := layout.Write(dir, indexOf(t, "amd64", "arm64")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ where, platform, want string }{
		{registry + "/multi:1", "linux/arm64", "linux/arm64"},
		{registry + "/multi:1", "linux/arm64/v8", "linux/arm64"},
		{registry + "/multi:1", "linux/arm/v7", "linux/arm"},
		{registry + "/only:1", "", "linux/riscv64"},
		{dir, "linux/arm64", "linux/arm64"},
	} {
		if got := read(t, c.where, source.Options{Platform: c.platform}); got.Platform != c.want {
			t.Errorf("%s for %q: %s", c.where, c.platform, got.Platform)
		}
	}
	for _, c := range []struct{ where, platform, want string }{
		{registry + "/multi:1", "linux/mips", "not there for linux/mips, but for linux/amd64, linux/arm64"},
		{registry + "/only:1", "linux/amd64", "not there for linux/amd64, but for linux/riscv64"},
		{registry + "/foreign:1", "", "several platforms (linux/s390x, linux/ppc64le)"},
		{registry + "/multi:1", "arm64", "no platform such as linux/amd64"},
	} {
		_, err := source.Read(t.Context(), c.where, source.Options{Platform: c.platform})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %q: %v", c.where, c.platform, err)
		}
	}
	all, err := source.Read(t.Context(), registry+"/multi:1", source.Options{AllPlatforms: true})
	if err != nil || len(all) != 4 {
		t.Errorf("%d images, %v", len(all), err)
	}
}

// TestTags: of several images in one layout, one is named.
func TestTags(t *testing.T) {
	dir := t.TempDir()
	one, two := imageOf(t, emptyLayer(t, "one")), imageOf(t, emptyLayer(t, "two"))
	writeLayout(t, dir, map[string]v1.Image{"one": one, "registry.example/app:two": two})
	digest, _ := one.Digest()
	for where, want := range map[string]v1.Image{
		dir + ":one": one, dir + ":two": two, dir + ":registry.example/app:two": two, dir + "@" + digest.String(): one, "oci:" + dir + ":two": two,
	} {
		sum, _ := want.Digest()
		if got := read(t, where, source.Options{}); got.Digest != sum.String() {
			t.Errorf("%s: %s", where, got.Digest)
		}
	}
	for where, want := range map[string]string{
		dir: "several images", dir + ":three": `holds no "three", but one, registry.example/app:two`,
		dir + "@sha256:" + strings.Repeat("0", 64): "holds no",
	} {
		if _, err := source.Read(t.Context(), where, source.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// TestNames: what a name means is clear, or an error says why not.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeFile(t, "alpine/Dockerfile", []byte("FROM scratch"))
	writeFile(t, "both/index.json", []byte("{}"))
	writeFile(t, "both/oci-layout", []byte("{}"))
	writeFile(t, "both/etc/os-release", []byte("ID=x"))
	writeFile(t, "text", []byte("hello"))
	writeFile(t, "empty", nil)
	writeFile(t, "bom.xml", []byte("<bom/>"))
	tarOf(t, "both", "both.tar")
	for where, want := range map[string]string{
		"":                        "no image is named",
		"alpine":                  "say rootfs:alpine if it is one, or registry:alpine",
		"both":                    "say oci:both or rootfs:both",
		"both.tar":                "say oci-archive:both.tar or rootfs:both.tar",
		"text":                    "neither an image, nor a root filesystem, nor a bill of materials",
		"empty":                   "neither an image",
		"bom.xml":                 "only JSON is read",
		"./nothing":               "no such file",
		"nothing.tar":             "no such file",
		"oci:nothing":             "no such file",
		"rootfs:":                 "no path is given",
		"UPPER/case":              "neither a file or directory here nor the name of an image",
		"alpine:3.20":             source.ErrOffline.Error(),
		"registry:alpine":         source.ErrOffline.Error(),
		"no.such/image:1":         source.ErrOffline.Error(),
		"oci:alpine":              "no OCI layout",
		"docker-archive:both.tar": "",
	} {
		_, err := source.Read(t.Context(), where, source.Options{Offline: true})
		if want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", where, err, want)
		}
	}
}

// TestRootStaysInside: links of a directory cannot make it read anything outside.
func TestRootStaysInside(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "secret"), []byte("P:stolen\nV:1-r0\nA:x\n\n"))
	writeFile(t, filepath.Join(dir, "outside", "installed"), []byte("P:stolen\nV:1-r0\nA:x\n\n"))
	root := filepath.Join(dir, "root")
	writeFile(t, filepath.Join(root, "etc", "os-release"), []byte("ID=alpine\nVERSION_ID=3.20.3\n"))
	os.MkdirAll(filepath.Join(root, "lib", "apk", "db"), 0o755)
	for _, target := range []string{filepath.Join(dir, "secret"), "../../../../secret"} {
		link := filepath.Join(root, "lib", "apk", "db", "installed")
		os.Remove(link)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if got := read(t, "rootfs:"+root, source.Options{}); len(got.Inventory.Packages) != 0 {
			t.Errorf("%s: %+v", target, got.Inventory.Packages)
		}
	}
	os.RemoveAll(filepath.Join(root, "lib", "apk", "db"))
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(root, "lib", "apk", "db")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, "rootfs:"+root, source.Options{}); len(got.Inventory.Packages) != 0 {
		t.Errorf("a linked directory: %+v", got.Inventory.Packages)
	}
	// The index of a layout neither.
	layoutDir := filepath.Join(dir, "layout")
	writeFile(t, filepath.Join(dir, "index.json"), []byte(`{"schemaVersion":2,"manifests":[]}`))
	writeFile(t, filepath.Join(layoutDir, "oci-layout"), []byte(`{}`))
	if err := os.Symlink("../index.json", filepath.Join(layoutDir, "index.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Read(t.Context(), "oci:"+layoutDir, source.Options{}); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a linked index: %v", err)
	}
}

// TestTrees: pipes, holes and files that nobody may read do not end the reading
// of a directory, and whiteouts mean nothing in it.
func TestTrees(t *testing.T) {
	root := t.TempDir()
	unpackTo(t, rootfs(t, alpine(t)), root)
	want := len(read(t, root, source.Options{}).Inventory.Packages)
	writeFile(t, filepath.Join(root, "lib/apk/db/.wh.installed"), nil)
	writeFile(t, filepath.Join(root, ".wh..wh..opq"), nil)
	writeFile(t, filepath.Join(root, "proc/version"), []byte("x"))
	if err := exec.Command("mkfifo", filepath.Join(root, "run", "pipe")).Run(); err != nil {
		t.Skip("no mkfifo")
	}
	writeFile(t, filepath.Join(root, strings.Repeat("d/", 100)+strings.Repeat("n", 200)), []byte("x"))
	if got := read(t, root, source.Options{}); len(got.Inventory.Packages) != want || len(got.Notes) != 0 {
		t.Errorf("%d packages, want %d; notes %q", len(got.Inventory.Packages), want, got.Notes)
	}
	if os.Getuid() != 0 {
		os.Chmod(filepath.Join(root, "etc/passwd"), 0)
		if got := read(t, root, source.Options{}); len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "1 files could not be read") {
			t.Errorf("notes %q", got.Notes)
		}
	}
}

// TestDigests: a layer that is not what its digest says is no layer.
func TestDigests(t *testing.T) {
	dir := t.TempDir()
	img := imageOf(t, rootfs(t, alpine(t)), emptyLayer(t, "top"))
	writeLayout(t, dir, map[string]v1.Image{"1": img})
	layers, _ := img.Layers()
	digest, _ := layers[1].Digest()
	manifest, _ := img.Digest()
	blob := func(h v1.Hash) string { return filepath.Join(dir, "blobs", h.Algorithm, h.Hex) }
	other := gzipped(t, emptyLayer(t, "other"))
	writeFile(t, blob(digest), other)
	if _, err := source.Read(t.Context(), dir, source.Options{}); err == nil || !strings.Contains(err.Error(), "not what its digest says") {
		t.Errorf("a layer: %v", err)
	}
	os.Remove(blob(digest))
	if _, err := source.Read(t.Context(), dir, source.Options{}); err == nil || !strings.Contains(err.Error(), "does not hold "+digest.String()) {
		t.Errorf("no layer: %v", err)
	}
	data, _ := os.ReadFile(blob(manifest))
	writeFile(t, blob(manifest), append(data, ' '))
	if _, err := source.Read(t.Context(), dir, source.Options{}); err == nil || !strings.Contains(err.Error(), "not what its digest says") {
		t.Errorf("a manifest: %v", err)
	}
	archive := oldDockerArchive(t, imageOf(t, emptyLayer(t, "one")), emptyLayer(t, "two"))
	writeFile(t, filepath.Join(dir, "old.tar"), archive)
	if _, err := source.Read(t.Context(), filepath.Join(dir, "old.tar"), source.Options{}); err == nil || !strings.Contains(err.Error(), "not what its digest says") {
		t.Errorf("a docker archive: %v", err)
	}
}

// TestCache: a layer is read once; a record that is broken is read again.
func TestCache(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	img := imageOf(t, rootfs(t, alpine(t)))
	writeLayout(t, dir, map[string]v1.Image{"1": img})
	want := read(t, dir, source.Options{Cache: cache}).Inventory
	records, _ := filepath.Glob(filepath.Join(cache, "layers-v*", "*", "*"))
	if len(records) != 1 {
		t.Fatalf("records: %q", records)
	}
	layers, _ := img.Layers()
	digest, _ := layers[0].Digest()
	blob := filepath.Join(dir, "blobs", digest.Algorithm, digest.Hex)
	content, _ := os.ReadFile(blob)
	os.Remove(blob)
	if diff := gocmp.Diff(want, read(t, dir, source.Options{Cache: cache}).Inventory); diff != "" {
		t.Errorf("from the cache (-want +got):\n%s", diff)
	}
	writeFile(t, blob, content)
	good, _ := os.ReadFile(records[0])
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { b[len(b)-40] ^= 1; return b },
		func([]byte) []byte { return nil },
		func([]byte) []byte { return []byte("short") },
	} {
		writeFile(t, records[0], damage(slices.Clone(good)))
		if diff := gocmp.Diff(want, read(t, dir, source.Options{Cache: cache}).Inventory); diff != "" {
			t.Errorf("a broken record (-want +got):\n%s", diff)
		}
		if mended, _ := os.ReadFile(records[0]); !bytes.Equal(mended, good) {
			t.Error("the broken record is still there")
		}
	}
	writeFile(t, filepath.Join(cache, "layers-v0", "sha256-00", "00"), []byte("of an old version"))
	if err := source.Prune(cache); err != nil {
		t.Fatal(err)
	}
	if all, _ := filepath.Glob(filepath.Join(cache, "layers-v*", "*", "*")); len(all) != 1 {
		t.Errorf("after pruning: %q", all)
	}
	// Where nothing can be kept, everything still works.
	writeFile(t, filepath.Join(dir, "file"), []byte("in the way"))
	read(t, dir, source.Options{Cache: filepath.Join(dir, "file")})
}

// TestHostile: what would unpack to too much, or has no end, is refused.
func TestHostile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	bomb := gzipped(t, make([]byte, 64<<20))
	writeFile(t, at("bomb.tar.gz"), bomb)
	small := source.Options{Limits: inventory.Limits{TotalBytes: 1 << 20}}
	var fault *inventory.Error
	for _, kind := range []string{"rootfs:", "oci-archive:", "docker-archive:"} {
		if _, err := source.Read(t.Context(), kind+at("bomb.tar.gz"), small); !errors.As(err, &fault) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	data := rootfs(t, alpine(t))
	for name, content := range map[string][]byte{"cut.tar": data[:len(data)/2], "cut.tar.gz": gzipped(t, data)[:100_000]} {
		writeFile(t, at(name), content)
		if _, err := source.Read(t.Context(), "rootfs:"+at(name), source.Options{}); !errors.As(err, &fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	writeFile(t, at("root.tar"), data)
	for _, where := range []string{at("root.tar"), "oci-archive:" + at("root.tar")} {
		if _, err := source.Read(ctx, where, source.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", where, err)
		}
	}
}

// TestProgress adds up to what there is to read.
func TestProgress(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	writeLayout(t, dir, map[string]v1.Image{"1": imageOf(t, rootfs(t, alpine(t)), emptyLayer(t, "top"))})
	for range 2 { // the second time from the cache
		var done, total int64
		read(t, dir, source.Options{Cache: cache, Progress: func(d, n int64) { done, total = d, n }})
		if done != total || total < 100<<10 {
			t.Errorf("%d of %d bytes", done, total)
		}
	}
}
