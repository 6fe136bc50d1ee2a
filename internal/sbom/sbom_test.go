package sbom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	gocmp "github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/ulikunitz/xz"

	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/test/fixture"
)

// eachImage tells a story for every real root filesystem.
func eachImage(t *testing.T, story func(t *testing.T, file string, inv *inventory.Inventory)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixture.Shared(t), "images", "*.tar.*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d images: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) { story(t, filepath.Base(path), readImage(t, path)) })
	}
}

func readImage(t testing.TB, path string) *inventory.Inventory {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var layer inventory.Layer
	if strings.HasSuffix(path, ".xz") {
		r, err := xz.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		layer.Record, err = inventory.ReadLayer(t.Context(), r, inventory.Limits{})
		if err != nil {
			t.Fatal(err)
		}
	} else if layer.Record, err = inventory.ReadLayer(t.Context(), bytes.NewReader(data), inventory.Limits{}); err != nil {
		t.Fatal(err)
	}
	layer.Digest = "sha256:9b8a1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7"
	inv, err := inventory.Merge([]inventory.Layer{layer})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func documentOf(inv *inventory.Inventory) sbom.Document {
	return sbom.Document{
		Inventory: inv,
		Image: sbom.Image{
			Name: "registry.example/team/app:1.2", Repository: "registry.example/team/app", Tag: "1.2",
			Digest:   "sha256:1111111111111111111111111111111111111111111111111111111111111111",
			Platform: "linux/amd64", Layers: []string{"sha256:9b8a1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7"},
			Created: time.Date(2024, 9, 6, 12, 0, 0, 0, time.UTC),
		},
		Tool:    sbom.Tool{Name: "ecru", Version: "v1.2.3"},
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func write(t testing.TB, d sbom.Document, f sbom.Format) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := sbom.Write(&out, d, f); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t testing.TB, data []byte) *sbom.Reading {
	t.Helper()
	reading, err := sbom.Parse(bytes.NewReader(data), sbom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return reading
}

// TestRoundTrip: what is written of a real image and read again is the same
// inventory, but for what SPDX has no place for.
func TestRoundTrip(t *testing.T) {
	eachImage(t, func(t *testing.T, _ string, inv *inventory.Inventory) {
		for _, f := range sbom.Formats() {
			reading := read(t, write(t, documentOf(inv), f))
			want, got := *inv, *reading.Inventory
			if f == sbom.SPDX {
				want, got = withoutFrills(want), withoutFrills(got)
			}
			want.Databases = slices.DeleteFunc(slices.Clone(want.Databases), func(d inventory.Database) bool {
				return !slices.ContainsFunc(inv.Packages, func(p inventory.Package) bool { return p.Path == d.Path })
			})
			got.Databases = sorted(got.Databases)
			want.Databases = sorted(want.Databases)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-written +read):\n%s", f, diff)
			}
			if reading.Unidentified != 0 || reading.Name != "registry.example/team/app:1.2" || !strings.HasPrefix(reading.Version, "sha256:1111") {
				t.Errorf("%s: %d unidentified, of %q %q", f, reading.Unidentified, reading.Name, reading.Version)
			}
		}
	})
}

func sorted(all []inventory.Database) []inventory.Database {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b inventory.Database) int { return strings.Compare(a.Path, b.Path) })
	return all
}

func withoutFrills(inv inventory.Inventory) inventory.Inventory {
	inv.Packages = slices.Clone(inv.Packages)
	for i := range inv.Packages {
		inv.Packages[i].Maintainer = ""
	}
	inv.OS = inventory.OSRelease{ID: inv.OS.ID, VersionID: inv.OS.VersionID, PrettyName: inv.OS.PrettyName}
	return inv
}

// TestSameBytes: the same content gives the same bytes, other content other ids.
func TestSameBytes(t *testing.T) {
	inv := languages()
	for _, f := range sbom.Formats() {
		one, two := write(t, documentOf(inv), f), write(t, documentOf(inv), f)
		if !bytes.Equal(one, two) {
			t.Errorf("%s: two documents of the same differ", f)
		}
		other := documentOf(inv)
		other.Image.Digest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
		if idOf(t, one) == idOf(t, write(t, other, f)) {
			t.Errorf("%s: two images have one document id", f)
		}
	}
}

func idOf(t *testing.T, document []byte) string {
	t.Helper()
	var ids struct{ SerialNumber, DocumentNamespace string }
	if err := json.Unmarshal(document, &ids); err != nil {
		t.Fatal(err)
	}
	return ids.SerialNumber + ids.DocumentNamespace
}

// languages has a package of every kind.
func languages() *inventory.Inventory {
	inv := &inventory.Inventory{OS: inventory.OSRelease{ID: "debian", VersionID: "12", PrettyName: "Debian GNU/Linux 12 (bookworm)"}}
	add := func(kind, name, version, path string) {
		inv.Packages = append(inv.Packages, inventory.Package{
			Kind: kind, Name: name, Version: version, SourceName: name, SourceVersion: version, Path: path, Layer: "sha256:aa",
		})
	}
	inv.Databases = []inventory.Database{{Kind: "deb", Path: "var/lib/dpkg/status"}}
	add(inventory.KindCargo, "time", "0.1.45", "usr/bin/tool")
	add(inventory.KindComposer, "symfony/http-kernel", "v5.4.20", "app/vendor/composer/installed.json")
	inv.Packages = append(inv.Packages, inventory.Package{
		Kind: inventory.KindDeb, Name: "zlib1g", Version: "1:1.2.13.dfsg-1+b1", Epoch: 1, Release: "1+b1", Arch: "amd64",
		SourceName: "zlib", SourceVersion: "1:1.2.13.dfsg-1", Path: "var/lib/dpkg/status", Layer: "sha256:bb",
		Maintainer: "Mark Brown <broonie@debian.org>",
	})
	add(inventory.KindGem, "rails-html-sanitizer", "1.4.3", "usr/lib/gems/specifications/rails-html-sanitizer-1.4.3.gemspec")
	add(inventory.KindGolang, "github.com/BurntSushi/toml", "v1.2.1", "usr/bin/app")
	add(inventory.KindGolang, "stdlib", "1.22.3", "usr/bin/app")
	add(inventory.KindMaven, "org.apache.logging.log4j:log4j-core", "2.14.1", "app/app.war!/WEB-INF/lib/log4j-core-2.14.1.jar")
	add(inventory.KindMaven, "org.example:app", "1.0", "app/app.war")
	add(inventory.KindNPM, "@babel/traverse", "7.20.1", "app/node_modules/@babel/traverse/package.json")
	add(inventory.KindNPM, "lodash", "4.17.20", "app/node_modules/a/node_modules/lodash/package.json")
	add(inventory.KindNPM, "lodash", "4.17.20", "app/node_modules/lodash/package.json")
	add(inventory.KindNuGet, "Newtonsoft.Json", "12.0.3", "app/app.deps.json")
	add(inventory.KindPyPI, "Flask_SQLAlchemy", "2.5.1", "usr/lib/python3/Flask_SQLAlchemy-2.5.1.dist-info/METADATA")
	return inv
}

// TestLanguages: names survive although package URLs are in lower case.
func TestLanguages(t *testing.T) {
	inv := languages()
	for _, f := range sbom.Formats() {
		got := read(t, write(t, documentOf(inv), f)).Inventory
		want := *inv
		if diff := gocmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", f, diff)
		}
	}
}

// TestOwnedPackages: what an OS package has brought is not listed a second time.
func TestOwnedPackages(t *testing.T) {
	inv := languages()
	for i := range inv.Packages {
		if inv.Packages[i].Kind == inventory.KindPyPI {
			inv.Packages[i].OwnedBy = "python3-flask-sqlalchemy"
		}
	}
	for _, f := range sbom.Formats() {
		if document := write(t, documentOf(inv), f); bytes.Contains(document, []byte("pkg:pypi")) {
			t.Errorf("%s lists a package that is another's", f)
		}
	}
}

// TestPackageURLs are as the specification and other tools have them.
func TestPackageURLs(t *testing.T) {
	debian, rhel := inventory.OSRelease{ID: "debian", VersionID: "12"}, inventory.OSRelease{ID: "rhel", VersionID: "9.2"}
	for want, p := range map[string]inventory.Package{
		"pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl": {
			Kind: "deb", Name: "libssl3", Version: "3.0.11-1~deb12u2", Arch: "amd64", SourceName: "openssl", SourceVersion: "3.0.11-1~deb12u2"},
		"pkg:deb/debian/passwd@1:4.13%2Bdfsg1-1%2Bb1?arch=amd64&distro=debian-12&upstream=shadow%401:4.13%2Bdfsg1-1": {
			Kind: "deb", Name: "passwd", Version: "1:4.13+dfsg1-1+b1", Epoch: 1, Arch: "amd64", SourceName: "shadow", SourceVersion: "1:4.13+dfsg1-1"},
		"pkg:npm/%40babel/traverse@7.20.1":                         {Kind: "npm", Name: "@babel/traverse", Version: "7.20.1"},
		"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1":     {Kind: "maven", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1"},
		"pkg:golang/github.com/burntsushi/toml@v1.2.1":             {Kind: "golang", Name: "github.com/BurntSushi/toml", Version: "v1.2.1"},
		"pkg:golang/stdlib@1.22.3":                                 {Kind: "golang", Name: "stdlib", Version: "1.22.3"},
		"pkg:composer/symfony/http-kernel@v5.4.20":                 {Kind: "composer", Name: "symfony/http-kernel", Version: "v5.4.20"},
		"pkg:pypi/flask-sqlalchemy@2.5.1":                          {Kind: "pypi", Name: "Flask_SQLAlchemy", Version: "2.5.1"},
		"pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12": {Kind: "deb", Name: "bash", Version: "5.2.15-2", Arch: "amd64", SourceName: "bash", SourceVersion: "5.2.15-2"},
	} {
		if got := sbom.PackageURL(&p, debian); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	for want, p := range map[string]inventory.Package{
		"pkg:rpm/redhat/openssl-libs@3.0.7-6.el9_2?arch=x86_64&distro=rhel-9.2&epoch=1&upstream=openssl-3.0.7-6.el9_2.src.rpm": {
			Kind: "rpm", Name: "openssl-libs", Version: "1:3.0.7-6.el9_2", Epoch: 1, Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.0.7-6.el9_2"},
		"pkg:rpm/redhat/nodejs@18.16.1-1.module%2Bel9?arch=x86_64&distro=rhel-9.2&epoch=1&rpmmod=nodejs:18:9020020230717081022:rhel9": {
			Kind: "rpm", Name: "nodejs", Version: "1:18.16.1-1.module+el9", Epoch: 1, Arch: "x86_64", SourceName: "nodejs",
			SourceVersion: "18.16.1-1.module+el9", Module: "nodejs:18:9020020230717081022:rhel9"},
	} {
		if got := sbom.PackageURL(&p, rhel); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestTheFormatsOwnLibraries read what we write.
func TestTheFormatsOwnLibraries(t *testing.T) {
	d := documentOf(languages())
	for _, f := range []sbom.Format{sbom.CycloneDX14, sbom.CycloneDX15, sbom.CycloneDX16} {
		var bom cdx.BOM
		if err := cdx.NewBOMDecoder(bytes.NewReader(write(t, d, f)), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Fatal(err)
		}
		if len(*bom.Components) != 1+13 || bom.Metadata.Component.Version != d.Image.Digest {
			t.Errorf("%s: %d components of %+v", f, len(*bom.Components), bom.Metadata.Component)
		}
		nested := slices.IndexFunc(*bom.Dependencies, func(d cdx.Dependency) bool { return d.Ref != "image" })
		if nested < 0 || len(*(*bom.Dependencies)[nested].Dependencies) != 1 {
			t.Errorf("%s: the jar in the war is not known: %+v", f, *bom.Dependencies)
		}
	}
	doc, err := spdxjson.Read(bytes.NewReader(write(t, d, sbom.SPDX)))
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Packages) != 2+13 || doc.SPDXVersion != "SPDX-2.3" {
		t.Errorf("%d packages, %s", len(doc.Packages), doc.SPDXVersion)
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := sbom.Write(&bytes.Buffer{}, documentOf(languages()), "swid"); err == nil {
		t.Error("no error")
	}
}

// TestSameFindings: a bill of materials has the findings of the image.
func TestSameFindings(t *testing.T) {
	ecosystems := map[string]string{ // of the images for which there are advisories at hand
		"alpine-minirootfs-3.10": "Alpine:v3.10", "alpine-minirootfs-3.14": "Alpine:v3.14", "alpine-minirootfs-3.18": "Alpine:v3.18",
		"alpine-minirootfs-3.19": "Alpine:v3.19", "alpine-minirootfs-3.20": "Alpine:v3.20", "alpine-minirootfs-2024": "Alpine",
		"debian-11": "Debian:11", "debian-12": "Debian:12", "distroless": "Debian:12",
		"ubuntu-20.04": "Ubuntu", "ubuntu-22.04": "Ubuntu:22.04:LTS",
		"rocky-9": "Rocky Linux", "ubi-8": "Red Hat", "cbl-mariner": "Azure Linux",
	}
	total := 0
	eachImage(t, func(t *testing.T, file string, inv *inventory.Inventory) {
		for prefix, ecosystem := range ecosystems {
			if !strings.HasPrefix(file, prefix) {
				continue
			}
			m := match.New(advisories(t, ecosystem), match.Options{})
			want, err := m.Match(t.Context(), inv, match.AllPackages)
			if err != nil {
				t.Fatal(err)
			}
			total += len(want.Findings)
			for _, f := range sbom.Formats() {
				got, err := m.Match(t.Context(), read(t, write(t, documentOf(inv), f)).Inventory, match.AllPackages)
				if err != nil {
					t.Fatal(err)
				}
				if diff := gocmp.Diff(want.Findings, got.Findings); diff != "" {
					t.Errorf("%s (-image +bill):\n%s", f, diff)
				}
			}
		}
	})
	if total < 300 {
		t.Errorf("%d findings in all: nothing was compared", total)
	}
}

func advisories(t *testing.T, ecosystem string) match.Lookup {
	t.Helper()
	store := advisorytest.NewMemory()
	outcomes, err := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{}).Import(t.Context(), filepath.Join(fixture.Shared(t), "osv"), nil, ecosystem)
	if err != nil || outcomes[0].Err != nil {
		t.Fatal(err, outcomes)
	}
	return store
}
