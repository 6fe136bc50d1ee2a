package match

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// nameRules names the rules about one package that no CVE names. Records that
// share an id are about one thing: when one of them has a CVE, that is its name
// for all; else the best id among them is.
func nameRules(rules []*rule) {
	known := map[string]string{} // id → CVE
	learn := func(r *rule) {
		if len(r.names) == 1 {
			for _, id := range sameThing(r.record) {
				if _, taken := known[id]; !taken {
					known[id] = r.names[0]
				}
			}
		}
	}
	narrow(rules)
	var nameless []*rule
	for _, r := range rules {
		if r.record == nil {
			continue // of the table of contents
		}
		learn(r)
		if len(r.names) == 0 {
			nameless = append(nameless, r)
		}
	}
	for learned := true; learned; {
		learned = false
		nameless = slices.DeleteFunc(nameless, func(r *rule) bool {
			for _, id := range tiesOf(r.record) {
				if name := known[id]; name != "" {
					r.names = []string{name}
					learn(r)
					learned = true
					return true
				}
			}
			return false
		})
	}
	nameByBestID(nameless)
}

// narrow takes from rules of several CVEs those that came to them with joined
// aliases: where records of single CVEs are among the aliases, it is their CVEs.
func narrow(rules []*rule) {
	single := map[string]string{} // record → its CVE
	for _, r := range rules {
		if r.record != nil && len(r.names) == 1 {
			single[r.record.ID] = r.names[0]
		}
	}
	for _, r := range rules {
		if len(r.names) < 2 || isErratum(r.record.ID) {
			continue
		}
		var own []string
		for _, id := range r.record.Aliases {
			if c := single[id]; slices.Contains(r.names, c) && !slices.Contains(own, c) {
				own = append(own, c)
			}
		}
		if len(own) > 0 {
			r.names = own
		}
	}
}

// tiesOf are the ids by which a record without a CVE can be found to be the same
// as another. For one that nobody else has given an id, what it calls related
// counts: PYSEC records about a bundled library name its CVE there.
func tiesOf(r *advisory.Record) []string {
	ids := sameThing(r)
	if len(r.Aliases) == 0 && len(r.Upstream) == 0 {
		ids = append(ids, r.Related...)
	}
	return ids
}

// nameByBestID gives rules that share ids, also by way of others, one name.
func nameByBestID(rules []*rule) {
	parent := map[string]string{}
	find := func(id string) string {
		for parent[id] != id {
			parent[id] = parent[parent[id]]
			id = parent[id]
		}
		return id
	}
	for _, r := range rules {
		for _, id := range sameThing(r.record) {
			if _, seen := parent[id]; !seen {
				parent[id] = id
			}
			a, b := find(r.record.ID), find(id)
			if better(a, b) { // the root of a group is its best id
				a, b = b, a
			}
			parent[a] = b
		}
	}
	for _, r := range rules {
		r.names = []string{find(r.record.ID)}
	}
}

// better reports whether a is the id to call something by, rather than b.
func better(a, b string) bool {
	return cmp.Or(cmp.Compare(idRank(a), idRank(b)), strings.Compare(a, b)) < 0
}

// idRank puts ids that most people can look up first.
func idRank(id string) int {
	prefix, _, _ := strings.Cut(id, "-")
	order := []string{"GHSA", "GO", "PYSEC", "RUSTSEC", "DRUPAL", "MAL"}
	if i := slices.Index(order, prefix); i >= 0 {
		return i
	}
	if strings.HasPrefix(id, "x_") || prefix == "BIT" || prefix == "CGA" {
		return len(order) + 1
	}
	return len(order)
}

// sameThing are the ids that a record about one vulnerability gives it.
func sameThing(r *advisory.Record) []string {
	ids := append([]string{r.ID}, r.Aliases...)
	ids = append(ids, r.Upstream...)
	return append(ids, findingNames(r)...)
}
