package vex

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	digest = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234abcd"
	ssl    = "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64&distro=debian-12&upstream=openssl"
	zlib   = "pkg:deb/debian/zlib1g@1.2.13?arch=amd64&distro=debian-12"
)

func image() Image {
	return Image{Repository: "team/web", Digest: digest, Tags: []string{"1.0"}, Hosts: []string{"registry.example:5000"}}
}

func openVEX(status, products string) string {
	return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex-1","author":"Security <s@example.com>","timestamp":"2026-01-02T03:04:05Z","version":1,
	"statements":[{"vulnerability":{"name":"CVE-2024-1"},"status":"` + status + `","justification":"vulnerable_code_not_in_execute_path","products":` + products + `}]}`
}

func csaf(status string) string {
	return `{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"Vendor"},"tracking":{"id":"VEX-7","version":"2","current_release_date":"2026-01-02T03:04:05Z"}},
	"product_tree":{"branches":[{"branches":[{"product":{"product_id":"IMG","product_identification_helper":{"purl":"pkg:oci/web@` + digest + `"}}},
	{"product":{"product_id":"SSL","product_identification_helper":{"purl":"pkg:deb/debian/libssl3"}}}]}],
	"relationships":[{"category":"default_component_of","product_reference":"SSL","relates_to_product_reference":"IMG","full_product_name":{"product_id":"IMG:SSL"}}]},
	"vulnerabilities":[{"cve":"CVE-2024-1","product_status":{"` + status + `":["IMG:SSL"]},"flags":[{"label":"component_not_present","product_ids":["IMG:SSL"]}],
	"threats":[{"category":"impact","details":"It is not called.","product_ids":["IMG:SSL"]}]}]}`
}

func cycloneDX(state, ref string) string {
	return `{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,
	"metadata":{"timestamp":"2026-01-02T03:04:05Z","authors":[{"name":"Vendor"}]},
	"components":[{"type":"library","bom-ref":"ssl","name":"libssl3","purl":"pkg:deb/debian/libssl3@3.0.15-1"}],
	"vulnerabilities":[{"id":"CVE-2024-1","analysis":{"state":"` + state + `","justification":"code_not_reachable","detail":"It is not called."},"affects":[{"ref":"` + ref + `"}]}]}`
}

func judge(t *testing.T, text string, packages ...string) Verdict {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Judge([]Source{{Document: Compile(d), Given: true}}, Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1", "GHSA-1"}, Packages: packages})
}

func TestStatementsExcuseWhatTheyAreAbout(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		packages []string
		excused  bool
	}{
		"a package of any image":                {openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3"}]`), []string{ssl}, true},
		"a package of this version":             {openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3@3.0.15-1"}]`), []string{ssl}, true},
		"a package of another version":          {openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3@3.0.16-1"}]`), []string{ssl}, false},
		"a package of another architecture":     {openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3?arch=arm64"}]`), []string{ssl}, false},
		"a package of another distribution":     {openVEX("not_affected", `[{"@id":"pkg:deb/ubuntu/libssl3"}]`), []string{ssl}, false},
		"one of two packages":                   {openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3"}]`), []string{ssl, zlib}, false},
		"the second of two packages":            {openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3"}]`), []string{zlib, ssl}, false},
		"the whole image by its digest":         {openVEX("not_affected", `[{"@id":"`+digest+`"}]`), []string{ssl, zlib}, true},
		"the image as a package URL":            {openVEX("not_affected", `[{"@id":"pkg:oci/web@`+strings.ReplaceAll(digest, ":", "%3A")+`?repository_url=registry.example/team/web"}]`), []string{ssl}, true},
		"the image of another path":             {openVEX("not_affected", `[{"@id":"pkg:oci/web@`+digest+`?repository_url=registry.example/other/web"}]`), []string{ssl}, false},
		"another image":                         {openVEX("not_affected", `[{"@id":"pkg:oci/web@sha256:0000000000000000000000000000000000000000000000000000000000000000"}]`), []string{ssl}, false},
		"the image by its reference":            {openVEX("not_affected", `[{"@id":"registry.example:5000/team/web:1.0"}]`), []string{ssl}, true},
		"a package of the image":                {openVEX("not_affected", `[{"@id":"`+digest+`","subcomponents":[{"@id":"pkg:deb/debian/libssl3"}]}]`), []string{ssl}, true},
		"another package of the image":          {openVEX("not_affected", `[{"@id":"`+digest+`","subcomponents":[{"@id":"pkg:deb/debian/bash"}]}]`), []string{ssl}, false},
		"a package of another image":            {openVEX("not_affected", `[{"@id":"pkg:oci/other","subcomponents":[{"@id":"pkg:deb/debian/libssl3"}]}]`), []string{ssl}, false},
		"a part without a name is not all":      {openVEX("not_affected", `[{"@id":"`+digest+`","subcomponents":[{}]}]`), []string{ssl}, false},
		"whatever the document was given for":   {openVEX("not_affected", `[]`), []string{ssl}, true},
		"fixed":                                 {openVEX("fixed", `[{"@id":"pkg:deb/debian/libssl3"}]`), []string{ssl}, true},
		"affected":                              {openVEX("affected", `[{"@id":"pkg:deb/debian/libssl3"}]`), []string{ssl}, false},
		"under investigation":                   {openVEX("under_investigation", `[{"@id":"pkg:deb/debian/libssl3"}]`), []string{ssl}, false},
		"CSAF, not affected":                    {csaf("known_not_affected"), []string{ssl}, true},
		"CSAF, affected":                        {csaf("known_affected"), []string{ssl}, false},
		"CSAF, another package":                 {csaf("known_not_affected"), []string{zlib}, false},
		"CycloneDX, not affected":               {cycloneDX("not_affected", "ssl"), []string{ssl}, true},
		"CycloneDX, false positive by BOM-Link": {cycloneDX("false_positive", "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#ssl"), []string{ssl}, true},
		"CycloneDX, exploitable":                {cycloneDX("exploitable", "ssl"), []string{ssl}, false},
		"CycloneDX, package URL as reference":   {cycloneDX("not_affected", "pkg:deb/debian/zlib1g"), []string{zlib}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if isEmpty := strings.Contains(name, "without a name"); isEmpty {
				if _, err := Parse([]byte(c.text)); err == nil {
					t.Fatal("a document whose only statement is about nothing was taken")
				}
				return
			}
			if got := judge(t, c.text, c.packages...); got.Excused != c.excused {
				t.Errorf("excused = %t, want %t: %+v", got.Excused, c.excused, got)
			}
		})
	}
}

func TestVerdictSaysWhoSaidItAndWhy(t *testing.T) {
	got := judge(t, csaf("known_not_affected"), ssl)
	want := Verdict{Excused: true, Status: NotAffected, Justification: "component_not_present", Note: "It is not called.", Document: "VEX-7", Author: "Vendor", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if got != want {
		t.Errorf("verdict = %+v, want %+v", got, want)
	}
}

// TestTheClosestThenTheNewestWordCounts: and of two at a time the graver.
func TestTheClosestThenTheNewestWordCounts(t *testing.T) {
	source := func(scope Scope, status Status, year int) Source {
		return Source{Scope: scope, Given: true, Document: Compile(&Document{ID: string(status), Statements: []Statement{{
			Vulnerabilities: []string{"CVE-2024-1"}, Status: status, At: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC),
		}}})}
	}
	for name, c := range map[string]struct {
		sources []Source
		want    Status
	}{
		"newer":              {[]Source{source(ImageScope, NotAffected, 2025), source(ImageScope, Affected, 2026)}, Affected},
		"closer, though old": {[]Source{source(ImageScope, NotAffected, 2020), source(RegistryScope, Affected, 2026)}, NotAffected},
		"repository first":   {[]Source{source(RegistryScope, NotAffected, 2026), source(RepositoryScope, Affected, 2020)}, Affected},
		"graver at a time":   {[]Source{source(ImageScope, NotAffected, 2026), source(ImageScope, UnderInvestigation, 2026)}, UnderInvestigation},
	} {
		got := Judge(c.sources, Question{Image: image(), Vulnerabilities: []string{"cve-2024-1"}, Packages: []string{ssl}})
		if got.Status != c.want || got.Excused != (c.want == NotAffected) {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestAttestationsAreUnwrapped(t *testing.T) {
	statement := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[],"predicate":` + openVEX("not_affected", `[]`) + `}`
	envelope, err := json.Marshal(map[string]string{"payloadType": "application/vnd.in-toto+json", "payload": base64.StdEncoding.EncodeToString([]byte(statement))})
	if err != nil {
		t.Fatal(err)
	}
	if !judge(t, string(envelope), ssl).Excused {
		t.Error("the statement in the envelope does not count")
	}
}

func TestOldOpenVEXNamesThingsBarely(t *testing.T) {
	text := `{"@context":"https://openvex.dev/ns","@id":"1","author":"a","timestamp":"2023-01-08T18:02:03Z","version":"1","statements":[{"vulnerability":"CVE-2024-1","products":["pkg:deb/debian/libssl3"],"status":"fixed"}]}`
	if !judge(t, text, ssl).Excused {
		t.Error("a statement of version 0.0.1 does not count")
	}
}

func TestWhatIsNoDocumentIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": ``, "no JSON": `hello`, "something else": `{"a":1}`, "an SBOM without analyses": `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1}`,
		"unknown status": openVEX("fine", `[]`), "no statements": `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[]}`,
		"no vulnerability":      `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"status":"fixed"}]}`,
		"a broken envelope":     `{"payloadType":"x","payload":"***"}`,
		"CSAF of no statements": `{"document":{"csaf_version":"2.0"}}`,
	} {
		if d, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: taken as %+v", name, d)
		}
	}
	if _, err := Parse(make([]byte, MaxBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(openVEX("not_affected", `[{"@id":"pkg:deb/debian/libssl3"}]`)))
	f.Add([]byte(csaf("known_not_affected")))
	f.Add([]byte(cycloneDX("not_affected", "ssl")))
	f.Add([]byte(redHat(`"cpe":"cpe:/o:redhat:enterprise_linux:9"`, "known_not_affected")))
	f.Add([]byte(groups(3)))
	f.Add([]byte(envelope(`{"predicateType":"https://openvex.dev/ns","subject":[{"digest":{"sha256":"00"}}],"predicate":` + openVEX("fixed", `["team/web:1.0","pkg:oci/web?tag=1"]`) + `}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		for _, s := range d.Statements {
			if len(s.Vulnerabilities) == 0 {
				t.Fatal("a statement about nothing")
			}
		}
		Judge([]Source{{Document: Compile(d), Given: true}}, Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1"}, Packages: []string{ssl, zlib}})
	})
}
