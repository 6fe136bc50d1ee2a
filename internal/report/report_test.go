package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	sarifcheck "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/report"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

const (
	baseLayer = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	appLayer  = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

// sample is a report with something of everything.
func sample() *report.Report {
	inv := &inventory.Inventory{
		OS:        inventory.OSRelease{ID: "alpine", VersionID: "3.20.3", PrettyName: "Alpine Linux v3.20"},
		Databases: []inventory.Database{{Kind: "apk", Path: "lib/apk/db/installed"}},
		Packages: []inventory.Package{
			{Kind: "apk", Name: "libcrypto3", Version: "3.3.2-r0", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.3.2-r0", Path: "lib/apk/db/installed", Layer: baseLayer},
			{Kind: "apk", Name: "libssl3", Version: "3.3.2-r0", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.3.2-r0", Path: "lib/apk/db/installed", Layer: baseLayer},
			{Kind: "npm", Name: "lodash", Version: "4.17.20", SourceName: "lodash", SourceVersion: "4.17.20", Path: "app/node_modules/lodash/package.json", Layer: appLayer},
			{Kind: "npm", Name: "lodash", Version: "4.17.20", SourceName: "lodash", SourceVersion: "4.17.20", Path: "app/node_modules/some/thing/node_modules/lodash/package.json", Layer: appLayer},
			{Kind: "pypi", Name: "six", Version: "1.16.0", SourceName: "six", SourceVersion: "1.16.0", Path: "usr/lib/python3/six.egg-info", OwnedBy: "py3-six"},
			{Kind: "golang", Name: "stdlib", Version: "1.22.3", SourceName: "stdlib", SourceVersion: "1.22.3", Path: "usr/bin/a: b", Layer: appLayer},
		},
	}
	v31 := finding.CVSS{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H", Score: 7.2, Source: "NVD"}
	findings := []match.Finding{
		{
			ID: "CVE-2021-23337", Aliases: []string{"GHSA-35jh-r3h4-6jhm"}, Package: "lodash", Binaries: []string{"lodash"}, InstalledVersion: "4.17.20", FixedVersion: "4.17.21",
			Severity: registry.High, SeveritySource: "CVSS:3.1", CVSS: []finding.CVSS{v31}, Description: "Command Injection in lodash", URI: "https://github.com/advisories/GHSA-35jh-r3h4-6jhm",
			AdvisoryID: "GHSA-35jh-r3h4-6jhm", Published: day("2021-05-06"), Modified: day("2024-04-17"), Layer: appLayer, Path: "app/node_modules/lodash/package.json",
			Reason: "lodash 4.17.20 is affected: < 4.17.21 (GHSA-35jh-r3h4-6jhm, npm, versions ordered as npm does)",
			Kind:   "npm", Packages: []int{2, 3},
			Problem: finding.Problem{
				Title: "Command Injection in lodash", Description: "`lodash` versions prior to 4.17.21 are vulnerable to Command Injection via the template function.", Source: "GITHUB",
				CWEs: []string{"CWE-77", "CWE-94"}, References: []string{"https://nvd.nist.gov/vuln/detail/CVE-2021-23337"},
			},
		},
		{
			ID: "CVE-2024-9143", Package: "openssl", Binaries: []string{"libcrypto3", "libssl3"}, InstalledVersion: "3.3.2-r0", FixedVersion: "3.3.2-r1",
			Severity: registry.Medium, SeveritySource: "Alpine", VendorSeverity: "medium", CVSS: []finding.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8}},
			Description: "Low-level invalid GF(2^m) parameters lead to OOB memory access", URI: "https://security.alpinelinux.org/vuln/CVE-2024-9143",
			AdvisoryID: "ALPINE-CVE-2024-9143", Layer: baseLayer, Path: "lib/apk/db/installed",
			Reason: "openssl 3.3.2-r0 is affected: < 3.3.2-r1 (ALPINE-CVE-2024-9143, Alpine:v3.20, versions ordered as Alpine does)",
			Kind:   "apk", Packages: []int{0, 1}, Problem: finding.Problem{Source: "ALPINE_CVE"},
		},
		{
			ID: "CVE-2024-24790", Package: "stdlib", Binaries: []string{"stdlib"}, InstalledVersion: "1.22.3", Severity: registry.Undefined,
			Description: "Unexpected behavior from Is methods for IPv4-mapped IPv6 addresses in net/netip\nThe various Is methods did not work as expected.", URI: "https://pkg.go.dev/vuln/GO-2024-2887",
			AdvisoryID: "GO-2024-2887", Layer: appLayer, Path: "usr/bin/a: b", Reason: "stdlib 1.22.3 is affected: < 1.22.4",
			Kind: "golang", Packages: []int{5}, Problem: finding.Problem{Source: "GO"},
		},
	}
	return &report.Report{
		Tool: sbom.Tool{Name: "ecru", Version: "v1.2.3"}, Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Targets: []report.Target{{
			Image: sbom.Image{
				Name: "registry.example/team/app:1.2", Repository: "registry.example/team/app", Tag: "1.2", Platform: "linux/amd64",
				Digest: "sha256:3333333333333333333333333333333333333333333333333333333333333333", Layers: []string{baseLayer, appLayer}, Created: day("2025-12-31"),
			},
			ImageID: "sha256:4444444444444444444444444444444444444444444444444444444444444444", Kind: "registry", Inventory: inv, Findings: findings,
			Sources: []advisory.Source{{Ecosystem: "Alpine:v3.20", Location: "https://example.test/Alpine:v3.20/all.zip", Records: 12, FetchedAt: day("2026-01-01"), NewestModified: day("2025-12-30")}},
			Notes:   []string{"one thing was not looked at"},
		}},
	}
}

func write(t testing.TB, r *report.Report, f report.Format, width int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, r, f, report.Options{Width: width}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestGolden pins every format; UPDATE_GOLDEN=1 writes the files anew.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file   string
		format report.Format
		width  int
	}{
		{"table.txt", report.Table, 0},
		{"table-80.txt", report.Table, 80},
		{"report.json", report.JSON, 0},
		{"report.sarif", report.SARIF, 0},
		{"bom-1.4.json", report.Format(sbom.CycloneDX14), 0},
		{"bom-1.6.json", report.Format(sbom.CycloneDX), 0},
		{"spdx.json", report.Format(sbom.SPDX), 0},
	} {
		got := write(t, sample(), c.format, c.width)
		path := filepath.Join("testdata", c.file)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.file, diff)
		}
	}
}

// TestNarrowTables: no line is wider than the terminal, and no id is cut.
func TestNarrowTables(t *testing.T) {
	for _, width := range []int{80, 100, 120} {
		for line := range strings.Lines(string(write(t, sample(), report.Table, width))) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width && !strings.Contains(line, "registry.example") {
				t.Errorf("%d characters of %d: %q", n, width, line)
			}
		}
	}
	if table := string(write(t, sample(), report.Table, 40)); !strings.Contains(table, "CVE-2021-23337") {
		t.Errorf("ids are cut:\n%s", table)
	}
}

// TestNamesCannotDriveTheTerminal: an image can call its packages anything.
func TestNamesCannotDriveTheTerminal(t *testing.T) {
	r := sample()
	r.Targets[0].Findings[0].Package = "\x1b[2J\x1b]0;owned\x07"
	r.Targets[0].Findings[0].Path = "a\nb"
	if table := write(t, r, report.Table, 0); bytes.ContainsAny(table, "\x1b\x07") || bytes.Contains(table, []byte("a\nb")) {
		t.Errorf("%q", table)
	}
}

// TestNothingFound is said, not shown as an empty table.
func TestNothingFound(t *testing.T) {
	r := sample()
	r.Targets[0].Findings = nil
	if table := string(write(t, r, report.Table, 0)); !strings.Contains(table, "No vulnerabilities found.") || strings.Contains(table, "SEVERITY") {
		t.Error(table)
	}
	for _, f := range report.Formats() {
		if out := write(t, r, f, 0); f != report.Table && !json.Valid(out) {
			t.Errorf("%s: %s", f, out)
		}
	}
}

func TestFilter(t *testing.T) {
	findings := sample().Targets[0].Findings
	for _, c := range []struct {
		filter report.Filter
		want   int
	}{
		{report.Filter{}, 3},
		{report.Filter{Fixable: true}, 2},
		{report.Filter{Severities: []registry.Severity{registry.Critical, registry.High}}, 1},
		{report.Filter{Severities: []registry.Severity{registry.Undefined}, Fixable: true}, 0},
	} {
		if got := c.filter.Apply(findings); len(got) != c.want {
			t.Errorf("%+v: %d findings", c.filter, len(got))
		}
	}
	if len(findings) != 3 || findings[0].ID != "CVE-2021-23337" {
		t.Error("filtering has changed the findings")
	}
}

func TestAtLeast(t *testing.T) {
	r := sample()
	for severity, want := range map[registry.Severity]int{registry.Critical: 0, registry.High: 1, registry.Medium: 2, registry.Low: 2, registry.Undefined: 3} {
		if got := r.AtLeast(severity); got != want {
			t.Errorf("%s: %d", severity, got)
		}
	}
	if s, err := report.ParseSeverity(" high"); err != nil || s != registry.High {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := report.ParseSeverity("bad"); err == nil {
		t.Error("no error")
	}
}

func TestSeveralTargets(t *testing.T) {
	r := sample()
	r.Targets = append(r.Targets, r.Targets[0])
	for _, f := range report.Formats() {
		err := report.Write(&bytes.Buffer{}, r, f, report.Options{})
		bill := strings.HasPrefix(string(f), "cyclonedx") || strings.HasPrefix(string(f), "spdx")
		if (err != nil) != bill {
			t.Errorf("%s: %v", f, err)
		}
	}
	if err := report.Write(&bytes.Buffer{}, r, "xml", report.Options{}); err == nil {
		t.Error("no error")
	}
}

// TestSARIFIsValid: by the schema, and by what GitHub asks beyond it.
func TestSARIFIsValid(t *testing.T) {
	data := write(t, sample(), report.SARIF, 0)
	log := new(sarifcheck.Report)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(log); err != nil {
		t.Fatal(err)
	}
	fill(reflect.ValueOf(log))
	if err := log.Validate(); err != nil {
		t.Error(err)
	}
	run := log.Runs[0]
	if len(run.Tool.Driver.Rules) != 3 || len(run.Results) != 3 {
		t.Fatalf("%d rules, %d results", len(run.Tool.Driver.Rules), len(run.Results))
	}
	for i, want := range []string{"7.2", "5.5", ""} {
		rule := run.Tool.Driver.Rules[i]
		got, _ := rule.Properties.Properties["security-severity"].(string)
		if got != want {
			t.Errorf("%s: security-severity %q, want %q", *rule.ID, got, want)
		}
		result := run.Results[i]
		location := result.Locations[0].PhysicalLocation
		if uri := *location.ArtifactLocation.URI; uri == "" || strings.HasPrefix(uri, "/") || strings.ContainsAny(uri, " :") {
			t.Errorf("location %q", uri)
		}
		if result.PartialFingerprints["primaryLocationLineHash"] == "" || result.RuleIndex != i {
			t.Errorf("%+v", result)
		}
	}
}

// fill gives the library's structs the empty lists and defaults that it writes,
// and without which it takes what it has read itself for invalid.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		if language := v.FieldByName("Language"); language.IsValid() && language.Kind() == reflect.String && language.String() == "" {
			language.SetString("en-US")
		}
		if newlines := v.FieldByName("NewlineSequences"); newlines.IsValid() && newlines.Len() == 0 {
			newlines.Set(reflect.ValueOf([]string{"\n"}))
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
	}
}

// TestFingerprintsAreOfTheProblem: another digest or version is the same alert,
// another package is not.
func TestFingerprintsAreOfTheProblem(t *testing.T) {
	prints := func(r *report.Report) string {
		log := new(sarifcheck.Report)
		if err := json.Unmarshal(write(t, r, report.SARIF, 0), log); err != nil {
			t.Fatal(err)
		}
		return log.Runs[0].Results[0].PartialFingerprints["primaryLocationLineHash"]
	}
	later, other := sample(), sample()
	later.Targets[0].Image.Digest = baseLayer
	later.Targets[0].Findings[0].InstalledVersion = "4.17.19"
	other.Targets[0].Findings[0].Package = "underscore"
	if prints(sample()) != prints(later) || prints(sample()) == prints(other) {
		t.Error(prints(sample()), prints(later), prints(other))
	}
}

// TestCycloneDXIsValid: by the schemas that come with the format's library.
func TestCycloneDXIsValid(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Skipf("no go command to find the schemas with: %v", err)
	}
	local := func(file string) gojsonschema.JSONLoader {
		return gojsonschema.NewReferenceLoader("file://" + filepath.Join(strings.TrimSpace(string(out)), "schema", file))
	}
	for f, version := range map[sbom.Format]string{sbom.CycloneDX14: "1.4", sbom.CycloneDX15: "1.5", sbom.CycloneDX16: "1.6"} {
		schemas := gojsonschema.NewSchemaLoader()
		for name, file := range map[string]string{"jsf-0.82.schema.json": "jsf-0.82.schemax.json", "spdx.schema.json": "spdx.schema.json"} {
			if err := schemas.AddSchema("http://cyclonedx.org/schema/"+name, local(file)); err != nil {
				t.Fatal(err)
			}
		}
		schema, err := schemas.Compile(local("bom-" + version + ".schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*report.Report{sample(), excused()} {
			result, err := schema.Validate(gojsonschema.NewBytesLoader(write(t, r, report.Format(f), 0)))
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range result.Errors() {
				t.Errorf("%s: %s", f, problem)
			}
		}
	}
}

// TestBillsCanBeScanned: what a report writes as a bill of materials is read.
func TestBillsCanBeScanned(t *testing.T) {
	for _, f := range sbom.Formats() {
		inv, err := sbom.Read(bytes.NewReader(write(t, sample(), report.Format(f), 0)))
		if err != nil || len(inv.Packages) != 5 {
			t.Errorf("%s: %v, %v", f, inv, err)
		}
	}
}
