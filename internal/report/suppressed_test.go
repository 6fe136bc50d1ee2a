package report_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	sarifcheck "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/report"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/vex"
)

// excused is the sample with two findings that do not count.
func excused() *report.Report {
	r := sample()
	t := &r.Targets[0]
	t.Suppressed = []report.Suppressed{
		{Finding: t.Findings[0], Excuse: report.Excuse{
			Status: "not_affected", Justification: "vulnerable_code_not_in_execute_path", Note: "It is not called.\nReally.", Document: "https://example.com/1", Author: "Security", Source: "vex.json", At: day("2026-01-02"),
		}},
		{Finding: t.Findings[1], Excuse: report.Excuse{Status: "fixed", Source: "-"}},
	}
	t.Findings = t.Findings[2:]
	return r
}

func TestSuppressedFindingsAreNeverLeftOutWithoutAWord(t *testing.T) {
	short := string(write(t, excused(), report.Table, 0))
	if !strings.Contains(short, "2 findings suppressed by VEX documents; --show-suppressed lists them.") || strings.Contains(short, "CVE-2021-23337") {
		t.Error(short)
	}
	var out bytes.Buffer
	if err := report.Write(&out, excused(), report.Table, report.Options{ShowSuppressed: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"HIGH      CVE-2021-23337  lodash                         4.17.20    not_affected (vulnerable_code_not_in_execute_path): It is not called.  Security, vex.json\n",
		"MEDIUM    CVE-2024-9143   openssl (libcrypto3, libssl3)  3.3.2-r0   fixed                                                                  -\n",
		"\n2 findings suppressed by VEX documents.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
	r := excused()
	r.Targets[0].Findings = nil
	if table := string(write(t, r, report.Table, 0)); !strings.Contains(table, "No vulnerabilities found that count.\n2 findings suppressed") {
		t.Error(table)
	}
	if n := excused().AtLeast(registry.Low); n != 0 {
		t.Errorf("%d suppressed findings count", n)
	}
}

func TestJSONHasSuppressedFindingsBesideTheOthers(t *testing.T) {
	var got struct {
		Targets []struct {
			Counts     map[string]int
			Findings   []struct{ ID string }
			Suppressed []struct {
				ID          string
				Packages    []struct{ PURL string }
				Suppression report.Excuse
			}
		}
	}
	if err := json.Unmarshal(write(t, excused(), report.JSON, 0), &got); err != nil {
		t.Fatal(err)
	}
	target := got.Targets[0]
	if len(target.Findings) != 1 || len(target.Suppressed) != 2 || !reflect.DeepEqual(target.Counts, map[string]int{"UNDEFINED": 1}) {
		t.Fatalf("%+v", target)
	}
	if s := target.Suppressed[0]; s.ID != "CVE-2021-23337" || len(s.Packages) != 2 || s.Suppression != excused().Targets[0].Suppressed[0].Excuse {
		t.Errorf("%+v", s)
	}
}

func TestSARIFSaysWhatIsSuppressed(t *testing.T) {
	log := new(sarifcheck.Report)
	decoder := json.NewDecoder(bytes.NewReader(write(t, excused(), report.SARIF, 0)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(log); err != nil {
		t.Fatal(err)
	}
	fill(reflect.ValueOf(log))
	if err := log.Validate(); err != nil {
		t.Error(err)
	}
	var said []string
	for _, result := range log.Runs[0].Results {
		text := ""
		for _, s := range result.Suppressions {
			text = *s.Kind + " " + *s.Status + ": " + *s.Justification
		}
		said = append(said, text)
	}
	want := []string{"", "external accepted: not_affected (vulnerable_code_not_in_execute_path): It is not called. [Security, vex.json]", "external accepted: fixed [-]"}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}

// TestABillOfMaterialsSaysItAgain: whoever is given the report knows as much.
func TestABillOfMaterialsSaysItAgain(t *testing.T) {
	for _, f := range []sbom.Format{sbom.CycloneDX14, sbom.CycloneDX} {
		d, err := vex.Parse(write(t, excused(), report.Format(f), 0))
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]vex.Status{}
		for _, s := range d.Statements {
			said[s.Vulnerabilities[0]] = s.Status
		}
		if want := map[string]vex.Status{"CVE-2021-23337": vex.NotAffected, "CVE-2024-9143": vex.Fixed}; !reflect.DeepEqual(said, want) {
			t.Errorf("%s: %v, want %v", f, said, want)
		}
	}
}
