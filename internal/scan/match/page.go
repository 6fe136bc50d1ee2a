package match

import (
	"fmt"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// cvePage is a tracker that has a page for every CVE.
func cvePage(format string) func(string, *advisory.Record) string {
	return func(id string, r *advisory.Record) string {
		if isCVE(id) {
			return fmt.Sprintf(format, id)
		}
		return defaultPage(id, r)
	}
}

// recordPage is a vendor that publishes advisories, not CVEs: the record links
// to its page.
func recordPage(prefix string) func(string, *advisory.Record) string {
	return func(id string, r *advisory.Record) string {
		for _, ref := range r.References {
			if prefix != "" && strings.HasPrefix(ref.URL, prefix) {
				return ref.URL
			}
		}
		return defaultPage(id, r)
	}
}

// defaultPage is the record's own advisory, or else osv.dev, which knows every
// id but the local ones.
func defaultPage(id string, r *advisory.Record) string {
	for _, ref := range r.References {
		if ref.Type == "ADVISORY" {
			return ref.URL
		}
	}
	if !strings.HasPrefix(r.ID, "x_") {
		id = r.ID
	}
	return "https://osv.dev/vulnerability/" + id
}

// chainguardPage: the advisories of these distributions have pages of their own.
func chainguardPage(id string, r *advisory.Record) string {
	if strings.HasPrefix(r.ID, "CGA-") {
		return "https://images.chainguard.dev/security/" + r.ID
	}
	return defaultPage(id, r)
}

// languagePage is the advisory at the registry that published it.
func languagePage(id string, r *advisory.Record) string {
	switch {
	case strings.HasPrefix(r.ID, "GHSA-"):
		return "https://github.com/advisories/" + r.ID
	case strings.HasPrefix(r.ID, "GO-"):
		return "https://pkg.go.dev/vuln/" + r.ID
	case strings.HasPrefix(r.ID, "RUSTSEC-"):
		return "https://rustsec.org/advisories/" + r.ID
	}
	return defaultPage(id, r)
}
