package match

import "strings"

// sourceOf says in Inspector's words where a record comes from. A distribution
// has one list; of a language the id tells whose list it is in.
func (r *release) sourceOf(id string) string {
	if r.language {
		source, _ := publisher(id)
		return source
	}
	switch r.vendor {
	case "Red Hat":
		return "REDHAT_CVE"
	case "Amazon Linux":
		return "AMAZON_CVE"
	case "Oracle Linux":
		return "ORACLE_CVE"
	case "Photon OS":
		return "PHOTON_CVE"
	}
	return strings.ToUpper(strings.ReplaceAll(r.vendor, " ", "_")) + "_CVE"
}

// scoreSource says who gave a vector. Most distributions repeat that of the
// National Vulnerability Database.
func (r *release) scoreSource(id string) string {
	switch r.vendor {
	case "Red Hat", "Amazon Linux", "SUSE", "openSUSE", "":
		return r.sourceOf(id)
	}
	return "NVD"
}

// publisher names who wrote a record about a package of a language: in
// Inspector's words and in people's.
func publisher(id string) (source, name string) {
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "GHSA":
		return "GITHUB", "GitHub"
	case "GO":
		return "GOLANG", "Go"
	case "PYSEC":
		return "PYPA", "PyPA"
	case "RUSTSEC":
		return "RUSTSEC", "RustSec"
	case "MAL":
		return "OSSF", "OpenSSF"
	case "DRUPAL":
		return "DRUPAL", "Drupal"
	}
	return "OSV", "OSV"
}
