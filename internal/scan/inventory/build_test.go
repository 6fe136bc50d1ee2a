package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// entry is one entry of a layer under test.
type entry struct {
	name string
	body string
	kind byte // tar.TypeReg when zero; a name that ends in a slash is a directory
	link string
}

func file(name, body string) entry { return entry{name: name, body: body} }
func dir(name string) entry        { return entry{name: name + "/"} }
func symlink(name, target string) entry {
	return entry{name: name, kind: tar.TypeSymlink, link: target}
}
func hardlink(name, target string) entry {
	return entry{name: name, kind: tar.TypeLink, link: target}
}
func whiteout(name string) entry { return entry{name: name} }

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		hdr := &tar.Header{Name: e.name, Mode: 0o755, Size: int64(len(e.body)), Typeflag: e.kind, Linkname: e.link}
		if hdr.Typeflag == 0 {
			hdr.Typeflag = tar.TypeReg
			if strings.HasSuffix(e.name, "/") {
				hdr.Typeflag = tar.TypeDir
			}
		}
		if err := w.WriteHeader(hdr); err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdOf(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// stack reads layers named "1", "2", … base first.
func stack(t testing.TB, layers ...[]entry) []Layer {
	t.Helper()
	var all []Layer
	for i, entries := range layers {
		all = append(all, Layer{fmt.Sprint(i + 1), readLayer(t, tarOf(t, entries...))})
	}
	return all
}

func layer(entries ...entry) []entry { return entries }

// dpkg is a status file with packages written "name version".
func dpkg(packages ...string) string {
	var b strings.Builder
	for _, p := range packages {
		name, version, _ := strings.Cut(p, " ")
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n\n", name, version)
	}
	return b.String()
}

// found lists packages as "name version@layer".
func found(inv *Inventory) string {
	var all []string
	for _, p := range inv.Packages {
		all = append(all, p.Name+" "+p.Version+"@"+p.Layer)
	}
	return strings.Join(all, ", ")
}

// rpmHeaderOf is a stored rpm header with text tags and an epoch.
func rpmHeaderOf(tags map[uint32]string, epoch uint32) []byte {
	var index, data []byte
	add := func(tag, kind uint32, value []byte) {
		for _, v := range []uint32{tag, kind, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, value...)
	}
	add(tagEpoch, typeInt32, binary.BigEndian.AppendUint32(nil, epoch))
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		add(tag, typeString, append([]byte(tags[tag]), 0))
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(index)/16))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return append(append(out, index...), data...)
}
