package sbom

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Properties of our documents, beside what the formats have fields for.
const (
	propertyPath   = "ecru:path"         // file that is or lists the package
	propertyLayer  = "ecru:layer:digest" // layer that brought it
	propertyImage  = "ecru:image:"       // of the image: platform, created, layer (one each, base first)
	propertySystem = "ecru:os:"          // of the operating system: fields of os-release

	rootRef   = "image"
	systemRef = "operating-system"
)

// CycloneDX is the document in the newest version, for those who add to it.
func (d *Document) CycloneDX() *cdx.BOM {
	bom := cdx.NewBOM()
	bom.SpecVersion = cdx.SpecVersion1_6
	bom.SerialNumber = d.id().URN()
	tool := d.tool()
	bom.Metadata = &cdx.Metadata{
		Timestamp: d.created(),
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: tool.Name, Version: tool.Version}}},
		Component: d.root(),
	}
	packages := d.Packages()
	components := make([]cdx.Component, 0, len(packages)+1)
	if d.Inventory.OS.ID != "" {
		components = append(components, system(d.Inventory.OS))
	}
	refs := references(packages)
	for i := range packages {
		components = append(components, component(&packages[i], d.Inventory.OS, refs[i]))
	}
	bom.Components = &components
	bom.Dependencies = dependencies(packages, refs, d.Inventory.OS.ID != "")
	return bom
}

// EncodeCycloneDX writes a document in the version of a format.
func EncodeCycloneDX(w io.Writer, bom *cdx.BOM, f Format) error {
	versions := map[Format]cdx.SpecVersion{
		CycloneDX: cdx.SpecVersion1_6, CycloneDX14: cdx.SpecVersion1_4, CycloneDX15: cdx.SpecVersion1_5, CycloneDX16: cdx.SpecVersion1_6,
	}
	version, ok := versions[f]
	if !ok {
		return fmt.Errorf("%q is no version of CycloneDX that can be written", f)
	}
	encoder := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, version); err != nil {
		return fmt.Errorf("writing CycloneDX: %w", err)
	}
	return nil
}

// root is what the packages are part of.
func (d *Document) root() *cdx.Component {
	c := &cdx.Component{BOMRef: rootRef, Type: cdx.ComponentTypeContainer, Name: cmp.Or(d.Image.Name, "image"), Version: d.Image.Digest, PackageURL: d.Image.imageURL()}
	if d.Image.Digest == "" {
		c.Type = cdx.ComponentTypeFile
	}
	var properties []cdx.Property
	add := func(name, value string) {
		if value != "" {
			properties = append(properties, cdx.Property{Name: propertyImage + name, Value: value})
		}
	}
	add("platform", d.Image.Platform)
	if !d.Image.Created.IsZero() {
		add("created", d.Image.Created.UTC().Format(time.RFC3339))
	}
	for _, layer := range d.Image.Layers {
		add("layer", layer)
	}
	c.Properties = listOrNil(properties)
	return c
}

func system(os inventory.OSRelease) cdx.Component {
	c := cdx.Component{
		BOMRef: systemRef, Type: cdx.ComponentTypeOS, Name: os.ID, Version: os.VersionID, Description: os.PrettyName,
	}
	var properties []cdx.Property
	for _, p := range [...]cdx.Property{
		{Name: "codename", Value: os.VersionCodename}, {Name: "name", Value: os.Name}, {Name: "cpe", Value: os.CPEName},
		{Name: "support-end", Value: os.SupportEnd}, {Name: "id-like", Value: strings.Join(os.IDLike, " ")},
	} {
		if p.Value != "" {
			properties = append(properties, cdx.Property{Name: propertySystem + p.Name, Value: p.Value})
		}
	}
	c.Properties = listOrNil(properties)
	return c
}

func component(p *inventory.Package, os inventory.OSRelease, ref string) cdx.Component {
	c := cdx.Component{
		BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, Publisher: p.Maintainer,
		PackageURL: PackageURL(p, os),
	}
	switch p.Kind {
	case inventory.KindMaven, inventory.KindNPM, inventory.KindComposer:
		c.Group, c.Name = splitName(p)
	}
	var properties []cdx.Property
	if p.Path != "" {
		properties = append(properties, cdx.Property{Name: propertyPath, Value: p.Path})
	}
	if p.Layer != "" {
		properties = append(properties, cdx.Property{Name: propertyLayer, Value: p.Layer})
	}
	c.Properties = listOrNil(properties)
	return c
}

// references are the names of the packages in the document; what is there twice
// gets a number.
func references(packages []inventory.Package) []string {
	refs, seen := make([]string, len(packages)), map[string]int{}
	for i := range packages {
		ref := Ref(&packages[i])
		seen[ref]++
		if n := seen[ref]; n > 1 {
			ref = fmt.Sprintf("%s-%d", ref, n)
		}
		refs[i] = ref
	}
	return refs
}

// dependencies are those that are known: what is in the image, and what is in
// an archive.
func dependencies(packages []inventory.Package, refs []string, withSystem bool) *[]cdx.Dependency {
	byParent := map[int][]string{}
	parents := contents(packages)
	if withSystem {
		byParent[-1] = []string{systemRef}
	}
	for i := range packages {
		byParent[parents[i]] = append(byParent[parents[i]], refs[i])
	}
	all := []cdx.Dependency{}
	for i := -1; i < len(packages); i++ {
		children := byParent[i]
		if len(children) == 0 {
			continue
		}
		slices.Sort(children)
		ref := rootRef
		if i >= 0 {
			ref = refs[i]
		}
		all = append(all, cdx.Dependency{Ref: ref, Dependencies: &children})
	}
	return &all
}

func listOrNil[T any](all []T) *[]T {
	if len(all) == 0 {
		return nil
	}
	return &all
}
