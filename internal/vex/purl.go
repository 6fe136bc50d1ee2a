package vex

import (
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"
)

// packageName is a package URL, made ready to be compared.
type packageName struct {
	key     string // TYPE/NAMESPACE/NAME
	version string
	// identity are the qualifiers that make it another package, sorted.
	identity []qualifier
}

type qualifier struct{ key, value string }

// locating are qualifiers that say where a package comes from, or what it was
// made of, and not which one it is.
func locating(key string) bool {
	switch key {
	case "repository_url", "repository_id", "download_url", "vcs_url", "file_name", "checksum", "checksums", "upstream", "type", "ext":
		return true
	}
	return false
}

// parsePackage reads a package URL. Images are none.
func parsePackage(name string) (packageName, bool) {
	if !strings.HasPrefix(name, "pkg:") {
		return packageName{}, false
	}
	u, err := packageurl.FromString(name)
	if err != nil || u.Type == packageurl.TypeOCI || u.Type == packageurl.TypeDocker {
		return packageName{}, false
	}
	p := packageName{key: u.Type + "/" + strings.TrimPrefix(u.Namespace+"/"+u.Name, "/"), version: u.Version}
	if u.Type == packageurl.TypeGolang {
		// Some write modules without the letter, and all of the path as the name.
		p.version = strings.TrimPrefix(p.version, "v")
	}
	for _, q := range u.Qualifiers {
		if q.Value != "" && !locating(q.Key) && (q.Key != "epoch" || q.Value != "0") {
			p.identity = append(p.identity, qualifier{q.Key, q.Value})
		}
	}
	slices.SortFunc(p.identity, func(a, b qualifier) int { return strings.Compare(a.key, b.key) })
	return p, true
}

func (p *packageName) qualifier(key string) string {
	for _, q := range p.identity {
		if q.key == key {
			return q.value
		}
	}
	return ""
}

// names says whether a stated name is that of an installed package: a version or
// qualifier that it leaves out may be any, and one that cannot be told of what is
// installed is another.
func (p *packageName) names(installed *packageName) bool {
	if p.key != installed.key || p.version != "" && p.version != installed.version {
		return false
	}
	for _, q := range p.identity {
		have := installed.qualifier(q.key)
		if have == q.value || q.key == "distro" && sameRelease(q.value, have) {
			continue
		}
		return false
	}
	return true
}

// sameRelease says whether one of two names of a distribution's release is the
// other in more detail: debian-12.7 is of debian-12, and wolfi-20230201 of wolfi.
func sameRelease(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a != "" && strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '.' || b[len(a)] == '-')
}

// releaseOf answers the release of a distribution that a CPE names, as package
// URLs have it; false for everything else.
func releaseOf(cpe string) (string, bool) {
	var fields []string
	switch {
	case strings.HasPrefix(cpe, "cpe:/"):
		fields = strings.Split(strings.TrimPrefix(cpe, "cpe:/"), ":")
	case strings.HasPrefix(cpe, "cpe:2.3:"):
		fields = strings.Split(strings.TrimPrefix(cpe, "cpe:2.3:"), ":")
	}
	if len(fields) < 4 {
		return "", false
	}
	id, known := map[string]string{
		"redhat:enterprise_linux": "rhel", "debian:debian_linux": "debian", "canonical:ubuntu_linux": "ubuntu",
		"alpinelinux:alpine_linux": "alpine", "almalinux:almalinux": "almalinux", "rocky:rocky": "rocky", "rockylinux:rocky_linux": "rocky",
		"oracle:linux": "ol", "amazon:linux": "amzn", "suse:sles": "sles", "opensuse:leap": "opensuse-leap", "fedoraproject:fedora": "fedora",
	}[fields[1]+":"+fields[2]]
	version := fields[3]
	if !known || strings.Trim(version, "0123456789.") != "" || version == "" {
		return "", false
	}
	if id == "sles" && len(fields) > 4 { // cpe:/o:suse:sles:15:sp5
		if pack, ok := strings.CutPrefix(fields[4], "sp"); ok {
			version += "." + pack
		}
	}
	return id + "-" + version, true
}
