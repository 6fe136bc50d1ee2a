package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	reporting "github.com/ecru-registry/ecru/internal/report"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/scan/source"
	"github.com/ecru-registry/ecru/internal/vex"
)

// vexBeside stands for the documents that lie beside an image in its registry.
const vexBeside = "oci"

// statements are the VEX documents by which findings are judged.
type statements struct {
	sources []vex.Source
	from    map[string]string // where each was read, by its number
}

// readVEX reads the documents of --vex.
func (c *scanCommand) readVEX() (*statements, error) {
	all := &statements{from: map[string]string{}}
	for _, file := range c.VEX {
		if file == vexBeside {
			continue
		}
		text, err := readUpTo(file, vex.MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("--vex: %w", err)
		}
		document, err := vex.Parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("--vex: %s: %s", file, strings.TrimPrefix(err.Error(), "vex: "))
		}
		all.add(file, document)
	}
	return all, nil
}

// add adds a document that was given for what is scanned.
func (s *statements) add(from string, d *vex.Document) {
	id := strconv.Itoa(len(s.sources))
	s.from[id] = from
	s.sources = append(s.sources, vex.Source{Scope: vex.ImageScope, Document: vex.Compile(d), ID: id, Given: true})
}

// wantedBeside says what is read beside images; nil for nothing.
func (c *scanCommand) wantedBeside() func(string) bool {
	if slices.Contains(c.VEX, vexBeside) {
		return vex.IsArtifact
	}
	return nil
}

// withBeside adds the documents that lie beside an image. What is none says
// nothing.
func (s *statements) withBeside(image *source.Image) *statements {
	all := &statements{sources: slices.Clone(s.sources), from: map[string]string{}}
	for id, from := range s.from {
		all.from[id] = from
	}
	for _, beside := range image.Beside {
		if document, err := vex.Parse(beside.Content); err == nil {
			all.add(beside.Reference, document)
		}
	}
	return all
}

// excuse takes what does not count out of the findings of a target.
func (s *statements) excuse(t *reporting.Target) {
	if len(s.sources) == 0 {
		return
	}
	documents := map[string]*vex.Compiled{}
	for _, source := range s.sources {
		documents[source.ID] = source.Document
	}
	image := vexImage(t)
	var counting []match.Finding
	for _, f := range t.Findings {
		q := vex.Question{Image: image, Vulnerabilities: append([]string{f.ID}, f.Aliases...)}
		for _, at := range f.Packages {
			q.Packages = append(q.Packages, sbom.PackageURL(&t.Inventory.Packages[at], t.Inventory.OS))
		}
		v := vex.Judge(s.sources, q)
		if !v.Excused {
			counting = append(counting, f)
			continue
		}
		t.Suppressed = append(t.Suppressed, reporting.Suppressed{Finding: f, Excuse: reporting.Excuse{
			Status: string(v.Status), Justification: v.Justification, Note: v.Note,
			Document: documents[v.Document].ID, Author: v.Author, Source: s.from[v.Document], At: v.At,
		}})
	}
	t.Findings = counting
}

// vexImage is how documents may call what is scanned.
func vexImage(t *reporting.Target) vex.Image {
	image := vex.Image{Repository: t.Image.Repository, Digest: t.Image.Digest}
	if host, path, ok := strings.Cut(t.Image.Repository, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		image.Repository, image.Hosts = path, []string{host}
		if host == "index.docker.io" {
			image.Hosts = append(image.Hosts, "docker.io")
		}
	}
	if t.Image.Tag != "" {
		image.Tags = []string{t.Image.Tag}
	}
	return image
}
