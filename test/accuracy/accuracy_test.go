package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/server"
)

func corpus(t *testing.T) []*testCase {
	t.Helper()
	cases, err := readCorpus("corpus")
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// TestCorpus scans every image with the command and wants exactly what the
// corpus says.
func TestCorpus(t *testing.T) {
	s := scanner{binary: server.Binary(t), shared: fixture.Shared(t), dir: t.TempDir()}
	var total score
	for _, c := range corpus(t) {
		found, err := s.scan(c)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		total.add(c, found)
	}
	var table bytes.Buffer
	total.print(&table)
	if len(total.deviations) > 0 {
		t.Errorf("%d deviations\n%s", len(total.deviations), table.String())
	}
}

// TestTheCorpusCoversWhatItMust: facts of every ecosystem, on both sides.
func TestTheCorpusCoversWhatItMust(t *testing.T) {
	var total score
	for _, c := range corpus(t) {
		total.add(c, nil)
	}
	var all tally
	for _, one := range total.by {
		all.expected, all.absent = all.expected+one.expected, all.absent+one.absent
	}
	if all.expected < 400 || all.absent < 100 {
		t.Errorf("%d expected, %d expected not; want 400 and 100", all.expected, all.absent)
	}
	for _, ecosystem := range []string{
		"Alpine", "Debian", "Ubuntu", "AlmaLinux", "Red Hat", "Rocky Linux", "Azure Linux", "Wolfi",
		"npm", "PyPI", "Maven", "Go", "RubyGems", "crates.io", "Packagist",
	} {
		if one := total.by[ecosystem]; one == nil || one.expected < 10 || one.absent == 0 {
			t.Errorf("%s has too few facts: %+v", ecosystem, one)
		}
	}
}

// TestDeviationsAreSeen: a measure that cannot fail measures nothing.
func TestDeviationsAreSeen(t *testing.T) {
	right := expectation{"npm", "CVE-2020-8203", "lodash", "4.17.15", "4.17.19"}
	other, older := right, right
	other.id, older.fixed = "CVE-2021-23337", "4.17.16"
	c := &testCase{
		file: "case",
		Find: map[string]lines{"npm": {"CVE-2020-8203 lodash 4.17.15 4.17.19"}},
		Not:  map[string]lines{"npm": {"CVE-2021-23337 lodash@4.17.15: only for the test"}},
	}
	for _, test := range []struct {
		name              string
		found             []expectation
		deviation         string
		recall, precision float64
	}{
		{"right", []expectation{right}, "", 100, 100},
		{"nothing", nil, "case: miss npm CVE-2020-8203 lodash 4.17.15, fixed in 4.17.19", 0, 100},
		{"twice", []expectation{right, right}, "case: surplus npm CVE-2020-8203 lodash 4.17.15, fixed in 4.17.19", 100, 50},
		{"too much", []expectation{right, other}, "case: surplus npm CVE-2021-23337 lodash 4.17.15, fixed in 4.17.19: only for the test", 100, 50},
		{"another fix", []expectation{older}, "case: fix npm CVE-2020-8203 lodash 4.17.15, fixed in 4.17.16, but it is fixed in 4.17.19", 100, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s score
			s.add(c, test.found)
			if got := strings.Join(s.deviations, "\n"); got != test.deviation {
				t.Errorf("got  %q\nwant %q", got, test.deviation)
			}
			one := s.tally("npm")
			if one.of(one.expected) != test.recall || one.of(one.found) != test.precision {
				t.Errorf("recall %v, precision %v", one.of(one.expected), one.of(one.found))
			}
		})
	}
}

// TestSlipsInTheCorpus are refused.
func TestSlipsInTheCorpus(t *testing.T) {
	for text, want := range map[string]string{
		"find: {npm: \"CVE-1 lodash 4.17.15\"}":                                              "is no finding",
		"find: {npm: \"CVE-1 lodash 4 5\\nCVE-1 lodash 4 5\"}":                               "is there twice",
		"not: {npm: \"CVE-1 lodash\"}":                                                       "is not of the form",
		"find: {npm: \"CVE-1 lodash 4 5\"}\nnot: {npm: \"CVE-1 lodash: it is fixed\"}":       "is expected, too",
		"find: {npm: \"CVE-1 lodash 4 5\"}\nnot: {npm: \"* lodash@4: it is not installed\"}": "is expected, too",
		"finds: {npm: \"CVE-1 lodash 4 5\"}":                                                 "not found in type",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "case.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readCorpus(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestProgramsAreAsTheLinkerMakesThem, as far as Go's own reader looks.
func TestProgramsAreAsTheLinkerMakesThem(t *testing.T) {
	c := contents{Go: lines{
		"> usr/bin/tool go1.21.13 example.com/tool v1.2.3",
		"golang.org/x/net v0.17.0",
		"example.com/old v1.0.0 => example.com/new v1.1.0",
	}}
	files, err := c.files()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.Read(strings.NewReader(files["usr/bin/tool"]))
	if err != nil {
		t.Fatal(err)
	}
	if info.GoVersion != "go1.21.13" || info.Main.Version != "v1.2.3" || len(info.Deps) != 2 || info.Deps[1].Replace.Path != "example.com/new" {
		t.Errorf("%+v", info)
	}
}

// ids are the vulnerabilities that a case expects, each once.
func (c *testCase) ids(t *testing.T) []string {
	t.Helper()
	expected, err := c.expected()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range expected {
		all = append(all, e.id)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
