package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// testCase is an image, all its findings, and what is none.
type testCase struct {
	file string

	Name  string `yaml:"name"`
	Why   string `yaml:"why"`   // what it is good for
	Image string `yaml:"image"` // of the shared root filesystems: the lowest layer
	PURLs lines  `yaml:"purls"` // instead of an image, a bill of materials with these components

	contents `yaml:",inline"`
	Upper    []contents `yaml:"upper"` // layers above

	// By ecosystem: "CVE-2020-1967 openssl 1.1.1d-r3 1.1.1g-r0", with "-" where
	// no fix is known, and "CVE-2019-1547 openssl: the image has the fix", where
	// "*" is any id. What is behind " # " says why.
	Find map[string]lines `yaml:"find"`
	Not  map[string]lines `yaml:"not"`
}

// contents are what one layer brings: packages by kind, one a line.
type contents struct {
	OS          *system           `yaml:"os"`
	APK         lines             `yaml:"apk"`         // name version [source]
	Deb         lines             `yaml:"deb"`         // name version [source [source version]]
	RPM         lines             `yaml:"rpm"`         // name [epoch:]version-release [source] [module=label]
	RPMManifest lines             `yaml:"rpmmanifest"` // the same, as distroless images have it
	NPM         lines             `yaml:"npm"`         // name version
	PyPI        lines             `yaml:"pypi"`
	Gem         lines             `yaml:"gem"`
	Composer    lines             `yaml:"composer"`
	NuGet       lines             `yaml:"nuget"`
	Maven       lines             `yaml:"maven"` // group:artifact version; "> path" opens an archive that holds those that follow
	Go          lines             `yaml:"go"`    // "> path toolchain main-module version" opens a program, "module version [=> module version]"
	Cargo       lines             `yaml:"cargo"` // "> path" opens a program, "crate version"
	Owns        map[string]lines  `yaml:"owns"`  // files of packages of Alpine and Debian
	Files       map[string]string `yaml:"files"`
}

// system is what etc/os-release says.
type system struct {
	ID       string `yaml:"id"`
	Version  string `yaml:"version"`
	Codename string `yaml:"codename"`
}

// lines is a text of which empty lines and indentation do not count.
type lines []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *lines) UnmarshalYAML(node *yaml.Node) error {
	var text string
	if err := node.Decode(&text); err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " # ")
		if line = strings.TrimSpace(line); line != "" {
			*l = append(*l, line)
		}
	}
	return nil
}

// expectation is one finding, as far as the corpus knows it.
type expectation struct{ ecosystem, id, pkg, installed, fixed string }

func (e expectation) String() string {
	return fmt.Sprintf("%s %s %s %s, fixed in %s", e.ecosystem, e.id, e.pkg, e.installed, e.fixed)
}

// absence is what must not be found, and why.
type absence struct{ ecosystem, id, pkg, reason string }

// readCorpus reads all cases of a directory, in the order of their names.
func readCorpus(dir string) ([]*testCase, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no cases in " + dir)
	}
	cases := make([]*testCase, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c := &testCase{file: strings.TrimSuffix(filepath.Base(file), ".yaml")}
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		decoder.KnownFields(true)
		if err := decoder.Decode(c); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if _, err := c.expected(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if _, err := c.absent(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// expected lists the findings that the case must have.
func (c *testCase) expected() ([]expectation, error) {
	var all []expectation
	seen := map[expectation]bool{}
	for ecosystem, find := range c.Find {
		for _, line := range find {
			field := strings.Fields(line)
			if len(field) != 4 {
				return nil, fmt.Errorf("%q is no finding", line)
			}
			e := expectation{ecosystem, field[0], field[1], field[2], field[3]}
			if seen[e] {
				return nil, fmt.Errorf("%q is there twice", line)
			}
			seen[e] = true
			all = append(all, e)
		}
	}
	return all, nil
}

// absent lists what the case must not have. An absence of something that is
// expected would be a slip.
func (c *testCase) absent() ([]absence, error) {
	expected, err := c.expected()
	if err != nil {
		return nil, err
	}
	var all []absence
	for ecosystem, not := range c.Not {
		for _, line := range not {
			what, reason, ok := strings.Cut(line, ": ")
			field := strings.Fields(what)
			if !ok || len(field) != 2 {
				return nil, fmt.Errorf("%q is not of the form \"id package: reason\"", line)
			}
			a := absence{ecosystem, field[0], field[1], reason}
			for _, e := range expected {
				if a.forbids(e) {
					return nil, fmt.Errorf("%q is expected, too", line)
				}
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// forbids reports whether the finding is what must not be there. The package may
// be followed by the version that is meant, as in "lodash@4.17.21".
func (a absence) forbids(e expectation) bool {
	return a.ecosystem == e.ecosystem && (a.id == e.id || a.id == "*") && (a.pkg == e.pkg || a.pkg == e.pkg+"@"+e.installed)
}
