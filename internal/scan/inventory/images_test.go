package inventory

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/ecru-registry/ecru/test/fixture"
)

// images are the real root filesystems with what is known about them. Counts of rpm packages are those of `rpm -qa`, with
// the public keys (gpg-pubkey) that rpm keeps in its database.
var images = []struct {
	file     string
	kind     string
	os       string // ID VERSION_ID
	packages int
	database string
}{
	{"alpine-minirootfs-3.10.9-x86_64.tar.gz", KindAPK, "alpine 3.10.9", 14, "lib/apk/db/installed"},
	{"alpine-minirootfs-3.14.10-x86_64.tar.gz", KindAPK, "alpine 3.14.10", 14, "lib/apk/db/installed"},
	{"alpine-minirootfs-3.18.9-x86_64.tar.gz", KindAPK, "alpine 3.18.9", 15, "lib/apk/db/installed"},
	{"alpine-minirootfs-3.19.4-x86_64.tar.gz", KindAPK, "alpine 3.19.4", 15, "lib/apk/db/installed"},
	{"alpine-minirootfs-3.20.3-x86_64.tar.gz", KindAPK, "alpine 3.20.3", 14, "lib/apk/db/installed"},
	{"alpine-minirootfs-20240923-x86_64.tar.gz", KindAPK, "alpine 3.21.0_alpha20240923", 14, "lib/apk/db/installed"},
	{"rocky-9-rpmdb-sqlite.tar.gz", KindRPM, "rocky 9.2", 141, "var/lib/rpm/rpmdb.sqlite"},
	{"fedora-35-rpmdb-sqlite.tar.gz", KindRPM, "fedora 35", 138, "var/lib/rpm/rpmdb.sqlite"},
	{"cbl-mariner-2.0-rpmdb-sqlite.tar.gz", KindRPM, "mariner 2.0", 129, "var/lib/rpm/rpmdb.sqlite"},
	{"sle-bci-minimal-15.3-rpmdb-ndb.tar.gz", KindRPM, "sles 15.3", 35, "var/lib/rpm/Packages.db"},
	{"opensuse-leap-15.5-rpmdb-ndb.tar.gz", KindRPM, "opensuse-leap 15.5", 137, "usr/lib/sysimage/rpm/Packages.db"},
	{"ubi-8.6-s390x-rpmdb-bdb.tar.xz", KindRPM, "rhel 8.6", 183, "var/lib/rpm/Packages"},
	{"centos-7-rpmdb-bdb.tar.xz", KindRPM, "centos 7", 144, "var/lib/rpm/Packages"},
	{"debian-12-slim-dpkg.tar.gz", KindDeb, "debian 12", 88, "var/lib/dpkg/status"},
	{"debian-11-slim-dpkg.tar.gz", KindDeb, "debian 11", 96, "var/lib/dpkg/status"},
	{"ubuntu-22.04-dpkg.tar.gz", KindDeb, "ubuntu 22.04", 101, "var/lib/dpkg/status"},
	{"ubuntu-20.04-dpkg.tar.gz", KindDeb, "ubuntu 20.04", 92, "var/lib/dpkg/status"},
	{"distroless-cc-debian12-statusd.tar.gz", KindDeb, "debian 12", 11, "var/lib/dpkg/status.d/libssl3"},
}

// layerFile gives a shared root filesystem as the tar.gz that a registry would hold.
func layerFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixture.Shared(t), "images", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".xz") {
		return data
	}
	r, err := xz.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readLayer(t testing.TB, data []byte) *LayerRecord {
	t.Helper()
	record, err := ReadLayer(context.Background(), bytes.NewReader(data), Limits{})
	if err != nil {
		t.Fatalf("ReadLayer: %v", err)
	}
	return record
}

func merge(t testing.TB, layers ...Layer) *Inventory {
	t.Helper()
	inv, err := Merge(layers)
	if err != nil {
		t.Fatalf("Merge: %v", err)
	}
	return inv
}

func TestRealImages(t *testing.T) {
	for _, image := range images {
		t.Run(image.file, func(t *testing.T) {
			record := readLayer(t, layerFile(t, image.file))
			inv := merge(t, Layer{"sha256:base", record})
			if got := inv.OS.ID + " " + inv.OS.VersionID; got != image.os {
				t.Errorf("os-release says %q, want %q", got, image.os)
			}
			if len(inv.Packages) != image.packages {
				t.Errorf("%d packages, want %d", len(inv.Packages), image.packages)
			}
			found := false
			for _, db := range inv.Databases {
				found = found || db == Database{Kind: image.kind, Path: image.database}
			}
			if !found {
				t.Errorf("databases are %v, want %s %s among them", inv.Databases, image.kind, image.database)
			}
			for _, p := range inv.Packages {
				if p.Kind != image.kind || p.Name == "" || p.Version == "" || p.SourceName == "" || p.SourceVersion == "" || p.Layer != "sha256:base" {
					t.Errorf("incomplete package %+v", p)
				}
				if p.Arch == "" && p.Name != "gpg-pubkey" {
					t.Errorf("no architecture in %+v", p)
				}
			}
		})
	}
}

// TestFields pins one package of each format with all its fields.
func TestFields(t *testing.T) {
	for _, test := range []struct {
		file string
		want Package
	}{
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", Package{Kind: "apk", Name: "ssl_client", Version: "1.36.1-r29", Release: "r29", Arch: "x86_64",
			SourceName: "busybox", SourceVersion: "1.36.1-r29", Maintainer: "Sören Tempel <soeren+alpine@soeren-tempel.net>", Path: "lib/apk/db/installed"}},
		{"debian-12-slim-dpkg.tar.gz", Package{Kind: "deb", Name: "zlib1g", Version: "1:1.2.13.dfsg-1", Epoch: 1, Release: "1", Arch: "amd64",
			SourceName: "zlib", SourceVersion: "1:1.2.13.dfsg-1", Maintainer: "-", Path: "var/lib/dpkg/status"}},
		{"rocky-9-rpmdb-sqlite.tar.gz", Package{Kind: "rpm", Name: "openssl-libs", Version: "1:3.0.7-6.el9_2", Epoch: 1, Release: "6.el9_2", Arch: "x86_64",
			SourceName: "openssl", SourceVersion: "3.0.7-6.el9_2", Maintainer: "Rocky Enterprise Software Foundation", Path: "var/lib/rpm/rpmdb.sqlite"}},
	} {
		var got []Package
		for _, p := range merge(t, Layer{"", readLayer(t, layerFile(t, test.file))}).Packages {
			if p.Name == test.want.Name {
				got = append(got, p)
			}
		}
		if len(got) != 1 || got[0] != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.file, got, test.want)
		}
	}
}
