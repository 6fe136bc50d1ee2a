package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
)

// hostile is what a terminal would obey: colours, its title, a second beginner of
// commands, and what turns the direction of writing around.
const hostile = "\x1b[31m\x1b]0;title\x07\u009b31m\u202e\r"

func TestWhatIsSaidPlainlyIsNotObeyedByTerminals(t *testing.T) {
	var out bytes.Buffer
	table := tabwriter.NewWriter(plainly(&out), 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "NAME\tWHY\n%s\tü\n", "a"+hostile)
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || !strings.HasSuffix(out.String(), "ü\n") {
		t.Errorf("%d lines, %q", n, out.String())
	}
	wantPlain(t, "table", out.String())
}

func wantPlain(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range hostile {
		if strings.ContainsRune(text, r) && !strings.ContainsRune("[]0;13mtitle", r) {
			t.Errorf("%s: %q is in %q", what, r, text)
		}
	}
}

// TestNothingInAnImageIsObeyedByTerminals: its names are those of strangers.
func TestNothingInAnImageIsObeyedByTerminals(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"etc/os-release":                              "ID=alpine\nVERSION_ID=3.20" + hostile + "\n",
		"lib/apk/db/installed":                        "P:zlib\nV:1\nA:x86_64\n\n",
		hostile + "/node_modules/a/package.json":      `{"name":`,
		hostile + "/node_modules/lodash/package.json": `{"name":"lodash","version":"4.17.4"}`,
	} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"scan":    {"scan", "--advisories", "off", "--cache", t.TempDir(), root},
		"sbom":    {"sbom", "--cache", t.TempDir(), root},
		"explain": {"explain", "--advisories", "off", "--cache", t.TempDir(), root, "CVE-2024-1" + hostile},
		"error":   {"scan", "--advisories", "off", "--cache", t.TempDir(), filepath.Join(root, hostile+"none")},
	} {
		var out, errors bytes.Buffer
		run(args, &out, &errors)
		if out.Len()+errors.Len() == 0 {
			t.Errorf("%s says nothing", name)
		}
		if name != "sbom" { // JSON is for programs
			wantPlain(t, name, out.String())
		}
		wantPlain(t, name, errors.String())
	}
}
