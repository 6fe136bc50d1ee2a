package sbom_test

import (
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// What the tools write, cut down to what is read of it.
const (
	syftCycloneDX = `{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6","version":1,
"metadata":{"tools":{"components":[{"type":"application","author":"anchore","name":"syft","version":"1.18.1"}]},
 "component":{"bom-ref":"a","type":"container","name":"alpine:3.20","version":"sha256:beef"}},
"components":[
 {"bom-ref":"pkg:apk/alpine/libcrypto3@3.3.2-r0?arch=x86_64&distro=alpine-3.20.3&package-id=1&upstream=openssl","type":"library","publisher":"A B <a@b.c>",
  "name":"libcrypto3","version":"3.3.2-r0","licenses":[{"license":{"id":"Apache-2.0"}}],
  "purl":"pkg:apk/alpine/libcrypto3@3.3.2-r0?arch=x86_64&distro=alpine-3.20.3&upstream=openssl",
  "properties":[{"name":"syft:package:type","value":"apk"},{"name":"syft:location:0:layerID","value":"sha256:63ca"},{"name":"syft:location:0:path","value":"/lib/apk/db/installed"}]},
 {"type":"library","name":"stdlib","version":"go1.22.3","purl":"pkg:golang/stdlib@1.22.3","properties":[{"name":"syft:location:0:path","value":"/usr/bin/app"}]},
 {"type":"library","name":"github.com/BurntSushi/toml","version":"v1.2.1","purl":"pkg:golang/github.com/burntsushi/toml@v1.2.1"},
 {"type":"file","name":"/usr/bin/app"},
 {"type":"operating-system","name":"alpine","version":"3.20.3","description":"Alpine Linux v3.20","swid":{"tagId":"alpine","name":"alpine","version":"3.20.3"},
  "properties":[{"name":"syft:distro:id","value":"alpine"},{"name":"syft:distro:prettyName","value":"Alpine Linux v3.20"},{"name":"syft:distro:versionID","value":"3.20.3"}]}]}`

	trivyCycloneDX = `{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{"component":{"type":"container","name":"debian:12","purl":"pkg:oci/debian@sha256%3Abeef?arch=amd64"}},
"components":[
 {"bom-ref":"b","type":"operating-system","name":"debian","version":"12.8","properties":[{"name":"aquasecurity:trivy:Class","value":"os-pkgs"},{"name":"aquasecurity:trivy:Type","value":"debian"}]},
 {"type":"application","name":"app/pom.xml","components":[{"type":"library","group":"org.yaml","name":"snakeyaml","version":"1.30","purl":"pkg:maven/org.yaml/snakeyaml@1.30",
   "properties":[{"name":"aquasecurity:trivy:FilePath","value":"app/app.jar"}]}]},
 {"type":"library","supplier":{"name":"x"},"name":"login","version":"1:4.13+dfsg1-1+b1","purl":"pkg:deb/debian/login@4.13%2Bdfsg1-1%2Bb1?arch=amd64&distro=debian-12.8&epoch=1",
  "properties":[{"name":"aquasecurity:trivy:LayerDigest","value":"sha256:1e"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"},
   {"name":"aquasecurity:trivy:SrcName","value":"shadow"},{"name":"aquasecurity:trivy:SrcRelease","value":"1"},{"name":"aquasecurity:trivy:SrcVersion","value":"4.13+dfsg1"}]}]}`

	trivyRPM = `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
 {"type":"operating-system","name":"redhat","version":"8.6"},
 {"type":"library","name":"nodejs","version":"16.14.0-5.module+el8.6.0+14377+1ac6e5c0","purl":"pkg:rpm/redhat/nodejs@16.14.0-5.module%2Bel8.6.0%2B14377%2B1ac6e5c0?arch=x86_64&distro=redhat-8.6&epoch=1",
  "properties":[{"name":"aquasecurity:trivy:Modularitylabel","value":"nodejs:16:8060020220523160029:ad008a3a"},{"name":"aquasecurity:trivy:SrcName","value":"nodejs"},
   {"name":"aquasecurity:trivy:SrcRelease","value":"5.module+el8.6.0+14377+1ac6e5c0"},{"name":"aquasecurity:trivy:SrcVersion","value":"16.14.0"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}]}]}`

	// As docker buildkit attests it: syft's SPDX in an in-toto statement.
	buildkit = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[{"name":"x","digest":{"sha256":"beef"}}],
"predicate":{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"sbom","packages":[
 {"name":"openssl-libs","SPDXID":"SPDXRef-Package-rpm-1","versionInfo":"1:3.0.7-6.el9_2","supplier":"Organization: Rocky","sourceInfo":"acquired package info from RPM DB: /var/lib/rpm/rpmdb.sqlite",
  "externalRefs":[{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:x"},
   {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:rpm/rocky/openssl-libs@3.0.7-6.el9_2?arch=x86_64&distro=rocky-9.2&epoch=1&upstream=openssl-3.0.7-6.el9_2.src.rpm"}]},
 {"name":"app","SPDXID":"SPDXRef-DocumentRoot-Directory-app"}],
 "files":[{"fileName":"/etc/passwd"}],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-1","relationshipType":"DESCRIBES"}]}}`

	microsoft = "\xef\xbb\xbf" + `{"files":[{"fileName":"./bin/app.dll"}],"packages":[
 {"name":"Newtonsoft.Json","SPDXID":"SPDXRef-Package-1","downloadLocation":"NOASSERTION","versionInfo":"12.0.3","externalRefs":[
  {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:nuget/Newtonsoft.Json@12.0.3"}],"supplier":"Organization: James"},
 {"name":"@babel/traverse","SPDXID":"SPDXRef-Package-2","versionInfo":"7.20.1","externalRefs":[
  {"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/%40babel/traverse@7.20.1"}]},
 {"name":"unknown thing","SPDXID":"SPDXRef-Package-3","versionInfo":"1"},
 {"name":"app","SPDXID":"SPDXRef-RootPackage","versionInfo":"1.0","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:swid/Example/x/app@1.0?tag_id=1"}]}],
 "externalDocumentRefs":[],"relationships":[],"spdxVersion":"SPDX-2.2","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"app 1.0"}`

	trivySPDX = `{"spdxVersion":"SPDX-2.3","name":"alpine:3.18","packages":[
 {"name":"alpine","SPDXID":"SPDXRef-OperatingSystem-1","versionInfo":"3.18.4","primaryPackagePurpose":"OPERATING-SYSTEM"},
 {"name":"ssl_client","SPDXID":"SPDXRef-Package-1","versionInfo":"1.36.1-r2","sourceInfo":"built package from: busybox 1.36.1-r2","attributionTexts":["PkgID: ssl_client@1.36.1-r2","LayerDigest: sha256:96"],
  "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:apk/alpine/ssl_client@1.36.1-r2?arch=x86_64&distro=3.18.4"}],"primaryPackagePurpose":"LIBRARY"},
 {"name":"alpine:3.18","SPDXID":"SPDXRef-ContainerImage-1","primaryPackagePurpose":"CONTAINER","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:oci/alpine@sha256%3Abeef"}]}]}`
)

func TestForeignDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		document, format, os string
		unidentified         int
		want                 []inventory.Package
	}{
		"syft": {syftCycloneDX, "CycloneDX 1.6", "alpine 3.20.3", 0, []inventory.Package{
			{Kind: "apk", Name: "libcrypto3", Version: "3.3.2-r0", Release: "r0", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.3.2-r0",
				Maintainer: "A B <a@b.c>", Path: "lib/apk/db/installed", Layer: "sha256:63ca"},
			{Kind: "golang", Name: "github.com/BurntSushi/toml", Version: "v1.2.1", SourceName: "github.com/BurntSushi/toml", SourceVersion: "v1.2.1"},
			{Kind: "golang", Name: "stdlib", Version: "1.22.3", SourceName: "stdlib", SourceVersion: "1.22.3", Path: "usr/bin/app"},
		}},
		"trivy": {trivyCycloneDX, "CycloneDX 1.5", "debian 12.8", 0, []inventory.Package{
			{Kind: "deb", Name: "login", Version: "1:4.13+dfsg1-1+b1", Epoch: 1, Release: "1+b1", Arch: "amd64", SourceName: "shadow", SourceVersion: "1:4.13+dfsg1-1", Layer: "sha256:1e"},
			{Kind: "maven", Name: "org.yaml:snakeyaml", Version: "1.30", SourceName: "org.yaml:snakeyaml", SourceVersion: "1.30", Path: "app/app.jar"},
		}},
		"trivy, a module": {trivyRPM, "CycloneDX 1.6", "rhel 8.6", 0, []inventory.Package{
			{Kind: "rpm", Name: "nodejs", Version: "1:16.14.0-5.module+el8.6.0+14377+1ac6e5c0", Epoch: 1, Release: "5.module+el8.6.0+14377+1ac6e5c0", Arch: "x86_64",
				SourceName: "nodejs", SourceVersion: "16.14.0-5.module+el8.6.0+14377+1ac6e5c0", Module: "nodejs:16:8060020220523160029:ad008a3a"},
		}},
		"buildkit": {buildkit, "SPDX-2.3", "rocky 9.2", 0, []inventory.Package{
			{Kind: "rpm", Name: "openssl-libs", Version: "1:3.0.7-6.el9_2", Epoch: 1, Release: "6.el9_2", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.0.7-6.el9_2",
				Maintainer: "Rocky", Path: "var/lib/rpm/rpmdb.sqlite"},
		}},
		"buildkit, signed": {
			`{"payloadType":"application/vnd.in-toto+json","payload":"` + base64.StdEncoding.EncodeToString([]byte(buildkit)) + `","signatures":[{"sig":"x"}]}`,
			"SPDX-2.3", "rocky 9.2", 0, []inventory.Package{
				{Kind: "rpm", Name: "openssl-libs", Version: "1:3.0.7-6.el9_2", Epoch: 1, Release: "6.el9_2", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.0.7-6.el9_2",
					Maintainer: "Rocky", Path: "var/lib/rpm/rpmdb.sqlite"},
			}},
		"Microsoft's": {microsoft, "SPDX-2.2", " ", 2, []inventory.Package{
			{Kind: "npm", Name: "@babel/traverse", Version: "7.20.1", SourceName: "@babel/traverse", SourceVersion: "7.20.1"},
			{Kind: "nuget", Name: "Newtonsoft.Json", Version: "12.0.3", SourceName: "Newtonsoft.Json", SourceVersion: "12.0.3", Maintainer: "James"},
		}},
		"trivy's SPDX": {trivySPDX, "SPDX-2.3", "alpine 3.18.4", 0, []inventory.Package{
			{Kind: "apk", Name: "ssl_client", Version: "1.36.1-r2", Release: "r2", Arch: "x86_64", SourceName: "busybox", SourceVersion: "1.36.1-r2", Layer: "sha256:96"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, []byte(c.document))
			if diff := gocmp.Diff(c.want, got.Inventory.Packages); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if os := got.Inventory.OS.ID + " " + got.Inventory.OS.VersionID; os != c.os || got.Format != c.format || got.Unidentified != c.unidentified {
				t.Errorf("system %q, format %q, %d unidentified", os, got.Format, got.Unidentified)
			}
			if len(got.Inventory.Databases) > 1 {
				t.Errorf("databases %v", got.Inventory.Databases)
			}
		})
	}
}

// TestDistributions: each tool has its own way to write a release.
func TestDistributions(t *testing.T) {
	for purl, want := range map[string]string{
		"pkg:deb/debian/a@1?distro=debian-12":                             "debian 12 ",
		"pkg:deb/debian/a@1?distro=bookworm":                              "debian  bookworm",
		"pkg:deb/debian/a@1?distro=debian-forky/sid":                      "debian  forky",
		"pkg:deb/debian/a@1":                                              "debian  ",
		"pkg:deb/ubuntu/a@1?distro=jammy":                                 "ubuntu 22.04 jammy",
		"pkg:deb/ubuntu/a@1?distro=ubuntu-24.04":                          "ubuntu 24.04 ",
		"pkg:apk/alpine/a@1?distro=alpine-3.21.0_alpha20240923":           "alpine 3.21.0_alpha20240923 ",
		"pkg:alpine/a@1?distro=alpine-3.12.0":                             "alpine 3.12.0 ",
		"pkg:apk/wolfi/a@1?distro=wolfi-20230201":                         "wolfi 20230201 ",
		"pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5":                  "opensuse-leap 15.5 ",
		"pkg:rpm/opensuse.leap/a@1?distro=opensuse.leap-15.5":             "opensuse-leap 15.5 ",
		"pkg:rpm/suse/a@1?distro=suse%20linux%20enterprise%20server-15.3": "sles 15.3 ",
		"pkg:rpm/amazon/a@1?distro=amazon-2%20%28Karoo%29":                "amzn 2 ",
		"pkg:rpm/amazon/a@1?distro=amazon-2023.3.20240108":                "amzn 2023 ",
		"pkg:rpm/oracle/a@1?distro=oracle-9.1":                            "ol 9.1 ",
		"pkg:rpm/alma/a@1?distro=alma-9.4":                                "almalinux 9.4 ",
		"pkg:rpm/redhat/a@1?distro=rhel-9.2":                              "rhel 9.2 ",
		"pkg:rpm/cbl-mariner/a@1?distro=cbl-mariner-2.0.20240112":         "mariner 2.0.20240112 ",
	} {
		os := read(t, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.4","components":[{"type":"library","name":"a","purl":"`+purl+`"}]}`)).Inventory.OS
		if got := os.ID + " " + os.VersionID + " " + os.VersionCodename; got != want {
			t.Errorf("%s: %q, want %q", purl, got, want)
		}
	}
}

// TestRefusals: what cannot be read says why.
func TestRefusals(t *testing.T) {
	deep := strings.Repeat(`{"components":[`, 70) + strings.Repeat(`]}`, 70)
	for document, want := range map[string]string{
		``:                                      "ends early",
		`{"bomFormat":"CycloneDX","compon`:      "ends early",
		`{}`:                                    "neither CycloneDX nor SPDX",
		`[]`:                                    "neither CycloneDX nor SPDX",
		`{"artifacts":[],"schema":{}}`:          "neither CycloneDX nor SPDX",
		`<?xml version="1.0"?><bom/>`:           "XML",
		"SPDXVersion: SPDX-2.3\n":               "tags and values",
		`{"spdxVersion":"SPDX-1.2"}`:            "SPDX-1.2",
		`{"@context":"https://spdx.org/rdf/3"}`: "SPDX 3",
		`{"bomFormat":"CycloneDX","components":[` + deep + `]}`:            "nested too deeply",
		strings.Repeat(`{"predicate":`, 9) + `{}` + strings.Repeat(`}`, 9): "nested too deeply",
		`{"payload":"%%%%"}`: "illegal base64",
		`{"bomFormat":"CycloneDX","components":[
			{"type":"library","purl":"pkg:deb/debian/a@1?distro=debian-12"},{"type":"library","purl":"pkg:apk/alpine/b@1?distro=alpine-3.20"}]}`: "several operating systems (alpine, debian)",
	} {
		_, err := sbom.Parse(strings.NewReader(document), sbom.Limits{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", document, err, want)
		}
	}
	if _, err := sbom.Read(strings.NewReader(`{"x":1}`)); !errors.Is(err, sbom.ErrNotSBOM) {
		t.Errorf("not told apart: %v", err)
	}
}

// TestBounds: a document costs no more than it may.
func TestBounds(t *testing.T) {
	element := `{"type":"library","name":"a","purl":"pkg:npm/a@1"},`
	endless := io.MultiReader(strings.NewReader(`{"bomFormat":"CycloneDX","components":[`), repeated(element))
	if _, err := sbom.Parse(endless, sbom.Limits{Packages: 1000}); err == nil || !strings.Contains(err.Error(), "more than 1000 packages") {
		t.Errorf("packages: %v", err)
	}
	endless = io.MultiReader(strings.NewReader(`{"x":[`), repeated("[],"))
	if _, err := sbom.Parse(endless, sbom.Limits{Bytes: 1 << 20}); err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("bytes: %v", err)
	}
	long := `{"bomFormat":"CycloneDX","components":[{"type":"library","purl":"pkg:npm/` + strings.Repeat("a", 100_000) + `@1"}]}`
	if got := read(t, []byte(long)); got.Unidentified != 1 || len(got.Inventory.Packages) != 0 {
		t.Errorf("a name of 100 KB: %+v", got.Inventory.Packages)
	}
}

// repeated is a text that does not end.
func repeated(text string) io.Reader { return &endlessReader{text: text} }

type endlessReader struct {
	text string
	at   int
}

func (r *endlessReader) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// FuzzParse: any bytes give an error or an inventory that can be written and
// read again.
func FuzzParse(f *testing.F) {
	for _, document := range []string{
		syftCycloneDX, trivyCycloneDX, trivyRPM, buildkit, microsoft, trivySPDX,
		`{"payload":"` + base64.StdEncoding.EncodeToString([]byte(trivySPDX)) + `"}`,
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		reading, err := sbom.Parse(strings.NewReader(string(data)), sbom.Limits{Bytes: 1 << 20, Packages: 1000})
		if err != nil {
			return
		}
		inv := reading.Inventory
		for _, p := range inv.Packages {
			if p.Kind == "" || p.Name == "" || p.Version == "" || p.SourceName == "" || p.SourceVersion == "" {
				t.Fatalf("incomplete: %+v", p)
			}
		}
		for _, format := range []sbom.Format{sbom.CycloneDX, sbom.SPDX} {
			again := read(t, write(t, documentOf(inv), format))
			if len(again.Inventory.Packages) > len(inv.Packages) || again.Unidentified > 0 && !slices.ContainsFunc(inv.Packages, odd) {
				t.Fatalf("%s: %d packages became %d and %d unidentified", format, len(inv.Packages), len(again.Inventory.Packages), again.Unidentified)
			}
		}
	})
}

// odd packages have names that a package URL cannot hold.
func odd(p inventory.Package) bool { return len(p.Name)+len(p.Version) > 1000 }
