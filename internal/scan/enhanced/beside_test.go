package enhanced_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	cycloneDX = "application/vnd.cyclonedx+json"
	spdx      = "application/spdx+json"
	inToto    = "application/vnd.in-toto+json"
)

// Documents as syft and trivy write them, about what is in no layer.
const (
	syftBill = `{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6","version":1,
"metadata":{"tools":{"components":[{"type":"application","author":"anchore","name":"syft","version":"1.18.1"}]},"component":{"type":"container","name":"app","version":"sha256:beef"}},
"components":[
 {"type":"library","name":"plug","version":"1.15.1","purl":"pkg:hex/plug@1.15.1","properties":[{"name":"syft:package:type","value":"hex"},{"name":"syft:location:0:path","value":"/app/mix.lock"}]},
 {"type":"library","name":"lodash","version":"4.0.0","purl":"pkg:npm/lodash@4.0.0"},
 {"type":"library","name":"github.com/apple/swift-nio-http2","version":"1.27.0","purl":"pkg:swift/github.com/Apple/swift-nio-http2@1.27.0"}]}`

	trivyBill = `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
 {"type":"operating-system","name":"alpine","version":"3.20.3"},
 {"type":"library","name":"libcrypto3","version":"3.3.1-r0","purl":"pkg:apk/alpine/libcrypto3@3.3.1-r0?arch=x86_64&distro=3.20.3",
  "properties":[{"name":"aquasecurity:trivy:SrcName","value":"openssl"},{"name":"aquasecurity:trivy:LayerDigest","value":"sha256:1e"}]},
 {"type":"library","name":"lodash","version":"4.0.0","purl":"pkg:npm/lodash@4.0.0","properties":[{"name":"aquasecurity:trivy:FilePath","value":"app/package-lock.json"}]}]}`
)

func attestation(predicate string) string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://cyclonedx.org/bom","subject":[],"predicate":%s}`, predicate)
}

// refer pushes an artifact of one file beside an image, and answers its digest.
func (l *lab) refer(repository, subject, artifactType, content string) string {
	l.t.Helper()
	return l.put(repository, "beside-"+fmt.Sprint(l.Now().UnixNano()), registry.MediaTypeOCIManifest, map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "artifactType": artifactType,
		"config":  l.blob(repository, "application/vnd.oci.empty.v1+json", []byte("{}")),
		"layers":  []any{l.blob(repository, artifactType, []byte(content))},
		"subject": map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": subject, "size": 1},
	})
}

func (l *lab) remove(repository, digest string) {
	l.t.Helper()
	_, failures, err := l.Service.BatchDeleteImages(l.t.Context(), l.owner, repository, []registry.ImageID{{Digest: digest}})
	if err != nil || len(failures) > 0 {
		l.t.Fatal(err, failures)
	}
}

// packagesOf are the packages of the findings of an image: "CVE-1 plug 1.15.1 HEX path".
func (r report) packages() []string {
	var all []string
	for _, f := range r.findings {
		for _, p := range f.Packages {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", brief(f.VulnerabilityID), p.Name, p.Version, p.Manager, p.Path)))
		}
	}
	slices.Sort(all)
	return all
}

func wantPackages(t *testing.T, what string, got report, want ...string) {
	t.Helper()
	if have := got.packages(); !slices.Equal(have, want) {
		t.Errorf("%s: %s %q: got\n%s\nwant\n%s", what, got.status, got.description, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// advise publishes a record of any ecosystem: all versions before one are affected.
func (l *lab) advise(ecosystem, id, pkg, fixed string) {
	l.t.Helper()
	if l.records[ecosystem] == nil {
		l.records[ecosystem] = map[string]string{}
	}
	l.records[ecosystem][id] = fmt.Sprintf(`{"schema_version":"1.7.0","id":%q,"modified":"2026-01-01T00:00:00Z","published":"2025-01-01T00:00:00Z","affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":%q}]}]}]}`, id, ecosystem, pkg, fixed)
}

func openBeside(t *testing.T, f registry.ScanFrequency) *lab {
	l := open(t)
	l.repository("app")
	l.advise("Hex", "CVE-2026-0001", "plug", "1.16.0")
	l.advise("SwiftURL", "CVE-2026-0002", "github.com/apple/swift-nio-http2", "1.28.0")
	l.advise("npm", "CVE-2026-0003", "lodash", "4.17.21")
	l.advise("Alpine:v3.20", "CVE-2026-0004", "openssl", "3.3.2-r0")
	l.load()
	l.scanning(registry.ScanEnhanced, rule(f, "*"))
	return l
}

func TestBillsOfMaterialsBesideAnImageTellWhatLayersDoNot(t *testing.T) {
	for _, f := range []registry.ScanFrequency{registry.ScanContinuous, registry.ScanOnPush} {
		t.Run(string(f), func(t *testing.T) {
			l := openBeside(t, f)
			image := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
			l.run()
			lodash := "CVE-3 lodash 4.17.20 NODEPKG app/node_modules/lodash/package.json"
			wantPackages(t, "alone", l.describe("app", "v1"), lodash)
			l.events()

			bill := l.refer("app", image, cycloneDX, syftBill)
			l.run()
			got := l.describe("app", "v1")
			wantPackages(t, "with a bill", got,
				"CVE-1 plug 1.15.1 HEX referrer:"+bill+"!/app/mix.lock",
				"CVE-2 github.com/apple/swift-nio-http2 1.27.0 SWIFT referrer:"+bill, lodash)
			if !strings.HasSuffix(got.description, "2 packages are known from bills of materials beside the image.") {
				t.Errorf("described as %q", got.description)
			}
			if told := l.events(); !slices.Equal(told, []string{"CVE-1 ACTIVE", "CVE-2 ACTIVE"}) {
				t.Errorf("told of %q", told)
			}

			// The same again, in another shape, changes nothing.
			other := l.refer("app", image, inToto, attestation(syftBill))
			l.run()
			if n := len(l.describe("app", "v1").findings); n != 3 {
				t.Errorf("%d findings of two bills that say the same", n)
			}
			l.remove("app", bill)
			l.run()
			if got := l.describe("app", "v1").packages(); len(got) != 3 || !strings.Contains(got[0], other) {
				t.Errorf("with the other bill alone: %q", got)
			}
			l.remove("app", other)
			l.run()
			if got := l.describe("app", "v1"); !slices.Equal(got.ids(), []string{"CVE-3 ACTIVE"}) {
				t.Errorf("without bills: %q", got.ids())
			}
		})
	}
}

// An image whose system has no package database of ours is what its bill says.
func TestABillOfMaterialsStandsForAPackageDatabase(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", layer(map[string]string{"app": "a program of which nobody knows anything"}))
	l.run()
	if got := l.describe("app", "v1"); got.status != "UNSUPPORTED_IMAGE" {
		t.Fatalf("%s %q", got.status, got.description)
	}
	bill := l.refer("app", image, spdx, "no JSON")
	l.run()
	if got := l.describe("app", "v1"); got.status != "UNSUPPORTED_IMAGE" {
		t.Fatalf("%s %q", got.status, got.description)
	}
	l.remove("app", bill)
	bill = l.refer("app", image, cycloneDX, trivyBill)
	l.run()
	wantPackages(t, "with a bill", l.describe("app", "v1"), "CVE-3 lodash 4.0.0 NODEPKG referrer:"+bill+"!/app/package-lock.json", "CVE-4 libcrypto3 3.3.1 OS referrer:"+bill)
	if c := l.coverage("app", image); c.Image.Platform != "ALPINE_LINUX_3_20" {
		t.Errorf("the platform is %s", c.Image.Platform)
	}
}

// What was found in layers is not doubted, and not counted twice.
func TestABillOfMaterialsDoesNotContradictLayers(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", layer(map[string]string{
		"etc/os-release":                       "ID=alpine\nVERSION_ID=3.20.3\n",
		"lib/apk/db/installed":                 "P:libcrypto3\nV:3.3.2-r0\nA:x86_64\no:openssl\n\n",
		"app/node_modules/lodash/package.json": `{"name":"lodash","version":"4.17.21"}`,
	}))
	l.run()
	l.refer("app", image, cycloneDX, trivyBill)
	l.run()
	wantPackages(t, "with a bill that says otherwise", l.describe("app", "v1"))
}

// Our own bill of an image repeats what another has told: it must not keep that alive.
func TestOurOwnBillAddsNothing(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
	bill := l.refer("app", image, cycloneDX, syftBill)
	l.run()
	if n := len(l.describe("app", "v1").findings); n != 3 {
		t.Fatalf("%d findings", n)
	}
	own := strings.ReplaceAll(syftBill, "/app/mix.lock", "referrer:"+bill+"!/app/mix.lock")
	own = own[:strings.LastIndex(own, ",")] + "]}" // without the package that has no path
	l.refer("app", image, cycloneDX, own)
	l.run()
	l.remove("app", bill)
	l.run()
	wantPackages(t, "after it", l.describe("app", "v1"), "CVE-3 lodash 4.17.20 NODEPKG app/node_modules/lodash/package.json")
}

func TestWhatLiesBesideAnImageMayBeAnything(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
	l.run()
	for _, content := range []string{
		`{`, `[]`, `{"bomFormat":"CycloneDX","components":[{"purl":"pkg:hex/`, strings.Repeat(`{"predicate":`, 10_000),
		attestation(`{"buildType":"x"}`), base64.StdEncoding.EncodeToString([]byte(syftBill)), "",
	} {
		l.refer("app", image, inToto, content)
	}
	many := strings.Builder{}
	many.WriteString(`{"bomFormat":"CycloneDX","components":[`)
	for n := range 150_000 {
		fmt.Fprintf(&many, `{"type":"library","name":"p%d","purl":"pkg:hex/p%d@1.0.0"},`, n, n)
	}
	many.WriteString(`{}]}`)
	l.refer("app", image, cycloneDX, many.String())
	l.run()
	got := l.want("app", "v1", "ACTIVE", "CVE-3 ACTIVE")
	if !strings.Contains(got.description, "bills of materials beside the image could not be read.") {
		t.Errorf("described as %q", got.description)
	}
	l.refer("app", image, cycloneDX, syftBill)
	l.run()
	l.want("app", "v1", "ACTIVE", "CVE-1 ACTIVE", "CVE-2 ACTIVE", "CVE-3 ACTIVE")
}

// A bill of materials is no image, and one of an image that nobody looks at is
// looked at by nobody.
func TestBillsOfWhatIsNotLookedAt(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
	l.run()
	bill := l.refer("app", image, cycloneDX, syftBill)
	l.refer("app", bill, cycloneDX, syftBill) // of a bill
	l.refer("app", "sha256:"+strings.Repeat("0", 64), cycloneDX, syftBill)
	l.run()
	if c := l.coverage("app", bill); c.ID != 0 {
		t.Errorf("the bill is covered: %+v", c)
	}
	l.scanning(registry.ScanEnhanced, rule(registry.ScanContinuous, "other*"))
	l.wantCoverage("app", image, finding.NotCovered, finding.ReasonFrequencyManual)
	l.remove("app", bill)
	l.run()
	l.wantCoverage("app", image, finding.NotCovered, finding.ReasonFrequencyManual)
	l.scanning(registry.ScanBasic)
	l.refer("app", image, spdx, syftBill)
	jobs, err := l.Store.ClaimJobs(t.Context(), l.Now(), day, 10)
	if err != nil || len(jobs) != 0 {
		t.Errorf("under basic scanning there are jobs: %+v, %v", jobs, err)
	}
}

// An archived bill says nothing until it is back.
func TestAnArchivedBillSaysNothing(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
	bill := l.refer("app", image, cycloneDX, syftBill)
	l.run()
	for _, step := range []struct {
		to   service.StorageClass
		want int
	}{{service.StorageArchive, 1}, {service.StorageStandard, 3}} {
		if _, err := l.Service.UpdateStorageClass(t.Context(), l.owner, "app", registry.ImageID{Digest: bill}, step.to); err != nil {
			t.Fatal(err)
		}
		l.run()
		active := 0
		for _, f := range l.describe("app", "v1").findings {
			if f.Status == finding.Active {
				active++
			}
		}
		if active != step.want {
			t.Errorf("%s: %d findings", step.to, active)
		}
	}
}

// What a VEX document says of an image is asked when it comes and when it goes, and
// of that image alone.
func TestPushingAVexDocumentAsksAgainWhatCounts(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	one := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
	l.push("app", "v2", node(map[string]string{"lodash": "4.17.19"}))
	l.run()
	excused := &finding.Suppression{Kind: finding.SuppressedByStatement, ID: "x"}
	l.excuse = func(finding.Finding) *finding.Suppression { return excused }
	document := l.refer("app", one, "application/vnd.openvex", `{}`)
	l.run()
	l.want("app", "v1", "ACTIVE", "CVE-3 SUPPRESSED")
	l.want("app", "v2", "ACTIVE", "CVE-3 ACTIVE")
	l.excuse = nil
	l.remove("app", document)
	l.run()
	l.want("app", "v1", "ACTIVE", "CVE-3 ACTIVE")
	if got, err := l.Store.ListCoverage(t.Context(), "", meta.CoverageQuery{Limit: 9}); err != nil || len(got) != 2 {
		t.Errorf("%d images are covered, %v", len(got), err)
	}
}
