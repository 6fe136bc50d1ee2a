package clients

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/ecru-registry/ecru/test/fixture"
)

const rootFilesystem = "images/alpine-minirootfs-3.20.3-x86_64.tar.gz"

// images are what the clients push, as files.
type images struct {
	// image and index are OCI layouts with one entry, named "image" and "index".
	image, imageDigest string
	index, indexDigest string
	// tarball is the same image as "docker save" writes it.
	tarball      string
	configDigest string
}

func buildImages(t *testing.T) *images {
	t.Helper()
	dir := t.TempDir()
	image := buildImage(t, "amd64")
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: image, Descriptor: platform("amd64")},
		mutate.IndexAddendum{Add: buildImage(t, "arm64"), Descriptor: platform("arm64")})
	built := &images{
		image: filepath.Join(dir, "image"), index: filepath.Join(dir, "index"), tarball: filepath.Join(dir, "image.tar"),
	}
	must(t, newLayout(t, built.image).AppendImage(image, layout.WithAnnotations(refName("image"))))
	must(t, newLayout(t, built.index).AppendIndex(index, layout.WithAnnotations(refName("index"))))
	tag, err := name.NewTag("example.org/image:latest")
	must(t, err)
	must(t, tarball.WriteToFile(built.tarball, tag, image))
	built.imageDigest = text(t, image.Digest)
	built.indexDigest = text(t, index.Digest)
	built.configDigest = text(t, image.ConfigName)
	return built
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, digest func() (v1.Hash, error)) string {
	t.Helper()
	h, err := digest()
	must(t, err)
	return h.String()
}

func refName(name string) map[string]string {
	return map[string]string{"org.opencontainers.image.ref.name": name}
}

func platform(architecture string) v1.Descriptor {
	return v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}
}

func newLayout(t *testing.T, dir string) layout.Path {
	t.Helper()
	path, err := layout.Write(dir, empty.Index)
	must(t, err)
	return path
}

func buildImage(t *testing.T, architecture string) v1.Image {
	t.Helper()
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config, err := image.ConfigFile()
	must(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", architecture
	config.Config.Cmd = []string{"/bin/sh"}
	image, err = mutate.ConfigFile(image, config)
	must(t, err)
	image, err = mutate.Append(image,
		mutate.Addendum{Layer: rootLayer(t), MediaType: types.OCILayer},
		mutate.Addendum{Layer: fileLayer(t, "etc/architecture", architecture), MediaType: types.OCILayer})
	must(t, err)
	return image
}

// rootLayer is the root filesystem of a real Alpine where there is one. Its
// programs are hollow, so images of it are pushed and pulled, not run.
func rootLayer(t *testing.T) v1.Layer {
	t.Helper()
	shared, ok := fixture.FindShared(t)
	file := filepath.Join(shared, rootFilesystem)
	if _, err := os.Stat(file); !ok || err != nil {
		t.Logf("no %s: the images are made of a few small files", file)
		return fileLayer(t, "etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\n")
	}
	layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayer))
	must(t, err)
	return layer
}

func fileLayer(t *testing.T, path, content string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	must(t, w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))}))
	_, err := io.WriteString(w, content)
	must(t, err)
	must(t, w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	must(t, err)
	return layer
}
