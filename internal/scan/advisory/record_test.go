package advisory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// small is a record as distributions publish them, with the traps in it: a
// range of commits first, an urgency, two releases, free-form members.
const small = `{
  "schema_version": "1.7.3", "id": "DEBIAN-CVE-2024-9143", "modified": "2026-01-02T03:04:05.5+02:00",
  "published": "2024-10-16T00:00:00Z", "upstream": ["CVE-2024-9143"],
  "summary": "openssl: low-level\n invalid GF(2^m)\u0000 parameters", "details": "Issue summary",
  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N"}],
  "affected": [
    {"package": {"ecosystem": "Debian:12", "name": "openssl", "purl": "pkg:deb/debian/openssl?arch=source"},
     "ranges": [{"type": "GIT", "repo": "https://example.test/x", "events": [{"introduced": "0"}]},
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.15-1~deb12u1"}]}],
     "versions": ["3.0.14-1~deb12u2"],
     "ecosystem_specific": {"urgency": "not yet assigned", "binaries": [1, {"a": "b"}]}},
    {"package": {"ecosystem": "Debian:120", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]},
    {"package": {"ecosystem": "Debian:12", "name": "nodejs"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]},
    {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}
  ],
  "references": [{"type": "WEB", "url": "javascript:alert(1)"}, {"type": "WEB", "url": "https://a.test"},
                 {"type": "ADVISORY", "url": "https://security-tracker.debian.org/tracker/CVE-2024-9143"}],
  "database_specific": {"severity": 7.5, "cwe_ids": ["CWE-1"]}
}`

func decode(t *testing.T, text string) *advisory.Record {
	t.Helper()
	r, err := advisory.DecodeRecord([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordKeepsWhatMatchingNeeds(t *testing.T) {
	r := decode(t, small)
	if r.ID != "DEBIAN-CVE-2024-9143" || r.Modified.UTC().Format("15:04:05.0") != "01:04:05.5" || !r.Withdrawn.IsZero() {
		t.Errorf("head: %+v", r)
	}
	if r.Summary != "openssl: low-level invalid GF(2^m) parameters" {
		t.Errorf("summary %q", r.Summary)
	}
	if r.Database.Word() != "" {
		t.Errorf("a number is no severity word: %q", r.Database.Word())
	}
	if len(r.References) != 2 || r.References[0].Type != "ADVISORY" || r.References[1].URL != "https://a.test" {
		t.Errorf("references %+v", r.References)
	}
	if len(r.Affected) != 3 {
		t.Fatalf("affected %+v", r.Affected)
	}
	first := r.Affected[0]
	if len(first.Ranges) != 1 || first.Ranges[0].Type != advisory.RangeEcosystem || first.Ecosystem.Word() != "not yet assigned" {
		t.Errorf("first: %+v", first)
	}
}

func TestRecordRefusesWhatIsNone(t *testing.T) {
	long := strings.Repeat("9", 300)
	for name, text := range map[string]string{
		"empty":               ``,
		"not JSON":            `<html>`,
		"a list":              `[]`,
		"no id":               `{"affected": []}`,
		"an id with NUL":      `{"id": "CVE-1\u0000"}`,
		"a long id":           `{"id": "` + long + `"}`,
		"a bad date":          `{"id": "A", "withdrawn": "yesterday"}`,
		"a package without":   `{"id": "A", "affected": [{"package": {"ecosystem": "Go", "name": ""}}]}`,
		"a version too long":  `{"id": "A", "affected": [{"package": {"ecosystem": "Go", "name": "x"}, "versions": ["` + long + `"]}]}`,
		"an event too long":   `{"id": "A", "affected": [{"package": {"ecosystem": "Go", "name": "x"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "` + long + `"}]}]}]}`,
		"a newline in a name": `{"id": "A", "affected": [{"package": {"ecosystem": "Go", "name": "x\ny"}}]}`,
		"deep nesting":        strings.Repeat(`{"database_specific":`, 20_000) + strings.Repeat(`}`, 20_000),
		"many packages":       `{"id": "A", "affected": [` + strings.Repeat(`{},`, 60_000) + `{}]}`,
	} {
		if r, err := advisory.DecodeRecord([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, r)
		}
	}
}

func TestSplitKeepsOnePackageOfTheExport(t *testing.T) {
	for export, want := range map[string]string{
		"Debian:12": "nodejs:Debian:12 openssl:Debian:12",
		"Debian":    "nodejs:Debian:12 openssl:Debian:12,Debian:120",
		"Debian:1":  "",
		"Deb":       "",
	} {
		entries, err := decode(t, small).Split(export)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			part := decode(t, string(e.Data))
			var where []string
			for _, a := range part.Affected {
				if a.Package.Name != e.Package || len(a.Versions) != 0 {
					t.Errorf("%s: entry of %s holds %+v", export, e.Package, a)
				}
				where = append(where, a.Package.Ecosystem)
			}
			got = append(got, e.Package+":"+strings.Join(where, ","))
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", export, diff)
		}
	}
}

func TestSplitKeepsVersionListsThatSayMore(t *testing.T) {
	const text = `{"id": "PYSEC-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"},
		"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}], "versions": ["1", "3"]}]}`
	entries, err := decode(t, text).Split("PyPI")
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	if part := decode(t, string(entries[0].Data)); len(part.Affected[0].Versions) != 2 {
		t.Errorf("versions lost: %s", entries[0].Data)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"id":"A","affected":[{"package":{"ecosystem":"Debian","name":"b"},"versions":["1"],"ranges":[{"type":"SEMVER","events":[{"limit":"*"}]}]}]}`))
	f.Add([]byte(`{"id":"A","severity":[{"type":"Ubuntu","score":"low"}],"database_specific":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := advisory.DecodeRecord(data)
		if err != nil {
			return
		}
		entries, err := r.Split("Debian")
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		for _, e := range entries {
			again, err := advisory.DecodeRecord(e.Data)
			if err != nil {
				t.Fatalf("own encoding refused: %v\n%s", err, e.Data)
			}
			twice, err := again.Split("Debian")
			if err != nil || len(twice) != 1 || string(twice[0].Data) != string(e.Data) {
				t.Fatalf("not stable:\n%s\n%v", e.Data, twice)
			}
		}
	})
}

func BenchmarkDecodeRecord(b *testing.B) {
	data := []byte(small)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := advisory.DecodeRecord(data); err != nil {
			b.Fatal(err)
		}
	}
}

// recordOf makes a plain record of one package.
func recordOf(id, ecosystem, pkg, fixed string) string {
	r := map[string]any{
		"id": id, "modified": "2026-01-01T00:00:00Z",
		"affected": []any{map[string]any{
			"package": map[string]string{"ecosystem": ecosystem, "name": pkg},
			"ranges":  []any{map[string]any{"type": "ECOSYSTEM", "events": []any{map[string]string{"introduced": "0"}, map[string]string{"fixed": fixed}}}},
		}},
	}
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprint("a test's own record: ", err))
	}
	return string(text)
}

func TestOneNameForManySpellings(t *testing.T) {
	for _, c := range []struct{ ecosystem, name, want string }{
		{"PyPI", "Zope.Interface__x", "zope-interface-x"},
		{"PyPI", "Pillow", "pillow"},
		{"PyPI", "odd-", "odd-"},
		{"NuGet", "Newtonsoft.Json", "newtonsoft.json"},
		{"Packagist:https://packages.drupal.org/8", "Drupal/Core", "drupal/core"},
		{"Go", "github.com/Sirupsen/logrus", "github.com/sirupsen/logrus"},
		{"crates.io", "Tokio_util", "tokio-util"},
		{"npm", "JSONStream", "JSONStream"},
		{"Debian:12", "libX11", "libX11"},
	} {
		if got := advisory.LookupName(c.ecosystem, c.name); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.ecosystem, c.name, got, c.want)
		}
	}
}

func TestRecordKeepsWeaknesses(t *testing.T) {
	r := decode(t, `{"id": "GHSA-1", "database_specific": {"severity": "HIGH", "cwe_ids": ["CWE-79", 7, "x"], "cvss_v3_score": 7.5},
	  "affected": [{"package": {"ecosystem": "crates.io", "name": "x"}, "database_specific": {"informational": "unmaintained", "cvss_v3_score": "7"}}]}`)
	want := advisory.Specific{Severity: "HIGH", CWEs: []string{"CWE-79"}, Score: 7.5}
	if diff := cmp.Diff(want, r.Database); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.Affected[0].Database; got.Informational != "unmaintained" || got.Score != 0 {
		t.Errorf("%+v", got)
	}
}
