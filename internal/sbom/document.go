package sbom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Document is what a bill of materials tells.
type Document struct {
	Inventory *inventory.Inventory
	Image     Image
	Tool      Tool
	// Created is when the document was made. Whoever wants the same bytes twice
	// gives the same time.
	Created time.Time
}

// Image is what the packages are part of. Only Name is needed.
type Image struct {
	Name       string   // as people call it: "registry.example/team/app:1.2", a directory
	Repository string   // "registry.example/team/app" where it is one
	Tag        string   // where it was named by one
	Digest     string   // of the manifest; empty for what is no image
	Platform   string   // "linux/amd64"
	Layers     []string // digests, base first
	Created    time.Time
}

// Tool is the program that makes the document.
type Tool struct{ Name, Version string }

// Format names a kind of document and its version.
type Format string

// The formats. CycloneDX without a version is the newest of ours.
const (
	CycloneDX   Format = "cyclonedx"
	CycloneDX14 Format = "cyclonedx-1.4"
	CycloneDX15 Format = "cyclonedx-1.5"
	CycloneDX16 Format = "cyclonedx-1.6"
	SPDX        Format = "spdx" // 2.3
)

// Formats lists what Write can make.
func Formats() []Format {
	return []Format{CycloneDX, CycloneDX14, CycloneDX15, CycloneDX16, SPDX}
}

// Write writes the document. The same document gives the same bytes.
func Write(w io.Writer, d Document, f Format) error {
	switch f {
	case CycloneDX, CycloneDX14, CycloneDX15, CycloneDX16:
		return EncodeCycloneDX(w, d.CycloneDX(), f)
	case SPDX:
		return d.writeSPDX(w)
	}
	return fmt.Errorf("%q is no format of a bill of materials", f)
}

// Packages are those that a document lists: what an OS package has brought is
// part of that package.
func (d *Document) Packages() []inventory.Package {
	return slices.DeleteFunc(slices.Clone(d.Inventory.Packages), func(p inventory.Package) bool { return p.OwnedBy != "" })
}

// Ref names a package within a document: the same package has the same name in
// every document.
func Ref(p *inventory.Package) string {
	fields := []string{p.Kind, p.Name, p.Version, p.Arch, p.SourceName, p.SourceVersion, p.Module, p.Path}
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	return "package-" + hex.EncodeToString(sum[:8])
}

// References are the names of the inventory's packages in the document, in their
// order; empty for those that it does not list.
func (d *Document) References() []string {
	all := make([]string, len(d.Inventory.Packages))
	listed := references(d.Packages())
	for i := range all {
		if d.Inventory.Packages[i].OwnedBy == "" {
			all[i], listed = listed[0], listed[1:]
		}
	}
	return all
}

// namespace makes the ids of documents ours.
const namespace = "8d5e0a54-6c0f-4c5c-9d0b-0a0e5f3c7a61"

// id is different for different content, and the same for the same.
func (d *Document) id() uuid.UUID {
	content, _ := json.Marshal([]any{d.Inventory.ID(), d.Image, d.Tool, d.created()}) // plain values: it cannot fail
	return uuid.NewSHA1(uuid.MustParse(namespace), content)
}

func (d *Document) created() string {
	at := d.Created
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	return at.UTC().Format(time.RFC3339)
}

func (d *Document) tool() Tool {
	return Tool{Name: cmp.Or(d.Tool.Name, "ecru"), Version: cmp.Or(d.Tool.Version, "dev")}
}

// contents tells which packages lie within the file of another one: the jars of
// a war. It answers the indices of the parents, -1 for none.
func contents(packages []inventory.Package) []int {
	byPath := map[string]int{}
	for i := range packages {
		if packages[i].Kind == inventory.KindMaven {
			if _, known := byPath[packages[i].Path]; !known {
				byPath[packages[i].Path] = i
			}
		}
	}
	parents := make([]int, len(packages))
	for i := range packages {
		parents[i] = -1
		for path := packages[i].Path; parents[i] < 0; {
			cut := strings.LastIndex(path, "!/")
			if cut < 0 {
				break
			}
			path = path[:cut]
			if at, ok := byPath[path]; ok && at != i {
				parents[i] = at
			}
		}
	}
	return parents
}
