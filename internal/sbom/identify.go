package sbom

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// entry is what a document says of one package. Tools put what a package URL
// has no place for into properties of their own.
type entry struct {
	purl, group, name, maintainer, description string
	path, layer                                string
	source                                     source
	epoch, module                              string
	system                                     map[string]string // fields of os-release
}

// source is the source package, in one piece or in several.
type source struct{ name, version, release, epoch string }

// maxField bounds names, versions and the like, as in inventories.
const maxField = 4096

// property takes what one property says. The prefixes are those of ecru, syft
// and trivy.
func (e *entry) property(name, value string) {
	if field, found := strings.CutPrefix(name, propertySystem); found {
		e.systemField(field, value)
		return
	}
	if field, found := strings.CutPrefix(name, "syft:distro:"); found {
		e.systemField(field, value)
		return
	}
	to := map[string]*string{
		propertyPath: &e.path, "syft:location:0:path": &e.path, "aquasecurity:trivy:FilePath": &e.path,
		propertyLayer: &e.layer, "syft:location:0:layerID": &e.layer, "aquasecurity:trivy:LayerDigest": &e.layer,
		"aquasecurity:trivy:SrcName": &e.source.name, "aquasecurity:trivy:SrcVersion": &e.source.version,
		"aquasecurity:trivy:SrcRelease": &e.source.release, "aquasecurity:trivy:SrcEpoch": &e.source.epoch,
		"syft:metadata:source": &e.source.name, "syft:metadata:sourceVersion": &e.source.version,
		"syft:metadata:originPackage": &e.source.name,
		"syft:metadata:epoch":         &e.epoch,
		// Both are written as rpm has it: NAME:STREAM:VERSION:CONTEXT.
		"syft:metadata:modularityLabel": &e.module, "aquasecurity:trivy:Modularitylabel": &e.module,
	}[name]
	if to != nil && *to == "" {
		*to = value
	}
}

func (e *entry) systemField(field, value string) {
	if e.system == nil {
		e.system = map[string]string{}
	}
	if len(e.system) < 32 && e.system[field] == "" {
		e.system[field] = value
	}
}

// sourceInfo is SPDX's place for where a package comes from.
func (e *entry) sourceInfo(text string) {
	if rest, found := strings.CutPrefix(text, foundIn); found {
		e.path = rest
		if at := strings.LastIndex(rest, ofLayer); at >= 0 {
			e.path, e.layer = rest[:at], rest[at+len(ofLayer):]
		}
		return
	}
	if built, found := strings.CutPrefix(text, "built package from: "); found { // trivy
		e.source.name, e.source.version, _ = strings.Cut(built, " ")
		return
	}
	if _, files, found := strings.Cut(text, ": /"); found && strings.HasPrefix(text, "acquired package info from ") { // syft
		e.path, _, _ = strings.Cut(files, ", ")
	}
}

// bound drops what no real package has, before it is kept.
func (e *entry) bound() {
	for _, s := range []*string{&e.group, &e.name, &e.maintainer, &e.path, &e.layer, &e.module, &e.epoch, &e.source.name, &e.source.version, &e.source.release, &e.source.epoch} {
		if len(*s) > maxField {
			*s = ""
		}
	}
	if len(e.purl) > 2*maxField {
		e.purl = ""
	}
	e.path = strings.TrimPrefix(e.path, "/")
}

// image says that the package URL is of an image, which is what is described
// and no package in it.
func (e *entry) image() bool {
	return strings.HasPrefix(e.purl, "pkg:oci/") || strings.HasPrefix(e.purl, "pkg:docker/")
}

// identify makes a package of the entry; false when its package URL does not
// say enough.
func (e *entry) identify() (p inventory.Package, from distroName, ok bool) {
	u, err := packageurl.FromString(e.purl)
	if err != nil || u.Version == "" {
		return p, from, false
	}
	p = inventory.Package{Version: u.Version, Path: e.path, Layer: e.layer, Maintainer: e.maintainer}
	if p.Kind = kindOf(u.Type); p.Kind == "" {
		return p, from, false
	}
	if !isSystem(p.Kind) {
		e.language(&p, &u)
		return p, from, len(p.Name) <= maxField && len(p.Version) <= maxField
	}
	q := u.Qualifiers.Map()
	p.Name, p.Arch = u.Name, q["arch"]
	e.versionOf(&p, q)
	e.sourceOf(&p, q["upstream"])
	return p, distroName{namespace: u.Namespace, distro: q["distro"]}, len(e.purl) <= maxField
}

// kindOf is the kind of packages of a type of package URLs.
func kindOf(purlType string) string {
	switch purlType {
	case "alpine":
		return inventory.KindAPK // what old versions of syft call them
	case inventory.KindAPK, inventory.KindDeb, inventory.KindRPM, inventory.KindNPM, inventory.KindPyPI, inventory.KindMaven,
		inventory.KindGolang, inventory.KindCargo, inventory.KindGem, inventory.KindComposer, inventory.KindNuGet,
		inventory.KindHex, inventory.KindPub, inventory.KindSwift, inventory.KindHackage, inventory.KindCRAN, inventory.KindBitnami, inventory.KindGitHub:
		return purlType
	}
	return ""
}

func isSystem(kind string) bool {
	return kind == inventory.KindAPK || kind == inventory.KindDeb || kind == inventory.KindRPM
}

// versionOf puts the version together as the distribution writes it.
func (e *entry) versionOf(p *inventory.Package, q map[string]string) {
	epoch := cmp.Or(q["epoch"], e.epoch)
	if n, err := strconv.Atoi(epoch); err == nil && n > 0 && p.Kind != inventory.KindAPK && withoutEpoch(p.Version) == p.Version {
		p.Version = epoch + ":" + p.Version
	}
	if p.Kind != inventory.KindAPK {
		if number, _, found := strings.Cut(p.Version, ":"); found {
			p.Epoch, _ = strconv.Atoi(number)
		}
	}
	if p.Kind == inventory.KindRPM {
		if p.Epoch == 0 {
			p.Version = strings.TrimPrefix(p.Version, "0:")
		}
		p.Module = cmp.Or(q["rpmmod"], e.module)
	}
	if i := strings.LastIndexByte(p.Version, '-'); i >= 0 {
		p.Release = p.Version[i+1:]
	}
}

// sourceOf finds the source package: in the package URL, in properties, or it
// is the package itself.
func (e *entry) sourceOf(p *inventory.Package, upstream string) {
	p.SourceName, p.SourceVersion = p.Name, p.Version
	if p.Kind == inventory.KindRPM {
		p.SourceVersion = withoutEpoch(p.Version)
	}
	name, version := e.source.name, e.source.full(p.Kind)
	if upstream != "" {
		name, version = splitUpstream(p.Kind, upstream)
	}
	p.SourceName = cmp.Or(name, p.SourceName)
	p.SourceVersion = cmp.Or(version, p.SourceVersion)
}

// full is the version of the source in one piece.
func (s *source) full(kind string) string {
	v := s.version
	if v != "" && s.release != "" && !strings.HasSuffix(v, "-"+s.release) {
		v += "-" + s.release
	}
	if v != "" && s.epoch != "" && s.epoch != "0" && kind == inventory.KindDeb && withoutEpoch(v) == v {
		v = s.epoch + ":" + v
	}
	return v
}

// splitUpstream reads NAME, NAME@VERSION, and NAME-VERSION-RELEASE.src.rpm.
func splitUpstream(kind, upstream string) (name, version string) {
	if kind == inventory.KindRPM {
		if file, found := strings.CutSuffix(upstream, ".rpm"); found {
			file = strings.TrimSuffix(strings.TrimSuffix(file, ".src"), ".nosrc")
			release := strings.LastIndexByte(file, '-')
			if at := strings.LastIndexByte(file[:max(release, 0)], '-'); at > 0 {
				return file[:at], file[at+1:]
			}
			return "", ""
		}
	}
	name, version, _ = strings.Cut(upstream, "@")
	return name, version
}

// language names a package as its ecosystem does.
func (e *entry) language(p *inventory.Package, u *packageurl.PackageURL) {
	p.Name = joinName(p.Kind, u.Namespace, u.Name)
	// Package URLs are in lower case where the ecosystem does not tell cases
	// apart, or is said not to; the name beside them is as it was written.
	for _, written := range [...]string{joinName(p.Kind, e.group, e.name), e.name} {
		if sameName(p.Kind, written, p.Name) {
			p.Name = written
			break
		}
	}
	if p.Kind == inventory.KindGolang {
		golang(p)
	}
	p.SourceName, p.SourceVersion = p.Name, p.Version
}

func joinName(kind, namespace, name string) string {
	switch {
	case namespace == "":
		return name
	case kind == inventory.KindMaven:
		return namespace + ":" + name
	case kind == inventory.KindNPM && !strings.HasPrefix(namespace, "@"):
		return "@" + namespace + "/" + name
	}
	return namespace + "/" + name
}

func sameName(kind, a, b string) bool {
	if kind == inventory.KindPyPI {
		a, b = strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-")
	}
	return strings.EqualFold(a, b)
}

// golang writes versions as Go does: "v1.2.3" of modules, "1.22.3" of the
// standard library, which has several names.
func golang(p *inventory.Package) {
	switch p.Name {
	case "stdlib", "std", "go":
		p.Name = "stdlib"
		p.Version = strings.TrimPrefix(strings.TrimPrefix(p.Version, "go"), "v")
		return
	}
	if p.Version[0] >= '0' && p.Version[0] <= '9' {
		p.Version = "v" + p.Version
	}
}
