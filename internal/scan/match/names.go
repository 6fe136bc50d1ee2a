package match

import (
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// isCVE reports whether id is a CVE id, in full and nothing else.
func isCVE(id string) bool {
	rest, found := strings.CutPrefix(id, "CVE-")
	if !found || len(rest) < 9 || rest[4] != '-' {
		return false
	}
	for i := range len(rest) {
		if i != 4 && (rest[i] < '0' || rest[i] > '9') {
			return false
		}
	}
	return true
}

// cveOf finds the CVE that an id is or is made of ("DEBIAN-CVE-2024-1234").
func cveOf(id string) string {
	i := strings.Index(id, "CVE-")
	if i < 0 || (i > 0 && id[i-1] != '-') || !isCVE(id[i:]) {
		return ""
	}
	return id[i:]
}

// findingNames are the CVEs that a record is about, in the record's order. What
// is only related counts when nothing else names a CVE and the record is an
// erratum: vendors such as AlmaLinux list there what it fixes.
func findingNames(r *advisory.Record) []string {
	if c := cveOf(r.ID); c != "" {
		return []string{c}
	}
	names := cvesIn(r.Aliases)
	if len(names) > 1 && !isErratum(r.ID) {
		names = ownCVEs(r, names)
	}
	for _, c := range cvesIn(r.Upstream) {
		if !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	if len(names) == 0 && isErratum(r.ID) {
		return cvesIn(r.Related)
	}
	return names
}

func cvesIn(ids []string) []string {
	var names []string
	for _, id := range ids {
		if c := cveOf(id); c != "" && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	return names
}

// nvdPage precedes the CVE of a record among its references.
const nvdPage = "https://nvd.nist.gov/vuln/detail/"

// ownCVEs picks of the CVEs among a record's aliases those that it is about.
// OSV joins the aliases of records that have one in common, so that all of a
// chain come to have all CVEs; the record's own references still tell.
func ownCVEs(r *advisory.Record, names []string) []string {
	var own []string
	for _, ref := range r.References {
		c, found := strings.CutPrefix(ref.URL, nvdPage)
		if found && slices.Contains(names, c) && !slices.Contains(own, c) {
			own = append(own, c)
		}
	}
	if len(own) > 0 {
		return own
	}
	return names
}

// isErratum reports whether the id is of a vendor's update notice.
func isErratum(id string) bool {
	for _, prefix := range []string{
		"RHSA-", "RHBA-", "RHEA-", "ALSA-", "ALBA-", "ALEA-", "RLSA-", "RXSA-", "MGASA-", "SUSE-", "openSUSE-",
		"ELSA-", "ALAS", "PHSA-", "FEDORA-", "USN-", "DSA-", "DLA-", "CGA-",
	} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// isNotice: RustSec also tells that a package has no maintainer any more. That
// is no vulnerability, unless somebody has given it the id of one. Code that is
// unsound can be made to misbehave: that stays.
func isNotice(r *advisory.Record, a *advisory.Affected) bool {
	mark := a.Database.Informational
	return mark != "" && mark != "unsound" && len(cvesIn(r.Aliases)) == 0 &&
		!slices.ContainsFunc(r.Aliases, func(id string) bool { return strings.HasPrefix(id, "GHSA-") })
}

// isMalware: packages that were published to do harm.
func isMalware(id string) bool { return strings.HasPrefix(id, "MAL-") }
