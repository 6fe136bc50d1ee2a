package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/ecru-registry/ecru/test/sample"
)

// scanner runs the real binary.
type scanner struct{ binary, shared, dir string }

// report is as much of "ecru scan --format json" as is looked at.
type report struct {
	Targets []struct {
		OS struct {
			ID string `json:"id"`
		} `json:"os"`
		Findings []struct {
			ID        string `json:"id"`
			Package   string `json:"package"`
			Installed string `json:"installedVersion"`
			Fixed     string `json:"fixedVersion"`
			Packages  []struct {
				Kind string `json:"kind"`
			} `json:"packages"`
		} `json:"findings"`
	} `json:"targets"`
}

// scan builds the image of a case and answers its findings.
func (s *scanner) scan(c *testCase) ([]expectation, error) {
	target, err := s.build(c)
	if err != nil {
		return nil, err
	}
	// One cache for all cases: each ecosystem is loaded once.
	cmd := exec.Command(s.binary, "scan", "--quiet", "--format", "json", "--platform", "linux/amd64",
		"--cache", filepath.Join(s.dir, "cache"), "--advisories", filepath.Join(s.shared, "osv"), target)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("scan: %w: %s", err, strings.TrimSpace(problems.String()))
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return nil, err
	}
	var found []expectation
	for _, t := range r.Targets {
		for _, f := range t.Findings {
			e := expectation{id: f.ID, pkg: f.Package, installed: f.Installed, fixed: f.Fixed}
			if e.fixed == "" {
				e.fixed = "-"
			}
			if len(f.Packages) > 0 {
				e.ecosystem = ecosystem(f.Packages[0].Kind, t.OS.ID)
			}
			found = append(found, e)
		}
	}
	return found, nil
}

// build writes what is scanned, and answers how scan calls it.
func (s *scanner) build(c *testCase) (target string, err error) {
	path := filepath.Join(s.dir, c.file)
	if len(c.PURLs) > 0 {
		path += ".cdx.json"
		return "sbom:" + path, os.WriteFile(path, []byte(c.bill()), 0o600)
	}
	image, err := c.build(s.shared)
	if err != nil {
		return "", err
	}
	at, err := layout.Write(path, empty.Index)
	if err == nil {
		err = at.AppendImage(image)
	}
	return "oci:" + path, err
}

// build makes the image.
func (c *testCase) build(shared string) (v1.Image, error) {
	layers, err := c.layers(shared)
	if err != nil {
		return nil, err
	}
	return sample.Image(layers...)
}

// bill is a CycloneDX document, with the operating system as other tools name it.
func (c *testCase) bill() string {
	var components []map[string]any
	if c.OS != nil {
		components = append(components, map[string]any{"type": "operating-system", "name": c.OS.ID, "version": c.OS.Version})
	}
	for _, purl := range c.PURLs {
		// pkg:npm/%40scope/name@1.0.0?qualifiers
		name, _, _ := strings.Cut(purl, "?")
		name, version, _ := strings.Cut(name, "@")
		components = append(components, map[string]any{
			"type": "library", "name": name[strings.LastIndexByte(name, '/')+1:], "version": version, "purl": purl, "bom-ref": purl,
		})
	}
	return marshal(map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components})
}

// ecosystem names whose package it is.
func ecosystem(kind, os string) string {
	names := map[string]string{
		"npm": "npm", "pypi": "PyPI", "maven": "Maven", "golang": "Go", "gem": "RubyGems", "cargo": "crates.io", "composer": "Packagist", "nuget": "NuGet",
	}
	if name := names[kind]; name != "" {
		return name
	}
	systems := map[string]string{
		"alpine": "Alpine", "debian": "Debian", "ubuntu": "Ubuntu", "wolfi": "Wolfi", "chainguard": "Chainguard", "almalinux": "AlmaLinux", "rocky": "Rocky Linux",
		"rhel": "Red Hat", "azurelinux": "Azure Linux", "mariner": "Azure Linux",
	}
	if name := systems[os]; name != "" {
		return name
	}
	return os + " " + kind
}
