package sbom

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Limits bounds what reading a document may cost. A zero field means its default.
type Limits struct {
	Bytes    int64 // of the document; default 128 MiB
	Packages int   // default 200,000
}

func (l Limits) withDefaults() Limits {
	return Limits{Bytes: cmp.Or(l.Bytes, 128<<20), Packages: cmp.Or(l.Packages, 200_000)}
}

// Reading is what a document says.
type Reading struct {
	Inventory *inventory.Inventory
	Format    string // "CycloneDX 1.5", "SPDX-2.3"
	Name      string // of what it describes
	Version   string // of that: for images mostly the digest
	// Unidentified counts packages without a package URL, or with one of a kind
	// that nothing is known about: they are not in the inventory.
	Unidentified int
}

// ErrNotSBOM says that the input is JSON, but neither CycloneDX nor SPDX.
var ErrNotSBOM = errors.New("it is neither CycloneDX nor SPDX JSON")

// Read answers the inventory of a document.
func Read(r io.Reader) (*inventory.Inventory, error) {
	reading, err := Parse(r, Limits{})
	if err != nil {
		return nil, err
	}
	return reading.Inventory, nil
}

// Parse reads CycloneDX or SPDX JSON, bare or in the in-toto statement or
// envelope of an attestation.
func Parse(r io.Reader, lim Limits) (*Reading, error) {
	lim = lim.withDefaults()
	p := &parser{lim: lim, out: &Reading{}}
	err := p.parse(r, 0)
	if err == nil && p.out.Format == "" {
		err = ErrNotSBOM
	}
	if err == nil {
		p.out.Inventory, err = p.inventory()
	}
	switch {
	case errors.Is(err, errTooLong):
		err = fmt.Errorf("it is longer than %d bytes", lim.Bytes)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it ends early")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the bill of materials: %w", err)
	}
	return p.out, nil
}

// parser collects what a document says, in whatever order it says it.
type parser struct {
	walker
	lim      Limits
	out      *Reading
	found    []inventory.Package
	system   systemFacts
	versions struct{ cyclonedx, spdx string }
}

// maxEnvelopes is how often an attestation can be in an attestation.
const maxEnvelopes = 3

func (p *parser) parse(r io.Reader, envelope int) error {
	buffered := bufio.NewReaderSize(&bounded{r: r, left: p.lim.Bytes}, 64<<10)
	if err := sniff(buffered); err != nil {
		return err
	}
	outer := p.dec
	p.dec = json.NewDecoder(buffered)
	if err := p.document(envelope); err != nil {
		return err
	}
	p.dec = outer
	return nil
}

// sniff tells what is no JSON, in words that help.
func sniff(r *bufio.Reader) error {
	start, err := r.Peek(512)
	if len(start) == 0 {
		return cmp.Or(err, io.ErrUnexpectedEOF)
	}
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) { // the mark with which some tools of Windows begin
		_, _ = r.Discard(3)
		start = start[3:]
	}
	start = bytes.TrimLeft(start, " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("<")):
		return errors.New("it is XML, and only JSON is read")
	case bytes.HasPrefix(start, []byte("SPDXVersion:")):
		return errors.New("it is SPDX as tags and values, and only JSON is read")
	case len(start) == 0 || start[0] != '{':
		return ErrNotSBOM
	}
	return nil
}

// document takes the members of either format: what both say with one word
// means the same.
func (p *parser) document(envelope int) error {
	err := p.object(func(key string) error {
		switch key {
		case "specVersion":
			return p.text(&p.versions.cyclonedx)
		case "bomFormat":
			return p.format()
		case "spdxVersion":
			return p.spdxVersion()
		case "metadata":
			return p.metadata()
		case "components":
			return p.list(func() error { return p.component(1, false) })
		case "packages":
			return p.list(p.spdxPackage)
		case "name":
			return p.name()
		case "@context":
			return errors.New("it is SPDX 3 or another kind of linked data, which is not read")
		case "predicate", "dsseEnvelope", "sbom", "Data", "payload":
			return p.inner(key, envelope)
		}
		return p.skip()
	})
	if err == nil && p.versions.cyclonedx != "" && strings.HasPrefix(p.out.Format, "CycloneDX") {
		p.out.Format = "CycloneDX " + p.versions.cyclonedx
	}
	return err
}

func (p *parser) format() error {
	var format string
	if err := p.text(&format); err != nil {
		return err
	}
	if format == "CycloneDX" {
		p.out.Format = format
	}
	return nil
}

func (p *parser) spdxVersion() error {
	if err := p.text(&p.out.Format); err != nil {
		return err
	}
	if !strings.HasPrefix(p.out.Format, "SPDX-2.") {
		return fmt.Errorf("it is %.40q, and SPDX-2.2 and SPDX-2.3 are read", p.out.Format)
	}
	return nil
}

// name is that of an SPDX document; other objects with one are passed over.
func (p *parser) name() error {
	var name string
	if err := p.text(&name); err != nil {
		return err
	}
	p.out.Name = cmp.Or(p.out.Name, name)
	return nil
}

// inner reads the document in an attestation: as an object, or in base64 in an
// envelope that is signed. Whoever needs the signature checks it before.
func (p *parser) inner(key string, envelope int) error {
	if envelope >= maxEnvelopes {
		return errDepth
	}
	if key != "payload" {
		return p.document(envelope + 1)
	}
	var payload string
	if err := p.text(&payload); err != nil || payload == "" {
		return err
	}
	return p.parse(base64.NewDecoder(base64.StdEncoding, strings.NewReader(payload)), envelope+1)
}

func (p *parser) metadata() error {
	return p.object(func(key string) error {
		if key == "component" {
			return p.component(1, true)
		}
		return p.skip()
	})
}

// component reads one component of CycloneDX and those in it.
func (p *parser) component(depth int, root bool) error {
	if depth > maxDepth {
		return errDepth
	}
	var e entry
	var kind, group, version string
	err := p.object(func(key string) error {
		switch key {
		case "type":
			return p.text(&kind)
		case "name":
			return p.text(&e.name)
		case "group":
			return p.text(&group)
		case "version":
			return p.text(&version)
		case "purl":
			return p.text(&e.purl)
		case "publisher":
			return p.text(&e.maintainer)
		case "description":
			return p.text(&e.description)
		case "properties":
			return p.list(func() error { return p.property(&e) })
		case "components":
			return p.list(func() error { return p.component(depth+1, false) })
		}
		return p.skip()
	})
	if err != nil {
		return err
	}
	e.group = group
	if root {
		p.out.Name, p.out.Version = cmp.Or(e.name, p.out.Name), version
	}
	switch kind {
	case "operating-system":
		p.system.component(&e, version)
		return nil
	case "library", "framework":
	default:
		if e.purl == "" {
			return nil // a file, an image, a lock file: not what anybody installs
		}
	}
	return p.keep(e)
}

// property reads one property of a component, ours and others'.
func (p *parser) property(e *entry) error {
	var name, value string
	err := p.object(func(key string) error {
		switch key {
		case "name":
			return p.text(&name)
		case "value":
			return p.text(&value)
		}
		return p.skip()
	})
	if err == nil {
		e.property(name, value)
	}
	return err
}

// spdxPackage reads one package of SPDX.
func (p *parser) spdxPackage() error {
	var e entry
	var id, version, purpose, sourceInfo string
	err := p.object(func(key string) error {
		switch key {
		case "SPDXID":
			return p.text(&id)
		case "name":
			return p.text(&e.name)
		case "versionInfo":
			return p.text(&version)
		case "supplier":
			return p.text(&e.maintainer)
		case "description":
			return p.text(&e.description)
		case "primaryPackagePurpose":
			return p.text(&purpose)
		case "sourceInfo":
			return p.text(&sourceInfo)
		case "externalRefs":
			return p.list(func() error { return p.reference(&e) })
		case "attributionTexts":
			return p.list(func() error { return p.attribution(&e) })
		}
		return p.skip()
	})
	if err != nil {
		return err
	}
	e.maintainer = supplier(e.maintainer)
	e.sourceInfo(sourceInfo)
	switch purpose {
	case "OPERATING-SYSTEM":
		p.system.component(&e, version)
		return nil
	case "CONTAINER", "APPLICATION", "FILE":
		if purpose == "CONTAINER" {
			p.out.Version = cmp.Or(p.out.Version, version)
		}
		if e.purl == "" {
			return nil
		}
	}
	if e.purl == "" && (strings.Contains(id, "RootPackage") || strings.Contains(id, "DocumentRoot")) {
		return nil // what sbom-tool and syft call the whole
	}
	return p.keep(e)
}

func (p *parser) reference(e *entry) error {
	var kind, locator string
	err := p.object(func(key string) error {
		switch key {
		case "referenceType":
			return p.text(&kind)
		case "referenceLocator":
			return p.text(&locator)
		}
		return p.skip()
	})
	if err == nil && (kind == "purl" || strings.HasSuffix(kind, "/purl")) {
		e.purl = cmp.Or(e.purl, locator)
	}
	return err
}

// attribution is where trivy notes the layer of a package in SPDX.
func (p *parser) attribution(e *entry) error {
	var text string
	if err := p.text(&text); err != nil {
		return err
	}
	if layer, found := strings.CutPrefix(text, "LayerDigest: "); found {
		e.layer = layer
	}
	return nil
}

func supplier(text string) string {
	_, name, found := strings.Cut(text, ": ")
	if !found {
		return ""
	}
	if open := strings.LastIndex(name, " ("); open >= 0 && strings.HasSuffix(name, ")") {
		return name[:open] + " <" + strings.TrimSuffix(name[open+2:], ")") + ">"
	}
	return name
}

// keep identifies a package and keeps it.
func (p *parser) keep(e entry) error {
	e.bound()
	if e.image() {
		return nil
	}
	pkg, from, ok := e.identify()
	if !ok {
		p.out.Unidentified++
		return nil
	}
	if len(p.found) >= p.lim.Packages {
		return fmt.Errorf("it lists more than %d packages", p.lim.Packages)
	}
	p.system.distro(from)
	p.found = append(p.found, pkg)
	return nil
}

func (p *parser) inventory() (*inventory.Inventory, error) {
	os, err := p.system.release()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(p.found, comparePackages)
	inv := &inventory.Inventory{OS: os, Databases: []inventory.Database{}, Packages: append([]inventory.Package{}, slices.Compact(p.found)...)}
	databases := map[inventory.Database]bool{}
	for i := range inv.Packages {
		if pkg := &inv.Packages[i]; isSystem(pkg.Kind) {
			databases[inventory.Database{Kind: pkg.Kind, Path: pkg.Path}] = true
		}
	}
	for d := range databases {
		inv.Databases = append(inv.Databases, d)
	}
	slices.SortFunc(inv.Databases, func(a, b inventory.Database) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Kind, b.Kind))
	})
	return inv, nil
}

// comparePackages is the order of inventories.
func comparePackages(a, b inventory.Package) int {
	return cmp.Or(
		strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version),
		strings.Compare(a.Arch, b.Arch), strings.Compare(a.Path, b.Path),
		strings.Compare(a.SourceName, b.SourceName), strings.Compare(a.SourceVersion, b.SourceVersion),
		strings.Compare(a.Module, b.Module), strings.Compare(a.Maintainer, b.Maintainer), strings.Compare(a.Layer, b.Layer),
	)
}
