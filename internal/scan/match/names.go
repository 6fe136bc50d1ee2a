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
	var names []string
	collect := func(ids []string) {
		for _, id := range ids {
			if c := cveOf(id); c != "" && !slices.Contains(names, c) {
				names = append(names, c)
			}
		}
	}
	collect(r.Aliases)
	collect(r.Upstream)
	if len(names) == 0 && isErratum(r.ID) {
		collect(r.Related)
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

// bestID names a record without a CVE: a GHSA that it stands for, or itself.
func bestID(r *advisory.Record) string {
	for _, list := range [][]string{r.Aliases, r.Upstream} {
		for _, id := range list {
			if strings.HasPrefix(id, "GHSA-") {
				return id
			}
		}
	}
	return r.ID
}
