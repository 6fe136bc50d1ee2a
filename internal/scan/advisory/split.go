package advisory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Parent returns the ecosystem without its release: "Debian" of "Debian:12".
func Parent(ecosystem string) string {
	parent, _, _ := strings.Cut(ecosystem, ":")
	return parent
}

// Within reports whether ecosystem is the export's own or one of its releases:
// "Debian:12" is within "Debian:12" and "Debian".
func Within(ecosystem, export string) bool {
	rest, found := strings.CutPrefix(ecosystem, export)
	return found && (rest == "" || rest[0] == ':')
}

// LookupName is the name under which entries of a package are kept. Registries
// that take several spellings for one package get one: those of PyPI, NuGet,
// Packagist and crates.io do, and paths of Go modules lead to hosts that do.
func LookupName(ecosystem, name string) string {
	switch Parent(ecosystem) {
	case "PyPI":
		return foldRuns(name)
	case "crates.io":
		return strings.ReplaceAll(strings.ToLower(name), "_", "-")
	case "NuGet", "Packagist", "Go", "SwiftURL", "GitHub Actions":
		return strings.ToLower(name)
	}
	return name
}

// foldRuns writes a name as PEP 503 does: in lower case, with one dash for
// every run of dashes, dots and underscores.
func foldRuns(name string) string {
	var out strings.Builder
	dash := false
	for _, c := range strings.ToLower(name) {
		if c == '-' || c == '_' || c == '.' {
			dash = true
			continue
		}
		if dash {
			out.WriteByte('-')
			dash = false
		}
		out.WriteRune(c)
	}
	if dash {
		out.WriteByte('-')
	}
	return out.String()
}

// Split makes the entries of a record for the export of one ecosystem: one for
// each package, holding only what is said about that package there. Exports
// repeat whole records, so other releases and other packages are left out; a
// record with a thousand packages must not be read whole for each of them.
func (r *Record) Split(export string) ([]Entry, error) {
	var names []string
	byName := map[string][]Affected{}
	for _, a := range r.Affected {
		if !Within(a.Package.Ecosystem, export) && a.Package.Ecosystem != proOf(export) {
			continue
		}
		if enumerated(export) && len(a.Ranges) > 0 {
			a.Versions = nil
		}
		name := LookupName(a.Package.Ecosystem, a.Package.Name)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], a)
	}
	slices.Sort(names)
	entries := make([]Entry, 0, len(names))
	for _, name := range names {
		part := *r
		part.Affected, part.Modified = byName[name], time.Time{}
		data, err := json.Marshal(&part)
		if err != nil {
			return nil, fmt.Errorf("advisory: encode %s: %w", r.ID, err)
		}
		entries = append(entries, Entry{Package: name, ID: r.ID, Modified: r.Modified.UTC(), Data: data, Content: contentOf(data)})
	}
	return entries, nil
}

// Record reads the entry of a record.
func (e Entry) Record() (*Record, error) {
	r, err := DecodeRecord(e.Data)
	if err == nil && !e.Modified.IsZero() {
		// Kept beside the data, so that a new date is not new data.
		r.Modified = e.Modified
	}
	return r, err
}

// proOf is the ecosystem of what Ubuntu fixes for subscribers only, which is
// spelled as if it were another distribution: "Ubuntu:Pro:22.04:LTS" goes with
// "Ubuntu:22.04:LTS". Images that have such packages are judged by it.
func proOf(export string) string {
	if release, found := strings.CutPrefix(export, "Ubuntu:"); found {
		return "Ubuntu:Pro:" + release
	}
	return ""
}

// enumerated reports whether the versions lists of an ecosystem only spell out
// the published versions inside the ranges beside them. Distributions do that;
// their versions have a total order, so the ranges say it all, in a fraction of
// the bytes. Elsewhere (PyPI) a list can say more than the ranges.
func enumerated(export string) bool {
	switch Parent(export) {
	case "Alpine", "Debian", "Ubuntu", "Wolfi", "Chainguard":
		return true
	}
	return false
}
