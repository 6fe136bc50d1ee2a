package sbom

import (
	"strconv"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// PackageURL is the package URL of a package of an operating system.
func PackageURL(p *inventory.Package, os inventory.OSRelease) string {
	namespace, name := splitName(p)
	u := packageurl.PackageURL{Type: p.Kind, Namespace: namespace, Name: name, Version: p.Version}
	switch p.Kind {
	case inventory.KindAPK, inventory.KindDeb, inventory.KindRPM:
		u.Namespace = vendor(os.ID)
		u.Qualifiers = systemQualifiers(p, os)
		if p.Kind == inventory.KindRPM {
			u.Version = withoutEpoch(p.Version)
		}
	}
	// What cannot be normalised is no worse as it is.
	_ = u.Normalize()
	return u.ToString()
}

// systemQualifiers tell what matching needs and a name and a version do not.
func systemQualifiers(p *inventory.Package, os inventory.OSRelease) packageurl.Qualifiers {
	q := map[string]string{"arch": p.Arch, "distro": distro(os)}
	if p.Kind == inventory.KindRPM {
		if p.Epoch != 0 {
			q["epoch"] = strconv.Itoa(p.Epoch)
		}
		q["rpmmod"] = p.Module
	}
	q["upstream"] = upstream(p)
	for key, value := range q {
		if value == "" {
			delete(q, key)
		}
	}
	return packageurl.QualifiersFromMap(q)
}

// upstream names the source package, as others write and read it: NAME, or
// NAME@VERSION where the version is another, and the file name of the source
// for rpm.
func upstream(p *inventory.Package) string {
	sameVersion := p.SourceVersion == p.Version || p.Kind == inventory.KindRPM && p.SourceVersion == withoutEpoch(p.Version)
	switch {
	case p.SourceName == p.Name && sameVersion:
		return ""
	case p.Kind == inventory.KindRPM:
		return p.SourceName + "-" + p.SourceVersion + ".src.rpm"
	case sameVersion:
		return p.SourceName
	}
	return p.SourceName + "@" + p.SourceVersion
}

func distro(os inventory.OSRelease) string {
	switch {
	case os.ID == "":
		return ""
	case os.VersionID != "":
		return os.ID + "-" + os.VersionID
	case os.VersionCodename != "":
		return os.ID + "-" + os.VersionCodename
	}
	return os.ID
}

// vendor is the namespace of a distribution's packages: its own name but for
// those that others know under another.
func vendor(id string) string {
	if id == "rhel" {
		return "redhat"
	}
	return id
}

// splitName takes the name of a language package apart into namespace and name.
func splitName(p *inventory.Package) (namespace, name string) {
	cut := -1
	switch p.Kind {
	case inventory.KindMaven:
		cut = strings.LastIndexByte(p.Name, ':')
	case inventory.KindNPM, inventory.KindComposer, inventory.KindGolang, inventory.KindHex, inventory.KindSwift, inventory.KindGitHub:
		cut = strings.LastIndexByte(p.Name, '/')
	}
	if cut < 0 {
		return "", p.Name
	}
	return p.Name[:cut], p.Name[cut+1:]
}

func withoutEpoch(version string) string {
	epoch, rest, found := strings.Cut(version, ":")
	if !found || strings.Trim(epoch, "0123456789") != "" {
		return version
	}
	return rest
}

// imageURL is the package URL of an image that is in a repository.
func (i *Image) imageURL() string {
	if i.Repository == "" || i.Digest == "" {
		return ""
	}
	q := map[string]string{"repository_url": strings.ToLower(i.Repository)}
	if _, arch, found := strings.Cut(i.Platform, "/"); found {
		q["arch"], _, _ = strings.Cut(arch, "/")
	}
	if i.Tag != "" {
		q["tag"] = i.Tag
	}
	name := i.Repository[strings.LastIndexByte(i.Repository, '/')+1:]
	u := packageurl.PackageURL{Type: packageurl.TypeOCI, Name: strings.ToLower(name), Version: i.Digest, Qualifiers: packageurl.QualifiersFromMap(q)}
	return u.ToString()
}
