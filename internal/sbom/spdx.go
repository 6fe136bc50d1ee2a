package sbom

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

const (
	// documentNamespace begins the URIs of our documents. They only have to be
	// unique; nothing is there.
	documentNamespace = "https://github.com/ecru-registry/ecru/spdx/"
	noAssertion       = "NOASSERTION"
	spdxDocument      = "DOCUMENT"
	spdxRoot          = "Image"
	spdxSystem        = "OperatingSystem"

	// The words of sourceInfo, which is the place for where a package was found.
	foundIn, ofLayer = "found in ", " of layer "
)

func (d *Document) writeSPDX(w io.Writer) error {
	if err := json.Write(d.spdx(), w, json.Indent("  "), json.EscapeHTML(false)); err != nil {
		return fmt.Errorf("writing SPDX: %w", err)
	}
	return nil
}

func (d *Document) spdx() *v2_3.Document {
	tool := d.tool()
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: spdxDocument,
		DocumentName:      cmp.Or(d.Image.Name, "image"),
		DocumentNamespace: documentNamespace + d.id().String(),
		CreationInfo: &v2_3.CreationInfo{Created: d.created(), Creators: []common.Creator{
			{CreatorType: "Tool", Creator: tool.Name + "-" + tool.Version},
		}},
		Packages: []*v2_3.Package{d.spdxRoot()},
	}
	relate := func(a, kind, b string) {
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{
			RefA: common.MakeDocElementID("", a), RefB: common.MakeDocElementID("", b), Relationship: kind,
		})
	}
	relate(spdxDocument, common.TypeRelationshipDescribe, spdxRoot)
	if d.Inventory.OS.ID != "" {
		doc.Packages = append(doc.Packages, spdxOS(d.Inventory.OS))
		relate(spdxRoot, common.TypeRelationshipContains, spdxSystem)
	}
	packages := d.Packages()
	refs, parents := references(packages), contents(packages)
	for i := range packages {
		doc.Packages = append(doc.Packages, spdxPackage(&packages[i], d.Inventory.OS, refs[i]))
		if parents[i] < 0 {
			relate(spdxRoot, common.TypeRelationshipContains, refs[i])
		} else {
			relate(refs[parents[i]], common.TypeRelationshipContains, refs[i])
		}
	}
	return doc
}

// bare is a package about which nothing is claimed that we do not know.
func bare(id, name, version, purpose string) *v2_3.Package {
	return &v2_3.Package{
		PackageSPDXIdentifier: common.ElementID(id), PackageName: name, PackageVersion: version,
		PackageSupplier:         &common.Supplier{Supplier: noAssertion, SupplierType: noAssertion},
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion,
		PackageCopyrightText: noAssertion, PrimaryPackagePurpose: purpose,
	}
}

func (d *Document) spdxRoot() *v2_3.Package {
	p := bare(spdxRoot, cmp.Or(d.Image.Name, "image"), d.Image.Digest, "CONTAINER")
	if sum, found := strings.CutPrefix(d.Image.Digest, "sha256:"); found {
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: sum}}
	}
	if url := d.Image.imageURL(); url != "" {
		p.PackageExternalReferences = purlReference(url)
	}
	if d.Image.Digest == "" {
		p.PrimaryPackagePurpose = "FILE"
	}
	var facts []string
	if d.Image.Platform != "" {
		facts = append(facts, "platform "+d.Image.Platform)
	}
	if len(d.Image.Layers) > 0 {
		facts = append(facts, "layers "+strings.Join(d.Image.Layers, " "))
	}
	p.PackageComment = strings.Join(facts, "; ")
	return p
}

func spdxOS(os inventory.OSRelease) *v2_3.Package {
	p := bare(spdxSystem, os.ID, cmp.Or(os.VersionID, os.VersionCodename), "OPERATING-SYSTEM")
	p.PackageDescription = os.PrettyName
	return p
}

func spdxPackage(p *inventory.Package, os inventory.OSRelease, ref string) *v2_3.Package {
	out := bare(ref, p.Name, p.Version, "LIBRARY")
	if maintainer := strings.Join(strings.Fields(p.Maintainer), " "); maintainer != "" && maintainer != "-" {
		out.PackageSupplier = &common.Supplier{SupplierType: "Organization", Supplier: withAddress(maintainer)}
	}
	if p.Path != "" {
		out.PackageSourceInfo = foundIn + p.Path
		if p.Layer != "" {
			out.PackageSourceInfo += ofLayer + p.Layer
		}
	}
	out.PackageExternalReferences = purlReference(PackageURL(p, os))
	return out
}

// withAddress writes "Name <address>" as SPDX does: "Name (address)".
func withAddress(maintainer string) string {
	name, address, found := strings.Cut(maintainer, " <")
	if !found || !strings.HasSuffix(address, ">") {
		return maintainer
	}
	return name + " (" + strings.TrimSuffix(address, ">") + ")"
}

func purlReference(url string) []*v2_3.PackageExternalReference {
	return []*v2_3.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: url}}
}
