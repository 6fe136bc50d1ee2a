package vex

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// excusedBy says whether a document, given for the image or for the registry,
// excuses a package.
func excused(t *testing.T, text string, given bool, packages ...string) bool {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	scope := RegistryScope
	if given {
		scope = ImageScope
	}
	q := Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1", "GHSA-1"}, Packages: packages}
	return Judge([]Source{{Scope: scope, Document: Compile(d), Given: given}}, q).Excused
}

// TestVagueNamesExcuseNothing: what cannot be told to be about a package of the
// image is about none of them.
func TestVagueNamesExcuseNothing(t *testing.T) {
	for name, product := range map[string]string{
		"a namespace alone":                 `"pkg:deb/debian"`,
		"a namespace with a slash":          `"pkg:deb/debian/"`,
		"a type alone":                      `"pkg:deb"`,
		"a type and nothing":                `"pkg:deb/"`,
		"nothing of a package URL":          `"pkg:"`,
		"no type":                           `"pkg:/libssl3"`,
		"a wildcard as the name":            `"pkg:deb/debian/*"`,
		"a wildcard as the version":         `"pkg:deb/debian/libssl3@*"`,
		"a wildcard for all":                `"*"`,
		"a prefix of the name":              `"pkg:deb/debian/libssl"`,
		"a name that goes on":               `"pkg:deb/debian/libssl3-dev"`,
		"the name alone":                    `"libssl3"`,
		"another package manager":           `"pkg:rpm/debian/libssl3"`,
		"another epoch":                     `"pkg:deb/debian/libssl3?epoch=1"`,
		"another release":                   `"pkg:deb/debian/libssl3?distro=debian-11"`,
		"half of a release's number":        `"pkg:deb/debian/libssl3?distro=debian-1"`,
		"a qualifier that nobody can check": `"pkg:deb/debian/libssl3?flavor=fips"`,
		"an empty name":                     `""`,
		"an object without a name":          `{}`,
		"another digest":                    `"sha256:` + strings.Repeat("0", 64) + `"`,
		"the digest of another kind":        `"sha512:` + strings.Repeat("0", 128) + `"`,
		"an image of the same last part":    `"pkg:oci/web"`,
		"that in another registry":          `"pkg:oci/web?repository_url=docker.io/team/web"`,
		"a tag of another registry":         `"docker.io/team/web:1.0"`,
		"a tag that it has not":             `"team/web:2.0"`,
		"a repository without a tag":        `"team/web"`,
		"a URL":                             `"https://registry.example:5000/team/web:1.0"`,
		"a system of another release":       `"cpe:2.3:o:debian:debian_linux:11:*:*:*:*:*:*:*"`,
		"any system":                        `"cpe:2.3:o:debian:debian_linux:*:*:*:*:*:*:*:*"`,
		"an application as a CPE":           `"cpe:2.3:a:openssl:openssl:3.0.15:*:*:*:*:*:*:*"`,
	} {
		for _, given := range []bool{true, false} {
			text := openVEX("not_affected", "["+product+`,"pkg:npm/other"]`)
			if excused(t, text, given, ssl) {
				t.Errorf("%s (%s) excuses, given %t", name, product, given)
			}
		}
	}
}

// TestIdsAreComparedWhole: an id is one vulnerability.
func TestIdsAreComparedWhole(t *testing.T) {
	for id, want := range map[string]bool{
		"CVE-2024-1": true, "cve-2024-1": true, "GHSA-1": true,
		"*": false, "CVE-*": false, "CVE-2024-": false, "CVE-2024-11": false, "CVE-2024-?": false, ".*": false, "": false,
	} {
		text := strings.Replace(openVEX("not_affected", `["pkg:deb/debian/libssl3"]`), `{"name":"CVE-2024-1"}`, fmt.Sprintf(`{"name":%q,"aliases":["CVE-1999-1"]}`, id), 1)
		if got := excused(t, text, true, ssl); got != want {
			t.Errorf("%q: excused = %t, want %t", id, got, want)
		}
	}
}

// TestWithoutAProductItIsAboutWhatItWasGivenFor: and for the registry it was given
// for nothing. What makes graver counts there nonetheless.
func TestWithoutAProductItIsAboutWhatItWasGivenFor(t *testing.T) {
	if text := openVEX("not_affected", `[]`); !excused(t, text, true, ssl) || excused(t, text, false, ssl) {
		t.Error("a statement without a product must excuse the image that it was given for, and in the registry none")
	}
	excuse, err := Parse([]byte(openVEX("not_affected", `["pkg:deb/debian/libssl3"]`)))
	if err != nil {
		t.Fatal(err)
	}
	grave, err := Parse([]byte(openVEX("affected", `[]`)))
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1"}, Packages: []string{ssl}}
	if v := Judge([]Source{{RegistryScope, Compile(excuse), "", time.Time{}, false}, {RegistryScope, Compile(grave), "", time.Time{}, false}}, q); v.Excused {
		t.Error("a registry's word that everything is affected does not count")
	}
}

// TestAttestationsAreAboutTheirSubject: wherever they were pushed.
func TestAttestationsAreAboutTheirSubject(t *testing.T) {
	attest := func(subject, products string) string {
		return `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[` + subject + `],"predicate":` + openVEX("not_affected", products) + `}`
	}
	ours := `{"name":"web","digest":{"sha256":"` + strings.TrimPrefix(digest, "sha256:") + `"}}`
	other := `{"name":"web","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}}`
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"this image":            {attest(ours, `[]`), true},
		"another image":         {attest(other, `[]`), false},
		"both":                  {attest(other+","+ours, `[]`), true},
		"an unreadable subject": {attest(`{"name":"web","digest":{"gitCommit":"1"}}`, `[]`), false},
		"a package of its own":  {attest(other, `["pkg:deb/debian/libssl3"]`), true},
	} {
		if got := excused(t, c.text, true, ssl); got != c.want {
			t.Errorf("%s: excused = %t, want %t", name, got, c.want)
		}
	}
}

// redHat is a CSAF document as Red Hat writes them: packages of its systems.
func redHat(cpe, status string) string {
	return `{"document":{"csaf_version":"2.0","publisher":{"name":"Red Hat"},"tracking":{"id":"CVE-2024-1","version":"1"}},
	"product_tree":{"branches":[{"product":{"product_id":"RHEL","product_identification_helper":{` + cpe + `}}},{"product":{"product_id":"ssl","product_identification_helper":{"purl":"pkg:rpm/redhat/openssl-libs"}}},
	{"product":{"product_id":"more"}},{"product":{"product_id":"yet more"}},{"product":{"product_id":"zlib","product_identification_helper":{"purl":"pkg:rpm/redhat/zlib"}}}],
	"relationships":[{"product_reference":"ssl","relates_to_product_reference":"RHEL","full_product_name":{"product_id":"RHEL:ssl"}}]},
	"vulnerabilities":[{"cve":"CVE-2024-1","product_status":{"` + status + `":["RHEL:ssl","more","zlib"]}}]}`
}

// TestPackagesOfASystemAreThoseOfItsRelease: what holds for Red Hat 8 does not for 9.
func TestPackagesOfASystemAreThoseOfItsRelease(t *testing.T) {
	installed := "pkg:rpm/redhat/openssl-libs@3.0.7-1.el9?arch=x86_64&distro=rhel-9.4&epoch=1"
	for cpe, want := range map[string]bool{
		`"cpe":"cpe:/o:redhat:enterprise_linux:9"`:                     true,
		`"cpe":"cpe:/a:redhat:enterprise_linux:9::appstream"`:          true,
		`"cpe":"cpe:2.3:o:redhat:enterprise_linux:9.4:*:*:*:*:*:*:*"`:  true,
		`"cpe":"cpe:/o:redhat:enterprise_linux:8"`:                     false,
		`"cpe":"cpe:/o:redhat:enterprise_linux:9.2"`:                   false,
		`"cpe":"cpe:/a:redhat:openshift:4"`:                            false,
		`"purl":"pkg:oci/ubi9@sha256:` + strings.Repeat("0", 64) + `"`: false,
		``: false,
	} {
		if got := excused(t, redHat(cpe, "known_not_affected"), true, installed); got != want {
			t.Errorf("%s: excused = %t, want %t", cpe, got, want)
		}
	}
	d, err := Parse([]byte(redHat(``, "known_affected")))
	if err != nil {
		t.Fatal(err)
	}
	if v := Judge([]Source{{Document: Compile(d)}}, Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1"}, Packages: []string{installed}}); v.Status != Affected {
		t.Errorf("affected as a part of something unknown: %+v", v)
	}
}

// TestWhatADocumentSaysIsNoNewerThanIt: a date of tomorrow does not win.
func TestWhatADocumentSaysIsNoNewerThanIt(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	source := func(status Status, at, before time.Time) Source {
		return Source{Given: true, Before: before, Document: Compile(&Document{Statements: []Statement{{Vulnerabilities: []string{"CVE-2024-1"}, Status: status, At: at}}})}
	}
	q := Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1"}, Packages: []string{ssl}}
	if v := Judge([]Source{source(NotAffected, day(30), day(1)), source(Affected, day(2), day(2))}, q); v.Excused {
		t.Errorf("a document from the future wins: %+v", v)
	}
	if v := Judge([]Source{source(NotAffected, time.Time{}, day(3)), source(Affected, day(2), day(2))}, q); !v.Excused {
		t.Errorf("a document without a date counts from when it came: %+v", v)
	}
}

// TestHostileDocumentsCostLittle: each is refused, or judged in bounded time.
func TestHostileDocumentsCostLittle(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	statement := `{"vulnerability":"CVE-2024-1","status":"not_affected","products":["pkg:npm/a%d"]}`
	for name, c := range map[string]struct {
		text    string
		refused bool
	}{
		"nested arrays":            {strings.Repeat("[", 1<<20), true},
		"nested in a member":       {`{"@context":"https://openvex.dev/ns","x":` + strings.Repeat(`{"a":`, 1<<18), true},
		"nested components":        {`{"bomFormat":"CycloneDX","components":[` + strings.Repeat(`{"components":[`, 9000), true},
		"nested branches":          {`{"document":{"csaf_version":"2.0"},"product_tree":{"branches":` + strings.Repeat(`[{"branches":`, 4900) + `[]` + strings.Repeat(`}]`, 4900) + `}}`, true},
		"a million products":       {openVEX("not_affected", "["+many(1_000_001, `"pkg:a/%d"`)+"]"), true},
		"many products":            {openVEX("not_affected", "["+many(200_000, `"pkg:npm/a%d"`)+"]"), false},
		"many products of a name":  {openVEX("not_affected", "["+many(200_000, `"pkg:deb/debian/libssl3@%d"`)+"]"), false},
		"many images":              {openVEX("not_affected", "["+many(200_000, `"pkg:oci/web?tag=%d"`)+"]"), false},
		"many statements":          {`{"@context":"https://openvex.dev/ns","statements":[` + many(90_000, statement) + `]}`, false},
		"too many statements":      {`{"@context":"https://openvex.dev/ns","statements":[` + many(100_001, statement) + `]}`, true},
		"all ids there are":        {`{"@context":"https://openvex.dev/ns","statements":[{"status":"fixed","vulnerability":{"aliases":[` + many(100_000, `"CVE-2024-%d"`) + `]}}]}`, true},
		"groups of everything":     {groups(2000), true},
		"one hash in many places":  {`{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"a","name":"` + "n" + `","type":"library","hashes":[` + many(20_000, `{"alg":"SHA-256","content":"%064d"}`) + `]}],"vulnerabilities":[` + many(1000, `{"id":"CVE-2024-%d","analysis":{"state":"not_affected"},"affects":[{"ref":"a"}]}`) + `]}`, true},
		"an envelope in envelopes": {envelope(envelope(envelope(envelope(openVEX("fixed", `[]`))))), true},
	} {
		began := time.Now()
		d, err := Parse([]byte(c.text))
		if c.refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			compiled := Compile(d)
			packages := make([]string, 200)
			for i := range packages {
				packages[i] = ssl
			}
			if v := Judge([]Source{{Document: compiled, Given: true}}, Question{Image: image(), Vulnerabilities: []string{"CVE-2024-1"}, Packages: packages}); v.Excused {
				t.Errorf("%s: excused", name)
			}
			if most := 12*len(c.text) + 10_000; compiled.Weight() > most {
				t.Errorf("%s: %d bytes of memory for %d of text", name, compiled.Weight(), len(c.text))
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// groups is a CSAF document whose flags name all groups, each of all products.
func groups(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	list, _ := json.Marshal(ids)
	var groups, flags []string
	for i := range n {
		groups = append(groups, fmt.Sprintf(`{"group_id":"%d","product_ids":%s}`, i, list))
		flags = append(flags, fmt.Sprintf(`{"label":"x","group_ids":%s}`, list))
	}
	return `{"document":{"csaf_version":"2.0"},"product_tree":{"product_groups":[` + strings.Join(groups, ",") + `]},"vulnerabilities":[{"cve":"CVE-1","flags":[` + strings.Join(flags, ",") + `]}]}`
}

func envelope(text string) string {
	return `{"payloadType":"x","payload":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`
}

// BenchmarkJudge asks a vendor's document of 1,000 statements, and 499 like it,
// about a finding of ten packages.
func BenchmarkJudge(b *testing.B) {
	var sources []Source
	for n := range 500 {
		d := &Document{ID: fmt.Sprint(n)}
		for i := range 1000 {
			d.Statements = append(d.Statements, Statement{
				Vulnerabilities: []string{fmt.Sprintf("CVE-2024-%d", (n*1000+i)%50_000)}, Status: NotAffected, Justification: "vulnerable_code_not_in_execute_path",
				Products: []Product{{Names: []string{fmt.Sprintf("pkg:deb/debian/package-%d", i)}}},
			})
		}
		sources = append(sources, Source{Document: Compile(d)})
	}
	weight := 0
	for _, s := range sources {
		weight += s.Document.Weight()
	}
	q := Question{Image: image(), Vulnerabilities: []string{"CVE-2024-77", "GHSA-77"}}
	for i := range 10 {
		q.Packages = append(q.Packages, fmt.Sprintf("pkg:deb/debian/package-%d@1.0?arch=amd64", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		Judge(sources, q)
	}
	b.ReportMetric(float64(weight)/(500*1000), "bytes/statement")
}
